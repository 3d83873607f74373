//! One voice-gateway socket: its frames, its heartbeats, and what each message leads to.

use std::borrow::Cow;
use std::time::Instant;

use voxhall_protocol::Extra;
use voxhall_protocol::voice::{
    BackendVersion, DecodeError, Frame, Heartbeat, HeartbeatAck, Hello, Message, VoiceCloseCode,
    VoiceVersion, decode_client_binary, decode_client_text,
};

use super::rate::RateLimit;
use super::timers::Timer;
use super::{ConnectionId, NodeCore, TicketKey};

/// The version op 16 tells: signalling and media are built from one source.
const BUILD: &str = env!("CARGO_PKG_VERSION");

/// A socket that is open.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) version: VoiceVersion,
    pub(super) phase: Phase,
    pub(super) last_heartbeat: Instant,
    rate: RateLimit,
    heartbeats: RateLimit,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not identified.
    Open,
    /// Its Identify waits for a ticket.
    Early,
    /// It carries a session.
    Joined(TicketKey),
    /// Its session has ended; the client is expected to close it, and is told why if it does not.
    Leaving(VoiceCloseCode),
}

impl NodeCore {
    pub(super) fn open(&mut self, now: Instant, connection: ConnectionId, version: Option<&str>) {
        if self.draining {
            let reason = "the voice server is shutting down";
            return self
                .outbox
                .close(connection, VoiceCloseCode::GoingAway, reason, None);
        }
        let number = version.and_then(|version| version.parse().ok());
        let served = number.and_then(|number| VoiceVersion::new(number).ok());
        let Some(version) = served.filter(|version| *version >= self.settings.oldest_version) else {
            let reason = "the URL must name a voice gateway version that is served, as in ?v=9";
            return self
                .outbox
                .close(connection, VoiceCloseCode::BadRequest, reason, None);
        };
        let limits = &self.settings.limits;
        let opened = Connection {
            version,
            phase: Phase::Open,
            last_heartbeat: now,
            rate: RateLimit::new(now, limits.messages_per_minute),
            heartbeats: RateLimit::new(now, limits.heartbeats_per_minute),
        };
        self.connections.insert(connection, opened);
        self.timers
            .set(now + limits.identify_timeout, Timer::Identify(connection));
        let hello = Hello {
            v: (!version.flat_hello()).then(|| version.number()),
            heartbeat_interval: limits.heartbeat_interval.as_secs_f64() * 1000.0,
            extra: Extra::new(),
        };
        self.outbox.message(connection, version, &hello.into());
    }

    pub(super) fn text(&mut self, now: Instant, connection: ConnectionId, text: &str) {
        let Some(version) = self
            .connections
            .get(&connection)
            .map(|connection| connection.version)
        else {
            return;
        };
        self.frame(now, connection, decode_client_text(version, text));
    }

    pub(super) fn binary(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        if self.connections.contains_key(&connection) {
            self.frame(now, connection, decode_client_binary(bytes));
        }
    }

    pub(super) fn closed(&mut self, now: Instant, connection: ConnectionId, goodbye: bool) {
        let Some(closed) = self.connections.remove(&connection) else {
            return;
        };
        self.early.take(connection);
        if let Phase::Joined(key) = closed.phase {
            if goodbye {
                self.end_session(key);
            } else {
                self.detach(now, key);
            }
        }
    }

    pub(super) fn identify_overdue(&mut self, connection: ConnectionId) {
        let waiting = self
            .connections
            .get(&connection)
            .is_some_and(|waiting| waiting.phase == Phase::Open);
        if waiting {
            self.close(
                connection,
                VoiceCloseCode::SessionTimeout,
                "no Identify or Resume came in time",
            );
        }
    }

    pub(super) fn heartbeat_overdue(&mut self, now: Instant, connection: ConnectionId) {
        let Some(silent) = self.connections.get(&connection) else {
            return;
        };
        let overdue_at = silent.last_heartbeat + self.settings.limits.heartbeat_timeout;
        if overdue_at > now {
            return self.timers.set(overdue_at, Timer::Heartbeat(connection));
        }
        let phase = silent.phase;
        self.close(
            connection,
            VoiceCloseCode::SessionTimeout,
            "no heartbeat came in time",
        );
        // The client may be behind a network that just lost it: it may still come back in time.
        if let Phase::Joined(key) = phase {
            self.detach(now, key);
        }
    }

    pub(super) fn leave_overdue(&mut self, connection: ConnectionId) {
        let Some(Phase::Leaving(code)) = self.connections.get(&connection).map(|leaving| leaving.phase)
        else {
            return;
        };
        let reason = match code {
            VoiceCloseCode::CallTerminated => "the call has ended or moved",
            VoiceCloseCode::SessionInvalid => "a newer voice connection replaces this one",
            _ => "you were disconnected or moved",
        };
        self.close(connection, code, reason);
    }

    /// Closes a socket whose client broke the rules; its session ends with it.
    pub(super) fn fail(
        &mut self,
        connection: ConnectionId,
        code: VoiceCloseCode,
        reason: impl Into<Cow<'static, str>>,
    ) {
        let phase = self.connections.get(&connection).map(|failed| failed.phase);
        self.close(connection, code, reason);
        if let Some(Phase::Joined(key)) = phase {
            self.end_session(key);
        }
    }

