//! Members: looking them up, and muting, deafening, moving and disconnecting them.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_live::VoiceRecord;
use voxhall_protocol::Nullable;
use voxhall_protocol::gateway::{Event, GuildMember, Intents};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{Member, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, PatchMember};

use super::caller::Caller;
use super::reply::{Answer, Asked, Body, Failure, Json, Named};
use super::route::{Routes, get};
use crate::calls::moderation::VoiceEdit;
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Home, World};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// The most members in one answer.
const LONGEST_PAGE: usize = 1000;

pub(super) fn api() -> Routes {
    Routes::new("members")
        .route("/guilds/{guild}/members", get(members, "Lists members, by id"))
        .route(
            "/guilds/{guild}/members/{user}",
            get(member, "Gives a member").patch(edit, "Mutes, deafens, moves or disconnects a member"),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    limit: Option<usize>,
    after: Option<UserId>,
}

async fn members(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
    Asked(page): Asked<Page>,
) -> Answer<Json<Vec<Member>>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    let after = page.after.unwrap_or(UserId(0));
    let mut users: Vec<UserId> = guild
        .members
        .keys()
        .copied()
        .filter(|user| *user > after)
        .collect();
    users.sort_unstable();
    users.truncate(page.limit.unwrap_or(1).clamp(1, LONGEST_PAGE));
    let rendered = users
        .iter()
        .filter_map(|user| render::member(&world, guild.members.get(user)?));
    Ok(Json(rendered.collect()))
}

async fn member(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((guild, user)): Named<(GuildId, String)>,
) -> Answer<Json<Member>> {
    let world = core.directory.read();
    caller.in_guild(&world, guild)?;
    rendered(&world, guild, target(&caller, &user)?).map(Json)
}

/// The account a path names; `@me` is the caller's own.
pub(super) fn target(caller: &Caller, text: &str) -> Answer<UserId> {
    if text == "@me" {
        return Ok(caller.id());
    }
    text.parse()
        .map_err(|_| Failure::unknown(ApiErrorCode::UnknownUser))
}

fn rendered(world: &World, guild: GuildId, user: UserId) -> Answer<Member> {
    let member = world
        .member(guild, user)
        .and_then(|member| render::member(world, member));
    member.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMember))
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((guild, user)): Named<(GuildId, String)>,
    Body(edit): Body<PatchMember>,
) -> Answer<Json<Member>> {
    let user = target(&caller, &user)?;
    {
        let world = core.directory.read();
        caller.in_guild(&world, guild)?;
        rendered(&world, guild, user)?;
        check_permissions(&world, &caller, guild, &edit)?;
    }
    let voice = core.calls.view().voice_in_guild(user, guild).cloned();
    let touches_voice =
        !(edit.channel_id.is_absent() && edit.mute.value().is_none() && edit.deaf.value().is_none());
    let voice = match voice {
        None if touches_voice => return Err(Failure::bad_request(ApiErrorCode::NotConnectedToVoice)),
        voice => voice,
    };
    if let Some(record) = &voice {
        mute_and_deafen(&core, guild, record, &edit).await?;
        change_room(&core, guild, record, &edit.channel_id).await?;
    }
    Ok(Json(rendered(&core.directory.read(), guild, user)?))
}

fn check_permissions(world: &World, caller: &Caller, guild: GuildId, edit: &PatchMember) -> Answer<()> {
    if edit.mute.value().is_some() {
        caller.may(world, guild, Permissions::MUTE_MEMBERS)?;
    }
    if edit.deaf.value().is_some() {
        caller.may(world, guild, Permissions::DEAFEN_MEMBERS)?;
    }
    if !edit.channel_id.is_absent() {
        caller.may(world, guild, Permissions::MOVE_MEMBERS)?;
    }
    let Nullable::Value(to) = edit.channel_id else {
        return Ok(());
    };
    let voice = world
        .guild_channel(to)
        .filter(|(home, channel)| home.id == guild && channel.kind.is_voice());
    if voice.is_none() || world.home(to) != Some(Home::Guild(guild)) {
        return Err(Failure::invalid_field(
            "channel_id",
            "name a voice channel of this guild",
        ));
    }
    // Whoever moves others must be able to go there.
    caller.may_in(world, to, Permissions::VIEW_CHANNEL | Permissions::CONNECT)
}

async fn mute_and_deafen(
    core: &Core,
    guild: GuildId,
    record: &VoiceRecord,
    edit: &PatchMember,
) -> Answer<()> {
    let change = VoiceEdit {
        mute: edit.mute.value().copied(),
        deaf: edit.deaf.value().copied(),
        suppress: None,
    };
    if change == VoiceEdit::default() {
        return Ok(());
    }
    let user = record.user_id;
    let stored = core.directory.read().member(guild, user).cloned();
    let mut member = stored.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMember))?;
    member.mute = change.mute.unwrap_or(member.mute);
    member.deaf = change.deaf.unwrap_or(member.deaf);
    core.directory.put_member(guild, member).await?;
    tell_member_changed(core, guild, user);
    core.calls
        .act(|facts| facts.edit_voice(facts.view.voice_in_guild(user, guild)?, change))
        .await?;
    Ok(())
}

fn tell_member_changed(core: &Core, guild_id: GuildId, user: UserId) {
    let world = core.directory.read();
    let Ok(member) = rendered(&world, guild_id, user) else {
        return;
    };
    let event = Event::GuildMemberUpdate(Box::new(GuildMember { guild_id, member }));
    let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILD_MEMBERS));
    core.hub
        .deliver(&world, Dispatch::now(Audience::Guild(guild_id), event));
}

async fn change_room(
    core: &Core,
    guild: GuildId,
    record: &VoiceRecord,
    to: &Nullable<ChannelId>,
) -> Answer<()> {
    let user = record.user_id;
    match *to {
        Nullable::Absent => return Ok(()),
        Nullable::Null => {
            core.calls
                .act(|facts| Some(facts.disconnect(facts.view.voice_in_guild(user, guild)?)))
                .await?
        }
        Nullable::Value(to) if record.channel_id == Some(to) => return Ok(()),
        Nullable::Value(to) => {
            core.calls
                .act(|facts| facts.move_member(facts.view.voice_in_guild(user, guild)?, to))
                .await?
        }
    };
    Ok(())
}
