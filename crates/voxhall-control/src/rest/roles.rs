//! Roles: who may what, and who is above whom.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{GuildId, RoleId};
use voxhall_protocol::model::{self, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, RoleDraft, RolePosition};

use super::authority::Authority;
use super::caller::Caller;
use super::form::Form;
use super::guilds::or_default;
use super::reason::Reason;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get};
use crate::control::Core;
use crate::directory::{Guild, GuildWrite, Role, World, delete_role};
use crate::render;

/// The roles that a guild may have, `@everyone` among them.
const MOST_ROLES: usize = 250;
/// The longest name of a role, in characters.
const LONGEST_NAME: usize = 100;
/// White, the highest colour.
const WHITE: i64 = 0xff_ff_ff;

pub(super) fn api() -> Routes {
    Routes::new("roles")
        .route(
            "/guilds/{guild}/roles",
            get(roles, "Lists the roles")
                .post(create, "Makes a role")
                .patch(arrange, "Puts roles in another order"),
        )
        .route(
            "/guilds/{guild}/roles/{role}",
            get(role, "Gives a role")
                .patch(edit, "Edits a role")
                .delete(remove, "Deletes a role"),
        )
}

fn rendered(world: &World, id: GuildId) -> Answer<Vec<model::Role>> {
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    Ok(guild.roles.values().map(render::role).collect())
}

/// A role of a guild.
pub(super) fn known(guild: &Guild, role: RoleId) -> Answer<&Role> {
    guild
        .roles
        .get(&role)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownRole))
}

async fn roles(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<model::Role>>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    rendered(&world, id).map(Json)
}

async fn role(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((id, role)): Named<(GuildId, RoleId)>,
) -> Answer<Json<model::Role>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    known(authority.guild, role).map(render::role).map(Json)
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(draft): Body<RoleDraft>,
) -> Answer<Json<model::Role>> {
    let role = RoleId(core.directory.next_id());
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::MANAGE_ROLES)?;
        if authority.guild.roles.len() >= MOST_ROLES {
            return Err(Failure::bad_request(ApiErrorCode::TooManyRoles));
        }
        let everyone = known(authority.guild, RoleId(id.0))?;
        let blank = Role {
            position: 1,
            ..Role::new(role, "new role", everyone.permissions)
        };
        let role = apply(blank, &draft)?;
        if draft.permissions.value().is_some() {
            authority.grants(role.permissions)?;
        }
        Ok(vec![GuildWrite::PutRole(role)])
    })
    .await?;
    one(&core, id, role)
}

fn one(core: &Core, id: GuildId, role: RoleId) -> Answer<Json<model::Role>> {
    let world = core.directory.read();
    let guild = world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    known(guild, role).map(render::role).map(Json)
}

/// A role after `draft`.
pub(super) fn apply(role: Role, draft: &RoleDraft) -> Answer<Role> {
    let mut form = Form::default();
    let color = match &draft.colors {
        Nullable::Value(colors) => colors.primary_color,
        _ => or_default(&draft.color, role.color, 0),
    };
    form.number("color", color, 0..=WHITE);
    let role = Role {
        name: draft.name.value().cloned().unwrap_or(role.name),
        permissions: draft.permissions.value().copied().unwrap_or(role.permissions),
        color,
        hoist: or_default(&draft.hoist, role.hoist, false),
        mentionable: or_default(&draft.mentionable, role.mentionable, false),
        ..role
    };
    form.text("name", role.name.trim(), 1..=LONGEST_NAME);
    form.finish()?;
    Ok(role)
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, role)): Named<(GuildId, RoleId)>,
    Body(draft): Body<RoleDraft>,
) -> Answer<Json<model::Role>> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        let before = known(authority.guild, role)?;
        authority.needs(Permissions::MANAGE_ROLES)?;
        authority.over_role(before)?;
        let after = apply(before.clone(), &draft)?;
        let (was, is) = (before.permissions, after.permissions);
        authority.grants(was.difference(is) | is.difference(was))?;
        let changes = *before != after;
        Ok(changes
            .then_some(GuildWrite::PutRole(after))
            .into_iter()
            .collect())
    })
    .await?;
    one(&core, id, role)
}

async fn arrange(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(places): Body<Vec<RolePosition>>,
) -> Answer<Json<Vec<model::Role>>> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::MANAGE_ROLES)?;
        let mut writes = Vec::new();
        for place in &places {
            let role = known(authority.guild, place.id)?;
            let Some(position) = place.position.filter(|to| *to != role.position) else {
                continue;
            };
            if role.id.0 == id.0 || position < 1 {
                return Err(Failure::bad_request(ApiErrorCode::InvalidRole));
            }
            authority.over_role(role)?;
            authority.over_position(position)?;
            writes.push(GuildWrite::PutRole(Role {
                position,
                ..role.clone()
            }));
        }
        Ok(writes)
    })
    .await?;
    rendered(&core.directory.read(), id).map(Json)
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, role)): Named<(GuildId, RoleId)>,
) -> Answer<Done> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        let doomed = known(authority.guild, role)?;
        authority.needs(Permissions::MANAGE_ROLES)?;
        if role.0 == id.0 || doomed.managed {
            return Err(Failure::bad_request(ApiErrorCode::InvalidRole));
        }
        authority.over_role(doomed)?;
        Ok(delete_role(authority.guild, role))
    })
    .await?;
    Ok(Done)
}
