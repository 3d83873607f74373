//! Telling the first packet of a keyframe, without touching a codec's bits: decoders can start only there, so that is
//! where a receiver begins, and where a forwarder changes layers. Media transport, section 9.
//!
//! What is read here stays in the clear under end-to-end encryption, where codec and encryption allow it.

use super::{h26x, vp8, vp9};
use crate::video::VideoCodec;

/// Whether an RTP payload is the start of a keyframe.
#[must_use]
pub fn starts_keyframe(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        // A slice of random access, or the parameter set before it.
        VideoCodec::H264 => h26x::Format::H264.begins_any(payload, |kind| matches!(kind, 5 | 7)),
        VideoCodec::H265 => h26x::Format::H265.begins_any(payload, |kind| matches!(kind, 16..=23 | 32..=34)),
        VideoCodec::Vp8 => starts_vp8(payload),
        VideoCodec::Vp9 => starts_vp9(payload),
        VideoCodec::Av1 => starts_av1(payload),
    }
}

/// The first packet of the first partition, whose frame header has the P bit clear.
fn starts_vp8(payload: &[u8]) -> bool {
    const INTER_FRAME: u8 = 0x01;
    let header = vp8::content(payload).ok().and_then(<[u8]>::first);
    vp8::is_first(payload) && header.is_some_and(|header| header & INTER_FRAME == 0)
}

/// The begin of a frame that is not predicted from another, in the lowest spatial layer.
fn starts_vp9(payload: &[u8]) -> bool {
    const PREDICTED: u8 = 0x40;
    let flags = payload.first().copied();
    flags.is_some_and(|flags| flags & PREDICTED == 0) && vp9::is_first(payload)
}

/// The N bit of the aggregation header: the first packet of a coded video sequence.
fn starts_av1(payload: &[u8]) -> bool {
    const NEW_SEQUENCE: u8 = 0x08;
    payload.first().is_some_and(|&header| header & NEW_SEQUENCE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: VideoCodec, payload: &[u8], expected: bool) {
        assert_eq!(
            starts_keyframe(codec, payload),
            expected,
            "{codec:?} {payload:02x?}"
        );
    }

    #[test]
    fn h264_units_aggregates_and_fragments() {
        check(VideoCodec::H264, &[0x65, 0x88], true);
        check(VideoCodec::H264, &[0x41, 0x9a], false);
        check(
            VideoCodec::H264,
            &[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce],
            true,
        );
        check(VideoCodec::H264, &[0x78, 0, 2, 0x41, 0x42], false);
        check(VideoCodec::H264, &[0x7c, 0x85, 0x10], true);
        check(VideoCodec::H264, &[0x7c, 0x05, 0x10], false);
        check(VideoCodec::H264, &[0x7c, 0x45, 0x10], false);
    }

    #[test]
    fn h265_units_aggregates_and_fragments() {
        check(VideoCodec::H265, &[0x26, 0x01, 0xaf], true);
        check(VideoCodec::H265, &[0x02, 0x01, 0xd0], false);
        check(VideoCodec::H265, &[0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c], true);
        check(VideoCodec::H265, &[0x62, 0x01, 0x93, 0xaf], true);
        check(VideoCodec::H265, &[0x62, 0x01, 0x13, 0xaf], false);
    }

    #[test]
    fn vp8_descriptors() {
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x92, 0x34, 0x10], true);
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x92, 0x34, 0x11], false);
        check(VideoCodec::Vp8, &[0x80, 0x80, 0x92, 0x34, 0x10], false);
        check(VideoCodec::Vp8, &[0x10, 0x10], true);
        check(VideoCodec::Vp8, &[0x90, 0xe0, 0x12, 0x01, 0x20, 0x10], true);
    }

    #[test]
    fn vp9_and_av1() {
        check(VideoCodec::Vp9, &[0x8c, 0x80, 0x01], true);
        check(VideoCodec::Vp9, &[0xcc, 0x80, 0x01], false);
        check(VideoCodec::Vp9, &[0xa8, 0x01, 0x00], true);
        check(VideoCodec::Vp9, &[0xa8, 0x01, 0x02], false);
        check(VideoCodec::Av1, &[0x18, 0x0a], true);
        check(VideoCodec::Av1, &[0x10, 0x32], false);
    }

    #[test]
    fn cut_off_payloads_are_no_keyframes() {
        for codec in [
            VideoCodec::H264,
            VideoCodec::H265,
            VideoCodec::Vp8,
            VideoCodec::Vp9,
            VideoCodec::Av1,
        ] {
            check(codec, &[], false);
        }
        check(VideoCodec::H264, &[0x78, 0xff], false);
        check(VideoCodec::H265, &[0x62], false);
        check(VideoCodec::Vp8, &[0x90, 0xf0, 0x80], false);
        check(VideoCodec::Vp9, &[0xa8], false);
    }
}
