//! When numbered packets came, for the sender's bandwidth estimation (transport-wide congestion control).

use std::time::{Duration, Instant};

use crate::rtcp::FeedbackHeader;
use crate::rtp::{ExtendedSequence, SequenceNumber, SequenceUnwrapper};
use voxhall_protocol::voice::Ssrc;

/// Packets noted between two reports at most: a hundred milliseconds at five thousand a second. A report on as many
/// fits into a datagram.
pub const CAPACITY: usize = 512;

/// Notes the arrivals of one sender's packets.
#[derive(Debug, Default)]
pub struct Arrivals {
    unwrapper: SequenceUnwrapper,
    noted: Vec<Arrival>,
    /// The first number that no report covered yet.
    unreported: Option<ExtendedSequence>,
    reports: u8,
}

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrival {
    sequence: ExtendedSequence,
    at: Instant,
}

impl Arrivals {
    /// Makes room, so that noting a packet never has to. Without room nothing is noted.
    pub fn reserve(&mut self) {
        self.noted.reserve_exact(CAPACITY - self.noted.len());
    }

    /// Notes a packet. True if it is the first since the last report.
    pub fn note(&mut self, sequence: SequenceNumber, now: Instant) -> bool {
        if self.noted.len() == self.noted.capacity() {
            return false;
        }
        let sequence = self.unwrapper.unwrap(sequence);
        if self.unreported.is_some_and(|unreported| sequence < unreported) {
            return false;
        }
        self.noted.push(Arrival { sequence, at: now });
        self.noted.len() == 1
    }

    /// Puts what came since the last report into `statuses`: for each number from the first on that was not reported,
    /// how long after the packet before it the packet came, in units of 250 µs, or `None` if it did not come.
    /// `sender` is who reports, `media` one of the publisher's streams, `origin` what the reference time counts from. `None` if nothing came.
    pub fn report(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        origin: Instant,
        statuses: &mut Vec<Option<i16>>,
    ) -> Option<FeedbackHeader> {
        statuses.clear();
        self.noted
            .sort_unstable_by_key(|arrival| (arrival.sequence, arrival.at));
        self.noted.dedup_by_key(|arrival| arrival.sequence);
        let first = *self.noted.first()?;
        let base = self
            .unreported
            .filter(|unreported| first.sequence.0 - unreported.0 < CAPACITY as u64);
        let base = base.unwrap_or(first.sequence);
        let ticks = |at: Instant| at.saturating_duration_since(origin).as_micros() / TICK.as_micros();
        let reference = ticks(first.at) / REFERENCE_TICKS;
        let mut before = reference * REFERENCE_TICKS;
        for arrival in self.noted.drain(..) {
            let place = (arrival.sequence.0 - base.0) as usize;
            let at = ticks(arrival.at);
            // Within a report, arrivals are milliseconds apart. What is not is left to the next packet's report.
            let Ok(delta) = i16::try_from(at.cast_signed() - before.cast_signed()) else {
                continue;
            };
            if place < CAPACITY {
                statuses.resize(place, None);
                statuses.push(Some(delta));
                before = at;
            }
        }
        self.unreported = Some(ExtendedSequence(base.0 + statuses.len() as u64));
        let feedback_count = self.reports;
        self.reports = self.reports.wrapping_add(1);
        Some(FeedbackHeader {
            sender,
            media,
            base_sequence: base.sequence(),
            // 24 bits, which wrap.
            reference_time: (reference & 0x00ff_ffff) as i32,
            feedback_count,
        })
    }
}

/// The unit of deltas.
const TICK: Duration = Duration::from_micros(250);

/// The unit of the reference time, 64 ms, in deltas.
const REFERENCE_TICKS: u128 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn note(arrivals: &mut Arrivals, start: Instant, packets: &[(u16, u64)]) {
        for &(sequence, millis) in packets {
            arrivals.note(SequenceNumber(sequence), start + Duration::from_millis(millis));
        }
    }

    #[test]
    fn reports_arrivals_losses_and_reordering() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.reserve();
        let mut statuses = Vec::new();
        assert_eq!(arrivals.report(Ssrc(1), Ssrc(9), origin, &mut statuses), None);
        note(
            &mut arrivals,
            origin,
            &[(65_534, 70), (65_535, 71), (2, 80), (1, 82), (1, 83)],
        );
        let header = arrivals.report(Ssrc(1), Ssrc(9), origin, &mut statuses).unwrap();
        assert_eq!(
            (header.base_sequence, header.reference_time),
            (SequenceNumber(65_534), 1)
        );
        assert_eq!(statuses, [Some(24), Some(4), None, Some(44), Some(-8)]);
        note(&mut arrivals, origin, &[(1, 99), (4, 100)]);
        let header = arrivals.report(Ssrc(1), Ssrc(9), origin, &mut statuses).unwrap();
        assert_eq!(
            (header.base_sequence, header.feedback_count),
            (SequenceNumber(3), 1)
        );
        assert_eq!(statuses, [None, Some(144)], "a number is reported once");
    }

    #[test]
    fn a_jump_begins_anew() {
        let origin = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.reserve();
        let mut statuses = Vec::new();
        note(&mut arrivals, origin, &[(1, 0)]);
        arrivals.report(Ssrc(1), Ssrc(9), origin, &mut statuses).unwrap();
        note(&mut arrivals, origin, &[(9_000, 5), (20_000, 6)]);
        let header = arrivals.report(Ssrc(1), Ssrc(9), origin, &mut statuses).unwrap();
        assert_eq!((header.base_sequence.0, statuses.len()), (9_000, 1));
    }

    #[test]
    fn without_room_nothing_is_noted() {
        let mut arrivals = Arrivals::default();
        assert!(!arrivals.note(SequenceNumber(1), Instant::now()));
    }
}
