//! What is due when: one heap for all sockets and sessions of a node.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use voxhall_sfu::MemberId;

use super::ConnectionId;

/// Something that happens unless somebody prevents it.
///
/// Entries are never taken out early. Whoever handles one checks whether it still holds; ids are never used twice, so
/// an old entry cannot hit a new socket or session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The socket has not identified.
    Identify(ConnectionId),
    /// The ticket that an Identify waits for has not come.
    Ticket(ConnectionId),
    /// No heartbeat came on the socket.
    Heartbeat(ConnectionId),
    /// Nobody resumed the session.
    Resume(MemberId),
    /// The client has not left by itself after its ticket ended.
    Leave(ConnectionId),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// The earliest entry.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one entry that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }
}
