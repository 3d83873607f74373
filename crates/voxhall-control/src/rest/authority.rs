//! What the caller may do to a guild, its roles and its members.

use std::cmp::Reverse;

use voxhall_protocol::ids::{GuildId, RoleId, UserId};
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Caller;
use super::reply::{Answer, Failure};
use crate::directory::{Channel, Guild, Overwrite, Role, World};
use crate::wall;

/// Where somebody stands in a guild. Only who stands higher may rule over a role or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// At its highest role; of roles in one place the older one is higher.
    Role(i32, Reverse<RoleId>),
    /// Above all roles.
    Owner,
}

impl Rank {
    fn of_role(role: &Role) -> Self {
        Self::Role(role.position, Reverse(role.id))
    }

    fn of_member(guild: &Guild, user: UserId) -> Option<Self> {
        if guild.owner_id == user {
            return Some(Self::Owner);
        }
        let everyone = RoleId(guild.id.0);
        let member = guild.members.get(&user)?;
        let roles = member.roles.iter().chain([&everyone]);
        roles
            .filter_map(|role| guild.roles.get(role))
            .map(Self::of_role)
            .max()
    }
}

/// A member of a guild who wants to change something in it.
pub(crate) struct Authority<'a> {
    pub(crate) guild: &'a Guild,
    world: &'a World,
    user: UserId,
    now_ms: u64,
    /// What it may do in the guild at large.
    permissions: Permissions,
}

impl<'a> Authority<'a> {
    /// The caller in a guild.
    ///
    /// # Errors
    /// 10004 if it is not a member.
    pub(crate) fn in_guild(world: &'a World, caller: &Caller, guild: GuildId) -> Answer<Self> {
        caller.in_guild(world, guild)?;
        let now_ms = wall::now_ms();
        let guild = world
            .guild(guild)
            .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
        Ok(Self {
            guild,
            world,
            user: caller.id(),
            now_ms,
            permissions: world.permissions_in_guild_at(guild.id, caller.id(), now_ms),
        })
    }

    /// Refuses those without permissions in the guild.
    pub(crate) fn needs(&self, needed: Permissions) -> Answer<()> {
        permitted(self.permissions.contains(needed))
    }

    /// Refuses those without permissions in a channel of the guild.
    pub(crate) fn needs_in(&self, channel: &Channel, needed: Permissions) -> Answer<()> {
        permitted(self.permissions_in(channel).contains(needed))
    }

    fn permissions_in(&self, channel: &Channel) -> Permissions {
        self.world.permissions_at(channel.id, self.user, self.now_ms)
    }

    /// Refuses everybody but the owner.
    pub(crate) fn owns(&self) -> Answer<()> {
        permitted(self.guild.owner_id == self.user)
    }

    fn rank(&self) -> Option<Rank> {
        Rank::of_member(self.guild, self.user)
    }

    /// Refuses those who do not stand above a role.
    pub(crate) fn over_role(&self, role: &Role) -> Answer<()> {
        permitted(self.rank() > Some(Rank::of_role(role)))
    }

    /// Refuses those who do not stand above a place in the order of roles.
    pub(crate) fn over_position(&self, position: i32) -> Answer<()> {
        permitted(match self.rank() {
            Some(Rank::Role(own, _)) => own > position,
            Some(Rank::Owner) => true,
            None => false,
        })
    }

    /// Refuses those who do not stand above another account; over one that is no member anybody does.
    pub(crate) fn over_member(&self, user: UserId) -> Answer<()> {
        permitted(self.rank() > Rank::of_member(self.guild, user))
    }

    /// Refuses to grant in the guild what the caller may not do itself.
    pub(crate) fn grants(&self, granted: Permissions) -> Answer<()> {
        permitted(self.permissions.contains(granted))
    }

    /// Refuses to change exceptions about what the caller may not do itself. `channel` is the one whose exceptions are
    /// changed; `None` for a new one.
    pub(crate) fn excepts(
        &self,
        channel: Option<&Channel>,
        before: &[Overwrite],
        after: &[Overwrite],
    ) -> Answer<()> {
        let own = channel.map_or(self.permissions, |channel| self.permissions_in(channel));
        // Otherwise the right to make exceptions would hand itself on.
        let own = if own.contains(Permissions::ADMINISTRATOR) {
            own
        } else {
            own.difference(Permissions::MANAGE_ROLES)
        };
        permitted(own.contains(changed_bits(before, after)))
    }
}

/// What two lists of exceptions say differently about anybody.
fn changed_bits(before: &[Overwrite], after: &[Overwrite]) -> Permissions {
    let find = |list: &[Overwrite], it: &Overwrite| {
        let found = list.iter().find(|other| other.target == it.target);
        found.map_or((Permissions::NONE, Permissions::NONE), |it| (it.allow, it.deny))
    };
    let differ = |a: Permissions, b: Permissions| a.difference(b) | b.difference(a);
    let all = before.iter().chain(after);
    all.map(|it| {
        let ((allowed, denied), (allows, denies)) = (find(before, it), find(after, it));
        differ(allowed, allows) | differ(denied, denies)
    })
    .fold(Permissions::NONE, Permissions::union)
}

fn permitted(may: bool) -> Answer<()> {
    if may {
        Ok(())
    } else {
        Err(Failure::forbidden(ApiErrorCode::MissingPermissions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::OverwriteTarget;

    #[test]
    fn ranks_go_by_place_then_by_age_and_the_owner_is_above_all() {
        let role = |id, position| {
            Rank::of_role(&Role {
                position,
                ..Role::new(RoleId(id), "r", Permissions::NONE)
            })
        };
        assert!(role(9, 2) > role(1, 1));
        assert!(
            role(1, 1) > role(2, 1),
            "of two in one place the older one is higher"
        );
        assert!(Rank::Owner > role(1, i32::MAX));
        assert!(Some(role(1, 0)) > None);
    }

    #[test]
    fn changed_bits_are_those_that_anybody_is_told_otherwise() {
        let target = OverwriteTarget::Role(RoleId(1));
        let it = |allow, deny| Overwrite { target, allow, deny };
        let none = Permissions::NONE;
        let speak = it(Permissions::SPEAK, Permissions::STREAM);
        assert_eq!(changed_bits(&[speak], &[speak]), none);
        assert_eq!(
            changed_bits(&[speak], &[]),
            Permissions::SPEAK | Permissions::STREAM
        );
        assert_eq!(
            changed_bits(&[speak], &[it(Permissions::SPEAK, Permissions::CONNECT)]),
            Permissions::STREAM | Permissions::CONNECT
        );
    }
}
