//! The WebRTC half of a member: how its address is proved, its keys come about, and its streams are known.
//!
//! Behind that it is a member like any other: `ice` proves where it is, `handshake` yields its keys, `srtp` opens its
//! packets and gives them the SSRCs that Ready allocated. All that follows is the same for everybody.

use std::time::{Duration, Instant};

use voxhall_protocol::Secret;
use voxhall_protocol::sdp::Fingerprint;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{ExtensionKind, ExtensionMap};
use voxhall_transport::srtp::SrtpOpener;
use voxhall_transport::{RtpPacket, SequenceNumber};

use super::Core;
use super::binding::Bindings;
use super::ingress::seat;
use super::member::Member;
use super::sources::Sources;
use super::ssrc_table::StreamRole;
use super::timers::set_earlier;
use crate::dtls::Handshake;
use crate::{ClientSources, PayloadTypes, WebRtcTransport};

/// How long a handshake is kept after the client was heard with its keys: until then it may not have heard the last
/// flight of the server, and asks for it again.
pub(super) const HANDSHAKE_KEPT: Duration = Duration::from_secs(10);

/// What a WebRTC member has beside what every member has.
pub(super) struct WebRtc {
    /// Names the member in checks of its client.
    pub(super) local_ufrag: String,
    /// Names the client itself.
    pub(super) remote_ufrag: String,
    pub(super) password: Secret<String>,
    /// The certificate that the client has to have, if it told.
    pub(super) fingerprint: Option<Fingerprint>,
    /// What its header extensions mean.
    pub(super) from_client: ExtensionMap,
    pub(super) to_client: ExtensionMap,
    /// Until its keys are known, and a little longer.
    pub(super) handshake: Option<Box<Handshake>>,
    /// Opens its packets, once its keys are known.
    pub(super) opener: Option<SrtpOpener>,
    pub(super) sources: Sources,
    /// When a check of the client last came.
    pub(super) checked: Instant,
    /// When a packet first opened with its keys.
    pub(super) heard: Option<Instant>,
}

impl WebRtc {
    /// Whether the handshake has done its work.
    pub(super) fn needs_no_handshake(&self, now: Instant) -> bool {
        self.heard
            .is_some_and(|heard| now.saturating_duration_since(heard) >= HANDSHAKE_KEPT)
    }
}

impl Member {
    /// What a number of a header extension means in the member's packets: its own table's, or `None` for the native.
    pub(super) fn extensions(&self) -> Option<&ExtensionMap> {
        self.webrtc.as_ref().map(|webrtc| &webrtc.from_client)
    }

    /// The number that a packet of the member has on its transport, if it is numbered.
    pub(super) fn transport_sequence(&self, packet: &RtpPacket<'_>) -> Option<SequenceNumber> {
        let kind = ExtensionKind::TransportSequence;
        let id = match self.extensions() {
            Some(map) => map.id(kind)?,
            None => kind.native_id(),
        };
        voxhall_transport::extension::transport_sequence(packet.extensions()?.find(id)?)
    }

    /// What the member itself calls one of its streams; `None` as long as that is not known.
    pub(super) fn own_name(&self, role: StreamRole) -> Option<Ssrc> {
        match &self.webrtc {
            Some(webrtc) => webrtc.sources.name(role),
            None => self.ssrc(role),
        }
    }

    /// What the member itself calls some stream that it sends. Reports about its whole transport name one, because
    /// browsers pass over those that name none of theirs.
    pub(super) fn any_stream(&self) -> Ssrc {
        let mut layers = (0..).zip(&self.layers);
        let published = layers.find(|(_, layer)| layer.published.is_some());
        published
            .and_then(|(layer, _)| self.own_name(StreamRole::Video(layer)))
            .or_else(|| self.own_name(StreamRole::Audio))
            .unwrap_or(Ssrc::NONE)
    }

    /// What others call one of the member's streams.
    pub(super) fn ssrc(&self, role: StreamRole) -> Option<Ssrc> {
        let layer = |layer: u8| self.layers.get(usize::from(layer));
        match role {
            StreamRole::Audio => Some(self.audio.ssrc),
            StreamRole::Video(index) => Some(layer(index)?.media.ssrc),
            StreamRole::Retransmission(index) => Some(layer(index)?.rtx),
        }
    }
}

impl Core {
    /// Op 1 chose WebRTC: from now on checks with the member's name are answered. Whatever transport it had is gone.
    pub(super) fn connect_webrtc(
        &mut self,
        now: Instant,
        index: usize,
        transport: WebRtcTransport,
        payload_types: PayloadTypes,
        dave: bool,
    ) {
        let Some(identity) = self.config.identity.clone() else {
            self.stats.commands_ignored += 1;
            return;
        };
        self.disconnect(index);
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        if self.ufrags.contains_key(&transport.local_ufrag) {
            self.stats.commands_ignored += 1;
            return;
        }
        self.ufrags.insert(transport.local_ufrag.clone(), index);
        let handshake = Handshake::new(&identity, now);
        set_earlier(&mut self.timers.handshakes, handshake.due());
        member.rekey();
        member.webrtc = Some(Box::new(WebRtc {
            local_ufrag: transport.local_ufrag,
            remote_ufrag: transport.remote_ufrag,
            password: transport.local_pwd,
            fingerprint: transport.fingerprint,
            from_client: transport.extensions.from_client,
            to_client: transport.extensions.to_client,
            handshake: Some(Box::new(handshake)),
            opener: None,
            sources: Sources::new(member.layers.len(), transport.rids),
            checked: now,
            heard: None,
        }));
        if transport
            .extensions
            .from_client
            .id(ExtensionKind::TransportSequence)
            .is_some()
        {
            // Browsers number all packets of a transport, sound too.
            member.arrivals.reserve();
        }
        if let Some(listener) = room.listeners.get_mut(member.listener) {
            listener.webrtc = true;
            listener.payload_types = payload_types;
            listener.dave = dave;
            listener.refresh();
        }
        self.timers.handshaking.push(index);
    }

    /// Takes a member's transport away: its keys, its addresses, its name in checks.
    pub(super) fn disconnect(&mut self, index: usize) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        if let Some(webrtc) = member.webrtc.take() {
            self.ufrags.remove(&webrtc.local_ufrag);
        }
        let last_seen = member.bindings.last_seen();
        let bindings = std::mem::replace(&mut member.bindings, Bindings::new(last_seen));
        if let Some(listener) = room.listeners.get_mut(member.listener) {
            listener.protection = None;
            listener.downlink = None;
            listener.webrtc = false;
            listener.address = None;
            listener.idle = false;
            listener.refresh();
        }
        for &address in bindings.all() {
            self.forget_address(index, address);
        }
        self.timers.handshaking.retain(|&other| other != index);
    }

    /// Op 5 and op 12: what a WebRTC client calls its streams. A stream under a new name begins anew.
    pub(super) fn set_sources(&mut self, index: usize, announced: &ClientSources) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let Some(webrtc) = &mut member.webrtc else {
            self.stats.commands_ignored += 1;
            return;
        };
        for role in webrtc.sources.announce(announced) {
            member.begin_anew(role);
        }
    }
}
