use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use voxhall_protocol::Token;
use voxhall_protocol::gateway::{
    ClientMessage, Event, GatewayCloseAction, GatewayCloseCode, Hello, Identify, Resume, ServerMessage,
    VoiceStateUpdate,
};
use voxhall_protocol::ids::{ChannelId, GuildId};

use super::inflate::Inflate;
use super::pace::Pace;
use super::{Account, Compression, GatewayReason, GatewayState};
use crate::backoff::{Backoff, BackoffPolicy};

/// All messages of a connection; the server's limit is 120, and heartbeats need some of it.
const MESSAGES: (usize, Duration) = (110, Duration::from_secs(61));
/// Op 4 of a session; the server drops what is more in silence, at 10 per 10 s.
const VOICE_REQUESTS: (usize, Duration) = (10, Duration::from_millis(10_500));

/// Ends the session at once.
const CLOSE_NORMAL: u16 = 1000;
/// Keeps the session for a Resume.
const CLOSE_ABANDONED: u16 = 4900;

/// How a Gateway connection behaves.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Without `Bot ` in front.
    pub token: Token,
    /// Bot or person.
    pub account: Account,
    /// Default: none.
    pub compression: Compression,
    /// How long Hello, READY and RESUMED may take; default 15 s.
    pub step_timeout: Duration,
    /// The tries after a connection that was good is lost; default ten over about four minutes. A first login that
    /// fails is not repeated.
    pub backoff: BackoffPolicy,
}

impl GatewayConfig {
    /// The defaults for this token.
    #[must_use]
    pub fn new(token: Token, account: Account) -> Self {
        Self {
            token,
            account,
            compression: Compression::None,
            step_timeout: Duration::from_secs(15),
            backoff: BackoffPolicy {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(45),
                tries: 10,
            },
        }
    }
}

/// What happens to a Gateway connection.
#[derive(Debug)]
pub enum GatewayInput<'a> {
    /// Log in.
    Start,
    /// Log out.
    Close,
    /// Send a message once logged in; held back if the rate limit says so.
    Send(ClientMessage),
    /// The WebSocket asked for is open.
    SocketOpened,
    /// It could not be opened; the text says why.
    DialFailed(String),
    /// A text frame came.
    Text(&'a str),
    /// A binary frame came.
    Binary(&'a [u8]),
    /// The socket closed; [`GatewayCloseCode::Abnormal`] without a close frame.
    SocketClosed(GatewayCloseCode),
    /// The time of [`GatewayMachine::poll_timeout`] has come.
    Timeout,
}

/// What a Gateway connection wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayOutput {
    /// The state changed.
    State(GatewayState),
    /// Open a WebSocket; whatever was open is forgotten.
    Dial {
        /// READY's `resume_gateway_url`; `None`: where the login goes.
        url: Option<String>,
        /// The query to put behind it, with its question mark.
        query: String,
    },
    /// Send a text frame.
    Send(String),
    /// Close the socket with this code and forget it.
    Close(u16),
    /// Something happened.
    Event(Box<Event>),
    /// The last op 4 that was to be sent has to wait: for the login, or for the rate limit.
    VoiceRequestHeld {
        /// Its guild.
        guild: Option<GuildId>,
        /// Its channel.
        channel: Option<ChannelId>,
    },
    /// An op 4 went out.
    VoiceRequestSent {
        /// Its guild.
        guild: Option<GuildId>,
        /// Its channel.
        channel: Option<ChannelId>,
    },
}

/// A connection to the main Gateway without its socket.
#[derive(Debug)]
pub struct GatewayMachine {
    config: GatewayConfig,
    rng: StdRng,
    outputs: VecDeque<GatewayOutput>,
    state: GatewayState,
    phase: Phase,
    session: Option<Session>,
    /// Whether a login ever succeeded.
    was_in: bool,
    seq: Option<u64>,
    inflate: Option<Inflate>,
    backoff: Backoff,
    reason: GatewayReason,
    heartbeat: Heartbeat,
    /// The end of the present step or wait.
    step: Option<Instant>,
    held_back: VecDeque<ClientMessage>,
    /// Op 4 that waits, one per guild at most: only the last wish counts.
    voice_requests: VecDeque<VoiceStateUpdate>,
    messages: Pace,
    voice_pace: Pace,
}

/// What a Resume needs.
#[derive(Debug)]
struct Session {
    id: String,
    resume_url: String,
}

