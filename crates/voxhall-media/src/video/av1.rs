//! AV1 (bitstream specification, sections 5.3–5.9; ISO binding of AV1 for the configuration record): OBUs and the
//! sequence header.

use bytes::Bytes;

use super::PictureSize;
use super::bits::Bits;

const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
/// More bytes than this has no number of 32 bits.
const MAX_LEB128: usize = 5;

/// What an OBU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObuKind {
    /// A sequence header, without which nothing can be decoded.
    SequenceHeader,
    /// The begin of a temporal unit. Left out in every container but IVF, and on the network.
    TemporalDelimiter,
    /// The header of a frame whose tiles follow.
    FrameHeader,
    /// A frame, header and tiles.
    Frame,
    /// A frame header again.
    RedundantFrameHeader,
    /// For large-scale decoding, which nobody does; not to be sent over RTP.
    TileList,
    /// Nothing.
    Padding,
    /// Tiles, metadata, and what is reserved.
    Other,
}

/// One OBU, without its size field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obu<'a> {
    /// The header byte, with the size flag as it was.
    header: u8,
    extension: Option<u8>,
    /// What follows header and size.
    pub payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// Reads one OBU off the front. One without a size goes on to the end.
    #[must_use]
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&header, mut rest) = bytes.split_first()?;
        let mut extension = None;
        if header & HAS_EXTENSION != 0 {
            let (&byte, behind) = rest.split_first()?;
            (extension, rest) = (Some(byte), behind);
        }
        let length = if header & HAS_SIZE == 0 {
            rest.len()
        } else {
            let (length, behind) = leb128(rest)?;
            rest = behind;
            length
        };
        let (payload, rest) = rest.split_at_checked(length)?;
        let obu = Self {
            header,
            extension,
            payload,
        };
        Some((obu, rest))
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ObuKind {
        match self.header >> 3 & 0x0F {
            1 => ObuKind::SequenceHeader,
            2 => ObuKind::TemporalDelimiter,
            3 => ObuKind::FrameHeader,
            6 => ObuKind::Frame,
            7 => ObuKind::RedundantFrameHeader,
            8 => ObuKind::TileList,
            15 => ObuKind::Padding,
            _ => ObuKind::Other,
        }
    }

    /// Header and payload without a size, as it travels in RTP.
    pub(crate) fn push_bare(&self, out: &mut Vec<u8>) {
        out.push(self.header & !HAS_SIZE);
        out.extend(self.extension);
        out.extend_from_slice(self.payload);
    }

    /// Header, size and payload, as it stands in a file.
    pub(crate) fn push_sized(&self, out: &mut Vec<u8>) {
        out.push(self.header | HAS_SIZE);
        out.extend(self.extension);
        push_leb128(out, self.payload.len());
        out.extend_from_slice(self.payload);
    }

    /// Bytes of [`Self::push_bare`].
    pub(crate) const fn bare_length(&self) -> usize {
        1 + self.extension.is_some() as usize + self.payload.len()
    }
}

/// The OBUs of a temporal unit; ends at the first that is damaged.
pub fn obus(mut bytes: &[u8]) -> impl Iterator<Item = Obu<'_>> + Clone {
    std::iter::from_fn(move || {
        let (obu, rest) = Obu::split(bytes)?;
        bytes = rest;
        Some(obu)
    })
}

/// Reads a number of AV1's variable length, of at most 32 bits.
pub(crate) fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (index, &byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let number = u32::try_from(number).ok()?;
            return Some((number as usize, &bytes[index + 1..]));
        }
    }
    None
}

