//! Where in its frame a payload stands, as far as it tells by itself.

use super::{h26x, vp8, vp9};
use crate::video::VideoCodec;

/// What a payload tells of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The first of its frame.
    First,
    /// Not the first.
    Inner,
    /// Either; only the packet before it tells.
    Unknown,
}

/// Tells where in its frame a payload stands.
///
/// H.264 and H.265 know no first packet, but parameter sets and delimiters come before everything else.
#[must_use]
pub fn place_in_frame(codec: VideoCodec, payload: &[u8]) -> Place {
    let known = |is_first| if is_first { Place::First } else { Place::Inner };
    match codec {
        VideoCodec::H264 => h26x_place(h26x::Format::H264, &[7, 9], payload),
        VideoCodec::H265 => h26x_place(h26x::Format::H265, &[32, 35], payload),
        VideoCodec::Vp8 => known(vp8::is_first(payload)),
        VideoCodec::Vp9 => known(vp9::is_first(payload)),
        VideoCodec::Av1 => av1_place(payload),
    }
}

fn h26x_place(format: h26x::Format, first: &[u8], payload: &[u8]) -> Place {
    match format.leading_kind(payload) {
        Some(kind) if first.contains(&kind) => Place::First,
        Some(_) => Place::Unknown,
        None => Place::Inner,
    }
}

fn av1_place(payload: &[u8]) -> Place {
    const CONTINUES: u8 = 0x80;
    const NEW_SEQUENCE: u8 = 0x08;
    match payload.first() {
        Some(header) if header & CONTINUES != 0 => Place::Inner,
        Some(header) if header & NEW_SEQUENCE != 0 => Place::First,
        Some(_) => Place::Unknown,
        None => Place::Inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: VideoCodec, payload: &[u8], expected: Place) {
        assert_eq!(place_in_frame(codec, payload), expected, "{codec} {payload:x?}");
    }

    #[test]
    fn parameter_sets_and_delimiters_are_first() {
        check(VideoCodec::H264, &[0x67, 0x42], Place::First);
        check(VideoCodec::H264, &[0x78, 0, 2, 0x67, 0x42], Place::First);
        check(VideoCodec::H264, &[0x78, 0, 2, 0x06, 0x05], Place::Unknown);
        check(VideoCodec::H264, &[0x7C, 0x85], Place::Unknown);
        check(VideoCodec::H264, &[0x7C, 0x05], Place::Inner);
        check(VideoCodec::H264, &[0x09, 0xF0], Place::First);
        check(VideoCodec::H265, &[0x40, 0x01], Place::First);
        check(VideoCodec::H265, &[0x60, 0x01, 0, 2, 0x40, 0x01], Place::First);
        check(VideoCodec::H265, &[0x26, 0x01], Place::Unknown);
        check(VideoCodec::H265, &[0x62, 0x01, 0x13], Place::Inner);
    }

    #[test]
    fn the_other_codecs_say_it() {
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x92, 0x34], Place::First);
        check(VideoCodec::Vp8, &[0x80, 0x80, 0x92, 0x34], Place::Inner);
        check(VideoCodec::Vp9, &[0x8C, 0x01], Place::First);
        check(VideoCodec::Av1, &[0x18], Place::First);
        check(VideoCodec::Av1, &[0x90], Place::Inner);
        check(VideoCodec::Av1, &[0x10], Place::Unknown);
        for codec in VideoCodec::ALL {
            check(codec, &[], Place::Inner);
        }
    }
}
