//! The forwarding core: rooms, members, packets in, packets out. It knows no clock, no socket and no thread; whoever
//! drives it says what time it is, brings datagrams and commands, and takes datagrams and events away.
//!
//! ```text
//! loop {
//!     core.handle_command(now, command)             // what the node wants
//!     core.handle_datagram(now, source, bytes, out) // what came from the network
//!     core.handle_timeout(now, out)                 // when poll_timeout() has come
//!     while let Some(event) = core.poll_event() {}  // what the node must know
//! }
//! ```
//!
//! The way of an audio packet: `ingress` finds its member by SSRC, opens it, checks replay and permission; `audio`
//! walks the room's listeners, which lie side by side in memory with all that sealing for them takes.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use slab::Slab;
use voxhall_transport::SequenceNumber;
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};

use crate::bandwidth::allocation::Stream;
use crate::streams::is_stream;
use crate::{CoreConfig, Event, MAX_DATAGRAM, MemberId, MemberPosition, RoomId, WorkerStats};

mod asking;
mod audio;
mod binding;
mod commands;
mod continuity;
mod control;
mod downlink;
mod gaps;
mod handshake;
mod history;
mod ice;
mod ingress;
mod layer;
mod limiter;
mod member;
mod outbox;
mod padding;
mod pictures;
mod protection;
mod repair_budget;
mod reports;
mod rewrite;
mod room;
mod sending_limit;
mod sources;
mod srtp;
mod ssrc_table;
mod timeline;
mod timers;
mod translation;
mod unauthenticated;
mod video;
mod webrtc;

use downlink::Offer;
use limiter::Limiter;
use member::Member;
use room::Room;
use ssrc_table::SsrcTable;
use timers::Timers;
use translation::Translation;

pub use outbox::Outbox;

/// Where unpredictable bytes come from: fills the slice with bytes of the operating system's generator. Tests pass a
/// seeded one.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// The rooms of one worker and their members.
pub struct Core {
    config: CoreConfig,
    entropy: Entropy,
    /// Jitter is measured against this.
    origin: Instant,
    ssrcs: SsrcTable,
    members: Slab<Member>,
    rooms: Slab<Room>,
    member_index: HashMap<MemberId, usize>,
    room_index: HashMap<RoomId, usize>,
    /// For packets that name no SSRC.
    address_index: HashMap<SocketAddr, usize>,
    /// Where WebRTC members have proved to be.
    peers: HashMap<SocketAddr, usize>,
    /// TCP connections, by the address that stands for them here: where they really come from.
    streams: HashMap<SocketAddr, SocketAddr>,
    /// What WebRTC members are called in connectivity checks.
    ufrags: HashMap<String, usize>,
    limiter: Limiter,
    timers: Timers,
    /// Where a packet is put together whose header cannot stay as it came.
    scratch: Box<[u8; MAX_DATAGRAM]>,
    /// Where a packet's header is put into the numbers of WebRTC receivers.
    translation: Translation,
    /// Where a report of arrivals is put together.
    statuses: Vec<Option<i16>>,
    /// Where a report of losses is put together.
    lost: Vec<SequenceNumber>,
    /// Where what is offered to a receiver is put together.
    offers: (Vec<Offer>, Vec<Stream>),
    events: VecDeque<Event>,
    stats: WorkerStats,
}

impl Core {
    /// A core without rooms.
    #[must_use]
    pub fn new(now: Instant, config: CoreConfig, mut entropy: Entropy) -> Self {
        let mut seed = [0; 8];
        entropy(&mut seed);
        Self {
            config,
            entropy,
            origin: now,
            ssrcs: SsrcTable::default(),
            members: Slab::new(),
            rooms: Slab::new(),
            member_index: HashMap::new(),
            room_index: HashMap::new(),
            address_index: HashMap::new(),
            peers: HashMap::new(),
            streams: HashMap::new(),
            ufrags: HashMap::new(),
            limiter: Limiter::new(u64::from_le_bytes(seed)),
            timers: Timers::default(),
            scratch: Box::new([0; MAX_DATAGRAM]),
            translation: Translation::new(),
            statuses: Vec::with_capacity(voxhall_transport::arrivals::CAPACITY),
            lost: Vec::with_capacity(gaps::CAPACITY),
            offers: (Vec::new(), Vec::new()),
            events: VecDeque::new(),
            stats: WorkerStats::default(),
        }
    }

    /// Takes a datagram that came from `source`. It is decrypted where it lies; what is to be sent goes to `out`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &mut [u8],
        out: &mut impl Outbox,
    ) {
        self.stats.received += 1;
        self.stats.received_bytes += datagram.len() as u64;
        if datagram.len() > MAX_DATAGRAM {
            self.stats.dropped_malformed += 1;
            return;
        }
        let legacy = if self.config.legacy_discovery {
            LegacyDiscovery::Accepted
        } else {
            LegacyDiscovery::Refused
        };
        let kind = demux::classify(datagram, legacy);
        if is_stream(source) && !self.may_use_stream(source, &kind) {
            self.stats.dropped_not_connected += 1;
            return;
        }
        match kind {
            Datagram::Rtp(ssrc) => self.handle_rtp(now, source, ssrc, datagram, out),
            Datagram::Rtcp(ssrc) => self.handle_rtcp(now, source, ssrc, datagram, out),
            Datagram::Discovery | Datagram::LegacyDiscovery => {
                self.handle_discovery(now, source, datagram, out)
            }
            Datagram::Ping(_) | Datagram::KeepAlive(_) | Datagram::Noise => {
                self.handle_keep_alive(now, source, datagram, out);
            }
            Datagram::Stun => self.handle_stun(now, source, datagram, out),
            Datagram::Dtls => self.handle_dtls(now, source, datagram, out),
        }
    }

    /// When [`Core::handle_timeout`] is to be called next, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing the node must know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was counted so far. The core counts what it gives to the outbox as sent, without knowing what becomes of
    /// it.
    #[must_use]
    pub fn stats(&self) -> &WorkerStats {
        &self.stats
    }

    /// How far the nonces of every connected UDP member are used. WebRTC members have none that another worker could go
    /// on with.
    #[must_use]
    pub fn positions(&self) -> Vec<MemberPosition> {
        self.rooms
            .iter()
            .flat_map(|(_, room)| &room.listeners)
            .filter_map(|listener| {
                let member = self.members.get(listener.member)?.id;
                Some(MemberPosition {
                    member,
                    next_nonce: listener.protection.as_ref()?.udp()?.position(),
                    address: listener.address,
                })
            })
            .collect()
    }
}
