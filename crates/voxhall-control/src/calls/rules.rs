//! What op 4 and moderators may do, and what follows (gateway-and-calls, sections 4 to 6).
//!
//! A rule reads the live view and the directory and gives a [`Plan`]; `None` means silence, which is how the protocol
//! refuses. The order of a plan's writes is the order of the events that clients see.

use std::time::Duration;

use voxhall_live::{
    CallRecord, LinkState, MediaPermissions, PrivateCall, TicketEnd, TicketRecord, VoiceRecord, key,
};
use voxhall_protocol::gateway::VoiceStateUpdate;
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, UserId};
use voxhall_protocol::model::{ChannelKind, Permissions};

use super::placement::{self, Wish};
use super::plan::{Plan, Step};
use super::timers::Timer;
use super::view::{LiveView, VoiceKey, voice_key};
use crate::Limits;
use crate::directory::{CallMessage, Home, World};

/// How long a client that was moved may take to leave the old voice connection by itself: closing it first confuses
/// some (gateway-and-calls, section 4.5).
const MOVE_GRACE: Duration = Duration::from_secs(1);

/// How many cameras one voice channel carries (`max_video_channel_users`).
pub(crate) const VIDEO_LIMIT: usize = 25;

/// How many cameras one stage carries.
pub(crate) const STAGE_VIDEO_LIMIT: usize = 50;

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    /// The account.
    pub(crate) user: UserId,
    /// Bots have one room per guild, people one in all.
    pub(crate) bot: bool,
    /// The main-Gateway session.
    pub(crate) session: &'a str,
}

/// Values that a plan may need and must not make itself.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    /// Unix milliseconds.
    pub(crate) now_ms: u64,
    /// For a call that begins.
    pub(crate) message_id: MessageId,
    /// 32 hex digits, for a call that begins.
    pub(crate) media_session_id: String,
    /// Where tokens come from: 16 hex digits each.
    pub(crate) token: fn() -> String,
}

/// All that rules read.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) view: &'a LiveView,
    pub(crate) world: &'a World,
    pub(crate) limits: &'a Limits,
    pub(crate) fresh: &'a Fresh,
}

/// A room that somebody may enter.
struct Room<'a> {
    channel: ChannelId,
    guild: Option<GuildId>,
    region: Option<&'a str>,
    permissions: Permissions,
}

impl<'a> Facts<'a> {
    /// Op 4: join, move, leave, or change flags.
    pub(crate) fn voice_state_update(self, actor: Actor<'_>, request: &VoiceStateUpdate) -> Option<Plan> {
        let Some(channel) = request.channel_id else {
            return self.leave_request(actor, request);
        };
        let room = self.room(actor, request.guild_id, channel)?;
        let key = self.voice_key(actor, room.guild);
        let current = self.view.voice(key);
        let inside = current.is_some_and(|record| record.channel_id == Some(channel));
        if !inside && !self.may_enter(&room, actor.user) {
            return None;
        }
        let record = self.desired(actor, &room, request, current.filter(|_| inside));
        if record.self_video && !current.is_some_and(|it| inside && it.self_video) && !self.camera_fits(&room)
        {
            return None;
        }
        let preferred = preferred_regions(request);
        let mut plan = Plan::new();
        match current {
            Some(current) if inside => self.stay(&mut plan, current, record)?,
            Some(current) => self.go(&mut plan, current, record, &room, &preferred)?,
            None => self.enter(&mut plan, record, &room, &preferred)?,
        }
        Some(plan)
    }

    fn leave_request(self, actor: Actor<'_>, request: &VoiceStateUpdate) -> Option<Plan> {
        let mut plan = Plan::new();
        let mut left = false;
        for record in self.view.voices_of_session(actor.session) {
            // Null for the guild means everything that this session holds.
            if request.guild_id.is_none() || record.guild_id == request.guild_id {
                let leaving = VoiceRecord {
                    self_mute: request.self_mute,
                    self_deaf: request.self_deaf,
                    ..record.clone()
                };
                self.leave(&mut plan, &leaving, TicketEnd::Disconnected);
                left = true;
            }
        }
        left.then_some(plan)
    }

