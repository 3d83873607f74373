//! The channels of a guild: listing, making and arranging them.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::{self, ChannelKind, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, ChannelDraft, ChannelPosition};

use super::authority::Authority;
use super::caller::Caller;
use super::channel_draft::{self, is_category_for};
use super::form::{Fault, Form};
use super::reason::Reason;
use super::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use super::route::{Routes, get};
use crate::control::Core;
use crate::directory::{Channel, Guild, GuildWrite};
use crate::render;

/// The channels that a guild may have.
const MOST_CHANNELS: usize = 500;
/// The kinds of channels that can be made here.
const KINDS: [ChannelKind; 5] = [
    ChannelKind::GuildText,
    ChannelKind::GuildVoice,
    ChannelKind::GuildCategory,
    ChannelKind::GuildAnnouncement,
    ChannelKind::GuildStage,
];

pub(super) fn api() -> Routes {
    Routes::new("channels").route(
        "/guilds/{guild}/channels",
        get(channels, "Lists the channels that the caller sees")
            .post(create, "Makes a channel")
            .patch(arrange, "Puts channels in another order"),
    )
}

async fn channels(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<model::Channel>>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    let visible = render::visible_channels(&world, authority.guild, caller.id());
    Ok(Json(visible.map(render::channel).collect()))
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(draft): Body<ChannelDraft>,
) -> Answer<Created<model::Channel>> {
    let channel = ChannelId(core.directory.next_id());
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::MANAGE_CHANNELS)?;
        let guild = authority.guild;
        if guild.channels.len() >= MOST_CHANNELS {
            return Err(Failure::bad_request(ApiErrorCode::TooManyChannels));
        }
        let kind = draft.kind.unwrap_or(ChannelKind::GuildText);
        let mut form = Form::default();
        form.ensure(
            "type",
            KINDS.contains(&kind),
            "Value must be one of {0, 2, 4, 5, 13}.",
        );
        if draft.name.is_none() {
            form.fault("name", &Fault::Required);
        }
        form.finish()?;
        let blank = Channel {
            position: guild.next_position(kind, draft.parent_id.value().copied()),
            ..Channel::new(channel, id, kind, "")
        };
        let made = channel_draft::apply(&core.config, world, guild, blank, &draft)?;
        if !made.overwrites.is_empty() {
            authority.needs(Permissions::MANAGE_ROLES)?;
            authority.excepts(None, &[], &made.overwrites)?;
        }
        Ok(vec![GuildWrite::PutChannel(Box::new(made))])
    })
    .await?;
    let world = core.directory.read();
    let made = world.guild_channel(channel);
    let (_, made) = made.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
    Ok(Created(render::channel(made)))
}

async fn arrange(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(places): Body<Vec<ChannelPosition>>,
) -> Answer<Done> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::MANAGE_CHANNELS)?;
        let mut writes = Vec::new();
        for place in &places {
            let before = authority.guild.channels.get(&place.id);
            let before = before.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
            let after = arranged(authority.guild, before, place)?;
            if after.overwrites != before.overwrites {
                authority.needs_in(before, Permissions::MANAGE_ROLES)?;
                authority.excepts(Some(before), &before.overwrites, &after.overwrites)?;
            }
            if after != *before {
                authority.needs_in(before, Permissions::MANAGE_CHANNELS)?;
                writes.push(GuildWrite::PutChannel(Box::new(after)));
            }
        }
        Ok(writes)
    })
    .await?;
    Ok(Done)
}

fn arranged(guild: &Guild, before: &Channel, place: &ChannelPosition) -> Answer<Channel> {
    let mut after = before.clone();
    if let Some(position) = place.position {
        let mut form = Form::default();
        form.number("position", position, 0..=i64::from(i32::MAX));
        form.finish()?;
        after.position = position;
    }
    match place.parent_id {
        Nullable::Absent => {}
        Nullable::Null => after.parent_id = None,
        Nullable::Value(parent) => {
            let mut form = Form::default();
            let fits = is_category_for(guild, parent, before.kind);
            form.ensure("parent_id", fits, "name a category of this guild");
            form.finish()?;
            after.parent_id = Some(parent);
            if place.lock_permissions == Some(true)
                && let Some(category) = guild.channels.get(&parent)
            {
                after.overwrites.clone_from(&category.overwrites);
            }
        }
    }
    Ok(after)
}
