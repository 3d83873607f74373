//! Packets of a publisher's layer that got lost on their way here, and when to ask for them again. Viewers cannot: what
//! the SFU does not have, it cannot repeat.

use std::time::{Duration, Instant};

use voxhall_transport::SequenceNumber;
use voxhall_transport::rtp::ExtendedSequence;

/// Lost packets that are remembered of one layer: those of a burst that can still be repaired in time.
pub(super) const CAPACITY: usize = 128;

/// How long a packet may be late before it counts as lost.
const REORDERING: Duration = Duration::from_millis(10);

/// How long an answer may take before the same packet is asked for again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a packet is asked for.
const TIMES: u8 = 4;

/// The gaps in one layer.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    newest: Option<u64>,
    /// In order of their place.
    missing: Vec<Missing>,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    place: u64,
    /// When to ask for it next.
    due: Instant,
    asked: u8,
}

impl Gaps {
    /// Makes room, so that noting a packet never has to. Without room no gap is remembered.
    pub(super) fn reserve(&mut self) {
        self.missing
            .reserve_exact(CAPACITY.saturating_sub(self.missing.len()));
    }

    /// The layer begins anew.
    pub(super) fn reset(&mut self) {
        self.newest = None;
        self.missing.clear();
    }

    /// A packet came. True if others are missing before it that are news.
    pub(super) fn note(&mut self, now: Instant, place: ExtendedSequence) -> bool {
        let place = place.0;
        let newest = match self.newest {
            Some(newest) if place > newest => newest,
            Some(_) => {
                self.fill(ExtendedSequence(place));
                return false;
            }
            None => place - 1,
        };
        self.newest = Some(place);
        let lost = place - newest - 1;
        let room = self.missing.capacity().min(CAPACITY);
        if lost > room as u64 {
            // More is lost than can be repaired: only a keyframe helps, and viewers ask for that.
            self.missing.clear();
            return false;
        }
        let excess = (self.missing.len() + lost as usize).saturating_sub(room);
        self.missing.drain(..excess);
        self.missing.extend((newest + 1..place).map(|place| Missing {
            place,
            due: now + REORDERING,
            asked: 0,
        }));
        lost > 0
    }

    /// A packet came after all.
    pub(super) fn fill(&mut self, place: ExtendedSequence) {
        if let Ok(index) = self
            .missing
            .binary_search_by_key(&place.0, |missing| missing.place)
        {
            self.missing.remove(index);
        }
    }

    /// When to ask next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.due).min()
    }

    /// Puts the numbers to be asked for now into `numbers`; gives up on those that were asked for often.
    pub(super) fn ask(&mut self, now: Instant, numbers: &mut Vec<SequenceNumber>) {
        self.missing.retain_mut(|missing| {
            if missing.due > now {
                return true;
            }
            if missing.asked == TIMES {
                return false;
            }
            missing.asked += 1;
            missing.due = now + PATIENCE;
            numbers.push(SequenceNumber(missing.place as u16));
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(now: Instant, places: &[u64]) -> Gaps {
        let mut gaps = Gaps::default();
        gaps.reserve();
        for &place in places {
            gaps.note(now, ExtendedSequence(place));
        }
        gaps
    }

    fn asked(gaps: &mut Gaps, now: Instant) -> Vec<u16> {
        let mut numbers = Vec::new();
        gaps.ask(now, &mut numbers);
        numbers.into_iter().map(|number| number.0).collect()
    }

    #[test]
    fn what_is_late_is_not_asked_for_and_what_is_lost_is() {
        let now = Instant::now();
        let mut gaps = gaps(now, &[65_535, 65_538, 65_536]);
        assert_eq!(asked(&mut gaps, now), [0_u16; 0], "it may only be late");
        assert_eq!(gaps.due(), Some(now + REORDERING));
        assert_eq!(asked(&mut gaps, now + REORDERING), [1]);
        assert_eq!(
            asked(&mut gaps, now + REORDERING),
            [0_u16; 0],
            "the answer is under way"
        );
        gaps.fill(ExtendedSequence(65_537));
        assert_eq!(gaps.due(), None);
    }

    #[test]
    fn after_some_times_it_is_given_up() {
        let now = Instant::now();
        let mut gaps = gaps(now, &[70_000, 70_002]);
        let mut at = now + REORDERING;
        for _ in 0..TIMES {
            assert_eq!(asked(&mut gaps, at).len(), 1);
            at += PATIENCE;
        }
        assert_eq!(asked(&mut gaps, at), [0_u16; 0]);
        assert_eq!(gaps.due(), None);
    }

    #[test]
    fn a_long_outage_is_not_repaired_and_memory_is_bounded() {
        let now = Instant::now();
        let mut gaps = gaps(now, &[70_000, 80_000]);
        assert_eq!(gaps.due(), None);
        for place in 0..200 {
            gaps.note(now, ExtendedSequence(80_000 + 2 * place));
        }
        assert_eq!(gaps.missing.len(), CAPACITY);
        assert_eq!(
            asked(&mut gaps, now + REORDERING).last(),
            Some(&((80_397_u64) as u16))
        );
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut gaps = Gaps::default();
        let now = Instant::now();
        assert!(!gaps.note(now, ExtendedSequence(70_000)));
        assert!(!gaps.note(now, ExtendedSequence(70_002)));
    }
}
