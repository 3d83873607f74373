//! The rate that the delays allow (draft-ietf-rmcat-gcc-02 section 5.5): more by little while all is well, less by much
//! when a queue grows.

use super::Bitrate;
use super::trend::Usage;

/// What is left of the acknowledged rate after overuse.
const DECREASE: f64 = 0.85;
/// Growth in a second while nothing is known about the link.
const INCREASE: f64 = 1.08;
/// How far the rate may get ahead of what was acknowledged.
const AHEAD: f64 = 1.5;
const AHEAD_AT_LEAST: f64 = 10_000.0;
/// The least growth in a second near the link's capacity.
const LEAST_STEP: f64 = 4_000.0;
/// The packet that grows the rate near the capacity: one more in each time of reaction.
const PACKET_BITS: f64 = 1_200.0 * 8.0;
/// What the detection takes, on top of the way there and back, in microseconds.
const DETECTION_TIME: f64 = 100_000.0;
/// Two reductions are so far apart at least, and at most if the round trip takes longer.
const SHORTEST_REACTION: u64 = 10_000;
const LONGEST_REACTION: u64 = 200_000;
/// Growth is not made up for longer pauses between reports.
const LONGEST_STEP: u64 = 1_000_000;

/// What one report said, taken together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) now: u64,
    pub(super) usage: Usage,
    pub(super) acknowledged: Option<Bitrate>,
    /// Microseconds there and back.
    pub(super) round_trip: u64,
}

/// The controller of the delay-based rate.
#[derive(Debug)]
pub(super) struct RateControl {
    rate: f64,
    state: State,
    capacity: Capacity,
    changed_at: Option<u64>,
    reduced_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

impl RateControl {
    pub(super) fn starting_at(rate: Bitrate) -> Self {
        Self {
            rate: rate.0 as f64,
            state: State::Hold,
            capacity: Capacity::default(),
            changed_at: None,
            reduced_at: None,
        }
    }

    pub(super) fn rate(&self) -> Bitrate {
        Bitrate(self.rate as u64)
    }

    /// When the rate was last reduced.
    pub(super) const fn reduced_at(&self) -> Option<u64> {
        self.reduced_at
    }

    /// Believes a rate that was measured, if it is higher.
    pub(super) fn raise_to(&mut self, rate: Bitrate) {
        self.rate = self.rate.max(rate.0 as f64);
    }

    /// Lowers the rate without a report that says why.
    pub(super) fn lower_to(&mut self, rate: Bitrate) {
        self.rate = self.rate.min(rate.0 as f64);
    }

    pub(super) fn observe(&mut self, seen: &Observation) {
        match seen.usage {
            Usage::Over if self.may_reduce(seen) => self.reduce(seen),
            Usage::Over => {}
            // The queue empties: what is sent now must not fill it again.
            Usage::Under => self.state = State::Hold,
            Usage::Normal if self.state == State::Hold => {
                self.state = State::Increase;
                self.changed_at = Some(seen.now);
            }
            Usage::Normal => self.increase(seen),
        }
    }

    /// Whether the effect of the last reduction must have been seen by now, or is far too little.
    fn may_reduce(&self, seen: &Observation) -> bool {
        let reaction = seen.round_trip.clamp(SHORTEST_REACTION, LONGEST_REACTION);
        let waited = self
            .reduced_at
            .is_none_or(|last| seen.now.saturating_sub(last) >= reaction);
        waited
            || seen
                .acknowledged
                .is_some_and(|acknowledged| (acknowledged.0 as f64) < self.rate / 2.0)
    }

    fn reduce(&mut self, seen: &Observation) {
        let measured = seen
            .acknowledged
            .map_or(self.rate, |acknowledged| acknowledged.0 as f64);
        let mut reduced = DECREASE * measured;
        if reduced > self.rate
            && let Some(capacity) = self.capacity.mean
        {
            reduced = DECREASE * capacity;
        }
        self.rate = self.rate.min(reduced);
        if let Some(acknowledged) = seen.acknowledged {
            self.capacity.learn(acknowledged.0 as f64);
        }
        self.state = State::Hold;
        self.reduced_at = Some(seen.now);
        self.changed_at = Some(seen.now);
    }

