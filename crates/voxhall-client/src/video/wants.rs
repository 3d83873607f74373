//! Whose pictures are wanted, and how good (op 15, voice-gateway protocol, section 6.15).

use std::collections::BTreeMap;

use serde_json::Number;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{BEST_QUALITY, MediaSinkWants};

use super::VideoLayer;

/// How good somebody's pictures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoWant {
    /// 0 for none, 100 for the best; of several layers the best that is not above it.
    pub quality: u8,
    /// How many pixels the view has, if a larger layer would be of no use.
    pub pixels: Option<u32>,
}

impl VideoWant {
    /// No pictures.
    pub const NOTHING: Self = Self {
        quality: 0,
        pixels: None,
    };

    /// The best there are.
    pub const BEST: Self = Self {
        quality: BEST_QUALITY,
        pixels: None,
    };
}

/// Whose pictures a connection wants to be sent. Sound is not affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoWants {
    /// Everybody who is not named.
    pub others: VideoWant,
    /// Those who are.
    pub users: BTreeMap<UserId, VideoWant>,
}

impl Default for VideoWants {
    /// Nobody's.
    fn default() -> Self {
        Self {
            others: VideoWant::NOTHING,
            users: BTreeMap::new(),
        }
    }
}

impl VideoWants {
    /// Everybody's, at their best.
    #[must_use]
    pub const fn everybody() -> Self {
        Self {
            others: VideoWant::BEST,
            users: BTreeMap::new(),
        }
    }

    /// Only this user's, at their best.
    #[must_use]
    pub fn only(user: UserId) -> Self {
        Self::default().with(user, VideoWant::BEST)
    }

    /// The same, with this user's as said.
    #[must_use]
    pub fn with(mut self, user: UserId, want: VideoWant) -> Self {
        self.users.insert(user, want);
        self
    }

    /// What is wanted of a user.
    #[must_use]
    pub fn of(&self, user: UserId) -> VideoWant {
        self.users.get(&user).copied().unwrap_or(self.others)
    }

    /// The message that says so, with the layers that are known.
    pub(crate) fn message(&self, layers: &BTreeMap<UserId, Vec<VideoLayer>>) -> MediaSinkWants {
        // `any` is for sound as well.
        let mut message = MediaSinkWants::any(BEST_QUALITY);
        let mut pixels = BTreeMap::new();
        for (&user, layers) in layers {
            let want = self.of(user);
            for layer in layers {
                message.sources.insert(layer.ssrc, want.quality.min(BEST_QUALITY));
                if let Some(count) = want.pixels.filter(|_| want.quality > 0) {
                    pixels.insert(layer.ssrc, Number::from(count));
                }
            }
        }
        message.pixel_counts = (!pixels.is_empty()).then_some(pixels);
        message
    }
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::Ssrc;

    use super::*;

    #[test]
    fn sound_is_wanted_in_any_case() {
        let layer = |ssrc| VideoLayer {
            ssrc: Ssrc(ssrc),
            rtx: Ssrc(ssrc + 1),
            quality: 100,
            size: None,
        };
        let layers = BTreeMap::from([
            (UserId(1), vec![layer(11), layer(13)]),
            (UserId(2), vec![layer(21)]),
        ]);
        let nothing = VideoWants::default().message(&layers);
        assert_eq!(nothing.quality(Ssrc(10)), 100);
        assert_eq!((nothing.quality(Ssrc(13)), nothing.quality(Ssrc(21))), (0, 0));
        let small = VideoWant {
            quality: 50,
            pixels: Some(640 * 360),
        };
        let one = VideoWants::everybody().with(UserId(1), small).message(&layers);
        assert_eq!((one.quality(Ssrc(11)), one.quality(Ssrc(21))), (50, 100));
        assert_eq!(one.pixel_counts.unwrap().len(), 2);
    }
}
