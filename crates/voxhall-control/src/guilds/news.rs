//! What clients are told of a change of a guild.

use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    Event, GuildBan, GuildMember, GuildMemberRemove, GuildRole, GuildRoleDelete, Intents,
};
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::model::UnavailableGuild;

use super::sight::{Scope, Sight};
use crate::calls::reaction::{Audience, Dispatch};
use crate::calls::view::LiveView;
use crate::directory::{Guild, GuildWrite, Member, Role, World};
use crate::gateway::hub::Hub;
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render::{self, OtherMembers};

/// What a write does to what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Adds,
    Changes,
    Removes,
    Nothing,
}

/// What must be known from before a change to tell of it.
pub(super) struct Pending {
    guild: GuildId,
    /// Whether the guild is made by this change.
    made: bool,
    /// One for each write.
    effects: Vec<Effect>,
    /// The people of the guild who have sessions, as far as anything hangs on them.
    present: Vec<UserId>,
    scope: Scope,
    sight: Sight,
}

impl Pending {
    /// Looks at a guild before `writes` change it.
    pub(super) fn before(world: &World, hub: &Hub, id: GuildId, writes: &[GuildWrite]) -> Self {
        let guild = world.guild(id);
        let scope = guild.map_or_else(Scope::default, |guild| Scope::of(guild, writes));
        let deleted = writes.contains(&GuildWrite::Delete);
        let present = match guild {
            Some(guild) if deleted || !scope.is_empty() => hub.present(guild),
            _ => Vec::new(),
        };
        Self {
            guild: id,
            made: guild.is_none(),
            effects: writes.iter().map(|write| effect(guild, write)).collect(),
            sight: guild.map_or_else(Sight::default, |guild| Sight::of(guild, &scope, &present, world)),
            present,
            scope,
        }
    }

    /// What to tell now that they have.
    pub(super) fn after(self, world: &World, view: &LiveView, writes: &[GuildWrite]) -> Vec<Dispatch> {
        let Some(guild) = world.guild(self.guild) else {
            return vec![self.gone(self.present.clone())];
        };
        let news = News { world, view, guild };
        let mut dispatches: Vec<Dispatch> = writes
            .iter()
            .zip(&self.effects)
            .filter(|(write, _)| !self.made || matches!(write, GuildWrite::PutMember(_)))
            .flat_map(|(write, effect)| match write {
                GuildWrite::RemoveMember(user) if *effect == Effect::Removes => {
                    let mut both = news.member_removed(*user);
                    both.push(self.gone(vec![*user]));
                    both
                }
                _ => news.of(write, *effect),
            })
            .collect();
        let sight = Sight::of(guild, &self.scope, &self.present, world);
        dispatches.extend(self.sight.become_this(&sight, self.guild, world, view));
        dispatches
    }

    /// The guild is gone for these people.
    fn gone(&self, people: Vec<UserId>) -> Dispatch {
        let event = Event::GuildDelete(UnavailableGuild {
            id: self.guild,
            unavailable: None,
            extra: Extra::new(),
        });
        let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILDS));
        Dispatch::now(Audience::Members(self.guild, people), event)
    }
}

fn effect(guild: Option<&Guild>, write: &GuildWrite) -> Effect {
    let Some(guild) = guild else {
        return Effect::Adds;
    };
    let put = |before: Option<bool>| match before {
        None => Effect::Adds,
        Some(true) => Effect::Nothing,
        Some(false) => Effect::Changes,
    };
    let removed = |known: bool| if known { Effect::Removes } else { Effect::Nothing };
    match write {
        GuildWrite::Head {
            name,
            owner_id,
            settings,
        } => {
            let same = guild.name == *name && guild.owner_id == *owner_id && guild.settings == **settings;
            put(Some(same))
        }
        GuildWrite::PutRole(role) => put(guild.roles.get(&role.id).map(|before| before == role)),
        GuildWrite::PutMember(member) => put(guild.members.get(&member.user_id).map(|it| *it == **member)),
        GuildWrite::PutBan(ban) => put(guild.bans.get(&ban.user_id).map(|_| true)),
        GuildWrite::RemoveBan(user) => removed(guild.bans.contains_key(user)),
        GuildWrite::RemoveMember(user) => removed(guild.members.contains_key(user)),
        GuildWrite::DeleteRole(role) => removed(guild.roles.contains_key(role)),
        // Channels are told of by who sees them, and a guild that is gone tells nothing more.
        GuildWrite::PutChannel(_) | GuildWrite::DeleteChannel(_) | GuildWrite::Delete => Effect::Nothing,
    }
}

