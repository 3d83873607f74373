use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite;
use voxhall_protocol::gateway::{
    ClientMessage, Event, GatewayCloseCode, StreamCreate, StreamRef, VoiceStateUpdate,
};
use voxhall_protocol::ids::{ChannelId, GuildId};

use super::{GatewayConfig, GatewayInput, GatewayMachine, GatewayOutput, GatewayReason, GatewayState};
use crate::connection::StreamRoom;
use crate::net::{self, Address, WebSocket, optional, say_goodbye, send, sleep_until};
use crate::subscription::{Audience, Subscription, channel};
use crate::{Error, GatewayRequest, Room};

/// Largest message of the main Gateway that is read.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Is called with all news before anybody else hears of it.
pub(crate) type Router = Box<dyn Fn(News<'_>) + Send + Sync>;

/// What the owner of a Gateway wants to know first.
pub(crate) enum News<'a> {
    Event(&'a Event),
    /// An op 4 has to wait before it is sent.
    VoiceRequestHeld(Room),
    /// An op 4 went out, and will be answered or not.
    VoiceRequestSent(Room),
    /// The Gateway is closed for good: what still waits is never sent.
    Closed,
}

/// Where and how to log in.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// `ws://` or `wss://`, without a query; what `GET /gateway` answers.
    pub url: String,
    /// What TLS connections share.
    pub tls: Arc<rustls::ClientConfig>,
    /// How to behave.
    pub config: GatewayConfig,
}

/// A client of the main Gateway. Clones are handles to the same one; it logs out when the last is dropped.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<GatewayState>,
    audience: Arc<Mutex<Audience<Arc<Event>>>>,
    /// What went wrong with the last dial.
    dial_error: Arc<Mutex<Option<Error>>>,
}

enum Command {
    Send(ClientMessage),
    Close,
}

impl Gateway {
    /// Begins to log in; [`ready`](Self::ready) tells the outcome. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`Error::BadAddress`] if the address cannot be dialled.
    pub fn connect(options: GatewayOptions) -> Result<Self, Error> {
        let (_, requests) = mpsc::unbounded_channel();
        Self::routed(options, Box::new(|_| {}), requests)
    }

