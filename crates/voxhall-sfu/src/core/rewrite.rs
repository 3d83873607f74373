//! Putting a packet together anew where its header cannot stay as it came: extensions that are the publisher's own
//! affair go, what receivers expect is added. `media-transport.md` section 7.

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{
    ExtensionElement, ExtensionForm, ExtensionId, ExtensionKind, ExtensionMap, ExtensionWriter, PlayoutDelay,
};
use voxhall_transport::rtp::{FIXED_HEADER_LENGTH, RtpHeader};
use voxhall_transport::{RtpPacket, SequenceNumber};

/// What a frame that is encrypted end to end ends with.
const ENCRYPTED_FRAME_END: [u8; 2] = [0xfa, 0xfa];

/// A packet in the scratch buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) length: usize,
    pub(super) payload_start: usize,
}

/// Whether a payload is the end of a frame that is encrypted end to end.
pub(super) fn ends_encrypted_frame(payload: &[u8]) -> bool {
    payload.ends_with(&ENCRYPTED_FRAME_END)
}

/// An audio packet without the extensions that are not for receivers. `table` is what the publisher's numbers of
/// extensions mean, unless they are the native ones; the packet gets those.
pub(super) fn audio(
    packet: &RtpPacket<'_>,
    table: Option<&ExtensionMap>,
    out: &mut [u8],
) -> Option<Rewritten> {
    assemble(
        packet,
        packet.ssrc(),
        packet.sequence_number(),
        packet.payload(),
        Extensions {
            table,
            is_video: false,
        },
        out,
    )
}

/// A video packet with the extensions that receivers expect.
pub(super) fn video(
    packet: &RtpPacket<'_>,
    table: Option<&ExtensionMap>,
    out: &mut [u8],
) -> Option<Rewritten> {
    assemble(
        packet,
        packet.ssrc(),
        packet.sequence_number(),
        packet.payload(),
        Extensions {
            table,
            is_video: true,
        },
        out,
    )
}

/// The video packet that a retransmission carries.
pub(super) fn repaired(
    retransmission: &RtpPacket<'_>,
    ssrc: Ssrc,
    sequence: SequenceNumber,
    payload: &[u8],
    table: Option<&ExtensionMap>,
    out: &mut [u8],
) -> Option<Rewritten> {
    let extensions = Extensions {
        table,
        is_video: true,
    };
    assemble(retransmission, ssrc, sequence, payload, extensions, out)
}

/// What becomes of a packet's extensions.
struct Extensions<'a> {
    table: Option<&'a ExtensionMap>,
    is_video: bool,
}

impl Extensions<'_> {
    /// The native number of what the publisher calls `id`. The name of a section is a browser's own affair.
    fn native_id(&self, id: ExtensionId) -> Option<ExtensionId> {
        let Some(table) = self.table else {
            return Some(id);
        };
        let kind = table.kind(id).filter(|&kind| kind != ExtensionKind::Mid)?;
        Some(kind.native_id())
    }
}

fn assemble(
    packet: &RtpPacket<'_>,
    ssrc: Ssrc,
    sequence_number: SequenceNumber,
    payload: &[u8],
    wanted: Extensions<'_>,
    out: &mut [u8],
) -> Option<Rewritten> {
    let (fixed, rest) = out.split_at_mut_checked(FIXED_HEADER_LENGTH)?;
    let extensions = write_extensions(packet, &wanted, rest)?;
    let header = RtpHeader {
        marker: packet.marker(),
        payload_type: packet.payload_type(),
        sequence_number,
        timestamp: packet.timestamp(),
        ssrc,
    };
    fixed.copy_from_slice(&header.to_bytes(extensions != 0));
    let payload_start = FIXED_HEADER_LENGTH + extensions;
    let length = payload_start + payload.len();
    out.get_mut(payload_start..length)?.copy_from_slice(payload);
    Some(Rewritten {
        length,
        payload_start,
    })
}

