//! What can be set.

use std::net::SocketAddr;
use std::time::Duration;

use crate::DtlsIdentity;

/// Settings of the forwarding core.
#[derive(Debug, Clone, Default)]
pub struct CoreConfig {
    /// Whether discovery in its 70-byte forms, which clients before March 2023 send, is answered.
    pub legacy_discovery: bool,
    /// The core's intervals.
    pub timing: Timing,
    /// What the server shows to WebRTC clients; without it none are served.
    pub identity: Option<DtlsIdentity>,
}

/// Intervals of the forwarding core. The defaults are those of `media-transport.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Media to a member pauses when no UDP packet came from it for this long (section 4).
    pub idle_after: Duration,
    /// Media to a WebRTC member pauses when no connectivity check came from it for this long (section 10.5, RFC 7675).
    pub consent_for: Duration,
    /// How often a publisher that sends is told how it is received (section 8).
    pub receiver_report_every: Duration,
    /// At most one keyframe is asked for in this time, for each layer (section 8).
    pub keyframe_request_every: Duration,
    /// How often arrivals are reported to publishers that number their packets (section 8, transport-cc).
    pub arrival_report_every: Duration,
    /// How long a video packet can be asked for again (section 8).
    pub retransmit_for: Duration,
    /// How often at most [`Event::Spoke`](crate::Event::Spoke) tells that the same member speaks.
    pub speech_noted_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(300),
            consent_for: Duration::from_secs(30),
            receiver_report_every: Duration::from_secs(1),
            keyframe_request_every: Duration::from_millis(500),
            arrival_report_every: Duration::from_millis(100),
            retransmit_for: Duration::from_secs(1),
            speech_noted_every: Duration::from_secs(30),
        }
    }
}

/// Settings of a worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Where the UDP socket binds; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Whether discovery in its 70-byte forms is answered.
    pub legacy_discovery: bool,
    /// The core's intervals.
    pub timing: Timing,
    /// What the worker shows to WebRTC clients; without it none are served.
    pub identity: Option<DtlsIdentity>,
    /// Whether WebRTC clients may come over TCP too, on the same port number.
    pub tcp: bool,
    /// What the system may queue on the socket, in bytes, each way. The system may allow less.
    pub socket_buffer: usize,
    /// The thread's name, of which the system shows 15 characters.
    pub thread_name: String,
}

impl WorkerConfig {
    /// The usual settings for a socket at `bind`.
    #[must_use]
    pub fn new(bind: SocketAddr) -> Self {
        Self {
            bind,
            legacy_discovery: false,
            timing: Timing::default(),
            identity: None,
            tcp: false,
            socket_buffer: 8 << 20,
            thread_name: "voxhall-sfu".to_owned(),
        }
    }
}
