//! Guilds and their members, as the operator sees them.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::rest::ApiErrorCode;

use super::{failure, known, named};
use crate::control::Core;
use crate::directory::{Guild, GuildWrite, new_guild};
use crate::guilds::Author;
use crate::membership::{Bans, Stay};
use crate::rest::caller::Operator;
use crate::rest::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use crate::rest::route::{Routes, get, put};
use crate::wall;

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/guilds",
            get(guilds, "Lists all guilds").post(create, "Makes a guild"),
        )
        .route(
            "/guilds/{guild}",
            get(guild, "Gives a guild with what is in it").delete(remove, "Deletes a guild"),
        )
        .route(
            "/guilds/{guild}/members/{user}",
            put(add_member, "Makes somebody a member").delete(remove_member, "Takes a member out"),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GuildRequest {
    name: String,
    owner_id: UserId,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GuildSummary {
    id: GuildId,
    name: String,
    owner_id: UserId,
    member_count: usize,
}

impl From<&Guild> for GuildSummary {
    fn from(guild: &Guild) -> Self {
        Self {
            id: guild.id,
            name: guild.name.clone(),
            owner_id: guild.owner_id,
            member_count: guild.members.len(),
        }
    }
}

/// A guild with the names of what is in it.
#[derive(Debug, Serialize, JsonSchema)]
struct WholeGuild {
    #[serde(flatten)]
    summary: GuildSummary,
    channels: Vec<NamedChannel>,
    roles: Vec<NamedRole>,
    members: Vec<NamedMember>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NamedChannel {
    id: ChannelId,
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NamedRole {
    id: RoleId,
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NamedMember {
    id: UserId,
    name: String,
}

async fn guilds(State(core): State<Arc<Core>>, _: Operator) -> Json<Vec<GuildSummary>> {
    let world = core.directory.read();
    Json(world.guilds().map(GuildSummary::from).collect())
}

async fn guild(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
) -> Answer<Json<WholeGuild>> {
    let world = core.directory.read();
    let guild = known(&world, id)?;
    let members = guild.members.keys().filter_map(|user| world.user(*user));
    let mut members: Vec<NamedMember> = members
        .map(|user| NamedMember {
            id: user.id,
            name: user.name.clone(),
        })
        .collect();
    members.sort_unstable_by_key(|member| member.id);
    let channels = guild.channels.values().map(|channel| NamedChannel {
        id: channel.id,
        name: channel.name.clone(),
    });
    let roles = guild.roles.values().map(|role| NamedRole {
        id: role.id,
        name: role.name.clone(),
    });
    Ok(Json(WholeGuild {
        summary: guild.into(),
        channels: channels.collect(),
        roles: roles.collect(),
        members,
    }))
}

async fn create(
    State(core): State<Arc<Core>>,
    _: Operator,
    Body(request): Body<GuildRequest>,
) -> Answer<Created<GuildSummary>> {
    let name = named(request.name)?;
    let id = GuildId(core.directory.next_id());
    let writes = new_guild(id, &name, request.owner_id, wall::now_ms());
    core.change_guild(id, &Author::default(), |_| Ok(writes))
        .await
        .map_err(failure)?;
    let world = core.directory.read();
    known(&world, id).map(GuildSummary::from).map(Created)
}

async fn remove(State(core): State<Arc<Core>>, _: Operator, Named(id): Named<GuildId>) -> Answer<Done> {
    core.change_guild(id, &Author::default(), |world| -> Answer<_> {
        known(world, id)?;
        Ok(vec![GuildWrite::Delete])
    })
    .await?;
    Ok(Done)
}

async fn add_member(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((guild, user)): Named<(GuildId, UserId)>,
) -> Answer<Done> {
    core.bring_in(guild, user, Stay::Lasting, Bans::Overruled)
        .await
        .map_err(failure)?;
    Ok(Done)
}

async fn remove_member(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((id, user)): Named<(GuildId, UserId)>,
) -> Answer<Done> {
    if known(&core.directory.read(), id)?.owner_id == user {
        return Err(Failure::bad_request(ApiErrorCode::InvalidGuild));
    }
    if core.take_out(id, user).await? {
        return Ok(Done);
    }
    Err(Failure::unknown(ApiErrorCode::UnknownMember))
}
