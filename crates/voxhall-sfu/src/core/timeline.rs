//! One receiver's timestamps for a stream whose origin changes: each layer of a publisher counts from a number of its
//! own, and a publisher that begins anew does so again. What a WebRTC receiver gets under one SSRC has one time.

use std::time::{Duration, Instant};

/// Ticks of a video timestamp in a second.
const RATE: u128 = 90_000;

/// Further than this a stream that merely goes on is never from where its clock says. Two seconds.
const MAX_DEVIATION: u32 = 180_000;

/// Maps a publisher's timestamps to those that one receiver sees.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timeline {
    /// Added to the publisher's timestamp.
    shift: u32,
    last: Option<Last>,
}

/// The newest timestamp that was sent.
#[derive(Debug, Clone, Copy)]
struct Last {
    layer: u8,
    timestamp: u32,
    at: Instant,
}

impl Timeline {
    /// The receiver's timestamp for the publisher's.
    pub(super) fn forward(&mut self, now: Instant, layer: u8, timestamp: u32) -> u32 {
        if let Some(last) = self.last {
            let elapsed = ticks(now.saturating_duration_since(last.at));
            let expected = last.timestamp.wrapping_add(elapsed);
            let deviation = self.translate(timestamp).wrapping_sub(expected).cast_signed();
            if last.layer != layer || deviation.unsigned_abs() > MAX_DEVIATION {
                // Two frames have not the same time, however soon one follows the other.
                let next = last.timestamp.wrapping_add(elapsed.max(1));
                self.shift = next.wrapping_sub(timestamp);
            }
        }
        let translated = self.translate(timestamp);
        let is_newer = self.last.is_none_or(|last| {
            last.layer != layer || translated.wrapping_sub(last.timestamp).cast_signed() > 0
        });
        if is_newer {
            self.last = Some(Last {
                layer,
                timestamp: translated,
                at: now,
            });
        }
        translated
    }

    /// What a timestamp of the layer that is sent now is to the receiver.
    pub(super) fn translate(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.shift)
    }
}

fn ticks(elapsed: Duration) -> u32 {
    (elapsed.as_micros() * RATE / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_micros(33_333);

    #[test]
    fn a_single_layer_keeps_its_time() {
        let mut timeline = Timeline::default();
        let mut now = Instant::now();
        for frame in 0..200_u32 {
            let timestamp = (u32::MAX - 90_000).wrapping_add(frame * 3000 + frame % 3);
            assert_eq!(timeline.forward(now, 0, timestamp), timestamp);
            now += FRAME;
        }
    }

    #[test]
    fn another_layer_goes_on_where_the_first_was() {
        let mut timeline = Timeline::default();
        let now = Instant::now();
        assert_eq!(timeline.forward(now, 0, 1_000_000), 1_000_000);
        assert_eq!(timeline.forward(now + FRAME, 1, 77), 1_000_000 + 2_999);
        assert_eq!(
            timeline.forward(now + FRAME, 1, 77),
            1_000_000 + 2_999,
            "of one frame"
        );
        assert_eq!(timeline.forward(now + 2 * FRAME, 1, 3_077), 1_000_000 + 5_999);
        assert_eq!(timeline.translate(77), 1_002_999);
    }

    #[test]
    fn a_publisher_that_begins_anew_is_seen_on() {
        let mut timeline = Timeline::default();
        let now = Instant::now();
        timeline.forward(now, 0, 500);
        assert_eq!(timeline.forward(now + FRAME, 0, 2_000_000_000), 500 + 2_999);
        let later = now + Duration::from_secs(60);
        let paused = 2_000_000_000 + 90_000 * 60;
        assert_eq!(
            timeline.forward(later, 0, paused),
            500 + 90_000 * 60 + 2_999,
            "a pause is none"
        );
    }
}
