//! RTCP (RFC 3550 section 6, RFC 4585, RFC 5104; `media-transport.md` section 8): reading and writing compounds.
//!
//! Packets are read where they lie; lists in them are iterators. All lengths are checked when a packet is read, so
//! that iterators cannot fail.

mod description;
mod feedback;
mod report;
mod transport_feedback;
mod writer;

use voxhall_protocol::voice::Ssrc;

pub use description::{Goodbye, SdesChunk, SdesItem, SourceDescription};
pub use feedback::{FirEntry, FullIntraRequest, Nack, PictureLossIndication, ReceiverEstimatedBitrate};
pub use report::{NtpTimestamp, ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use transport_feedback::{Arrival, FeedbackHeader, TransportFeedback};
pub use writer::RtcpWriter;

use crate::Error;
use crate::rtp::VERSION;

/// The sender SSRC of the server's own RTCP; no medium has it.
pub const SERVER_SENDER: Ssrc = Ssrc(1);

const HEADER_LENGTH: usize = 4;
const WORD_LENGTH: usize = 4;
const PADDING_BIT: u8 = 0x20;
const COUNT_MASK: u8 = 0x1F;

/// What kind an RTCP packet is: its second byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum PacketType {
    SenderReport = 200,
    ReceiverReport = 201,
    SourceDescription = 202,
    Goodbye = 203,
    TransportFeedback = 205,
    PayloadFeedback = 206,
}

/// What a transport feedback packet says: its count field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum TransportFormat {
    Nack = 1,
    TransportWide = 15,
}

