//! Rooms, members and packet forwarding: a sans-IO core and the worker thread that drives it.

mod command;
mod config;
pub mod core;
mod error;
mod event;
pub mod floor;
mod id;
mod payload_types;
#[allow(unsafe_code)]
pub mod socket;
mod stats;
mod thread_clock;
mod wants;
mod worker;

pub use command::{
    Command, MediaPermissions, MemberSsrcs, PublishedLayer, PublishedVideo, StreamSsrcs, Transport,
    UdpTransport,
};
pub use config::{CoreConfig, Timing, WorkerConfig};
pub use error::Error;
pub use event::{Event, NoncePosition, WorkerFailure};
pub use id::{MemberId, RoomId};
pub use payload_types::PayloadTypes;
pub use socket::MAX_DATAGRAM;
pub use stats::WorkerStats;
pub use voxhall_transport::TransportKey;
pub use wants::{BEST_QUALITY, Wants};
pub use worker::{Worker, WorkerHandle};
