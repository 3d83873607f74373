//! How far apart packets arrive from how far apart they were sent, and the delay that evens it out.

use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;

/// Width of a step of the histogram: the usual packet.
const STEP: Duration = Duration::from_millis(20);

/// Steps of the histogram; what comes later than the last counts as the last.
const STEPS: usize = 50;

/// How much of the past each new packet pushes out: half is forgotten after about seven seconds of speech.
const FORGET: f32 = 0.002;

/// Share of the packets that should arrive in time.
const IN_TIME: f32 = 0.97;

/// Packets after which the fastest transit seen is measured afresh, because the sender's clock drifts against ours.
const REMEASURE: u32 = 500;

/// A forgetful histogram of lateness: by how much each packet came later than the fastest one of its talk spurt.
#[derive(Debug)]
pub(super) struct ArrivalSpread {
    origin: Option<(Instant, i64)>,
    fastest: i64,
    fastest_before: i64,
    measured: u32,
    share: [f32; STEPS],
}

impl ArrivalSpread {
    pub(super) fn new() -> Self {
        let mut share = [0.0; STEPS];
        share[0] = 1.0;
        Self {
            origin: None,
            fastest: i64::MAX,
            fastest_before: i64::MAX,
            measured: 0,
            share,
        }
    }

    /// The next packet begins a talk spurt: what its timestamp says about the pause before it means nothing,
    /// because senders differ in whether timestamps run on through silence.
    pub(super) fn begin_spurt(&mut self) {
        self.origin = None;
    }

    /// Takes note of a packet with the extended media timestamp `timestamp` that arrived at `now`.
    pub(super) fn observe(&mut self, timestamp: i64, now: Instant) {
        let (started, first) = *self.origin.get_or_insert_with(|| {
            self.fastest = i64::MAX;
            self.fastest_before = i64::MAX;
            self.measured = 0;
            (now, timestamp)
        });
        let elapsed = now
            .saturating_duration_since(started)
            .as_micros()
            .min(i64::MAX as u128) as i64;
        let sent = (timestamp - first).saturating_mul(1_000_000) / i64::from(SAMPLE_RATE);
        let transit = elapsed.saturating_sub(sent);
        self.remember_fastest(transit);
        let lateness = transit
            .saturating_sub(self.fastest.min(self.fastest_before))
            .max(0);
        let step = (lateness / STEP.as_micros() as i64).min(STEPS as i64 - 1) as usize;
        for share in &mut self.share {
            *share *= 1.0 - FORGET;
        }
        self.share[step] += FORGET;
    }

    /// The delay with which nearly all packets would have come in time.
    pub(super) fn delay(&self) -> Duration {
        let total: f32 = self.share.iter().sum();
        let mut sum = 0.0;
        let in_time = self.share.iter().position(|share| {
            sum += share;
            sum >= IN_TIME * total
        });
        STEP * (in_time.unwrap_or(STEPS - 1) as u32 + 1)
    }

    fn remember_fastest(&mut self, transit: i64) {
        if self.measured == REMEASURE {
            self.fastest_before = self.fastest;
            self.fastest = i64::MAX;
            self.measured = 0;
        }
        self.measured += 1;
        self.fastest = self.fastest.min(transit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration_of;

    fn observe_every_20_ms(spread: &mut ArrivalSpread, packets: u32, late: impl Fn(u32) -> Duration) {
        let start = Instant::now();
        for index in 0..packets {
            let sent = STEP * index;
            spread.observe(i64::from(index) * 960, start + sent + late(index));
        }
    }

    #[test]
    fn steady_arrival_needs_one_step() {
        let mut spread = ArrivalSpread::new();
        observe_every_20_ms(&mut spread, 1_000, |_| Duration::from_millis(70));
        assert_eq!(spread.delay(), STEP);
    }

    #[test]
    fn the_delay_follows_the_late_ones_but_not_the_rare_outlier() {
        let mut spread = ArrivalSpread::new();
        observe_every_20_ms(&mut spread, 1_000, |index| {
            Duration::from_millis(if index % 10 == 3 { 90 } else { 0 })
        });
        assert_eq!(spread.delay(), Duration::from_millis(100));
        let mut spread = ArrivalSpread::new();
        observe_every_20_ms(&mut spread, 1_000, |index| {
            Duration::from_millis(if index == 500 { 900 } else { 0 })
        });
        assert_eq!(spread.delay(), STEP);
    }

    #[test]
    fn a_drifting_clock_is_no_jitter() {
        let mut spread = ArrivalSpread::new();
        // 200 ppm slow: after 20 minutes 240 ms behind.
        observe_every_20_ms(&mut spread, 60_000, |index| {
            Duration::from_micros(u64::from(index) * 4)
        });
        assert_eq!(spread.delay(), STEP);
    }

    #[test]
    fn a_pause_without_timestamps_is_no_jitter() {
        let mut spread = ArrivalSpread::new();
        let start = Instant::now();
        for spurt in 0..50 {
            spread.begin_spurt();
            for index in 0..20 {
                let sent = i64::from(spurt * 20 + index) * 960;
                spread.observe(
                    sent,
                    start + duration_of(sent as u64) + Duration::from_secs(1) * spurt as u32,
                );
            }
        }
        assert_eq!(spread.delay(), STEP);
    }
}
