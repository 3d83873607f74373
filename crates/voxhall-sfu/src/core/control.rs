//! RTCP from members. It ends here: nothing is relayed as it came. `media-transport.md` sections 8 and 12.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::ExtensionMap;
use voxhall_transport::rtcp::{self, Nack, RtcpPacket, RtcpWriter, SenderInfo, SenderReport};
use voxhall_transport::rtp::{FIXED_HEADER_LENGTH, RtpHeader};
use voxhall_transport::rtx::{ORIGINAL_SEQUENCE_LENGTH, write_retransmission};
use voxhall_transport::{PacketKind, PayloadType, RtpPacket, SequenceNumber};

use super::Core;
use super::binding::Proof;
use super::downlink::write_number;
use super::history::Kept;
use super::ingress::{Gate, seat};
use super::member::Member;
use super::outbox::Outbox;
use super::pictures::Pictures;
use super::room::Listener;
use super::ssrc_table::{Owner, SsrcTable, StreamRole};
use super::timeline::Timeline;
use super::translation::translate;
use crate::WorkerStats;

/// Bytes of a sender report without report blocks.
const SENDER_REPORT_LENGTH: usize = 28;

/// Bytes of an RTCP packet that stay in the clear (section 5.3).
pub(super) const RTCP_CLEAR: usize = 8;

