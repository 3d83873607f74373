//! Op 1 of WebRTC clients and what follows from their choosing SSRCs themselves (`media-transport.md` sections 10
//! and 11).

use std::borrow::Cow;
use std::net::SocketAddr;

use rand::RngCore as _;
use voxhall_protocol::sdp::{ClientFragment, SdpError, ServerFragment};
use voxhall_protocol::voice::{
    Codec, CodecName, MediaKind, SelectProtocol, SessionDescription, Speaking, Video, VoiceCloseCode,
};
use voxhall_protocol::{Extra, Secret};
use voxhall_sfu::{
    ClientSources, Command, HeaderExtensions, MemberId, PayloadTypes, TransportFailure, WebRtcTransport,
};

use super::session::{Selected, SelectedTransport};
use super::{ConnectionId, NodeCore, TicketKey, WorkerIndex, video};

/// Bytes of a fragment at most: a full SDP of a browser that hears fifty others has about so many.
const LONGEST_FRAGMENT: usize = 32 * 1024;

/// The lengths of the server's ICE credentials, in characters of six bits.
const UFRAG_LENGTH: usize = 4;
const PWD_LENGTH: usize = 22;

/// Which characters ICE credentials have (RFC 8839 section 5.4).
const ICE_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl NodeCore {
    /// Answers op 1 with the protocol `webrtc`; a second one begins a new transport.
    pub(super) fn select_webrtc(
        &mut self,
        connection: ConnectionId,
        key: TicketKey,
        select: &SelectProtocol,
    ) {
        let fragment = match client_fragment(select) {
            Ok(fragment) => fragment,
            Err(reason) => return self.fail(connection, VoiceCloseCode::BadRequest, reason),
        };
        let Some(worker) = self.rooms.get(&key.channel).map(|room| room.worker) else {
            return;
        };
        let (local_ufrag, local_pwd) = (self.fresh_ufrag(worker), self.ice_text(PWD_LENGTH));
        let listed = listed_codecs(select, &fragment);
        let Some(session) = self.session_mut(key) else {
            return;
        };
        let transport = WebRtcTransport {
            local_ufrag,
            local_pwd: Secret::new(local_pwd),
            remote_ufrag: fragment.ice_ufrag,
            fingerprint: fragment.fingerprint,
            extensions: HeaderExtensions::from_offer(&fragment.extensions),
            rids: session.rids.clone(),
        };
        let selected = Selected {
            payload_types: PayloadTypes::from_codecs(&listed),
            transport: SelectedTransport::WebRtc(Box::new(transport)),
        };
        self.change_sources(key, ClientSources::default());
        self.selected(key, selected, &listed);
    }

    /// Op 4 of a WebRTC client, as far as it is about the transport.
    pub(super) fn describe_webrtc(
        &self,
        worker: WorkerIndex,
        transport: &WebRtcTransport,
    ) -> SessionDescription {
        let port = self.workers.get(worker.0).map_or(0, |worker| worker.port);
        let addresses = self.settings.media_addresses.iter();
        let candidates: Vec<SocketAddr> = addresses.map(|&address| SocketAddr::new(address, port)).collect();
        let fragment = ServerFragment {
            fingerprint: self.settings.fingerprint,
            ice_ufrag: transport.local_ufrag.clone(),
            ice_pwd: transport.local_pwd.clone(),
            tcp_candidates: if self.settings.media_tcp {
                candidates.clone()
            } else {
                Vec::new()
            },
            candidates,
        };
        SessionDescription {
            sdp: Some(fragment.to_string()),
            ..SessionDescription::default()
        }
    }

    /// Op 5 of a WebRTC client names its audio. False if it may not be called that.
    pub(super) fn adopt_audio(&mut self, connection: ConnectionId, key: TicketKey, said: &Speaking) -> bool {
        let Some(session) = self.session_mut(key) else {
            return false;
        };
        let named = said.ssrc.filter(|ssrc| !ssrc.is_none());
        let sources = ClientSources {
            audio: named.or(session.sources.audio),
            ..session.sources.clone()
        };
        self.adopt(connection, key, sources)
    }

    /// Op 12 of a WebRTC client names its streams. Returns what it says, in the SSRCs by which others know them; `None`
    /// if they may not be called that.
    pub(super) fn adopt_video(
        &mut self,
        connection: ConnectionId,
        key: TicketKey,
        said: &Video,
    ) -> Option<Video> {
        let session = self.session_mut(key)?;
        let (own, sources) = video::adopted(said, session);
        self.adopt(connection, key, sources).then_some(own)
    }

    /// Takes over what a client calls its streams, and tells the worker.
    fn adopt(&mut self, connection: ConnectionId, key: TicketKey, sources: ClientSources) -> bool {
        let Some(room) = self.rooms.get(&key.channel) else {
            return false;
        };
        let Some(session) = room.sessions.get(&key.user) else {
            return false;
        };
        if session.sources == sources {
            return true;
        }
        let (worker, member) = (room.worker, session.member);
        let taken = self.workers.get(worker.0).is_some_and(|worker| {
            let allocated = |ssrc| worker.ssrcs.is_allocated(ssrc) && !session.owns(ssrc);
            video::all_sources(&sources).any(allocated)
        });
        if taken {
            // The client would be sent a stream under the number of its own. It will hardly choose that one again.
            let reason = "an SSRC of the client's is in use here; join again and choose others";
            self.fail(connection, VoiceCloseCode::SessionInvalid, reason);
            return false;
        }
        self.change_sources(key, sources.clone());
        self.outbox
            .command(worker, Command::SetSources { member, sources });
        true
    }

    /// Keeps what a client calls its streams, and those numbers from being given out.
    fn change_sources(&mut self, key: TicketKey, sources: ClientSources) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let (Some(session), Some(worker)) = (
            room.sessions.get_mut(&key.user),
            self.workers.get_mut(room.worker.0),
        ) else {
            return;
        };
        video::all_sources(&session.sources).for_each(|ssrc| worker.ssrcs.retract(ssrc));
        video::all_sources(&sources).for_each(|ssrc| worker.ssrcs.announce(ssrc));
        session.sources = sources;
    }

    /// A member has no transport and gets none.
    pub(super) fn transport_failed(&mut self, member: MemberId, failure: TransportFailure) {
        let Some(&key) = self.members.get(&member) else {
            return;
        };
        tracing::info!(channel = %key.channel, user = %key.user, ?failure, "a WebRTC transport failed");
        let (code, reason) = match failure {
            TransportFailure::WrongFingerprint => (
                VoiceCloseCode::BadRequest,
                "the DTLS certificate is not the one whose fingerprint op 1 gave",
            ),
            TransportFailure::TimedOut => (
                VoiceCloseCode::SessionTimeout,
                "the DTLS handshake did not end in time",
            ),
            TransportFailure::Panic => (
                VoiceCloseCode::RtcWorkerCrashed,
                "the media transport crashed; join again",
            ),
            _ => (VoiceCloseCode::BadRequest, "the DTLS handshake failed"),
        };
        self.crash_session(key, code, reason);
    }

    /// A name for the server's side of ICE that no other session of the worker has.
    fn fresh_ufrag(&mut self, worker: WorkerIndex) -> String {
        loop {
            let ufrag = self.ice_text(UFRAG_LENGTH);
            let sessions = self
                .rooms
                .values()
                .filter(|room| room.worker == worker)
                .flat_map(|room| room.sessions.values());
            if !sessions.into_iter().any(|session| session.is_called(&ufrag)) {
                return ufrag;
            }
        }
    }

    fn ice_text(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.random.fill_bytes(&mut bytes);
        let characters = bytes
            .iter()
            .map(|byte| char::from(ICE_ALPHABET[usize::from(byte % 64)]));
        characters.collect()
    }
}