#[derive(Debug, Default)]
struct Heartbeat {
    interval: Duration,
    due: Option<Instant>,
    outstanding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Waiting,
    Dialing,
    Greeting,
    /// After Invalid Session, before Identify on the same socket.
    Recovering,
    Identifying,
    Resuming,
    Ready,
    Closed,
}

impl Phase {
    /// Whether a socket is open.
    fn has_socket(self) -> bool {
        matches!(
            self,
            Self::Greeting | Self::Recovering | Self::Identifying | Self::Resuming | Self::Ready
        )
    }
}

impl GatewayMachine {
    /// A connection that waits for [`GatewayInput::Start`]. `rng` spreads heartbeats and retries.
    #[must_use]
    pub fn new(config: GatewayConfig, rng: StdRng) -> Self {
        Self {
            backoff: Backoff::new(config.backoff),
            config,
            rng,
            outputs: VecDeque::new(),
            state: GatewayState::Idle,
            phase: Phase::Idle,
            session: None,
            was_in: false,
            seq: None,
            inflate: None,
            reason: GatewayReason::Requested,
            heartbeat: Heartbeat::default(),
            step: None,
            held_back: VecDeque::new(),
            voice_requests: VecDeque::new(),
            messages: Pace::new(MESSAGES.0, MESSAGES.1),
            voice_pace: Pace::new(VOICE_REQUESTS.0, VOICE_REQUESTS.1),
        }
    }

