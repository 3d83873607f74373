//! One socket of the main Gateway, without the socket: frames and time go in, messages and decisions come out.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::time::{Duration, Instant};

use voxhall_protocol::gateway::{
    ClientMessage, GatewayCloseCode, GatewayOpcode, Hello, Identify, RateLimited, RequestGuildMembers,
    Resume, ServerMessage,
};
use voxhall_protocol::ids::GuildId;

use super::limit::SlidingWindow;
use crate::Limits;

/// Op 4 of one session within [`VOICE_UPDATE_WINDOW`]; more are dropped without a word.
const VOICE_UPDATES: usize = 10;
/// The window that [`VOICE_UPDATES`] counts over.
const VOICE_UPDATE_WINDOW: Duration = Duration::from_secs(10);
/// Op 3 of one session within [`PRESENCE_WINDOW`]; more are dropped without a word.
const PRESENCES: usize = 5;
/// The window that [`PRESENCES`] counts over.
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);
/// How often the members of one guild may be asked for.
const MEMBER_REQUEST_PAUSE: Duration = Duration::from_secs(30);

/// How many guilds are remembered as asked about; it takes a client of no good will to come to more.
const MOST_MEMBER_REQUESTS: usize = 1000;

/// Characters of [`Connection::fault`]: it may name what came.
const LONGEST_FAULT: usize = 200;

/// What a connection wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// Send this.
    Send(ServerMessage),
    /// Begin a session, then say [`Connection::accepted`] or [`Connection::refused`].
    Identify(Box<Identify>),
    /// Take up a session, then say [`Connection::accepted`] or [`Connection::refused`].
    Resume(Resume),
    /// Do what the client of this session asks for.
    Command(ClientMessage),
    /// The client has all dispatches up to this one.
    Acknowledge(u64),
    /// An op came too often; tell the client with this dispatch.
    TellLimited(RateLimited),
    /// Close the socket. Nothing comes after it.
    Close(GatewayCloseCode),
}

/// Why a client gets no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The socket is closed.
    Close(GatewayCloseCode),
    /// Op 9 `false`: the client may identify anew on the same socket.
    InvalidSession,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No session yet.
    Greeted,
    /// A session was asked for.
    Waiting,
    /// A session is here.
    Ready,
    /// Closed.
    Over,
}

/// One socket of the main Gateway.
#[derive(Debug)]
pub(crate) struct Connection {
    limits: Limits,
    stage: Stage,
    last_beat: Instant,
    asked_for_beat: bool,
    /// Since when the client may ask for a session, as long as it has not.
    greeted: Instant,
    messages: SlidingWindow,
    voice_updates: SlidingWindow,
    presences: SlidingWindow,
    member_requests: HashMap<GuildId, Instant>,
    fault: Option<String>,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// A socket that was opened now; the first output is Hello.
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        let interval = u32::try_from(limits.heartbeat_interval.as_millis()).unwrap_or(u32::MAX);
        Self {
            limits,
            stage: Stage::Greeted,
            last_beat: now,
            asked_for_beat: false,
            greeted: now,
            messages: SlidingWindow::default(),
            voice_updates: SlidingWindow::default(),
            presences: SlidingWindow::default(),
            member_requests: HashMap::new(),
            fault: None,
            outputs: VecDeque::from([Output::Send(ServerMessage::Hello(Hello::new(interval)))]),
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.stage == Stage::Over {
            return None;
        }
        let beat = if self.asked_for_beat {
            self.last_beat + self.patience()
        } else {
            self.last_beat + self.interval()
        };
        Some(self.identify_by().map_or(beat, |by| by.min(beat)))
    }