/// Writes the extensions in the only form that UDP clients take, and returns their length. One that this form cannot
/// carry is left out.
fn write_extensions(packet: &RtpPacket<'_>, wanted: &Extensions<'_>, out: &mut [u8]) -> Option<usize> {
    let transport_sequence = ExtensionKind::TransportSequence.native_id();
    let repaired = ExtensionKind::RepairedStreamId.native_id();
    let playout_delay = ExtensionKind::PlayoutDelay.native_id();
    let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, out);
    let mut has_playout_delay = false;
    if wanted.is_video {
        // A place for the number that each receiver's copy has on the way down. It is always the first.
        let _ = writer.push(transport_sequence, &[0, 0]);
    }
    for ExtensionElement { id, value } in packet.extensions().iter().flat_map(|block| block.elements()) {
        let Some(id) = wanted.native_id(id).filter(|&id| id != transport_sequence) else {
            continue;
        };
        has_playout_delay |= id == playout_delay;
        let id = if id == repaired {
            ExtensionKind::StreamId.native_id()
        } else {
            id
        };
        // What the form cannot carry, receivers do without.
        let _ = writer.push(id, value);
    }
    if wanted.is_video && !has_playout_delay {
        let _ = writer.push(playout_delay, &PlayoutDelay::IMMEDIATE.to_bytes());
    }
    Some(writer.finish().ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native_audio(packet: &RtpPacket<'_>, out: &mut [u8]) -> Option<Rewritten> {
        audio(packet, None, out)
    }

    fn native_video(packet: &RtpPacket<'_>, out: &mut [u8]) -> Option<Rewritten> {
        video(packet, None, out)
    }

    fn rewritten(packet: &[u8], rewrite: impl Fn(&RtpPacket<'_>, &mut [u8]) -> Option<Rewritten>) -> Vec<u8> {
        let mut out = [0; 1500];
        let packet = RtpPacket::parse(packet).unwrap();
        let rewritten = rewrite(&packet, &mut out).unwrap();
        assert!(out[..rewritten.length].ends_with(packet.payload()));
        out[..rewritten.length].to_vec()
    }

    #[test]
    fn video_gets_a_playout_delay_if_it_has_none() {
        let bare = [0x80, 0xe9, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x65];
        let expected = [
            0x90, 0xe9, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2, 0x51, 0, 0, 0x62, 0, 0, 0, 0, 0x65,
        ];
        assert_eq!(rewritten(&bare, native_video), expected);
        let delayed = [
            0x90, 0xe9, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x62, 0, 0xa0, 0xc8, 0x65,
        ];
        let expected = [
            0x90, 0xe9, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2, 0x51, 0, 0, 0x62, 0, 0xa0, 0xc8, 0,
            0x65,
        ];
        assert_eq!(rewritten(&delayed, native_video), expected);
    }

    #[test]
    fn the_publishers_number_on_the_transport_goes() {
        let numbered = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2, 0x10, 0x9e, 0x51, 2, 1, 0, 0, 0, 0xf8,
        ];
        let expected = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 0x9e, 0, 0, 0xf8,
        ];
        assert_eq!(rewritten(&numbered, native_audio), expected);
        let place = rewritten(&numbered, native_video);
        assert_eq!(
            place[16..19],
            [0x51, 0, 0],
            "in video there is a place for the receiver's"
        );
        assert!(!place[19..].contains(&0x51));
    }

    #[test]
    fn a_retransmission_becomes_its_original() {
        let retransmission = [
            0x90, 0xea, 9, 9, 0, 0, 0, 2, 0, 0, 0, 4, 0xbe, 0xde, 0, 2, 0xc2, 0x31, 0x30, 0x30, 0x62, 0, 0,
            0, 0, 7, 0x65,
        ];
        let mut out = [0; 1500];
        let packet = RtpPacket::parse(&retransmission).unwrap();
        let whole = repaired(&packet, Ssrc(3), SequenceNumber(7), &[0x65], None, &mut out).unwrap();
        let expected = [
            0x90, 0xea, 0, 7, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 3, 0x51, 0, 0, 0xb2, 0x31, 0x30, 0x30,
            0x62, 0, 0, 0, 0, 0x65,
        ];
        assert_eq!(out[..whole.length], expected);
    }

    #[test]
    fn two_byte_extensions_become_one_byte_ones() {
        let two_byte = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 0x01, 0x01, 0x9e, 0x00, 0xf8,
        ];
        let expected = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 0x9e, 0, 0, 0xf8,
        ];
        assert_eq!(rewritten(&two_byte, native_audio), expected);
    }

    #[test]
    fn a_browsers_numbers_become_native_ones() {
        let mut table = ExtensionMap::EMPTY;
        let id = |number| ExtensionId::new(number).unwrap();
        table.insert(ExtensionKind::AudioLevel, id(14));
        table.insert(ExtensionKind::TransportSequence, id(3));
        table.insert(ExtensionKind::Mid, id(4));
        let numbered = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 3, 0xe0, 0x9e, 0x31, 0, 7, 0x40, 0x30,
            0x10, 5, 0, 0, 0, 0xf8,
        ];
        let expected = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 0x9e, 0, 0, 0xf8,
        ];
        let translated = rewritten(&numbered, |packet, out| audio(packet, Some(&table), out));
        assert_eq!(translated, expected, "and what it did not list goes");
    }
}
