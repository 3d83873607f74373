//! The handshake with the voice gateway: Identify, Ready, discovery, Select Protocol, Session Description.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use voxhall_protocol::discovery;
use voxhall_protocol::ping::{self, KeepAlive};
use voxhall_protocol::voice::{
    Frame, Heartbeat, Hello, Identify, Message, Ready, Resume, SelectProtocol, SessionDescription, Speaking,
    SpeakingFlags, decode_server_binary, decode_server_text, is_newer,
};

use super::io::{MediaSession, Output};
use super::machine::{Attempt, CLOSE_ABANDONED, Phase, Socket};
use super::session::Session;
use super::timer::Timer;
use super::{ConnectionMachine, ConnectionState, HandshakeStep, Reason, modes, video};

/// Time between discovery requests (media transport, section 3.4).
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

impl ConnectionMachine {
    /// Identify or Resume goes out before Hello is in; the server allows it, and it saves a round trip.
    pub(super) fn socket_opened(&mut self, now: Instant) {
        let Phase::Dialing(attempt) = self.phase else {
            return;
        };
        self.socket = Socket::Open;
        self.timers.set(Timer::Step, now + self.config.step_timeout);
        match attempt {
            Attempt::Resume => {
                self.phase = Phase::AwaitResumed;
                self.send_resume();
            }
            Attempt::Identify | Attempt::Join => {
                self.phase = Phase::AwaitReady;
                self.seq = None;
                self.send_identify();
                self.enter(ConnectionState::Identifying);
            }
        }
    }

    fn send_identify(&mut self) {
        let (Some(server), Some(session_id)) = (&self.server, &self.session_id) else {
            return;
        };
        let (room, user) = (self.config.room, self.config.user);
        let mut identify = Identify::new(room.server_id(), user, session_id.clone(), server.token.clone());
        identify.channel_id = self.channel;
        identify.video = Some(self.config.video.is_some());
        identify.streams = Some(self.offered_streams());
        identify.max_dave_protocol_version = Some(self.config.max_dave_version);
        self.send(identify);
    }

    fn send_resume(&mut self) {
        let (Some(server), Some(session_id)) = (&self.server, &self.session_id) else {
            return;
        };
        let resume = Resume {
            server_id: self.config.room.server_id(),
            channel_id: self.channel,
            session_id: session_id.clone(),
            token: server.token.clone(),
            seq_ack: self.seq,
            extra: Default::default(),
        };
        self.send(resume);
    }

    pub(super) fn text(&mut self, now: Instant, text: &str) {
        if self.socket != Socket::Open {
            return;
        }
        match decode_server_text(self.config.version, text) {
            Ok(frame) => self.frame(now, frame),
            Err(error) => tracing::debug!(%error, "a text frame was left unread"),
        }
    }

    pub(super) fn binary(&mut self, now: Instant, bytes: &[u8]) {
        if self.socket != Socket::Open {
            return;
        }
        match decode_server_binary(self.config.version, bytes) {
            Ok(frame) => self.frame(now, frame),
            Err(error) => tracing::debug!(%error, "a binary frame was left unread"),
        }
    }

    fn frame(&mut self, now: Instant, frame: Frame) {
        // JSON and binary frames share one counter; a replay never turns it back.
        if let Some(seq) = frame.seq
            && self.seq.is_none_or(|last| is_newer(seq, last))
        {
            self.seq = Some(seq);
        }
        match frame.message {
            Message::Hello(hello) => self.hello(now, &hello),
            Message::Ready(ready) => self.ready(*ready),
            Message::SessionDescription(description) => self.described(now, &description),
            Message::Resumed => self.resumed(now),
            Message::HeartbeatAck(ack) => {
                let nonce = ack.nonce.as_u64();
                self.heartbeats.acknowledged(now, nonce);
                self.acknowledged(nonce);
            }
            Message::Heartbeat(_) => drop(self.beat(now)),
            Message::MediaSinkWants(wants) => self.asked(&wants),
            Message::SessionUpdate(update) => self.send_codec(update.video_codec.as_ref()),
            other => self.room_message(&other),
        }
    }