pub(crate) fn push_leb128(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Whether an OBU has no place in a frame's normal form.
const fn is_left_out(obu: &Obu<'_>) -> bool {
    matches!(
        obu.kind(),
        ObuKind::TemporalDelimiter | ObuKind::TileList | ObuKind::Padding
    )
}

pub(super) fn normal_form(frame: Bytes) -> Bytes {
    if is_normal(&frame) {
        return frame;
    }
    let mut normal = Vec::with_capacity(frame.len() + 4);
    for obu in obus(&frame).filter(|obu| !is_left_out(obu)) {
        obu.push_sized(&mut normal);
    }
    normal.into()
}

fn is_normal(mut frame: &[u8]) -> bool {
    while let Some((obu, rest)) = Obu::split(frame) {
        if is_left_out(&obu) || obu.header & HAS_SIZE == 0 {
            return false;
        }
        frame = rest;
    }
    // What is damaged is cut off.
    frame.is_empty()
}

pub(super) fn is_keyframe(frame: &[u8]) -> bool {
    let mut has_sequence_header = false;
    for obu in obus(frame) {
        match obu.kind() {
            ObuKind::SequenceHeader => has_sequence_header = true,
            ObuKind::Frame | ObuKind::FrameHeader => {
                // Not an existing frame again, and of the type KEY_FRAME.
                let is_key = obu.payload.first().is_some_and(|byte| byte & 0xE0 == 0);
                return has_sequence_header && is_key;
            }
            _ => {}
        }
    }
    false
}

pub(super) fn size(frame: &[u8]) -> Option<PictureSize> {
    let header = obus(frame).find(|obu| obu.kind() == ObuKind::SequenceHeader)?;
    Some(SequenceHeader::parse(header.payload)?.size)
}

/// What is read of a sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SequenceHeader {
    size: PictureSize,
    profile: u8,
    level: u8,
    tier: bool,
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Color {
    high_depth: bool,
    twelve_bits: bool,
    monochrome: bool,
    /// Chroma has half the columns, half the rows.
    subsampling: (bool, bool),
    position: u8,
}

impl SequenceHeader {
    fn parse(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = bits.byte(3)?;
        bits.skip(1)?;
        let reduced = bits.flag()?;
        let (level, tier) = if reduced {
            (bits.byte(5)?, false)
        } else {
            operating_point(&mut bits)?
        };
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        let size = PictureSize {
            width: bits.number(width_bits)? + 1,
            height: bits.number(height_bits)? + 1,
        };
        if !reduced && bits.flag()? {
            bits.skip(7)?;
        }
        bits.skip(3)?;
        if !reduced {
            skip_tools(&mut bits)?;
        }
        bits.skip(3)?;
        let color = Color::read(&mut bits, profile)?;
        Some(Self {
            size,
            profile,
            level,
            tier,
            color,
        })
    }
}

/// Level and tier of the first operating point; reads all of them.
fn operating_point(bits: &mut Bits<'_>) -> Option<(u8, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.golomb()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.number(5)? as usize + 1);
            bits.skip(42)?;
        }
    }
    let display_delay = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.number(5)? {
        bits.skip(12)?;
        let level = bits.byte(5)?;
        let tier = level > 7 && bits.flag()?;
        first.get_or_insert((level, tier));
        if let Some(length) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * length + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    first
}

/// Skips what a sequence allows its frames to use.
fn skip_tools(bits: &mut Bits<'_>) -> Option<()> {
    const SELECT: u32 = 2;
    bits.skip(4)?;
    let has_order_hint = bits.flag()?;
    if has_order_hint {
        bits.skip(2)?;
    }
    let screen_content = if bits.flag()? { SELECT } else { bits.number(1)? };
    if screen_content > 0 && !bits.flag()? {
        bits.skip(1)?;
    }
    if has_order_hint {
        bits.skip(3)?;
    }
    Some(())
}

impl Color {
    fn read(bits: &mut Bits<'_>, profile: u8) -> Option<Self> {
        let high_depth = bits.flag()?;
        let twelve_bits = profile == 2 && high_depth && bits.flag()?;
        let monochrome = profile != 1 && bits.flag()?;
        let description = if bits.flag()? {
            Some(bits.number(24)?)
        } else {
            None
        };
        let mut color = Self {
            high_depth,
            twelve_bits,
            monochrome,
            subsampling: (true, true),
            position: 0,
        };
        // Primaries of BT.709, the transfer of sRGB, no matrix: then nothing more is told.
        const SRGB: u32 = 0x01_0D_00;
        if description == Some(SRGB) && !monochrome {
            color.subsampling = (false, false);
            return Some(color);
        }
        bits.skip(1)?;
        if monochrome {
            return Some(color);
        }
        color.subsampling = match profile {
            0 => (true, true),
            1 => (false, false),
            _ if twelve_bits => {
                let columns = bits.flag()?;
                (columns, columns && bits.flag()?)
            }
            _ => (true, false),
        };
        if color.subsampling == (true, true) {
            color.position = bits.byte(2)?;
        }
        Some(color)
    }
}

/// `AV1CodecConfigurationRecord`: the sequence header of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Av1Config {
    headers: Bytes,
}

/// Bytes of a record before its OBUs.
const RECORD_HEADER: usize = 4;
const RECORD_VERSION: u8 = 0x81;

