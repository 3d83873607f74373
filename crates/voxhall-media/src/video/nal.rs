//! Network abstraction layer units, of which H.264 and H.265 streams consist.

use bytes::Bytes;

use super::{VideoCodec, h264, h265};

/// What stands before each unit in normal form.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// How the units of a codec make pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NalRules {
    /// Whether a unit is the first of a new picture, if the picture before has a slice already.
    pub(crate) begins_picture: fn(&[u8]) -> bool,
    /// Whether a unit is a slice of a picture.
    pub(crate) is_slice: fn(&[u8]) -> bool,
}

impl NalRules {
    /// Those of a codec that has units.
    pub(crate) const fn of(codec: VideoCodec) -> Option<Self> {
        match codec {
            VideoCodec::H264 => Some(Self {
                begins_picture: h264::begins_picture,
                is_slice: h264::is_slice,
            }),
            VideoCodec::H265 => Some(Self {
                begins_picture: h265::begins_picture,
                is_slice: h265::is_slice,
            }),
            VideoCodec::Vp8 | VideoCodec::Vp9 | VideoCodec::Av1 => None,
        }
    }
}

/// The units of a byte stream in the form of Annex B, without start codes and the zeros between them.
#[must_use]
pub fn nal_units(stream: &[u8]) -> NalUnits<'_> {
    let start = find_start_code(stream).map_or(stream.len(), |(_, behind)| behind);
    NalUnits {
        rest: &stream[start..],
    }
}

/// The units of a byte stream; see [`nal_units`]. None of them is empty.
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (end, behind) = find_start_code(self.rest).unwrap_or((self.rest.len(), self.rest.len()));
            let unit = trim_zeros(&self.rest[..end]);
            self.rest = &self.rest[behind..];
            if !unit.is_empty() {
                return Some(unit);
            }
        }
        None
    }
}

/// Puts units together in normal form.
#[must_use]
pub fn annex_b<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut stream = Vec::new();
    for unit in units {
        push_start_code(&mut stream);
        stream.extend_from_slice(unit);
    }
    stream.into()
}

pub(crate) fn push_start_code(stream: &mut Vec<u8>) {
    stream.extend_from_slice(&START_CODE);
}

/// The same units, each behind a four-byte start code, without those that `is_left_out`.
pub(super) fn normal_form(frame: Bytes, is_left_out: impl Fn(&[u8]) -> bool) -> Bytes {
    let is_normal = || {
        let mut at = 0;
        for unit in nal_units(&frame) {
            let begin = at + START_CODE.len();
            let stands_here = frame[at..].starts_with(&START_CODE) && frame[begin..].starts_with(unit);
            if !stands_here || is_left_out(unit) {
                return false;
            }
            at = begin + unit.len();
        }
        at == frame.len()
    };
    if is_normal() {
        return frame;
    }
    annex_b(nal_units(&frame).filter(|unit| !is_left_out(unit)))
}

/// Takes a frame as MP4 and Matroska have it: each unit behind its length in `length_size` bytes. `None` if the
/// lengths do not add up.
pub(super) fn from_length_prefixed(mut frame: &[u8], length_size: usize) -> Option<Bytes> {
    let mut stream = Vec::with_capacity(frame.len() + 2 * START_CODE.len());
    while !frame.is_empty() {
        let (length, rest) = frame.split_at_checked(length_size)?;
        let length = length
            .iter()
            .fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        if !unit.is_empty() {
            push_start_code(&mut stream);
            stream.extend_from_slice(unit);
        }
        frame = rest;
    }
    Some(stream.into())
}

/// Makes a frame as MP4 and Matroska have it, with lengths of four bytes.
pub(crate) fn to_length_prefixed(frame: &[u8]) -> Vec<u8> {
    let mut prefixed = Vec::with_capacity(frame.len());
    for unit in nal_units(frame) {
        let length = u32::try_from(unit.len()).expect("a frame in memory is below 4 GiB");
        prefixed.extend_from_slice(&length.to_be_bytes());
        prefixed.extend_from_slice(unit);
    }
    prefixed
}

/// A unit's content without the bytes that only keep start codes from appearing in it (H.264, section 7.4.1). At most
/// the first `limit` bytes of the unit are looked at.
pub(super) fn unescaped(unit: &[u8], limit: usize) -> Vec<u8> {
    let mut zeros = 0;
    let mut content = Vec::with_capacity(unit.len().min(limit));
    for &byte in unit.iter().take(limit) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        content.push(byte);
    }
    content
}

/// Where the next start code begins and ends.
pub(crate) fn find_start_code(stream: &[u8]) -> Option<(usize, usize)> {
    let mut at = 2;
    // The third byte of a start code is looked for, because most bytes rule out three places at once.
    while let Some(&third) = stream.get(at) {
        match third {
            1 if stream[at - 1] == 0 && stream[at - 2] == 0 => return Some((at - 2, at + 1)),
            0 => at += 1,
            _ => at += 3,
        }
    }
    None
}

/// Without the zeros that belong to the next start code or pad the stream; a unit never ends in one.
pub(crate) fn trim_zeros(unit: &[u8]) -> &[u8] {
    let end = unit
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_behind_start_codes_of_either_length() {
        let stream = [
            9, 9, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 2, 0, 0, 0, 0, 1, 0x65, 1, 1, 0, 0,
        ];
        let units: Vec<_> = nal_units(&stream).collect();
        assert_eq!(units, [&[0x67, 1][..], &[0x68, 0, 0, 2], &[0x65, 1, 1]]);
        assert_eq!(nal_units(&[0, 0, 1]).count(), 0);
        assert_eq!(nal_units(&[0, 0, 1, 0, 0, 1, 5]).collect::<Vec<_>>(), [&[5]]);
        assert_eq!(nal_units(&[1, 2, 3]).count(), 0, "no start code, no unit");
    }

    #[test]
    fn the_normal_form_leaves_out_delimiters_and_is_a_fixed_point() {
        let frame = Bytes::from_static(&[0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x65, 7]);
        let normal = normal_form(frame, |unit| unit[0] == 9);
        assert_eq!(normal[..], [0, 0, 0, 1, 0x65, 7]);
        let again = normal_form(normal.clone(), |unit| unit[0] == 9);
        assert_eq!(again.as_ptr(), normal.as_ptr(), "nothing is copied");
    }

    #[test]
    fn lengths_become_start_codes_and_back() {
        let prefixed = [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x68];
        let stream = from_length_prefixed(&prefixed, 4).unwrap();
        assert_eq!(stream[..], [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68]);
        assert_eq!(to_length_prefixed(&stream), prefixed);
        assert_eq!(from_length_prefixed(&prefixed[..10], 4), None);
        assert_eq!(from_length_prefixed(&[0, 1, 7], 2).unwrap()[..], [0, 0, 0, 1, 7]);
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(
            unescaped(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3], 100),
            [1, 0, 0, 1, 0, 0, 0, 0]
        );
    }
}
