//! RTP packets (RFC 3550 section 5, `media-transport.md` section 6): reading, writing, rewriting in place.

mod header;
mod rewrite;
mod sequence;

use std::fmt;

use voxhall_protocol::voice::Ssrc;

pub use header::RtpHeader;
pub use rewrite::RtpPacketMut;
pub use sequence::{ExtendedSequence, SequenceNumber, SequenceUnwrapper};

use crate::Error;
use crate::extension::ExtensionBlock;

/// Bytes of the header without CSRCs and extensions.
pub const FIXED_HEADER_LENGTH: usize = 12;
/// The version in the top two bits of every RTP and RTCP packet.
pub(crate) const VERSION: u8 = 2;
/// Bytes of one contributing source.
pub(crate) const CSRC_LENGTH: usize = 4;
/// Bytes in front of the extension body: profile and word count.
pub(crate) const EXTENSION_PREAMBLE_LENGTH: usize = 4;
/// Bytes of the words in which the extension body is counted.
pub(crate) const WORD_LENGTH: usize = 4;

const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const CSRC_COUNT_MASK: u8 = 0x0F;
const MARKER_BIT: u8 = 0x80;

/// The 7-bit number that says what a payload is; every client has its own numbers for the codecs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// Opus of native clients and bots.
    pub const OPUS: Self = Self(120);
    /// What native clients reserve for bandwidth probes on UDP.
    pub const BANDWIDTH_PROBE: Self = Self(96);

    /// The payload type of that number, if it has at most 7 bits.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < MARKER_BIT {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The payload type in the second byte of a header, whose top bit is the marker.
    const fn from_marker_byte(byte: u8) -> Self {
        Self(byte & !MARKER_BIT)
    }

    /// The number, 0–127.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for PayloadType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PayloadType({})", self.0)
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where the parts of a packet begin and end; every number is within the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Where the extension body begins, behind its preamble; the end of the CSRCs if there is none.
    extension_start: usize,
    /// Where the payload begins.
    payload_start: usize,
    /// Where the padding begins.
    payload_end: usize,
}

impl Layout {
    fn of(packet: &[u8]) -> Result<Self, Error> {
        let HeaderLayout {
            extension_start,
            payload_start,
        } = HeaderLayout::of(packet)?;
        let payload_end = packet.len() - padding_length(packet[0], &packet[payload_start..])?;
        Ok(Self {
            extension_start,
            payload_start,
            payload_end,
        })
    }
}

/// The part of a [`Layout`] that can be told while the payload is still encrypted.
struct HeaderLayout {
    extension_start: usize,
    payload_start: usize,
}

impl HeaderLayout {
    fn of(packet: &[u8]) -> Result<Self, Error> {
        let fixed = packet
            .first_chunk::<FIXED_HEADER_LENGTH>()
            .ok_or(Error::Truncated)?;
        if fixed[0] >> 6 != VERSION {
            return Err(Error::Version);
        }
        let mut extension_start = FIXED_HEADER_LENGTH + CSRC_LENGTH * usize::from(fixed[0] & CSRC_COUNT_MASK);
        let mut payload_start = extension_start;
        if fixed[0] & EXTENSION_BIT != 0 {
            let preamble = packet.get(extension_start..).and_then(<[u8]>::first_chunk);
            let &[_, _, words_high, words_low] = preamble.ok_or(Error::Truncated)?;
            extension_start += EXTENSION_PREAMBLE_LENGTH;
            let words = u16::from_be_bytes([words_high, words_low]);
            payload_start = extension_start + WORD_LENGTH * usize::from(words);
        }
        if payload_start > packet.len() {
            return Err(Error::Truncated);
        }
        Ok(Self {
            extension_start,
            payload_start,
        })
    }
}

/// Bytes of the header at the front of `packet`, with CSRCs and extensions. The payload may still be encrypted.
pub(crate) fn header_length(packet: &[u8]) -> Result<usize, Error> {
    HeaderLayout::of(packet).map(|layout| layout.payload_start)
}

/// How many of the bytes behind the header are padding, the count included.
fn padding_length(first_byte: u8, behind_header: &[u8]) -> Result<usize, Error> {
    if first_byte & PADDING_BIT == 0 {
        return Ok(0);
    }
    match behind_header.last() {
        Some(&count) if count != 0 && usize::from(count) <= behind_header.len() => Ok(usize::from(count)),
        _ => Err(Error::Padding),
    }
}

