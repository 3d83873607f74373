//! One viewer's numbers for one layer: what it gets counts on without a gap, however often the SFU pauses it.

/// Maps the publisher's sequence numbers of a layer to those that one viewer sees.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Continuity {
    /// Added to the publisher's number.
    offset: u16,
    /// The publisher's number at which the viewer came in; `None` while the layer is paused.
    start: Option<u16>,
    /// The highest number sent; `None` before the first.
    last: Option<u16>,
    /// Numbers of the retransmissions, which are a stream of their own.
    retransmission: u16,
}

impl Continuity {
    /// Pauses the layer for the viewer.
    pub(super) fn pause(&mut self) {
        self.start = None;
    }

    /// The viewer's number for the publisher's; `None` for a packet from before the viewer came in.
    #[inline]
    pub(super) fn forward(&mut self, sequence: u16) -> Option<u16> {
        let start = *self.start.get_or_insert_with(|| {
            self.offset = self
                .last
                .map_or(0, |last| last.wrapping_add(1).wrapping_sub(sequence));
            sequence
        });
        if is_before(sequence, start) {
            return None;
        }
        let out = sequence.wrapping_add(self.offset);
        if self.last.is_none_or(|last| is_before(last, out)) {
            self.last = Some(out);
            // Numbers are compared the short way round; move the start along before it gets out of reach.
            if sequence.wrapping_sub(start) > WINDOW {
                self.start = Some(sequence.wrapping_sub(WINDOW));
            }
        }
        Some(out)
    }

    /// The publisher's number for one that the viewer reports lost; `None` if the viewer never had such a packet.
    pub(super) fn backward(&self, out: u16) -> Option<u16> {
        let sequence = out.wrapping_sub(self.offset);
        let known = self.last.is_some_and(|last| !is_before(last, out));
        self.start
            .filter(|&start| known && !is_before(sequence, start))
            .map(|_| sequence)
    }

    /// The next number of a retransmission.
    pub(super) fn next_retransmission(&mut self) -> u16 {
        self.retransmission = self.retransmission.wrapping_add(1);
        self.retransmission
    }
}

/// How far back a late packet or a loss report can lie.
const WINDOW: u16 = 0x4000;

/// Whether `a` comes before `b`, the short way round.
fn is_before(a: u16, b: u16) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_keeps_the_publishers_numbers() {
        let mut continuity = Continuity::default();
        for sequence in [65_534, 65_535, 1, 0, 2] {
            assert_eq!(continuity.forward(sequence), Some(sequence));
        }
        assert_eq!(continuity.backward(1), Some(1));
        assert_eq!(continuity.backward(3), None, "not sent yet");
        assert_eq!(continuity.backward(65_533), None, "from before");
    }

    #[test]
    fn a_pause_leaves_no_gap() {
        let mut continuity = Continuity::default();
        assert_eq!(continuity.forward(10), Some(10));
        assert_eq!(continuity.forward(11), Some(11));
        continuity.pause();
        assert_eq!(continuity.backward(11), None, "what was before the pause is past");
        assert_eq!(continuity.forward(500), Some(12));
        assert_eq!(continuity.forward(499), None, "late, from before the start");
        assert_eq!(continuity.forward(501), Some(13));
        assert_eq!(continuity.backward(13), Some(501));
        assert_eq!(continuity.backward(11), None);
    }

    #[test]
    fn a_long_run_goes_round_many_times() {
        let mut continuity = Continuity::default();
        for packet in 0..300_000_u32 {
            assert_eq!(continuity.forward(packet as u16), Some(packet as u16));
        }
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
