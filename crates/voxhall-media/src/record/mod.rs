//! Recording several people on one timeline.
//!
//! Each sender counts RTP timestamps from an origin of its own, and the network adds its delays. A [`Timeline`] puts
//! them side by side: where a sender's packet lies is known from its arrival once, and from then on by its timestamp.
//!
//! [`OggTrack`] writes one person's packets as they were received; `MixRecorder` decodes everyone into one WAV file.

#[cfg(feature = "opus-codec")]
mod mix;
mod order;
mod track;

use std::time::{Duration, Instant};

#[cfg(feature = "opus-codec")]
pub use mix::MixRecorder;
pub use track::OggTrack;

use crate::samples_in;

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

    /// The place-finder for one more RTP stream.
    #[must_use]
    pub const fn stream(&self) -> StreamClock {
        StreamClock {
            timeline: *self,
            latest: None,
        }
    }
}

/// Finds the places of one RTP stream's packets on a [`Timeline`].
#[derive(Debug, Clone)]
pub struct StreamClock {
    timeline: Timeline,
    latest: Option<(u32, u64)>,
}

impl StreamClock {
    /// The position of a packet with the RTP timestamp `timestamp` that arrived at `arrival`.
    ///
    /// Packets that follow each other by timestamp follow each other exactly. Where timestamps and arrival drift
    /// apart by more than half a second, as after a pause in which the sender's clock stood still, arrival counts.
    pub fn place(&mut self, timestamp: u32, arrival: Instant) -> u64 {
        let by_arrival = self.timeline.position(arrival);
        let by_timestamp = self.latest.and_then(|(latest, position)| {
            let step = i64::from(timestamp.wrapping_sub(latest) as i32);
            position.checked_add_signed(step)
        });
        let position = by_timestamp
            .filter(|position| position.abs_diff(by_arrival) <= samples_in(TOLERANCE))
            .unwrap_or(by_arrival);
        self.latest = Some((timestamp, position));
        position
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
