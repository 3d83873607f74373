//! ICE over TCP, for networks that let no UDP through (RFC 6544): a passive listener on the port of the worker's UDP
//! socket, whose connections carry one datagram after the other (RFC 4571).
//!
//! A small thread of its own accepts and reads, so that the worker's way of a UDP packet knows nothing of it. To the
//! core a connection is an address like any other, one that no peer can have ([`is_stream`]).
//!
//! Strangers can hold a connection for ten seconds: it has to prove by then that it belongs to a member, which shows
//! in that the worker answers it. Who reads too slowly loses its connection; media that waits is worth nothing.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::{Poll, Token};

mod connection;
mod thread_loop;

use thread_loop::StreamLoop;

/// Datagrams of one connection that may wait for the worker; further ones are dropped, as the system drops those of UDP.
const MAX_WAITING: usize = 64;

/// The connection with the number 0; others count up. 100::/64 is for what goes nowhere (RFC 6666).
const FIRST_STREAM: u128 = 0x0100 << 112;

/// The largest number of a connection.
const STREAM_MASK: u128 = u64::MAX as u128;

/// Wakes the stream thread; connections count up from there.
const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);

/// The address of a connection within the core. Numbers are never used twice.
pub(crate) fn stream_address(number: u64) -> SocketAddr {
    let ip = Ipv6Addr::from(FIRST_STREAM | u128::from(number));
    SocketAddr::V6(SocketAddrV6::new(ip, 1, 0, 0))
}

/// The number of a connection, if an address within the core is one.
fn stream_number(address: SocketAddr) -> Option<u64> {
    let SocketAddr::V6(address) = address else {
        return None;
    };
    let bits = u128::from(*address.ip());
    (bits & !STREAM_MASK == FIRST_STREAM).then_some(bits as u64)
}

/// Whether an address within the core is that of a TCP connection.
#[inline]
pub(crate) fn is_stream(address: SocketAddr) -> bool {
    stream_number(address).is_some()
}

/// What a connection brought.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// It is there.
    Opened {
        /// What the core calls it.
        address: SocketAddr,
        /// Where it comes from.
        peer: SocketAddr,
    },
    /// A datagram came.
    Datagram {
        /// On which.
        address: SocketAddr,
        /// What is in it.
        bytes: Vec<u8>,
        /// Its place among those that wait.
        _place: Place,
    },
    /// It is gone.
    Closed {
        /// Which.
        address: SocketAddr,
    },
}

/// What goes to the thread.
#[derive(Debug)]
enum Order {
    Send { number: u64, bytes: Vec<u8> },
    Stop,
}

/// The worker's end of its TCP connections. The thread ends, and the port is free, when this is dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    events: Receiver<StreamEvent>,
    orders: Sender<Order>,
    waker: mio::Waker,
    thread: Option<JoinHandle<()>>,
    /// Something was ordered since the thread was woken last.
    ordered: bool,
}

impl Streams {
    /// Listens at `bind`. Whenever something came, `wake` is called.
    ///
    /// # Errors
    /// The port cannot be had, or no thread.
    pub(crate) fn listen(bind: SocketAddr, name: &str, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let (brought, events) = unbounded();
        let (orders, ordered) = unbounded();
        let tell = Tell {
            brought,
            wake: Box::new(wake),
        };
        let stream_loop = StreamLoop::new(poll, mio::net::TcpListener::from_std(listener), tell, ordered)?;
        let thread = thread::Builder::new()
            .name(format!("{name}-tcp"))
            .spawn(move || stream_loop.run())?;
        Ok(Self {
            events,
            orders,
            waker,
            thread: Some(thread),
            ordered: false,
        })
    }

    /// The next thing that a connection brought.
    pub(crate) fn next(&self) -> Option<StreamEvent> {
        self.events.try_recv().ok()
    }

    /// Sends a datagram on a connection.
    pub(crate) fn send(&mut self, address: SocketAddr, datagram: &[u8]) {
        if let Some(number) = stream_number(address) {
            let bytes = datagram.to_vec();
            // A thread that ended has no connections.
            let _ = self.orders.send(Order::Send { number, bytes });
            self.ordered = true;
        }
    }

    /// Lets the thread do what was ordered.
    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.ordered) {
            // It looks for orders by itself after a while.
            let _ = self.waker.wake();
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of it has closed its connections, which is all there is to do.
            let _ = thread.join();
        }
    }
}

/// How many datagrams of one connection wait for the worker, so that none takes the places of the others.
#[derive(Debug, Default)]
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn take(&self) -> Option<Place> {
        if self.0.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            return Some(Place(Arc::clone(&self.0)));
        }
        self.0.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

/// One of the places of a connection's datagrams, until the datagram is done with.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the thread tells the worker.
struct Tell {
    brought: Sender<StreamEvent>,
    wake: Box<dyn Fn() + Send>,
}

impl Tell {
    fn event(&self, event: StreamEvent) {
        // A worker that ended needs to know nothing.
        let _ = self.brought.send(event);
    }

    fn datagram(&self, address: SocketAddr, bytes: Vec<u8>, waiting: &Waiting) {
        if let Some(place) = waiting.take() {
            self.event(StreamEvent::Datagram {
                address,
                bytes,
                _place: place,
            });
        }
    }

    fn wake(&self) {
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let waiting = Waiting::default();
        let places: Vec<Place> = std::iter::from_fn(|| waiting.take()).collect();
        assert_eq!(places.len(), MAX_WAITING);
        drop(places);
        assert!(waiting.take().is_some());
    }

    #[test]
    fn connections_have_addresses_that_no_peer_has() {
        assert_eq!(stream_number(stream_address(0)), Some(0));
        assert_eq!(stream_number(stream_address(u64::MAX)), Some(u64::MAX));
        for peer in ["10.0.0.1:1", "[2001:db8::1]:1", "[::1]:1", "[100:0:0:1::1]:1"] {
            assert!(!is_stream(peer.parse().unwrap()), "{peer}");
        }
    }
}