    /// The room, if the actor may know of it.
    fn room(self, actor: Actor<'_>, guild: Option<GuildId>, channel: ChannelId) -> Option<Room<'a>> {
        match self.world.home(channel)? {
            Home::Private => {
                let private = self.world.private(channel)?;
                let may = !actor.bot && guild.is_none() && private.recipients.contains(&actor.user);
                may.then_some(Room {
                    channel,
                    guild: None,
                    region: None,
                    permissions: Permissions::ALL,
                })
            }
            Home::Guild(home) => {
                let (_, record) = self.world.guild_channel(channel)?;
                let permissions = self.world.permissions(channel, actor.user);
                let may = guild == Some(home)
                    && record.kind.is_voice()
                    && permissions.contains(Permissions::VIEW_CHANNEL);
                may.then_some(Room {
                    channel,
                    guild: Some(home),
                    region: record.rtc_region.as_deref(),
                    permissions,
                })
            }
        }
    }

    fn voice_key(self, actor: Actor<'_>, guild: Option<GuildId>) -> VoiceKey {
        (actor.user, guild.filter(|_| actor.bot))
    }

    fn may_enter(self, room: &Room<'_>, user: UserId) -> bool {
        let Some((guild, channel)) = self.world.guild_channel(room.channel) else {
            return true;
        };
        let full =
            channel.user_limit != 0 && self.view.room_size(room.channel) >= channel.user_limit as usize;
        let timed_out = guild
            .members
            .get(&user)
            .is_some_and(|member| self.timed_out(member.timed_out_until_ms));
        room.permissions.contains(Permissions::CONNECT)
            && (!full || room.permissions.contains(Permissions::MOVE_MEMBERS))
            && (!timed_out || room.permissions.contains(Permissions::ADMINISTRATOR))
    }

    fn timed_out(self, until_ms: Option<u64>) -> bool {
        until_ms.is_some_and(|until| until > self.fresh.now_ms)
    }

    fn camera_fits(self, room: &Room<'_>) -> bool {
        let limit = match self.world.guild_channel(room.channel) {
            Some((_, channel)) if channel.kind == ChannelKind::GuildStage => STAGE_VIDEO_LIMIT,
            _ => VIDEO_LIMIT,
        };
        let extra =
            usize::from(room.guild.is_some() && room.permissions.contains(Permissions::MANAGE_CHANNELS));
        self.view
            .room(room.channel)
            .filter(|record| record.self_video)
            .count()
            < limit + extra
    }

    /// The voice state that the request leads to.
    fn desired(
        self,
        actor: Actor<'_>,
        room: &Room<'_>,
        request: &VoiceStateUpdate,
        inside: Option<&VoiceRecord>,
    ) -> VoiceRecord {
        let member = room.guild.and_then(|guild| self.world.member(guild, actor.user));
        let may_stream = room.guild.is_none() || room.permissions.contains(Permissions::STREAM);
        VoiceRecord {
            user_id: actor.user,
            guild_id: room.guild,
            channel_id: Some(room.channel),
            session_id: actor.session.to_owned(),
            mute: member.is_some_and(|member| member.mute),
            deaf: member.is_some_and(|member| member.deaf),
            self_mute: request.self_mute,
            self_deaf: request.self_deaf,
            self_video: request.self_video.unwrap_or(false) && may_stream,
            self_stream: inside.is_some_and(|record| record.self_stream),
            suppress: match inside {
                Some(record) if self.is_stage(room.channel) => record.suppress,
                _ => self.suppressed(room.channel, actor.user),
            },
            flags: request.flags.value().map_or(0, |flags| u64::from(flags.bits())),
            request_to_speak_timestamp: inside.and_then(|record| record.request_to_speak_timestamp.clone()),
            connected_at_ms: inside.map_or(self.fresh.now_ms, |record| record.connected_at_ms),
        }
    }

    fn is_stage(self, channel: ChannelId) -> bool {
        let kind = self.world.guild_channel(channel).map(|(_, channel)| channel.kind);
        kind == Some(ChannelKind::GuildStage)
    }

    /// Whether somebody who enters may not speak: no SPEAK, timed out, or audience of a stage.
    fn suppressed(self, channel: ChannelId, user: UserId) -> bool {
        let Some((guild, record)) = self.world.guild_channel(channel) else {
            return false;
        };
        let permissions = self.world.permissions(channel, user);
        let timed_out = guild
            .members
            .get(&user)
            .is_some_and(|it| self.timed_out(it.timed_out_until_ms));
        let needed = if record.kind == ChannelKind::GuildStage {
            Permissions::MANAGE_CHANNELS | Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS
        } else {
            Permissions::SPEAK
        };
        !permissions.contains(needed) || timed_out && !permissions.contains(Permissions::ADMINISTRATOR)
    }

    /// The same room again (the table of section 4.3).
    fn stay(self, plan: &mut Plan, current: &VoiceRecord, record: VoiceRecord) -> Option<()> {
        let channel = record.channel_id?;
        let call = self.view.call(channel)?;
        let ticket = self.view.ticket(&call.node, channel, record.user_id);
        let link = self.view.link_state(&call.node, channel, record.user_id);
        let unchanged = *current == record;
        let taken_over = current.session_id != record.session_id;
        let lost = match link {
            Some(LinkState::Connected) => false,
            Some(LinkState::Detached | LinkState::Gone) => true,
            // A client that repeats itself asks for a way in; one that changes its flags may still be on its way.
            None => unchanged || ticket.is_none(),
        };
        plan.put(self.view, voice_key(self.key_of(&record)), &record);
        if self.view.node(&call.node).is_none() {
            // The call waits for a node; everybody in it will be told when it has one.
            return Some(());
        }
        let key = key::ticket(&call.node, channel, record.user_id);
        match ticket {
            Some(ticket) if !lost && !taken_over => {
                let changed = TicketRecord {
                    permissions: self.media_permissions(&record),
                    flags: record.flags,
                    ..ticket.clone()
                };
                if changed != *ticket {
                    plan.put(self.view, key, &changed);
                }
            }
            Some(ticket) => {
                if taken_over {
                    let ended = TicketRecord {
                        ended: Some(TicketEnd::Disconnected),
                        ..ticket.clone()
                    };
                    plan.put(self.view, key.clone(), &ended);
                }
                plan.put(self.view, key, &self.ticket(&record, call)?);
            }
            None => plan.put(self.view, key, &self.ticket(&record, call)?),
        }
        Some(())
    }

    /// From one room to another.
    fn go(
        self,
        plan: &mut Plan,
        current: &VoiceRecord,
        record: VoiceRecord,
        room: &Room<'_>,
        preferred: &[String],
    ) -> Option<()> {
        if current.guild_id.is_some() && current.guild_id == record.guild_id {
            self.enter(plan, record, room, preferred)?;
            self.end_tickets_later(plan, current);
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

    /// Whether somebody who is in a room may still not speak, now that permissions have changed. Whoever was made a
    /// speaker in a stage stays one.
    pub(super) fn suppression_after_change(self, record: &VoiceRecord, channel: ChannelId) -> bool {
        if self.is_stage(channel) {
            record.suppress
        } else {
            self.suppressed(channel, record.user_id)
        }
    }

    /// Into a room: the call, then the voice state, then the right to connect.
    fn enter(
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
            plan.push(Step::ClearTimer(Timer::RingEnds(room.channel, record.user_id)));
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
                plan.set_timer(Timer::AloneEnds(room.channel), alone);
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
    fn place(self, room: &Room<'_>, preferred: &[String]) -> Option<CallRecord> {
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
            endpoint: call.endpoint.clone(),
            permissions: self.media_permissions(record),
            flags: record.flags,
            ended: None,
        })
    }

    /// What somebody with this voice state may do with media.
    pub(super) fn media_permissions(self, record: &VoiceRecord) -> MediaPermissions {
        let granted = match (record.guild_id, record.channel_id) {
            (Some(_), Some(channel)) => self.world.permissions(channel, record.user_id),
            _ => Permissions::ALL,
        };
        MediaPermissions {
            // What a self-muted client sends is not worth forwarding, nor is anything to a self-deafened one.
            speak: !record.mute && !record.suppress && !record.self_mute,
            video: granted.contains(Permissions::STREAM),
            hear: !record.deaf && !record.self_deaf,
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
        let key = voice_key(self.key_of(record));
        self.tell_left(plan, record);
        plan.delete(self.view, key);
        self.end_tickets(plan, record, why);
        self.end_call_if_empty(plan, record);
    }

    /// Out of a room, with the voice state about to be written anew for another one.
    fn leave_open(self, plan: &mut Plan, record: &VoiceRecord) {
        self.tell_left(plan, record);
        self.end_tickets(plan, record, TicketEnd::Disconnected);
        self.end_call_if_empty(plan, record);
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

    fn end_tickets_later(self, plan: &mut Plan, record: &VoiceRecord) {
        let Some(channel) = record.channel_id else { return };
        let mut ends_later = false;
        for (at, ticket) in self.view.tickets_of_room(channel) {
            if at.2 == record.user_id {
                plan.set_timer(Timer::TicketEnds(at.clone(), ticket.token.clone()), MOVE_GRACE);
                ends_later = true;
            }
        }
        if !ends_later {
            self.end_call_if_empty(plan, record);
        }
    }

    /// Ends a room's call when the owner of `leaving` was the last one in it, or begins to count how long the one who
    /// stays behind is alone.
    fn end_call_if_empty(self, plan: &mut Plan, leaving: &VoiceRecord) {
        let Some(channel) = leaving.channel_id else { return };
        let Some(call) = self.view.call(channel) else {
            return;
        };
        let left = self.key_of(leaving);
        let staying = self
            .view
            .room(channel)
            .filter(|record| self.key_of(record) != left)
            .count();
        match staying {
            0 => self.end_call(plan, call),
            1 if call.private.is_some() => {
                plan.set_timer(Timer::AloneEnds(channel), self.limits.alone_in_call)
            }
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
        }
        plan.delete(self.view, key);
    }
}

fn preferred_regions(request: &VoiceStateUpdate) -> Vec<String> {
    let several = request.preferred_regions.value().cloned().unwrap_or_default();
    request
        .preferred_region
        .value()
        .cloned()
        .into_iter()
        .chain(several)
        .collect()
}