impl Core {
    pub(super) fn handle_rtcp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        ssrc: Ssrc,
        datagram: &mut [u8],
        out: &mut impl Outbox,
    ) {
        if let Some(&index) = self.peers.get(&source) {
            return self.handle_srtcp(now, index, datagram, out);
        }
        let Some(Owner { member: index, .. }) = self.owner_of(ssrc, source) else {
            self.stats.dropped_unknown_ssrc += 1;
            return;
        };
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(listener) = room.listeners.get(member.listener) else {
            return;
        };
        let mut gate = Gate {
            now,
            source,
            limiter: &mut self.limiter,
            stats: &mut self.stats,
        };
        let Some(opened) = gate.open(PacketKind::Rtcp, member, listener, datagram) else {
            return;
        };
        if listener.idle || !member.bindings.confirm(now, source) {
            self.bind(now, index, source, Proof::Weak);
        }
        self.take_control(now, index, opened.packet, out);
    }

    /// Takes authentic RTCP of a member.
    pub(super) fn take_control(
        &mut self,
        now: Instant,
        index: usize,
        compound: &[u8],
        out: &mut impl Outbox,
    ) {
        let member = self.members.get_mut(index);
        if !member.is_some_and(|member| member.limit.allow(now)) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        let mut sound = true;
        for packet in rtcp::packets(compound) {
            match packet {
                Ok(RtcpPacket::SenderReport(report)) => {
                    self.relay_sender_report(now, index, &report, out);
                    self.take_loss_reports(now, index, report.blocks());
                }
                Ok(RtcpPacket::ReceiverReport(report)) => {
                    self.take_loss_reports(now, index, report.blocks());
                }
                Ok(RtcpPacket::TransportFeedback(feedback)) => self.take_feedback(now, index, &feedback),
                Ok(RtcpPacket::ReceiverEstimatedBitrate(estimate)) => {
                    self.take_receiver_estimate(now, index, &estimate);
                }
                Ok(RtcpPacket::Nack(nack)) => self.retransmit(now, index, &nack, out),
                Ok(RtcpPacket::PictureLossIndication(request)) => {
                    self.pass_keyframe_request(now, index, request.media);
                }
                Ok(RtcpPacket::FullIntraRequest(request)) => {
                    for entry in request.entries() {
                        self.pass_keyframe_request(now, index, entry.media);
                    }
                }
                // Names, and what this server does not know.
                Ok(_) => {}
                Err(_) => sound = false,
            }
        }
        if sound {
            self.stats.rtcp += 1;
        } else {
            self.stats.dropped_malformed += 1;
        }
    }

    /// Notes a publisher's report, and tells those who get the stream what it said: they need it to play sound and
    /// picture together.
    fn relay_sender_report(
        &mut self,
        now: Instant,
        index: usize,
        report: &SenderReport<'_>,
        out: &mut impl Outbox,
    ) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some((role, ssrc)) = own_stream(member, &self.ssrcs, index, report.sender) else {
            return;
        };
        let mut buffer = [0; SENDER_REPORT_LENGTH];
        let mut writer = RtcpWriter::new(&mut buffer);
        if writer.sender_report(ssrc, report.info, &[]).is_err() {
            return;
        }
        let (header, body) = buffer.split_at(RTCP_CLEAR);
        let middle = report.info.ntp.middle();
        match role {
            StreamRole::Audio => {
                let is_due = member.audio.take_sender_report(now, middle);
                let own = room.listeners.get(member.listener);
                let permitted = is_due && own.is_some_and(|own| own.permissions.speak);
                for (place, listener) in room.listeners.iter_mut().enumerate() {
                    if permitted && place != member.listener && listener.hears(ssrc) {
                        listener.send(PacketKind::Rtcp, header, body, out, &mut self.stats);
                    }
                }
            }
            StreamRole::Video(layer) => {
                let Some(state) = member.layers.get_mut(usize::from(layer)) else {
                    return;
                };
                if !state.media.take_sender_report(now, middle) {
                    return;
                }
                for viewer in member
                    .viewers
                    .iter()
                    .filter(|viewer| viewer.current == Some(layer))
                {
                    let listener = room.listeners.get_mut(viewer.listener);
                    let Some(listener) = listener.filter(|listener| listener.is_reachable()) else {
                        continue;
                    };
                    let Some(shown) = viewer
                        .shown
                        .and_then(|shown| member.layers.get(usize::from(shown)))
                    else {
                        listener.send(PacketKind::Rtcp, header, body, out, &mut self.stats);
                        continue;
                    };
                    let info = SenderInfo {
                        rtp_timestamp: viewer.timeline.translate(report.info.rtp_timestamp),
                        ..report.info
                    };
                    let mut buffer = [0; SENDER_REPORT_LENGTH];
                    let mut writer = RtcpWriter::new(&mut buffer);
                    if writer.sender_report(shown.media.ssrc, info, &[]).is_ok() {
                        let (header, body) = buffer.split_at(RTCP_CLEAR);
                        listener.send(PacketKind::Rtcp, header, body, out, &mut self.stats);
                    }
                }
            }
            StreamRole::Retransmission(_) => {}
        }
    }

    /// Sends the packets again that a viewer reports lost, as far as they are kept.
    fn retransmit(&mut self, now: Instant, receiver: usize, nack: &Nack<'_>, out: &mut impl Outbox) {
        let Some((publisher, layer)) = self.watched(receiver, nack.media) else {
            return;
        };
        let max_age = self.config.timing.retransmit_for;
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, publisher) else {
            return;
        };
        let Some(state) = member.layers.get(usize::from(layer)) else {
            return;
        };
        let Some(history) = &state.history else { return };
        let Some(viewer) = member.viewers.iter_mut().find(|viewer| viewer.member == receiver) else {
            return;
        };
        let Some(listener) = room.listeners.get_mut(viewer.listener) else {
            return;
        };
        let rtx = viewer
            .shown
            .and_then(|shown| member.layers.get(usize::from(shown)));
        let rtx = rtx.map_or(state.rtx, |shown| shown.rtx);
        let own_count = viewer.shown.map(|_| (viewer.timeline, viewer.pictures));
        out.burst();
        for lost in nack.sequence_numbers() {
            let kept = viewer
                .numbers(layer)
                .backward(lost.0)
                .and_then(|sequence| history.find(now, sequence, max_age));
            let Some(kept) = kept else { continue };
            let is_affordable = listener
                .downlink
                .as_mut()
                .is_none_or(|downlink| downlink.affords_repair(now));
            if !is_affordable || !viewer.allowance.take(now) {
                self.stats.repairs_withheld += 1;
                break;
            }
            let repair = Repair {
                rtx,
                lost,
                sequence: viewer.numbers(layer).next_retransmission(),
                own_count,
            };
            repair.send(now, kept, listener, out, &mut self.stats);
        }
    }

    fn pass_keyframe_request(&mut self, now: Instant, receiver: usize, media: Ssrc) {
        if let Some((publisher, layer)) = self.watched(receiver, media) {
            self.want_keyframe(now, publisher, layer);
        }
    }

    /// The publisher and layer of a video stream, if `receiver` gets it or is about to.
    fn watched(&self, receiver: usize, media: Ssrc) -> Option<(usize, u8)> {
        let &Owner {
            member,
            role: StreamRole::Video(layer),
        } = self.ssrcs.get(&media)?
        else {
            return None;
        };
        let viewers = &self.members.get(member)?.viewers;
        let viewer = viewers.iter().find(|viewer| viewer.member == receiver)?;
        if viewer.shown.is_some() {
            let shown = viewer.shown == Some(layer);
            let layer = viewer.current.or(viewer.target).filter(|_| shown)?;
            return Some((member, layer));
        }
        (viewer.current == Some(layer) || viewer.target == Some(layer)).then_some((member, layer))
    }
}

