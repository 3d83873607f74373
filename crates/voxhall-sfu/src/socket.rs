//! A UDP socket that receives and sends in batches: `recvmmsg`, `sendmmsg`, and UDP segmentation where the kernel has
//! it. The only module with unsafe code; what it exports is safe.
//!
//! Buffers and the tables that point into them live as long as their batch and are never moved, so that a system call
//! costs no set-up beyond what changed since the last one.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use socket2::SockRef;

mod address;
mod receive;
mod send;

pub use receive::ReceiveBatch;
pub use send::{SendBatch, SendReport};

/// The largest datagram that is taken or sent, in bytes; `media-transport.md` section 12.
pub const MAX_DATAGRAM: usize = 1500;

/// A blocking UDP socket for batches.
#[derive(Debug)]
pub struct BatchSocket {
    socket: UdpSocket,
    local_addr: SocketAddr,
}

impl BatchSocket {
    /// Binds a socket and asks the system for `buffer` bytes of queue each way. The system grants what it allows.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind(address: SocketAddr, buffer: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let options = SockRef::from(&socket);
        options.set_recv_buffer_size(buffer)?;
        options.set_send_buffer_size(buffer)?;
        let local_addr = socket.local_addr()?;
        Ok(Self { socket, local_addr })
    }

    /// Where it is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How long [`BatchSocket::receive`] waits; `None` for ever.
    ///
    /// # Errors
    /// `timeout` is zero.
    pub fn set_receive_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    /// Waits for a datagram, then takes all that are there, up to the batch's capacity. Returns how many; 0 when the
    /// wait timed out or a signal came.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        match batch.fill(self.descriptor()) {
            Ok(received) => Ok(received),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Hands all datagrams of the batch to the system and empties it. A datagram that the system does not take is
    /// dropped and counted: media that waits is worth nothing.
    pub fn send(&self, batch: &mut SendBatch) -> SendReport {
        batch.drain(self.descriptor(), self.local_addr.is_ipv6())
    }

    fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
