//! VP8 (RFC 7741): the payload descriptor.

use super::indices::Places;
use super::{PICTURE_ID_MASK, PayloadFault, PayloadList};

const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
const PARTITION: u8 = 0x0F;
const PICTURE_ID: u8 = 0x80;
const TL0_PICTURE: u8 = 0x40;
const TID_OR_KEY: u8 = 0x30;
const LONG_ID: u8 = 0x80;

/// Bytes of the descriptor that is written: with a picture id of 15 bits.
const DESCRIPTOR: usize = 4;

pub(super) fn packetize(frame: &[u8], picture_id: u16, max: usize, payloads: &mut PayloadList) {
    let [high, low] = (picture_id & PICTURE_ID_MASK).to_be_bytes();
    for (index, piece) in frame.chunks(max - DESCRIPTOR).enumerate() {
        let start = if index == 0 { START } else { 0 };
        payloads.push(&[&[EXTENDED | start, PICTURE_ID, LONG_ID | high, low], piece]);
    }
}

/// The part of the frame that a payload carries.
pub(super) fn content(payload: &[u8]) -> Result<&[u8], PayloadFault> {
    payload
        .get(descriptor_length(payload)?..)
        .ok_or(PayloadFault::Truncated)
}

/// Whether a payload is the first of its frame.
pub(super) fn is_first(payload: &[u8]) -> bool {
    payload
        .first()
        .is_some_and(|descriptor| descriptor & START != 0 && descriptor & PARTITION == 0)
}

/// Where a payload has its picture id and the index of the base layer's picture.
pub(super) fn index_places(payload: &[u8]) -> Result<Places, PayloadFault> {
    content(payload)?;
    let byte = |at: usize| payload.get(at).copied().ok_or(PayloadFault::Truncated);
    let extension = if byte(0)? & EXTENDED == 0 { 0 } else { byte(1)? };
    let mut at = 2;
    let mut id = None;
    if extension & PICTURE_ID != 0 {
        let is_long = byte(2)? & LONG_ID != 0;
        id = Some((at, is_long));
        at += if is_long { 2 } else { 1 };
    }
    let base = (extension & TL0_PICTURE != 0).then_some(at);
    Ok(Places { id, base })
}

fn descriptor_length(payload: &[u8]) -> Result<usize, PayloadFault> {
    let byte = |at: usize| payload.get(at).copied().ok_or(PayloadFault::Truncated);
    if byte(0)? & EXTENDED == 0 {
        return Ok(1);
    }
    let extension = byte(1)?;
    let mut length = 2;
    if extension & PICTURE_ID != 0 {
        length += if byte(length)? & LONG_ID == 0 { 1 } else { 2 };
    }
    length += usize::from(extension & TL0_PICTURE != 0) + usize::from(extension & TID_OR_KEY != 0);
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_every_form_are_skipped() {
        for (descriptor, length) in [
            (&[0x10][..], 1),
            (&[0x80, 0x00], 2),
            (&[0x90, 0x80, 0x12], 3),
            (&[0x90, 0x80, 0x92, 0x34], 4),
            (&[0x90, 0xE0, 0x12, 0x01, 0x20], 5),
            (&[0x90, 0xF0, 0x92, 0x34, 0x01, 0x20], 6),
            (&[0x90, 0x10, 0x0F], 3),
        ] {
            let payload = [descriptor, &[7, 8]].concat();
            assert_eq!(content(&payload), Ok(&[7, 8][..]), "{descriptor:x?}");
            assert_eq!(descriptor.len(), length);
            for end in 0..length {
                let cut = content(&payload[..end]);
                assert!(cut.is_err() || cut == Ok(&[][..]), "{descriptor:x?} cut at {end}");
            }
        }
        assert!(is_first(&[0x10]) && !is_first(&[0x11]) && !is_first(&[0x80]) && !is_first(&[]));
    }
}
