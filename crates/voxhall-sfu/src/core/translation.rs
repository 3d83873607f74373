//! A packet's header in the numbers of a WebRTC receiver. `media-transport.md` section 7.
//!
//! Within the core, packets have the native numbers for header extensions. Receivers of the same make mostly have the
//! same table, so a block that was translated once serves all of them.

use voxhall_transport::RtpPacket;
use voxhall_transport::extension::{
    ExtensionForm, ExtensionId, ExtensionKind, ExtensionMap, ExtensionWriter,
};
use voxhall_transport::rtp::FIXED_HEADER_LENGTH;

/// A fixed header and the largest block that one-byte elements can fill.
const CAPACITY: usize = FIXED_HEADER_LENGTH + 256;

/// The bit that says that there are extensions, in the first byte of a packet.
const EXTENSION_BIT: u8 = 0x10;

/// The number of contributing sources, in the first byte of a packet. There are none behind an SFU.
const SOURCE_COUNT: u8 = 0x0f;

/// The header of one packet at a time, translated.
pub(super) struct Translation {
    buffer: Box<[u8; CAPACITY]>,
    length: usize,
    /// Whose numbers it is in; `None` if it is of an earlier packet.
    table: Option<ExtensionMap>,
}

impl Translation {
    pub(super) fn new() -> Self {
        Self {
            buffer: Box::new([0; CAPACITY]),
            length: 0,
            table: None,
        }
    }

    /// Another packet comes.
    pub(super) fn begin(&mut self) {
        self.table = None;
    }

    /// The header of `packet`, which is in native form, for a receiver with this table.
    #[inline]
    pub(super) fn header(&mut self, packet: &[u8], table: &ExtensionMap) -> &mut [u8] {
        if self.table.as_ref() != Some(table) {
            self.length =
                FIXED_HEADER_LENGTH + translate(packet, table, &mut self.buffer[FIXED_HEADER_LENGTH..]);
            self.table = Some(*table);
        }
        let has_block = self.length > FIXED_HEADER_LENGTH;
        if let Some(fixed) = packet.get(..FIXED_HEADER_LENGTH) {
            self.buffer[..FIXED_HEADER_LENGTH].copy_from_slice(fixed);
        }
        self.buffer[0] &= !(EXTENSION_BIT | SOURCE_COUNT);
        if has_block {
            self.buffer[0] |= EXTENSION_BIT;
        }
        &mut self.buffer[..self.length]
    }
}

/// Writes the extensions of `packet` under the numbers of `table`, and returns the length of the block.
pub(super) fn translate(packet: &[u8], table: &ExtensionMap, out: &mut [u8]) -> usize {
    let Some(block) = RtpPacket::parse(packet)
        .ok()
        .and_then(|packet| packet.extensions())
    else {
        return 0;
    };
    let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, out);
    // What does not fit, the receiver does without.
    let fits = |kind| {
        table
            .id(kind)
            .is_some_and(|id: ExtensionId| id.number() <= ExtensionId::MAX_ONE_BYTE)
    };
    let keep = |kind| is_for_receivers(kind) && fits(kind);
    let _ = writer.push_translated(block, &ExtensionMap::NATIVE, table, keep);
    writer.finish().map_or(0, <[u8]>::len)
}

/// Whether what a publisher says in an extension holds for receivers. Names of sections and layers are each client's
/// own, and a wrong one makes a browser drop the packet; when the publisher sent a packet says nothing of when the SFU
/// sends it on. A number on the transport is no longer the publisher's here, but a place for the receiver's.
fn is_for_receivers(kind: ExtensionKind) -> bool {
    !matches!(
        kind,
        ExtensionKind::Mid
            | ExtensionKind::StreamId
            | ExtensionKind::RepairedStreamId
            | ExtensionKind::AbsoluteSendTime
            | ExtensionKind::TransmissionOffset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(level: u8) -> ExtensionMap {
        let mut table = ExtensionMap::EMPTY;
        let id = |number| ExtensionId::new(number).unwrap();
        table.insert(ExtensionKind::AudioLevel, id(level));
        table.insert(ExtensionKind::StreamId, id(4));
        table
    }

    /// Audio level, speaker, and a stream id, in native numbers.
    const PACKET: [u8; 27] = [
        0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 2, 0x10, 0x9e, 0x90, 0x02, 0xb0, 0x31, 0, 0,
        1, 2, 3,
    ];

    #[test]
    fn each_receiver_gets_its_own_numbers_and_no_foreign_names() {
        let mut translation = Translation::new();
        let expected = [
            0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x70, 0x9e, 0, 0,
        ];
        assert_eq!(translation.header(&PACKET, &table(7)), expected);
        let mut packet = PACKET;
        packet[1] = 0x6f;
        assert_eq!(
            translation.header(&packet, &table(7))[1],
            0x6f,
            "what is not extensions is not kept"
        );
        assert_eq!(translation.header(&PACKET, &table(2))[16], 0x20);
        let bare = translation.header(&PACKET, &ExtensionMap::EMPTY);
        assert_eq!(bare, [0x80, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    }

    #[test]
    fn another_packet_is_translated_anew() {
        let mut translation = Translation::new();
        translation.header(&PACKET, &table(7));
        translation.begin();
        let plain = [0x80, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xf8];
        assert_eq!(translation.header(&plain, &table(7)), &plain[..12]);
    }
}
