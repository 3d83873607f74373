//! Exceptions to roles in one channel.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::ids::{ChannelId, GuildId, OverwriteId};
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::{ApiErrorCode, PutOverwrite};

use super::authority::Authority;
use super::caller::Caller;
use super::channel_draft;
use super::channels::guild_of;
use super::reason::Reason;
use super::reply::{Answer, Body, Done, Failure, Named};
use super::route::{Routes, put};
use crate::control::Core;
use crate::directory::{Channel, GuildWrite, Overwrite, World};

pub(super) fn api() -> Routes {
    Routes::new("channels").route(
        "/channels/{channel}/permissions/{target}",
        put(set, "Makes an exception to roles in a channel").delete(remove, "Takes an exception away"),
    )
}

/// A channel whose exceptions the caller may change, and the caller in its guild.
fn found<'a>(
    world: &'a World,
    caller: &Caller,
    guild: GuildId,
    id: ChannelId,
) -> Answer<(Authority<'a>, &'a Channel)> {
    caller.sees(world, id)?;
    let authority = Authority::in_guild(world, caller, guild)?;
    let channel = authority.guild.channels.get(&id);
    let channel = channel.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
    authority.needs_in(channel, Permissions::MANAGE_ROLES)?;
    Ok((authority, channel))
}

async fn set(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, target)): Named<(ChannelId, OverwriteId)>,
    Body(request): Body<PutOverwrite>,
) -> Answer<Done> {
    let guild = guild_of(&core, &caller, id)?;
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let (authority, before) = found(world, &caller, guild, id)?;
        let overwrite = Overwrite {
            target: channel_draft::target(world, authority.guild, request.kind, target)?,
            allow: request.allow.value().copied().unwrap_or(Permissions::NONE),
            deny: request.deny.value().copied().unwrap_or(Permissions::NONE),
        };
        let mut after = before.clone();
        after.overwrites.retain(|it| it.target.id() != target);
        after.overwrites.push(overwrite);
        written(&authority, before, after)
    })
    .await?;
    Ok(Done)
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, target)): Named<(ChannelId, OverwriteId)>,
) -> Answer<Done> {
    let guild = guild_of(&core, &caller, id)?;
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let (authority, before) = found(world, &caller, guild, id)?;
        if before.overwrite(target).is_none() {
            return Err(Failure::unknown(ApiErrorCode::UnknownOverwrite));
        }
        let mut after = before.clone();
        after.overwrites.retain(|it| it.target.id() != target);
        written(&authority, before, after)
    })
    .await?;
    Ok(Done)
}

fn written(authority: &Authority<'_>, before: &Channel, after: Channel) -> Answer<Vec<GuildWrite>> {
    authority.excepts(Some(before), &before.overwrites, &after.overwrites)?;
    let changes = after != *before;
    let write = changes.then(|| GuildWrite::PutChannel(Box::new(after)));
    Ok(write.into_iter().collect())
}
