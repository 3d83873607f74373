//! Encoded pictures: the codecs that travel, what can be told from their bits without decoding, and where they come
//! from.
//!
//! A frame has one *normal form* in memory, whatever container or network it came from: H.264 and H.265 in Annex B with
//! four-byte start codes and without access unit delimiters, AV1 as OBUs that carry their size and without temporal
//! delimiters, VP8 and VP9 as they are.

mod av1;
mod bits;
mod h264;
mod h265;
mod nal;
mod sets;
mod vp8;
mod vp9;

use bytes::Bytes;

pub use av1::{Av1Config, Obu, ObuKind, obus};
pub use h264::AvcConfig;
pub use h265::HevcConfig;
pub use nal::{NalUnits, annex_b, nal_units};

pub(crate) use av1::{leb128, push_leb128};
pub(crate) use nal::{NalRules, find_start_code, push_start_code, to_length_prefixed, trim_zeros};

use crate::Result;

/// Ticks per second of every video timestamp (media transport, section 6).
pub const VIDEO_CLOCK: u32 = 90_000;

/// More bytes than this has no picture; files that claim more are damaged.
pub(crate) const MAX_FRAME: usize = 64 << 20;

/// A video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// H.264, also called AVC.
    H264,
    /// H.265, also called HEVC.
    H265,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

/// The pixels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PictureSize {
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl VideoCodec {
    /// All of them, the most modern first.
    pub const ALL: [Self; 5] = [Self::Av1, Self::H265, Self::H264, Self::Vp8, Self::Vp9];

    /// Whether a frame in normal form can be decoded without any before it.
    ///
    /// H.264 and H.265 count only with a slice of random access, AV1 only with the sequence header that decoders need.
    #[must_use]
    pub fn is_keyframe(self, frame: &[u8]) -> bool {
        match self {
            Self::H264 => h264::is_keyframe(frame),
            Self::H265 => h265::is_keyframe(frame),
            Self::Vp8 => vp8::is_keyframe(frame),
            Self::Vp9 => vp9::is_keyframe(frame),
            Self::Av1 => av1::is_keyframe(frame),
        }
    }

    /// The picture's size, as a keyframe in normal form states it.
    #[must_use]
    pub fn size(self, keyframe: &[u8]) -> Option<PictureSize> {
        match self {
            Self::H264 => h264::size(keyframe),
            Self::H265 => h265::size(keyframe),
            Self::Vp8 => vp8::size(keyframe),
            Self::Vp9 => vp9::size(keyframe),
            Self::Av1 => av1::size(keyframe),
        }
    }

    /// Brings a frame into normal form. Of what is no frame nothing is left.
    #[must_use]
    pub fn normal_form(self, frame: Bytes) -> Bytes {
        match self {
            Self::H264 => nal::normal_form(frame, h264::is_left_out),
            Self::H265 => nal::normal_form(frame, h265::is_left_out),
            Self::Vp8 | Self::Vp9 => frame,
            Self::Av1 => av1::normal_form(frame),
        }
    }

    /// The name people know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }
}

impl std::fmt::Display for VideoCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::fmt::Display for PictureSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

/// One picture as it is sent: everything that belongs to one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The picture in the codec's normal form.
    pub data: Bytes,
    /// When it is to be seen, in ticks of [`VIDEO_CLOCK`] from the beginning of its source. Where pictures are coded
    /// out of order this is not monotonic.
    pub timestamp: u64,
    /// Whether it can be decoded without any before it.
    pub keyframe: bool,
}

impl EncodedFrame {
    /// A picture of `codec`, brought into normal form.
    #[must_use]
    pub fn new(codec: VideoCodec, data: Bytes, timestamp: u64) -> Self {
        let data = codec.normal_form(data);
        let keyframe = codec.is_keyframe(&data);
        Self {
            data,
            timestamp,
            keyframe,
        }
    }
}

/// Where pictures come from: yields them in the order in which they are decoded, as fast as it is asked.
pub trait VideoSource: Send {
    /// How all of its pictures are encoded.
    fn codec(&self) -> VideoCodec;

    /// The next picture; `None` when the source has ended, and ever after.
    ///
    /// # Errors
    /// What the source's origin runs into, such as a file that breaks off. The source has then ended.
    fn next_frame(&mut self) -> Result<Option<EncodedFrame>>;
}

impl<S: VideoSource + ?Sized> VideoSource for Box<S> {
    fn codec(&self) -> VideoCodec {
        (**self).codec()
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        (**self).next_frame()
    }
}

/// Converts a time from one clock to another, to the nearest tick; what does not fit becomes the largest there is.
pub(crate) fn rescale(time: u64, from: u64, to: u64) -> u64 {
    let from = u128::from(from.max(1));
    let scaled = (u128::from(time) * u128::from(to) + from / 2) / from;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_convert_to_the_nearest_tick() {
        assert_eq!(rescale(1, 30, 90_000), 3_000);
        assert_eq!(rescale(33, 1_000, 90_000), 2_970);
        assert_eq!(rescale(1_001, 30_000, 90_000), 3_003);
        assert_eq!(rescale(2_970, 90_000, 1_000), 33);
        assert_eq!(rescale(u64::MAX, 1, 90_000), u64::MAX, "no wrap");
        assert_eq!(
            rescale(5, 0, 90_000),
            450_000,
            "a clock that stands still is no panic"
        );
    }

    #[test]
    fn bytes_that_are_no_picture_are_no_keyframe() {
        for codec in VideoCodec::ALL {
            for noise in [&[][..], &[0], &[0, 0, 1], &[0xFF; 40], &[0; 64]] {
                assert_eq!(codec.size(noise), None, "{codec} {noise:?}");
                let _ = codec.is_keyframe(noise);
                let _ = codec.normal_form(Bytes::copy_from_slice(noise));
            }
        }
    }
}
