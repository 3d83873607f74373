//! The plain model: who must be where, after each thing that happens.
//!
//! It is written from the protocol's tables alone and shares no line with the server. Times are milliseconds since the
//! beginning of the sequence.

use std::collections::{BTreeMap, BTreeSet};

use crate::actions::{Device, Flags, Target};
use crate::rights::{
    BAN_MEMBERS, CONNECT, DEAFEN_MEMBERS, Guild, KICK_MEMBERS, MOVE_MEMBERS, MUTE_MEMBERS, Member, SPEAK,
    STREAM, VIEW_CHANNEL,
};
use crate::streams::{Stream, StreamId};
use crate::town::{AFK_SECONDS, GUILDS, Kind, REGIONS, ROOMS, is_bot};

const RING_TIME: u64 = 30_000;
const ALONE_TIME: u64 = 300_000;
pub const RESUME_WINDOW: u64 = 60_000;
/// Speech is noted this seldom, so that nobody is known to be idle sooner.
const SPEECH_NOTED: u64 = 30_000;
/// The idle are looked for this often.
const SWEEP: u64 = 15_000;
/// What timers may be late.
const SLACK: u64 = 50;

/// Whose voice state: bots have one in each guild, people one in all.
pub type Seat = (usize, Option<usize>);

/// A voice state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    pub room: usize,
    /// The session that holds it.
    pub session: String,
    pub flags: Flags,
    pub mute: bool,
    pub deaf: bool,
    pub suppress: bool,
}

/// A private call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    pub participants: BTreeSet<usize>,
    /// Who is rung, and until when.
    pub ringing: BTreeMap<usize, u64>,
    /// When it ends unless somebody comes.
    alone: Option<u64>,
}

/// A session of the main Gateway.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    /// When it ends, if it has no socket.
    pub detached: Option<u64>,
    /// Private channels where a call ran when it began, and of which it did not ask.
    pub ignorant: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
pub struct Model {
    pub now: u64,
    pub guilds: Vec<Guild>,
    /// Rooms that are deleted.
    pub gone: BTreeSet<usize>,
    limits: BTreeMap<usize, usize>,
    pub sessions: BTreeMap<Device, Session>,
    pub voices: BTreeMap<Seat, Voice>,
    /// When each of them last changed.
    pub active: BTreeMap<Seat, u64>,
    pub streams: BTreeMap<StreamId, Stream>,
    /// When each of them last took part in a stream.
    pub looked_up: BTreeMap<Seat, u64>,
    pub calls: BTreeMap<usize, Call>,
    pub nodes: BTreeSet<usize>,
    /// Since when there is a node.
    nodes_since: u64,
}

impl Model {
    pub fn new() -> Self {
        Self {
            now: 0,
            guilds: (0..GUILDS.len()).map(Guild::new).collect(),
            gone: BTreeSet::new(),
            limits: ROOMS.iter().map(|room| room.limit).enumerate().collect(),
            sessions: BTreeMap::new(),
            voices: BTreeMap::new(),
            active: BTreeMap::new(),
            streams: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            calls: BTreeMap::new(),
            nodes: (0..REGIONS.len()).collect(),
            nodes_since: 0,
        }
    }

    // What is so.

    pub fn seat(who: usize, guild: Option<usize>) -> Seat {
        (who, guild.filter(|_| is_bot(who)))
    }

    /// Whether an account may know what happens in a channel.
    pub fn sees(&self, who: usize, room: usize) -> bool {
        match ROOMS[room].kind {
            Kind::Private(people) => people.contains(&who),
            _ => !self.gone.contains(&room) && self.may_in(who, room, VIEW_CHANNEL),
        }
    }

    pub fn may_in(&self, who: usize, room: usize, needed: u64) -> bool {
        ROOMS[room]
            .guild
            .is_some_and(|guild| self.guilds[guild].may_in(room, who, needed))
    }

    pub fn inside(&self, room: usize) -> impl Iterator<Item = (&Seat, &Voice)> {
        self.voices.iter().filter(move |(_, voice)| voice.room == room)
    }

