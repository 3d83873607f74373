//! What a receiver wants to get: op 15, `voice-gateway.md` section 6.15.

use voxhall_protocol::voice::Ssrc;

/// The quality that asks for the best there is.
pub const BEST_QUALITY: u8 = 100;

/// A receiver's wish for each SSRC. The default, which holds until the receiver says otherwise, is everything at its
/// best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    any: u8,
    /// Sorted by SSRC.
    listed: Vec<Want>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Want {
    ssrc: Ssrc,
    quality: Option<u8>,
    pixels: Option<u32>,
}

impl Default for Wants {
    fn default() -> Self {
        Self::any(BEST_QUALITY)
    }
}

impl Wants {
    /// The same wish for every SSRC: 0 for nothing, 100 for the best, more than 100 counts as 100.
    #[must_use]
    pub fn any(quality: u8) -> Self {
        Self {
            any: quality.min(BEST_QUALITY),
            listed: Vec::new(),
        }
    }

    /// Sets the wish for one primary SSRC, of audio or of a video layer.
    #[must_use]
    pub fn with_quality(mut self, ssrc: Ssrc, quality: u8) -> Self {
        self.entry(ssrc).quality = Some(quality.min(BEST_QUALITY));
        self
    }

    /// Sets how many pixels the receiver's view of one SSRC has: a layer larger than needed is not chosen.
    #[must_use]
    pub fn with_pixels(mut self, ssrc: Ssrc, pixels: u32) -> Self {
        self.entry(ssrc).pixels = Some(pixels);
        self
    }

    /// The wished quality of an SSRC, 0–100.
    #[must_use]
    pub fn quality(&self, ssrc: Ssrc) -> u8 {
        self.find(ssrc).and_then(|want| want.quality).unwrap_or(self.any)
    }

    /// The pixels of the receiver's view of an SSRC, if it told.
    #[must_use]
    pub fn pixels(&self, ssrc: Ssrc) -> Option<u32> {
        self.find(ssrc).and_then(|want| want.pixels)
    }

    /// Whether there may be an SSRC that is not wanted at all.
    pub(crate) fn refuses_any(&self) -> bool {
        self.any == 0 || self.listed.iter().any(|want| want.quality == Some(0))
    }

    fn find(&self, ssrc: Ssrc) -> Option<&Want> {
        let index = self.listed.binary_search_by_key(&ssrc, |want| want.ssrc).ok()?;
        self.listed.get(index)
    }

    fn entry(&mut self, ssrc: Ssrc) -> &mut Want {
        let index = match self.listed.binary_search_by_key(&ssrc, |want| want.ssrc) {
            Ok(index) => index,
            Err(index) => {
                self.listed.insert(
                    index,
                    Want {
                        ssrc,
                        quality: None,
                        pixels: None,
                    },
                );
                index
            }
        };
        &mut self.listed[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlisted_ssrcs_follow_any() {
        let wants = Wants::any(0)
            .with_quality(Ssrc(5), 100)
            .with_pixels(Ssrc(3), 640 * 360);
        assert_eq!(wants.quality(Ssrc(5)), 100);
        assert_eq!(wants.quality(Ssrc(3)), 0, "pixels alone are no wish");
        assert_eq!(wants.quality(Ssrc(4)), 0);
        assert_eq!(wants.pixels(Ssrc(3)), Some(640 * 360));
        assert_eq!(Wants::default().quality(Ssrc(1)), BEST_QUALITY);
    }

    #[test]
    fn a_later_wish_replaces_an_earlier_one_and_is_clamped() {
        let wants = Wants::default()
            .with_quality(Ssrc(9), 50)
            .with_quality(Ssrc(9), 255);
        assert_eq!(wants.quality(Ssrc(9)), BEST_QUALITY);
    }
}
