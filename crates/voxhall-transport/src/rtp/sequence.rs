//! Sequence numbers that wrap, and how to count on past the wrap.

use std::fmt;

/// The 16-bit number of an RTP packet in its stream (RFC 3550 section 5.1). It wraps, so it has no total order; use
/// [`is_newer_than`](Self::is_newer_than).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// How far ahead of `other` this number is, modulo 2^16 the short way round: −32 768 to 32 767.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Whether this number comes after `other`, the short way round.
    #[must_use]
    pub const fn is_newer_than(self, other: Self) -> bool {
        self.distance_from(other) > 0
    }

    /// The number `step` packets later.
    #[must_use]
    pub const fn wrapping_add(self, step: u16) -> Self {
        Self(self.0.wrapping_add(step))
    }

    /// The number of the next packet.
    #[must_use]
    pub const fn next(self) -> Self {
        self.wrapping_add(1)
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SequenceNumber({})", self.0)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A sequence number that counts on past the wrap, so that it orders packets.
///
/// The first cycle is 1 and not 0: packets that were sent before the first one received still have a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedSequence(pub u64);

impl ExtendedSequence {
    /// The number as it was on the wire.
    #[must_use]
    pub const fn sequence(self) -> SequenceNumber {
        SequenceNumber(self.0 as u16)
    }

    /// The 32 bits that a report block carries as "extended highest sequence number", with cycles counted from 0.
    #[must_use]
    pub const fn report_value(self) -> u32 {
        self.0.wrapping_sub(1 << 16) as u32
    }
}

/// Turns the sequence numbers of one stream into extended ones (RFC 3550 appendix A.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct SequenceUnwrapper {
    highest: Option<ExtendedSequence>,
}

impl SequenceUnwrapper {
    /// One that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// The extended number of a packet: the one nearest to the highest so far. A packet ahead of it becomes the
    /// highest.
    pub fn unwrap(&mut self, sequence: SequenceNumber) -> ExtendedSequence {
        let Some(highest) = self.highest else {
            let first = ExtendedSequence((1 << 16) | u64::from(sequence.0));
            self.highest = Some(first);
            return first;
        };
        let distance = sequence.distance_from(highest.sequence());
        // Never below zero: the highest is in cycle 1 or later, and the distance back at most half a cycle.
        let extended = ExtendedSequence(highest.0.wrapping_add_signed(i64::from(distance)));
        if distance > 0 {
            self.highest = Some(extended);
        }
        extended
    }

    /// The highest number so far.
    #[must_use]
    pub const fn highest(&self) -> Option<ExtendedSequence> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_compare_the_short_way_round() {
        let (before, after) = (SequenceNumber(65_535), SequenceNumber(2));
        assert!(after.is_newer_than(before));
        assert!(!before.is_newer_than(after));
        assert!(!after.is_newer_than(after));
        assert_eq!(after.distance_from(before), 3);
        assert_eq!(before.distance_from(after), -3);
        assert_eq!(before.next(), SequenceNumber(0));
    }

    #[test]
    fn unwrapping_counts_cycles_and_places_late_packets() {
        let mut unwrapper = SequenceUnwrapper::new();
        let first = unwrapper.unwrap(SequenceNumber(65_534));
        assert_eq!(unwrapper.unwrap(SequenceNumber(1)).0, first.0 + 3);
        assert_eq!(unwrapper.unwrap(SequenceNumber(65_535)).0, first.0 + 1);
        assert_eq!(
            unwrapper.highest().map(ExtendedSequence::report_value),
            Some(65_537)
        );
    }

    #[test]
    fn a_packet_from_before_the_first_has_a_place() {
        let mut unwrapper = SequenceUnwrapper::new();
        let first = unwrapper.unwrap(SequenceNumber(0));
        assert_eq!(unwrapper.unwrap(SequenceNumber(65_535)).0, first.0 - 1);
    }

    proptest! {
        #[test]
        fn unwrapping_keeps_the_wire_number(numbers in proptest::collection::vec(any::<u16>(), 1..64)) {
            let mut unwrapper = SequenceUnwrapper::new();
            for number in numbers {
                prop_assert_eq!(unwrapper.unwrap(SequenceNumber(number)).sequence(), SequenceNumber(number));
            }
        }
    }
}
