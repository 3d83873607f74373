//! What can go wrong when a worker is started or spoken to.

use std::io;
use std::net::SocketAddr;

/// Why a worker cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket cannot be had.
    #[error("cannot open UDP port {address}: {source}; choose another --media-port or end what uses it")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The TCP port with the number of the UDP port cannot be had.
    #[error(
        "cannot open TCP port {address} for WebRTC: {source}; choose another --media-port, end what uses it, or do without TCP (--no-media-tcp)"
    )]
    BindTcp {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The thread cannot be started.
    #[error("cannot start a media worker thread: {0}; raise the limit on threads of this process")]
    Thread(io::Error),
    /// No certificate for WebRTC can be made.
    #[error("cannot make a certificate for WebRTC: {0}; the cryptographic library refuses, which is a bug")]
    Certificate(String),
    /// The worker's thread has ended; rebuild it from the rooms the node keeps.
    #[error("the media worker has stopped; start another and give it the rooms again")]
    Stopped,
}
