//! Wall-clock time: snowflakes and the timestamps of messages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use voxhall_protocol::ids::EPOCH_MS;

/// Unix milliseconds now.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Makes ids that grow: milliseconds since [`EPOCH_MS`] in the upper 42 bits, a maker's number and a count below.
#[derive(Debug)]
pub(crate) struct Snowflakes {
    maker: u64,
    last: AtomicU64,
}

impl Snowflakes {
    /// `maker` tells processes apart that share a directory; its lower ten bits count.
    pub(crate) fn new(maker: u64) -> Self {
        Self {
            maker: maker & 0x3ff,
            last: AtomicU64::new(0),
        }
    }

    /// The next id. More than 4096 in one millisecond borrow from the next one.
    pub(crate) fn next(&self, now_ms: u64) -> u64 {
        // The sequence of (millisecond, count) pairs, without the maker's bits.
        let floor = now_ms.saturating_sub(EPOCH_MS) << 12;
        let step = |last: u64| Some(floor.max(last + 1));
        let previous = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .expect("the step always gives a value");
        let current = floor.max(previous + 1);
        ((current >> 12) << 22) | (self.maker << 12) | (current & 0xfff)
    }

    /// An id that is followed by one which nobody else gets.
    pub(crate) fn next_pair(&self, now_ms: u64) -> u64 {
        loop {
            let first = self.next(now_ms);
            if self.next(now_ms) == first + 1 {
                return first;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_within_and_across_milliseconds() {
        let ids = Snowflakes::new(7);
        let now = EPOCH_MS + 1000;
        let many: Vec<u64> = (0..5000).map(|_| ids.next(now)).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(many[0] >> 22, 1000);
        assert_eq!(
            many[4999] >> 22,
            1001,
            "the 4097th borrows from the next millisecond"
        );
        assert!(ids.next(now + 50) > many[4999]);
    }

    #[test]
    fn a_pair_stands_side_by_side_even_at_the_turn_of_a_millisecond() {
        let ids = Snowflakes::new(7);
        let now = EPOCH_MS + 1000;
        let pairs: Vec<u64> = (0..3000).map(|_| ids.next_pair(now)).collect();
        assert!(pairs.windows(2).all(|pair| pair[0] + 1 < pair[1]));
        let alone = Snowflakes::new(7);
        for _ in 0..4095 {
            alone.next(now);
        }
        let first = alone.next_pair(now);
        assert_eq!(
            (first >> 22, first & 0xfff),
            (1001, 1),
            "4095 and 4096 are not side by side"
        );
    }
}