/// What an SSRC is to the member that says it is its own, and by which SSRC others know that stream.
fn own_stream(member: &Member, ssrcs: &SsrcTable, index: usize, named: Ssrc) -> Option<(StreamRole, Ssrc)> {
    match &member.webrtc {
        Some(webrtc) => {
            let role = webrtc.sources.role(named)?;
            Some((role, member.ssrc(role)?))
        }
        None => {
            let owner = ssrcs.get(&named).filter(|owner| owner.member == index)?;
            Some((owner.role, named))
        }
    }
}

/// A retransmission of one packet for one viewer.
struct Repair {
    rtx: Ssrc,
    /// The lost packet's number, as the viewer knows it.
    lost: SequenceNumber,
    /// The retransmission's own number.
    sequence: u16,
    /// The viewer's time and picture ids, if they are not the publisher's.
    own_count: Option<(Timeline, Pictures)>,
}

impl Repair {
    fn send(
        &self,
        now: Instant,
        kept: Kept<'_>,
        listener: &mut Listener,
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) {
        let id = listener.number_id();
        let transport_number = listener.downlink.as_ref().map(|downlink| downlink.next_number());
        let payload_type = listener
            .payload_types
            .outgoing(kept.codec)
            .and_then(|codec| codec.rtx);
        let (Some(payload_type), true) = (payload_type.and_then(PayloadType::new), listener.is_reachable())
        else {
            return;
        };
        let (Some(address), Some(protection)) = (listener.address, &mut listener.protection) else {
            return;
        };
        let Ok(original) = RtpPacket::parse(kept.packet) else {
            return;
        };
        let header = RtpHeader {
            marker: original.marker(),
            payload_type,
            sequence_number: SequenceNumber(self.sequence),
            timestamp: self.own_count.map_or(original.timestamp(), |(timeline, _)| {
                timeline.translate(original.timestamp())
            }),
            ssrc: self.rtx,
        };
        let mut sent = None;
        out.datagram(address, |buffer| {
            let length = match protection.extensions() {
                None => write_retransmission(&original, header, &ExtensionMap::NATIVE, buffer).ok()?,
                Some(table) => write_translated(&original, header, table, buffer)?,
            };
            // The kept packet has the publisher's number.
            let payload = length - original.payload().len();
            let number = payload - ORIGINAL_SEQUENCE_LENGTH;
            buffer[number..payload].copy_from_slice(&self.lost.0.to_be_bytes());
            if let Some((_, pictures)) = &self.own_count
                && let Some(indices) = kept.codec.picture_indices(original.payload())
            {
                pictures.translate(indices).write(&mut buffer[payload..length]);
            }
            let is_numbered = transport_number.is_some_and(|number| write_number(buffer, id, number));
            let length = protection.seal(PacketKind::Rtp, buffer, length).ok()?;
            stats.retransmitted += 1;
            stats.sent += 1;
            stats.sent_bytes += length as u64;
            sent = Some((length, is_numbered));
            Some(length)
        });
        if let (Some((bytes, is_numbered)), Some(downlink)) = (sent, &mut listener.downlink) {
            downlink.on_repaired(now, bytes, is_numbered);
        }
    }
}

/// Writes a retransmission for a receiver with this table of header extensions, and returns its length.
fn write_translated(
    original: &RtpPacket<'_>,
    header: RtpHeader,
    table: &ExtensionMap,
    buffer: &mut [u8],
) -> Option<usize> {
    let (fixed, behind) = buffer.split_at_mut_checked(FIXED_HEADER_LENGTH)?;
    let block = translate(original.header(), table, behind);
    fixed.copy_from_slice(&header.to_bytes(block != 0));
    let payload_start = FIXED_HEADER_LENGTH + block + ORIGINAL_SEQUENCE_LENGTH;
    let length = payload_start + original.payload().len();
    buffer
        .get_mut(payload_start..length)?
        .copy_from_slice(original.payload());
    Some(length)
}
