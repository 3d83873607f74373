//! Writing RTCP compounds.

use voxhall_protocol::voice::Ssrc;

use super::description::CNAME_ITEM;
use super::feedback::{NackPair, REMB_NAME, remb_bitrate};
use super::transport_feedback::{delta_bytes, status_chunks};
use super::{
    COUNT_MASK, FeedbackHeader, FirEntry, HEADER_LENGTH, PADDING_BIT, PacketType, PayloadFormat, ReportBlock,
    SenderInfo, TransportFormat, WORD_LENGTH,
};
use crate::Error;
use crate::rtp::{SequenceNumber, VERSION};

/// FIR and REMB name their streams further behind; the medium of their header is zero.
const NO_MEDIA: Ssrc = Ssrc::NONE;

/// Appends RTCP packets to the caller's buffer. A packet that fails leaves no trace.
///
/// Every method's errors: [`Error::BufferTooSmall`], or [`Error::TooMany`] for more items than the packet's count
/// field can say.
#[derive(Debug)]
pub struct RtcpWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> RtcpWriter<'b> {
    /// Begins a compound.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// The compound so far, in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The compound.
    #[must_use]
    pub fn finish(self) -> &'b [u8] {
        &self.buffer[..self.length]
    }

    /// What `sender` sent, and what it received: at most 31 blocks.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn sender_report(
        &mut self,
        sender: Ssrc,
        info: SenderInfo,
        blocks: &[ReportBlock],
    ) -> Result<(), Error> {
        let count = count_field(blocks.len())?;
        self.packet(PacketType::SenderReport, count, |body| {
            body.put_ssrc(sender)?;
            body.put(&info.to_bytes())?;
            blocks.iter().try_for_each(|block| body.put(&block.to_bytes()))
        })
    }

    /// What `sender` received: at most 31 blocks.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn receiver_report(&mut self, sender: Ssrc, blocks: &[ReportBlock]) -> Result<(), Error> {
        let count = count_field(blocks.len())?;
        self.packet(PacketType::ReceiverReport, count, |body| {
            body.put_ssrc(sender)?;
            blocks.iter().try_for_each(|block| body.put(&block.to_bytes()))
        })
    }

    /// The canonical name of a source, at most 255 bytes; real clients leave it empty.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn source_description(&mut self, source: Ssrc, cname: &str) -> Result<(), Error> {
        let length = u8::try_from(cname.len()).map_err(|_| Error::TooMany)?;
        self.packet(PacketType::SourceDescription, 1, |body| {
            body.put_ssrc(source)?;
            body.put(&[CNAME_ITEM, length])?;
            body.put(cname.as_bytes())?;
            // The end marker, and more zeros up to the next word.
            let padding = WORD_LENGTH - body.length % WORD_LENGTH;
            body.put(&[0; WORD_LENGTH][..padding])
        })
    }

    /// At most 31 sources end.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn goodbye(&mut self, sources: &[Ssrc]) -> Result<(), Error> {
        let count = count_field(sources.len())?;
        self.packet(PacketType::Goodbye, count, |body| {
            sources.iter().try_for_each(|source| body.put_ssrc(*source))
        })
    }

    /// Packets of `media` are to be sent again. Numbers in rising order take the least room.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn nack(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        missing: impl IntoIterator<Item = SequenceNumber>,
    ) -> Result<(), Error> {
        self.packet(
            PacketType::TransportFeedback,
            TransportFormat::Nack as u8,
            |body| {
                body.put_ssrc(sender)?;
                body.put_ssrc(media)?;
                let mut open: Option<NackPair> = None;
                for sequence in missing {
                    if open.as_mut().is_some_and(|pair| pair.add(sequence)) {
                        continue;
                    }
                    if let Some(full) = open.replace(NackPair::new(sequence)) {
                        body.put(&full.to_bytes())?;
                    }
                }
                open.map_or(Ok(()), |last| body.put(&last.to_bytes()))
            },
        )
    }

    /// When packets arrived: `statuses` holds for each transport sequence number from the base on the delta in
    /// 250 µs, or `None` if it did not arrive. At most 65 535.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn transport_feedback(
        &mut self,
        header: &FeedbackHeader,
        statuses: &[Option<i16>],
    ) -> Result<(), Error> {
        let count = u16::try_from(statuses.len()).map_err(|_| Error::TooMany)?;
        let [_, time_high, time_middle, time_low] = header.reference_time.to_be_bytes();
        self.packet(
            PacketType::TransportFeedback,
            TransportFormat::TransportWide as u8,
            |body| {
                body.put_ssrc(header.sender)?;
                body.put_ssrc(header.media)?;
                body.put(&header.base_sequence.0.to_be_bytes())?;
                body.put(&count.to_be_bytes())?;
                body.put(&[time_high, time_middle, time_low, header.feedback_count])?;
                status_chunks(statuses).try_for_each(|chunk| body.put(&chunk))?;
                for delta in statuses.iter().flatten() {
                    let (bytes, length) = delta_bytes(*delta);
                    body.put(&bytes[..length])?;
                }
                Ok(())
            },
        )
    }

    /// `media` is to send a keyframe.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn picture_loss_indication(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), Error> {
        self.packet(
            PacketType::PayloadFeedback,
            PayloadFormat::PictureLoss as u8,
            |body| {
                body.put_ssrc(sender)?;
                body.put_ssrc(media)
            },
        )
    }

    /// Streams are to send a keyframe.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn full_intra_request(&mut self, sender: Ssrc, entries: &[FirEntry]) -> Result<(), Error> {
        self.packet(
            PacketType::PayloadFeedback,
            PayloadFormat::FullIntra as u8,
            |body| {
                body.put_ssrc(sender)?;
                body.put_ssrc(NO_MEDIA)?;
                entries.iter().try_for_each(|entry| body.put(&entry.to_bytes()))
            },
        )
    }

    /// The streams `media`, at most 255, may together take `bitrate` bits per second.
    ///
    /// # Errors
    ///
    /// See [`RtcpWriter`].
    pub fn receiver_estimated_bitrate(
        &mut self,
        sender: Ssrc,
        bitrate: u64,
        media: &[Ssrc],
    ) -> Result<(), Error> {
        let count = u8::try_from(media.len()).map_err(|_| Error::TooMany)?;
        let [high, middle, low] = remb_bitrate(bitrate);
        self.packet(
            PacketType::PayloadFeedback,
            PayloadFormat::ApplicationLayer as u8,
            |body| {
                body.put_ssrc(sender)?;
                body.put_ssrc(NO_MEDIA)?;
                body.put(&REMB_NAME)?;
                body.put(&[count, high, middle, low])?;
                media.iter().try_for_each(|media| body.put_ssrc(*media))
            },
        )
    }

    /// Writes a packet: the body first, then padding up to whole words, then the header, which knows the length.
    fn packet(
        &mut self,
        packet_type: PacketType,
        count: u8,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.length;
        Error::check_room(start + HEADER_LENGTH, self.buffer.len())?;
        let mut body = Body {
            buffer: self.buffer,
            length: start + HEADER_LENGTH,
        };
        write(&mut body)?;
        let padding = body.length.next_multiple_of(WORD_LENGTH) - body.length;
        let mut padding_bytes = [0; WORD_LENGTH];
        if padding > 0 {
            padding_bytes[padding - 1] = padding as u8;
            body.put(&padding_bytes[..padding])?;
        }
        let end = body.length;
        let words = u16::try_from((end - start) / WORD_LENGTH - 1).map_err(|_| Error::TooMany)?;
        let padded = if padding > 0 { PADDING_BIT } else { 0 };
        let [words_high, words_low] = words.to_be_bytes();
        let header = [
            VERSION << 6 | padded | count,
            packet_type as u8,
            words_high,
            words_low,
        ];
        self.buffer[start..start + HEADER_LENGTH].copy_from_slice(&header);
        self.length = end;
        Ok(())
    }
}

