//! Members: looking them up, editing them, moving and removing them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::model::{self, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, PatchMember};

use super::authority::Authority;
use super::caller::Caller;
use super::member_edit;
use super::reason::Reason;
use super::reply::{Answer, Asked, Body, Done, Failure, Json, Named};
use super::roles;
use super::route::{Routes, get, put};
use crate::control::Core;
use crate::directory::{GuildWrite, Member, World};
use crate::render;

/// The most members in one answer.
const LONGEST_PAGE: usize = 1000;

pub(super) fn api() -> Routes {
    Routes::new("members")
        .route("/guilds/{guild}/members", get(members, "Lists members, by id"))
        .route(
            "/guilds/{guild}/members/search",
            get(search, "Finds members by the beginning of a name"),
        )
        .route(
            "/guilds/{guild}/members/{user}",
            get(member, "Gives a member")
                .patch(edit, "Edits, moves or disconnects a member")
                .delete(kick, "Kicks a member"),
        )
        .route(
            "/guilds/{guild}/members/{user}/roles/{role}",
            put(give_role, "Gives a role to a member").delete(take_role, "Takes a role from a member"),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    limit: Option<usize>,
    after: Option<UserId>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    query: String,
    limit: Option<usize>,
}

async fn members(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
    Asked(page): Asked<Page>,
) -> Answer<Json<Vec<model::Member>>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    if caller.0.bot && !caller.0.privileged_intents {
        return Err(Failure::forbidden(ApiErrorCode::MissingAccess));
    }
    let after = page.after.unwrap_or(UserId(0));
    let all = authority.guild.members.values();
    let rest = all.filter(|member| member.user_id > after).collect();
    Ok(Json(first(&world, rest, page.limit)))
}

async fn search(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
    Asked(search): Asked<Search>,
) -> Answer<Json<Vec<model::Member>>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    let query = search.query.to_lowercase();
    let begins = |name: &str| name.to_lowercase().starts_with(&query);
    let all = authority.guild.members.values();
    let found = all.filter(|member| {
        let named = world.user(member.user_id).is_some_and(|user| begins(&user.name));
        named || member.nick.as_deref().is_some_and(begins)
    });
    Ok(Json(first(&world, found.collect(), search.limit)))
}

/// The first of some members, by their ids.
fn first(world: &World, mut members: Vec<&Member>, limit: Option<usize>) -> Vec<model::Member> {
    members.sort_unstable_by_key(|member| member.user_id);
    members.truncate(limit.unwrap_or(1).clamp(1, LONGEST_PAGE));
    members
        .into_iter()
        .filter_map(|member| render::member(world, member))
        .collect()
}

async fn member(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((guild, user)): Named<(GuildId, String)>,
) -> Answer<Json<model::Member>> {
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

fn rendered(world: &World, guild: GuildId, user: UserId) -> Answer<model::Member> {
    let member = world
        .member(guild, user)
        .and_then(|member| render::member(world, member));
    member.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMember))
}

/// A member of the guild in which the caller acts.
fn known<'a>(authority: &Authority<'a>, user: UserId) -> Answer<&'a Member> {
    let member = authority.guild.members.get(&user);
    member.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMember))
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((guild, user)): Named<(GuildId, String)>,
    Body(edit): Body<PatchMember>,
) -> Answer<Json<model::Member>> {
    let user = target(&caller, &user)?;
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, guild)?;
        let before = known(&authority, user)?;
        let in_voice = core.calls.view().voice_in_guild(user, guild).is_some();
        let after = member_edit::apply(&authority, user == caller.id(), before, &edit)?;
        member_edit::may_move(&authority, &edit)?;
        if member_edit::touches_voice(&edit) && !in_voice {
            return Err(Failure::bad_request(ApiErrorCode::NotConnectedToVoice));
        }
        let changes = after != *before;
        let write = changes.then(|| GuildWrite::PutMember(Box::new(after)));
        Ok(write.into_iter().collect())
    })
    .await?;
    change_room(&core, guild, user, &edit.channel_id).await?;
    Ok(Json(rendered(&core.directory.read(), guild, user)?))
}

/// Moves or disconnects somebody who is in a room.
async fn change_room(core: &Core, guild: GuildId, user: UserId, to: &Nullable<ChannelId>) -> Answer<()> {
    match *to {
        Nullable::Absent => {}
        Nullable::Null => {
            core.calls
                .act(|facts| Some(facts.disconnect(facts.view.voice_in_guild(user, guild)?)))
                .await?;
        }
        Nullable::Value(to) => {
            core.calls
                .act(|facts| {
                    let record = facts.view.voice_in_guild(user, guild)?;
                    let elsewhere = record.channel_id != Some(to);
                    elsewhere.then(|| facts.move_member(record, to))?
                })
                .await?;
        }
    }
    Ok(())
}

async fn kick(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((guild, user)): Named<(GuildId, UserId)>,
) -> Answer<Done> {
    core.change_guild(guild, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, guild)?;
        known(&authority, user)?;
        authority.needs(Permissions::KICK_MEMBERS)?;
        authority.over_member(user)?;
        Ok(vec![GuildWrite::RemoveMember(user)])
    })
    .await?;
    Ok(Done)
}

async fn give_role(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((guild, user, role)): Named<(GuildId, UserId, RoleId)>,
) -> Answer<Done> {
    change_roles(&core, &caller, reason, (guild, user, role), |roles| {
        roles.insert(role);
    })
    .await
}

async fn take_role(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((guild, user, role)): Named<(GuildId, UserId, RoleId)>,
) -> Answer<Done> {
    change_roles(&core, &caller, reason, (guild, user, role), |roles| {
        roles.remove(&role);
    })
    .await
}

async fn change_roles(
    core: &Core,
    caller: &Caller,
    reason: Reason,
    (guild, user, role): (GuildId, UserId, RoleId),
    change: impl FnOnce(&mut BTreeSet<RoleId>),
) -> Answer<Done> {
    core.change_guild(guild, &reason.of(caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, caller, guild)?;
        let before = known(&authority, user)?;
        roles::known(authority.guild, role)?;
        let mut after = before.clone();
        change(&mut after.roles);
        member_edit::may_change_role(&authority, role)?;
        let changes = after != *before;
        let write = changes.then(|| GuildWrite::PutMember(Box::new(after)));
        Ok(write.into_iter().collect())
    })
    .await?;
    Ok(Done)
}
