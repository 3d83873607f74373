//! H.264 (RFC 6184) and H.265 (RFC 7798): the same three kinds of packets with headers of one and of two bytes.

use super::{Depacketizer, PayloadFault, PayloadList};
use crate::video::{nal_units, push_start_code};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    H264,
    H265,
}

/// Bytes of the length before each unit of an aggregate.
const LENGTH: usize = 2;

/// Of a fragment's own header: whether it is the first, whether the last.
const START: u8 = 0x80;
const END: u8 = 0x40;

impl Format {
    /// Bytes of a unit's header.
    const fn header_length(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }

    const fn aggregate_kind(self) -> u8 {
        match self {
            Self::H264 => 24,
            Self::H265 => 48,
        }
    }

    const fn fragment_kind(self) -> u8 {
        match self {
            Self::H264 => 28,
            Self::H265 => 49,
        }
    }

    /// What kind of unit the first byte of a header names.
    pub(super) const fn kind(self, first: u8) -> u8 {
        match self {
            Self::H264 => first & 0x1F,
            Self::H265 => first >> 1 & 0x3F,
        }
    }

    /// The kind of the unit with which a payload begins; `None` if that began in an earlier payload.
    pub(super) fn leading_kind(self, payload: &[u8]) -> Option<u8> {
        let behind = payload.get(self.header_length()..)?;
        let kind = self.kind(payload[0]);
        if kind == self.fragment_kind() {
            let own = behind.first()?;
            return (own & START != 0).then_some(own & self.kind_mask());
        }
        if kind == self.aggregate_kind() {
            return behind.get(LENGTH).map(|&first| self.kind(first));
        }
        Some(kind)
    }

    /// Whether one of the units that begin in a payload is of a certain kind.
    pub(super) fn begins_any(self, payload: &[u8], is_wanted: impl Fn(u8) -> bool) -> bool {
        let is_aggregate = payload
            .first()
            .is_some_and(|&first| self.kind(first) == self.aggregate_kind());
        if !is_aggregate {
            return self.leading_kind(payload).is_some_and(is_wanted);
        }
        let mut rest = payload.get(self.header_length()..).unwrap_or_default();
        while let Some((length, behind)) = rest.split_first_chunk::<LENGTH>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((unit, behind)) = behind.split_at_checked(length) else {
                return false;
            };
            if unit.first().is_some_and(|&first| is_wanted(self.kind(first))) {
                return true;
            }
            rest = behind;
        }
        false
    }

    /// The bits of a fragment's own header that name a kind.
    const fn kind_mask(self) -> u8 {
        match self {
            Self::H264 => 0x1F,
            Self::H265 => 0x3F,
        }
    }

    /// The first byte of a header, naming another kind.
    const fn with_kind(self, first: u8, kind: u8) -> u8 {
        match self {
            Self::H264 => first & 0xE0 | kind,
            Self::H265 => first & 0x81 | kind << 1,
        }
    }

    /// The kinds that are units by themselves.
    const fn is_single(self, kind: u8) -> bool {
        match self {
            Self::H264 => kind >= 1 && kind <= 23,
            Self::H265 => kind <= 47,
        }
    }

    /// The header of an aggregate: as important, and as low in its layers, as the best of its units.
    fn aggregate_header(self, units: &[&[u8]]) -> ([u8; 2], usize) {
        let length = self.header_length();
        let mut header = [self.with_kind(0, self.aggregate_kind()), 0];
        match self {
            Self::H264 => {
                let forbidden = units.iter().fold(0, |bit, unit| bit | unit[0] & 0x80);
                let importance = units.iter().map(|unit| unit[0] & 0x60).max().unwrap_or(0);
                header[0] |= forbidden | importance;
            }
            Self::H265 => {
                let layers = |unit: &&[u8]| u16::from_be_bytes([unit[0], unit[1]]) & 0x01FF;
                let [high, low] = units.iter().map(layers).min().unwrap_or(0).to_be_bytes();
                header = [header[0] | high, low];
            }
        }
        (header, length)
    }
}