    fn hello(&mut self, now: Instant, hello: &Hello) {
        let interval = hello.interval().min(self.config.heartbeat_cap);
        self.heartbeats.start(interval);
        let first = interval.mul_f64(self.rng.random::<f64>());
        self.timers.set(Timer::Heartbeat, now + first);
    }

    pub(super) fn heartbeat_due(&mut self, now: Instant) {
        if self.heartbeats.is_outstanding() {
            self.drop_socket(CLOSE_ABANDONED);
            return self.lost(now, Reason::HeartbeatLost);
        }
        self.beat(now);
    }

    /// Sends a heartbeat, and gives its nonce; none before Hello.
    pub(super) fn beat(&mut self, now: Instant) -> Option<u64> {
        let interval = self.heartbeats.interval()?;
        let nonce = self.heartbeats.beat(now);
        self.send(Message::Heartbeat(Heartbeat::new(nonce, self.seq)));
        self.timers.set(Timer::Heartbeat, now + interval);
        Some(nonce)
    }

    fn ready(&mut self, ready: Ready) {
        if self.phase != Phase::AwaitReady {
            return;
        }
        let Some(mode) = modes::choose(&ready.modes, self.config.mode) else {
            let offered: Vec<_> = ready.modes.iter().map(|mode| mode.as_str()).collect();
            return self.fail(Reason::NoCommonMode(offered.join(", ")));
        };
        self.timers.clear(Timer::Step);
        self.phase = Phase::Open;
        let layer = self.granted_layer(ready.streams.as_deref());
        self.session = Some(Session::new(ready.ssrc, layer, mode));
        let host = ready
            .ip
            .filter(|ip| !ip.is_empty())
            .unwrap_or_else(|| self.endpoint_host());
        self.outputs.push_back(Output::OpenUdp {
            host,
            port: ready.port,
        });
    }

    /// The host of the endpoint, where media went before Ready carried an address.
    fn endpoint_host(&self) -> String {
        let endpoint = self.server.as_ref().map_or("", |server| server.endpoint.as_str());
        let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
        host.trim_matches(['[', ']']).to_owned()
    }

    pub(super) fn udp_opened(&mut self, now: Instant, local: SocketAddr) {
        if let Some(session) = self.session.as_mut().filter(|session| session.local.is_none()) {
            session.local = Some(local);
            self.discover(now);
        }
    }

    pub(super) fn udp_failed(&mut self, why: String) {
        if self.session.is_some() {
            self.fail(Reason::Socket(why));
        }
    }

