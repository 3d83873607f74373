//! Whether a queue grows on the way (draft-ietf-rmcat-gcc-02 sections 5.3 and 5.4).
//!
//! The draft filters delay variations with a Kalman filter; a line through the last accumulated delays does as well and
//! is what senders use by now. Its slope is compared with a threshold that adapts, so that a stream beside others that
//! fill the queue does not starve.

use super::groups::Variation;

/// Delays that the line goes through.
const WINDOW: usize = 20;
/// How much of the smoothed delay stays with each new one.
const SMOOTHING: f64 = 0.9;
/// The slope is small; so many variations, at most, and this factor make it comparable with the threshold.
const GAIN: f64 = 4.0;
const MOST_VARIATIONS: u32 = 60;
/// Milliseconds of growing delay before it counts.
const OVERUSE_TIME: f64 = 10.0;
const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const GREATEST_THRESHOLD: f64 = 600.0;
/// How fast the threshold follows upwards and downwards, each millisecond.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A slope so far above the threshold is a sudden jump, which the threshold must not follow.
const JUMP: f64 = 15.0;
/// The threshold does not follow further than in so many milliseconds at once.
const LONGEST_STEP: f64 = 100.0;

/// What the delays say about the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue grows.
    Over,
    /// The queue shrinks.
    Under,
    /// Neither.
    Normal,
}

/// The line through the last delays, and its verdict.
#[derive(Debug)]
pub(super) struct Trend {
    /// Time of arrival and smoothed delay, in milliseconds; a ring.
    samples: [(f64, f64); WINDOW],
    count: u32,
    first_at: Option<u64>,
    accumulated: f64,
    smoothed: f64,
    slope: f64,
    threshold: f64,
    threshold_at: Option<u64>,
    /// For how long the slope is too steep; `None` while it is not.
    over_for: Option<f64>,
    over_count: u32,
    previous_trend: f64,
    usage: Usage,
}

impl Trend {
    pub(super) const fn new() -> Self {
        Self {
            samples: [(0.0, 0.0); WINDOW],
            count: 0,
            first_at: None,
            accumulated: 0.0,
            smoothed: 0.0,
            slope: 0.0,
            threshold: FIRST_THRESHOLD,
            threshold_at: None,
            over_for: None,
            over_count: 0,
            previous_trend: 0.0,
            usage: Usage::Normal,
        }
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes how the distance between two bursts changed.
    pub(super) fn push(&mut self, variation: Variation) {
        let sent = millis(variation.sent);
        let first = *self.first_at.get_or_insert(variation.at);
        self.accumulated += millis(variation.arrived) - sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let at = millis(variation.at.saturating_sub(first));
        self.samples[self.count as usize % WINDOW] = (at, self.smoothed);
        self.count = self.count.saturating_add(1);
        if self.count as usize >= WINDOW {
            self.slope = slope(&self.samples).unwrap_or(self.slope);
        }
        let trend = f64::from(self.count.min(MOST_VARIATIONS)) * self.slope * GAIN;
        self.judge(trend, sent);
        self.adapt(trend, variation.at);
    }

    fn judge(&mut self, trend: f64, sent: f64) {
        if trend > self.threshold {
            // The first time it is not known since when.
            let over_for = self.over_for.map_or(sent / 2.0, |over_for| over_for + sent);
            self.over_for = Some(over_for);
            self.over_count += 1;
            if over_for > OVERUSE_TIME && self.over_count > 1 && trend >= self.previous_trend {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if trend < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.previous_trend = trend;
    }

    fn adapt(&mut self, trend: f64, at: u64) {
        let step = self
            .threshold_at
            .map_or(0.0, |last| millis(at.saturating_sub(last)));
        self.threshold_at = Some(at);
        let distance = trend.abs() - self.threshold;
        if distance > JUMP {
            return;
        }
        let follow = if distance < 0.0 { FOLLOW_DOWN } else { FOLLOW_UP };
        let threshold = self.threshold + follow * distance * step.min(LONGEST_STEP);
        self.threshold = threshold.clamp(LEAST_THRESHOLD, GREATEST_THRESHOLD);
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// The slope of the line with the least squares through the samples; `None` if they are all of one time.
fn slope(samples: &[(f64, f64); WINDOW]) -> Option<f64> {
    let count = WINDOW as f64;
    let (sum_x, sum_y) = samples
        .iter()
        .fold((0.0, 0.0), |(x, y), sample| (x + sample.0, y + sample.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (above, below) = samples.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (
            above + (x - mean_x) * (y - mean_y),
            below + (x - mean_x) * (x - mean_x),
        )
    });
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bursts every 20 ms, each of which takes `growth` microseconds longer than the one before.
    fn after(trend: &mut Trend, start: &mut u64, bursts: u32, growth: i64) -> Usage {
        for _ in 0..bursts {
            let arrived = 20_000_u64.saturating_add_signed(growth);
            *start += arrived;
            trend.push(Variation {
                sent: 20_000,
                arrived,
                at: *start,
            });
        }
        trend.usage()
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_shrinking_one_underuse() {
        let (mut trend, mut at) = (Trend::new(), 0);
        assert_eq!(after(&mut trend, &mut at, 50, 0), Usage::Normal);
        assert_eq!(after(&mut trend, &mut at, 15, 4_000), Usage::Over);
        assert_eq!(after(&mut trend, &mut at, 40, 0), Usage::Normal);
        assert_eq!(after(&mut trend, &mut at, 20, -4_000), Usage::Under);
    }

    #[test]
    fn jitter_is_no_overuse() {
        let (mut trend, mut at) = (Trend::new(), 0);
        let mut random = voxhall_sim::Random::new(5);
        let mut late = 0;
        for burst in 0..2_000 {
            let now_late = random.below(8_000) as i64;
            let usage = after(&mut trend, &mut at, 1, now_late - late);
            late = now_late;
            assert_ne!(usage, Usage::Over, "burst {burst}");
        }
    }

    #[test]
    fn any_clock_is_taken() {
        let mut trend = Trend::new();
        for at in [0, u64::MAX, 5, u64::MAX / 2, 0] {
            for _ in 0..WINDOW {
                trend.push(Variation {
                    sent: at,
                    arrived: u64::MAX - at,
                    at,
                });
                assert!(trend.threshold.is_finite() && trend.slope.is_finite());
            }
        }
    }
}
