//! EBML (RFC 8794): elements of an id, a size and a content.

use std::io::Read;

use bytes::Bytes;

use super::MatroskaFault;
use crate::Result;
use crate::filled::{fill, read_exactly, skip};

/// The ids of the elements that are read or written (RFC 9559, section 5.1).
pub(super) mod id {
    pub(in super::super) const EBML: u32 = 0x1A45_DFA3;
    pub(in super::super) const EBML_VERSION: u32 = 0x4286;
    pub(in super::super) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(in super::super) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(in super::super) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(in super::super) const DOC_TYPE: u32 = 0x4282;
    pub(in super::super) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(in super::super) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(in super::super) const SEGMENT: u32 = 0x1853_8067;
    pub(in super::super) const INFO: u32 = 0x1549_A966;
    pub(in super::super) const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
    pub(in super::super) const DURATION: u32 = 0x4489;
    pub(in super::super) const MUXING_APP: u32 = 0x4D80;
    pub(in super::super) const WRITING_APP: u32 = 0x5741;
    pub(in super::super) const TRACKS: u32 = 0x1654_AE6B;
    pub(in super::super) const TRACK_ENTRY: u32 = 0xAE;
    pub(in super::super) const TRACK_NUMBER: u32 = 0xD7;
    pub(in super::super) const TRACK_UID: u32 = 0x73C5;
    pub(in super::super) const TRACK_TYPE: u32 = 0x83;
    pub(in super::super) const FLAG_LACING: u32 = 0x9C;
    pub(in super::super) const DEFAULT_DURATION: u32 = 0x0023_E383;
    pub(in super::super) const CODEC_ID: u32 = 0x86;
    pub(in super::super) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(in super::super) const CODEC_DELAY: u32 = 0x56AA;
    pub(in super::super) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(in super::super) const VIDEO: u32 = 0xE0;
    pub(in super::super) const PIXEL_WIDTH: u32 = 0xB0;
    pub(in super::super) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(in super::super) const AUDIO: u32 = 0xE1;
    pub(in super::super) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(in super::super) const CHANNELS: u32 = 0x9F;
    pub(in super::super) const CONTENT_ENCODINGS: u32 = 0x6D80;
    pub(in super::super) const CONTENT_ENCODING: u32 = 0x6240;
    pub(in super::super) const CONTENT_COMPRESSION: u32 = 0x5034;
    pub(in super::super) const CONTENT_COMP_ALGO: u32 = 0x4254;
    pub(in super::super) const CONTENT_COMP_SETTINGS: u32 = 0x4255;
    pub(in super::super) const CONTENT_ENCRYPTION: u32 = 0x5035;
    pub(in super::super) const CLUSTER: u32 = 0x1F43_B675;
    pub(in super::super) const TIMESTAMP: u32 = 0xE7;
    pub(in super::super) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in super::super) const BLOCK_GROUP: u32 = 0xA0;
    pub(in super::super) const BLOCK: u32 = 0xA1;
    pub(in super::super) const REFERENCE_BLOCK: u32 = 0xFB;
}

/// The head of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: u32,
    /// Bytes of its content; `None` if it goes on until something ends it.
    pub(super) size: Option<u64>,
}

/// Reads the head of the next element; `None` at the end of the file.
pub(super) fn read_head(reader: &mut impl Read) -> Result<Option<Head>> {
    let mut first = [0];
    if fill(reader, &mut first)? == 0 {
        return Ok(None);
    }
    let length = vint_length(first[0]).filter(|length| *length <= 4);
    let id = read_rest(reader, first[0], length.ok_or(MatroskaFault::BrokenElements)?)?;
    if fill(reader, &mut first)? == 0 {
        return Err(MatroskaFault::Truncated.into());
    }
    let length = vint_length(first[0]).ok_or(MatroskaFault::BrokenElements)?;
    let marked = read_rest(reader, first[0], length)?;
    let all_ones = (1_u64 << (7 * length)) - 1;
    let size = marked & all_ones;
    Ok(Some(Head {
        // At most four bytes.
        id: id as u32,
        size: (size != all_ones).then_some(size),
    }))
}

/// The rest of a number whose first byte is read, marker and all.
fn read_rest(reader: &mut impl Read, first: u8, length: usize) -> Result<u64> {
    let mut rest = [0; 7];
    let rest = &mut rest[..length - 1];
    if fill(reader, rest)? < rest.len() {
        return Err(MatroskaFault::Truncated.into());
    }
    Ok(rest
        .iter()
        .fold(u64::from(first), |number, &byte| number << 8 | u64::from(byte)))
}

/// Bytes of a number that begins with this one, 1 to 8.
const fn vint_length(first: u8) -> Option<usize> {
    if first == 0 {
        None
    } else {
        Some(first.leading_zeros() as usize + 1)
    }
}

/// Reads the content of an element of at most `limit` bytes.
pub(super) fn read_content(reader: &mut impl Read, head: Head, limit: usize) -> Result<Bytes> {
    // What is read whole always has a size.
    let size = head.size.ok_or(MatroskaFault::BrokenElements)?;
    if size > limit as u64 {
        return Err(MatroskaFault::ElementTooLarge.into());
    }
    Ok(read_exactly(reader, size as usize)?.ok_or(MatroskaFault::Truncated)?)
}

