//! What was sent under which number.

use std::ops::Range;

use voxhall_transport::SequenceNumber;

/// Packets remembered: half a second at ten megabits. Feedback on older ones comes too late to tell anything.
const PACKETS: usize = 512;

/// The packets sent to one receiver, by their number on the transport.
#[derive(Debug)]
pub(super) struct SendHistory {
    slots: Box<[Sent]>,
    /// The number of the next packet, which counts on past its 16 bits. The first is 2^16, so that 0 is an empty slot.
    next: u32,
}

/// A packet that was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// When, in microseconds.
    pub(super) at: u64,
    number: u32,
    pub(super) bytes: u16,
    /// Whether a report on its arrival came.
    acknowledged: bool,
    /// Whether it is part of a probe.
    pub(super) probing: bool,
}

impl SendHistory {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Sent::default(); PACKETS].into_boxed_slice(),
            next: 1 << 16,
        }
    }

    /// The number for the next packet.
    pub(super) const fn next(&self) -> SequenceNumber {
        SequenceNumber(self.next as u16)
    }

    /// The number of the next packet, counted on past its 16 bits.
    pub(super) const fn end(&self) -> u32 {
        self.next
    }

    /// Notes that the packet with the [`next`](Self::next) number was sent.
    pub(super) fn push(&mut self, at: u64, bytes: usize, probing: bool) {
        let number = self.next;
        self.slots[number as usize % PACKETS] = Sent {
            at,
            number,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            acknowledged: false,
            probing,
        };
        // After four thousand million packets numbers start over where they began.
        self.next = number.checked_add(1).unwrap_or(1 << 16);
    }

    /// Takes a report that a packet arrived. `None` if it is unknown by now, was never sent, or was reported before.
    pub(super) fn acknowledge(&mut self, sequence: SequenceNumber) -> Option<Sent> {
        let number = self.number_of(sequence)?;
        let slot = &mut self.slots[number as usize % PACKETS];
        if slot.number != number || slot.acknowledged {
            return None;
        }
        slot.acknowledged = true;
        Some(*slot)
    }

    /// Takes packets of which no report will come any more: their bytes, as far as they are remembered and were not
    /// reported.
    pub(super) fn give_up(&mut self, numbers: Range<u32>) -> u64 {
        let mut bytes = 0;
        for number in numbers.start.max(self.next.saturating_sub(PACKETS as u32))..numbers.end.min(self.next)
        {
            let slot = &mut self.slots[number as usize % PACKETS];
            if slot.number == number && !slot.acknowledged {
                slot.acknowledged = true;
                bytes += u64::from(slot.bytes);
            }
        }
        bytes
    }

    /// The newest number that ends in these 16 bits and is sent already.
    pub(super) fn number_of(&self, sequence: SequenceNumber) -> Option<u32> {
        let newest = self.next - 1;
        let behind = (newest as u16).wrapping_sub(sequence.0);
        newest
            .checked_sub(u32::from(behind))
            .filter(|number| *number >= 1 << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_acknowledged_once_while_it_is_remembered() {
        let mut history = SendHistory::new();
        assert_eq!(history.acknowledge(SequenceNumber(0)), None, "nothing was sent");
        for at in 0..70_000 {
            assert_eq!(history.next(), SequenceNumber(at as u16));
            history.push(at, 100, false);
        }
        let newest = SequenceNumber(69_999_u32 as u16);
        assert_eq!(history.acknowledge(newest).map(|sent| sent.at), Some(69_999));
        assert_eq!(history.acknowledge(newest), None, "a copy of the report");
        assert_eq!(history.acknowledge(newest.next()), None, "was not sent yet");
        let oldest = SequenceNumber((70_000_u32 - 512) as u16);
        assert_eq!(
            history.acknowledge(oldest).map(|sent| sent.at),
            Some(70_000 - 512)
        );
        assert_eq!(
            history.acknowledge(SequenceNumber(oldest.0 - 1)),
            None,
            "was forgotten"
        );
    }

    #[test]
    fn a_packet_takes_sixteen_bytes() {
        assert_eq!(size_of::<Sent>(), 16);
    }

    #[test]
    fn packets_that_are_given_up_are_not_acknowledged_later() {
        let mut history = SendHistory::new();
        for at in 0..2_000 {
            history.push(at, 100, false);
        }
        let end = history.end();
        history.acknowledge(SequenceNumber(1_999));
        assert_eq!(history.give_up(end - 10..end + 5), 900);
        assert_eq!(history.acknowledge(SequenceNumber(1_995)), None);
        assert_eq!(
            history.give_up(0..end),
            (512 - 10) * 100,
            "the others are forgotten"
        );
    }

    #[test]
    fn numbers_start_over_without_a_gap_that_matters() {
        let mut history = SendHistory::new();
        history.next = u32::MAX;
        history.push(1, 1, false);
        history.push(2, 2, false);
        assert_eq!(
            history.acknowledge(SequenceNumber(0)).map(|sent| sent.at),
            Some(2)
        );
    }
}