    /// The voice state of an account in a guild.
    pub fn voice_in(&self, who: usize, guild: usize) -> Option<&Voice> {
        let voice = self.voices.get(&Self::seat(who, Some(guild)))?;
        (ROOMS[voice.room].guild == Some(guild)).then_some(voice)
    }

    fn suppressed(&self, who: usize, room: usize) -> bool {
        match ROOMS[room].kind {
            Kind::Private(_) | Kind::Text => false,
            Kind::Afk => true,
            Kind::Voice => !self.may_in(who, room, SPEAK),
            // Of those in the town, only the owner may all that a stage's moderator needs.
            Kind::Stage => !self.may_in(who, room, u64::MAX),
        }
    }

    // What happens.

    pub fn connect(&mut self, device: Device, id: String) {
        // Without a node there are no calls to tell of.
        let asks_for_calls = device.1 != 1 && !self.nodes.is_empty();
        let running = self.calls.keys().copied().filter(|_| !asks_for_calls);
        let session = Session {
            id,
            detached: None,
            ignorant: running.collect(),
        };
        self.sessions.insert(device, session);
    }

    pub fn close(&mut self, device: Device) {
        if let Some(session) = self.sessions.remove(&device) {
            let held: Vec<Seat> = self
                .voices
                .iter()
                .filter(|(_, it)| it.session == session.id)
                .map(|(seat, _)| *seat)
                .collect();
            for seat in held {
                self.leave(seat);
            }
        }
    }

    pub fn die(&mut self, device: Device) {
        let ends = self.now + RESUME_WINDOW;
        if let Some(session) = self.sessions.get_mut(&device) {
            session.detached = Some(ends);
        }
    }

    pub fn resume(&mut self, device: Device) {
        if let Some(session) = self.sessions.get_mut(&device) {
            session.detached = None;
        }
    }

    pub fn join(&mut self, device: Device, room: usize, flags: Flags) {
        let who = device.0;
        let guild = ROOMS[room].guild;
        let seat = Self::seat(who, guild);
        let was = self.voices.get(&seat).cloned();
        let stays = was.as_ref().filter(|voice| voice.room == room);
        let known =
            self.sees(who, room) && ROOMS[room].kind != Kind::Text && (guild.is_some() || !is_bot(who));
        if !known || stays.is_none() && !self.may_enter(who, room) {
            return;
        }
        let member = guild
            .and_then(|guild| self.guilds[guild].members.get(&who))
            .copied()
            .unwrap_or_default();
        let voice = Voice {
            room,
            session: self.sessions[&device].id.clone(),
            flags: Flags {
                video: flags.video && (guild.is_none() || self.may_in(who, room, STREAM)),
                ..flags
            },
            mute: member.mute,
            deaf: member.deaf,
            suppress: match stays {
                Some(voice) if ROOMS[room].kind == Kind::Stage => voice.suppress,
                _ => self.suppressed(who, room),
            },
        };
        if let Some(before) = stays {
            if before.session != voice.session {
                self.leave_streams(who, room);
            }
            self.put(seat, voice);
        } else {
            self.leave(seat);
            self.enter(seat, voice);
        }
    }

    fn may_enter(&self, who: usize, room: usize) -> bool {
        let limit = self.limits[&room];
        let full = limit != 0 && self.inside(room).count() >= limit;
        let welcome = match ROOMS[room].kind {
            Kind::Private(_) => true,
            _ => self.may_in(who, room, CONNECT) && (!full || self.may_in(who, room, MOVE_MEMBERS)),
        };
        welcome && !self.nodes.is_empty()
    }

    fn put(&mut self, seat: Seat, voice: Voice) {
        if self.voices.get(&seat) != Some(&voice) {
            self.active.insert(seat, self.now);
            self.voices.insert(seat, voice);
        }
    }

    fn enter(&mut self, seat: Seat, voice: Voice) {
        let (who, room) = (seat.0, voice.room);
        self.put(seat, voice);
        if ROOMS[room].guild.is_none() {
            let alone = self.inside(room).count() == 1;
            let ends = self.now + ALONE_TIME;
            let call = self.calls.entry(room).or_default();
            call.participants.insert(who);
            call.ringing.remove(&who);
            call.alone = alone.then_some(ends);
        }
    }

