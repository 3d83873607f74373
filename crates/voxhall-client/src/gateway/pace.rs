use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// At most so many messages within any stretch of time of that length.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    window: Duration,
    /// When the last messages went out, at most `limit` of them.
    sent: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit,
            window,
            sent: VecDeque::new(),
        }
    }

    /// The time from which on the next message may go out; `None`: at once.
    pub(super) fn free_at(&self) -> Option<Instant> {
        let oldest = self.sent.front().filter(|_| self.sent.len() >= self.limit)?;
        Some(*oldest + self.window)
    }

    /// Whether a message may go out now.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.free_at().is_none_or(|free| free <= now)
    }

    pub(super) fn note(&mut self, now: Instant) {
        if self.sent.len() >= self.limit {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// A new connection begins with a clean slate.
    pub(super) fn reset(&mut self) {
        self.sent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stretch_of_time_holds_more_than_the_limit() {
        let start = Instant::now();
        let mut pace = Pace::new(3, Duration::from_secs(10));
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..20 {
            now = pace.free_at().map_or(now, |free| free.max(now));
            pace.note(now);
            sent.push(now);
            now += Duration::from_millis(700);
        }
        for stretch in sent.windows(4) {
            assert!(stretch[3] - stretch[0] >= Duration::from_secs(10));
        }
    }
}
