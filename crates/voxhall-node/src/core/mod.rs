//! The voice gateway as a state machine: sockets, sessions, rooms and tickets, without I/O, clock or randomness of
//! its own.
//!
//! [`NodeCore::handle`] takes what happened and when; [`NodeCore::poll_output`] gives what is to be done, in order;
//! [`NodeCore::next_timeout`] says when to come back with [`Input::Timeout`].
//!
//! A socket is [`Opened`](Input::Opened), then joins a session with Identify or Resume. A session belongs to one
//! ticket, lives in one room, and outlives its socket by [`Limits::resume_window`]. Media never come here: the core
//! commands the worker of the room, which forwards them.

mod codecs;
mod connection;
mod early;
mod faults;
mod handshake;
mod leave;
mod media;
mod output;
mod rate;
mod rebuild;
mod replay;
mod resume;
mod room;
mod session;
mod ssrc;
mod tickets;
mod timers;
mod video;
mod wants;
mod webrtc;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use rand::CryptoRng;
use voxhall_live::CallRecord;
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::sdp::Fingerprint;
use voxhall_protocol::voice::{EncryptionMode, VoiceCloseCode, VoiceVersion};
use voxhall_sfu::MemberId;

use crate::{Limits, NodeStats};
use connection::{Connection, Phase};
use early::EarlyIdentifies;
use faults::Faults;
use output::Outbox;
pub use output::{ConnectionId, Input, Output, WorkerIndex};
use room::Room;
use session::Session;
use ssrc::SsrcAllocator;
pub use tickets::TicketKey;
use tickets::Tickets;
use timers::{Timer, Timers};

/// What the core does not change.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients send media; Ready carries the first.
    pub media_addresses: Vec<IpAddr>,
    /// Whether WebRTC clients may come over TCP too, at the same addresses and ports.
    pub media_tcp: bool,
    /// Of the certificate that the workers show to WebRTC clients.
    pub fingerprint: Fingerprint,
    /// The encryption modes of Ready, preferred first.
    pub modes: Vec<EncryptionMode>,
    /// The oldest version served.
    pub oldest_version: VoiceVersion,
    /// Refuse clients that cannot encrypt end to end.
    pub require_dave: bool,
    /// Times and sizes.
    pub limits: Limits,
}

/// The state of a node's voice gateway.
pub struct NodeCore {
    settings: Settings,
    random: Box<dyn CryptoRng + Send>,
    connections: HashMap<ConnectionId, Connection>,
    tickets: Tickets,
    early: EarlyIdentifies,
    faults: HashMap<TicketKey, Faults>,
    media_session_ids: HashMap<ChannelId, String>,
    rooms: HashMap<ChannelId, Room>,
    members: HashMap<MemberId, TicketKey>,
    workers: Vec<WorkerState>,
    timers: Timers,
    outbox: Outbox,
    next_member: u64,
    draining: bool,
}

/// What the core knows of an SFU worker.
#[derive(Debug)]
struct WorkerState {
    port: u16,
    ssrcs: SsrcAllocator,
    members: usize,
    /// It cannot be started again; its rooms are gone.
    lost: bool,
}

impl NodeCore {
    /// A core without rooms whose workers listen on `ports`. Keys come from `random`.
    #[must_use]
    pub fn new(settings: Settings, ports: &[u16], random: Box<dyn CryptoRng + Send>) -> Self {
        let worker = |&port: &u16| WorkerState {
            port,
            ssrcs: SsrcAllocator::new(),
            members: 0,
            lost: false,
        };
        Self {
            settings,
            random,
            connections: HashMap::new(),
            tickets: Tickets::default(),
            early: EarlyIdentifies::default(),
            faults: HashMap::new(),
            media_session_ids: HashMap::new(),
            rooms: HashMap::new(),
            members: HashMap::new(),
            workers: ports.iter().map(worker).collect(),
            timers: Timers::default(),
            outbox: Outbox::default(),
            next_member: 1,
            draining: false,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Opened { connection, version } => self.open(now, connection, version),
            Input::Text { connection, text } => self.text(now, connection, text),
            Input::Binary { connection, bytes } => self.binary(now, connection, bytes),
            Input::Closed { connection, goodbye } => self.closed(now, connection, goodbye),
            Input::Ticket(record) => self.ticket(now, *record),
            Input::TicketDeleted(key) => self.ticket_deleted(now, key),
            Input::Call(record) => self.call(*record),
            Input::CallDeleted(channel) => drop(self.media_session_ids.remove(&channel)),
            Input::Fault(key, fault) => self.fault(now, key, *fault),
            Input::FaultEnded(key) => self.fault_ended(key),
            Input::Worker(worker, event) => self.worker_event(worker, event),
            Input::WorkerRebuilt(worker) => self.worker_rebuilt(worker),
            Input::WorkerLost(worker) => self.worker_lost(worker),
            Input::Timeout => self.expire(now),
            Input::Drain => self.drain(),
        }
    }

    /// The next thing to do; `None` until something happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// When [`Input::Timeout`] is due, if nothing happens before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How much there is of everything.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        NodeStats {
            connections: self.connections.len(),
            sessions: self.members.len(),
            rooms: self.rooms.len(),
        }
    }

    fn call(&mut self, record: CallRecord) {
        self.media_session_ids
            .insert(record.channel_id, record.media_session_id);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Identify(connection) => self.identify_overdue(connection),
                Timer::Ticket(connection) => self.ticket_overdue(now, connection),
                Timer::Heartbeat(connection) => self.heartbeat_overdue(now, connection),
                Timer::Resume(member) => self.resume_overdue(now, member),
                Timer::Leave(connection) => self.leave_overdue(connection),
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        let connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for connection in connections {
            self.close(
                connection,
                VoiceCloseCode::GoingAway,
                "the voice server is shutting down",
            );
        }
        let keys: Vec<TicketKey> = self.members.values().copied().collect();
        for key in keys {
            self.end_session(key);
        }
    }

    fn session_mut(&mut self, key: TicketKey) -> Option<&mut Session> {
        self.rooms.get_mut(&key.channel)?.sessions.get_mut(&key.user)
    }

    /// Closes a socket for good; whatever it still sends is ignored.
    fn close(
        &mut self,
        connection: ConnectionId,
        code: VoiceCloseCode,
        reason: impl Into<Cow<'static, str>>,
    ) {
        if let Some(closed) = self.connections.remove(&connection) {
            self.early.take(connection);
            let who = match closed.phase {
                Phase::Joined(key) => Some(key),
                Phase::Open | Phase::Early | Phase::Leaving(_) => None,
            };
            self.outbox.close(connection, code, reason, who);
        }
    }
}

impl std::fmt::Debug for NodeCore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NodeCore")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
