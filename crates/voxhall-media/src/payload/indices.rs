//! Which picture a payload of VP8 or VP9 belongs to, as its descriptor says: the picture id, and the index of the base
//! layer's picture that it depends on (TL0PICIDX). Both count on from picture to picture, so a forwarder that changes
//! from one encoding to another has to write others in their place.
//!
//! The descriptor is in the clear under end-to-end encryption, which encrypts frames before they are cut into payloads.

use super::{PICTURE_ID_MASK, vp8, vp9};
use crate::video::VideoCodec;

/// Picture ids of the short form have 7 bits.
const SHORT_ID_MASK: u16 = 0x7F;
/// The bit that says that an id has the long form.
const LONG_ID: u16 = 0x8000;

/// The indices in the descriptor of one payload, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureIndices {
    id: Option<PictureId>,
    base: Option<BaseIndex>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PictureId {
    at: u8,
    is_long: bool,
    value: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BaseIndex {
    at: u8,
    value: u8,
}

/// Where a descriptor has them.
pub(super) struct Places {
    /// Where the picture id stands, and whether it has the long form.
    pub(super) id: Option<(u8, bool)>,
    pub(super) base: Option<u8>,
}

impl PictureIndices {
    /// The indices of a payload; `None` for other codecs, for descriptors without indices, and for damaged ones.
    #[must_use]
    pub fn parse(codec: VideoCodec, payload: &[u8]) -> Option<Self> {
        let places = match codec {
            VideoCodec::Vp8 => vp8::index_places(payload).ok()?,
            VideoCodec::Vp9 => vp9::index_places(payload).ok()?,
            VideoCodec::H264 | VideoCodec::H265 | VideoCodec::Av1 => return None,
        };
        let byte = |at: u8| payload.get(usize::from(at)).copied();
        let id = match places.id {
            Some((at, is_long)) => Some(PictureId {
                at,
                is_long,
                value: if is_long {
                    u16::from_be_bytes([byte(at)?, byte(at + 1)?]) & PICTURE_ID_MASK
                } else {
                    u16::from(byte(at)?) & SHORT_ID_MASK
                },
            }),
            None => None,
        };
        let base = match places.base {
            Some(at) => Some(BaseIndex { at, value: byte(at)? }),
            None => None,
        };
        (id.is_some() || base.is_some()).then_some(Self { id, base })
    }

    /// The picture id, of 7 or 15 bits.
    #[must_use]
    pub fn id(&self) -> Option<u16> {
        self.id.map(|id| id.value)
    }

    /// The bits that the picture id has.
    #[must_use]
    pub fn id_mask(&self) -> u16 {
        match self.id {
            Some(PictureId { is_long: true, .. }) => PICTURE_ID_MASK,
            _ => SHORT_ID_MASK,
        }
    }

    /// The index of the base layer's picture.
    #[must_use]
    pub fn base(&self) -> Option<u8> {
        self.base.map(|base| base.value)
    }

    /// The same places with other indices: so much is added to each. They wrap within their bits.
    #[must_use]
    pub fn shifted(mut self, id: u16, base: u8) -> Self {
        let mask = self.id_mask();
        if let Some(own) = &mut self.id {
            own.value = own.value.wrapping_add(id) & mask;
        }
        if let Some(own) = &mut self.base {
            own.value = own.value.wrapping_add(base);
        }
        self
    }

    /// Writes the indices into the payload that they were read from, or a copy of it.
    pub fn write(&self, payload: &mut [u8]) {
        if let Some(PictureId { at, is_long, value }) = self.id {
            let at = usize::from(at);
            let bytes = (value | LONG_ID).to_be_bytes();
            let short = [value as u8];
            let bytes = if is_long { &bytes[..] } else { &short[..] };
            if let Some(place) = payload.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        if let Some(base) = self.base
            && let Some(place) = payload.get_mut(usize::from(base.at))
        {
            *place = base.value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: VideoCodec, payload: &[u8], id: Option<u16>, base: Option<u8>) {
        let indices = PictureIndices::parse(codec, payload).expect("there are some");
        assert_eq!((indices.id(), indices.base()), (id, base));
        let mut copy = payload.to_vec();
        indices.write(&mut copy);
        assert_eq!(copy, payload, "what is written is what was read");
        let shifted = indices.shifted(5, 7);
        shifted.write(&mut copy);
        assert_eq!(PictureIndices::parse(codec, &copy), Some(shifted));
        assert_eq!(shifted.id(), id.map(|id| (id + 5) & indices.id_mask()));
        assert_eq!(shifted.base(), base.map(|base| base.wrapping_add(7)));
        let changed = payload
            .iter()
            .zip(&copy)
            .filter(|(before, after)| before != after)
            .count();
        assert!(changed <= 3, "nothing else changes");
    }

    #[test]
    fn vp8_descriptors_of_every_form() {
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x12, 9], Some(0x12), None);
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x7F, 9], Some(0x7F), None);
        check(VideoCodec::Vp8, &[0x90, 0x80, 0x92, 0x34, 9], Some(0x1234), None);
        check(
            VideoCodec::Vp8,
            &[0x80, 0xF0, 0xFF, 0xFF, 0xFE, 0x20, 9],
            Some(0x7FFF),
            Some(0xFE),
        );
        check(
            VideoCodec::Vp8,
            &[0x90, 0xE0, 0x12, 0x01, 0x20, 9],
            Some(0x12),
            Some(1),
        );
        check(VideoCodec::Vp8, &[0x90, 0x60, 0x01, 0x20, 9], None, Some(1));
        for without in [&[0x10, 9][..], &[0x90, 0x00, 9], &[0x90, 0x20, 0x20, 9]] {
            assert_eq!(PictureIndices::parse(VideoCodec::Vp8, without), None);
        }
    }

    #[test]
    fn vp9_descriptors_of_both_modes() {
        check(VideoCodec::Vp9, &[0x8C, 0x01, 9], Some(1), None);
        check(VideoCodec::Vp9, &[0x8C, 0x81, 0x02, 9], Some(0x102), None);
        check(VideoCodec::Vp9, &[0xAC, 0x01, 0x00, 0xFF, 9], Some(1), Some(0xFF));
        check(VideoCodec::Vp9, &[0x2C, 0x00, 0x05, 9], None, Some(5));
        check(
            VideoCodec::Vp9,
            &[0xFC, 0x81, 0x02, 0x00, 0x03, 0x02, 9],
            Some(0x102),
            None,
        );
        assert_eq!(PictureIndices::parse(VideoCodec::Vp9, &[0x0C, 9]), None);
    }

    #[test]
    fn other_codecs_have_none() {
        for codec in [VideoCodec::H264, VideoCodec::H265, VideoCodec::Av1] {
            assert_eq!(PictureIndices::parse(codec, &[0x90, 0x80, 0x12, 9]), None);
        }
    }

    /// A damaged descriptor is left alone, or what is written stays within it.
    #[test]
    fn damaged_descriptors_are_survived() {
        let whole = [
            &[0x90, 0xF0, 0x92, 0x34, 0x01, 0x20, 9, 9][..],
            &[
                0xFE, 0x81, 0x02, 0x00, 0x03, 0x02, 0x38, 0, 176, 0, 144, 0, 88, 0, 72, 2, 0x04, 1, 0x00, 9,
            ],
            &[0xAE, 0x81, 0x02, 0x00, 0x07, 0x10, 0, 176, 0, 144, 9],
        ];
        let mut state = 1_u64;
        for round in 0..60_000 {
            let mut payload = whole[round % whole.len()].to_vec();
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let random = state >> 24;
            payload.truncate(random as usize % (payload.len() + 1));
            for change in 0..round % 3 {
                let bits = random >> (8 * change);
                let at = bits as usize % payload.len().max(1);
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= (bits >> 8) as u8;
                }
            }
            for codec in [VideoCodec::Vp8, VideoCodec::Vp9] {
                let Some(indices) = PictureIndices::parse(codec, &payload) else {
                    continue;
                };
                let mut copy = payload.clone();
                indices.write(&mut copy);
                assert_eq!(copy, payload, "{codec:?}");
                indices
                    .shifted(0x1234, 0x56)
                    .write(&mut copy[..payload.len() / 2]);
                indices.shifted(0x1234, 0x56).write(&mut copy);
                assert_eq!(
                    PictureIndices::parse(codec, &copy),
                    Some(indices.shifted(0x1234, 0x56)),
                    "{codec:?} {payload:02x?}"
                );
            }
        }
    }
}
