//! Who sees which channels, before and after a change.
//!
//! To somebody who may not VIEW a channel it does not exist, so a change of permissions makes channels appear and
//! vanish, with the voice states in them (gateway-and-calls, section 5).

use std::collections::{BTreeMap, BTreeSet};

use voxhall_live::VoiceRecord;
use voxhall_protocol::gateway::{Event, Intents};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{self, Permissions};

use crate::calls::reaction::{Audience, Dispatch};
use crate::calls::view::LiveView;
use crate::directory::{Guild, GuildWrite, Role, World};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// What decides whether somebody sees a channel.
const DECISIVE: Permissions = Permissions::VIEW_CHANNEL.union(Permissions::ADMINISTRATOR);

/// Who may see something else after a change than before.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Channels that change for everybody.
    channels: BTreeSet<ChannelId>,
    /// People for whom every channel may change.
    people: BTreeSet<UserId>,
    /// Everybody is such a person.
    everybody: bool,
}

impl Scope {
    pub(super) fn of(guild: &Guild, writes: &[GuildWrite]) -> Self {
        let mut scope = Self::default();
        for write in writes {
            scope.add(guild, write);
        }
        scope
    }

    fn add(&mut self, guild: &Guild, write: &GuildWrite) {
        match write {
            GuildWrite::Head { owner_id, .. } if *owner_id != guild.owner_id => {
                self.people.extend([*owner_id, guild.owner_id]);
            }
            GuildWrite::PutRole(role) => match guild.roles.get(&role.id) {
                Some(before)
                    if before.permissions.intersection(DECISIVE)
                        != role.permissions.intersection(DECISIVE) =>
                {
                    self.add_holders(guild, role);
                }
                _ => {}
            },
            GuildWrite::DeleteRole(role) => {
                if let Some(role) = guild.roles.get(role) {
                    self.add_holders(guild, role);
                }
            }
            GuildWrite::PutMember(member) => {
                let before = guild.members.get(&member.user_id);
                if before.is_some_and(|before| before.roles != member.roles) {
                    self.people.insert(member.user_id);
                }
            }
            GuildWrite::PutChannel(channel) => {
                self.channels.insert(channel.id);
            }
            GuildWrite::DeleteChannel(channel) => {
                self.channels.insert(*channel);
            }
            _ => {}
        }
    }

    fn add_holders(&mut self, guild: &Guild, role: &Role) {
        if role.id.0 == guild.id.0 {
            self.everybody = true;
            return;
        }
        let holders = guild.members.values().filter(|it| it.roles.contains(&role.id));
        self.people.extend(holders.map(|member| member.user_id));
    }

    /// Whether nobody sees anything else.
    pub(super) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.people.is_empty() && !self.everybody
    }

    fn touches(&self, channel: ChannelId) -> bool {
        self.everybody || !self.people.is_empty() || self.channels.contains(&channel)
    }

    fn concerns(&self, channel: ChannelId, user: UserId) -> bool {
        self.everybody || self.channels.contains(&channel) || self.people.contains(&user)
    }
}

/// Which of the people in question see which channels.
#[derive(Debug, Default)]
pub(super) struct Sight(BTreeMap<ChannelId, Seen>);

#[derive(Debug)]
struct Seen {
    channel: model::Channel,
    by: BTreeSet<UserId>,
}

impl Sight {
    /// What `present` people of a guild see of the channels in question.
    pub(super) fn of(guild: &Guild, scope: &Scope, present: &[UserId], world: &World) -> Self {
        let touched = guild.channels.values().filter(|it| scope.touches(it.id));
        let seen = touched.map(|channel| {
            let viewers = present
                .iter()
                .copied()
                .filter(|user| scope.concerns(channel.id, *user) && world.may_view(channel.id, *user));
            let seen = Seen {
                channel: render::channel(channel),
                by: viewers.collect(),
            };
            (channel.id, seen)
        });
        Self(seen.collect())
    }

    /// What people are told when this is what they saw and `after` is what they see.
    pub(super) fn become_this(
        &self,
        after: &Self,
        guild: GuildId,
        world: &World,
        view: &LiveView,
    ) -> Vec<Dispatch> {
        let nobody = BTreeSet::new();
        let gone = self.0.keys().filter(|id| !after.0.contains_key(id));
        // Channels that are gone come last: by then nobody is told of one that stands in them.
        let ids: Vec<ChannelId> = after.0.keys().chain(gone).copied().collect();
        let mut dispatches = Vec::new();
        for id in ids {
            let (was, is) = (self.0.get(&id), after.0.get(&id));
            let seen_before = was.map_or(&nobody, |seen| &seen.by);
            let seen_after = is.map_or(&nobody, |seen| &seen.by);
            let tell = Telling { guild, world };
            if let (Some(was), Some(is)) = (was, is)
                && was.channel != is.channel
            {
                let both = seen_before.intersection(seen_after);
                let event = Event::ChannelUpdate(Box::new(is.channel.clone()));
                dispatches.extend(tell.channel(both, event));
            }
            if let Some(was) = was {
                let lost: BTreeSet<UserId> = seen_before.difference(seen_after).copied().collect();
                if is.is_some() {
                    dispatches.extend(view.room(id).flat_map(|record| tell.vanished(&lost, record)));
                }
                let event = Event::ChannelDelete(Box::new(was.channel.clone()));
                dispatches.extend(tell.channel(lost.iter(), event));
            }
            if let Some(is) = is {
                let gained: BTreeSet<UserId> = seen_after.difference(seen_before).copied().collect();
                let event = Event::ChannelCreate(Box::new(is.channel.clone()));
                dispatches.extend(tell.channel(gained.iter(), event));
                dispatches.extend(view.room(id).flat_map(|record| tell.state(&gained, record)));
            }
        }
        dispatches
    }
}

/// Telling some people of a guild.
#[derive(Clone, Copy)]
struct Telling<'a> {
    guild: GuildId,
    world: &'a World,
}

impl Telling<'_> {
    fn some<'a>(
        self,
        people: impl Iterator<Item = &'a UserId>,
        event: &Event,
        intents: Intents,
    ) -> Option<Dispatch> {
        let people: Vec<UserId> = people.copied().collect();
        let event = || Outgoing::new(event, Subscription::Intents(intents));
        (!people.is_empty()).then(|| Dispatch::now(Audience::Members(self.guild, people), event()))
    }

    fn channel<'a>(self, people: impl Iterator<Item = &'a UserId>, event: Event) -> Option<Dispatch> {
        self.some(people, &event, Intents::GUILDS)
    }

    fn state(self, people: &BTreeSet<UserId>, record: &VoiceRecord) -> Option<Dispatch> {
        let state = render::voice_state(self.world, record);
        let event = Event::VoiceStateUpdate(Box::new(state));
        // Its own state everybody knows, or is told by what becomes of it.
        let others = people.iter().filter(|user| **user != record.user_id);
        self.some(others, &event, Intents::GUILD_VOICE_STATES)
    }

    fn vanished(self, people: &BTreeSet<UserId>, record: &VoiceRecord) -> Option<Dispatch> {
        let gone = VoiceRecord {
            channel_id: None,
            ..record.clone()
        };
        self.state(people, &gone)
    }
}
