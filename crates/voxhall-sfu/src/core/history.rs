//! The video packets of the last second, for receivers that lost some.

use std::time::{Duration, Instant};

use crate::MAX_DATAGRAM;
use crate::payload_types::MediaCodec;

/// Packets kept of one layer: a second at ten megabits. A power of two, so that sequence numbers wrap evenly.
const PACKETS: usize = 1024;

/// The packets of one layer as they are forwarded, before the receiver's own numbers are put in.
///
/// The memory is reserved at once and taken from the system as it is first used.
pub(super) struct History {
    entries: Box<[Entry]>,
    storage: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u16,
    length: u16,
    codec: MediaCodec,
    arrived: Option<Instant>,
}

/// A packet to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept<'a> {
    /// What is in it: its payload type is the publisher's.
    pub(super) codec: MediaCodec,
    pub(super) packet: &'a [u8],
}

impl History {
    pub(super) fn new() -> Self {
        let empty = Entry {
            sequence: 0,
            length: 0,
            codec: MediaCodec::Opus,
            arrived: None,
        };
        Self {
            entries: vec![empty; PACKETS].into_boxed_slice(),
            storage: vec![0; PACKETS * MAX_DATAGRAM].into_boxed_slice(),
        }
    }

    /// Keeps a packet, in place of the one [`PACKETS`] before it.
    pub(super) fn keep(&mut self, now: Instant, sequence: u16, codec: MediaCodec, packet: &[u8]) {
        let index = usize::from(sequence) % PACKETS;
        let (Some(entry), Some(place)) = (
            self.entries.get_mut(index),
            self.storage[index * MAX_DATAGRAM..].get_mut(..packet.len()),
        ) else {
            return;
        };
        place.copy_from_slice(packet);
        *entry = Entry {
            sequence,
            length: packet.len() as u16,
            codec,
            arrived: Some(now),
        };
    }

    /// Forgets all packets.
    pub(super) fn clear(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.arrived = None);
    }

    /// The packet with this number, if it is there and came within `max_age`.
    pub(super) fn find(&self, now: Instant, sequence: u16, max_age: Duration) -> Option<Kept<'_>> {
        let index = usize::from(sequence) % PACKETS;
        let entry = self.entries.get(index)?;
        let arrived = entry.arrived.filter(|_| entry.sequence == sequence)?;
        if now.saturating_duration_since(arrived) > max_age {
            return None;
        }
        let packet = &self.storage[index * MAX_DATAGRAM..][..usize::from(entry.length)];
        Some(Kept {
            codec: entry.codec,
            packet,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_kept_until_it_is_old_or_replaced() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut history = History::new();
        history.keep(now, 7, MediaCodec::Vp8, b"packet");
        assert_eq!(
            history.find(now, 7, second),
            Some(Kept {
                codec: MediaCodec::Vp8,
                packet: b"packet"
            })
        );
        assert_eq!(history.find(now, 7 + PACKETS as u16, second), None);
        assert_eq!(history.find(now + 2 * second, 7, second), None);
        history.keep(now, 7 + PACKETS as u16, MediaCodec::Vp8, b"later");
        assert_eq!(history.find(now, 7, second), None);
    }

    #[test]
    fn a_fresh_history_has_nothing() {
        assert_eq!(
            History::new().find(Instant::now(), 0, Duration::from_secs(1)),
            None
        );
    }
}