    fn leave(&mut self, seat: Seat) {
        let Some(voice) = self.voices.remove(&seat) else {
            return;
        };
        self.leave_streams(seat.0, voice.room);
        self.active.remove(&seat);
        self.looked_up.remove(&seat);
        let left = self.inside(voice.room).count();
        if left == 0 {
            self.calls.remove(&voice.room);
            for session in self.sessions.values_mut() {
                session.ignorant.remove(&voice.room);
            }
        } else if let Some(call) = self.calls.get_mut(&voice.room)
            && left == 1
        {
            call.alone = Some(self.now + ALONE_TIME);
        }
    }

    /// Op 4 without a room.
    pub fn leave_by(&mut self, device: Device, guild: Option<usize>) {
        let session = &self.sessions[&device].id;
        let meant = |voice: &Voice| {
            voice.session == *session && (guild.is_none() || ROOMS[voice.room].guild == guild)
        };
        let held: Vec<Seat> = self
            .voices
            .iter()
            .filter(|(_, it)| meant(it))
            .map(|(seat, _)| *seat)
            .collect();
        for seat in held {
            self.leave(seat);
        }
    }

    pub fn call_connect(&mut self, device: Device, room: usize) {
        if !self.nodes.is_empty()
            && let Some(session) = self.sessions.get_mut(&device)
        {
            session.ignorant.remove(&room);
        }
    }

    /// Whether somebody may change a running call of a private channel.
    fn in_call(&self, who: usize, room: usize) -> bool {
        !is_bot(who) && ROOMS[room].guild.is_none() && self.sees(who, room) && self.calls.contains_key(&room)
    }

    /// Says whether it is allowed, as what follows does.
    pub fn ring(&mut self, who: usize, room: usize, whom: Option<usize>) -> bool {
        let Kind::Private(people) = ROOMS[room].kind else {
            return false;
        };
        let known = whom.is_none_or(|whom| people.contains(&whom));
        if !self.in_call(who, room) || !known {
            return false;
        }
        let inside: BTreeSet<usize> = self.inside(room).map(|(seat, _)| seat.0).collect();
        let until = self.now + RING_TIME;
        let meant = people
            .iter()
            .filter(|it| whom.map_or(**it != who, |whom| **it == whom));
        let call = self.calls.get_mut(&room).expect("a running call");
        call.ringing
            .extend(meant.filter(|it| !inside.contains(it)).map(|it| (*it, until)));
        true
    }

    pub fn stop_ringing(&mut self, who: usize, room: usize, whom: Option<usize>) -> bool {
        let whom = whom.unwrap_or(who);
        let allowed = self.in_call(who, room) && self.sees(whom, room);
        if allowed && let Some(call) = self.calls.get_mut(&room) {
            call.ringing.remove(&whom);
        }
        allowed
    }

    pub fn call_region(&self, who: usize, room: usize) -> bool {
        self.in_call(who, room)
    }

    pub fn mute(&mut self, by: usize, guild: usize, who: usize, mute: bool) -> bool {
        self.edit(by, MUTE_MEMBERS, guild, who, |member| member.mute = mute)
    }

    pub fn deafen(&mut self, by: usize, guild: usize, who: usize, deaf: bool) -> bool {
        self.edit(by, DEAFEN_MEMBERS, guild, who, |member| member.deaf = deaf)
    }

    fn edit(
        &mut self,
        by: usize,
        needed: u64,
        guild: usize,
        who: usize,
        edit: impl FnOnce(&mut Member),
    ) -> bool {
        let allowed = self.guilds[guild].may(by, needed) && self.voice_in(who, guild).is_some();
        if allowed && let Some(member) = self.guilds[guild].members.get_mut(&who) {
            edit(member);
            self.reconsider(guild);
        }
        allowed
    }

    pub fn disconnect(&mut self, by: usize, guild: usize, who: usize) -> bool {
        let allowed = self.guilds[guild].may(by, MOVE_MEMBERS) && self.voice_in(who, guild).is_some();
        if allowed {
            self.leave(Self::seat(who, Some(guild)));
        }
        allowed
    }

