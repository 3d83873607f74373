//! Identify and Select Protocol (`voice-gateway.md` sections 5.1, 6.0–6.2 and 6.4).

use std::net::SocketAddr;
use std::time::Instant;

use rand::RngCore;
use voxhall_live::{LinkState, TicketRecord};
use voxhall_protocol::voice::{
    ClientFlags, Codec, CodecName, Identify, MediaSinkWants, Message, ProtocolName, Ready, SelectProtocol,
    SessionDescription, VoiceCloseCode, VoiceVersion,
};
use voxhall_protocol::{Extra, Token};
use voxhall_sfu::{
    ClientSources, Command, MemberId, MemberSsrcs, PayloadTypes, RoomId, TransportKey, UdpTransport,
};

use super::connection::Phase;
use super::replay::Replay;
use super::room::Room;
use super::session::{Attachment, Selected, SelectedTransport, Session};
use super::timers::Timer;
use super::{ConnectionId, NodeCore, TicketKey, WorkerIndex, codecs, tickets, video};

/// Milliseconds between key frames; native encoders do not start without one.
const KEYFRAME_INTERVAL_MS: u32 = 2000;

/// The experiment of Ready that lets native clients stream: they send a key frame now and again.
const FIXED_KEYFRAME_INTERVAL: &str = "fixed_keyframe_interval";

/// Bytes of `secret_key`.
const KEY_BYTES: usize = 32;

/// Calls run without end-to-end encryption.
const NO_DAVE: u16 = 0;

/// What a session is given for its media.
struct Seat {
    ssrcs: MemberSsrcs,
    /// The names of its video layers, in the order of their SSRCs.
    rids: Vec<Option<String>>,
    sends_video: bool,
}

impl NodeCore {
    pub(super) fn identify(&mut self, now: Instant, connection: ConnectionId, identify: &Identify) {
        if self.tickets.knows(&identify.token) || !self.wait_for_ticket(now, connection, identify) {
            self.admit(now, connection, identify);
        }
    }

    /// Lets an Identify wait for its ticket, if there is room.
    fn wait_for_ticket(&mut self, now: Instant, connection: ConnectionId, identify: &Identify) -> bool {
        let limits = &self.settings.limits;
        let waits = self.early.keep(connection, identify, limits.early_identifies);
        if waits && let Some(early) = self.connections.get_mut(&connection) {
            early.phase = Phase::Early;
            self.timers
                .set(now + limits.ticket_wait, Timer::Ticket(connection));
        }
        waits
    }

    /// A ticket has come: those who were faster than it are let in.
    pub(super) fn admit_early(&mut self, now: Instant, token: &Token) {
        for (connection, identify) in self.early.take_for(token) {
            self.admit(now, connection, &identify);
        }
    }

    /// The ticket has not come.
    pub(super) fn ticket_overdue(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(identify) = self.early.take(connection) {
            self.admit(now, connection, &identify);
        }
    }

    fn admit(&mut self, now: Instant, connection: ConnectionId, identify: &Identify) {
        let Some(version) = self
            .connections
            .get(&connection)
            .map(|identifying| identifying.version)
        else {
            return;
        };
        let ticket = match self.tickets.admit(version, identify) {
            Ok(ticket) => ticket.clone(),
            Err(code) => return self.fail(connection, code, refusal(code)),
        };
        if self.settings.require_dave && identify.dave_version() == NO_DAVE {
            let code = VoiceCloseCode::DaveRequired;
            return self.fail(connection, code, refusal(code));
        }
        self.begin(now, connection, version, &ticket, identify);
    }