    /// As [`connect`](Self::connect), with a look at every event and op 4 taken from `requests`.
    pub(crate) fn routed(
        options: GatewayOptions,
        router: Router,
        requests: mpsc::UnboundedReceiver<GatewayRequest>,
    ) -> Result<Self, Error> {
        let address: Address = options.url.parse()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (state_sender, state) = watch::channel(GatewayState::Idle);
        let audience = Arc::new(Mutex::new(Audience::default()));
        let dial_error = Arc::new(Mutex::new(None));
        let driver = Driver {
            machine: GatewayMachine::new(options.config, StdRng::from_os_rng()),
            address,
            tls: options.tls,
            router,
            state: state_sender,
            audience: Arc::clone(&audience),
            dial_error: Arc::clone(&dial_error),
            socket: None,
            dialing: None,
        };
        tokio::spawn(driver.run(inbox, requests));
        let shared = Shared {
            commands,
            state,
            audience,
            dial_error,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Waits until the login has succeeded.
    ///
    /// # Errors
    /// What the login failed on, and [`Error::LoginTimeout`].
    pub async fn ready(&self, timeout: Duration) -> Result<(), Error> {
        let mut states = self.watch();
        let settled =
            states.wait_for(|state| matches!(state, GatewayState::Ready | GatewayState::Closed { .. }));
        match tokio::time::timeout(timeout, settled).await {
            Err(_) => Err(Error::LoginTimeout { waited: timeout }),
            Ok(Ok(state)) if *state == GatewayState::Ready => Ok(()),
            Ok(_) => Err(self.why_closed()),
        }
    }

    /// What happens from now on. `capacity` events may wait to be taken.
    #[must_use]
    pub fn events(&self, capacity: usize) -> Subscription<Arc<Event>> {
        let (publisher, subscription) = channel(capacity);
        self.shared.audience.lock().add(publisher);
        subscription
    }

    /// Sends a message, once logged in and as the rate limit allows.
    pub fn send(&self, message: ClientMessage) {
        // A closed Gateway sends nothing; its state says so.
        let _ = self.shared.commands.send(Command::Send(message));
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> GatewayState {
        self.shared.state.borrow().clone()
    }

    /// Follows where it stands.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<GatewayState> {
        self.shared.state.clone()
    }

    /// Logs out, and waits until that is done.
    pub async fn close(&self) {
        let _ = self.shared.commands.send(Command::Close);
        let mut states = self.watch();
        while states.changed().await.is_ok() {}
    }

    fn why_closed(&self) -> Error {
        let GatewayState::Closed { reason } = self.state() else {
            return Error::GatewayGone;
        };
        match reason {
            GatewayReason::Closed(GatewayCloseCode::AuthenticationFailed) => Error::WrongToken,
            GatewayReason::Unreachable(_) => {
                let dial_error = self.shared.dial_error.lock().take();
                dial_error.unwrap_or(Error::GatewayGone)
            }
            reason => Error::GatewayClosed {
                reason: reason.to_string(),
                advice: advice(&reason),
            },
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

fn advice(reason: &GatewayReason) -> &'static str {
    let GatewayReason::Closed(code) = reason else {
        return "look whether the server is running, and try again";
    };
    match code {
        GatewayCloseCode::InvalidIntents | GatewayCloseCode::DisallowedIntents => {
            "check that the token is a bot's or a person's as stated, and what the bot may ask for"
        }
        GatewayCloseCode::InvalidApiVersion => {
            "client and server speak different versions; update the older one"
        }
        GatewayCloseCode::TooManySessions => "log out elsewhere first",
        GatewayCloseCode::InvalidShard | GatewayCloseCode::ShardingRequired => {
            "the bot is in too many guilds for a client without shards"
        }
        _ => "try again; the server's log says more",
    }
}

type Dialing = Pin<Box<dyn Future<Output = Result<WebSocket, Error>> + Send>>;

struct Driver {
    machine: GatewayMachine,
    address: Address,
    tls: Arc<rustls::ClientConfig>,
    router: Router,
    state: watch::Sender<GatewayState>,
    audience: Arc<Mutex<Audience<Arc<Event>>>>,
    dial_error: Arc<Mutex<Option<Error>>>,
    socket: Option<WebSocket>,
    dialing: Option<Dialing>,
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut requests: mpsc::UnboundedReceiver<GatewayRequest>,
    ) {
        self.machine.handle(Instant::now(), GatewayInput::Start);
        self.carry_out().await;
        while !matches!(self.machine.state(), GatewayState::Closed { .. }) {
            let timeout = self.machine.poll_timeout();
            tokio::select! {
                command = commands.recv() => self.command(command),
                Some(request) = requests.recv() => {
                    self.machine.handle(Instant::now(), GatewayInput::Send(request.into()));
                }
                socket = optional(self.dialing.as_mut()) => self.dialed(socket),
                frame = optional(self.socket.as_mut().map(StreamExt::next)) => self.frame(frame),
                () = sleep_until(timeout) => self.machine.handle(Instant::now(), GatewayInput::Timeout),
            }
            self.carry_out().await;
        }
        (self.router)(News::Closed);
        *self.audience.lock() = Audience::default();
    }

    fn command(&mut self, command: Option<Command>) {
        let input = match command {
            Some(Command::Send(message)) => GatewayInput::Send(message),
            Some(Command::Close) | None => GatewayInput::Close,
        };
        self.machine.handle(Instant::now(), input);
    }

    fn dialed(&mut self, socket: Result<WebSocket, Error>) {
        self.dialing = None;
        let now = Instant::now();
        match socket {
            Ok(socket) => {
                self.socket = Some(socket);
                self.machine.handle(now, GatewayInput::SocketOpened);
            }
            Err(error) => {
                let why = error.to_string();
                *self.dial_error.lock() = Some(error);
                self.machine.handle(now, GatewayInput::DialFailed(why));
            }
        }
    }

    fn frame(&mut self, frame: Option<Result<tungstenite::Message, tungstenite::Error>>) {
        use tungstenite::Message;
        let now = Instant::now();
        let closed = match frame {
            Some(Ok(Message::Text(text))) => return self.machine.handle(now, GatewayInput::Text(&text)),
            Some(Ok(Message::Binary(bytes))) => {
                return self.machine.handle(now, GatewayInput::Binary(&bytes));
            }
            // Pings are answered by the WebSocket itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return,
            Some(Ok(Message::Close(Some(frame)))) => GatewayCloseCode::from(u16::from(frame.code)),
            Some(Ok(Message::Close(None)) | Err(_)) | None => GatewayCloseCode::Abnormal,
        };
        self.socket = None;
        self.machine.handle(now, GatewayInput::SocketClosed(closed));
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                GatewayOutput::State(state) => {
                    tracing::debug!(%state, "main Gateway");
                    self.state.send_replace(state);
                }
                GatewayOutput::Dial { url, query } => self.dial(url.as_deref(), &query),
                GatewayOutput::Send(text) => self.send(text).await,
                GatewayOutput::Close(code) => self.close(code).await,
                GatewayOutput::Event(event) => self.publish(*event),
                GatewayOutput::VoiceRequestHeld { guild, channel } => {
                    if let Some(room) = room_of(guild, channel) {
                        (self.router)(News::VoiceRequestHeld(room));
                    }
                }
                GatewayOutput::VoiceRequestSent { guild, channel } => {
                    if let Some(room) = room_of(guild, channel) {
                        (self.router)(News::VoiceRequestSent(room));
                    }
                }
            }
        }
    }

    fn publish(&self, event: Event) {
        (self.router)(News::Event(&event));
        let mut audience = self.audience.lock();
        if !audience.is_empty() {
            audience.publish(&Arc::new(event));
        }
    }

    /// A resume address that cannot be dialled is no reason not to try the usual one.
    fn dial(&mut self, url: Option<&str>, query: &str) {
        self.socket = None;
        let resume = url.and_then(|url| url.parse::<Address>().ok());
        let base = resume.unwrap_or_else(|| self.address.clone());
        let path = base.path().split('?').next().unwrap_or("/");
        let address = base.with_path(&format!("{path}{query}"));
        let tls = Arc::clone(&self.tls);
        self.dialing = Some(Box::pin(async move {
            net::open_websocket(&address, &tls, MAX_MESSAGE).await
        }));
    }

    async fn send(&mut self, text: String) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        let sent = send(socket, tungstenite::Message::text(text)).await;
        if sent.is_err() {
            self.socket = None;
            let lost = GatewayInput::SocketClosed(GatewayCloseCode::Abnormal);
            self.machine.handle(Instant::now(), lost);
        }
    }