    fn increase(&mut self, seen: &Observation) {
        let elapsed = self
            .changed_at
            .map_or(0, |last| seen.now.saturating_sub(last))
            .min(LONGEST_STEP);
        let seconds = elapsed as f64 / 1e6;
        self.changed_at = Some(seen.now);
        let Some(acknowledged) = seen.acknowledged.map(|acknowledged| acknowledged.0 as f64) else {
            return;
        };
        if self.capacity.is_below(acknowledged) {
            self.capacity = Capacity::default();
        }
        let grown = if self.capacity.mean.is_some() {
            let reaction = 2.0 * (seen.round_trip as f64 + DETECTION_TIME) / 1e6;
            self.rate + (PACKET_BITS / reaction).max(LEAST_STEP) * seconds
        } else {
            self.rate * INCREASE.powf(seconds) + 1_000.0 * seconds
        };
        let limit = AHEAD * acknowledged + AHEAD_AT_LEAST;
        self.rate = self.rate.max(grown.min(limit));
    }
}

/// What the link carried whenever its queue grew: its mean and how much that varies.
#[derive(Debug, Default)]
struct Capacity {
    mean: Option<f64>,
    /// Relative to the mean.
    variance: f64,
}

impl Capacity {
    const WEIGHT: f64 = 0.05;
    const LEAST_VARIANCE: f64 = 0.4;
    const GREATEST_VARIANCE: f64 = 2.5;

    /// Thousands of bits, in which the variance is kept as the draft has it.
    fn learn(&mut self, rate: f64) {
        let sample = rate / 1_000.0;
        let mean = self.mean.map_or(sample, |mean| {
            (1.0 - Self::WEIGHT) * (mean / 1_000.0) + Self::WEIGHT * sample
        });
        let error = mean - sample;
        let variance = (1.0 - Self::WEIGHT) * self.variance + Self::WEIGHT * error * error / mean.max(1.0);
        self.variance = variance.clamp(Self::LEAST_VARIANCE, Self::GREATEST_VARIANCE);
        self.mean = Some(mean * 1_000.0);
    }

    /// Whether a rate is more than the link was known to carry: then that is no longer true.
    fn is_below(&self, rate: f64) -> bool {
        self.mean.is_some_and(|mean| {
            let deviation = (self.variance * mean / 1_000.0).sqrt() * 1_000.0;
            rate > mean + 3.0 * deviation
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(now: u64, usage: Usage, acknowledged: u64) -> Observation {
        Observation {
            now: now * 1_000,
            usage,
            acknowledged: Some(Bitrate::kilobits(acknowledged)),
            round_trip: 100_000,
        }
    }

    #[test]
    fn overuse_takes_it_below_what_was_acknowledged() {
        let mut control = RateControl::starting_at(Bitrate::kilobits(2_000));
        control.observe(&seen(0, Usage::Over, 300));
        assert_eq!(control.rate(), Bitrate::kilobits(255));
        control.observe(&seen(50, Usage::Over, 200));
        assert_eq!(
            control.rate(),
            Bitrate::kilobits(255),
            "the effect cannot be seen yet"
        );
        control.observe(&seen(150, Usage::Over, 200));
        assert_eq!(control.rate(), Bitrate::kilobits(170));
    }

    #[test]
    fn it_grows_slowly_and_not_far_beyond_what_was_acknowledged() {
        let mut control = RateControl::starting_at(Bitrate::kilobits(500));
        for step in 0..=10 {
            control.observe(&seen(step * 100, Usage::Normal, 1_000));
        }
        assert!(
            (538_000..545_000).contains(&control.rate().0),
            "{}",
            control.rate()
        );
        for step in 11..1_000 {
            control.observe(&seen(step * 100, Usage::Normal, 400));
        }
        assert_eq!(control.rate(), Bitrate::kilobits(610));
    }

    #[test]
    fn near_the_known_capacity_it_grows_by_packets() {
        let mut control = RateControl::starting_at(Bitrate::kilobits(1_000));
        control.observe(&seen(0, Usage::Over, 1_000));
        for step in 1..=11 {
            control.observe(&seen(step * 100, Usage::Normal, 850));
        }
        let grown = control.rate().minus(Bitrate::kilobits(850));
        assert!((20_000..30_000).contains(&grown.0), "{grown}");
    }

    #[test]
    fn it_holds_while_the_queue_empties() {
        let mut control = RateControl::starting_at(Bitrate::kilobits(1_000));
        control.observe(&seen(0, Usage::Normal, 1_000));
        control.observe(&seen(100, Usage::Under, 1_000));
        control.observe(&seen(1_000, Usage::Normal, 1_000));
        assert_eq!(control.rate(), Bitrate::kilobits(1_000));
    }
}
