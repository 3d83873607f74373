//! What a worker tells its node.

use std::net::SocketAddr;

use crate::{MemberId, TransportFailure};

/// Something the node must know. Events of one worker come in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first packet that decrypted with the member's key came from `address`; with WebRTC, the handshake with it is
    /// done. Sent once for each
    /// [`Command::Connect`](crate::Command::Connect).
    MediaConnected {
        /// Whose packet it was.
        member: MemberId,
        /// Where it came from, which is where media goes now.
        address: SocketAddr,
    },
    /// Media for the member goes to another address now: its NAT binding or its socket changed.
    AddressChanged {
        /// Whose address changed.
        member: MemberId,
        /// The new address.
        address: SocketAddr,
    },
    /// The server's half of the member's nonce space is nearly used up: the node has to end the session
    /// (close 4015, and refuse the resume), or connect it again with a new key. Nothing is sent to the member
    /// once the space is empty. `media-transport.md` section 5.4.
    NonceExhausted {
        /// Whose nonces ran out.
        member: MemberId,
    },
    /// No UDP packet came from the member for [`Timing::idle_after`](crate::Timing::idle_after), or no connectivity
    /// check from a WebRTC member for [`Timing::consent_for`](crate::Timing::consent_for); media to it pauses until
    /// the next one. The session itself lives on. `media-transport.md` section 4.
    MediaIdle {
        /// Who is silent.
        member: MemberId,
    },
    /// A packet came from a member that was idle; media to it flows again.
    MediaResumed {
        /// Who is back.
        member: MemberId,
    },
    /// The member is heard, and was not noted to be for [`Timing::speech_noted_every`](crate::Timing::speech_noted_every).
    /// Silence frames are no speech, nor is what is not forwarded.
    Spoke {
        /// Who speaks.
        member: MemberId,
    },
    /// A WebRTC member gets no transport: nothing flows either way until it connects anew.
    TransportFailed {
        /// Whose transport failed.
        member: MemberId,
        /// Why.
        failure: TransportFailure,
    },
    /// The last event of a worker: its thread ended. After [`WorkerHandle::shutdown`](crate::WorkerHandle::shutdown)
    /// `failure` is `None`; otherwise the node rebuilds the worker from the rooms it keeps.
    WorkerStopped {
        /// Why the thread ended although nobody asked it to.
        failure: Option<WorkerFailure>,
        /// How far each member had come. A rebuilt worker that goes on with the *same* key has to start at
        /// [`MemberPosition::next_nonce`], or nonces repeat.
        positions: Vec<MemberPosition>,
    },
}

/// Why a worker's thread ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerFailure {
    /// The code panicked: a bug. Carries the panic's message.
    Panic(String),
    /// The socket cannot be used any more. Carries the system's message.
    Socket(String),
}

/// How far a worker had come with a member that was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberPosition {
    /// Which.
    pub member: MemberId,
    /// The first value of its nonce counter that was not used.
    pub next_nonce: u32,
    /// Where its media went, if it had been found.
    pub address: Option<SocketAddr>,
}
