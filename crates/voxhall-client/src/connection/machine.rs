use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::voice::{Message, SpeakingFlags, VoiceVersion, encode_client};

use super::io::{Input, MachineConfig, Output, RosterChange};
use super::liveness::{Heartbeats, Pings};
use super::session::Session;
use super::timer::{Timer, Timers};
use super::{ConnectionState, Reason};
use crate::backoff::Backoff;
use crate::video::{Publication, VideoLayer, VideoWants};

/// Goodbye for good.
pub(super) const CLOSE_NORMAL: u16 = 1000;
/// A socket that is given up while its session shall stay resumable: any code but 1000 and 1001.
pub(super) const CLOSE_ABANDONED: u16 = 4000;

/// One voice connection without its sockets: inputs in, outputs out, and a time to be called again.
///
/// The driver calls [`handle`](Self::handle) for everything that happens, then takes all outputs with
/// [`poll_output`](Self::poll_output), and calls again with [`Input::Timeout`] at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct ConnectionMachine {
    pub(super) config: MachineConfig,
    pub(super) rng: StdRng,
    pub(super) outputs: VecDeque<Output>,
    pub(super) timers: Timers,
    pub(super) state: ConnectionState,
    pub(super) phase: Phase,
    /// What led to the step that is being taken.
    pub(super) reason: Reason,
    pub(super) channel: Option<ChannelId>,
    pub(super) session_id: Option<String>,
    pub(super) server: Option<VoiceServer>,
    pub(super) socket: Socket,
    pub(super) session: Option<Session>,
    pub(super) seq: Option<u16>,
    pub(super) speaking: SpeakingFlags,
    /// What the program wants to show.
    pub(super) publication: Option<Publication>,
    /// What the program wants to see.
    pub(super) wants: VideoWants,
    /// What everybody shows.
    pub(super) layers: BTreeMap<UserId, Vec<VideoLayer>>,
    pub(super) heartbeats: Heartbeats,
    pub(super) pings: Pings,
    pub(super) backoff: Backoff,
    /// Resumes tried since the connection was last good.
    pub(super) resumes: u32,
}

/// Where VOICE_SERVER_UPDATE sends us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VoiceServer {
    pub(super) endpoint: String,
    pub(super) token: Token,
}

/// What is going on, seen from the control channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was asked yet.
    Idle,
    /// Op 4 is out.
    Joining,
    /// The server is gone, or put us out; another may be named.
    WaitingForServer,
    /// [`Timer::Retry`] runs.
    Waiting(Attempt),
    /// The socket is being opened.
    Dialing(Attempt),
    /// Identify is out.
    AwaitReady,
    /// Resume is out.
    AwaitResumed,
    /// The socket is authenticated; [`Session`] knows how far the rest has come.
    Open,
    /// Failed or left.
    Over,
}

/// What a try consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Op 4 on the main Gateway, for a fresh token.
    Join,
    /// A new session with the token at hand.
    Identify,
    /// The old session on a new socket.
    Resume,
}

/// The WebSocket, as far as the machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    None,
    Dialing,
    Open,
}

impl ConnectionMachine {
    /// A connection that was not asked for anything yet. `rng` spreads retries and heartbeats.
    #[must_use]
    pub fn new(config: MachineConfig, rng: StdRng) -> Self {
        let backoff = Backoff::new(config.backoff);
        Self {
            config,
            rng,
            outputs: VecDeque::new(),
            timers: Timers::default(),
            state: ConnectionState::Idle,
            phase: Phase::Idle,
            reason: Reason::Requested,
            channel: None,
            session_id: None,
            server: None,
            socket: Socket::None,
            session: None,
            seq: None,
            speaking: SpeakingFlags::NONE,
            publication: None,
            wants: VideoWants::default(),
            layers: BTreeMap::new(),
            heartbeats: Heartbeats::default(),
            pings: Pings::default(),
            backoff,
            resumes: 0,
        }
    }