    /// A text or binary frame.
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        if self.stage == Stage::Over {
            return;
        }
        match ClientMessage::decode(frame) {
            Ok(message) => self.handle_message(now, message),
            Err(error) => self.fail(error.close_code(), &error),
        }
    }

    /// Time has come to [`Self::poll_timeout`].
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.stage == Stage::Over {
            return;
        }
        let no_identify = self.identify_by().is_some_and(|by| now >= by);
        if no_identify || now >= self.last_beat + self.patience() {
            self.close(GatewayCloseCode::SessionTimedOut);
        } else if now >= self.last_beat + self.interval() && !self.asked_for_beat {
            self.asked_for_beat = true;
            self.send(ServerMessage::Heartbeat);
        }
    }

    /// The session that was asked for is here.
    pub(crate) fn accepted(&mut self) {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Ready;
        }
    }

    /// The session that was asked for is refused.
    pub(crate) fn refused(&mut self, now: Instant, refusal: Refusal) {
        match refusal {
            Refusal::Close(code) => self.close(code),
            Refusal::InvalidSession => {
                if self.stage == Stage::Waiting {
                    self.stage = Stage::Greeted;
                    self.greeted = now;
                }
                self.send(ServerMessage::InvalidSession(false));
            }
        }
    }

    /// The client shall come back elsewhere and resume (op 7).
    pub(crate) fn reconnect(&mut self) {
        if self.stage != Stage::Over {
            self.send(ServerMessage::Reconnect);
        }
    }

    /// Closes the socket for what came from it.
    pub(crate) fn fail(&mut self, code: GatewayCloseCode, fault: &impl Display) {
        self.fault = Some(unquoted(&fault.to_string()).chars().take(LONGEST_FAULT).collect());
        self.close(code);
    }

    /// What was wrong with what came, where the close code does not say all; for the log.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Closes the socket.
    pub(crate) fn close(&mut self, code: GatewayCloseCode) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.outputs.push_back(Output::Close(code));
        }
    }

    fn handle_message(&mut self, now: Instant, message: ClientMessage) {
        let beat = matches!(
            message,
            ClientMessage::Heartbeat(_) | ClientMessage::QosHeartbeat(_)
        );
        if !self.admit(now, beat) {
            return self.close(GatewayCloseCode::RateLimited);
        }
        match message {
            ClientMessage::Heartbeat(seq) => self.beat(now, seq),
            ClientMessage::QosHeartbeat(beat) => self.beat(now, beat.seq),
            ClientMessage::Identify(identify) => self.ask(Output::Identify(identify)),
            ClientMessage::Resume(resume) => self.ask(Output::Resume(resume)),
            _ if self.stage != Stage::Ready => self.close(GatewayCloseCode::NotAuthenticated),
            ClientMessage::Unknown { .. } => self.close(GatewayCloseCode::UnknownOpcode),
            ClientMessage::Other { op, .. } if !op.is_from_client() => {
                self.close(GatewayCloseCode::UnknownOpcode)
            }
            ClientMessage::Other { .. } => {}
            command => self.command(now, command),
        }
    }

    /// Counts a message. Some of the room is kept for heartbeats, so that a busy client does not die of silence.
    fn admit(&mut self, now: Instant, beat: bool) -> bool {
        let reserved = if beat {
            0
        } else {
            self.limits.reserved_for_heartbeats
        };
        let limit = self.limits.messages.saturating_sub(reserved);
        self.messages.admit(now, self.limits.message_window, limit)
    }

    fn beat(&mut self, now: Instant, seq: Option<u64>) {
        self.last_beat = now;
        self.asked_for_beat = false;
        self.send(ServerMessage::HeartbeatAck);
        if let (Some(seq), Stage::Ready) = (seq, self.stage) {
            self.outputs.push_back(Output::Acknowledge(seq));
        }
    }

    fn ask(&mut self, output: Output) {
        if self.stage == Stage::Greeted {
            self.stage = Stage::Waiting;
            self.outputs.push_back(output);
        } else {
            self.close(GatewayCloseCode::AlreadyAuthenticated);
        }
    }

    fn command(&mut self, now: Instant, command: ClientMessage) {
        match &command {
            ClientMessage::VoiceStateUpdate(_) if !self.admit_voice_update(now) => {
                tracing::debug!("a client sends op 4 too often; this one is dropped");
            }
            ClientMessage::PresenceUpdate(_) if !self.admit_presence(now) => {
                tracing::debug!("a client sends op 3 too often; this one is dropped");
            }
            ClientMessage::RequestGuildMembers(request) => match self.limit_member_request(now, request) {
                Some(limited) => self.outputs.push_back(Output::TellLimited(limited)),
                None => self.outputs.push_back(Output::Command(command)),
            },
            _ => self.outputs.push_back(Output::Command(command)),
        }
    }

    fn admit_voice_update(&mut self, now: Instant) -> bool {
        self.voice_updates.admit(now, VOICE_UPDATE_WINDOW, VOICE_UPDATES)
    }

    fn admit_presence(&mut self, now: Instant) -> bool {
        self.presences.admit(now, PRESENCE_WINDOW, PRESENCES)
    }

    /// What to answer if one of the guilds was asked about too lately; else notes that it is asked about now.
    fn limit_member_request(&mut self, now: Instant, request: &RequestGuildMembers) -> Option<RateLimited> {
        self.member_requests
            .retain(|_, asked| now.duration_since(*asked) < MEMBER_REQUEST_PAUSE);
        let guilds = request.guild_id.as_slice();
        let asked = |guild: &GuildId| self.member_requests.get(guild).map(|asked| (*guild, *asked));
        if let Some((guild, asked)) = guilds.iter().find_map(asked) {
            let wait = MEMBER_REQUEST_PAUSE.saturating_sub(now.duration_since(asked));
            let meta = serde_json::json!({"guild_id": guild, "nonce": request.nonce.value()});
            return Some(RateLimited::new(
                GatewayOpcode::RequestGuildMembers,
                wait.as_secs_f64(),
                meta,
            ));
        }
        let room = MOST_MEMBER_REQUESTS.saturating_sub(self.member_requests.len());
        self.member_requests
            .extend(guilds.iter().take(room).map(|guild| (*guild, now)));
        None
    }

    fn send(&mut self, message: ServerMessage) {
        self.outputs.push_back(Output::Send(message));
    }

    /// When a client that has asked for no session must have done so.
    fn identify_by(&self) -> Option<Instant> {
        (self.stage == Stage::Greeted).then(|| self.greeted + self.limits.identify_timeout)
    }

    fn interval(&self) -> Duration {
        self.limits.heartbeat_interval
    }

    /// How long a client may be silent: an interval and a half.
    fn patience(&self) -> Duration {
        self.interval() + self.interval() / 2
    }
}

