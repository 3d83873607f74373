//! What ids in the values of an interaction stand for.

use voxhall_protocol::ids::{ChannelId, RoleId, UserId};
use voxhall_protocol::model::{ChannelKind, Resolved};

use super::granted;
use crate::directory::{Guild, World};
use crate::render;

/// Looks ids up where an account uses something, and collects what they stand for.
pub(super) struct Resolver<'a> {
    world: &'a World,
    user: UserId,
    channel: ChannelId,
    guild: Option<&'a Guild>,
    pub(super) resolved: Resolved,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(world: &'a World, user: UserId, channel: ChannelId) -> Self {
        Self {
            world,
            user,
            channel,
            guild: world.guild_channel(channel).map(|(guild, _)| guild),
            resolved: Resolved::default(),
        }
    }

    /// A user; false if there is none.
    pub(super) fn user(&mut self, id: UserId) -> bool {
        let Some(user) = self.world.user(id) else {
            return false;
        };
        self.resolved.users.insert(id, render::user(user));
        let member = self.guild.and_then(|guild| guild.members.get(&id));
        if let Some(mut member) = member.and_then(|member| render::member(self.world, member)) {
            member.user = None;
            let permissions = granted(self.world, self.channel, id);
            member.extra.insert("permissions", permissions);
            self.resolved.members.insert(id, member);
        }
        true
    }

    /// A role of the guild; false if there is none.
    pub(super) fn role(&mut self, id: RoleId) -> bool {
        let role = self.guild.and_then(|guild| guild.roles.get(&id));
        self.resolved
            .roles
            .extend(role.map(|role| (id, render::role(role))));
        role.is_some()
    }

    /// A channel of the guild that the account sees, of one of these kinds, if there are any; false if there is none.
    pub(super) fn channel(&mut self, id: ChannelId, kinds: &[ChannelKind]) -> bool {
        let channel = self.guild.and_then(|guild| guild.channels.get(&id));
        let channel = channel.filter(|channel| kinds.is_empty() || kinds.contains(&channel.kind));
        let Some(channel) = channel.filter(|_| self.world.may_view(id, self.user)) else {
            return false;
        };
        let mut shown = render::channel(channel);
        shown
            .extra
            .insert("permissions", granted(self.world, id, self.user));
        self.resolved.channels.insert(id, shown);
        true
    }
}