    /// Takes in what happened at `now`. Inputs that mean nothing in the present state are ignored.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => self.timeouts(now),
            Input::Join(channel) => self.join(now, channel),
            Input::Move(channel) => self.move_to(now, channel),
            Input::Leave => self.leave(),
            Input::Speak(flags) => {
                self.speaking = flags;
                self.flush_speaking();
            }
            Input::Publish(publication) => self.publish(now, publication),
            Input::Want(wants) => self.want(wants),
            Input::VoiceState { session_id, channel } => self.voice_state(now, session_id, channel),
            Input::VoiceServer { token, endpoint } => self.voice_server(now, token, endpoint),
            Input::RoomGone(reason) => self.room_gone(reason),
            Input::GatewaySessionLost => self.gateway_session_lost(now),
            Input::RequestHeld => self.timers.clear(Timer::JoinAnswer),
            Input::RequestSent => self.request_sent(now),
            Input::SocketOpened => self.socket_opened(now),
            Input::DialFailed(why) => self.dial_failed(now, why),
            Input::Text(text) => self.text(now, text),
            Input::Binary(bytes) => self.binary(now, bytes),
            Input::SocketClosed(code) => self.socket_closed(now, code),
            Input::UdpOpened(local) => self.udp_opened(now, local),
            Input::UdpFailed(why) => self.udp_failed(why),
            Input::Datagram(bytes) => self.datagram(now, bytes),
            Input::KeyExhausted => self.key_exhausted(now),
        }
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call with [`Input::Timeout`] at the latest; `None`: not before the next input.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// The channel it is in, or on the way to.
    #[must_use]
    pub fn channel(&self) -> Option<ChannelId> {
        self.channel
    }

    /// Whether packets may be sent: media can flow, and the server has been told that we speak.
    #[must_use]
    pub fn may_send(&self) -> bool {
        let flags = self.session.as_ref().and_then(|session| session.flags);
        flags.is_some_and(|flags| !flags.is_empty())
    }

    /// Whether pictures may be sent: media can flow, and the server knows what we show.
    #[must_use]
    pub fn may_show(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.published.is_some() && session.confirming.is_none())
    }

    /// The dialect spoken.
    #[must_use]
    pub fn version(&self) -> VoiceVersion {
        self.config.version
    }

    /// Time of the last heartbeat to the voice gateway and back.
    #[must_use]
    pub fn gateway_round_trip(&self) -> Option<Duration> {
        self.heartbeats.round_trip()
    }

    /// Time of the last UDP ping to the media server and back.
    #[must_use]
    pub fn media_round_trip(&self) -> Option<Duration> {
        self.pings.round_trip()
    }

    fn timeouts(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                Timer::JoinAnswer => self.join_unanswered(),
                Timer::ServerWait => self.server_wait_over(now),
                Timer::Step => self.step_overdue(now),
                Timer::Heartbeat => self.heartbeat_due(now),
                Timer::Discovery => self.discovery_overdue(now),
                Timer::Ping => self.ping_due(now),
                Timer::Retry => self.retry_due(now),
                Timer::Stable => {
                    self.backoff.reset();
                    self.resumes = 0;
                }
            }
        }
    }

    pub(super) fn enter(&mut self, state: ConnectionState) {
        if self.state != state {
            self.state = state.clone();
            self.outputs.push_back(Output::State(state));
        }
    }

    pub(super) fn send(&mut self, message: impl Into<Message>) {
        let frame = encode_client(self.config.version, &message.into());
        self.outputs.push_back(Output::Send(frame));
    }

    /// Tells the main Gateway where we are, if there is one.
    pub(super) fn tell_gateway(&mut self, channel: Option<ChannelId>) {
        if self.config.has_gateway {
            self.outputs.push_back(Output::VoiceState { channel });
        }
    }

    /// Closes the socket, if there is one, and forgets it.
    pub(super) fn drop_socket(&mut self, code: u16) {
        if self.socket != Socket::None {
            self.outputs.push_back(Output::Close(code));
        }
        self.socket_gone();
    }

    pub(super) fn socket_gone(&mut self) {
        self.socket = Socket::None;
        self.heartbeats.restart();
        self.timers.clear(Timer::Heartbeat);
        self.timers.clear(Timer::Step);
        self.timers.clear(Timer::Stable);
    }

    /// Ends media and forgets all that belongs to the session.
    pub(super) fn drop_session(&mut self) {
        self.seq = None;
        self.timers.clear(Timer::Discovery);
        self.timers.clear(Timer::Ping);
        if self.session.take().is_some() {
            self.outputs.push_back(Output::StopMedia);
            self.forget_videos();
            self.outputs.push_back(Output::Roster(RosterChange::Cleared));
        }
    }

    /// Everything ends in `state`.
    pub(super) fn finish(&mut self, state: ConnectionState) {
        self.drop_socket(CLOSE_NORMAL);
        self.drop_session();
        self.timers.clear_all();
        self.server = None;
        self.phase = Phase::Over;
        self.enter(state);
    }

    /// Everything ends in failure; the channel is left, so that no ghost stays in it.
    pub(super) fn fail(&mut self, reason: Reason) {
        self.drop_socket(CLOSE_NORMAL);
        self.tell_gateway(None);
        self.finish(ConnectionState::Failed { reason });
    }
}
