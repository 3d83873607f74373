//! Channels, as the operator sees them.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model;
use voxhall_protocol::rest::{ApiErrorCode, ChannelDraft};

use crate::control::Core;
use crate::directory::{Channel, GuildWrite, World, delete_channel};
use crate::guilds::Author;
use crate::render;
use crate::rest::caller::Operator;
use crate::rest::channel_draft;
use crate::rest::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use crate::rest::route::{Routes, get, patch};

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/guilds/{guild}/channels",
            get(channels, "Lists the channels of a guild").post(create, "Makes a channel"),
        )
        .route(
            "/channels/{channel}",
            patch(edit, "Edits a channel").delete(remove, "Deletes a channel"),
        )
}

async fn channels(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<model::Channel>>> {
    let world = core.directory.read();
    let guild = super::known(&world, id)?;
    Ok(Json(guild.channels.values().map(render::channel).collect()))
}

async fn create(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(guild): Named<GuildId>,
    Body(draft): Body<ChannelDraft>,
) -> Answer<Created<model::Channel>> {
    let kind = draft.kind.unwrap_or(model::ChannelKind::GuildText);
    if kind.is_private() {
        return Err(Failure::invalid_field(
            "type",
            "a guild holds text, voice, category and stage channels",
        ));
    }
    let id = ChannelId(core.directory.next_id());
    core.change_guild(guild, &Author::default(), |world| -> Answer<_> {
        let home = super::known(world, guild)?;
        let blank = Channel {
            position: home.next_position(kind, draft.parent_id.value().copied()),
            ..Channel::new(id, guild, kind, "")
        };
        let made = channel_draft::apply(&core.config, world, home, blank, &draft)?;
        Ok(vec![GuildWrite::PutChannel(Box::new(made))])
    })
    .await?;
    rendered(&core.directory.read(), id).map(Created)
}

fn rendered(world: &World, id: ChannelId) -> Answer<model::Channel> {
    let (_, channel) = world.guild_channel(id).ok_or_else(unknown)?;
    Ok(render::channel(channel))
}

fn unknown() -> Failure {
    Failure::unknown(ApiErrorCode::UnknownChannel)
}

/// The guild of a channel.
fn home(core: &Core, id: ChannelId) -> Answer<GuildId> {
    let world = core.directory.read();
    let (guild, _) = world.guild_channel(id).ok_or_else(unknown)?;
    Ok(guild.id)
}

async fn edit(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<ChannelId>,
    Body(draft): Body<ChannelDraft>,
) -> Answer<Json<model::Channel>> {
    core.change_guild(home(&core, id)?, &Author::default(), |world| -> Answer<_> {
        let (guild, before) = world.guild_channel(id).ok_or_else(unknown)?;
        let after = channel_draft::apply(&core.config, world, guild, before.clone(), &draft)?;
        let changed = (after != *before).then(|| GuildWrite::PutChannel(Box::new(after)));
        Ok(changed.into_iter().collect())
    })
    .await?;
    rendered(&core.directory.read(), id).map(Json)
}

async fn remove(State(core): State<Arc<Core>>, _: Operator, Named(id): Named<ChannelId>) -> Answer<Done> {
    core.change_guild(home(&core, id)?, &Author::default(), |world| -> Answer<_> {
        let (guild, _) = world.guild_channel(id).ok_or_else(unknown)?;
        Ok(delete_channel(guild, id))
    })
    .await?;
    Ok(Done)
}