    pub fn throw_out(&mut self, by: usize, guild: usize, who: usize, ban: bool) -> bool {
        let needed = if ban { BAN_MEMBERS } else { KICK_MEMBERS };
        let known = ban || self.guilds[guild].members.contains_key(&who);
        let home = &self.guilds[guild];
        let allowed = home.may(by, needed) && home.stands_above(by, who) && known;
        if allowed {
            if self.voice_in(who, guild).is_some() {
                self.leave(Self::seat(who, Some(guild)));
            }
            self.guilds[guild].members.remove(&who);
        }
        allowed
    }

    /// A moderator carries somebody, whatever the limit and whatever that one may do there.
    pub fn carry(&mut self, by: usize, who: usize, to: usize) -> bool {
        let Some(guild) = ROOMS[to].guild else {
            return false;
        };
        let allowed = self.guilds[guild].may(by, MOVE_MEMBERS)
            && self.may_in(by, to, VIEW_CHANNEL | CONNECT)
            && ROOMS[to].kind != Kind::Text
            && !self.gone.contains(&to)
            && self.voice_in(who, guild).is_some();
        if allowed {
            self.carried(Self::seat(who, Some(guild)), to);
        }
        allowed
    }

    fn carried(&mut self, seat: Seat, to: usize) {
        let voice = self.voices[&seat].clone();
        if voice.room == to || self.nodes.is_empty() {
            return;
        }
        let suppress = self.suppressed(seat.0, to);
        self.leave(seat);
        self.enter(
            seat,
            Voice {
                room: to,
                suppress,
                ..voice
            },
        );
    }

    pub fn suppress(&mut self, guild: usize, who: usize, suppress: bool) -> bool {
        let seat = Self::seat(who, Some(guild));
        let on_stage = self
            .voice_in(who, guild)
            .filter(|voice| ROOMS[voice.room].kind == Kind::Stage);
        let Some(voice) = on_stage.cloned() else {
            return false;
        };
        let room = voice.room;
        self.put(seat, Voice { suppress, ..voice });
        self.reconsider_stream(who, room);
        true
    }

    pub fn rejoin(&mut self, guild: usize, who: usize) {
        self.guilds[guild].members.entry(who).or_default();
    }

    pub fn except(&mut self, room: usize, target: Target, allow: u64, deny: u64) {
        let guild = ROOMS[room].guild.expect("a channel of a guild");
        self.guilds[guild]
            .exceptions
            .insert((room, target), (allow, deny));
        self.reconsider(guild);
    }

    pub fn crowd(&mut self, guild: usize, who: usize, belongs: bool) {
        if let Some(member) = self.guilds[guild].members.get_mut(&who) {
            member.crowd = belongs;
        }
        self.reconsider(guild);
    }

    pub fn rights(&mut self, guild: usize, everyone: bool, rights: u64) {
        let home = &mut self.guilds[guild];
        *(if everyone {
            &mut home.everyone
        } else {
            &mut home.crowd
        }) = rights;
        self.reconsider(guild);
    }

    pub fn limit(&mut self, room: usize, limit: usize) {
        self.limits.insert(room, limit);
    }

    pub fn delete(&mut self, room: usize) {
        let inside: Vec<Seat> = self.inside(room).map(|(seat, _)| *seat).collect();
        for seat in inside {
            self.leave(seat);
        }
        self.gone.insert(room);
    }

    /// These private channels had their calls there.
    pub fn node_lost(&mut self, node: usize, calls: &BTreeSet<usize>) {
        self.nodes.remove(&node);
        if !self.nodes.is_empty() {
            // They go on elsewhere, and everybody is told of them anew.
            for session in self.sessions.values_mut() {
                session.ignorant.retain(|room| !calls.contains(room));
            }
        }
    }

    pub fn node_back(&mut self, node: usize) {
        if self.nodes.is_empty() {
            self.nodes_since = self.now;
            // Everybody is told anew of the calls that were gone.
            for session in self.sessions.values_mut() {
                session.ignorant.clear();
            }
        }
        self.nodes.insert(node);
    }

