//! The operator's endpoints, which the command line uses: accounts, tokens, guilds, channels, members.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{self, ChannelKind};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Operator;
use super::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use super::route::{Routes, get, post, put};
use crate::Error;
use crate::control::Core;
use crate::directory::{Channel, GuildWrite, NewUser, new_guild};
use crate::guilds::Author;
use crate::{render, wall};

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/users",
            get(users, "Lists all accounts").post(create_user, "Makes an account"),
        )
        .route(
            "/users/{user}/tokens",
            post(create_token, "Makes a token").delete(revoke_tokens, "Revokes all tokens of an account"),
        )
        .route(
            "/guilds",
            get(guilds, "Lists all guilds").post(create_guild, "Makes a guild"),
        )
        .route(
            "/guilds/{guild}/channels",
            get(channels, "Lists the channels of a guild").post(create_channel, "Makes a channel"),
        )
        .route(
            "/guilds/{guild}/members/{user}",
            put(add_member, "Makes somebody a member"),
        )
}

/// What the operator names may be wrong; everything else is the directory's fault.
fn failure(error: Error) -> Failure {
    match error {
        Error::Unknown { what: "guild" } => Failure::unknown(ApiErrorCode::UnknownGuild),
        Error::Unknown { .. } => Failure::unknown(ApiErrorCode::UnknownUser),
        other => other.into(),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct UserRequest {
    name: String,
    #[serde(default)]
    bot: bool,
    #[serde(default)]
    privileged_intents: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GuildRequest {
    name: String,
    owner_id: UserId,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ChannelRequest {
    name: String,
    #[serde(rename = "type")]
    kind: ChannelKind,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NewToken {
    token: Token,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Revoked {
    revoked: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GuildSummary {
    id: GuildId,
    name: String,
    owner_id: UserId,
    member_count: usize,
}

async fn users(State(core): State<Arc<Core>>, _: Operator) -> Json<Vec<model::User>> {
    let world = core.directory.read();
    let mut users: Vec<_> = world.users().map(render::user).collect();
    users.sort_unstable_by_key(|user| user.id);
    Json(users)
}

async fn create_user(
    State(core): State<Arc<Core>>,
    _: Operator,
    Body(request): Body<UserRequest>,
) -> Answer<Created<model::User>> {
    let name = named(request.name)?;
    let user = NewUser {
        bot: request.bot,
        name,
        privileged_intents: request.privileged_intents,
        ..NewUser::default()
    };
    let user = core.directory.create_user(user).await?;
    Ok(Created(render::user(&user)))
}

fn named(name: String) -> Answer<String> {
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Failure::invalid_field("name", "give 1 to 100 characters"));
    }
    Ok(name)
}

async fn create_token(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(user): Named<UserId>,
) -> Answer<Created<NewToken>> {
    let token = core.directory.create_token(user).await.map_err(failure)?;
    Ok(Created(NewToken { token }))
}

async fn revoke_tokens(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(user): Named<UserId>,
) -> Answer<Json<Revoked>> {
    let revoked = core.directory.revoke_tokens(user).await.map_err(failure)?;
    Ok(Json(Revoked { revoked }))
}

async fn guilds(State(core): State<Arc<Core>>, _: Operator) -> Json<Vec<GuildSummary>> {
    let world = core.directory.read();
    let summaries = world.guilds().map(|guild| GuildSummary {
        id: guild.id,
        name: guild.name.clone(),
        owner_id: guild.owner_id,
        member_count: guild.members.len(),
    });
    Json(summaries.collect())
}

async fn create_guild(
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
    let summary = GuildSummary {
        id,
        name,
        owner_id: request.owner_id,
        member_count: 1,
    };
    Ok(Created(summary))
}

async fn channels(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<model::Channel>>> {
    let world = core.directory.read();
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    Ok(Json(guild.channels.values().map(render::channel).collect()))
}

async fn create_channel(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(guild): Named<GuildId>,
    Body(request): Body<ChannelRequest>,
) -> Answer<Created<model::Channel>> {
    if request.kind.is_private() {
        return Err(Failure::invalid_field(
            "type",
            "a guild holds text, voice, category and stage channels",
        ));
    }
    let name = named(request.name)?;
    let id = ChannelId(core.directory.next_id());
    core.change_guild(guild, &Author::default(), |world| {
        let home = world.guild(guild).ok_or(Error::Unknown { what: "guild" })?;
        let channel = Channel {
            position: home.next_position(request.kind, None),
            ..Channel::new(id, guild, request.kind, name)
        };
        Ok(vec![GuildWrite::PutChannel(Box::new(channel))])
    })
    .await
    .map_err(failure)?;
    let world = core.directory.read();
    let (_, channel) = world
        .guild_channel(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
    Ok(Created(render::channel(channel)))
}

async fn add_member(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((guild, user)): Named<(GuildId, UserId)>,
) -> Answer<Done> {
    core.add_member(guild, user).await.map_err(failure)?;
    Ok(Done)
}