impl Av1Config {
    /// Reads a record.
    #[must_use]
    pub fn parse(record: &Bytes) -> Option<Self> {
        (record.len() >= RECORD_HEADER && record[0] == RECORD_VERSION).then(|| Self {
            headers: normal_form(record.slice(RECORD_HEADER..)),
        })
    }

    /// Makes the record of a track that begins with this keyframe in normal form; `None` if it lacks the sequence
    /// header.
    #[must_use]
    pub fn record_of(keyframe: &[u8]) -> Option<Vec<u8>> {
        let obu = obus(keyframe).find(|obu| obu.kind() == ObuKind::SequenceHeader)?;
        let header = SequenceHeader::parse(obu.payload)?;
        let color = header.color;
        let flags = [
            header.tier,
            color.high_depth,
            color.twelve_bits,
            color.monochrome,
            color.subsampling.0,
            color.subsampling.1,
        ];
        let flags = flags.iter().fold(0, |byte, &flag| byte << 1 | u8::from(flag));
        let mut record = vec![
            RECORD_VERSION,
            header.profile << 5 | header.level,
            flags << 2 | color.position,
            0,
        ];
        obu.push_sized(&mut record);
        Some(record)
    }

    /// A frame of the track in normal form: a key frame gets the sequence header if it has none of its own.
    #[must_use]
    pub fn frame(&self, frame: Bytes) -> Bytes {
        let frame = normal_form(frame);
        let first = obus(&frame).next();
        let lacks_header = first.is_some_and(|obu| {
            let is_frame = matches!(obu.kind(), ObuKind::Frame | ObuKind::FrameHeader);
            is_frame && obu.payload.first().is_some_and(|byte| byte & 0xE0 == 0)
        });
        if !lacks_header {
            return frame;
        }
        [&self.headers[..], &frame[..]].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by libaom for 176x144.
    const SEQUENCE: &[u8] = &[
        0x0A, 0x0B, 0x00, 0x00, 0x00, 0x03, 0xBD, 0x7C, 0x79, 0xB5, 0xF2, 0x00, 0x80,
    ];

    fn unit(parts: &[&[u8]]) -> Bytes {
        parts.concat().into()
    }

    #[test]
    fn numbers_of_variable_length() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u32::MAX as usize] {
            let mut bytes = Vec::new();
            push_leb128(&mut bytes, number);
            assert_eq!(leb128(&bytes), Some((number, &[][..])));
        }
        assert_eq!(leb128(&[0x80]), None);
        assert_eq!(leb128(&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), None, "more than 32 bits");
        assert_eq!(leb128(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
    }

    #[test]
    fn the_normal_form_has_sizes_and_no_delimiter() {
        let frame = unit(&[&[0x12, 0x00], SEQUENCE, &[0x30, 0x10, 7]]);
        let normal = normal_form(frame);
        assert_eq!(normal, unit(&[SEQUENCE, &[0x32, 0x02, 0x10, 7]]));
        assert_eq!(normal_form(normal.clone()).as_ptr(), normal.as_ptr());
    }

    #[test]
    fn keyframes_have_a_sequence_header_and_a_key_frame() {
        assert!(is_keyframe(&unit(&[SEQUENCE, &[0x32, 0x02, 0x10, 7]])));
        assert!(!is_keyframe(&unit(&[SEQUENCE, &[0x32, 0x02, 0x30, 7]])), "inter");
        assert!(!is_keyframe(&[0x32, 0x02, 0x10, 7]), "no header");
    }

    #[test]
    fn the_header_is_read_and_the_record_brings_it_back() {
        let keyframe = unit(&[SEQUENCE, &[0x32, 0x02, 0x10, 7]]);
        let expected = PictureSize {
            width: 176,
            height: 144,
        };
        assert_eq!(size(&keyframe), Some(expected));
        let record: Bytes = Av1Config::record_of(&keyframe).unwrap().into();
        assert_eq!(record[..4], [0x81, 0x00, 0x0C, 0x00]);
        let config = Av1Config::parse(&record).unwrap();
        assert_eq!(config.frame(Bytes::from_static(&[0x32, 0x02, 0x10, 7])), keyframe);
        let delta = Bytes::from_static(&[0x32, 0x02, 0x30, 7]);
        assert_eq!(config.frame(delta.clone()), delta);
        assert_eq!(Av1Config::parse(&record.slice(..3)), None);
    }
}
