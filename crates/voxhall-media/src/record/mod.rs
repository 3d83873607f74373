//! Recording several people on one timeline.
//!
//! Each sender counts RTP timestamps from an origin of its own, and the network adds its delays. A [`Timeline`] puts
//! them side by side: where a sender's packet lies is known from its arrival once, and from then on by its timestamp.
//!
//! [`OggTrack`] writes one person's packets as they were received; `MixRecorder` decodes everyone into one WAV file;
//! [`MovieTrack`] writes one person's pictures and sound into one Matroska file.

#[cfg(feature = "opus-codec")]
mod mix;
mod movie;
mod order;
mod track;

use std::time::{Duration, Instant};

#[cfg(feature = "opus-codec")]
pub use mix::MixRecorder;
pub use movie::{MovieTrack, Taken};
pub use track::OggTrack;

use crate::{SAMPLE_RATE, samples_in};

/// How far the place by timestamp may be off the place by arrival before the timestamps are taken to have jumped.
const TOLERANCE: Duration = Duration::from_millis(500);

/// The common time of a recording, counted in samples at 48 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    start: Instant,
}

impl Timeline {
    /// Position zero is now.
    #[must_use]
    pub const fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// The position of an instant; zero for what lies before the start.
    #[must_use]
    pub fn position(&self, at: Instant) -> u64 {
        samples_in(at.saturating_duration_since(self.start))
    }

    /// The place-finder for one more RTP stream of sound.
    #[must_use]
    pub const fn stream(&self) -> StreamClock {
        self.stream_at(SAMPLE_RATE)
    }

    /// The place-finder for one more RTP stream whose timestamps count `rate` ticks a second.
    #[must_use]
    pub const fn stream_at(&self, rate: u32) -> StreamClock {
        StreamClock {
            timeline: *self,
            rate,
            anchor: None,
            newest: None,
        }
    }
}

/// Finds the places of one RTP stream's packets on a [`Timeline`].
#[derive(Debug, Clone)]
pub struct StreamClock {
    timeline: Timeline,
    rate: u32,
    /// A timestamp and its place, from which the next ones count.
    anchor: Option<(u32, u64)>,
    /// The newest timestamp and its place.
    newest: Option<(u32, u64)>,
}

impl StreamClock {
    /// The position of a packet with the RTP timestamp `timestamp` that arrived at `arrival`.
    ///
    /// Packets that follow each other by timestamp follow each other exactly. Where timestamps and arrival drift
    /// apart by more than half a second, as after a pause in which the sender's clock stood still, arrival counts. Time
    /// does not go back with that: after a burst that came late, what comes in time again is put closely behind it.
    pub fn place(&mut self, timestamp: u32, arrival: Instant) -> u64 {
        let by_arrival = self.timeline.position(arrival);
        let by_timestamp = self.anchor.and_then(|anchor| self.count_on(anchor, timestamp));
        let in_tolerance =
            by_timestamp.filter(|position| position.abs_diff(by_arrival) <= samples_in(TOLERANCE));
        let position = in_tolerance.unwrap_or_else(|| by_arrival.max(self.least(timestamp)));
        if self.advance(timestamp).is_none_or(|advance| advance > 0) {
            self.newest = Some((timestamp, position));
        }
        let step = self
            .anchor
            .map_or(0, |(anchor, _)| timestamp.wrapping_sub(anchor).cast_signed());
        match self.anchor {
            // Within a second of the anchor the rounding of other clocks cannot add up, so it stays where it is.
            Some(_) if in_tolerance.is_some() && step.unsigned_abs() < self.rate => {}
            Some((anchor, at)) if in_tolerance.is_some() => {
                let seconds = step / self.rate.cast_signed();
                let ticks = (seconds * self.rate.cast_signed()).cast_unsigned();
                let samples = i64::from(seconds) * i64::from(SAMPLE_RATE);
                self.anchor = Some((anchor.wrapping_add(ticks), at.saturating_add_signed(samples)));
            }
            _ => self.anchor = Some((timestamp, position)),
        }
        position
    }

