//! Voice states over REST: asking for them, and the hands and speakers of stages (gateway-and-calls, section 5).

use std::sync::Arc;

use axum::extract::State;
use voxhall_live::VoiceRecord;
use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::model::{ChannelKind, Permissions, Timestamp, VoiceState};
use voxhall_protocol::rest::{ApiErrorCode, PatchVoiceState};

use super::caller::Caller;
use super::members::target;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get};
use crate::calls::moderation::StageStep;
use crate::calls::rules::Facts;
use crate::calls::view::LiveView;
use crate::control::Core;
use crate::directory::World;
use crate::{render, wall};

pub(super) fn api() -> Routes {
    Routes::new("voice").route(
        "/guilds/{guild}/voice-states/{user}",
        get(voice_state, "Gives a voice state").patch(edit, "Edits a voice state of a stage"),
    )
}

async fn voice_state(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((guild, user)): Named<(GuildId, String)>,
) -> Answer<Json<VoiceState>> {
    let world = core.directory.read();
    let view = core.calls.view();
    let record = visible_state(&world, &view, &caller, guild, target(&caller, &user)?)?;
    Ok(Json(render::voice_state(&world, record)))
}

fn visible_state<'v>(
    world: &World,
    view: &'v LiveView,
    caller: &Caller,
    guild: GuildId,
    user: UserId,
) -> Answer<&'v VoiceRecord> {
    caller.in_guild(world, guild)?;
    let record = view.voice_in_guild(user, guild).filter(|record| {
        record
            .channel_id
            .is_some_and(|at| world.may_view(at, caller.id()))
    });
    record.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((guild, user)): Named<(GuildId, String)>,
    Body(edit): Body<PatchVoiceState>,
) -> Answer<Done> {
    let user = target(&caller, &user)?;
    let own = user == caller.id();
    let now = Timestamp::from_unix_ms(wall::now_ms()).0;
    let place = edit.suppress.map(|suppress| match (suppress, own) {
        (true, _) => StageStep::Listens,
        (false, true) => StageStep::Speaks,
        (false, false) => StageStep::Invited(now),
    });
    let hand = match &edit.request_to_speak_timestamp {
        Nullable::Absent => None,
        Nullable::Null => Some(StageStep::AsksNoMore),
        Nullable::Value(since) => Some(StageStep::Asks(time_to_come(since)?.0)),
    };
    let steps: Vec<StageStep> = place.into_iter().chain(hand).collect();
    // Whoever has gone elsewhere meanwhile is checked where it is then.
    let decide = |facts: Facts<'_>| {
        let record = visible_state(facts.world, facts.view, &caller, guild, user)?;
        check(facts.world, &caller, record, &edit)?;
        let plan = facts.stage_steps(record, &steps);
        plan.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))
    };
    core.calls.act_or_refuse(decide).await??;
    Ok(Done)
}

/// Who may do what in a stage.
fn check(world: &World, caller: &Caller, record: &VoiceRecord, edit: &PatchVoiceState) -> Answer<()> {
    let channel = record
        .channel_id
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))?;
    let kind = world.guild_channel(channel).map(|(_, channel)| channel.kind);
    if kind != Some(ChannelKind::GuildStage) {
        return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
    }
    if matches!(edit.channel_id, Nullable::Value(named) if named != channel) {
        return Err(Failure::invalid_field(
            "channel_id",
            "name the stage that this member is in",
        ));
    }
    let own = record.user_id == caller.id();
    // Stepping down and accepting an invitation need nobody's leave.
    let stays_or_steps_down = edit
        .suppress
        .is_none_or(|suppress| own && (suppress || !record.suppress));
    if !stays_or_steps_down {
        caller.may_in(world, channel, Permissions::MUTE_MEMBERS)?;
    }
    match &edit.request_to_speak_timestamp {
        Nullable::Absent => Ok(()),
        _ if !own => Err(Failure::forbidden(ApiErrorCode::MissingPermissions)),
        Nullable::Null => Ok(()),
        Nullable::Value(_) => caller
            .may_in(world, channel, Permissions::REQUEST_TO_SPEAK)
            .map(|_| ()),
    }
}

/// A time that a client gave, as this server writes it: others are told of it. It is now or later; a second is clocks'
/// tolerance.
fn time_to_come(given: &Timestamp) -> Answer<Timestamp> {
    let now_s = wall::now_ms() / 1000;
    let time = given
        .unix_ms()
        .filter(|time_ms| time_ms / 1000 + 1 >= now_s)
        .map(Timestamp::from_unix_ms)
        // After the year 9999 there is no way to write it.
        .filter(|time| time.unix_ms().is_some());
    time.ok_or_else(|| {
        Failure::invalid_field("request_to_speak_timestamp", "give a time that is now or later")
    })
}
