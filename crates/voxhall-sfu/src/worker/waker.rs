//! Wakes a thread that waits in `recvmmsg`, by a datagram to its own socket.
//!
//! The packet path then needs no `poll` beside `recvmmsg`, which at small batches is a tenth of what waiting costs.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

/// Content does not matter: the worker knows it by its source.
const WAKE_UP: [u8; 1] = [0];

/// Wakes one worker. Should the datagram get lost, the worker still looks into its queue when its wait times out.
#[derive(Debug)]
pub(super) struct Waker {
    socket: UdpSocket,
    address: SocketAddr,
    pending: AtomicBool,
}

impl Waker {
    /// A waker for the socket bound at `target`.
    pub(super) fn new(target: SocketAddr) -> io::Result<Self> {
        let target_ip = match target.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let socket = UdpSocket::bind(SocketAddr::new(target_ip, 0))?;
        socket.connect(SocketAddr::new(target_ip, target.port()))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            pending: AtomicBool::new(false),
        })
    }

    /// Where wake-ups come from.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Wakes the worker, unless a wake-up is under way already.
    pub(super) fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // A full queue means that the worker has packets to wake up for.
            let _ = self.socket.send(&WAKE_UP);
        }
    }

    /// Called by the worker before it looks into its queue: what is queued from here on needs a new wake-up. False if
    /// nothing was queued since the last call, so that it need not look.
    pub(super) fn rearm(&self) -> bool {
        // Most wake-ups come from the network; then this is one load of a line that nobody else writes.
        self.pending.load(Ordering::Acquire) && self.pending.swap(false, Ordering::AcqRel)
    }
}
