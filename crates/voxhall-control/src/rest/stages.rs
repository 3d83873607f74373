//! Stages that are live (gateway-and-calls, section 5).

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::ids::{ChannelId, GuildId, StageInstanceId};
use voxhall_protocol::model::{
    ChannelKind, CreateStageInstance, PatchStageInstance, Permissions, StageInstance, StagePrivacy,
};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Caller;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post};
use crate::calls::rules::STAGE_MODERATOR;
use crate::calls::stages::StageEvent;
use crate::control::Core;
use crate::directory::{Stage, World};
use crate::render;

/// The longest topic, in characters.
const LONGEST_TOPIC: usize = 120;

pub(super) fn api() -> Routes {
    Routes::new("voice")
        .route("/stage-instances", post(open, "Makes a stage live"))
        .route(
            "/stage-instances/{channel}",
            get(instance, "Gives what is live in a stage")
                .patch(edit, "Changes what a live stage is about")
                .delete(end, "Ends what is live in a stage"),
        )
}

async fn open(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Body(request): Body<CreateStageInstance>,
) -> Answer<Json<StageInstance>> {
    let channel = request.channel_id;
    let guild = {
        let world = core.directory.read();
        let guild = moderated(&world, &caller, channel)?;
        if request.send_start_notification == Some(true) {
            caller.may_in(&world, channel, Permissions::MENTION_EVERYONE)?;
        }
        if world.stage(channel).is_some() {
            return Err(Failure::bad_request(ApiErrorCode::StageAlreadyOpen));
        }
        guild
    };
    let stage = Stage {
        id: StageInstanceId(core.directory.next_id()),
        channel_id: channel,
        topic: topic(request.topic)?,
        privacy: privacy(request.privacy_level.unwrap_or(StagePrivacy::GuildOnly))?,
    };
    core.directory.put_stage(stage.clone()).await?;
    core.tell_stage(StageEvent::Began, guild, &stage);
    core.watch_stage(channel);
    Ok(Json(render::stage(guild, &stage)))
}

async fn instance(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
) -> Answer<Json<StageInstance>> {
    let world = core.directory.read();
    caller.sees(&world, channel)?;
    let (guild, stage) = live(&world, channel)?;
    Ok(Json(render::stage(guild, stage)))
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(request): Body<PatchStageInstance>,
) -> Answer<Json<StageInstance>> {
    let (guild, before) = {
        let world = core.directory.read();
        moderated(&world, &caller, channel)?;
        let (guild, stage) = live(&world, channel)?;
        (guild, stage.clone())
    };
    let mut after = before.clone();
    if let Some(changed) = request.topic.into_value() {
        after.topic = topic(changed)?;
    }
    if let Some(changed) = request.privacy_level.into_value() {
        after.privacy = privacy(changed)?;
    }
    if after != before {
        core.directory.put_stage(after.clone()).await?;
        core.tell_stage(StageEvent::Changed, guild, &after);
    }
    Ok(Json(render::stage(guild, &after)))
}

async fn end(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
) -> Answer<Done> {
    {
        let world = core.directory.read();
        moderated(&world, &caller, channel)?;
        live(&world, channel)?;
    }
    core.end_stage(channel).await?;
    Ok(Done)
}

/// The guild of a stage channel that the caller moderates.
fn moderated(world: &World, caller: &Caller, channel: ChannelId) -> Answer<GuildId> {
    caller.sees(world, channel)?;
    let stage = world
        .guild_channel(channel)
        .filter(|(_, channel)| channel.kind == ChannelKind::GuildStage);
    let (guild, _) = stage.ok_or_else(|| Failure::bad_request(ApiErrorCode::WrongChannelKind))?;
    caller.may_in(world, channel, STAGE_MODERATOR)?;
    Ok(guild.id)
}

/// What is live in a channel.
fn live(world: &World, channel: ChannelId) -> Answer<(GuildId, &Stage)> {
    let found = world
        .guild_channel(channel)
        .and_then(|(guild, _)| Some((guild.id, world.stage(channel)?)));
    found.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownStageInstance))
}

fn topic(topic: String) -> Answer<String> {
    if (1..=LONGEST_TOPIC).contains(&topic.chars().count()) {
        Ok(topic)
    } else {
        Err(Failure::invalid_field("topic", "give 1 to 120 characters"))
    }
}

fn privacy(level: StagePrivacy) -> Answer<StagePrivacy> {
    match level {
        StagePrivacy::GuildOnly => Ok(level),
        _ => Err(Failure::invalid_field(
            "privacy_level",
            "give 2: stages are for the members of their guild",
        )),
    }
}
