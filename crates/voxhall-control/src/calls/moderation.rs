//! What moderators, callers, timers and lost nodes do to calls.

use voxhall_live::{CallRecord, LinkState, NodeId, NodeRecord, TicketEnd, TicketRecord, VoiceRecord, key};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::placement::{self, Wish};
use super::plan::{Plan, Step};
use super::rules::Facts;
use super::stream_seats::Changes;
use super::timers::Timer;
use super::view::voice_key;

/// Whom a request to ring or not to ring is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Everybody who is not in the call but this one, who asks.
    AllOthersThan(UserId),
    /// These.
    Only(Vec<UserId>),
}

/// What may become of somebody in a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StageStep {
    /// A moderator wants it to speak, at this ISO 8601 time. A bot just does; a person has to accept, and until then
    /// the time stands in its voice state.
    Invited(String),
    /// It speaks: a moderator of its own accord, or somebody who accepts.
    Speaks,
    /// It is among the audience.
    Listens,
    /// It raises its hand, at this ISO 8601 time.
    Asks(String),
    /// It takes its hand down.
    AsksNoMore,
}

impl StageStep {
    fn take(&self, record: &mut VoiceRecord, bot: bool) {
        match self {
            Self::Invited(_) if !record.suppress => {}
            Self::Invited(at) => {
                record.suppress = false;
                record.request_to_speak_timestamp = (!bot).then(|| at.clone());
            }
            Self::Speaks | Self::Listens => {
                record.suppress = *self == Self::Listens;
                record.request_to_speak_timestamp = None;
            }
            // Who speaks already need not ask.
            Self::Asks(since) if record.suppress => record.request_to_speak_timestamp = Some(since.clone()),
            Self::Asks(_) => {}
            Self::AsksNoMore => record.request_to_speak_timestamp = None,
        }
    }
}

