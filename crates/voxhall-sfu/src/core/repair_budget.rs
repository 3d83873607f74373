//! How much a receiver may have sent again: a share of what its link carries. Its reports of losses can ask for more than
//! the stream itself takes, and on a narrow link that would be the room of the voices.

use std::time::{Duration, Instant};

use crate::bandwidth::Bitrate;

/// The share of the link. Ten percent of losses take about an eighth, as some of what is sent again gets lost too.
const SHARE: f64 = 0.25;
/// How much of that may go at once: losses come in bursts.
const BURST: Duration = Duration::from_millis(800);
/// At least so much may go at once: two packets.
const LEAST_BURST: f64 = 3_000.0;

/// What was sent again, as a debt that is paid off at a share of the link's rate.
#[derive(Debug, Default)]
pub(super) struct RepairBudget {
    /// Bytes.
    debt: f64,
    paid_at: Option<Instant>,
}

impl RepairBudget {
    /// Whether a packet may be sent again over a link that carries `estimate`.
    pub(super) fn allows(&mut self, now: Instant, estimate: Bitrate) -> bool {
        let bytes_per_second = SHARE * estimate.0 as f64 / 8.0;
        let since = self.paid_at.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(since).as_secs_f64();
        self.debt = (self.debt - bytes_per_second * elapsed).max(0.0);
        self.debt < (bytes_per_second * BURST.as_secs_f64()).max(LEAST_BURST)
    }

    /// A packet of so many bytes was sent again.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.debt += bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out in so many seconds if it is asked for a packet every 100 microseconds, in kbit/s.
    fn rate(estimate: u64, seconds: u64) -> u64 {
        let (mut budget, start) = (RepairBudget::default(), Instant::now());
        let mut sent = 0;
        for step in 0..seconds * 10_000 {
            let now = start + Duration::from_micros(100 * step);
            if budget.allows(now, Bitrate::kilobits(estimate)) {
                budget.spend(1_000);
                sent += 1_000;
            }
        }
        sent * 8 / 1_000 / seconds
    }

    #[test]
    fn a_quarter_of_the_link_may_be_sent_again() {
        for estimate in [300, 1_000, 5_000] {
            let rate = rate(estimate, 20);
            assert!(
                (estimate * 24 / 100..=estimate * 28 / 100).contains(&rate),
                "{rate} of {estimate}"
            );
        }
    }

    #[test]
    fn a_burst_may_go_at_once_and_then_no_more() {
        let burst = |estimate| {
            let (mut budget, now) = (RepairBudget::default(), Instant::now());
            (0..1_000)
                .take_while(|_| {
                    budget.spend(1_000);
                    budget.allows(now, Bitrate::kilobits(estimate))
                })
                .count()
        };
        assert_eq!(burst(50), 2);
        assert_eq!(burst(4_000), 99);
    }
}
