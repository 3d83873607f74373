//! Guilds and their channels.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::ids::GuildId;
use voxhall_protocol::model::{Channel, Guild, Role, VoiceRegion};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Caller;
use super::gateway::voice_regions;
use super::reply::{Answer, Failure, Json, Named};
use super::route::{Routes, get};
use crate::control::Core;
use crate::render::{self, OtherMembers};

pub(super) fn api() -> Routes {
    Routes::new("guilds")
        .route("/guilds/{guild}", get(guild, "Gives a guild"))
        .route(
            "/guilds/{guild}/channels",
            get(channels, "Lists the channels that the caller sees"),
        )
        .route("/guilds/{guild}/roles", get(roles, "Lists the roles"))
        .route(
            "/guilds/{guild}/regions",
            get(regions, "Lists the voice regions of a guild"),
        )
}

async fn guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Guild>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    Ok(Json(render::guild(
        &world,
        &core.calls.view(),
        guild,
        caller.id(),
        OtherMembers(0),
    )))
}

async fn channels(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<Channel>>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    Ok(Json(
        render::visible_channels(&world, guild, caller.id())
            .map(render::channel)
            .collect(),
    ))
}

async fn roles(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<Role>>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    Ok(Json(guild.roles.values().map(render::role).collect()))
}

async fn regions(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<VoiceRegion>>> {
    caller.in_guild(&core.directory.read(), id)?;
    Ok(Json(voice_regions(&core.config.regions)))
}