impl Facts<'_> {
    /// Rings people; only those who are not in the call.
    pub(crate) fn ring(self, call: &CallRecord, rung: &Rung) -> Option<Plan> {
        let private = call.private.as_ref()?;
        let inside = |user: &UserId| {
            self.view
                .room(call.channel_id)
                .any(|record| record.user_id == *user)
        };
        let recipients = &self.world.private(call.channel_id)?.recipients;
        let mut ringing = private.ringing.clone();
        let mut plan = Plan::new();
        for user in recipients {
            let meant = match rung {
                Rung::AllOthersThan(asking) => user != asking,
                Rung::Only(users) => users.contains(user),
            };
            if meant && !inside(user) {
                plan.set_timer(Timer::Ringing(call.channel_id, *user), self.limits.ring_time);
                if !ringing.contains(user) {
                    ringing.push(*user);
                }
            }
        }
        self.put_ringing(&mut plan, call, ringing);
        Some(plan)
    }

    /// Rings people no longer.
    pub(crate) fn stop_ringing(self, call: &CallRecord, users: &[UserId]) -> Option<Plan> {
        let private = call.private.as_ref()?;
        let (stopped, ringing): (Vec<UserId>, Vec<UserId>) =
            private.ringing.iter().partition(|user| users.contains(user));
        let mut plan = Plan::new();
        for user in stopped {
            plan.push(Step::ClearTimer(Timer::Ringing(call.channel_id, user)));
        }
        self.put_ringing(&mut plan, call, ringing);
        Some(plan)
    }

    fn put_ringing(self, plan: &mut Plan, call: &CallRecord, ringing: Vec<UserId>) {
        let mut changed = call.clone();
        if let Some(private) = &mut changed.private {
            private.ringing = ringing;
        }
        if changed != *call {
            plan.put(self.view, key::call(call.channel_id), &changed);
        }
    }

    /// Moves a call to a region, with everybody in it; the old voice connections end with 4022.
    pub(crate) fn change_region(self, channel: ChannelId, region: Option<&str>) -> Option<Plan> {
        let call = self.view.call(channel)?;
        let (node, registered) = placement::choose(
            self.view,
            Wish {
                region,
                preferred: &[],
            },
        )?;
        let moved = CallRecord {
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            ..call.clone()
        };
        let mut plan = Plan::new();
        if moved != *call {
            plan.put(self.view, key::call(channel), &moved);
        }
        for record in self.view.room(channel) {
            self.replace_tickets(&mut plan, record, &moved)?;
        }
        Some(plan)
    }

    pub(super) fn replace_tickets(
        self,
        plan: &mut Plan,
        record: &VoiceRecord,
        call: &CallRecord,
    ) -> Option<()> {
        for ((node, channel, user), ticket) in self.view.tickets_of_room(call.channel_id) {
            if *user != record.user_id {
                continue;
            }
            let key = key::ticket(node, *channel, *user);
            let ended = TicketRecord {
                ended: Some(TicketEnd::CallTerminated),
                ..ticket.clone()
            };
            plan.put(self.view, key.clone(), &ended);
            if *node != call.node {
                plan.delete(self.view, key);
            }
        }
        let key = key::ticket(&call.node, call.channel_id, record.user_id);
        plan.put(self.view, key, &self.ticket(record, call)?);
        Some(())
    }

    /// Brings a call whose node is gone to another one, and gives everybody in it a right to connect there. As long
    /// as no node takes it, nobody has such a right.
    ///
    /// `lost` is a node that was gone and may be back: what it knew of its members is gone for good.
    pub(crate) fn repair(self, channel: ChannelId, lost: Option<&NodeId>) -> Option<Plan> {
        let call = self.view.call(channel)?;
        let is_lost = |node: &NodeId| lost == Some(node) || self.view.node(node).is_none();
        let mut plan = Plan::new();
        for ((node, _, user), _) in self
            .view
            .tickets_of_room(channel)
            .filter(|((node, ..), _)| is_lost(node))
        {
            plan.delete(self.view, key::ticket(node, channel, *user));
        }
        let Some(placed) = self.replaced(call) else {
            return Some(plan);
        };
        if placed != *call {
            plan.put(self.view, key::call(channel), &placed);
        }
        for record in self.view.room(channel) {
            let ticket = self.view.ticket(&placed.node, channel, record.user_id);
            if ticket.is_none() || is_lost(&placed.node) {
                let key = key::ticket(&placed.node, channel, record.user_id);
                plan.put(self.view, key, &self.ticket(record, &placed)?);
            }
        }
        Some(plan)
    }

    /// A call as it must stand: where it was if that node lives, else elsewhere; `None` if no node takes it.
    fn replaced(self, call: &CallRecord) -> Option<CallRecord> {
        let (node, registered) = self.home_of(&call.node, call.channel_id, &call.region)?;
        Some(CallRecord {
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            ..call.clone()
        })
    }

    /// Where what was on a node belongs: there, if that node lives, else elsewhere; `None` if no node takes it.
    pub(super) fn home_of<'n>(
        self,
        node: &'n NodeId,
        channel: ChannelId,
        region: &str,
    ) -> Option<(&'n NodeId, &'n NodeRecord)>
    where
        Self: 'n,
    {
        if let Some(registered) = self.view.node(node) {
            return Some((node, registered));
        }
        let channel = self.world.guild_channel(channel).map(|(_, channel)| channel);
        // The region it was in is as good a wish as any.
        let preferred = [region.to_owned()];
        let wish = Wish {
            region: channel.and_then(|channel| channel.rtc_region.as_deref()),
            preferred: &preferred,
        };
        placement::choose(self.view, wish)
    }

    /// Gives a session that lost its voice server a new right to connect (op 5), where its connection is not alive.
    pub(crate) fn reallocate(self, session: &str) -> Option<Plan> {
        let mut plan = Plan::new();
        for record in self.view.voices_of_session(session) {
            self.reconnect(&mut plan, record)?;
        }
        Some(plan)
    }

    /// Somebody asked for a way into a call, or to a stream by its own room, and has had the time to take it; `None` if
    /// it is not there any more.
    pub(crate) fn still_unconnected(self, channel: ChannelId, user: UserId) -> Option<Plan> {
        if let Some(stream) = self.view.stream_with_room(channel) {
            return self.reconnect_to_stream(stream, user);
        }
        let mut plan = Plan::new();
        let record = self.view.room(channel).find(|record| record.user_id == user)?;
        if self.reconnect(&mut plan, record)? {
            plan.confirm_later(channel, user);
        }
        Some(plan)
    }

    /// Gives a new right to connect, and says so, if the voice connection is not alive.
    fn reconnect(self, plan: &mut Plan, record: &VoiceRecord) -> Option<bool> {
        let channel = record.channel_id?;
        let call = self.view.call(channel)?;
        let lives = self.view.link_state(&call.node, channel, record.user_id) == Some(LinkState::Connected);
        // A call without a node waits for one; everybody in it will be told when it has one.
        let gives = !lives && self.view.node(&call.node).is_some();
        if gives {
            let key = key::ticket(&call.node, channel, record.user_id);
            plan.put(self.view, key, &self.ticket(record, call)?);
        }
        Some(gives)
    }

    /// What becomes of somebody in a stage, one step after the other.
    pub(crate) fn stage_steps(self, record: &VoiceRecord, steps: &[StageStep]) -> Option<Plan> {
        let mut plan = Plan::new();
        let bot = self.world.user(record.user_id).is_some_and(|user| user.bot);
        let mut changed = record.clone();
        for step in steps {
            step.take(&mut changed, bot);
        }
        changed.self_stream &= self.may_stream(&changed);
        self.put_voice(&mut plan, record, &changed)?;
        let channel = changed.channel_id?;
        self.streams_follow(
            &mut plan,
            channel,
            &Changes::from([(changed.user_id, Some(&changed))]),
        );
        Some(plan)
    }

    /// Writes a voice state and what follows from it for the media node, but not for streams.
    pub(super) fn put_voice(self, plan: &mut Plan, before: &VoiceRecord, after: &VoiceRecord) -> Option<()> {
        let channel = after.channel_id?;
        if before != after {
            plan.put(self.view, voice_key(self.key_of(after)), after);
        }
        let node = &self.view.call(channel)?.node;
        if let Some(ticket) = self.view.ticket(node, channel, after.user_id) {
            let permissions = self.media_permissions(after);
            if permissions != ticket.permissions {
                let key = key::ticket(node, channel, after.user_id);
                plan.put(
                    self.view,
                    key,
                    &TicketRecord {
                        permissions,
                        ..ticket.clone()
                    },
                );
            }
        }
        Some(())
    }

    /// Moves somebody to another room of the guild, whatever its limit and whatever that member may do there.
    pub(crate) fn move_member(self, record: &VoiceRecord, to: ChannelId) -> Option<Plan> {
        let mut plan = Plan::new();
        self.carry(&mut plan, record, to)?;
        Some(plan)
    }

    /// Ends somebody's voice connection.
    pub(crate) fn disconnect(self, record: &VoiceRecord) -> Plan {
        let mut plan = Plan::new();
        self.leave(&mut plan, record, TicketEnd::Disconnected);
        plan
    }

    /// Somebody is no longer one of a group's people: rung no more and, if in the call, out of it.
    pub(crate) fn recipient_removed(self, channel: ChannelId, user: UserId) -> Option<Plan> {
        let call = self.view.call(channel)?;
        let mut inside = self.view.room(channel);
        match inside.find(|record| record.user_id == user) {
            Some(record) => Some(self.disconnect(record)),
            None => self.stop_ringing(call, &[user]),
        }
    }

    /// A session is over: it leaves all its rooms.
    pub(crate) fn session_ended(self, session: &str) -> Plan {
        let mut plan = Plan::new();
        for record in self.view.voices_of_session(session) {
            self.leave(&mut plan, record, TicketEnd::Disconnected);
        }
        plan
    }

    /// Somebody rang for too long.
    pub(crate) fn ring_ended(self, channel: ChannelId, user: UserId) -> Option<Plan> {
        self.stop_ringing(self.view.call(channel)?, &[user])
    }

    /// Somebody waited alone for too long; `None` if that is no longer so.
    pub(crate) fn alone_ended(self, channel: ChannelId) -> Option<Plan> {
        let mut inside = self.view.room(channel);
        let last = inside.next()?;
        if inside.next().is_some() {
            return None;
        }
        let mut plan = Plan::new();
        self.leave(&mut plan, last, TicketEnd::CallTerminated);
        Some(plan)
    }
}
