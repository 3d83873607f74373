//! The way in of a WebRTC member's packets: its address says whose they are, its keys open them, and its streams get
//! the SSRCs by which everybody else knows them.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_transport::crypto::Opened;
use voxhall_transport::srtp::SrtpOpener;
use voxhall_transport::{Error, PacketKind, RtpPacketMut};

use super::Core;
use super::ingress::seat;
use super::outbox::Outbox;
use super::ssrc_table::Owner;
use crate::WorkerStats;

impl Core {
    pub(super) fn handle_srtp(
        &mut self,
        now: Instant,
        index: usize,
        source: SocketAddr,
        datagram: &mut [u8],
        out: &mut impl Outbox,
    ) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let (Some(webrtc), Some(listener)) = (&mut member.webrtc, room.listeners.get(member.listener)) else {
            return;
        };
        let Some(opened) = open(&mut webrtc.opener, PacketKind::Rtp, datagram, &mut self.stats) else {
            return;
        };
        webrtc.heard.get_or_insert(now);
        let fingerprint = opened.fingerprint;
        let Ok(mut packet) = RtpPacketMut::parse(opened.packet) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        packet.strip_padding();
        let view = packet.as_packet();
        let role = webrtc.sources.role(view.ssrc()).or_else(|| {
            webrtc
                .sources
                .learn(&view, &listener.payload_types, &webrtc.from_client)
        });
        let Some((role, ssrc)) = role.and_then(|role| Some((role, member.ssrc(role)?))) else {
            self.stats.dropped_unknown_ssrc += 1;
            return;
        };
        packet.set_ssrc(ssrc);
        let owner = Owner { member: index, role };
        self.take_media(now, owner, source, packet, fingerprint, out);
    }

    pub(super) fn handle_srtcp(
        &mut self,
        now: Instant,
        index: usize,
        datagram: &mut [u8],
        out: &mut impl Outbox,
    ) {
        let Some(webrtc) = self
            .members
            .get_mut(index)
            .and_then(|member| member.webrtc.as_mut())
        else {
            return;
        };
        let Some(opened) = open(&mut webrtc.opener, PacketKind::Rtcp, datagram, &mut self.stats) else {
            return;
        };
        webrtc.heard.get_or_insert(now);
        self.take_control(now, index, opened.packet, out);
    }
}

/// Opens a packet with the member's keys; `None`, and counted, if that cannot be.
fn open<'d>(
    opener: &mut Option<SrtpOpener>,
    kind: PacketKind,
    datagram: &'d mut [u8],
    stats: &mut WorkerStats,
) -> Option<Opened<'d>> {
    let Some(opener) = opener else {
        stats.dropped_not_connected += 1;
        return None;
    };
    match opener.open(kind, datagram) {
        Ok(opened) => Some(opened),
        Err(Error::Replayed) => {
            stats.dropped_replayed += 1;
            None
        }
        Err(_) => {
            stats.dropped_forged += 1;
            None
        }
    }
}