pub(super) fn packetize(format: Format, frame: &[u8], max: usize, payloads: &mut PayloadList) {
    let mut waiting: Vec<&[u8]> = Vec::new();
    let mut waiting_length = format.header_length();
    let can_travel =
        |unit: &&[u8]| unit.len() >= format.header_length() && format.is_single(format.kind(unit[0]));
    for unit in nal_units(frame).filter(can_travel) {
        let length = LENGTH + unit.len();
        if waiting_length + length > max {
            send_waiting(format, &mut waiting, payloads);
            waiting_length = format.header_length();
        }
        if unit.len() > max {
            fragment(format, unit, max, payloads);
        } else {
            // One that fits alone but not with an aggregate's headers waits alone.
            waiting.push(unit);
            waiting_length += length;
        }
    }
    send_waiting(format, &mut waiting, payloads);
}

fn send_waiting(format: Format, waiting: &mut Vec<&[u8]>, payloads: &mut PayloadList) {
    match waiting[..] {
        [] => {}
        [single] => payloads.push(&[single]),
        ref units => {
            let (header, length) = format.aggregate_header(units);
            payloads.bytes.extend_from_slice(&header[..length]);
            for unit in units {
                // Units that wait are within a payload.
                let length = unit.len() as u16;
                payloads.bytes.extend_from_slice(&length.to_be_bytes());
                payloads.bytes.extend_from_slice(unit);
            }
            payloads.end_payload();
        }
    }
    waiting.clear();
}

fn fragment(format: Format, unit: &[u8], max: usize, payloads: &mut PayloadList) {
    let (header, content) = unit.split_at(format.header_length());
    let kind = format.kind(header[0]);
    let mut indicator = [format.with_kind(header[0], format.fragment_kind()), 0];
    indicator[1..header.len()].copy_from_slice(&header[1..]);
    let room = max - header.len() - 1;
    let last = content.len().div_ceil(room) - 1;
    for (index, piece) in content.chunks(room).enumerate() {
        let start = if index == 0 { START } else { 0 };
        let end = if index == last { END } else { 0 };
        payloads.push(&[&indicator[..header.len()], &[start | end | kind], piece]);
    }
}

pub(super) fn depacketize(
    format: Format,
    payload: &[u8],
    into: &mut Depacketizer,
) -> Result<(), PayloadFault> {
    let (header, rest) = payload
        .split_at_checked(format.header_length())
        .ok_or(PayloadFault::Truncated)?;
    let kind = format.kind(header[0]);
    if kind == format.fragment_kind() {
        return take_fragment(format, header, rest, into);
    }
    if into.fragment.is_some() {
        return Err(PayloadFault::BrokenFragments);
    }
    if kind == format.aggregate_kind() {
        return take_aggregate(rest, into);
    }
    if !format.is_single(kind) {
        return Err(PayloadFault::Unsupported(kind));
    }
    push_start_code(&mut into.frame);
    into.frame.extend_from_slice(payload);
    Ok(())
}

fn take_aggregate(mut units: &[u8], into: &mut Depacketizer) -> Result<(), PayloadFault> {
    while !units.is_empty() {
        let (length, rest) = units
            .split_first_chunk::<LENGTH>()
            .ok_or(PayloadFault::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (unit, rest) = rest.split_at_checked(length).ok_or(PayloadFault::Truncated)?;
        if !unit.is_empty() {
            push_start_code(&mut into.frame);
            into.frame.extend_from_slice(unit);
        }
        units = rest;
    }
    Ok(())
}

fn take_fragment(
    format: Format,
    header: &[u8],
    rest: &[u8],
    into: &mut Depacketizer,
) -> Result<(), PayloadFault> {
    let (&own, content) = rest.split_first().ok_or(PayloadFault::Truncated)?;
    match (own & START != 0, &into.fragment) {
        (true, None) => {
            push_start_code(&mut into.frame);
            into.frame
                .push(format.with_kind(header[0], own & format.kind_mask()));
            into.frame.extend_from_slice(&header[1..]);
            // The unit grows in its place; that it is open is all there is to know.
            into.fragment = Some(Vec::new());
        }
        (false, Some(_)) => {}
        _ => return Err(PayloadFault::BrokenFragments),
    }
    into.frame.extend_from_slice(content);
    if own & END != 0 {
        into.fragment = None;
    }
    Ok(())
}
