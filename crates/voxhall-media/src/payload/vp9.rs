//! VP9 (RFC 9628): the payload descriptor. One spatial layer in the non-flexible mode is sent; both modes are received.

use super::indices::Places;
use super::{PICTURE_ID_MASK, PayloadFault, PayloadList};
use crate::video::VideoCodec;

const PICTURE_ID: u8 = 0x80;
const PREDICTED: u8 = 0x40;
const LAYERS: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const BEGIN: u8 = 0x08;
const END: u8 = 0x04;
const STRUCTURE: u8 = 0x02;
const LONG_ID: u8 = 0x80;
const MORE_REFERENCES: u8 = 0x01;
const SPATIAL_ID: u8 = 0x0E;
/// A flexible frame has at most so many references.
const MAX_REFERENCES: usize = 3;

/// Of the scalability structure: sizes follow, a group of pictures follows.
const HAS_SIZES: u8 = 0x10;
const HAS_GROUP: u8 = 0x08;

/// Bytes of the descriptor that is written, and of the structure that keyframes begin with.
const DESCRIPTOR: usize = 3;
const STRUCTURE_LENGTH: usize = 5;

pub(super) fn packetize(frame: &[u8], picture_id: u16, max: usize, payloads: &mut PayloadList) {
    let size = VideoCodec::Vp9.size(frame);
    let predicted = if size.is_some() { 0 } else { PREDICTED };
    let structure = size.map(|size| {
        // A keyframe's header has 16 bits for each, less one.
        let [width, height] = [size.width as u16, size.height as u16].map(u16::to_be_bytes);
        [HAS_SIZES, width[0], width[1], height[0], height[1]]
    });
    let [high, low] = (picture_id & PICTURE_ID_MASK).to_be_bytes();
    let mut rest = frame;
    let mut begin = BEGIN;
    while !rest.is_empty() {
        let structure = structure.filter(|_| begin != 0);
        let room = max - DESCRIPTOR - if structure.is_some() { STRUCTURE_LENGTH } else { 0 };
        let (piece, behind) = rest.split_at(rest.len().min(room));
        let end = if behind.is_empty() { END } else { 0 };
        let has_structure = if structure.is_some() { STRUCTURE } else { 0 };
        let flags = PICTURE_ID | predicted | begin | end | has_structure;
        let structure = structure.as_ref().map_or(&[][..], |structure| &structure[..]);
        payloads.push(&[&[flags, LONG_ID | high, low], structure, piece]);
        (rest, begin) = (behind, 0);
    }
}

/// The part of the frame that a payload carries.
pub(super) fn content(payload: &[u8]) -> Result<&[u8], PayloadFault> {
    payload
        .get(descriptor_length(payload)?..)
        .ok_or(PayloadFault::Truncated)
}

/// Whether a payload is the first of its picture: of the lowest of its spatial layers.
pub(super) fn is_first(payload: &[u8]) -> bool {
    let Some(&flags) = payload.first() else {
        return false;
    };
    if flags & BEGIN == 0 {
        return false;
    }
    flags & LAYERS == 0
        || id_end(payload)
            .ok()
            .and_then(|at| payload.get(at))
            .is_some_and(|layers| layers & SPATIAL_ID == 0)
}

/// Where a payload has its picture id and the index of the base layer's picture.
pub(super) fn index_places(payload: &[u8]) -> Result<Places, PayloadFault> {
    content(payload)?;
    let flags = payload.first().copied().ok_or(PayloadFault::Truncated)?;
    let end = id_end(payload)? as u8;
    let has_base = flags & LAYERS != 0 && flags & FLEXIBLE == 0;
    Ok(Places {
        id: (flags & PICTURE_ID != 0).then_some((1, end == 3)),
        base: has_base.then_some(end + 1),
    })
}

/// Where the picture id ends.
fn id_end(payload: &[u8]) -> Result<usize, PayloadFault> {
    let byte = |at: usize| payload.get(at).copied().ok_or(PayloadFault::Truncated);
    Ok(match byte(0)? & PICTURE_ID {
        0 => 1,
        _ if byte(1)? & LONG_ID != 0 => 3,
        _ => 2,
    })
}

fn descriptor_length(payload: &[u8]) -> Result<usize, PayloadFault> {
    let byte = |at: usize| payload.get(at).copied().ok_or(PayloadFault::Truncated);
    let flags = byte(0)?;
    let mut length = id_end(payload)?;
    if flags & LAYERS != 0 {
        // The index of the base layer's picture stands there in the non-flexible mode only.
        length += if flags & FLEXIBLE == 0 { 2 } else { 1 };
    }
    if flags & FLEXIBLE != 0 && flags & PREDICTED != 0 {
        for reference in 1.. {
            let more = byte(length)? & MORE_REFERENCES != 0;
            length += 1;
            if !more {
                break;
            }
            if reference == MAX_REFERENCES {
                return Err(PayloadFault::Truncated);
            }
        }
    }
    if flags & STRUCTURE != 0 {
        let head = byte(length)?;
        length += 1;
        if head & HAS_SIZES != 0 {
            length += 4 * (usize::from(head >> 5) + 1);
        }
        if head & HAS_GROUP != 0 {
            let pictures = byte(length)?;
            length += 1;
            for _ in 0..pictures {
                let references = usize::from(byte(length)? >> 2 & 3);
                length += 1 + references;
            }
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_both_modes_are_skipped() {
        for descriptor in [
            &[0x8C, 0x01][..],
            &[0x8C, 0x81, 0x02],
            &[0x0C],
            &[0xAC, 0x01, 0x00, 0x05],
            &[0xBC, 0x01, 0x00],
            &[0xFC, 0x01, 0x00, 0x03, 0x03, 0x02],
            &[0x8E, 0x81, 0x02, 0x10, 0, 176, 0, 144],
            &[
                0x8E, 0x81, 0x02, 0x38, 0, 176, 0, 144, 0, 88, 0, 72, 2, 0x04, 1, 0x00,
            ],
        ] {
            let payload = [descriptor, &[7, 8]].concat();
            assert_eq!(content(&payload), Ok(&[7, 8][..]), "{descriptor:x?}");
            for end in 0..descriptor.len() {
                assert!(content(&payload[..end]).is_err(), "{descriptor:x?} cut at {end}");
            }
        }
        let endless = [0xFC, 0x01, 0x00, 0x03, 0x03, 0x03, 0x03];
        assert!(content(&endless).is_err(), "more references than there can be");
    }

    #[test]
    fn the_first_payload_begins_the_lowest_layer() {
        assert!(is_first(&[0x8C, 0x01]));
        assert!(!is_first(&[0x84, 0x01]));
        assert!(is_first(&[0xAC, 0x01, 0x00]));
        assert!(!is_first(&[0xAC, 0x01, 0x02]));
        assert!(!is_first(&[]));
    }
}
