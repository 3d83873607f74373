//! Telling the first packet of a keyframe, without touching a codec's bits: decoders can start only there, so that is
//! where a receiver changes layers. `media-transport.md` section 9.
//!
//! What is read here stays in the clear under end-to-end encryption, where codec and encryption allow it.

use crate::payload_types::MediaCodec;

/// Whether an RTP payload is the start of a keyframe.
pub(super) fn starts_keyframe(codec: MediaCodec, payload: &[u8]) -> bool {
    match codec {
        MediaCodec::Opus => false,
        MediaCodec::H264 => h264(payload),
        MediaCodec::H265 => h265(payload),
        MediaCodec::Vp8 => vp8(payload),
        MediaCodec::Vp9 => vp9(payload),
        MediaCodec::Av1 => av1(payload),
    }
}

/// RFC 6184: an IDR slice or the parameter set before it, alone, in an aggregate or as a first fragment.
fn h264(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let kind = |header: u8| header & 0x1f;
    let is_key = |kind: u8| matches!(kind, IDR | SPS);
    match payload.first().copied().map(kind) {
        Some(STAP_A) => {
            aggregated(&payload[1..]).any(|unit| unit.first().copied().map(kind).is_some_and(is_key))
        }
        Some(FU_A) => payload
            .get(1)
            .is_some_and(|&header| header & FRAGMENT_START != 0 && is_key(kind(header))),
        Some(single) => is_key(single),
        None => false,
    }
}

/// RFC 7798: a picture of random access or a parameter set before it.
fn h265(payload: &[u8]) -> bool {
    const AGGREGATE: u8 = 48;
    const FRAGMENT: u8 = 49;
    const HEADER: usize = 2;
    let kind = |header: u8| (header >> 1) & 0x3f;
    let is_key = |kind: u8| matches!(kind, 16..=23 | 32..=34);
    match payload.first().copied().map(kind) {
        Some(AGGREGATE) => aggregated(payload.get(HEADER..).unwrap_or_default())
            .any(|unit| unit.first().copied().map(kind).is_some_and(is_key)),
        Some(FRAGMENT) => payload
            .get(HEADER)
            .is_some_and(|&header| header & FRAGMENT_START != 0 && is_key(header & 0x3f)),
        Some(single) => is_key(single),
        None => false,
    }
}

/// The start bit in the fragment headers of both H.264 and H.265.
const FRAGMENT_START: u8 = 0x80;

/// The units of an aggregate, each behind its 16-bit length; ends at the first that does not fit.
fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(unit)
    })
}

/// RFC 7741: the first packet of the first partition, whose frame header has the P bit clear.
fn vp8(payload: &[u8]) -> bool {
    const EXTENDED: u8 = 0x80;
    const START: u8 = 0x10;
    const PARTITION: u8 = 0x0f;
    const PICTURE_ID: u8 = 0x80;
    const TL0_PICTURE: u8 = 0x40;
    const TID_OR_KEY: u8 = 0x30;
    const INTER_FRAME: u8 = 0x01;
    let Some(&descriptor) = payload.first() else {
        return false;
    };
    if descriptor & START == 0 || descriptor & PARTITION != 0 {
        return false;
    }
    let mut position = 1;
    if descriptor & EXTENDED != 0 {
        let Some(&extension) = payload.get(1) else {
            return false;
        };
        position += 1;
        if extension & PICTURE_ID != 0 {
            let long = payload.get(position).is_some_and(|&id| id & 0x80 != 0);
            position += if long { 2 } else { 1 };
        }
        position += usize::from(extension & TL0_PICTURE != 0) + usize::from(extension & TID_OR_KEY != 0);
    }
    payload
        .get(position)
        .is_some_and(|&header| header & INTER_FRAME == 0)
}