/// A decoder's words without the text that they quote from the message: it may be a token in the wrong place.
fn unquoted(fault: &str) -> String {
    let quoted = fault.find('"').zip(fault.rfind('"'));
    let Some((first, last)) = quoted.filter(|(first, last)| first < last) else {
        return fault.to_owned();
    };
    format!("{}…{}", &fault[..first], &fault[last + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(connection: &mut Connection) -> Vec<Output> {
        std::iter::from_fn(|| connection.poll_output()).collect()
    }

    fn greeted() -> (Connection, Instant) {
        let now = Instant::now();
        let mut connection = Connection::new(Limits::default(), now);
        assert!(matches!(
            outputs(&mut connection)[..],
            [Output::Send(ServerMessage::Hello(_))]
        ));
        (connection, now)
    }

    const IDENTIFY: &[u8] = br#"{"op":2,"d":{"token":"t"}}"#;

    #[test]
    fn a_session_is_asked_for_once() {
        let (mut connection, now) = greeted();
        connection.handle_frame(now, IDENTIFY);
        assert!(matches!(outputs(&mut connection)[..], [Output::Identify(_)]));
        connection.handle_frame(now, IDENTIFY);
        assert_eq!(
            outputs(&mut connection),
            [Output::Close(GatewayCloseCode::AlreadyAuthenticated)]
        );
        connection.handle_frame(now, IDENTIFY);
        connection.handle_timeout(now + Duration::from_secs(1000));
        assert_eq!(outputs(&mut connection), [], "nothing comes after the close");
        assert_eq!(connection.poll_timeout(), None);
    }

    #[test]
    fn what_was_wrong_is_kept_for_the_log_in_few_words() {
        let (mut connection, now) = greeted();
        connection.handle_frame(now, br#"{"op":2,"d":{"token":7}}"#);
        let fault = connection.fault().expect("a fault");
        assert!(
            fault.contains("Identify") && fault.contains("expected a string"),
            "{fault}"
        );

        let (mut connection, now) = greeted();
        let shards = "x".repeat(3000);
        connection.handle_frame(
            now,
            format!(r#"{{"op":2,"d":{{"token":"","shard":"{shards}"}}}}"#).as_bytes(),
        );
        assert_eq!(
            outputs(&mut connection),
            [Output::Close(GatewayCloseCode::DecodeFailed)]
        );
        let fault = connection.fault().expect("a fault");
        assert!(
            fault.chars().count() <= LONGEST_FAULT && !fault.contains("xx"),
            "{fault}"
        );
    }

    #[test]
    fn a_fault_quotes_nothing_of_what_came() {
        let (mut connection, now) = greeted();
        connection.handle_frame(now, br#"{"op":2,"d":"MTIz.secret\"token"}"#);
        let fault = connection.fault().expect("a fault");
        assert!(!fault.contains("secret") && !fault.contains("token\""), "{fault}");
        assert!(
            fault.contains("Identify") && fault.contains("expected"),
            "{fault}"
        );
    }

    #[test]
    fn after_an_invalid_session_the_client_may_identify_again() {
        let (mut connection, now) = greeted();
        connection.handle_frame(now, br#"{"op":6,"d":{"token":"t","session_id":"s","seq":1}}"#);
        assert!(matches!(outputs(&mut connection)[..], [Output::Resume(_)]));
        connection.refused(now, Refusal::InvalidSession);
        assert_eq!(
            outputs(&mut connection),
            [Output::Send(ServerMessage::InvalidSession(false))]
        );
        connection.handle_frame(now, IDENTIFY);
        connection.accepted();
        connection.handle_frame(now, br#"{"op":5,"d":null}"#);
        assert_eq!(
            outputs(&mut connection)[1..],
            [Output::Command(ClientMessage::VoiceServerPing)]
        );
    }

    #[test]
    fn commands_wait_for_the_session() {
        let (mut connection, now) = greeted();
        connection.handle_frame(now, IDENTIFY);
        outputs(&mut connection);
        connection.handle_frame(now, br#"{"op":5,"d":null}"#);
        assert_eq!(
            outputs(&mut connection),
            [Output::Close(GatewayCloseCode::NotAuthenticated)]
        );
    }

    #[test]
    fn a_heartbeat_in_time_keeps_the_socket() {
        let (mut connection, now) = greeted();
        let interval = Limits::default().heartbeat_interval;
        assert_eq!(connection.poll_timeout(), Some(now + interval));
        connection.handle_timeout(now + interval);
        assert_eq!(outputs(&mut connection), [Output::Send(ServerMessage::Heartbeat)]);
        connection.handle_frame(now + interval, br#"{"op":40,"d":{"seq":null,"qos":{}}}"#);
        assert_eq!(
            outputs(&mut connection),
            [Output::Send(ServerMessage::HeartbeatAck)]
        );
        assert_eq!(connection.poll_timeout(), Some(now + interval * 2));
        connection.handle_timeout(now + interval * 2 + interval / 2);
        assert_eq!(
            outputs(&mut connection),
            [Output::Close(GatewayCloseCode::SessionTimedOut)]
        );
    }

    #[test]
    fn heartbeats_alone_do_not_keep_a_socket_without_a_session() {
        let (mut connection, start) = greeted();
        let timeout = Limits::default().identify_timeout;
        let beat_until = |connection: &mut Connection, from: Instant, end: Instant| {
            let mut now = from;
            while now < end {
                connection.handle_frame(now, br#"{"op":1,"d":null}"#);
                now = connection.poll_timeout().expect("it is open").min(end);
                connection.handle_timeout(now);
            }
            outputs(connection).pop()
        };
        // Asking for a session, and being refused one, gives new time.
        let asked = start + timeout - Duration::from_secs(1);
        beat_until(&mut connection, start, asked);
        connection.handle_frame(asked, br#"{"op":6,"d":{"token":"t","session_id":"s","seq":1}}"#);
        let refused = start + timeout * 2;
        beat_until(&mut connection, asked, refused);
        connection.refused(refused, Refusal::InvalidSession);
        let almost = refused + timeout - Duration::from_secs(1);
        beat_until(&mut connection, refused, almost);
        let end = beat_until(&mut connection, almost, refused + timeout);
        assert_eq!(end, Some(Output::Close(GatewayCloseCode::SessionTimedOut)));
    }

    #[test]
    fn a_session_needs_no_other_identify() {
        let (mut connection, start) = greeted();
        connection.handle_frame(start, IDENTIFY);
        connection.accepted();
        let end = start + Limits::default().identify_timeout * 3;
        let mut now = start;
        while now < end {
            connection.handle_frame(now, br#"{"op":1,"d":null}"#);
            now = connection.poll_timeout().expect("it is open");
            connection.handle_timeout(now);
        }
    }
}
