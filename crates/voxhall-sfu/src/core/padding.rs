//! Packets that carry nothing and show how much a link carries: in a stream of retransmissions, whose numbers no
//! decoder misses. `media-transport.md` section 8.

use std::time::Instant;

use slab::Slab;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{ExtensionForm, ExtensionId, ExtensionWriter};
use voxhall_transport::rtp::{FIXED_HEADER_LENGTH, RtpHeader};
use voxhall_transport::{PacketKind, PayloadType, SequenceNumber};

use super::Core;
use super::downlink::write_number;
use super::ingress::seat;
use super::member::Member;
use super::outbox::Outbox;
use super::room::Room;

/// The bit that says that there is padding, in the first byte of a packet.
const PADDING_BIT: u8 = 0x20;
/// The most padding that a packet can have: its last byte counts it.
const PADDING: usize = 255;

/// Under which names padding goes to a receiver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    /// The publisher whose retransmissions it goes with, and the receiver's place among its viewers.
    publisher: usize,
    viewer: usize,
    layer: u8,
    ssrc: Ssrc,
    payload_type: PayloadType,
    number: ExtensionId,
}

impl Padding {
    /// How padding can go to a receiver; `None` if it cannot, because the receiver takes no retransmissions or does not
    /// number packets.
    pub(super) fn to(members: &Slab<Member>, rooms: &Slab<Room>, index: usize) -> Option<Self> {
        let own = members.get(index)?;
        let room = rooms.get(own.room)?;
        let listener = room
            .listeners
            .get(own.listener)
            .filter(|listener| listener.is_reachable())?;
        let number = listener.number_id()?;
        let payload_type = PayloadType::new(listener.payload_types.any_retransmission()?)?;
        let publishers = room.publishers.iter().filter(|publisher| **publisher != index);
        publishers
            .filter_map(|&place| {
                let publisher = members.get(place)?;
                let viewer = publisher
                    .viewers
                    .iter()
                    .position(|viewer| viewer.member == index)?;
                let watched = publisher.viewers.get(viewer)?;
                let layer = watched.current.or(watched.target).or(watched.wish)?;
                let named = watched.shown.unwrap_or(layer);
                Some(Self {
                    publisher: place,
                    viewer,
                    layer,
                    ssrc: publisher.layers.get(usize::from(named))?.rtx,
                    payload_type,
                    number,
                })
            })
            .next()
    }
}

impl Core {
    /// Sends one packet of padding under a number on the transport. Returns its length.
    pub(super) fn send_padding(
        &mut self,
        now: Instant,
        index: usize,
        padding: Padding,
        number: SequenceNumber,
        out: &mut impl Outbox,
    ) -> Option<usize> {
        let timestamp = self.arrival(now, super::video::VIDEO_CLOCK_RATE);
        let publisher = self.members.get_mut(padding.publisher)?;
        let viewer = publisher.viewers.get_mut(padding.viewer)?;
        let header = RtpHeader {
            marker: false,
            payload_type: padding.payload_type,
            sequence_number: SequenceNumber(viewer.numbers(padding.layer).next_retransmission()),
            timestamp,
            ssrc: padding.ssrc,
        };
        let mut packet = [0; FIXED_HEADER_LENGTH + 8];
        let length = write_header(&header, padding.number, &mut packet)?;
        packet[0] |= PADDING_BIT;
        write_number(&mut packet, Some(padding.number), number);
        let (member, room) = seat(&mut self.members, &mut self.rooms, index)?;
        let listener = room.listeners.get_mut(member.listener)?;
        let mut body = [0; PADDING];
        body[PADDING - 1] = PADDING as u8;
        let sent = listener.send(PacketKind::Rtp, &packet[..length], &body, out, &mut self.stats);
        self.stats.padding += u64::from(sent.is_some());
        sent
    }
}

/// Writes a header whose only extension is a place for the number on the transport.
fn write_header(header: &RtpHeader, number: ExtensionId, out: &mut [u8]) -> Option<usize> {
    let (fixed, block) = out.split_at_mut_checked(FIXED_HEADER_LENGTH)?;
    let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, block);
    writer.push(number, &[0, 0]).ok()?;
    let length = writer.finish().ok()?.len();
    fixed.copy_from_slice(&header.to_bytes(true));
    Some(FIXED_HEADER_LENGTH + length)
}
