//! One receiver's numbers for one stream: what it gets counts on without a gap, however often the SFU pauses it and the
//! publisher begins anew. SRTP depends on that: a receiver that missed half a cycle of numbers would never again know
//! which cycle it is in, and a number that came twice would be a nonce that came twice.

use voxhall_transport::replay::MAX_JUMP;
use voxhall_transport::rtp::ExtendedSequence;

/// Maps the publisher's places of a stream to the sequence numbers that one receiver sees.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Continuity {
    /// Subtracted from the publisher's place.
    shift: u64,
    /// The publisher's place at which the receiver came in; `None` while the stream is paused.
    start: Option<u64>,
    /// The publisher's newest place since then.
    newest: u64,
    /// The highest number sent, in full; `None` before the first.
    last: Option<u64>,
    /// Numbers of the retransmissions, which are a stream of their own.
    retransmission: u16,
}

impl Continuity {
    /// For a stream that begins with a new key of SRTP: at a low number, because the receiver takes the first one that it
    /// gets for one of the first cycle (RFC 3711, section 3.3.1), and must not miss the end of that.
    pub(super) fn for_new_key() -> Self {
        Self {
            last: Some(0),
            ..Self::default()
        }
    }

    /// Pauses the stream for the receiver.
    pub(super) fn pause(&mut self) {
        self.start = None;
    }

    /// The receiver's number for the publisher's place; `None` for a packet from before the receiver came in. Places
    /// far ahead are no loss: the publisher began anew, or nothing was forwarded for a while.
    #[inline]
    pub(super) fn forward(&mut self, place: ExtendedSequence) -> Option<u16> {
        let place = place.0;
        match self.start {
            Some(start) if place < start => return None,
            Some(_) if place <= self.newest + u64::from(MAX_JUMP) => self.newest = self.newest.max(place),
            _ => {
                self.shift = self.last.map_or(0, |last| place.wrapping_sub(last + 1));
                self.start = Some(place);
                self.newest = place;
            }
        }
        let number = place.wrapping_sub(self.shift);
        self.last = self.last.max(Some(number));
        Some(number as u16)
    }

    /// The publisher's number for one that the receiver reports lost; `None` if the receiver never had such a packet.
    pub(super) fn backward(&self, lost: u16) -> Option<u16> {
        let (start, last) = (self.start?, self.last?);
        let behind = (last as u16).wrapping_sub(lost);
        let number = last.checked_sub(u64::from(behind))?;
        let place = number.wrapping_add(self.shift);
        (behind < WINDOW && (start..=self.newest).contains(&place)).then_some(place as u16)
    }

    /// The publisher's place from which on the receiver gets the stream without interruption; `None` while it is
    /// paused.
    pub(super) const fn run(&self) -> Option<u64> {
        self.start
    }

    /// The next number of a retransmission.
    pub(super) fn next_retransmission(&mut self) -> u16 {
        self.retransmission = self.retransmission.wrapping_add(1);
        self.retransmission
    }
}

/// How far back a loss report can lie.
const WINDOW: u16 = 0x4000;

#[cfg(test)]
mod tests {
    use super::*;

    const CYCLE: u64 = 1 << 16;

    fn forward(continuity: &mut Continuity, place: u64) -> Option<u16> {
        continuity.forward(ExtendedSequence(place))
    }

    #[test]
    fn the_first_run_keeps_the_publishers_numbers() {
        let mut continuity = Continuity::default();
        for place in [65_534, 65_535, CYCLE + 1, CYCLE, CYCLE + 2] {
            assert_eq!(forward(&mut continuity, place), Some(place as u16));
        }
        assert_eq!(continuity.backward(1), Some(1));
        assert_eq!(continuity.backward(3), None, "not sent yet");
        assert_eq!(continuity.backward(65_533), None, "from before");
    }

    #[test]
    fn with_a_new_key_numbers_begin_low() {
        for first in [0, 1, 65_534, 5 * CYCLE + 65_534] {
            let mut continuity = Continuity::for_new_key();
            assert_eq!(forward(&mut continuity, first), Some(1));
            assert_eq!(forward(&mut continuity, first + 4), Some(5));
            assert_eq!(continuity.backward(2), Some((first + 1) as u16));
            assert_eq!(continuity.backward(0), None, "there was none before the first");
        }
    }

    #[test]
    fn a_pause_leaves_no_gap() {
        let mut continuity = Continuity::default();
        assert_eq!(forward(&mut continuity, 10), Some(10));
        assert_eq!(forward(&mut continuity, 11), Some(11));
        continuity.pause();
        assert_eq!(continuity.backward(11), None, "what was before the pause is past");
        assert_eq!(forward(&mut continuity, 500), Some(12));
        assert_eq!(forward(&mut continuity, 499), None, "late, from before the start");
        assert_eq!(forward(&mut continuity, 501), Some(13));
        assert_eq!(continuity.backward(13), Some(501));
        assert_eq!(continuity.backward(11), None);
    }

    #[test]
    fn a_publisher_that_begins_anew_leaves_no_gap() {
        let mut continuity = Continuity::default();
        assert_eq!(forward(&mut continuity, CYCLE + 10), Some(10));
        assert_eq!(forward(&mut continuity, CYCLE + 13), Some(13), "loss stays loss");
        assert_eq!(forward(&mut continuity, 2 * CYCLE + 40_000), Some(14));
        assert_eq!(
            forward(&mut continuity, CYCLE + 12),
            None,
            "that was another life"
        );
        assert_eq!(forward(&mut continuity, 2 * CYCLE + 40_001), Some(15));
        assert_eq!(continuity.backward(15), Some(40_001));
    }

    #[test]
    fn a_long_run_goes_round_many_times() {
        let mut continuity = Continuity::default();
        for packet in 0..300_000_u64 {
            assert_eq!(forward(&mut continuity, packet), Some(packet as u16));
        }
        assert_eq!(continuity.backward(299_999_u64 as u16), Some(299_999_u64 as u16));
    }

    #[test]
    fn retransmissions_count_by_themselves() {
        let mut continuity = Continuity::default();
        assert_eq!(
            (continuity.next_retransmission(), continuity.next_retransmission()),
            (1, 2)
        );
    }
}
