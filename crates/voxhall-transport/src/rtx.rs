//! Retransmissions in a stream of their own (RFC 4588, `media-transport.md` section 8).
//!
//! A retransmission has the SSRC, payload type and sequence numbers of its RTX stream, and the timestamp and marker of
//! the original. Its payload is the original sequence number and the original payload. The rid extension becomes a
//! repaired-rid.

use crate::Error;
use crate::extension::{ExtensionElement, ExtensionForm, ExtensionKind, ExtensionMap, ExtensionWriter};
use crate::rtp::{FIXED_HEADER_LENGTH, RtpHeader, RtpPacket, SequenceNumber};

/// Bytes of the original sequence number in front of the payload.
pub const ORIGINAL_SEQUENCE_LENGTH: usize = 2;

/// The payload of a retransmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtxPayload<'a> {
    /// The sequence number of the packet that is sent again.
    pub original_sequence: SequenceNumber,
    /// Its payload; empty in a bandwidth probe.
    pub original_payload: &'a [u8],
}

impl<'a> RtxPayload<'a> {
    /// Reads the payload of an RTX packet, padding already taken away.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if there is no sequence number. A packet of nothing but padding is a bandwidth probe.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let (sequence, original_payload) = payload
            .split_first_chunk::<ORIGINAL_SEQUENCE_LENGTH>()
            .ok_or(Error::Truncated)?;
        Ok(Self {
            original_sequence: SequenceNumber(u16::from_be_bytes(*sequence)),
            original_payload,
        })
    }

    /// Whether it carries nothing: such packets only measure bandwidth and are never forwarded.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.original_payload.is_empty()
    }
}

/// Writes the retransmission of `original` into `buffer` and returns its length. Of `header` the RTX stream's SSRC,
/// payload type and sequence number are taken; timestamp and marker are the original's. `ids` are the numbers that
/// the original's extensions have, which are the receiver's.
///
/// # Errors
///
/// [`Error::BufferTooSmall`], or [`Error::ExtensionElement`] if the original's extensions do not fit the one-byte
/// form.
pub fn write_retransmission(
    original: &RtpPacket<'_>,
    header: RtpHeader,
    ids: &ExtensionMap,
    buffer: &mut [u8],
) -> Result<usize, Error> {
    let header = RtpHeader {
        marker: original.marker(),
        timestamp: original.timestamp(),
        ..header
    };
    let room = buffer.len();
    let (fixed, behind) = buffer
        .split_at_mut_checked(FIXED_HEADER_LENGTH)
        .ok_or(Error::BufferTooSmall {
            needed: FIXED_HEADER_LENGTH,
            available: room,
        })?;
    let block_length = write_extensions(original, ids, behind)?;
    fixed.copy_from_slice(&header.to_bytes(block_length != 0));

    let header_length = FIXED_HEADER_LENGTH + block_length;
    let length = header_length + ORIGINAL_SEQUENCE_LENGTH + original.payload().len();
    Error::check_room(length, room)?;
    let (sequence, payload) = buffer[header_length..length].split_at_mut(ORIGINAL_SEQUENCE_LENGTH);
    sequence.copy_from_slice(&original.sequence_number().0.to_be_bytes());
    payload.copy_from_slice(original.payload());
    Ok(length)
}

/// Copies the extensions, with the rid as repaired-rid. Without a number for that, the rid is left out.
fn write_extensions(original: &RtpPacket<'_>, ids: &ExtensionMap, buffer: &mut [u8]) -> Result<usize, Error> {
    let Some(block) = original.extensions() else {
        return Ok(0);
    };
    let mut writer = ExtensionWriter::new(block.form().unwrap_or(ExtensionForm::OneByte), buffer);
    for ExtensionElement { id, value } in block.elements() {
        if ids.kind(id) == Some(ExtensionKind::StreamId) {
            writer.push_kind(ids, ExtensionKind::RepairedStreamId, value)?;
        } else {
            writer.push(id, value)?;
        }
    }
    Ok(writer.finish()?.len())
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::Ssrc;

    use super::*;
    use crate::PayloadType;

    #[test]
    fn a_payload_without_a_sequence_number_is_refused() {
        assert_eq!(RtxPayload::parse(&[0x20]), Err(Error::Truncated));
        assert!(RtxPayload::parse(&[0, 0]).expect("a sequence number").is_probe());
    }

    #[test]
    fn a_retransmission_needs_room_for_all_of_it() {
        let bytes = [
            0x80, 0xE9, 0x20, 0x01, 0, 3, 0xA9, 0x80, 0, 0x0A, 0xE4, 0x12, 0x7C, 0x85,
        ];
        let original = RtpPacket::parse(&bytes).expect("well-formed");
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::new(106).expect("seven bits"),
            sequence_number: SequenceNumber(0x0101),
            timestamp: 0,
            ssrc: Ssrc(0x000A_E413),
        };
        for length in 0..16 {
            let mut buffer = vec![0; length];
            let result = write_retransmission(&original, header, &ExtensionMap::NATIVE, &mut buffer);
            assert!(matches!(result, Err(Error::BufferTooSmall { .. })), "{length}");
        }
        let mut buffer = [0; 16];
        let written = write_retransmission(&original, header, &ExtensionMap::NATIVE, &mut buffer);
        assert_eq!(written, Ok(16));
        let expected = [
            0x80, 0xEA, 1, 1, 0, 3, 0xA9, 0x80, 0, 0x0A, 0xE4, 0x13, 0x20, 0x01, 0x7C, 0x85,
        ];
        assert_eq!(buffer, expected);
    }
}
