//! Writing an RTP header.

use voxhall_protocol::voice::Ssrc;

use super::{EXTENSION_BIT, FIXED_HEADER_LENGTH, MARKER_BIT, PayloadType, SequenceNumber, VERSION};
use crate::Error;

/// The fields of an RTP header that a sender fills in. There are no CSRCs, because nothing here mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// The last packet of a video frame, or the first of a talk spurt.
    pub marker: bool,
    /// What the payload is, in the receiver's numbers.
    pub payload_type: PayloadType,
    /// The packet's place in its stream.
    pub sequence_number: SequenceNumber,
    /// The sampling instant, in ticks of the codec's clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: Ssrc,
}

impl RtpHeader {
    /// Writes the header and behind it an extension block, which comes from
    /// [`ExtensionWriter::finish`](crate::extension::ExtensionWriter::finish) and may be empty. Returns the length
    /// of both.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`].
    pub fn write(&self, extension_block: &[u8], buffer: &mut [u8]) -> Result<usize, Error> {
        let length = FIXED_HEADER_LENGTH + extension_block.len();
        Error::check_room(length, buffer.len())?;
        let fixed = self.to_bytes(!extension_block.is_empty());
        buffer[..FIXED_HEADER_LENGTH].copy_from_slice(&fixed);
        buffer[FIXED_HEADER_LENGTH..length].copy_from_slice(extension_block);
        Ok(length)
    }

    /// The twelve bytes of the header; `extended` says that an extension block follows.
    #[must_use]
    pub fn to_bytes(&self, extended: bool) -> [u8; FIXED_HEADER_LENGTH] {
        let mut bytes = [0; FIXED_HEADER_LENGTH];
        bytes[0] = VERSION << 6 | if extended { EXTENSION_BIT } else { 0 };
        bytes[1] = self.payload_type.number() | if self.marker { MARKER_BIT } else { 0 };
        bytes[2..4].copy_from_slice(&self.sequence_number.0.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.0.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RtpPacket;

    const HEADER: RtpHeader = RtpHeader {
        marker: true,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(6699),
        timestamp: 76_800,
        ssrc: Ssrc(713_745),
    };

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = [0; 32];
        let length = HEADER
            .write(&[0xBE, 0xDE, 0, 1, 0x10, 0x9E, 0x90, 0x02], &mut buffer)
            .expect("it fits");
        let packet = RtpPacket::parse(&buffer[..length]).expect("own packet");
        assert_eq!(packet.marker(), HEADER.marker);
        assert_eq!(packet.payload_type(), HEADER.payload_type);
        assert_eq!(packet.sequence_number(), HEADER.sequence_number);
        assert_eq!(packet.timestamp(), HEADER.timestamp);
        assert_eq!(packet.ssrc(), HEADER.ssrc);
        assert!(packet.extensions().is_some());
        assert!(packet.payload().is_empty());
    }

    #[test]
    fn the_documented_bytes_come_out() {
        let header = RtpHeader {
            marker: false,
            ..HEADER
        };
        assert_eq!(
            header.to_bytes(false),
            [0x80, 0x78, 0x1A, 0x2B, 0, 1, 0x2C, 0, 0, 0x0A, 0xE4, 0x11]
        );
    }

    #[test]
    fn a_short_buffer_is_an_error() {
        let error = HEADER.write(&[], &mut [0; 11]).unwrap_err();
        assert_eq!(
            error,
            Error::BufferTooSmall {
                needed: 12,
                available: 11
            }
        );
    }
}
