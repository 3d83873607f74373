//! Rooms, members and packet forwarding: a sans-IO core and the worker thread that drives it.
//!
//! The node speaks to a worker through [`WorkerHandle`]: [`Command`]s go in, [`Event`]s come out. A worker is one thread
//! with one UDP port and many rooms; nothing is shared between workers. Its [`core`] holds all state and does no I/O, so
//! that a test can run a call in virtual time.
//!
//! | it does | where |
//! |---|---|
//! | discovery in all forms, pings, keep-alives | `core::unauthenticated` |
//! | finds a packet's member by SSRC and a successful decryption, refuses replays | `core::ingress` |
//! | follows members whose address changes | `core::binding` |
//! | ICE-lite, DTLS and SRTP of WebRTC members; their own SSRCs become those that Ready gave | `core::ice`, `core::handshake`, `core::srtp`, `core::sources` |
//! | WebRTC over TCP | `streams` |
//! | enforces mute, deaf, announced layers; the listener's payload types; end-to-end encryption's rule | `core::audio`, `core::video` |
//! | simulcast by wants, changes of layer at keyframes, numbers and times without gaps | `core::layer`, `core::continuity`, `core::timeline` |
//! | header extensions in each receiver's numbers | `core::rewrite`, `core::translation` |
//! | sends video again that got lost, and asks for what got lost on its way here | `core::history`, `core::control`, `core::gaps` |
//! | finds out what a receiver's link carries, and gives it the layers that fit; voices first | [`bandwidth`], `core::downlink`, `core::padding` |
//! | loses, delays, doubles and damages datagrams on purpose | [`impairment`] |
//! | keyframe requests, receiver reports, sender reports, reports of arrivals | `core::control`, `core::reports` |
//!
//! What it does not do: cap the number of loud speakers, relay a room between workers.
//!
//! Speed: the packet path takes no lock and allocates nothing. [`floor`] is the least that forwarding can cost; the
//! bench `fanout` measures a worker against it.

pub mod bandwidth;
mod command;
mod config;
pub mod core;
mod dtls;
mod error;
mod event;
pub mod floor;
mod id;
pub mod impairment;
mod payload_types;
#[allow(unsafe_code)]
pub mod socket;
mod stats;
mod streams;
mod thread_clock;
mod wants;
mod webrtc;
mod worker;

pub use command::{
    Command, MediaPermissions, MemberSsrcs, PublishedLayer, PublishedVideo, StreamSsrcs, Transport,
    UdpTransport,
};
pub use config::{CoreConfig, Timing, WorkerConfig};
pub use dtls::{DtlsIdentity, Established, Handshake, TransportFailure};
pub use error::Error;
pub use event::{Event, MemberPosition, WorkerFailure};
pub use id::{MemberId, RoomId};
pub use payload_types::PayloadTypes;
pub use socket::MAX_DATAGRAM;
pub use stats::WorkerStats;
pub use voxhall_transport::TransportKey;
pub use wants::{BEST_QUALITY, Wants};
pub use webrtc::{ClientSources, HeaderExtensions, LayerSources, WebRtcTransport};
pub use worker::{Worker, WorkerHandle};