    fn frame(&mut self, now: Instant, connection: ConnectionId, frame: Result<Frame, DecodeError>) {
        let message = match frame {
            Ok(frame) => frame.message,
            Err(error) => {
                tracing::debug!(?connection, %error, "a client sent what is no message");
                return self.fail(connection, error.close_code(), decode_reason(&error));
            }
        };
        let limits = &self.settings.limits;
        let Some(sender) = self.connections.get_mut(&connection) else {
            return;
        };
        if let Message::Heartbeat(heartbeat) = &message {
            if !sender.heartbeats.take(now, limits.heartbeats_per_minute) {
                return self.fail(connection, VoiceCloseCode::RateLimited, "too many heartbeats");
            }
            sender.last_heartbeat = now;
            return self.heartbeat(connection, heartbeat);
        }
        if !sender.rate.take(now, limits.messages_per_minute) {
            return self.fail(connection, VoiceCloseCode::RateLimited, "too many messages");
        }
        match sender.phase {
            Phase::Open => self.first_message(now, connection, message),
            Phase::Early => self.early_message(connection, &message),
            Phase::Joined(key) => self.session_message(connection, key, message),
            Phase::Leaving(_) => {}
        }
    }

    fn heartbeat(&mut self, connection: ConnectionId, heartbeat: &Heartbeat) {
        let Some(sender) = self.connections.get(&connection) else {
            return;
        };
        let (version, phase) = (sender.version, sender.phase);
        if !matches!(phase, Phase::Joined(key) if self.withholds_acks(key)) {
            let ack = HeartbeatAck::to(heartbeat).into();
            self.outbox.message(connection, version, &ack);
        }
        if let (Phase::Joined(key), Some(seq)) = (phase, heartbeat.seq_ack)
            && let Some(session) = self.session_mut(key)
        {
            session.replay.acknowledge(seq);
        }
    }

    fn first_message(&mut self, now: Instant, connection: ConnectionId, message: Message) {
        match message {
            Message::Identify(identify) => self.identify(now, connection, &identify),
            Message::Resume(resume) => self.resume(now, connection, &resume),
            Message::Unknown { .. } | Message::UnknownBinary { .. } => {
                self.fail(connection, VoiceCloseCode::UnknownOpcode, "unknown opcode");
            }
            _ => self.fail(
                connection,
                VoiceCloseCode::NotAuthenticated,
                "Identify or Resume must come first",
            ),
        }
    }

    /// The client has identified, but may do nothing until it is known by whose leave.
    fn early_message(&mut self, connection: ConnectionId, message: &Message) {
        let (code, reason) = match message {
            Message::Identify(_) | Message::Resume(_) => {
                (VoiceCloseCode::AlreadyAuthenticated, "already identified")
            }
            Message::Unknown { .. } | Message::UnknownBinary { .. } => {
                (VoiceCloseCode::UnknownOpcode, "unknown opcode")
            }
            _ => (VoiceCloseCode::NotAuthenticated, "wait for Ready"),
        };
        self.fail(connection, code, reason);
    }

    fn session_message(&mut self, connection: ConnectionId, key: TicketKey, message: Message) {
        match message {
            Message::Identify(_) | Message::Resume(_) => {
                self.fail(
                    connection,
                    VoiceCloseCode::AlreadyAuthenticated,
                    "already identified",
                );
            }
            Message::SelectProtocol(select) => self.select_protocol(connection, key, &select),
            Message::Speaking(speaking) => self.speaking(connection, key, &speaking),
            Message::Video(video) => self.video(connection, key, &video),
            Message::SessionUpdate(update) => self.session_update(key, &update),
            Message::MediaSinkWants(wants) => self.media_sink_wants(connection, key, wants),
            Message::BackendVersion(_) => self.backend_version(connection),
            Message::NoRoute(_) => tracing::info!(
                channel = %key.channel, user = %key.user, "a client found no way for media"
            ),
            Message::Unknown { .. } | Message::UnknownBinary { .. } => {
                self.fail(connection, VoiceCloseCode::UnknownOpcode, "unknown opcode");
            }
            // Dead opcodes, answers to what was never asked, and the words of DAVE, which no call speaks: all of them
            // are known, none leads to anything.
            _ => {}
        }
    }

    fn backend_version(&mut self, connection: ConnectionId) {
        let Some(version) = self.connections.get(&connection).map(|asking| asking.version) else {
            return;
        };
        if version.has_backend_version() {
            let builds = BackendVersion {
                voice: Some(BUILD.to_owned()),
                rtc_worker: Some(BUILD.to_owned()),
                extra: Extra::new(),
            };
            self.outbox.message(connection, version, &builds.into());
        }
    }
}

/// What the human at the other end is told; the close frame has room for few words.
const fn decode_reason(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::TooLong { .. } => "the frame is too long",
        DecodeError::NotJson(_) => "the frame is not JSON",
        DecodeError::NoOpcode(_) => "the frame has no opcode",
        DecodeError::Payload { .. } => "a field of the message is missing or of the wrong type",
        DecodeError::NoChannel { .. } => "version 9 requires channel_id",
        DecodeError::JsonInBinary => "JSON belongs into a text frame",
        DecodeError::BinaryInText { .. } => "this message belongs into a binary frame",
        DecodeError::NotBinary { .. } => "this opcode does not belong into a binary frame",
        DecodeError::Truncated { .. } => "the frame is too short",
    }
}