    fn discover(&mut self, now: Instant) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.discoveries += 1;
        let attempt = session.discoveries;
        let request = discovery::Request::new(session.ssrc).encode();
        self.outputs.push_back(Output::SendUdp(request.to_vec()));
        self.timers.set(Timer::Discovery, now + DISCOVERY_INTERVAL);
        if self.phase == Phase::Open {
            self.enter(ConnectionState::Discovering { attempt });
        }
    }

    pub(super) fn discovery_overdue(&mut self, now: Instant) {
        let tries = self.config.discovery_tries;
        let Some(session) = &mut self.session else {
            return;
        };
        if session.discoveries < tries {
            return self.discover(now);
        }
        // The address is informational: the server answers to where packets come from.
        session.public = session.local.map(|local| (local.ip().to_string(), local.port()));
        self.select(now);
    }

    pub(super) fn datagram(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(KeepAlive::Pong(sequence)) = KeepAlive::parse(bytes) {
            return self.pings.answered(now, u32::from_be_bytes(sequence));
        }
        let Some(session) = &mut self.session else {
            return;
        };
        let Ok(found) = discovery::Response::parse(bytes) else {
            return;
        };
        if found.ssrc == session.ssrc && session.public.is_none() && session.local.is_some() {
            session.public = Some((found.address.to_string(), found.port));
            self.timers.clear(Timer::Discovery);
            self.select(now);
        }
    }

    /// Sends Select Protocol, if the socket and the address are there.
    fn select(&mut self, now: Instant) {
        let Some(session) = self.session.as_ref().filter(|session| session.media.is_none()) else {
            return;
        };
        let Some((address, port)) = session.public.clone() else {
            return;
        };
        if self.phase != Phase::Open {
            return;
        }
        let mode = session.mode;
        let mut select = SelectProtocol::for_udp(address, port, mode);
        if let Some(options) = &self.config.video {
            let (codecs, encodes) = video::first_codecs(options);
            select.codecs = Some(codecs);
            if let Some(session) = &mut self.session {
                session.encodes = encodes;
            }
        }
        self.send(select);
        self.timers.set(Timer::Step, now + self.config.step_timeout);
        self.enter(ConnectionState::Selecting);
    }

    fn described(&mut self, now: Instant, description: &SessionDescription) {
        let Some(session) = self.session.as_mut().filter(|session| session.public.is_some()) else {
            return;
        };
        if self.phase != Phase::Open {
            return;
        }
        let Some(key) = description.secret_key.clone() else {
            return self.fail(Reason::BadMessage("Session Description without a key"));
        };
        if description
            .mode
            .as_ref()
            .is_some_and(|mode| mode.known() != Some(session.mode))
        {
            return self.fail(Reason::BadMessage(
                "Session Description with another mode than selected",
            ));
        }
        if description.dave_version() > self.config.max_dave_version {
            return self.fail(Reason::BadMessage("end-to-end encryption that was not announced"));
        }
        let media = MediaSession {
            ssrc: session.ssrc,
            layer: session.layer,
            mode: session.mode,
            key,
        };
        if session.media.as_ref() == Some(&media) {
            return;
        }
        session.media = Some(media.clone());
        session.flags = None;
        session.published = None;
        session.confirming = None;
        session.wants = None;
        self.outputs.push_back(Output::StartMedia(media));
        self.send_codec(description.video_codec.as_ref());
        self.timers.set(Timer::Ping, now);
        self.connected(now);
    }

    fn resumed(&mut self, now: Instant) {
        let Some(session) = self
            .session
            .as_ref()
            .filter(|_| self.phase == Phase::AwaitResumed)
        else {
            return;
        };
        self.phase = Phase::Open;
        self.timers.clear(Timer::Step);
        if session.media.is_some() {
            self.connected(now);
        } else if session.public.is_some() {
            self.select(now);
        } else {
            let attempt = session.discoveries;
            self.enter(ConnectionState::Discovering { attempt });
        }
    }

    fn connected(&mut self, now: Instant) {
        self.timers.clear(Timer::Step);
        self.timers.set(Timer::Stable, now + self.config.stable_after);
        self.enter(ConnectionState::Connected);
        self.flush_speaking();
        self.confirm_publication_again(now);
        self.flush_publication(now);
        self.flush_wants();
    }

    /// Brings the server's idea of our speaking flags up to date.
    ///
    /// A new session begins with "not speaking" in any case: some servers forward nothing before an op 5.
    pub(super) fn flush_speaking(&mut self) {
        let wanted = self.speaking;
        let open = self.phase == Phase::Open;
        let Some(session) = self
            .session
            .as_mut()
            .filter(|session| open && session.media.is_some())
        else {
            return;
        };
        let ssrc = session.ssrc;
        if session.flags == Some(wanted) {
            return;
        }
        let first = session.flags.replace(wanted).is_none();
        if first && wanted != SpeakingFlags::NONE {
            self.send(Speaking::from_client(SpeakingFlags::NONE, ssrc));
        }
        self.send(Speaking::from_client(wanted, ssrc));
        self.outputs.push_back(Output::Speaking(wanted));
    }

    pub(super) fn ping_due(&mut self, now: Instant) {
        let sequence = self.pings.send(now);
        self.outputs
            .push_back(Output::SendUdp(ping::request(sequence.to_be_bytes()).to_vec()));
        self.timers.set(Timer::Ping, now + self.config.ping_interval);
    }

    pub(super) fn step_overdue(&mut self, now: Instant) {
        let step = match self.phase {
            Phase::Dialing(_) => HandshakeStep::Dial,
            Phase::AwaitReady => HandshakeStep::Ready,
            Phase::AwaitResumed => HandshakeStep::Resumed,
            _ => HandshakeStep::SessionDescription,
        };
        self.drop_socket(CLOSE_ABANDONED);
        let waited = self.config.step_timeout;
        self.lost(now, Reason::StepTimeout { step, waited });
    }
}
