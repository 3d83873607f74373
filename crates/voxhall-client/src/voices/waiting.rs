use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::PayloadType;
use voxhall_transport::crypto::PacketFingerprint;

/// How many packets of an unannounced source are kept, and for how long.
const MAX_PACKETS: usize = 20;
const MAX_AGE: Duration = Duration::from_millis(200);

/// How many unannounced sources are followed: more is nonsense or worse.
const MAX_SOURCES: usize = 32;

/// A packet without an owner.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload_type: PayloadType,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
    pub(super) fingerprint: PacketFingerprint,
    pub(super) arrived: Instant,
}

/// Packets that came before the message that says whose they are.
#[derive(Debug, Default)]
pub(super) struct Waiting(HashMap<Ssrc, Vec<Held>>);

impl Waiting {
    /// Keeps a packet; `false` if there is no room for it.
    pub(super) fn keep(&mut self, now: Instant, ssrc: Ssrc, packet: Held) -> bool {
        if self.0.len() >= MAX_SOURCES && !self.0.contains_key(&ssrc) {
            self.0
                .retain(|_, held| held.last().is_some_and(|last| is_fresh(now, last)));
            if self.0.len() >= MAX_SOURCES {
                return false;
            }
        }
        let held = self.0.entry(ssrc).or_default();
        held.retain(|packet| is_fresh(now, packet));
        let room = held.len() < MAX_PACKETS;
        if room {
            held.push(packet);
        }
        room
    }

    /// Gives out what is kept of a source, oldest first.
    pub(super) fn claim(&mut self, now: Instant, ssrc: Ssrc) -> impl Iterator<Item = Held> + use<> {
        let held = self.0.remove(&ssrc).unwrap_or_default();
        held.into_iter().filter(move |packet| is_fresh(now, packet))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn is_fresh(now: Instant, packet: &Held) -> bool {
    now.saturating_duration_since(packet.arrived) <= MAX_AGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, arrived: Instant) -> Held {
        Held {
            sequence,
            timestamp: 0,
            payload_type: PayloadType::OPUS,
            marker: false,
            payload: Bytes::new(),
            fingerprint: PacketFingerprint(0),
            arrived,
        }
    }

    #[test]
    fn a_claimed_source_yields_its_packets_in_order_while_fresh() {
        let start = Instant::now();
        let later = start + Duration::from_millis(150);
        let mut waiting = Waiting::default();
        assert!(waiting.keep(start, Ssrc(1), packet(1, start)));
        assert!(waiting.keep(later, Ssrc(1), packet(2, later)));
        let now = start + Duration::from_millis(250);
        let claimed: Vec<_> = waiting.claim(now, Ssrc(1)).map(|held| held.sequence).collect();
        assert_eq!(claimed, [2]);
        assert_eq!(waiting.claim(now, Ssrc(1)).count(), 0);
    }

    #[test]
    fn memory_is_bounded_in_both_directions() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for sequence in 0..MAX_PACKETS as u16 {
            assert!(waiting.keep(now, Ssrc(0), packet(sequence, now)));
        }
        assert!(!waiting.keep(now, Ssrc(0), packet(99, now)));
        for ssrc in 1..MAX_SOURCES as u32 {
            assert!(waiting.keep(now, Ssrc(ssrc), packet(0, now)));
        }
        assert!(!waiting.keep(now, Ssrc(1000), packet(0, now)));
        let later = now + MAX_AGE * 2;
        assert!(
            waiting.keep(later, Ssrc(1000), packet(0, later)),
            "stale sources make room"
        );
    }
}
