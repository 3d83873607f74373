//! What the begin of a movie tells of all of it.

use std::time::Duration;

use crate::Result;
use crate::video::{PictureSize, VIDEO_CLOCK, VideoSource};

/// How much of a movie is looked at.
const MAX_PICTURES: u32 = 1_200;
const MAX_BYTES: usize = 64 << 20;

/// What the begin of a movie tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survey {
    /// Pictures per second; `None` of a single picture.
    pub frame_rate: Option<f64>,
    /// Bits per second of the pictures; `None` of a single picture.
    pub bitrate: Option<u64>,
    /// How large the first picture is.
    pub size: Option<PictureSize>,
    /// The longest time between two keyframes, or from the last one on: so long may a viewer wait who comes later.
    pub keyframe_distance: Duration,
    /// Whether pictures are decoded in another order than they are seen (B-frames), which costs every viewer delay and
    /// which browsers may show out of order.
    pub reordered: bool,
}

impl Survey {
    /// Looks at the first forty seconds or so of a source.
    ///
    /// # Errors
    /// The source's own.
    pub fn of(source: &mut dyn VideoSource) -> Result<Self> {
        let codec = source.codec();
        let (mut first, mut last, mut count, mut bytes) = (None, 0, 0_u32, 0);
        let (mut keyframe, mut distance, mut reordered, mut size) = (None, 0, false, None);
        while count < MAX_PICTURES
            && bytes < MAX_BYTES
            && let Some(frame) = source.next_frame()?
        {
            first.get_or_insert(frame.timestamp);
            reordered |= frame.timestamp < last;
            last = last.max(frame.timestamp);
            count += 1;
            bytes += frame.data.len();
            distance = distance.max(
                frame
                    .timestamp
                    .saturating_sub(keyframe.unwrap_or(frame.timestamp)),
            );
            if frame.keyframe {
                keyframe = Some(frame.timestamp);
                size = size.or_else(|| codec.size(&frame.data));
            }
        }
        let span = last - first.unwrap_or(last).min(last);
        let seconds = span as f64 / f64::from(VIDEO_CLOCK);
        let steps = f64::from(count.saturating_sub(1));
        let frame_rate = (span > 0).then(|| steps / seconds);
        Ok(Self {
            frame_rate,
            bitrate: frame_rate.map(|rate| (bytes as f64 * 8.0 / f64::from(count) * rate) as u64),
            size,
            keyframe_distance: Duration::from_micros(distance * 100 / 9),
            reordered,
        })
    }
}
