//! Roles and who has them, as the operator sees them.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::ids::{GuildId, RoleId, UserId};
use voxhall_protocol::model;
use voxhall_protocol::rest::{ApiErrorCode, RoleDraft};

use crate::control::Core;
use crate::directory::{GuildWrite, Member, Role, delete_role};
use crate::guilds::Author;
use crate::render;
use crate::rest::caller::Operator;
use crate::rest::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use crate::rest::roles::{apply, known};
use crate::rest::route::{Routes, get, patch, put};

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/guilds/{guild}/roles",
            get(roles, "Lists the roles of a guild").post(create, "Makes a role"),
        )
        .route(
            "/guilds/{guild}/roles/{role}",
            patch(edit, "Edits a role").delete(remove, "Deletes a role"),
        )
        .route(
            "/guilds/{guild}/members/{user}/roles/{role}",
            put(give, "Gives a member a role").delete(take, "Takes a role from a member"),
        )
}

async fn roles(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<model::Role>>> {
    let world = core.directory.read();
    let guild = super::known(&world, id)?;
    Ok(Json(guild.roles.values().map(render::role).collect()))
}

async fn create(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
    Body(draft): Body<RoleDraft>,
) -> Answer<Created<model::Role>> {
    let role = RoleId(core.directory.next_id());
    core.change_guild(id, &Author::default(), |world| -> Answer<_> {
        let guild = super::known(world, id)?;
        let everyone = known(guild, RoleId(id.0))?;
        let blank = Role {
            position: 1,
            ..Role::new(role, "new role", everyone.permissions)
        };
        Ok(vec![GuildWrite::PutRole(apply(blank, &draft)?)])
    })
    .await?;
    rendered(&core, id, role).map(Created)
}

fn rendered(core: &Core, id: GuildId, role: RoleId) -> Answer<model::Role> {
    let world = core.directory.read();
    known(super::known(&world, id)?, role).map(render::role)
}

async fn edit(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((id, role)): Named<(GuildId, RoleId)>,
    Body(draft): Body<RoleDraft>,
) -> Answer<Json<model::Role>> {
    core.change_guild(id, &Author::default(), |world| -> Answer<_> {
        let before = known(super::known(world, id)?, role)?;
        let after = apply(before.clone(), &draft)?;
        let changed = (after != *before).then_some(GuildWrite::PutRole(after));
        Ok(changed.into_iter().collect())
    })
    .await?;
    rendered(&core, id, role).map(Json)
}

async fn remove(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((id, role)): Named<(GuildId, RoleId)>,
) -> Answer<Done> {
    core.change_guild(id, &Author::default(), |world| -> Answer<_> {
        let guild = super::known(world, id)?;
        known(guild, role)?;
        if role.0 == id.0 {
            return Err(Failure::invalid_field(
                "role",
                "@everyone stays; edit what it grants",
            ));
        }
        Ok(delete_role(guild, role))
    })
    .await?;
    Ok(Done)
}

async fn give(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((guild, user, role)): Named<(GuildId, UserId, RoleId)>,
) -> Answer<Done> {
    change_member(&core, guild, user, role, |member| member.roles.insert(role)).await
}

async fn take(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((guild, user, role)): Named<(GuildId, UserId, RoleId)>,
) -> Answer<Done> {
    change_member(&core, guild, user, role, |member| member.roles.remove(&role)).await
}

async fn change_member(
    core: &Core,
    id: GuildId,
    user: UserId,
    role: RoleId,
    change: impl FnOnce(&mut Member) -> bool + Send,
) -> Answer<Done> {
    core.change_guild(id, &Author::default(), |world| -> Answer<_> {
        let guild = super::known(world, id)?;
        known(guild, role)?;
        if role.0 == id.0 {
            return Err(Failure::invalid_field("role", "everybody has @everyone"));
        }
        let member = guild.members.get(&user);
        let mut member = member
            .cloned()
            .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMember))?;
        let changed = change(&mut member).then(|| GuildWrite::PutMember(Box::new(member)));
        Ok(changed.into_iter().collect())
    })
    .await?;
    Ok(Done)
}