/// What a payload-specific feedback packet says: its count field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum PayloadFormat {
    PictureLoss = 1,
    FullIntra = 4,
    ApplicationLayer = 15,
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// What a sender sent, and what it received.
    SenderReport(SenderReport<'a>),
    /// What a receiver received.
    ReceiverReport(ReceiverReport<'a>),
    /// Names of sources.
    SourceDescription(SourceDescription<'a>),
    /// Sources that end.
    Goodbye(Goodbye<'a>),
    /// Packets that are to be sent again.
    Nack(Nack<'a>),
    /// When packets arrived, for congestion control.
    TransportFeedback(TransportFeedback<'a>),
    /// A decoder needs a keyframe.
    PictureLossIndication(PictureLossIndication),
    /// The same, with a number that tells a repetition from a new request.
    FullIntraRequest(FullIntraRequest<'a>),
    /// How much a receiver thinks it can take.
    ReceiverEstimatedBitrate(ReceiverEstimatedBitrate<'a>),
    /// A packet of a kind this crate does not know, which is no fault.
    Unknown(UnknownPacket<'a>),
}

/// A packet of an unknown kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPacket<'a> {
    /// The packet type, the second byte.
    pub packet_type: u8,
    /// The five bits of count or format.
    pub count: u8,
    /// What follows the first four bytes, padding taken away.
    pub body: &'a [u8],
}

/// The packets of a decrypted RTCP datagram. After an error the iterator ends: where the next packet would begin is
/// not known.
#[must_use]
pub const fn packets(datagram: &[u8]) -> RtcpPackets<'_> {
    RtcpPackets { rest: datagram }
}

/// The packets of a compound; see [`packets`].
#[derive(Debug, Clone)]
pub struct RtcpPackets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RtcpPackets<'a> {
    type Item = Result<RtcpPacket<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.split_next().and_then(UnknownPacket::interpret);
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl<'a> RtcpPackets<'a> {
    fn split_next(&mut self) -> Result<UnknownPacket<'a>, Error> {
        let &[first, packet_type, length_high, length_low] =
            self.rest.first_chunk().ok_or(Error::Truncated)?;
        if first >> 6 != VERSION {
            return Err(Error::Version);
        }
        let words = usize::from(u16::from_be_bytes([length_high, length_low]));
        let length = HEADER_LENGTH + WORD_LENGTH * words;
        let (packet, rest) = self.rest.split_at_checked(length).ok_or(Error::Truncated)?;
        let body = without_padding(first, &packet[HEADER_LENGTH..])?;
        self.rest = rest;
        Ok(UnknownPacket {
            packet_type,
            count: first & COUNT_MASK,
            body,
        })
    }
}

fn without_padding(first_byte: u8, body: &[u8]) -> Result<&[u8], Error> {
    if first_byte & PADDING_BIT == 0 {
        return Ok(body);
    }
    let count = usize::from(*body.last().ok_or(Error::Padding)?);
    let kept = body.len().checked_sub(count).filter(|_| count != 0);
    kept.map(|kept| &body[..kept]).ok_or(Error::Padding)
}

impl<'a> UnknownPacket<'a> {
    fn interpret(self) -> Result<RtcpPacket<'a>, Error> {
        const SENDER_REPORT: u8 = PacketType::SenderReport as u8;
        const RECEIVER_REPORT: u8 = PacketType::ReceiverReport as u8;
        const SOURCE_DESCRIPTION: u8 = PacketType::SourceDescription as u8;
        const GOODBYE: u8 = PacketType::Goodbye as u8;
        const TRANSPORT_FEEDBACK: u8 = PacketType::TransportFeedback as u8;
        const PAYLOAD_FEEDBACK: u8 = PacketType::PayloadFeedback as u8;
        match self.packet_type {
            SENDER_REPORT => SenderReport::read(self.count, self.body).map(RtcpPacket::SenderReport),
            RECEIVER_REPORT => ReceiverReport::read(self.count, self.body).map(RtcpPacket::ReceiverReport),
            SOURCE_DESCRIPTION => {
                SourceDescription::read(self.count, self.body).map(RtcpPacket::SourceDescription)
            }
            GOODBYE => Goodbye::read(self.count, self.body).map(RtcpPacket::Goodbye),
            TRANSPORT_FEEDBACK => self.interpret_transport_feedback(),
            PAYLOAD_FEEDBACK => self.interpret_payload_feedback(),
            _ => Ok(RtcpPacket::Unknown(self)),
        }
    }

    fn interpret_transport_feedback(self) -> Result<RtcpPacket<'a>, Error> {
        const NACK: u8 = TransportFormat::Nack as u8;
        const TRANSPORT_WIDE: u8 = TransportFormat::TransportWide as u8;
        match self.count {
            NACK => Nack::read(self.body).map(RtcpPacket::Nack),
            TRANSPORT_WIDE => TransportFeedback::read(self.body).map(RtcpPacket::TransportFeedback),
            _ => Ok(RtcpPacket::Unknown(self)),
        }
    }

    fn interpret_payload_feedback(self) -> Result<RtcpPacket<'a>, Error> {
        const PICTURE_LOSS: u8 = PayloadFormat::PictureLoss as u8;
        const FULL_INTRA: u8 = PayloadFormat::FullIntra as u8;
        const APPLICATION_LAYER: u8 = PayloadFormat::ApplicationLayer as u8;
        match self.count {
            PICTURE_LOSS => PictureLossIndication::read(self.body).map(RtcpPacket::PictureLossIndication),
            FULL_INTRA => FullIntraRequest::read(self.body).map(RtcpPacket::FullIntraRequest),
            APPLICATION_LAYER if ReceiverEstimatedBitrate::is_one(self.body) => {
                ReceiverEstimatedBitrate::read(self.body).map(RtcpPacket::ReceiverEstimatedBitrate)
            }
            _ => Ok(RtcpPacket::Unknown(self)),
        }
    }
}

/// The sender and the medium that every feedback packet begins with, and what follows.
fn feedback_parts(body: &[u8]) -> Result<(Ssrc, Ssrc, &[u8]), Error> {
    let (sender, rest) = take_ssrc(body)?;
    let (media, rest) = take_ssrc(rest)?;
    Ok((sender, media, rest))
}

fn take_ssrc(bytes: &[u8]) -> Result<(Ssrc, &[u8]), Error> {
    let (ssrc, rest) = bytes.split_first_chunk().ok_or(Error::Truncated)?;
    Ok((Ssrc(u32::from_be_bytes(*ssrc)), rest))
}

fn sources(list: &[[u8; 4]]) -> impl ExactSizeIterator<Item = Ssrc> {
    list.iter().map(|source| Ssrc(u32::from_be_bytes(*source)))
}

/// The first `count` items of `LENGTH` bytes each.
fn items<const LENGTH: usize>(bytes: &[u8], count: usize) -> Result<&[[u8; LENGTH]], Error> {
    bytes.as_chunks().0.get(..count).ok_or(Error::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_is_read_packet_by_packet() {
        let datagram = [
            0x80, 0xC9, 0, 1, 0, 0, 0, 1, // an empty receiver report
            0x81, 0xCE, 0, 2, 0, 0, 0, 1, 0, 0x0A, 0xE4, 0x12, // PLI
        ];
        let read: Vec<_> = packets(&datagram).collect::<Result<_, _>>().expect("well-formed");
        assert!(matches!(read[0], RtcpPacket::ReceiverReport(report) if report.sender == Ssrc(1)));
        let pli = PictureLossIndication {
            sender: Ssrc(1),
            media: Ssrc(713_746),
        };
        assert_eq!(read[1..], [RtcpPacket::PictureLossIndication(pli)]);
    }

    #[test]
    fn an_unknown_packet_survives_between_known_ones() {
        let datagram = [
            0x82, 0xCC, 0, 1, 1, 2, 3, 4, // APP
            0x8F, 0xCE, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, // application-layer feedback that is not REMB
            0x80, 0xC9, 0, 1, 0, 0, 0, 1,
        ];
        let read: Vec<_> = packets(&datagram).collect::<Result<_, _>>().expect("well-formed");
        let app = UnknownPacket {
            packet_type: 204,
            count: 2,
            body: &[1, 2, 3, 4],
        };
        assert_eq!(read[0], RtcpPacket::Unknown(app));
        assert!(matches!(
            read[1],
            RtcpPacket::Unknown(UnknownPacket {
                packet_type: 206,
                count: 15,
                ..
            })
        ));
        assert!(matches!(read[2], RtcpPacket::ReceiverReport(_)));
    }

    #[test]
    fn a_length_beyond_the_datagram_ends_the_reading() {
        let datagram = [
            0x80, 0xC9, 0, 1, 0, 0, 0, 1, 0x81, 0xCE, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2,
        ];
        let mut packets = packets(&datagram);
        assert!(matches!(packets.next(), Some(Ok(RtcpPacket::ReceiverReport(_)))));
        assert_eq!(packets.next(), Some(Err(Error::Truncated)));
        assert_eq!(packets.next(), None);
    }

    #[test]
    fn padding_beyond_the_packet_is_refused() {
        for count in [0, 5] {
            let datagram = [0xA0, 0xC9, 0, 1, 0, 0, 0, count];
            assert_eq!(packets(&datagram).next(), Some(Err(Error::Padding)), "{count}");
        }
        assert_eq!(packets(&[0xA0, 0xC9, 0, 0]).next(), Some(Err(Error::Padding)));
    }

    #[test]
    fn counts_beyond_the_packet_are_refused() {
        for datagram in [
            &[0x81, 0xC9, 0, 1, 0, 0, 0, 1][..],         // a report block
            &[0x81, 0xCA, 0, 0],                         // a chunk
            &[0x82, 0xCB, 0, 1, 0, 0, 0, 1],             // a second source
            &[0x81, 0xCD, 0, 1, 0, 0, 0, 1],             // the medium
            &[0x80, 0xC8, 0, 1, 0, 0, 0, 1],             // the sender info
            &[0x8F, 0xCD, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], // the feedback header
        ] {
            assert_eq!(
                packets(datagram).next(),
                Some(Err(Error::Truncated)),
                "{datagram:x?}"
            );
        }
    }
}
