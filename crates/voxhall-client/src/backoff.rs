//! Exponential back-off with jitter, counted and bounded.

use std::time::Duration;

use rand::Rng;

/// How long to wait between tries, and how many tries there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Wait before the second try; the first one goes at once.
    pub first: Duration,
    /// No wait is longer than this, jitter aside.
    pub longest: Duration,
    /// Tries before giving up.
    pub tries: u32,
}

impl Default for BackoffPolicy {
    /// Five tries over about fifteen seconds.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(8),
            tries: 5,
        }
    }
}

/// Counts the tries of one trouble; [`Backoff::reset`] when it is over.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: BackoffPolicy,
    used: u32,
}

impl Backoff {
    pub(crate) fn new(policy: BackoffPolicy) -> Self {
        Self { policy, used: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.used = 0;
    }

    /// The number of the try that [`Backoff::next`] handed out last, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.used
    }

    /// The wait before the next try, or `None` when all are used up.
    ///
    /// Each wait is half fixed and half random, so that a thousand clients which lost one server do not come back in
    /// the same millisecond.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Option<Duration> {
        if self.used >= self.policy.tries {
            return None;
        }
        self.used += 1;
        if self.used == 1 {
            return Some(Duration::ZERO);
        }
        let doublings = (self.used - 2).min(16);
        let full = (self.policy.first * 2u32.pow(doublings)).min(self.policy.longest);
        Some(full / 2 + full.mul_f64(rng.random::<f64>() / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_end() {
        let mut rng = StdRng::seed_from_u64(1);
        let policy = BackoffPolicy::default();
        let mut backoff = Backoff::new(policy);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next(&mut rng)).collect();
        assert_eq!(waits.len(), 5);
        assert_eq!(waits[0], Duration::ZERO);
        for (doublings, wait) in waits[1..].iter().enumerate() {
            let full = (policy.first * 2u32.pow(doublings as u32)).min(policy.longest);
            assert!(*wait >= full / 2 && *wait <= full, "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert_eq!(backoff.next(&mut rng), Some(Duration::ZERO));
        assert_eq!(backoff.attempt(), 1);
    }
}
