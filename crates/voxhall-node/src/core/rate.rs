//! How many messages one client may send.

use std::time::{Duration, Instant};

/// The time over which messages are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// A bucket of messages that fills evenly: short bursts pass, a sustained rate above the limit does not.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// Messages that may still come now.
    left: f32,
    updated: Instant,
}

impl RateLimit {
    pub(super) fn new(now: Instant, per_minute: u32) -> Self {
        Self {
            left: per_minute as f32,
            updated: now,
        }
    }

    /// Counts one message; false if it is one too many.
    pub(super) fn take(&mut self, now: Instant, per_minute: u32) -> bool {
        let passed = now.saturating_duration_since(self.updated).as_secs_f32() / PERIOD.as_secs_f32();
        self.updated = now;
        self.left = (self.left + passed * per_minute as f32).min(per_minute as f32);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_sustained_rate_does_not() {
        let mut now = Instant::now();
        let mut limit = RateLimit::new(now, 120);
        assert!((0..120).all(|_| limit.take(now, 120)));
        assert!(!limit.take(now, 120));
        for _ in 0..600 {
            now += Duration::from_millis(501);
            assert!(limit.take(now, 120), "two messages a second are allowed for ever");
        }
    }
}