    /// Looks at everybody in a guild's rooms again.
    fn reconsider(&mut self, guild: usize) {
        let inside: Vec<(Seat, Voice)> = self
            .voices
            .iter()
            .filter(|(_, voice)| ROOMS[voice.room].guild == Some(guild))
            .map(|(seat, voice)| (*seat, voice.clone()))
            .collect();
        for (seat, voice) in inside {
            let member = self.guilds[guild].members.get(&seat.0).copied();
            let Some(member) = member.filter(|_| self.sees(seat.0, voice.room)) else {
                self.leave(seat);
                continue;
            };
            let suppress = match ROOMS[voice.room].kind {
                Kind::Stage => voice.suppress,
                _ => self.suppressed(seat.0, voice.room),
            };
            let flags = Flags {
                video: voice.flags.video && self.may_in(seat.0, voice.room, STREAM),
                ..voice.flags
            };
            let (mute, deaf) = (member.mute, member.deaf);
            let room = voice.room;
            self.put(
                seat,
                Voice {
                    mute,
                    deaf,
                    suppress,
                    flags,
                    ..voice
                },
            );
            self.reconsider_stream(seat.0, room);
        }
    }

    // Time.

    /// From when to when each idle member may be carried away.
    fn idle(&self) -> Vec<(Seat, usize, u64)> {
        let afk = |room: usize| {
            let guild = ROOMS[room].guild?;
            (0..ROOMS.len()).find(|it| {
                ROOMS[*it].guild == Some(guild) && ROOMS[*it].kind == Kind::Afk && !self.gone.contains(it)
            })
        };
        let watched = self
            .voices
            .iter()
            .filter(|(_, voice)| ROOMS[voice.room].kind == Kind::Voice && !self.nodes.is_empty());
        let patience = u64::from(AFK_SECONDS) * 1000 + SPEECH_NOTED;
        watched
            .filter(|(seat, voice)| !self.is_in_streams(seat.0, voice.room))
            .filter_map(|(seat, voice)| {
                let looked_up = self.looked_up.get(seat).copied().unwrap_or(0);
                let due = (self.active[seat] + patience)
                    .max(self.nodes_since)
                    .max(looked_up);
                Some((*seat, afk(voice.room)?, due))
            })
            .collect()
    }

    /// When something happens by itself next.
    pub fn next_event(&self) -> Option<u64> {
        let rings = self
            .calls
            .values()
            .flat_map(|call| call.ringing.values().copied());
        let alone = self.calls.values().filter_map(|call| call.alone);
        let windows = self.sessions.values().filter_map(|session| session.detached);
        let idle = self.idle().into_iter().map(|(_, _, due)| due + SWEEP + SLACK);
        rings.chain(alone).chain(windows).chain(idle).min()
    }

    /// Whether right now is a moment of which it cannot be said what must have happened.
    pub fn is_unclear(&self) -> bool {
        let soon = self.next_event().is_some_and(|next| next < self.now + SLACK);
        soon || self.idle().iter().any(|(_, _, due)| *due <= self.now + SLACK)
    }

    /// Takes the clock forward.
    pub fn pass(&mut self, milliseconds: u64) {
        let until = self.now + milliseconds;
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.expire();
        }
        self.now = until;
    }

    fn expire(&mut self) {
        let now = self.now;
        for call in self.calls.values_mut() {
            call.ringing.retain(|_, until| *until > now);
        }
        let ended = |it: &Session| it.detached.is_some_and(|at| at <= now);
        let over: Vec<Device> = self
            .sessions
            .iter()
            .filter(|(_, it)| ended(it))
            .map(|(device, _)| *device)
            .collect();
        for device in over {
            self.close(device);
        }
        let lonely: Vec<usize> = self
            .calls
            .iter()
            .filter(|(_, it)| it.alone.is_some_and(|at| at <= now))
            .map(|(room, _)| *room)
            .collect();
        for room in lonely {
            let last: Vec<Seat> = self.inside(room).map(|(seat, _)| *seat).collect();
            for seat in last {
                self.leave(seat);
            }
        }
        for (seat, afk, due) in self.idle() {
            if due + SWEEP + SLACK <= now {
                self.carried(seat, afk);
            }
        }
    }
}