/// Passes over the content of an element.
pub(super) fn skip_content(reader: &mut impl Read, head: Head) -> Result<()> {
    let size = head.size.ok_or(MatroskaFault::BrokenElements)?;
    if skip(reader, size)? {
        Ok(())
    } else {
        Err(MatroskaFault::Truncated.into())
    }
}

/// The elements in the content of another, in order.
pub(super) fn children(content: &Bytes) -> Children {
    Children {
        rest: content.clone(),
    }
}

/// See [`children`].
#[derive(Debug, Clone)]
pub(super) struct Children {
    rest: Bytes,
}

impl Iterator for Children {
    type Item = Result<(u32, Bytes), MatroskaFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = self.split();
        if child.is_err() {
            self.rest.clear();
        }
        Some(child)
    }
}

impl Children {
    fn split(&mut self) -> Result<(u32, Bytes), MatroskaFault> {
        let mut reader = &self.rest[..];
        let head = match read_head(&mut reader) {
            Ok(Some(head)) => head,
            _ => return Err(MatroskaFault::BrokenElements),
        };
        let start = self.rest.len() - reader.len();
        let size = head.size.and_then(|size| usize::try_from(size).ok());
        let end = size
            .and_then(|size| start.checked_add(size))
            .filter(|end| *end <= self.rest.len())
            .ok_or(MatroskaFault::BrokenElements)?;
        let content = self.rest.slice(start..end);
        self.rest = self.rest.slice(end..);
        Ok((head.id, content))
    }
}

/// A number without a sign, of up to eight bytes.
pub(super) fn number(content: &[u8]) -> Result<u64, MatroskaFault> {
    if content.len() > 8 {
        return Err(MatroskaFault::BrokenElements);
    }
    Ok(content
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// A floating-point number of four or eight bytes.
pub(super) fn float(content: &[u8]) -> Option<f64> {
    match content.len() {
        4 => Some(f64::from(f32::from_be_bytes(content.try_into().ok()?))),
        8 => Some(f64::from_be_bytes(content.try_into().ok()?)),
        _ => None,
    }
}

/// A number of EBML's variable length at the front of `bytes`, without its marker.
pub(super) fn split_vint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = vint_length(*bytes.first()?)?;
    let (own, rest) = bytes.split_at_checked(length)?;
    let marked = own.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    Some((marked & ((1 << (7 * length)) - 1), rest))
}

/// Bytes of the number at the front, for numbers that are counted from the middle of their range.
pub(super) fn vint_bytes(bytes: &[u8]) -> Option<usize> {
    vint_length(*bytes.first()?)
}

/// Appends an element.
pub(super) fn push(out: &mut Vec<u8>, id: u32, content: &[u8]) {
    push_id(out, id);
    push_size(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Appends an element that is a number.
pub(super) fn push_number(out: &mut Vec<u8>, id: u32, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    push(out, id, &bytes[zeros..]);
}

pub(super) fn push_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    out.extend_from_slice(&bytes[zeros..]);
}

/// Appends a size in eight bytes, which can be written over with any other.
pub(super) fn push_long_size(out: &mut Vec<u8>, size: u64) {
    out.extend_from_slice(&(size | 1 << 56).to_be_bytes());
}

/// Appends the size of an element whose end is not known.
pub(super) fn push_unknown_size(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
}

fn push_size(out: &mut Vec<u8>, size: u64) {
    // All ones are no size, so a length holds one number less.
    let length = (1..8).find(|length| size < (1 << (7 * length)) - 1).unwrap_or(8);
    let marked = size | 1 << (7 * length);
    out.extend_from_slice(&marked.to_be_bytes()[8 - length as usize..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_length_survive() {
        for length in [0, 1, 126, 127, 128, 16_382, 16_383, 70_000] {
            let mut out = Vec::new();
            push(&mut out, id::CODEC_PRIVATE, &vec![7; length]);
            let content: Bytes = out.into();
            let read: Vec<_> = children(&content).collect();
            assert_eq!(
                read,
                [Ok((id::CODEC_PRIVATE, Bytes::from(vec![7; length])))],
                "{length}"
            );
        }
    }

    #[test]
    fn numbers_take_as_little_room_as_they_can() {
        for (value, length) in [(0_u64, 1), (255, 1), (256, 2), (u64::MAX, 8)] {
            let mut out = Vec::new();
            push_number(&mut out, id::TRACK_NUMBER, value);
            assert_eq!(out.len(), 2 + length);
            assert_eq!(number(&out[2..]), Ok(value));
        }
        assert_eq!(number(&[0; 9]), Err(MatroskaFault::BrokenElements));
    }

    #[test]
    fn sizes_that_are_not_known_and_heads_that_are_cut() {
        let mut out = Vec::new();
        push_id(&mut out, id::SEGMENT);
        push_unknown_size(&mut out);
        let head = read_head(&mut &out[..]).unwrap().unwrap();
        assert_eq!((head.id, head.size), (id::SEGMENT, None));
        for end in 1..out.len() {
            assert!(read_head(&mut &out[..end]).is_err(), "cut at {end}");
        }
        assert!(
            read_head(&mut &[0x00, 0x81][..]).is_err(),
            "no id begins with a zero"
        );
        assert!(
            read_head(&mut &[0x08, 1, 1, 1, 1, 0x81][..]).is_err(),
            "an id of five bytes"
        );
        let broken = Bytes::from_static(&[0xD7, 0x82, 1]);
        assert_eq!(
            children(&broken).collect::<Vec<_>>(),
            [Err(MatroskaFault::BrokenElements)]
        );
    }
}
