//! Refusing packets that came before, without silencing senders that begin anew.
//!
//! Encryption shows that a packet is genuine, not that it is new. Nonces cannot show it either, because there are
//! libraries whose nonce never advances (`media-transport.md` section 5.4). So the RTP sequence decides, per SSRC. Yet
//! real senders restart in mid-session, some of them at sequence 0 and timestamp 0 every time (`client-compat.md`), and
//! from the outside a restart looks like a replay. The rule:
//!
//! 1. A packet with the number *and* the fingerprint of one remembered is its copy, and is always refused.
//! 2. A packet a little ahead of the newest ([`MAX_JUMP`]) is new. So is a late one while the stream is live: within
//!    [`WINDOW`] behind the newest, under a number that was not used.
//! 3. Anything else — far ahead, behind, or another packet under a number that was used — is a restart if the stream
//!    was quiet for [`RESTART_PAUSE`], and is refused while the stream is live. A sender that restarts without a pause
//!    thus loses the packets of that time.
//!
//! What remains: someone on the path can replay, into a pause, packets older than the window. Only end-to-end
//! encryption, which authenticates frames with a counter of its own, closes that.

use std::time::{Duration, Instant};

use crate::Error;
use crate::crypto::PacketFingerprint;
use crate::rtp::{ExtendedSequence, SequenceNumber};

/// How many packets behind the newest are told apart: ten seconds of voice, half a second of video.
pub const WINDOW: u16 = 512;
/// How far ahead of the newest a packet may be while the stream is live; that of RFC 3550 appendix A.1.
pub const MAX_JUMP: u16 = 3_000;
/// How long a stream is quiet before a restart is believed: five packets of voice.
pub const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// The window of one SSRC. It takes 4 KiB, allocated once.
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    newest: Option<Newest>,
    slots: Box<[Slot; WINDOW as usize]>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: ExtendedSequence,
    /// When a packet was last accepted, this one or a late one.
    accepted_at: Instant,
}

/// The last packet accepted among those whose numbers share the slot. Extended numbers begin at 2^16, so a zero
/// number is an empty slot. Both are cut to 32 bits: the fingerprint only has to tell a copy from another packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    extended: u32,
    fingerprint: u32,
}

