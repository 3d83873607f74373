//! How much passes in a second.

use super::Bitrate;

const BUCKETS: usize = 10;

/// A rate over a sliding window of ten buckets. It is told the time in microseconds of any clock.
#[derive(Debug, Clone)]
pub struct RateMeter {
    /// Microseconds of one bucket.
    width: u64,
    buckets: [u32; BUCKETS],
    /// The number of the newest bucket, counted from the clock's zero.
    newest: u64,
    /// When the first bytes were counted, or the first after a pause as long as the window.
    first: Option<u64>,
    last: u64,
}

impl RateMeter {
    /// A meter with a window of so many milliseconds.
    #[must_use]
    pub const fn over_millis(window: u32) -> Self {
        Self {
            width: window as u64 * 1_000 / BUCKETS as u64,
            buckets: [0; BUCKETS],
            newest: 0,
            first: None,
            last: 0,
        }
    }

    /// Counts bytes. Those from before the window are not counted; those that are late by less are.
    pub fn record(&mut self, at: u64, bytes: usize) {
        self.advance(at);
        let behind = self.newest.saturating_sub(at / self.width);
        if behind >= BUCKETS as u64 {
            return;
        }
        self.first.get_or_insert(at);
        self.last = self.last.max(at);
        let bucket = &mut self.buckets[((self.newest - behind) % BUCKETS as u64) as usize];
        *bucket = bucket.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The rate at `now`; `None` while less than three buckets of time are counted.
    #[must_use]
    pub fn rate(&self, now: u64) -> Option<Bitrate> {
        self.rate_over(now, BUCKETS)
    }

    /// The rate at `now` of the later half of the window.
    #[must_use]
    pub fn latest(&self, now: u64) -> Option<Bitrate> {
        self.rate_over(now, BUCKETS / 2)
    }

    fn rate_over(&self, now: u64, buckets: usize) -> Option<Bitrate> {
        let first = self.first?;
        let now = now.max(self.last);
        let oldest = (now / self.width).saturating_sub(buckets as u64 - 1);
        let start = first.max(oldest * self.width);
        let elapsed = now.saturating_sub(start);
        if now.saturating_sub(first) < 3 * self.width {
            return None;
        }
        let bytes = (oldest..=self.newest)
            .rev()
            .take(buckets)
            .map(|number| u64::from(self.buckets[(number % BUCKETS as u64) as usize]))
            .sum();
        Bitrate::of(bytes, elapsed)
    }

    /// Empties the buckets that the time has left behind.
    fn advance(&mut self, at: u64) {
        let bucket = at / self.width;
        if bucket <= self.newest {
            return;
        }
        if bucket - self.newest >= BUCKETS as u64 {
            self.buckets = [0; BUCKETS];
            self.first = None;
        } else {
            for number in self.newest + 1..=bucket {
                self.buckets[(number % BUCKETS as u64) as usize] = 0;
            }
        }
        self.newest = bucket;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate() {
        let mut meter = RateMeter::over_millis(500);
        for packet in 0..1_000_u64 {
            meter.record(packet * 10_000, 1_000);
            let rate = meter.rate(packet * 10_000);
            assert!(
                (packet < 15 && rate.is_none())
                    || rate.is_some_and(|rate| (790_000..900_000).contains(&rate.0)),
                "{packet}: {rate:?}"
            );
        }
    }

    #[test]
    fn the_rate_falls_when_nothing_comes() {
        let mut meter = RateMeter::over_millis(1_000);
        for packet in 0..100 {
            meter.record(packet * 10_000, 1_000);
        }
        assert!(meter.rate(1_500_000).is_some_and(|rate| rate.0 < 500_000));
        assert_eq!(meter.rate(5_000_000), Some(Bitrate::ZERO));
        meter.record(9_000_000, 1_000);
        assert_eq!(meter.rate(9_000_000), None, "it begins anew");
    }

    #[test]
    fn what_comes_late_counts_and_what_comes_too_late_does_not() {
        let mut meter = RateMeter::over_millis(1_000);
        meter.record(5_000_000, 1_000);
        meter.record(5_900_000, 1_000);
        let before = meter.rate(5_900_000);
        meter.record(4_000_000, 100_000);
        assert_eq!(meter.rate(5_900_000), before);
        meter.record(5_500_000, 1_000);
        assert!(meter.rate(5_900_000) > before);
    }
}