/// The client's fragment, or what to tell the human whose client sent none that can be used.
fn client_fragment(select: &SelectProtocol) -> Result<ClientFragment, Cow<'static, str>> {
    let text = select
        .fragment()
        .filter(|text| !text.is_empty())
        .ok_or("op 1 lacks an SDP fragment in data or sdp")?;
    if text.len() > LONGEST_FRAGMENT {
        return Err("the SDP fragment is too long".into());
    }
    ClientFragment::parse(text).map_err(|error| match error {
        SdpError::Missing(line) => format!("the SDP fragment lacks {line}").into(),
        SdpError::Malformed { line, .. } => format!("the SDP fragment has a malformed {line}").into(),
        SdpError::OtherHash { .. } => "the SDP fragment has no a=fingerprint with sha-256".into(),
    })
}

/// The codecs of op 1; what it does not list, the fragment may.
fn listed_codecs(select: &SelectProtocol, fragment: &ClientFragment) -> Vec<Codec> {
    let mut codecs = select.codecs.clone().unwrap_or_default();
    let has = |codecs: &[Codec], kind: MediaKind| codecs.iter().any(|codec| codec.kind == kind);
    let codec = |name: CodecName, kind: MediaKind, payload_type, rtx_payload_type| Codec {
        name,
        kind,
        priority: 1000,
        payload_type,
        rtx_payload_type,
        encode: None,
        decode: None,
        extra: Extra::new(),
    };
    if !has(&codecs, MediaKind::Audio)
        && let Some(opus) = fragment.payload_type("opus")
    {
        codecs.push(codec(CodecName::Opus, MediaKind::Audio, opus, None));
    }
    if select.codecs.is_none()
        && let Some(vp8) = fragment.payload_type("VP8")
    {
        let rtx = fragment.payload_type("rtx");
        codecs.push(codec(CodecName::Vp8, MediaKind::Video, vp8, rtx));
    }
    codecs
}