impl ReplayWindow {
    /// A window that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            newest: None,
            slots: Box::new([Slot::default(); WINDOW as usize]),
        }
    }

    /// Takes in a packet that authenticated, and returns its place in the stream. A restart goes on in a later cycle
    /// of numbers, so that places only rise.
    ///
    /// # Errors
    ///
    /// [`Error::Replayed`]; the window is then as it was.
    pub fn accept(
        &mut self,
        now: Instant,
        sequence: SequenceNumber,
        fingerprint: PacketFingerprint,
    ) -> Result<ExtendedSequence, Error> {
        let Some(newest) = self.newest else {
            let first = ExtendedSequence((1 << 16) | u64::from(sequence.0));
            return Ok(self.remember(now, first, first, fingerprint));
        };
        let distance = sequence.distance_from(newest.sequence.sequence());
        let place = ExtendedSequence(newest.sequence.0.wrapping_add_signed(i64::from(distance)));
        if self.is_copy(sequence, fingerprint) {
            return Err(Error::Replayed);
        }
        let live = now.saturating_duration_since(newest.accepted_at) < RESTART_PAUSE;
        if self.is_new(distance, place, live) {
            return Ok(self.remember(now, place, place.max(newest.sequence), fingerprint));
        }
        if live {
            return Err(Error::Replayed);
        }
        let restarted = next_cycle(newest.sequence, sequence);
        Ok(self.remember(now, restarted, restarted, fingerprint))
    }

    /// Whether the packet goes on with the stream: a little ahead, or late while the stream is live.
    fn is_new(&self, distance: i16, place: ExtendedSequence, live: bool) -> bool {
        if distance > 0 {
            return distance.unsigned_abs() <= MAX_JUMP;
        }
        let unused = self.slots[slot_of(place)].extended != place.0 as u32;
        live && unused && distance.unsigned_abs() < WINDOW
    }

    fn is_copy(&self, sequence: SequenceNumber, fingerprint: PacketFingerprint) -> bool {
        let slot = self.slots[usize::from(sequence.0 % WINDOW)];
        slot.extended != 0 && slot.extended as u16 == sequence.0 && slot.fingerprint == fingerprint.0 as u32
    }

    fn remember(
        &mut self,
        now: Instant,
        place: ExtendedSequence,
        newest: ExtendedSequence,
        fingerprint: PacketFingerprint,
    ) -> ExtendedSequence {
        self.slots[slot_of(place)] = Slot {
            extended: place.0 as u32,
            fingerprint: fingerprint.0 as u32,
        };
        self.newest = Some(Newest {
            sequence: newest,
            accepted_at: now,
        });
        place
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

/// The slot of a place. 2^16 is a multiple of the window, so places of equal sequence numbers share a slot.
fn slot_of(place: ExtendedSequence) -> usize {
    usize::from(place.sequence().0 % WINDOW)
}

/// The number's place in the cycle after that of `newest`.
const fn next_cycle(newest: ExtendedSequence, sequence: SequenceNumber) -> ExtendedSequence {
    let cycle = (newest.0 >> 16) + 1;
    ExtendedSequence(cycle << 16 | sequence.0 as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream in virtual time, one packet every 20 ms.
    struct Stream {
        window: ReplayWindow,
        now: Instant,
    }

    impl Stream {
        fn new() -> Self {
            Self {
                window: ReplayWindow::new(),
                now: Instant::now(),
            }
        }

        fn arrives(&mut self, sequence: u16, fingerprint: u64) -> bool {
            let result =
                self.window
                    .accept(self.now, SequenceNumber(sequence), PacketFingerprint(fingerprint));
            self.now += Duration::from_millis(20);
            result.is_ok()
        }

        fn pause(&mut self) {
            self.now += RESTART_PAUSE;
        }
    }

    #[test]
    fn packets_in_order_and_across_the_wrap_are_new() {
        let mut stream = Stream::new();
        assert!(
            (65_500..=u16::MAX)
                .chain(0..100)
                .all(|number| stream.arrives(number, u64::from(number)))
        );
    }

    #[test]
    fn late_packets_are_new_once() {
        let mut stream = Stream::new();
        assert!(stream.arrives(10, 10));
        assert!(stream.arrives(13, 13));
        assert!(stream.arrives(11, 11));
        assert!(!stream.arrives(11, 11));
        assert!(!stream.arrives(10, 10));
        assert!(stream.arrives(9, 9), "sent before the first that arrived");
    }

    #[test]
    fn a_copy_is_refused_live_and_after_a_pause() {
        let mut stream = Stream::new();
        assert!(stream.arrives(0, 1));
        assert!(!stream.arrives(0, 1));
        stream.pause();
        assert!(!stream.arrives(0, 1));
    }

    #[test]
    fn a_sender_that_begins_again_at_zero_is_heard() {
        let mut stream = Stream::new();
        assert!(stream.arrives(0, 1), "the first silence frame");
        stream.pause();
        assert!((0..2_000).all(|number| stream.arrives(number, 10_000 + u64::from(number))));
        stream.pause();
        assert!((0..2_000).all(|number| stream.arrives(number, 20_000 + u64::from(number))));
    }

    #[test]
    fn a_restart_a_little_behind_is_not_taken_for_late_packets() {
        let mut stream = Stream::new();
        assert!((300..500).all(|number| stream.arrives(number, u64::from(number))));
        stream.pause();
        assert!((0..600).all(|number| stream.arrives(number, 1_000 + u64::from(number))));
    }

    #[test]
    fn copies_from_before_a_restart_stay_refused() {
        let mut stream = Stream::new();
        assert!((0..20).all(|number| stream.arrives(number, u64::from(number))));
        stream.pause();
        assert!(stream.arrives(0, 1_000));
        assert!((1..20).all(|number| !stream.arrives(number, u64::from(number))));
        assert!(stream.arrives(1, 1_001), "the new stream goes on");
    }

    #[test]
    fn a_restart_without_a_pause_costs_only_the_time_of_a_pause() {
        let mut stream = Stream::new();
        assert!((0..1_000).all(|number| stream.arrives(number, u64::from(number))));
        let refused = (40_000..40_050)
            .filter(|number| !stream.arrives(*number, u64::from(*number)))
            .count();
        assert_eq!(
            refused, 4,
            "100 ms since the last packet are reached with the fifth"
        );
    }

    #[test]
    fn old_packets_are_not_replayed_into_a_live_stream() {
        let mut stream = Stream::new();
        let old = [0, 1_000, 1_999 - WINDOW, 2_000 - WINDOW, 1_999];
        assert!((0..2_000).all(|number| stream.arrives(number, u64::from(number))));
        for (old, live) in old.into_iter().zip(2_000..) {
            assert!(!stream.arrives(old, u64::from(old)), "{old}");
            assert!(
                stream.arrives(live, u64::from(live)),
                "the stream goes on at {live}"
            );
        }
    }

    #[test]
    fn a_packet_from_before_the_wrap_does_not_pass_as_far_ahead() {
        let mut stream = Stream::new();
        assert!(stream.arrives(20_000, 1));
        assert!(!stream.arrives(20_000 + MAX_JUMP + 1, 2));
        assert!(stream.arrives(20_000 + MAX_JUMP, 3));
    }

    #[test]
    fn places_only_rise_over_a_restart() {
        let mut window = ReplayWindow::new();
        let start = Instant::now();
        let before = window
            .accept(start, SequenceNumber(500), PacketFingerprint(1))
            .expect("first");
        let after = window
            .accept(start + RESTART_PAUSE, SequenceNumber(0), PacketFingerprint(2))
            .expect("restart");
        assert!(after > before);
        assert_eq!(after.sequence(), SequenceNumber(0));
    }
}