/// The five bits of a count.
fn count_field(count: usize) -> Result<u8, Error> {
    u8::try_from(count)
        .ok()
        .filter(|count| *count <= COUNT_MASK)
        .ok_or(Error::TooMany)
}

/// The body of the packet being written. The compound begins at a word, so alignment can be seen from its length.
struct Body<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl Body<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.length + bytes.len();
        Error::check_room(end, self.buffer.len())?;
        self.buffer[self.length..end].copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    fn put_ssrc(&mut self, ssrc: Ssrc) -> Result<(), Error> {
        self.put(&ssrc.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::{Arrival, RtcpPacket, packets};

    const HEADER: FeedbackHeader = FeedbackHeader {
        sender: Ssrc(1),
        media: Ssrc(2),
        base_sequence: SequenceNumber(65_000),
        reference_time: -5,
        feedback_count: 9,
    };

    #[test]
    fn a_packet_that_does_not_fit_leaves_no_trace() {
        let mut buffer = [0; 20];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer
            .picture_loss_indication(Ssrc(1), Ssrc(2))
            .expect("twelve bytes");
        let error = writer.picture_loss_indication(Ssrc(1), Ssrc(3)).unwrap_err();
        assert_eq!(
            error,
            Error::BufferTooSmall {
                needed: 24,
                available: 20
            }
        );
        assert_eq!(packets(writer.finish()).count(), 1);
    }

    #[test]
    fn counts_stop_at_their_field() {
        let mut buffer = [0; 2_000];
        let mut writer = RtcpWriter::new(&mut buffer);
        assert_eq!(writer.goodbye(&[Ssrc(1); 32]), Err(Error::TooMany));
        assert_eq!(writer.goodbye(&[Ssrc(1); 31]), Ok(()));
        assert_eq!(
            writer.receiver_estimated_bitrate(Ssrc(1), 1, &[Ssrc(2); 256]),
            Err(Error::TooMany)
        );
        assert!(
            matches!(packets(writer.finish()).next(), Some(Ok(RtcpPacket::Goodbye(bye))) if bye.sources().len() == 31)
        );
    }

    #[test]
    fn a_name_ends_with_a_zero_whatever_its_length() {
        for name in ["", "a", "ab", "abc", "abcd"] {
            let mut buffer = [0xEE; 64];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.source_description(Ssrc(7), name).expect("it fits");
            let Some(Ok(RtcpPacket::SourceDescription(read))) = packets(writer.finish()).next() else {
                panic!("{name:?} is read back");
            };
            assert_eq!(
                read.chunks().next().and_then(|chunk| chunk.cname()),
                Some(name.as_bytes())
            );
        }
    }

    proptest! {
        #[test]
        fn arrivals_survive(statuses in proptest::collection::vec(
            prop_oneof![3 => Just(None), 5 => (0_i16..=255).prop_map(Some), 2 => any::<i16>().prop_map(Some)], 0..200,
        )) {
            let mut buffer = [0; 1_500];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.transport_feedback(&HEADER, &statuses).expect("it fits");
            let Some(Ok(RtcpPacket::TransportFeedback(read))) = packets(writer.finish()).next() else {
                panic!("the feedback is read back");
            };
            prop_assert_eq!(read.header, HEADER);
            prop_assert_eq!(usize::from(read.status_count), statuses.len());
            let mut sequence = HEADER.base_sequence;
            let mut expected = Vec::new();
            for status in statuses {
                expected.extend(status.map(|delta| Arrival { sequence, delta }));
                sequence = sequence.next();
            }
            prop_assert_eq!(read.arrivals().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn missing_packets_survive(missing in proptest::collection::btree_set(any::<u16>(), 0..60)) {
            let mut buffer = [0; 500];
            let mut writer = RtcpWriter::new(&mut buffer);
            writer.nack(Ssrc(1), Ssrc(2), missing.iter().copied().map(SequenceNumber)).expect("it fits");
            let Some(Ok(RtcpPacket::Nack(read))) = packets(writer.finish()).next() else {
                panic!("the NACK is read back");
            };
            prop_assert!(read.sequence_numbers().map(|sequence| sequence.0).eq(missing));
        }
    }
}