/// An RTP packet after decryption, read where it lies. Parsing checks every length, so the accessors cannot fail.
#[derive(Clone, Copy)]
pub struct RtpPacket<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`Error::Version`], [`Error::Truncated`] or [`Error::Padding`], all of which mean: drop it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self {
            bytes,
            layout: Layout::of(bytes)?,
        })
    }

    /// Whether the marker bit is set: the last packet of a video frame, or the first of a talk spurt.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.bytes[1] & MARKER_BIT != 0
    }

    /// What the payload is, in the sender's numbers.
    #[must_use]
    pub fn payload_type(&self) -> PayloadType {
        PayloadType::from_marker_byte(self.bytes[1])
    }

    /// The packet's place in its stream.
    #[must_use]
    pub fn sequence_number(&self) -> SequenceNumber {
        SequenceNumber(u16::from_be_bytes([self.bytes[2], self.bytes[3]]))
    }

    /// The sampling instant, in ticks of the codec's clock (48 kHz for Opus, 90 kHz for video); wraps.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.word(4)
    }

    /// The stream the packet belongs to.
    #[must_use]
    pub fn ssrc(&self) -> Ssrc {
        Ssrc(self.word(8))
    }

    /// The streams this one was mixed from; usually none.
    pub fn contributing_sources(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        let count = usize::from(self.bytes[0] & CSRC_COUNT_MASK);
        let list = &self.bytes[FIXED_HEADER_LENGTH..FIXED_HEADER_LENGTH + CSRC_LENGTH * count];
        list.as_chunks()
            .0
            .iter()
            .map(|source| Ssrc(u32::from_be_bytes(*source)))
    }

    /// The header extensions, if the packet has a block of them.
    #[must_use]
    pub fn extensions(&self) -> Option<ExtensionBlock<'a>> {
        if self.bytes[0] & EXTENSION_BIT == 0 {
            return None;
        }
        let start = self.layout.extension_start;
        let profile = u16::from_be_bytes([self.bytes[start - 4], self.bytes[start - 3]]);
        Some(ExtensionBlock::new(
            profile,
            &self.bytes[start..self.layout.payload_start],
        ))
    }

    /// The header with CSRCs and extensions.
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        &self.bytes[..self.layout.payload_start]
    }

    /// The payload without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[self.layout.payload_start..self.layout.payload_end]
    }

    /// Bytes of padding behind the payload, the count included.
    #[must_use]
    pub fn padding_length(&self) -> usize {
        self.bytes.len() - self.layout.payload_end
    }

    /// The whole packet.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([
            self.bytes[at],
            self.bytes[at + 1],
            self.bytes[at + 2],
            self.bytes[at + 3],
        ])
    }
}

/// Shows the header; payloads are nobody's business in a log.
impl fmt::Debug for RtpPacket<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RtpPacket")
            .field("ssrc", &self.ssrc())
            .field("payload_type", &self.payload_type())
            .field("sequence_number", &self.sequence_number())
            .field("timestamp", &self.timestamp())
            .field("marker", &self.marker())
            .field("payload_length", &self.payload().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_EVERYTHING: [u8; 36] = [
        0xB2, 0xF8, 0x1A, 0x2E, 0x00, 0x01, 0x37, 0x40, 0x00, 0x0A, 0xE4, 0x11, // V P X CC=2, M PT=120
        0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, // CSRCs
        0xBE, 0xDE, 0x00, 0x01, 0x10, 0x9E, 0x90, 0x02, // extensions
        0x78, 0x9C, 0x1A, 0x2B, // payload
        0x00, 0x00, 0x00, 0x04, // padding
    ];

    #[test]
    fn every_part_is_found() {
        let packet = RtpPacket::parse(&WITH_EVERYTHING).expect("well-formed");
        assert!(packet.marker());
        assert_eq!(packet.payload_type(), PayloadType::OPUS);
        assert_eq!(packet.sequence_number(), SequenceNumber(0x1A2E));
        assert_eq!(packet.timestamp(), 0x0001_3740);
        assert_eq!(packet.ssrc(), Ssrc(713_745));
        assert!(
            packet
                .contributing_sources()
                .eq([Ssrc(0x1111_1111), Ssrc(0x2222_2222)])
        );
        assert_eq!(packet.extensions().expect("X is set").elements().count(), 2);
        assert_eq!(packet.header().len(), 28);
        assert_eq!(packet.payload(), [0x78, 0x9C, 0x1A, 0x2B]);
        assert_eq!(packet.padding_length(), 4);
    }

    #[test]
    fn a_packet_cut_anywhere_in_its_header_is_refused() {
        for length in 0..28 {
            assert_eq!(
                RtpPacket::parse(&WITH_EVERYTHING[..length]).unwrap_err(),
                Error::Truncated,
                "{length}"
            );
        }
    }

    #[test]
    fn padding_is_checked_against_the_packet() {
        let mut packet = WITH_EVERYTHING;
        for (count, expected) in [(0, Err(Error::Padding)), (8, Ok(0)), (9, Err(Error::Padding))] {
            packet[35] = count;
            assert_eq!(
                RtpPacket::parse(&packet).map(|packet| packet.payload().len()),
                expected
            );
        }
        assert_eq!(
            RtpPacket::parse(&packet[..28]).unwrap_err(),
            Error::Padding,
            "nothing behind the header"
        );
    }

    #[test]
    fn another_version_is_refused() {
        let mut packet = WITH_EVERYTHING;
        packet[0] = 0x72;
        assert_eq!(RtpPacket::parse(&packet).unwrap_err(), Error::Version);
    }

    #[test]
    fn a_payload_type_has_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::number), Some(127));
        assert_eq!(PayloadType::new(128), None);
    }
}
