//! AV1: the aggregation header and OBU elements of the RTP payload format.

use super::{Depacketizer, PayloadFault, PayloadList};
use crate::video::{Obu, ObuKind, VideoCodec, leb128, obus, push_leb128};

/// The first element goes on with the last one of the packet before.
const CONTINUES: u8 = 0x80;
/// The last element goes on in the next packet.
const CONTINUED: u8 = 0x40;
/// The packet is the first of a coded video sequence.
const NEW_SEQUENCE: u8 = 0x08;
const COUNT_SHIFT: u8 = 4;
/// With more elements than this, each has its length.
const MAX_COUNT: usize = 3;

/// Bytes of the length that a split element may need.
const LENGTH: usize = 2;

pub(super) fn packetize(frame: &[u8], max: usize, payloads: &mut PayloadList) {
    let mut packet = Packet::new(max);
    packet.new_sequence = VideoCodec::Av1.is_keyframe(frame);
    let mut element = Vec::new();
    let sent = obus(frame).filter(|obu| {
        !matches!(
            obu.kind(),
            ObuKind::TemporalDelimiter | ObuKind::TileList | ObuKind::Padding
        )
    });
    for obu in sent {
        element.clear();
        obu.push_bare(&mut element);
        debug_assert_eq!(element.len(), obu.bare_length());
        let mut rest = &element[..];
        while !rest.is_empty() {
            if packet.room() == 0 {
                packet.send(payloads);
            }
            let (piece, behind) = rest.split_at(rest.len().min(packet.room()));
            packet.add(piece);
            if !behind.is_empty() {
                packet.is_continued = true;
                packet.send(payloads);
                packet.continues = true;
            }
            rest = behind;
        }
    }
    packet.send(payloads);
}

/// The packet being filled.
struct Packet {
    max: usize,
    /// Elements one behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    continues: bool,
    is_continued: bool,
    new_sequence: bool,
}

impl Packet {
    const fn new(max: usize) -> Self {
        Self {
            max,
            bytes: Vec::new(),
            ends: Vec::new(),
            continues: false,
            is_continued: false,
            new_sequence: false,
        }
    }

    /// Bytes of an element that fit in whatever form the packet takes in the end.
    fn room(&self) -> usize {
        let lengths = LENGTH * (self.ends.len() + 1);
        self.max.saturating_sub(1 + lengths + self.bytes.len())
    }

    fn add(&mut self, element: &[u8]) {
        self.bytes.extend_from_slice(element);
        self.ends.push(self.bytes.len());
    }

    fn send(&mut self, payloads: &mut PayloadList) {
        if self.ends.is_empty() {
            return;
        }
        let count = self.ends.len();
        let has_count = count <= MAX_COUNT;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let header = flag(self.continues, CONTINUES)
            | flag(self.is_continued, CONTINUED)
            | flag(self.new_sequence, NEW_SEQUENCE)
            | if has_count {
                (count as u8) << COUNT_SHIFT
            } else {
                0
            };
        payloads.bytes.push(header);
        let mut start = 0;
        for (index, &end) in self.ends.iter().enumerate() {
            if !has_count || index + 1 < count {
                push_leb128(&mut payloads.bytes, end - start);
            }
            payloads.bytes.extend_from_slice(&self.bytes[start..end]);
            start = end;
        }
        payloads.end_payload();
        self.bytes.clear();
        self.ends.clear();
        (self.continues, self.is_continued, self.new_sequence) = (false, false, false);
    }
}

pub(super) fn depacketize(payload: &[u8], into: &mut Depacketizer) -> Result<(), PayloadFault> {
    let (&header, rest) = payload.split_first().ok_or(PayloadFault::Truncated)?;
    if (header & CONTINUES != 0) != into.fragment.is_some() {
        return Err(PayloadFault::BrokenFragments);
    }
    let mut elements = Elements {
        rest,
        left: usize::from(header >> COUNT_SHIFT) & MAX_COUNT,
    };
    while let Some((element, is_last)) = elements.next()? {
        let mut obu = into.fragment.take().unwrap_or_default();
        obu.extend_from_slice(element);
        if is_last && header & CONTINUED != 0 {
            into.fragment = Some(obu);
        } else if !obu.is_empty() {
            let (whole, _) = Obu::split(&obu).ok_or(PayloadFault::Truncated)?;
            whole.push_sized(&mut into.frame);
        }
    }
    Ok(())
}

/// The elements of a payload.
struct Elements<'a> {
    rest: &'a [u8],
    /// Those that follow, if the header told; 0 if each has its length.
    left: usize,
}

impl<'a> Elements<'a> {
    /// The next element and whether it is the last.
    fn next(&mut self) -> Result<Option<(&'a [u8], bool)>, PayloadFault> {
        if self.rest.is_empty() {
            // Fewer elements than were told.
            return if self.left == 0 {
                Ok(None)
            } else {
                Err(PayloadFault::Truncated)
            };
        }
        if self.left == 1 {
            self.left = 0;
            return Ok(Some((std::mem::take(&mut self.rest), true)));
        }
        let (length, behind) = leb128(self.rest).ok_or(PayloadFault::Truncated)?;
        let (element, behind) = behind.split_at_checked(length).ok_or(PayloadFault::Truncated)?;
        self.rest = behind;
        self.left = self.left.saturating_sub(1);
        Ok(Some((element, self.left == 0 && behind.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depacketized(payloads: &[&[u8]]) -> Result<Vec<u8>, PayloadFault> {
        let mut depacketizer = Depacketizer::new(VideoCodec::Av1);
        for payload in payloads {
            depacketizer.push(payload)?;
        }
        depacketizer.finish().map(|frame| frame.to_vec())
    }

    #[test]
    fn elements_with_and_without_lengths() {
        let frame = [0x0A, 1, 5, 0x32, 2, 7, 8];
        assert_eq!(
            depacketized(&[&[0x20, 2, 0x08, 5, 0x30, 7, 8]]),
            Ok(frame.to_vec())
        );
        assert_eq!(
            depacketized(&[&[0x00, 2, 0x08, 5, 3, 0x30, 7, 8]]),
            Ok(frame.to_vec())
        );
        assert_eq!(
            depacketized(&[&[0x60, 2, 0x08, 5, 0x30, 7], &[0x90, 8]]),
            Ok(frame.to_vec()),
            "split"
        );
        assert_eq!(
            depacketized(&[&[0x10, 0x32, 2, 7, 8]]),
            Ok(vec![0x32, 2, 7, 8]),
            "a size that should not be there"
        );
    }

    #[test]
    fn what_does_not_join_up_is_refused() {
        assert_eq!(depacketized(&[&[0x90, 8]]), Err(PayloadFault::BrokenFragments));
        assert_eq!(
            depacketized(&[&[0x50, 0x30, 8]]),
            Err(PayloadFault::BrokenFragments)
        );
        assert_eq!(
            depacketized(&[&[0x50, 0x30, 8], &[0x10, 0x30]]),
            Err(PayloadFault::BrokenFragments)
        );
        assert_eq!(depacketized(&[&[0x20, 9, 0x30]]), Err(PayloadFault::Truncated));
        assert_eq!(depacketized(&[&[0x30, 1, 0x30]]), Err(PayloadFault::Truncated));
        assert_eq!(depacketized(&[&[0x10]]), Err(PayloadFault::Truncated));
    }
}
