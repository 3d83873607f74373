use std::fmt;
use std::time::Duration;

use voxhall_protocol::gateway::StreamDeleteReason;
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::voice::VoiceCloseCode;

/// Where a voice connection stands. Every change carries its reason; watch it with `VoiceConnection::watch`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Nothing was asked of it yet.
    Idle,
    /// Op 4 is out; waits for VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE.
    Joining {
        /// The channel being joined.
        channel: ChannelId,
        /// What led here.
        reason: Reason,
    },
    /// Opens the WebSocket.
    Dialing {
        /// `host[:port]` of the voice gateway.
        endpoint: String,
        /// What led here.
        reason: Reason,
    },
    /// The socket is open, Identify is out; waits for Ready.
    Identifying,
    /// Asks the media server for the own public address.
    Discovering {
        /// Requests sent so far, from 1.
        attempt: u32,
    },
    /// Select Protocol is out; waits for Session Description.
    Selecting,
    /// Media can flow.
    Connected,
    /// The control socket is lost and being resumed. Media keep flowing.
    Resuming {
        /// Which try this is, from 1.
        attempt: u32,
        /// Why the socket was lost.
        reason: Reason,
    },
    /// Waits before it tries again.
    Reconnecting {
        /// Which try comes next, from 1.
        attempt: u32,
        /// How long it waits.
        wait: Duration,
        /// Why the last one failed.
        reason: Reason,
    },
    /// Waits for the main Gateway to name a voice server.
    WaitingForServer {
        /// Why there is none.
        reason: Reason,
    },
    /// Over, and not to be mended without a new join.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// Left on request, or removed from the channel.
    Left {
        /// Why.
        reason: Reason,
    },
}

impl ConnectionState {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Left { .. })
    }

    /// Whether media can flow now: connected, or only the control socket is being resumed.
    #[must_use]
    pub fn has_media(&self) -> bool {
        matches!(self, Self::Connected | Self::Resuming { .. })
    }

    /// The reason, for the states that have one.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Joining { reason, .. }
            | Self::Dialing { reason, .. }
            | Self::Resuming { reason, .. }
            | Self::Reconnecting { reason, .. }
            | Self::WaitingForServer { reason }
            | Self::Failed { reason }
            | Self::Left { reason } => Some(reason),
            Self::Idle | Self::Identifying | Self::Discovering { .. } | Self::Selecting | Self::Connected => {
                None
            }
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => formatter.write_str("idle"),
            Self::Joining { channel, reason } => write!(formatter, "joining channel {channel} ({reason})"),
            Self::Dialing { endpoint, reason } => write!(formatter, "dialling {endpoint} ({reason})"),
            Self::Identifying => formatter.write_str("identifying"),
            Self::Discovering { attempt } => write!(formatter, "discovering the own address, try {attempt}"),
            Self::Selecting => formatter.write_str("selecting the transport"),
            Self::Connected => formatter.write_str("connected"),
            Self::Resuming { attempt, reason } => write!(formatter, "resuming, try {attempt} ({reason})"),
            Self::Reconnecting {
                attempt,
                wait,
                reason,
            } => {
                write!(
                    formatter,
                    "try {attempt} in {:.1} s ({reason})",
                    wait.as_secs_f64()
                )
            }
            Self::WaitingForServer { reason } => write!(formatter, "waiting for a voice server ({reason})"),
            Self::Failed { reason } => write!(formatter, "failed: {reason}"),
            Self::Left { reason } => write!(formatter, "left ({reason})"),
        }
    }
}

/// Why a connection changed its state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The program asked for it.
    #[error("asked for")]
    Requested,
    /// The main Gateway named a voice server.
    #[error("the server named a voice server")]
    ServerUpdate,
    /// The main Gateway said that the voice server is gone.
    #[error("the voice server is gone")]
    ServerGone,
    /// The main Gateway said that this session is in no channel any more.
    #[error("removed from the channel")]
    Removed,
    /// The stream is over, or the account is no longer one of its viewers.
    #[error("the stream is over ({0})")]
    StreamEnded(StreamDeleteReason),
    /// The main Gateway began a new session, and the voice state of the old one is lost.
    #[error("the main Gateway session was lost")]
    GatewaySessionLost,
    /// Another session of the same account took the channel over.
    #[error("another session of this account took over")]
    TakenOver,
    /// The main Gateway did not answer op 4: the protocol's only way to refuse.
    #[error(
        "no answer from the server within {} s: the channel may be full or unknown, or you may lack CONNECT",
        .0.as_secs()
    )]
    NoAnswer(Duration),
    /// No new voice server was named in time.
    #[error("no voice server was named within {} s", .0.as_secs())]
    NoServer(Duration),
    /// The voice gateway could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// The endpoint the server named is no address.
    #[error("the server named an endpoint that is no address: {0:?}")]
    BadEndpoint(String),
    /// The voice gateway closed the socket.
    #[error("voice close {} ({})", .0.number(), .0)]
    Closed(VoiceCloseCode),
    /// A heartbeat was not acknowledged.
    #[error("a heartbeat was not acknowledged")]
    HeartbeatLost,
    /// A step of the handshake took too long.
    #[error("the voice server took longer than {} s for {step}", waited.as_secs())]
    StepTimeout {
        /// The step.
        step: HandshakeStep,
        /// How long it was given.
        waited: Duration,
    },
    /// The server offers no encryption mode that this client speaks.
    #[error("the server offers no encryption mode this client speaks (it has: {0})")]
    NoCommonMode(String),
    /// What the server sent breaks the protocol.
    #[error("the voice server sent something that breaks the protocol: {0}")]
    BadMessage(&'static str),
    /// The transport's nonces are used up; a new key is needed.
    #[error("the transport key is used up")]
    KeyExhausted,
    /// The UDP socket cannot be opened or used.
    #[error("the UDP socket failed: {0}")]
    Socket(String),
    /// A fresh token is needed, and this connection has no main Gateway to ask.
    #[error("a new join is needed, and no main Gateway is attached ({0})")]
    NeedsNewJoin(Box<Reason>),
    /// All tries are used up; the reason of the last one is inside.
    #[error("gave up after {tries} tries: {last}")]
    GaveUp {
        /// How many there were.
        tries: u32,
        /// Why the last one failed.
        last: Box<Reason>,
    },
    /// The program dropped the connection.
    #[error("the connection was dropped")]
    Dropped,
}

/// A step of the handshake that waits for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeStep {
    /// The WebSocket.
    Dial,
    /// Ready after Identify.
    Ready,
    /// Session Description after Select Protocol.
    SessionDescription,
    /// Resumed after Resume.
    Resumed,
}

impl fmt::Display for HandshakeStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dial => "opening the socket",
            Self::Ready => "Ready",
            Self::SessionDescription => "Session Description",
            Self::Resumed => "Resumed",
        })
    }
}
