//! Ways that become longer at once, as on another route: no queue grows by that, however much later packets come.
//!
//! A queue that overflows with one burst looks the same at first. So a jump is held back from the trend until it is known
//! what follows: further delay is a queue, less delay was a burst, and so are losses; a delay that stays is the new way.

use super::groups::Variation;
use super::loss::Reported;

/// Less than this at once, in microseconds, is left to the trend.
const LEAST_JUMP: i64 = 20_000;
/// The share of a jump by which the delay may drift while it is thought to stay, and the least that counts as drift.
const DRIFT: i64 = 4;
const LEAST_DRIFT: i64 = 5_000;
/// It has stayed after so many bursts and so long.
const BURSTS: u32 = 4;
const LONG_ENOUGH: u64 = 150_000;
/// For so long after it was a queue, no jump is held back.
const GROWTH: u64 = 1_000_000;
/// So many losses, if they are more than this share of what was sent, come from a queue that is full. Packets that are
/// merely out of order look lost for a while.
const LOSSES: u32 = 3;
const MUCH_LOST: f64 = 0.25;

/// Holds jumps back until it is known what they were.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pending: Option<Jump>,
    /// What was held back of a jump that was a queue after all.
    owed: i64,
    /// Until when jumps are believed to be that queue, which grows on.
    believed_until: u64,
}

#[derive(Debug, Clone, Copy)]
struct Jump {
    /// In microseconds.
    size: i64,
    at: u64,
    newest: u64,
    /// By how much the delay changed since.
    drift: i64,
    bursts: u32,
    expected: u32,
    received: u32,
}

impl Steps {
    /// Takes how the distance between two bursts changed; returns how the trend is to see it.
    pub(super) fn push(&mut self, variation: Variation) -> Variation {
        let later = variation
            .arrived
            .cast_signed()
            .saturating_sub(variation.sent.cast_signed());
        let mut seen = later.saturating_add(std::mem::take(&mut self.owed));
        match &mut self.pending {
            None if later >= LEAST_JUMP && variation.at >= self.believed_until => {
                seen = seen.saturating_sub(later);
                self.pending = Some(Jump {
                    size: later,
                    at: variation.at,
                    newest: variation.at,
                    drift: 0,
                    bursts: 0,
                    expected: 0,
                    received: 0,
                });
            }
            None => {}
            Some(jump) => {
                jump.drift = jump.drift.saturating_add(later);
                jump.bursts += 1;
                jump.newest = jump.newest.max(variation.at);
                if jump.drift.saturating_abs() > (jump.size / DRIFT).max(LEAST_DRIFT) {
                    seen = seen.saturating_add(jump.size);
                    self.believed_until = variation.at.saturating_add(GROWTH);
                    self.pending = None;
                }
            }
        }
        Variation {
            arrived: variation.sent.saturating_add_signed(seen),
            ..variation
        }
    }

    /// Takes what a report said of losses. Returns by how much the way has become longer, once that is known.
    pub(super) fn conclude(&mut self, reported: &Reported) -> Option<u64> {
        let jump = self.pending.as_mut()?;
        jump.expected = jump.expected.saturating_add(reported.expected);
        jump.received = jump.received.saturating_add(reported.received);
        if jump.bursts < BURSTS || jump.newest.saturating_sub(jump.at) < LONG_ENOUGH {
            return None;
        }
        let jump = self.pending.take()?;
        let lost = jump.expected.saturating_sub(jump.received);
        if lost >= LOSSES && f64::from(lost) > MUCH_LOST * f64::from(jump.expected) {
            self.owed = jump.size;
            self.believed_until = jump.newest.saturating_add(GROWTH);
            return None;
        }
        Some(jump.size.cast_unsigned())
    }

    /// Whether it is not known yet what a jump was.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 33_000;

    /// Bursts of which each comes so many milliseconds later after the one before than it was sent; what the trend sees
    /// of that, and what is concluded when four packets of every burst are expected and `lost` of these are missing.
    fn after(delays: &[i64], lost: u32) -> (Vec<i64>, Vec<u64>) {
        let mut steps = Steps::default();
        let (mut seen, mut concluded, mut at) = (Vec::new(), Vec::new(), 1_000_000);
        for delay in delays {
            let arrived = FRAME.saturating_add_signed(delay * 1_000);
            at += arrived;
            let variation = Variation {
                sent: FRAME,
                arrived,
                at,
            };
            let pushed = steps.push(variation);
            seen.push((pushed.arrived.cast_signed() - pushed.sent.cast_signed()) / 1_000);
            let reported = Reported {
                expected: 4,
                received: 4 - lost,
                sent_at: 0,
            };
            concluded.extend(steps.conclude(&reported));
        }
        (seen, concluded)
    }

    #[test]
    fn a_way_that_becomes_longer_is_no_queue() {
        let (seen, concluded) = after(&[1, 100, -1, 2, 0, -2, 1, 0], 0);
        assert_eq!(seen, [1, 0, -1, 2, 0, -2, 1, 0]);
        assert_eq!(concluded, [100_000]);
    }

    #[test]
    fn a_growing_queue_is_seen_with_the_next_burst() {
        let (seen, concluded) = after(&[0, 50, 50, 50, 10], 0);
        assert_eq!(seen, [0, 0, 100, 50, 10]);
        assert_eq!(concluded, [0; 0]);
    }

    #[test]
    fn a_burst_that_passes_is_seen_as_it_was() {
        let (seen, concluded) = after(&[0, 60, -30, -30, 0, 0, 0, 0, 0], 0);
        assert_eq!(seen, [0, 0, 30, -30, 0, 0, 0, 0, 0]);
        assert_eq!(concluded, [0; 0]);
    }

    #[test]
    fn a_queue_that_is_full_at_once_loses_packets() {
        let (seen, concluded) = after(&[0, 90, 0, 0, 0, 0, 0, 0], 2);
        assert_eq!(seen.iter().sum::<i64>(), 90);
        assert_eq!(concluded, [0; 0]);
    }

    #[test]
    fn any_variation_is_taken() {
        let mut steps = Steps::default();
        for (sent, arrived) in [(0, u64::MAX), (u64::MAX, 0), (0, i64::MAX as u64), (1 << 63, 5)] {
            for at in [0, u64::MAX] {
                steps.push(Variation { sent, arrived, at });
            }
        }
    }
}