    async fn close(&mut self, code: u16) {
        self.dialing = None;
        if let Some(socket) = self.socket.take() {
            say_goodbye(socket, code).await;
        }
    }
}

/// The room an op 4 is about; leaving a private call names none.
fn room_of(guild: Option<GuildId>, channel: Option<ChannelId>) -> Option<Room> {
    guild.map(Room::Guild).or(channel.map(Room::Call))
}

impl From<GatewayRequest> for ClientMessage {
    fn from(request: GatewayRequest) -> Self {
        if let Room::Stream(stream) = request.room {
            return about_stream(stream, request.channel.is_some());
        }
        Self::VoiceStateUpdate(VoiceStateUpdate {
            channel_id: request.channel,
            self_mute: request.self_mute,
            self_deaf: request.self_deaf,
            ..VoiceStateUpdate::leave(request.room.guild())
        })
    }
}

/// What goes live (op 18), watches (op 20), or does neither any more (op 19).
fn about_stream(stream: StreamRoom, enters: bool) -> ClientMessage {
    let key = stream.key;
    match (enters, stream.own) {
        (false, _) => ClientMessage::StreamDelete(StreamRef::new(key)),
        (true, false) => ClientMessage::StreamWatch(StreamRef::new(key)),
        (true, true) => ClientMessage::StreamCreate(StreamCreate::new(key.guild(), key.channel())),
    }
}