    /// How far a timestamp lies behind the newest; negative before it.
    fn advance(&self, timestamp: u32) -> Option<i32> {
        let (newest, _) = self.newest?;
        Some(timestamp.wrapping_sub(newest).cast_signed())
    }

    /// The first place that a timestamp may have: files keep times by the millisecond, and in order.
    fn least(&self, timestamp: u32) -> u64 {
        match self.newest {
            Some((_, place)) if self.advance(timestamp) > Some(0) => {
                place + samples_in(Duration::from_millis(1))
            }
            _ => 0,
        }
    }

    /// The place of a timestamp, counted from that of another; `None` before the start.
    fn count_on(&self, (anchor, position): (u32, u64), timestamp: u32) -> Option<u64> {
        let step = i64::from(timestamp.wrapping_sub(anchor).cast_signed());
        position.checked_add_signed(step * i64::from(SAMPLE_RATE) / i64::from(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_DURATION;

    #[test]
    fn jitter_does_not_move_packets() {
        let start = Instant::now();
        let mut clock = Timeline::starting_at(start).stream();
        let base = u32::MAX - 2_000;
        for index in 0..100u32 {
            let late = Duration::from_millis(u64::from(index * 37 % 90));
            let arrival = start + Duration::from_secs(1) + FRAME_DURATION * index + late;
            assert_eq!(
                clock.place(base.wrapping_add(index * 960), arrival),
                48_000 + u64::from(index) * 960
            );
        }
    }

    #[test]
    fn a_clock_that_stood_still_or_leapt_is_set_by_arrival() {
        let start = Instant::now();
        let mut clock = Timeline::starting_at(start).stream();
        assert_eq!(clock.place(0, start), 0);
        assert_eq!(clock.place(960, start + Duration::from_secs(5)), 240_000);
        assert_eq!(
            clock.place(1_920, start + Duration::from_secs(5) + FRAME_DURATION),
            240_960
        );
        assert_eq!(clock.place(9_000_000, start + Duration::from_secs(6)), 288_000);
    }

    #[test]
    fn time_does_not_go_back_when_a_late_burst_is_over() {
        let start = Instant::now();
        let mut clock = Timeline::starting_at(start).stream_at(90_000);
        let mut last = None;
        for index in 0..60_u64 {
            // The pictures of half a second are 600 ms late.
            let late = if (10..25).contains(&index) { 600 } else { 0 };
            let arrival = start + Duration::from_millis(index * 33 + late);
            let place = clock.place(u32::try_from(index).unwrap() * 2_970, arrival);
            assert!(last < Some(place), "picture {index}: {place} after {last:?}");
            last = Some(place);
        }
        let due = 59 * 33 * 48;
        assert!(last.unwrap().abs_diff(due) <= samples_in(TOLERANCE), "{last:?}");
    }

    #[test]
    fn other_clocks_do_not_drift_by_rounding() {
        let start = Instant::now();
        let mut clock = Timeline::starting_at(start).stream_at(90_000);
        // 29.97 pictures a second, for three hours.
        for index in 0..324_000u32 {
            let arrival = start + Duration::from_secs(u64::from(index) * 1_001) / 30_000;
            let position = clock.place(index.wrapping_mul(3_003).wrapping_sub(77), arrival);
            let due = u64::from(index) * 3_003 * 48 / 90;
            assert!(position.abs_diff(due) <= 1, "{position} instead of {due}");
        }
    }

    #[test]
    fn two_senders_lie_side_by_side() {
        let start = Instant::now();
        let timeline = Timeline::starting_at(start);
        let (mut a, mut b) = (timeline.stream(), timeline.stream());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(a.place(123_456, at(100)), 4_800);
        assert_eq!(b.place(77, at(200)), 9_600);
        assert_eq!(a.place(123_456 + 4_800, at(210)), 9_600);
    }
}
