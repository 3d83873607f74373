//! Counting over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Remembers the times of what happened within a window. An idle one costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct SlidingWindow {
    times: VecDeque<Instant>,
}

impl SlidingWindow {
    /// Counts one more unless there are `limit` already; says whether it was counted.
    pub(crate) fn admit(&mut self, now: Instant, window: Duration, limit: usize) -> bool {
        while self
            .times
            .front()
            .is_some_and(|time| now.duration_since(*time) >= window)
        {
            self.times.pop_front();
        }
        let free = self.times.len() < limit;
        if free {
            self.times.push_back(now);
        }
        free
    }

    /// How long it takes until the oldest of what happened leaves the window.
    pub(crate) fn time_until_free(&self, now: Instant, window: Duration) -> Duration {
        let oldest = self.times.front();
        oldest.map_or(Duration::ZERO, |oldest| (*oldest + window).duration_since(now))
    }

    /// Whether nothing is left within the window.
    pub(crate) fn is_idle(&self, now: Instant, window: Duration) -> bool {
        self.times
            .back()
            .is_none_or(|newest| now.duration_since(*newest) >= window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let start = Instant::now();
        let window = Duration::from_secs(10);
        let mut seen = SlidingWindow::default();
        assert!(seen.admit(start, window, 2));
        assert!(seen.admit(start + Duration::from_secs(5), window, 2));
        assert!(!seen.admit(start + Duration::from_secs(9), window, 2));
        assert!(seen.admit(start + Duration::from_secs(10), window, 2));
        assert!(!seen.is_idle(start + Duration::from_secs(19), window));
        assert!(seen.is_idle(start + Duration::from_secs(20), window));
    }
}
