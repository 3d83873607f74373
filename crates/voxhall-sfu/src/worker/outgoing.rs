//! The edge between a core and its socket: batches, and the faults that were set on the way of some members.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::MAX_DATAGRAM;
use crate::core::{Core, Outbox};
use crate::impairment::{Arrival, Direction, ImpairedLinks, Impairment};
use crate::socket::{BatchSocket, SendBatch, SendReport};
use crate::streams::{StreamEvent, Streams, is_stream};

/// The shortest wait for a datagram that is delayed on purpose; a wait of nothing would be one without end.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Writes what the core sends straight into the batch for the system.
pub(super) struct Outgoing<'a> {
    socket: &'a BatchSocket,
    batch: SendBatch,
    /// Connections over TCP, if there may be any.
    streams: Option<Streams>,
    report: SendReport,
    /// Only while a fault is set.
    impaired: Option<Box<Impaired>>,
}

/// The faults, and the time of this turn of the loop.
struct Impaired {
    links: ImpairedLinks,
    now: Instant,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(socket: &'a BatchSocket, streams: Option<Streams>) -> Self {
        Self {
            socket,
            batch: SendBatch::new(),
            streams,
            report: SendReport::default(),
            impaired: None,
        }
    }

    pub(super) fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.report += self.socket.send(&mut self.batch);
        }
        if let Some(streams) = &mut self.streams {
            streams.flush();
        }
    }

    /// The next thing that a TCP connection brought.
    pub(super) fn next_stream_event(&self) -> Option<StreamEvent> {
        self.streams.as_ref()?.next()
    }

    pub(super) fn report(&self) -> SendReport {
        self.report
    }

    /// Sets a fault, or ends it.
    pub(super) fn impair(&mut self, impairment: Impairment) {
        let impaired = self.impaired.get_or_insert_with(|| {
            Box::new(Impaired {
                links: ImpairedLinks::default(),
                now: Instant::now(),
            })
        });
        impaired.links.set(impairment);
    }

    /// Whether any fault is set.
    #[inline]
    pub(super) fn is_impaired(&self) -> bool {
        self.impaired.is_some()
    }

    /// Learns what time it is and where the members are that have a fault.
    pub(super) fn locate(&mut self, core: &Core, now: Instant) {
        if let Some(impaired) = &mut self.impaired {
            impaired.now = now;
            impaired.links.locate(|member| core.addresses(member));
        }
    }

    /// Takes a datagram that came, if its way has a fault.
    pub(super) fn holds(&mut self, core: &Core, source: SocketAddr, datagram: &[u8]) -> bool {
        let claimant = core.claimant(source, datagram);
        let (Some(impaired), Some(member)) = (&mut self.impaired, claimant) else {
            return false;
        };
        impaired.links.take_up(impaired.now, member, source, datagram)
    }

    /// Lets those datagrams go on that have come through.
    pub(super) fn deliver(&mut self, core: &mut Core) {
        while let Some((now, arrival)) = self.next_arrival() {
            let Arrival {
                direction,
                peer,
                mut payload,
            } = arrival;
            match direction {
                Direction::Up => core.handle_datagram(now, peer, &mut payload, self),
                Direction::Down => self.push(peer, |room| {
                    room.get_mut(..payload.len())?.copy_from_slice(&payload);
                    Some(payload.len())
                }),
            }
        }
        if self
            .impaired
            .as_ref()
            .is_some_and(|impaired| impaired.links.is_empty())
        {
            self.impaired = None;
        }
    }

    /// How long the thread may wait for datagrams: `usual`, or until a delayed one has come through.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        let next = self
            .impaired
            .as_ref()
            .and_then(|impaired| impaired.links.next_arrival());
        match next {
            Some(next) => next
                .saturating_duration_since(Instant::now())
                .clamp(SHORTEST_WAIT, usual),
            None => usual,
        }
    }

    fn push_to_stream(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let mut room = [0; MAX_DATAGRAM];
        let datagram = write(&mut room).and_then(|length| room.get(..length));
        if let (Some(datagram), Some(streams)) = (datagram, &mut self.streams) {
            streams.send(to, datagram);
            self.report.sent += 1;
            self.report.sent_bytes += datagram.len() as u64;
        }
    }

    fn next_arrival(&mut self) -> Option<(Instant, Arrival)> {
        let impaired = self.impaired.as_mut()?;
        Some((impaired.now, impaired.links.deliver(impaired.now)?))
    }

    #[inline]
    fn push(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        if self.streams.is_some() && is_stream(to) {
            return self.push_to_stream(to, write);
        }
        if self.batch.is_full() {
            self.flush();
        }
        self.batch.push(to, write);
    }
}

impl Outbox for Outgoing<'_> {
    #[inline]
    fn datagram(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        match &mut self.impaired {
            Some(impaired) if impaired.links.impairs(to) => impaired.hold(to, write),
            _ => self.push(to, write),
        }
    }

    fn burst(&mut self) {
        self.batch.gather();
    }
}

impl Impaired {
    fn hold(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let mut room = [0; MAX_DATAGRAM];
        if let Some(datagram) = write(&mut room).and_then(|length| room.get(..length)) {
            self.links.take_down(self.now, to, datagram);
        }
    }
}