    /// Begins the session of a ticket, as Identify asks for it.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        version: VoiceVersion,
        ticket: &TicketRecord,
        identify: &Identify,
    ) {
        let key = TicketKey {
            channel: ticket.channel_id,
            user: ticket.user_id,
        };
        self.tickets.used(key);
        self.replace_session(key);
        let layers = video::offered_layers(identify.offered_streams(), self.settings.limits.streams);
        let Some((worker, ssrcs)) = self.place(key, layers.len()) else {
            let reason = "no media worker can take the session";
            return self.fail(connection, VoiceCloseCode::VoiceServerCrashed, reason);
        };
        let sends_video = identify.video == Some(true) || !layers.is_empty();
        let rids = layers.iter().map(|layer| layer.rid.clone()).collect();
        let seat = Seat {
            ssrcs,
            rids,
            sends_video,
        };
        let session = self.new_session(connection, version, ticket, seat);
        let mut ready = self.ready(version, worker, &session, layers);
        if ticket.stream.is_some() {
            ready.experiments = Some(vec![FIXED_KEYFRAME_INTERVAL.to_owned()]);
        }
        self.admit_member(key, worker, session);
        self.impair_again(key);
        self.outbox.message(connection, version, &ready.into());
        self.carry(now, connection, key);
        self.announce(key);
    }

    /// Answers op 1; a second one gives the session a new key, or another transport.
    pub(super) fn select_protocol(
        &mut self,
        connection: ConnectionId,
        key: TicketKey,
        select: &SelectProtocol,
    ) {
        match select.protocol {
            ProtocolName::Udp => self.select_udp(connection, key, select),
            ProtocolName::Webrtc => self.select_webrtc(connection, key, select),
            _ => {
                let reason = "only the protocols udp and webrtc are served";
                self.fail(connection, VoiceCloseCode::UnknownProtocol, reason);
            }
        }
    }

    fn select_udp(&mut self, connection: ConnectionId, key: TicketKey, select: &SelectProtocol) {
        let Some(choice) = select.udp() else {
            return self.fail(
                connection,
                VoiceCloseCode::BadRequest,
                "op 1 lacks data with address, port and mode",
            );
        };
        let Some(mode) = choice
            .mode
            .known()
            .filter(|mode| self.settings.modes.contains(mode))
        else {
            let reason = "this encryption mode was not on offer";
            return self.fail(connection, VoiceCloseCode::UnknownEncryptionMode, reason);
        };
        let mut secret = [0; KEY_BYTES];
        self.random.fill_bytes(&mut secret);
        let listed = select.codecs.as_deref().unwrap_or_default();
        let transport = UdpTransport {
            mode,
            key: TransportKey::from(secret),
            hint: choice
                .address
                .parse()
                .ok()
                .map(|address| SocketAddr::new(address, choice.port)),
            first_nonce: 0,
            known: None,
        };
        let selected = Selected {
            payload_types: PayloadTypes::from_codecs(listed),
            transport: SelectedTransport::Udp(transport),
        };
        self.selected(key, selected, listed);
    }

    /// Op 1 has chosen: opens the session's media and says what follows from that.
    pub(super) fn selected(&mut self, key: TicketKey, selected: Selected, listed: &[Codec]) {
        let is_webrtc = matches!(selected.transport, SelectedTransport::WebRtc(_));
        let Some(session) = self.session_mut(key) else {
            return;
        };
        session.video_codecs = codecs::video_codecs(listed);
        let first = session.selected.replace(Box::new(selected)).is_none();
        if first && is_webrtc {
            // Browsers have always got it before op 4, others after.
            self.ask_for_everything(key);
        }
        self.describe(key);
        if first {
            if !is_webrtc {
                self.ask_for_everything(key);
            }
            self.introduce_room(key);
        } else if let Some(room) = self.rooms.get_mut(&key.channel) {
            room.choose_codecs(&mut self.outbox);
        }
    }

    /// Makes `connection` the carrier of the session.
    pub(super) fn carry(&mut self, now: Instant, connection: ConnectionId, key: TicketKey) {
        if let Some(carrier) = self.connections.get_mut(&connection) {
            carrier.phase = Phase::Joined(key);
            carrier.last_heartbeat = now;
            self.timers.set(
                now + self.settings.limits.heartbeat_timeout,
                Timer::Heartbeat(connection),
            );
        }
    }

    /// The room's worker, or the one with the fewest members for a new room; and SSRCs on its port.
    fn place(&mut self, key: TicketKey, layers: usize) -> Option<(WorkerIndex, MemberSsrcs)> {
        let worker = match self.rooms.get(&key.channel) {
            Some(room) => room.worker,
            None => {
                let usable = self.workers.iter().enumerate().filter(|(_, worker)| !worker.lost);
                WorkerIndex(usable.min_by_key(|(_, worker)| worker.members)?.0)
            }
        };
        let ssrcs = self.workers.get_mut(worker.0)?.ssrcs.allocate(layers)?;
        Some((worker, ssrcs))
    }

    fn new_session(
        &mut self,
        connection: ConnectionId,
        version: VoiceVersion,
        ticket: &TicketRecord,
        seat: Seat,
    ) -> Session {
        let member = MemberId(self.next_member);
        self.next_member += 1;
        Session {
            user: ticket.user_id,
            member,
            version,
            attachment: Attachment::Attached(connection),
            token: ticket.token.clone(),
            flags: client_flags(ticket),
            platform: ticket.platform,
            permissions: ticket.permissions,
            may_publish: ticket.may_publish(),
            ssrcs: seat.ssrcs,
            rids: seat.rids,
            sources: ClientSources::default(),
            sends_video: seat.sends_video,
            selected: None,
            speaking: None,
            video: None,
            wants: None,
            asked: None,
            video_codecs: Box::default(),
            send_codec: None,
            replay: Replay::default(),
            missed_leaves: Vec::new(),
            spoke: 0,
        }
    }

    fn ready(
        &self,
        version: VoiceVersion,
        worker: WorkerIndex,
        session: &Session,
        layers: Vec<voxhall_protocol::voice::Stream>,
    ) -> Ready {
        let interval = self.settings.limits.heartbeat_interval.as_millis();
        Ready {
            ssrc: session.ssrcs.audio,
            ip: self.settings.media_addresses.first().map(ToString::to_string),
            port: self.workers.get(worker.0).map_or(0, |worker| worker.port),
            modes: self.settings.modes.iter().copied().map(Into::into).collect(),
            experiments: Some(Vec::new()),
            streams: Some(video::ready_streams(layers, &session.ssrcs)),
            // Clients from before Hello take their interval from here.
            heartbeat_interval: version
                .flat_hello()
                .then(|| u64::try_from(interval).unwrap_or(u64::MAX).into()),
            extra: Extra::new(),
        }
    }

    /// Puts the session into its room and onto the worker.
    fn admit_member(&mut self, key: TicketKey, worker: WorkerIndex, session: Session) {
        let add = Command::AddMember {
            member: session.member,
            room: RoomId(key.channel.0),
            ssrcs: session.ssrcs.clone(),
        };
        let permit = Command::SetPermissions {
            member: session.member,
            permissions: tickets::for_worker(session.permissions),
        };
        self.outbox.command(worker, add);
        self.outbox.command(worker, permit);
        self.outbox.link(key, &session, LinkState::Connected);
        tracing::debug!(channel = %key.channel, user = %key.user, "a voice session begins");
        self.members.insert(session.member, key);
        if let Some(worker) = self.workers.get_mut(worker.0) {
            worker.members += 1;
        }
        if !self.rooms.contains_key(&key.channel) {
            let room = self.new_room(key, worker);
            self.rooms.insert(key.channel, room);
        }
        if let Some(room) = self.rooms.get_mut(&key.channel) {
            room.sessions.insert(key.user, session);
        }
    }

    fn new_room(&mut self, key: TicketKey, worker: WorkerIndex) -> Room {
        // The record of the call is written before its first ticket; only over a slow switchboard can it come later,
        // and the id is for display alone.
        let media_session_id = match self.media_session_ids.get(&key.channel) {
            Some(id) => id.clone(),
            None => format!("{:016x}{:016x}", self.random.next_u64(), self.random.next_u64()),
        };
        Room {
            id: RoomId(key.channel.0),
            worker,
            media_session_id,
            kept: self.settings.limits.replay_messages,
            sessions: Default::default(),
        }
    }

    /// Tells the others that a member has come.
    fn announce(&mut self, key: TicketKey) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let arrival = room.sessions.get(&key.user).map(Session::arrival);
        for message in arrival.iter().flatten() {
            room.tell_others(&mut self.outbox, key.user, message);
        }
    }

    /// Opens the session's media and sends op 4.
    fn describe(&mut self, key: TicketKey) {
        let Some(room) = self.rooms.get(&key.channel) else {
            return;
        };
        let Some(selected) = room
            .sessions
            .get(&key.user)
            .and_then(|session| session.selected.as_deref())
        else {
            return;
        };
        let described = match &selected.transport {
            SelectedTransport::Udp(transport) => describe_udp(transport),
            SelectedTransport::WebRtc(transport) => self.describe_webrtc(room.worker, transport),
        };
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let worker = room.worker;
        // Others may have to change their codec for this one; they are told after it has its description.
        let send_codec = room.codec_for(key.user);
        let Some(session) = room.sessions.get_mut(&key.user) else {
            return;
        };
        if let Some(connect) = session.connect_command() {
            self.outbox.command(worker, connect);
        }
        session.send_codec.clone_from(&send_codec);
        let description = SessionDescription {
            audio_codec: Some(CodecName::Opus),
            video_codec: send_codec,
            media_session_id: Some(room.media_session_id.clone()),
            ..described
        };
        session.tell(&mut self.outbox, room.kept, &description.into());
    }

    /// The server's first wants: everything at its best.
    fn ask_for_everything(&mut self, key: TicketKey) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        if let Some(session) = room.sessions.get_mut(&key.user)
            && session.sends_video
            && session.version.has_media_sink_wants()
        {
            let everything = MediaSinkWants::any(voxhall_sfu::BEST_QUALITY);
            session.tell(&mut self.outbox, room.kept, &Message::from(everything.clone()));
            session.asked = Some(Box::new(everything));
        }
    }

    /// What follows the first op 4: who else is there, and what this changes for them.
    ///
    /// The roster comes here and not after Ready because songbird drops everything between Ready and op 4.
    fn introduce_room(&mut self, key: TicketKey) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        room.tell_roster(&mut self.outbox, key.user);
        room.choose_codecs(&mut self.outbox);
        room.ask_publishers(&mut self.outbox);
    }
}

/// Op 4 of a UDP client, as far as it is about the transport.
fn describe_udp(transport: &UdpTransport) -> SessionDescription {
    SessionDescription {
        mode: Some(transport.mode.into()),
        secret_key: Some((*transport.key.expose()).into()),
        keyframe_interval: Some(KEYFRAME_INTERVAL_MS),
        dave_protocol_version: Some(NO_DAVE),
        ..SessionDescription::default()
    }
}

/// The flags of op 18; those of the ticket that have no place there are none of the voice gateway's.
pub(super) fn client_flags(ticket: &TicketRecord) -> ClientFlags {
    ClientFlags::from_bits(u32::try_from(ticket.flags & u64::from(u32::MAX)).unwrap_or(0))
}

const fn refusal(code: VoiceCloseCode) -> &'static str {
    match code {
        VoiceCloseCode::ServerNotFound => "no such server here",
        VoiceCloseCode::AuthenticationFailed => "wrong token, or not for this user, server or channel",
        VoiceCloseCode::DaveRequired => "this server requires end-to-end encryption (DAVE)",
        _ => "this session is over; join again through the main Gateway",
    }
}
