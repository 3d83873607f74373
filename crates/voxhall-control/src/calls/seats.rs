//! Into rooms and out of them: the writes of a join, a move and a leave, in the order of the events.

use std::collections::HashSet;

use voxhall_live::{CallRecord, MediaPermissions, PrivateCall, TicketEnd, TicketRecord, VoiceRecord, key};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::model::Permissions;

use super::placement::{self, Wish};
use super::plan::{Plan, Step};
use super::rules::{Facts, Room};
use super::stream_seats::Changes;
use super::timers::Timer;
use super::view::{VoiceKey, voice_key};
use crate::directory::CallMessage;

impl Facts<'_> {
    /// From one room to another.
    pub(super) fn go(
        self,
        plan: &mut Plan,
        current: &VoiceRecord,
        record: VoiceRecord,
        room: &Room<'_>,
        preferred: &[String],
    ) -> Option<()> {
        if current.guild_id.is_some() && current.guild_id == record.guild_id {
            self.enter(plan, record, room, preferred)?;
            // The node lets the client a second to close the old voice socket by itself: closing it first confuses some
            // (gateway-and-calls, section 4.5).
            self.end_tickets(plan, current, TicketEnd::Disconnected);
            self.end_call_if_empty(plan, current.channel_id, &[current]);
            self.leave_streams(plan, current.channel_id, &[current]);
        } else {
            // Nothing may be written if the new room cannot take the member, so that is found out first.
            self.place(room, preferred)?;
            self.leave_open(plan, current);
            self.enter(plan, record, room, preferred)?;
        }
        Some(())
    }

    /// Carries somebody to another room of the same guild, as a moderator does.
    pub(super) fn carry(self, plan: &mut Plan, current: &VoiceRecord, to: ChannelId) -> Option<()> {
        let (guild, channel) = self.world.guild_channel(to)?;
        let room = Room {
            channel: to,
            guild: Some(guild.id),
            region: channel.rtc_region.as_deref(),
            permissions: self.world.permissions(to, current.user_id),
        };
        let record = VoiceRecord {
            channel_id: Some(to),
            suppress: self.suppressed(to, current.user_id),
            self_stream: false,
            request_to_speak_timestamp: None,
            connected_at_ms: self.fresh.now_ms,
            ..current.clone()
        };
        self.go(plan, current, record, &room, &[])
    }

    /// Into a room: the call, then the voice state, then the right to connect.
    pub(super) fn enter(
        self,
        plan: &mut Plan,
        record: VoiceRecord,
        room: &Room<'_>,
        preferred: &[String],
    ) -> Option<()> {
        let (call, unring) = self.join_call(plan, &record, room, preferred)?;
        plan.put(self.view, voice_key(self.key_of(&record)), &record);
        if let Some(quiet) = unring {
            plan.put(self.view, key::call(room.channel), &quiet);
            plan.push(Step::ClearTimer(Timer::Ringing(room.channel, record.user_id)));
        }
        let ticket = self.ticket(&record, &call)?;
        plan.put(
            self.view,
            key::ticket(&call.node, room.channel, record.user_id),
            &ticket,
        );
        Some(())
    }

    /// Begins the call or joins the one that runs. Returns it, and how it must be written once more when the joiner
    /// was being rung: that comes after the voice state.
    fn join_call(
        self,
        plan: &mut Plan,
        record: &VoiceRecord,
        room: &Room<'_>,
        preferred: &[String],
    ) -> Option<(CallRecord, Option<CallRecord>)> {
        let mut call = self.place(room, preferred)?;
        let before = self.view.call(room.channel);
        match (&mut call.private, before) {
            (None, None) if room.guild.is_none() => {
                call.private = Some(self.begin_private(plan, record.user_id, room.channel));
                let alone = self.limits.alone_in_call;
                plan.set_timer(Timer::Waiting(room.channel), alone);
            }
            (Some(private), Some(_)) => {
                if !private.participants.contains(&record.user_id) {
                    private.participants.insert(0, record.user_id);
                    plan.push(Step::LogParticipant(private.message_id, record.user_id));
                }
                plan.clear_alone(room.channel);
            }
            _ => {}
        }
        if before != Some(&call) {
            plan.put(self.view, key::call(room.channel), &call);
        }
        let mut quiet = call.clone();
        let unring = quiet.private.as_mut().is_some_and(|private| {
            let rung = private.ringing.len();
            private.ringing.retain(|user| *user != record.user_id);
            private.ringing.len() != rung
        });
        Some((call, unring.then_some(quiet)))
    }

    fn begin_private(self, plan: &mut Plan, caller: UserId, channel_id: ChannelId) -> PrivateCall {
        plan.push(Step::LogCall(CallMessage {
            id: self.fresh.message_id,
            channel_id,
            author: caller,
        }));
        PrivateCall {
            message_id: self.fresh.message_id,
            caller,
            participants: vec![caller],
            ringing: Vec::new(),
            ended_at_ms: None,
        }
    }

    /// The call that runs in a room, moved if its node is gone, or a new one; `None` if no node takes calls.
    pub(super) fn place(self, room: &Room<'_>, preferred: &[String]) -> Option<CallRecord> {
        let running = self.view.call(room.channel);
        if let Some(call) = running
            && self.view.node(&call.node).is_some()
        {
            return Some(call.clone());
        }
        let wish = Wish {
            region: room.region,
            preferred,
        };
        let (node, registered) = placement::choose(self.view, wish)?;
        Some(CallRecord {
            channel_id: room.channel,
            guild_id: room.guild,
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            media_session_id: match running {
                Some(call) => call.media_session_id.clone(),
                None => self.fresh.media_session_id.clone(),
            },
            private: running.and_then(|call| call.private.clone()),
        })
    }

    /// A new right to connect to `call` for the owner of a voice state.
    pub(super) fn ticket(self, record: &VoiceRecord, call: &CallRecord) -> Option<TicketRecord> {
        let channel_id = record.channel_id?;
        Some(TicketRecord {
            user_id: record.user_id,
            session_id: record.session_id.clone(),
            token: (self.fresh.token)(),
            server_id: record.guild_id.map_or(channel_id.0, |guild| guild.0),
            channel_id,
            guild_id: record.guild_id,
            stream: None,
            endpoint: call.endpoint.clone(),
            permissions: self.media_permissions(record),
            flags: record.flags,
            platform: record.platform,
            ended: None,
        })
    }

    /// What somebody with this voice state may do with media.
    pub(super) fn media_permissions(self, record: &VoiceRecord) -> MediaPermissions {
        let granted = match (record.guild_id, record.channel_id) {
            (Some(_), Some(channel)) => self.granted(channel, record.user_id),
            _ => Permissions::ALL,
        };
        MediaPermissions {
            // What a self-muted client sends is not worth forwarding, nor is anything to a self-deafened one.
            speak: !record.mute && !record.suppress && !record.self_mute,
            video: granted.contains(Permissions::STREAM),
            hear: !record.deaf && !record.self_deaf,
            see: !record.deaf,
            priority: granted.contains(Permissions::PRIORITY_SPEAKER),
        }
    }

    /// The key of a voice state.
    pub(super) fn key_of(self, record: &VoiceRecord) -> VoiceKey {
        let bot = self.world.user(record.user_id).is_some_and(|user| user.bot);
        (record.user_id, record.guild_id.filter(|_| bot))
    }

    /// Out of a room and out of voice.
    pub(super) fn leave(self, plan: &mut Plan, record: &VoiceRecord, why: TicketEnd) {
        if let Some(room) = record.channel_id {
            self.leave_together(plan, room, &[(record, why)]);
        }
    }

    /// Several leave one room at once, each for its own reason; if they were all, the call ends.
    pub(super) fn leave_together(
        self,
        plan: &mut Plan,
        room: ChannelId,
        leaving: &[(&VoiceRecord, TicketEnd)],
    ) {
        self.give_up_seats(plan, room, leaving);
        let left: Vec<&VoiceRecord> = leaving.iter().map(|(record, _)| *record).collect();
        self.leave_streams(plan, Some(room), &left);
    }

    /// The same but for the streams of the room.
    pub(super) fn give_up_seats(
        self,
        plan: &mut Plan,
        room: ChannelId,
        leaving: &[(&VoiceRecord, TicketEnd)],
    ) {
        for (record, why) in leaving {
            self.tell_left(plan, record);
            plan.delete(self.view, voice_key(self.key_of(record)));
            self.end_tickets(plan, record, *why);
        }
        let left: Vec<&VoiceRecord> = leaving.iter().map(|(record, _)| *record).collect();
        self.end_call_if_empty(plan, Some(room), &left);
    }

    /// People who are out of a room are out of its streams.
    fn leave_streams(self, plan: &mut Plan, room: Option<ChannelId>, left: &[&VoiceRecord]) {
        if let Some(room) = room {
            let changes: Changes<'_> = left.iter().map(|record| (record.user_id, None)).collect();
            self.streams_follow(plan, room, &changes);
        }
    }

    /// Out of a room, with the voice state about to be written anew for another one.
    fn leave_open(self, plan: &mut Plan, record: &VoiceRecord) {
        self.tell_left(plan, record);
        self.end_tickets(plan, record, TicketEnd::Disconnected);
        self.end_call_if_empty(plan, record.channel_id, &[record]);
        self.leave_streams(plan, record.channel_id, &[record]);
    }

    fn tell_left(self, plan: &mut Plan, record: &VoiceRecord) {
        let gone = VoiceRecord {
            channel_id: None,
            self_video: false,
            self_stream: false,
            suppress: false,
            request_to_speak_timestamp: None,
            ..record.clone()
        };
        plan.put(self.view, voice_key(self.key_of(record)), &gone);
    }

    fn end_tickets(self, plan: &mut Plan, record: &VoiceRecord, why: TicketEnd) {
        let Some(channel) = record.channel_id else { return };
        plan.push(Step::ClearTimer(Timer::Unconnected(channel, record.user_id)));
        for ((node, _, user), ticket) in self.view.tickets_of_room(channel) {
            if *user != record.user_id {
                continue;
            }
            let key = key::ticket(node, channel, *user);
            if why != TicketEnd::Disconnected {
                plan.put(
                    self.view,
                    key.clone(),
                    &TicketRecord {
                        ended: Some(why),
                        ..ticket.clone()
                    },
                );
            }
            plan.delete(self.view, key);
        }
    }

    /// Ends a room's call when those who leave were the last ones in it, or begins to count how long the one who stays
    /// behind is alone.
    fn end_call_if_empty(self, plan: &mut Plan, room: Option<ChannelId>, leaving: &[&VoiceRecord]) {
        let Some(channel) = room.filter(|_| !leaving.is_empty()) else {
            return;
        };
        let Some(call) = self.view.call(channel) else {
            return;
        };
        let left: HashSet<VoiceKey> = leaving.iter().map(|record| self.key_of(record)).collect();
        let staying = self
            .view
            .room(channel)
            .filter(|record| !left.contains(&self.key_of(record)))
            .count();
        match staying {
            0 => self.end_call(plan, call),
            1 if call.private.is_some() => plan.set_timer(Timer::Waiting(channel), self.limits.alone_in_call),
            _ => {}
        }
    }

    /// Ends a call.
    pub(super) fn end_call(self, plan: &mut Plan, call: &CallRecord) {
        let key = key::call(call.channel_id);
        if let Some(private) = &call.private {
            let ended = PrivateCall {
                ended_at_ms: Some(self.fresh.now_ms),
                ringing: Vec::new(),
                ..private.clone()
            };
            plan.push(Step::LogCallEnd(private.message_id, self.fresh.now_ms));
            plan.put(
                self.view,
                key.clone(),
                &CallRecord {
                    private: Some(ended),
                    ..call.clone()
                },
            );
            plan.clear_alone(call.channel_id);
            for user in &private.ringing {
                plan.push(Step::ClearTimer(Timer::Ringing(call.channel_id, *user)));
            }
        }
        plan.delete(self.view, key);
    }
}
