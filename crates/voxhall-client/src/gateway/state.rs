use std::fmt;
use std::time::Duration;

use voxhall_protocol::gateway::GatewayCloseCode;

use super::InflateError;

/// Where the connection to the main Gateway stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GatewayState {
    /// Not asked to do anything yet.
    Idle,
    /// Opens the WebSocket.
    Dialing {
        /// What led here.
        reason: GatewayReason,
    },
    /// The socket is open; waits for Hello.
    Greeting,
    /// Identify is out; waits for READY.
    Identifying,
    /// Resume is out; waits for RESUMED.
    Resuming,
    /// Logged in.
    Ready,
    /// Waits before it tries again.
    Reconnecting {
        /// Which try comes next, from 1.
        attempt: u32,
        /// How long it waits.
        wait: Duration,
        /// Why the last one failed.
        reason: GatewayReason,
    },
    /// Over.
    Closed {
        /// Why.
        reason: GatewayReason,
    },
}

impl fmt::Display for GatewayState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => formatter.write_str("idle"),
            Self::Dialing { reason } => write!(formatter, "dialling ({reason})"),
            Self::Greeting => formatter.write_str("waiting for Hello"),
            Self::Identifying => formatter.write_str("identifying"),
            Self::Resuming => formatter.write_str("resuming"),
            Self::Ready => formatter.write_str("ready"),
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
            Self::Closed { reason } => write!(formatter, "closed: {reason}"),
        }
    }
}

/// Why the connection to the main Gateway changed its state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayReason {
    /// The program asked for it.
    #[error("asked for")]
    Requested,
    /// The server could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// The server closed the socket.
    #[error("gateway close {} ({})", .0.number(), .0)]
    Closed(GatewayCloseCode),
    /// The server asked to connect again.
    #[error("the server asked to connect again")]
    ReconnectAsked,
    /// The server did not know the session any more.
    #[error("the session is no longer valid")]
    SessionInvalid,
    /// A heartbeat was not acknowledged.
    #[error("a heartbeat was not acknowledged")]
    HeartbeatLost,
    /// The server was silent while something was due.
    #[error("the server did not answer within {} s", .0.as_secs())]
    StepTimeout(Duration),
    /// What the server sent cannot be read.
    #[error("{0}")]
    Unreadable(#[from] InflateError),
    /// All tries are used up; the reason of the last one is inside.
    #[error("gave up after {tries} tries: {last}")]
    GaveUp {
        /// How many there were.
        tries: u32,
        /// Why the last one failed.
        last: Box<GatewayReason>,
    },
}