/// A guild as it is now.
#[derive(Clone, Copy)]
struct News<'a> {
    world: &'a World,
    view: &'a LiveView,
    guild: &'a Guild,
}

impl News<'_> {
    fn of(self, write: &GuildWrite, effect: Effect) -> Vec<Dispatch> {
        match (write, effect) {
            (_, Effect::Nothing) => Vec::new(),
            (GuildWrite::Head { .. }, _) => {
                let profile = render::guild_profile(self.guild);
                vec![self.everybody(&Event::GuildUpdate(Box::new(profile)), Intents::GUILDS)]
            }
            (GuildWrite::PutRole(role), effect) => vec![self.role(role, effect)],
            (GuildWrite::DeleteRole(role), _) => {
                let event = Event::GuildRoleDelete(GuildRoleDelete {
                    guild_id: self.guild.id,
                    role_id: *role,
                    extra: Extra::new(),
                });
                vec![self.everybody(&event, Intents::GUILDS)]
            }
            (GuildWrite::PutMember(member), Effect::Adds) => self.member_added(member),
            (GuildWrite::PutMember(member), _) => self.member_changed(member),
            (GuildWrite::PutBan(ban), _) => {
                let event = Event::GuildBanAdd(Box::new(self.ban(ban.user_id)));
                vec![self.everybody(&event, Intents::GUILD_MODERATION)]
            }
            (GuildWrite::RemoveBan(user), _) => {
                let event = Event::GuildBanRemove(Box::new(self.ban(*user)));
                vec![self.everybody(&event, Intents::GUILD_MODERATION)]
            }
            _ => Vec::new(),
        }
    }

    fn everybody(self, event: &Event, intents: Intents) -> Dispatch {
        let event = Outgoing::new(event, Subscription::Intents(intents));
        Dispatch::now(Audience::Guild(self.guild.id), event)
    }

    fn others(self, than: UserId, event: &Event, intents: Intents) -> Dispatch {
        let event = Outgoing::new(event, Subscription::Intents(intents));
        Dispatch::now(Audience::GuildExcept(self.guild.id, than), event)
    }

    fn one(self, user: UserId, event: &Event, subscription: Subscription) -> Dispatch {
        let event = Outgoing::new(event, subscription);
        Dispatch::now(Audience::Members(self.guild.id, vec![user]), event)
    }

    fn role(self, role: &Role, effect: Effect) -> Dispatch {
        let payload = Box::new(GuildRole {
            guild_id: self.guild.id,
            role: render::role(role),
            extra: Extra::new(),
        });
        let event = if effect == Effect::Adds {
            Event::GuildRoleCreate(payload)
        } else {
            Event::GuildRoleUpdate(payload)
        };
        self.everybody(&event, Intents::GUILDS)
    }

    fn ban(self, user: UserId) -> GuildBan {
        GuildBan {
            guild_id: self.guild.id,
            user: render::user_by_id(self.world, user),
            extra: Extra::new(),
        }
    }

    fn rendered(self, member: &Member) -> Option<Box<GuildMember>> {
        Some(Box::new(GuildMember {
            guild_id: self.guild.id,
            member: render::member(self.world, member)?,
        }))
    }

    /// The newcomer sees the guild appear, the others the newcomer.
    fn member_added(self, member: &Member) -> Vec<Dispatch> {
        let user = member.user_id;
        let seen = render::guild(self.world, self.view, self.guild, user, OtherMembers(0));
        let appears = Event::GuildCreate(Box::new(seen));
        let mut dispatches = vec![self.one(user, &appears, Subscription::Intents(Intents::GUILDS))];
        if let Some(member) = self.rendered(member) {
            let event = Event::GuildMemberAdd(member);
            dispatches.push(self.others(user, &event, Intents::GUILD_MEMBERS));
        }
        dispatches
    }

    /// Of its own membership everybody is told, whatever it subscribes to.
    fn member_changed(self, member: &Member) -> Vec<Dispatch> {
        let Some(rendered) = self.rendered(member) else {
            return Vec::new();
        };
        let event = Event::GuildMemberUpdate(rendered);
        vec![
            self.one(member.user_id, &event, Subscription::Everyone),
            self.others(member.user_id, &event, Intents::GUILD_MEMBERS),
        ]
    }

    fn member_removed(self, user: UserId) -> Vec<Dispatch> {
        let event = Event::GuildMemberRemove(Box::new(GuildMemberRemove {
            guild_id: self.guild.id,
            user: render::user_by_id(self.world, user),
            extra: Extra::new(),
        }));
        vec![self.everybody(&event, Intents::GUILD_MEMBERS)]
    }
}