/// RFC 9628: the begin of a frame that is not predicted from another, in the lowest spatial layer.
fn vp9(payload: &[u8]) -> bool {
    const PICTURE_ID: u8 = 0x80;
    const PREDICTED: u8 = 0x40;
    const LAYERS: u8 = 0x20;
    const BEGIN: u8 = 0x08;
    const SPATIAL_ID: u8 = 0x0e;
    let Some(&descriptor) = payload.first() else {
        return false;
    };
    if descriptor & PREDICTED != 0 || descriptor & BEGIN == 0 {
        return false;
    }
    if descriptor & LAYERS == 0 {
        return true;
    }
    let mut position = 1;
    if descriptor & PICTURE_ID != 0 {
        let long = payload.get(position).is_some_and(|&id| id & 0x80 != 0);
        position += if long { 2 } else { 1 };
    }
    payload
        .get(position)
        .is_some_and(|&layers| layers & SPATIAL_ID == 0)
}

/// AV1 RTP: the N bit of the aggregation header, the first packet of a coded video sequence.
fn av1(payload: &[u8]) -> bool {
    const NEW_SEQUENCE: u8 = 0x08;
    payload.first().is_some_and(|&header| header & NEW_SEQUENCE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: MediaCodec, payload: &[u8], expected: bool) {
        assert_eq!(
            starts_keyframe(codec, payload),
            expected,
            "{codec:?} {payload:02x?}"
        );
    }

    #[test]
    fn h264_units_aggregates_and_fragments() {
        check(MediaCodec::H264, &[0x65, 0x88], true);
        check(MediaCodec::H264, &[0x41, 0x9a], false);
        check(
            MediaCodec::H264,
            &[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce],
            true,
        );
        check(MediaCodec::H264, &[0x78, 0, 2, 0x41, 0x42], false);
        check(MediaCodec::H264, &[0x7c, 0x85, 0x10], true);
        check(MediaCodec::H264, &[0x7c, 0x05, 0x10], false);
        check(MediaCodec::H264, &[0x7c, 0x45, 0x10], false);
    }

    #[test]
    fn h265_units_aggregates_and_fragments() {
        check(MediaCodec::H265, &[0x26, 0x01, 0xaf], true);
        check(MediaCodec::H265, &[0x02, 0x01, 0xd0], false);
        check(MediaCodec::H265, &[0x60, 0x01, 0, 3, 0x40, 0x01, 0x0c], true);
        check(MediaCodec::H265, &[0x62, 0x01, 0x93, 0xaf], true);
        check(MediaCodec::H265, &[0x62, 0x01, 0x13, 0xaf], false);
    }

    #[test]
    fn vp8_descriptors() {
        check(MediaCodec::Vp8, &[0x90, 0x80, 0x92, 0x34, 0x10], true);
        check(MediaCodec::Vp8, &[0x90, 0x80, 0x92, 0x34, 0x11], false);
        check(MediaCodec::Vp8, &[0x80, 0x80, 0x92, 0x34, 0x10], false);
        check(MediaCodec::Vp8, &[0x10, 0x10], true);
        check(MediaCodec::Vp8, &[0x90, 0xe0, 0x12, 0x01, 0x20, 0x10], true);
    }

    #[test]
    fn vp9_and_av1() {
        check(MediaCodec::Vp9, &[0x8c, 0x80, 0x01], true);
        check(MediaCodec::Vp9, &[0xcc, 0x80, 0x01], false);
        check(MediaCodec::Vp9, &[0xa8, 0x01, 0x00], true);
        check(MediaCodec::Vp9, &[0xa8, 0x01, 0x02], false);
        check(MediaCodec::Av1, &[0x18, 0x0a], true);
        check(MediaCodec::Av1, &[0x10, 0x32], false);
    }

    #[test]
    fn cut_off_payloads_are_no_keyframes() {
        for codec in [
            MediaCodec::H264,
            MediaCodec::H265,
            MediaCodec::Vp8,
            MediaCodec::Vp9,
            MediaCodec::Av1,
        ] {
            check(codec, &[], false);
        }
        check(MediaCodec::H264, &[0x78, 0xff], false);
        check(MediaCodec::H265, &[0x62], false);
        check(MediaCodec::Vp8, &[0x90, 0xf0, 0x80], false);
        check(MediaCodec::Vp9, &[0xa8], false);
    }
}