    /// Takes in what happened at `now`. Inputs that mean nothing in the present state are ignored.
    pub fn handle(&mut self, now: Instant, input: GatewayInput<'_>) {
        match input {
            GatewayInput::Start if self.phase == Phase::Idle => self.dial(now),
            GatewayInput::Start => {}
            GatewayInput::Close => self.close(GatewayReason::Requested),
            GatewayInput::Send(message) => {
                self.hold(message);
                self.flush(now);
                self.tell_held();
            }
            GatewayInput::SocketOpened => self.socket_opened(now),
            GatewayInput::DialFailed(why) => self.dial_failed(now, why),
            GatewayInput::Text(text) => self.message(now, text.as_bytes()),
            GatewayInput::Binary(bytes) => self.binary(now, bytes),
            GatewayInput::SocketClosed(code) => self.socket_closed(now, code),
            GatewayInput::Timeout => self.timeout(now),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<GatewayOutput> {
        self.outputs.pop_front()
    }

    /// When to call with [`GatewayInput::Timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let refill = self.next_message();
        [self.step, self.heartbeat.due, refill]
            .into_iter()
            .flatten()
            .min()
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> &GatewayState {
        &self.state
    }

    fn enter(&mut self, phase: Phase, state: GatewayState) {
        self.phase = phase;
        if self.state != state {
            self.state = state.clone();
            self.outputs.push_back(GatewayOutput::State(state));
        }
    }

    fn send(&mut self, message: &ClientMessage) {
        self.outputs.push_back(GatewayOutput::Send(message.encode()));
    }

    fn dial(&mut self, now: Instant) {
        self.step = Some(now + self.config.step_timeout);
        let version = self.config.account.api_version();
        let compress = match self.config.compression {
            Compression::None => "",
            Compression::ZlibStream => "&compress=zlib-stream",
        };
        self.inflate = (self.config.compression == Compression::ZlibStream).then(Inflate::new);
        let reason = self.reason.clone();
        self.enter(Phase::Dialing, GatewayState::Dialing { reason });
        let resume_url = self.session.as_ref().map(|session| session.resume_url.clone());
        self.outputs.push_back(GatewayOutput::Dial {
            url: resume_url.filter(|url| !url.is_empty()),
            query: format!("?v={version}&encoding=json{compress}"),
        });
    }

    fn socket_opened(&mut self, now: Instant) {
        if self.phase == Phase::Dialing {
            self.step = Some(now + self.config.step_timeout);
            self.enter(Phase::Greeting, GatewayState::Greeting);
        }
    }

    fn dial_failed(&mut self, now: Instant, why: String) {
        if self.phase == Phase::Dialing {
            self.lost(now, GatewayReason::Unreachable(why));
        }
    }

    fn binary(&mut self, now: Instant, bytes: &[u8]) {
        if !self.phase.has_socket() {
            return;
        }
        let Some(inflate) = &mut self.inflate else {
            return self.message(now, bytes);
        };
        match inflate.frame(bytes) {
            Ok(Some(message)) => self.message(now, &message),
            Ok(None) => {}
            Err(error) => {
                self.abandon();
                self.lost(now, GatewayReason::Unreadable(error));
            }
        }
    }

    fn message(&mut self, now: Instant, bytes: &[u8]) {
        if !self.phase.has_socket() {
            return;
        }
        match ServerMessage::decode(bytes) {
            Ok(ServerMessage::Hello(hello)) => self.hello(now, &hello),
            Ok(ServerMessage::Heartbeat) => self.beat(now),
            Ok(ServerMessage::HeartbeatAck) => self.heartbeat.outstanding = false,
            Ok(ServerMessage::Reconnect) => {
                self.abandon();
                self.lost(now, GatewayReason::ReconnectAsked);
            }
            Ok(ServerMessage::InvalidSession(resumable)) => self.invalid_session(now, resumable),
            Ok(ServerMessage::Dispatch { seq, event }) => self.dispatch(now, seq, event),
            Ok(ServerMessage::Unknown { op, .. }) => {
                tracing::debug!(op, "a message of the main Gateway has no meaning here")
            }
            Err(error) => tracing::warn!(%error, "a message of the main Gateway was left unread"),
        }
    }

    fn hello(&mut self, now: Instant, hello: &Hello) {
        let interval = hello.interval();
        let first = interval.mul_f64(self.rng.random::<f64>());
        self.heartbeat = Heartbeat {
            interval,
            due: Some(now + first),
            outstanding: false,
        };
        if self.phase != Phase::Greeting {
            return;
        }
        self.step = Some(now + self.config.step_timeout);
        match &self.session {
            Some(session) => {
                let resume = Resume {
                    token: self.config.token.clone(),
                    session_id: session.id.clone(),
                    seq: self.seq,
                    extra: Default::default(),
                };
                self.send(&ClientMessage::Resume(resume));
                self.enter(Phase::Resuming, GatewayState::Resuming);
            }
            None => self.identify(now),
        }
    }

    fn identify(&mut self, now: Instant) {
        let token = self.config.token.clone();
        let mut identify = match self.config.account {
            Account::Bot(intents) => Identify::bot(token, intents),
            Account::User(capabilities) => Identify::user(token, capabilities),
        };
        identify.properties = serde_json::json!({
            "os": std::env::consts::OS, "browser": "voxhall", "device": "voxhall",
        });
        self.seq = None;
        self.session = None;
        self.step = Some(now + self.config.step_timeout);
        self.send(&ClientMessage::Identify(Box::new(identify)));
        self.enter(Phase::Identifying, GatewayState::Identifying);
    }

    /// A session that may be resumed is; else a new one begins on the same socket after a random pause, because the
    /// server asks for it.
    fn invalid_session(&mut self, now: Instant, resumable: bool) {
        if resumable && self.session.is_some() {
            self.abandon();
            return self.lost(now, GatewayReason::SessionInvalid);
        }
        self.session = None;
        self.seq = None;
        self.reason = GatewayReason::SessionInvalid;
        let wait = Duration::from_secs(1) + Duration::from_secs(4).mul_f64(self.rng.random::<f64>());
        let Some(_) = self.backoff.next(&mut self.rng) else {
            return self.give_up(GatewayReason::SessionInvalid);
        };
        self.step = Some(now + wait);
        let attempt = self.backoff.attempt();
        let reason = GatewayReason::SessionInvalid;
        self.enter(
            Phase::Recovering,
            GatewayState::Reconnecting {
                attempt,
                wait,
                reason,
            },
        );
    }

    fn dispatch(&mut self, now: Instant, seq: u64, event: Event) {
        self.seq = Some(self.seq.map_or(seq, |last| last.max(seq)));
        if let Event::Ready(ready) = &event {
            self.session = Some(Session {
                id: ready.session_id.clone(),
                resume_url: ready.resume_gateway_url.clone(),
            });
        }
        let logs_in = matches!(event, Event::Ready(_) | Event::Resumed(_));
        // Whoever waits for the state finds that the event was told already.
        self.outputs.push_back(GatewayOutput::Event(Box::new(event)));
        if logs_in {
            self.logged_in();
        }
        self.flush(now);
    }

    fn logged_in(&mut self) {
        self.step = None;
        self.was_in = true;
        self.backoff.reset();
        self.enter(Phase::Ready, GatewayState::Ready);
    }

    fn hold(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::VoiceStateUpdate(update) => {
                self.voice_requests
                    .retain(|earlier| earlier.guild_id != update.guild_id);
                self.voice_requests.push_back(update);
            }
            other => self.held_back.push_back(other),
        }
    }

    /// Whoever waits for an answer to an op 4 should know that it was not sent yet.
    fn tell_held(&mut self) {
        if let Some(update) = self.voice_requests.back() {
            let (guild, channel) = (update.guild_id, update.channel_id);
            self.outputs
                .push_back(GatewayOutput::VoiceRequestHeld { guild, channel });
        }
    }

    /// When something that is held back may go out.
    fn next_message(&self) -> Option<Instant> {
        if self.phase != Phase::Ready || self.held_back.is_empty() && self.voice_requests.is_empty() {
            return None;
        }
        let messages = self.messages.free_at();
        if self.held_back.is_empty() {
            messages.max(self.voice_pace.free_at())
        } else {
            messages
        }
    }

    /// Sends what was held back, as far as the rate limits allow.
    fn flush(&mut self, now: Instant) {
        if self.phase != Phase::Ready {
            return;
        }
        while self.messages.is_free(now) {
            if self.voice_pace.is_free(now)
                && let Some(update) = self.voice_requests.pop_front()
            {
                let (guild, channel) = (update.guild_id, update.channel_id);
                self.voice_pace.note(now);
                self.send(&ClientMessage::VoiceStateUpdate(update));
                self.outputs
                    .push_back(GatewayOutput::VoiceRequestSent { guild, channel });
            } else if let Some(message) = self.held_back.pop_front() {
                self.send(&message);
            } else {
                return;
            }
            self.messages.note(now);
        }
    }

    fn beat(&mut self, now: Instant) {
        let seq = self.seq;
        self.send(&ClientMessage::Heartbeat(seq));
        self.heartbeat.outstanding = true;
        self.heartbeat.due = Some(now + self.heartbeat.interval);
    }

    fn timeout(&mut self, now: Instant) {
        if self.step.is_some_and(|due| due <= now) {
            self.step = None;
            match self.phase {
                Phase::Waiting => self.dial(now),
                Phase::Recovering => self.identify(now),
                _ => {
                    self.abandon();
                    self.lost(now, GatewayReason::StepTimeout(self.config.step_timeout));
                }
            }
        }
        if self.heartbeat.due.is_some_and(|due| due <= now) {
            if self.heartbeat.outstanding {
                self.abandon();
                self.lost(now, GatewayReason::HeartbeatLost);
            } else {
                self.beat(now);
            }
        }
        self.flush(now);
    }

    fn socket_closed(&mut self, now: Instant, code: GatewayCloseCode) {
        if !self.phase.has_socket() {
            return;
        }
        let reason = GatewayReason::Closed(code);
        match code.action() {
            GatewayCloseAction::Resume => self.lost(now, reason),
            GatewayCloseAction::NewSession => {
                self.session = None;
                self.lost(now, reason);
            }
            GatewayCloseAction::Stop => self.close(reason),
        }
    }

    /// Gives the socket up so that the session can be resumed on another one.
    fn abandon(&mut self) {
        self.outputs.push_back(GatewayOutput::Close(CLOSE_ABANDONED));
    }

    /// The socket is gone. A login that never succeeded is not repeated: its cause is more likely here than there.
    fn lost(&mut self, now: Instant, reason: GatewayReason) {
        self.heartbeat = Heartbeat::default();
        self.step = None;
        self.messages.reset();
        if !self.was_in {
            return self.close(reason);
        }
        let Some(wait) = self.backoff.next(&mut self.rng) else {
            return self.give_up(reason);
        };
        self.reason = reason.clone();
        let attempt = self.backoff.attempt();
        self.enter(
            Phase::Waiting,
            GatewayState::Reconnecting {
                attempt,
                wait,
                reason,
            },
        );
        if wait.is_zero() {
            self.dial(now);
        } else {
            self.step = Some(now + wait);
        }
    }

    fn give_up(&mut self, last: GatewayReason) {
        let tries = self.config.backoff.tries;
        let last = Box::new(last);
        self.close(GatewayReason::GaveUp { tries, last });
    }

    fn close(&mut self, reason: GatewayReason) {
        if self.phase == Phase::Closed {
            return;
        }
        self.outputs.push_back(GatewayOutput::Close(CLOSE_NORMAL));
        self.heartbeat = Heartbeat::default();
        self.step = None;
        self.held_back.clear();
        self.voice_requests.clear();
        self.session = None;
        self.enter(Phase::Closed, GatewayState::Closed { reason });
    }
}
