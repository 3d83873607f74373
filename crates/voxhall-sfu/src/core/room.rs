//! A room, as the packet path needs it: the listeners side by side.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::PacketKind;
use voxhall_transport::extension::{ExtensionId, ExtensionKind};

use super::downlink::{Downlink, write_number};
use super::outbox::Outbox;
use super::protection::Protection;
use super::translation::Translation;
use crate::payload_types::MediaCodec;
use crate::{MediaPermissions, PayloadTypes, RoomId, Wants, WorkerStats};

/// The members of one call.
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) listeners: Vec<Listener>,
    /// Who publishes video: members' places in the core.
    pub(super) publishers: Vec<usize>,
}

impl Room {
    pub(super) fn new(id: RoomId) -> Self {
        Self {
            id,
            listeners: Vec::new(),
            publishers: Vec::new(),
        }
    }
}

/// A member as a receiver: all that sending to it takes, in one place. Also holds the key that opens its packets.
pub(super) struct Listener {
    /// Whether audio goes to it, computed from the rest by [`Listener::refresh`].
    pub(super) takes_audio: bool,
    /// Whether audio depends on the speaker, because it wants some and not others.
    pub(super) chooses_speakers: bool,
    /// Whether it can make use of frames that are encrypted end to end.
    pub(super) dave: bool,
    /// Whether the node knows that its nonces run out.
    pub(super) exhaustion_told: bool,
    /// Nothing came from it for long.
    pub(super) idle: bool,
    /// It uses WebRTC, and so knows one stream for each publisher's video.
    pub(super) webrtc: bool,
    /// Opus in its numbers.
    pub(super) opus: u8,
    /// Where its packets go.
    pub(super) address: Option<SocketAddr>,
    /// Its keys; `None` before op 1, and with WebRTC before the handshake is done.
    pub(super) protection: Option<Protection>,
    /// The member's place in the core.
    pub(super) member: usize,
    pub(super) permissions: MediaPermissions,
    pub(super) payload_types: PayloadTypes,
    pub(super) wants: Wants,
    /// The way down to it, while it watches anything.
    pub(super) downlink: Option<Box<Downlink>>,
}

impl Listener {
    pub(super) fn new(member: usize) -> Self {
        Self {
            takes_audio: false,
            chooses_speakers: false,
            dave: false,
            exhaustion_told: false,
            idle: false,
            webrtc: false,
            opus: 0,
            address: None,
            protection: None,
            member,
            permissions: MediaPermissions::default(),
            payload_types: PayloadTypes::default(),
            wants: Wants::default(),
            downlink: None,
        }
    }

    /// Computes what the packet path reads, after any of its causes changed.
    pub(super) fn refresh(&mut self) {
        let opus = self.payload_types.outgoing(MediaCodec::Opus);
        self.opus = opus.map_or(0, |opus| opus.media);
        self.takes_audio = self.is_reachable() && self.permissions.hear && opus.is_some();
        self.chooses_speakers = self.wants.refuses_any();
    }

    /// Whether audio of this speaker goes to it.
    #[inline]
    pub(super) fn hears(&self, speaker: Ssrc) -> bool {
        self.takes_audio && !(self.chooses_speakers && self.wants.quality(speaker) == 0)
    }

    /// Whether video goes to it.
    #[inline]
    pub(super) fn sees(&self) -> bool {
        self.permissions.see && self.is_reachable()
    }

    /// The layer under whose SSRC it gets all of so many, if it gets them under one.
    pub(super) fn shown_layer(&self, layers: usize) -> Option<u8> {
        (self.webrtc && layers > 1).then(|| layers as u8 - 1)
    }

    /// Whether anything can be sent to it at all.
    pub(super) fn is_reachable(&self) -> bool {
        self.protection.is_some() && self.address.is_some() && !self.idle
    }

    /// Seals `header ‖ body` with the member's key and next nonce and sends it. Returns how long it then is; `None`, and
    /// nothing is sent, for a member that cannot be reached or whose nonces are used up.
    #[inline]
    pub(super) fn send(
        &mut self,
        kind: PacketKind,
        header: &[u8],
        body: &[u8],
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) -> Option<usize> {
        let (Some(address), Some(protection)) = (self.address, &mut self.protection) else {
            return None;
        };
        let mut sent = None;
        out.datagram(address, |buffer| {
            let length = protection.seal_parts(kind, header, body, buffer).ok()?;
            stats.sent += 1;
            stats.sent_bytes += length as u64;
            sent = Some(length);
            sent
        });
        sent
    }

    /// The number that the member has for numbers on the transport, if it has one.
    pub(super) fn number_id(&self) -> Option<ExtensionId> {
        let kind = ExtensionKind::TransportSequence;
        match self.protection.as_ref()?.extensions() {
            None => Some(kind.native_id()),
            Some(table) => table.id(kind),
        }
    }

    /// Sends a packet of video as [`send_media`](Self::send_media) does, with its number on the way down.
    #[inline]
    pub(super) fn send_video(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        payload_start: usize,
        translation: &mut Translation,
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) {
        let id = self.number_id();
        let number = self.downlink.as_ref().map(|downlink| downlink.next_number());
        let table = self
            .protection
            .as_ref()
            .and_then(|protection| protection.extensions());
        let (header, payload) = packet.split_at_mut(payload_start);
        let header = match table {
            None => header,
            Some(table) => translation.header(header, table),
        };
        let is_numbered = number.is_some_and(|number| write_number(header, id, number));
        let sent = self.send(PacketKind::Rtp, header, payload, out, stats);
        if let (Some(bytes), Some(downlink)) = (sent, &mut self.downlink) {
            downlink.on_sent(now, bytes, is_numbered);
        }
    }

    /// Sends a packet of media that is in native form, but has the member's payload type and number already. Whatever
    /// else differs between receivers is put in here.
    #[inline]
    pub(super) fn send_media(
        &mut self,
        packet: &[u8],
        payload_start: usize,
        translation: &mut Translation,
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) {
        let (header, payload) = packet.split_at(payload_start);
        let table = self
            .protection
            .as_ref()
            .and_then(|protection| protection.extensions());
        match table {
            None => self.send(PacketKind::Rtp, header, payload, out, stats),
            Some(table) => {
                let header = translation.header(header, table);
                self.send(PacketKind::Rtp, header, payload, out, stats)
            }
        };
    }

    /// Makes room for the numbers of so many speakers, so that the packet path never has to.
    pub(super) fn reserve_speakers(&mut self, speakers: usize) {
        if let Some(Protection::Srtp(sending)) = &mut self.protection {
            sending.reserve(speakers);
        }
    }

    /// Forgets the numbers of a speaker that left.
    pub(super) fn forget_speaker(&mut self, speaker: Ssrc) {
        if let Some(Protection::Srtp(sending)) = &mut self.protection {
            sending.forget(speaker);
        }
    }
}
