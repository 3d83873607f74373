//! How long packets wait on the way.

/// The shortest way is remembered for so long, because clocks drift and ways change.
const MEMORY: u64 = 20_000_000;
/// The share of a new packet in the smoothed waiting.
const WEIGHT: i64 = 16;

/// What packets take longer than the fastest of the last time, in microseconds.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    /// The shortest way in this period and in the one before, by clocks that have nothing to do with each other.
    shortest: Option<i64>,
    shortest_before: Option<i64>,
    period_began: u64,
    smoothed: i64,
}

impl QueueDelay {
    pub(super) fn push(&mut self, sent: u64, arrived: u64) {
        let way = arrived.cast_signed().saturating_sub(sent.cast_signed());
        if sent.saturating_sub(self.period_began) > MEMORY {
            self.period_began = sent;
            self.shortest_before = self.shortest.take();
        }
        let shortest = self.shortest.map_or(way, |shortest| shortest.min(way));
        self.shortest = Some(shortest);
        let base = self
            .shortest_before
            .map_or(shortest, |before| before.min(shortest));
        self.smoothed += way.saturating_sub(base).saturating_sub(self.smoothed) / WEIGHT;
    }

    /// The way has become longer by so much.
    pub(super) fn lengthen(&mut self, by: u64) {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        for shortest in [&mut self.shortest, &mut self.shortest_before]
            .into_iter()
            .flatten()
        {
            *shortest = shortest.saturating_add(by);
        }
        self.smoothed = self.smoothed.saturating_sub(by).max(0);
    }

    /// The smoothed waiting.
    pub(super) const fn waiting(&self) -> u64 {
        if self.smoothed < 0 {
            0
        } else {
            self.smoothed.cast_unsigned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_what_the_shortest_way_does_not_take() {
        let mut queue = QueueDelay::default();
        for packet in 0..100 {
            queue.push(packet * 10_000, 7_000_000 + packet * 10_000);
        }
        assert_eq!(queue.waiting(), 0);
        for packet in 100..200 {
            queue.push(packet * 10_000, 7_050_000 + packet * 10_000);
        }
        assert!(
            (45_000..=50_000).contains(&queue.waiting()),
            "{}",
            queue.waiting()
        );
        for packet in 200..5_000 {
            queue.push(packet * 10_000, 7_050_000 + packet * 10_000);
        }
        assert!(
            queue.waiting() < 100,
            "the way has become longer: {}",
            queue.waiting()
        );
    }

    #[test]
    fn any_clock_is_taken() {
        let mut queue = QueueDelay::default();
        for (sent, arrived) in [(0, u64::MAX), (u64::MAX, 0), (5, 1 << 63), (1 << 63, 5)] {
            queue.push(sent, arrived);
        }
        queue.waiting();
    }
}
