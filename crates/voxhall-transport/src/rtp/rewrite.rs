//! Changing a packet where it lies.

use voxhall_protocol::voice::Ssrc;

use super::{Layout, MARKER_BIT, PADDING_BIT, PayloadType, RtpPacket, SequenceNumber};
use crate::Error;

/// An RTP packet whose header can be rewritten in place, as a forwarder does for each receiver.
pub struct RtpPacketMut<'a> {
    bytes: &'a mut [u8],
    layout: Layout,
}

impl<'a> RtpPacketMut<'a> {
    /// Reads a packet that is to be changed.
    ///
    /// # Errors
    ///
    /// As [`RtpPacket::parse`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Error> {
        let layout = Layout::of(bytes)?;
        Ok(Self { bytes, layout })
    }

    /// Sets the marker bit.
    pub fn set_marker(&mut self, marker: bool) {
        self.bytes[1] = self.bytes[1] & !MARKER_BIT | if marker { MARKER_BIT } else { 0 };
    }

    /// Sets what the payload is, in the receiver's numbers.
    pub fn set_payload_type(&mut self, payload_type: PayloadType) {
        self.bytes[1] = self.bytes[1] & MARKER_BIT | payload_type.number();
    }

    /// Sets the packet's place in its stream.
    pub fn set_sequence_number(&mut self, sequence_number: SequenceNumber) {
        self.bytes[2..4].copy_from_slice(&sequence_number.0.to_be_bytes());
    }

    /// Sets the sampling instant.
    pub fn set_timestamp(&mut self, timestamp: u32) {
        self.bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }

    /// Sets the stream.
    pub fn set_ssrc(&mut self, ssrc: Ssrc) {
        self.bytes[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
    }

    /// Takes the padding away and clears its bit.
    pub fn strip_padding(&mut self) {
        self.bytes[0] &= !PADDING_BIT;
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = &mut bytes[..self.layout.payload_end];
    }

    /// The packet to read from.
    #[must_use]
    pub fn as_packet(&self) -> RtpPacket<'_> {
        RtpPacket {
            bytes: self.bytes,
            layout: self.layout,
        }
    }

    /// The packet's bytes, shorter than what was parsed if padding was stripped.
    #[must_use]
    pub fn into_bytes(self) -> &'a mut [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_rewritten_alone() {
        let mut bytes = [
            0xA0, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xF8, 0xFF, 0xFE, 0x00, 0x02,
        ];
        let mut packet = RtpPacketMut::parse(&mut bytes).expect("well-formed");
        packet.set_payload_type(PayloadType::new(111).expect("seven bits"));
        packet.set_marker(true);
        packet.set_sequence_number(SequenceNumber(0x0A0B));
        packet.set_timestamp(0x0C0D_0E0F);
        packet.set_ssrc(Ssrc(0x1011_1213));
        packet.strip_padding();
        let expected = [
            0x80, 0xEF, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13, 0xF8, 0xFF, 0xFE,
        ];
        assert_eq!(packet.as_packet().payload(), [0xF8, 0xFF, 0xFE]);
        assert_eq!(packet.into_bytes(), expected);
    }

    #[test]
    fn clearing_the_marker_keeps_the_payload_type() {
        let mut bytes = [0x80, 0xF8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let mut packet = RtpPacketMut::parse(&mut bytes).expect("well-formed");
        packet.set_marker(false);
        assert!(!packet.as_packet().marker());
        assert_eq!(packet.as_packet().payload_type(), PayloadType::OPUS);
    }
}
