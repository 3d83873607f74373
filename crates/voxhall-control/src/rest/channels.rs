//! Channels: looking them up, editing and deleting them, the status line, and read markers.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, MessageAck};
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId};
use voxhall_protocol::model::{self, Permissions};
use voxhall_protocol::rest::{AckMessage, ApiErrorCode, ChannelDraft, VoiceStatus};

use super::authority::Authority;
use super::caller::Caller;
use super::channel_draft;
use super::private_channels;
use super::reason::Reason;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post, put};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Channel, GuildWrite, Home, delete_channel};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// The longest status line, in characters.
const LONGEST_STATUS: usize = 500;

pub(super) fn api() -> Routes {
    Routes::new("channels")
        .route(
            "/channels/{channel}",
            get(channel, "Gives a channel")
                .patch(edit, "Edits a channel of a guild, or names a group")
                .delete(remove, "Deletes a channel of a guild, or closes a private one"),
        )
        .route(
            "/channels/{channel}/voice-status",
            put(set_status, "Sets the status line of a voice channel"),
        )
        .route(
            "/channels/{channel}/messages/{message}/ack",
            post(acknowledge, "Marks everything up to a message as read"),
        )
}

async fn channel(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
) -> Answer<Json<model::Channel>> {
    let world = core.directory.read();
    caller.sees(&world, id)?;
    let in_guild = world
        .guild_channel(id)
        .map(|(_, channel)| render::channel(channel));
    let private = || {
        world
            .private(id)
            .map(|channel| render::private_channel(&world, channel, caller.id()))
    };
    in_guild
        .or_else(private)
        .map(Json)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
}

/// A channel of a guild that the caller may see.
fn guild_channel(core: &Core, caller: &Caller, id: ChannelId) -> Answer<Channel> {
    let world = core.directory.read();
    match caller.sees(&world, id)? {
        Home::Guild(_) => {
            let channel = world.guild_channel(id).map(|(_, channel)| channel.clone());
            channel.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
        }
        Home::Private => Err(Failure::bad_request(ApiErrorCode::WrongChannelKind)),
    }
}

/// The guild of a channel that the caller may see.
pub(super) fn guild_of(core: &Core, caller: &Caller, id: ChannelId) -> Answer<GuildId> {
    match caller.sees(&core.directory.read(), id)? {
        Home::Guild(guild) => Ok(guild),
        Home::Private => Err(Failure::bad_request(ApiErrorCode::WrongChannelKind)),
    }
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<ChannelId>,
    Body(draft): Body<ChannelDraft>,
) -> Answer<Json<model::Channel>> {
    if private_channels::find(&core, &caller, id)?.is_some() {
        return private_channels::rename(&core, &caller, id, draft.name).await;
    }
    let guild = guild_of(&core, &caller, id)?;
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, guild)?;
        let before = authority.guild.channels.get(&id);
        let before = before.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
        authority.needs_in(before, Permissions::MANAGE_CHANNELS)?;
        if !draft.permission_overwrites.is_absent() {
            authority.needs_in(before, Permissions::MANAGE_ROLES)?;
        }
        let after = channel_draft::apply(&core.config, world, authority.guild, before.clone(), &draft)?;
        authority.excepts(Some(before), &before.overwrites, &after.overwrites)?;
        let changes = after != *before;
        let write = changes.then(|| GuildWrite::PutChannel(Box::new(after)));
        Ok(write.into_iter().collect())
    })
    .await?;
    let world = core.directory.read();
    let (_, channel) = world
        .guild_channel(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
    Ok(Json(render::channel(channel)))
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<ChannelId>,
) -> Answer<Json<model::Channel>> {
    if let Some(private) = private_channels::find(&core, &caller, id)? {
        return private_channels::close(&core, &caller, private).await.map(Json);
    }
    let guild = guild_of(&core, &caller, id)?;
    let mut removed = None;
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, guild)?;
        let doomed = authority.guild.channels.get(&id);
        let doomed = doomed.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
        authority.needs_in(doomed, Permissions::MANAGE_CHANNELS)?;
        removed = Some(render::channel(doomed));
        Ok(delete_channel(authority.guild, id))
    })
    .await?;
    removed
        .map(Json)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
}

fn check<T>(value: T, valid: bool, field: &str, message: &str) -> Answer<T> {
    if valid {
        Ok(value)
    } else {
        Err(Failure::invalid_field(field, message))
    }
}

async fn set_status(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<VoiceStatus>,
) -> Answer<Done> {
    let channel = guild_channel(&core, &caller, id)?;
    if !channel.kind.is_voice() {
        return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
    }
    {
        let world = core.directory.read();
        let inside = core
            .calls
            .view()
            .room(id)
            .any(|record| record.user_id == caller.id());
        let needed = Permissions::SET_VOICE_CHANNEL_STATUS;
        caller.may_in(
            &world,
            id,
            if inside {
                needed
            } else {
                needed | Permissions::MANAGE_CHANNELS
            },
        )?;
    }
    let status = request.status.filter(|status| !status.is_empty());
    let fits = status
        .as_ref()
        .is_none_or(|status| status.chars().count() <= LONGEST_STATUS);
    let status = check(status, fits, "status", "give at most 500 characters")?;
    if core.set_channel_status(id, status).await? {
        Ok(Done)
    } else {
        Err(Failure::unknown(ApiErrorCode::UnknownChannel))
    }
}

async fn acknowledge(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((channel_id, message_id)): Named<(ChannelId, MessageId)>,
    _: Body<AckMessage>,
) -> Answer<Json<AckMessage>> {
    caller.person()?;
    caller.sees(&core.directory.read(), channel_id)?;
    let state = core
        .directory
        .acknowledge(caller.id(), channel_id, message_id)
        .await?;
    let event = Event::MessageAck(MessageAck {
        channel_id,
        message_id,
        version: state.version,
        extra: Extra::new(),
    });
    let event = Outgoing::new(&event, Subscription::Users);
    core.hub.deliver(
        &core.directory.read(),
        Dispatch::now(Audience::User(caller.id()), event),
    );
    Ok(Json(AckMessage::default()))
}
