//! The task of one connection: carries bytes and time between the machine and its sockets, and decides nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::voice::{SpeakingFlags, Ssrc, VoiceCloseCode, WireFrame};

use super::{Command, ConnectionConfig, GatewayRequest, Seen};
use crate::Error;
use crate::connection::{
    ConnectionMachine, ConnectionState, Input, MachineConfig, Output, Reason, RosterChange, SourceKind,
};
use crate::engine::{Link, LinkShared};
use crate::net::{self, Address, WebSocket, optional, say_goodbye, send, sleep_until};
use crate::video::{Publication, VideoChange};

/// Largest message of a voice gateway that is read.
const MAX_MESSAGE: usize = 256 * 1024;

/// Where the task writes what others read.
pub(super) struct Outlets {
    pub(super) state: watch::Sender<ConnectionState>,
    pub(super) channel: watch::Sender<Option<ChannelId>>,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) gateway: Option<mpsc::UnboundedSender<GatewayRequest>>,
}

type Dialing = Pin<Box<dyn Future<Output = Result<WebSocket, Error>> + Send>>;
type Resolving = Pin<Box<dyn Future<Output = io::Result<SocketAddr>> + Send>>;

struct Driver {
    machine: ConnectionMachine,
    config: ConnectionConfig,
    room: crate::connection::Room,
    shared: LinkShared,
    outlets: Outlets,
    socket: Option<WebSocket>,
    dialing: Option<Dialing>,
    resolving: Option<Resolving>,
    link: Option<Link>,
    /// Whose sources are whose: a link that opens later has to be told as well.
    sources: BTreeMap<Ssrc, (UserId, SourceKind)>,
    rng: StdRng,
}

/// What the task was woken by.
enum Wake {
    Command(Option<Command>),
    Dialed(Result<WebSocket, Error>),
    Resolved(io::Result<SocketAddr>),
    Frame(Option<Result<tungstenite::Message, tungstenite::Error>>),
    Control(Option<Vec<u8>>),
    Media,
    Timeout,
}

/// Runs a connection until it is over and nobody can bring it back.
pub(super) async fn run(
    machine: MachineConfig,
    config: ConnectionConfig,
    shared: LinkShared,
    outlets: Outlets,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut driver = Driver {
        room: machine.room,
        machine: ConnectionMachine::new(machine, StdRng::from_os_rng()),
        config,
        shared,
        outlets,
        socket: None,
        dialing: None,
        resolving: None,
        link: None,
        sources: BTreeMap::new(),
        rng: StdRng::from_os_rng(),
    };
    while !driver.machine.state().is_final() {
        let wake = driver.wait(&mut commands).await;
        driver.wake(wake);
        driver.carry_out().await;
    }
    driver.end();
}

impl Driver {
    async fn wait(&mut self, commands: &mut mpsc::UnboundedReceiver<Command>) -> Wake {
        let timeout = self.machine.poll_timeout();
        let events = Arc::clone(&self.shared.events);
        tokio::select! {
            command = commands.recv() => Wake::Command(command),
            socket = optional(self.dialing.as_mut()) => {
                self.dialing = None;
                Wake::Dialed(socket)
            }
            address = optional(self.resolving.as_mut()) => {
                self.resolving = None;
                Wake::Resolved(address)
            }
            frame = optional(self.socket.as_mut().map(StreamExt::next)) => Wake::Frame(frame),
            datagram = optional(self.link.as_mut().map(Link::control)) => Wake::Control(datagram),
            () = events.changed() => Wake::Media,
            () = sleep_until(timeout) => Wake::Timeout,
        }
    }

    fn wake(&mut self, wake: Wake) {
        let now = Instant::now();
        match wake {
            Wake::Command(command) => self.command(now, command),
            Wake::Dialed(Ok(socket)) => {
                self.socket = Some(socket);
                self.machine.handle(now, Input::SocketOpened);
            }
            Wake::Dialed(Err(error)) => self.machine.handle(now, Input::DialFailed(error.to_string())),
            Wake::Resolved(Ok(address)) => self.open_link(now, address),
            Wake::Resolved(Err(error)) => self.machine.handle(now, Input::UdpFailed(error.to_string())),
            Wake::Frame(frame) => self.frame(now, frame),
            Wake::Control(Some(datagram)) => self.machine.handle(now, Input::Datagram(&datagram)),
            Wake::Control(None) => {
                self.link = None;
                let why = "the media engine has ended".to_owned();
                self.machine.handle(now, Input::UdpFailed(why));
            }
            Wake::Media => self.media_changed(now),
            Wake::Timeout => self.machine.handle(now, Input::Timeout),
        }
    }

    fn command(&mut self, now: Instant, command: Option<Command>) {
        let Some(command) = command else {
            // The last handle is gone.
            return self.machine.handle(now, Input::Leave);
        };
        match command {
            Command::Join(channel) => self.machine.handle(now, Input::Join(channel)),
            Command::Move(channel) => self.machine.handle(now, Input::Move(channel)),
            Command::Leave => self.machine.handle(now, Input::Leave),
            Command::VoiceState { session_id, channel } => {
                let session_id = &session_id;
                self.machine
                    .handle(now, Input::VoiceState { session_id, channel });
            }
            Command::VoiceServer { token, endpoint } => {
                let (token, endpoint) = (&token, endpoint.as_deref());
                self.machine.handle(now, Input::VoiceServer { token, endpoint });
            }
            Command::RoomGone(reason) => self.machine.handle(now, Input::RoomGone(reason)),
            Command::GatewaySessionLost => self.machine.handle(now, Input::GatewaySessionLost),
            Command::RequestHeld => self.machine.handle(now, Input::RequestHeld),
            Command::RequestSent => self.machine.handle(now, Input::RequestSent),
            Command::Want(wants) => self.machine.handle(now, Input::Want(wants)),
        }
    }

    fn frame(&mut self, now: Instant, frame: Option<Result<tungstenite::Message, tungstenite::Error>>) {
        use tungstenite::Message;
        let closed = match frame {
            Some(Ok(Message::Text(text))) => return self.machine.handle(now, Input::Text(&text)),
            Some(Ok(Message::Binary(bytes))) => return self.machine.handle(now, Input::Binary(&bytes)),
            // Pings are answered by the WebSocket itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return,
            Some(Ok(Message::Close(Some(frame)))) => VoiceCloseCode::from(u16::from(frame.code)),
            Some(Ok(Message::Close(None)) | Err(_)) | None => VoiceCloseCode::Abnormal,
        };
        self.socket = None;
        self.machine.handle(now, Input::SocketClosed(closed));
    }

    fn open_link(&mut self, now: Instant, server: SocketAddr) {
        match Link::open(&self.config.engine, server, self.shared.clone()) {
            Ok(link) => {
                let local = link.local();
                for user in &self.outlets.seen.lock().participants {
                    link.roster(RosterChange::Joined(*user));
                }
                for (&ssrc, &(user, kind)) in &self.sources {
                    link.roster(RosterChange::Source { ssrc, user, kind });
                }
                self.link = Some(link);
                self.machine.handle(now, Input::UdpOpened(local));
            }
            Err(error) => self.machine.handle(now, Input::UdpFailed(error.to_string())),
        }
    }

    /// The player has something to send or has fallen silent, or the key is used up.
    fn media_changed(&mut self, now: Instant) {
        if self.shared.events.take_exhausted() {
            self.machine.handle(now, Input::KeyExhausted);
        }
        if self.shared.player.wants_to_send() {
            self.machine.handle(now, Input::Speak(self.room.sound()));
            if self.machine.may_send() {
                self.resume_link();
            }
        } else if self.shared.events.is_idle() {
            self.machine.handle(now, Input::Speak(SpeakingFlags::NONE));
        }
        self.pictures_changed(now);
    }

    /// Something else is shown, or nothing any more.
    fn pictures_changed(&mut self, now: Instant) {
        let shown = self.shared.video.shown();
        let publication = shown.as_ref().map(|(_, publication)| *publication);
        self.machine.handle(now, Input::Publish(publication));
        if self.machine.may_show() && publication.is_some() {
            self.show(publication);
        }
    }

    /// Hands the pictures to the link that the server knows of. Others may be there already: they follow when it knows
    /// of those.
    fn show(&self, published: Option<Publication>) {
        if let Some(link) = &self.link {
            let shown = self.shared.video.shown();
            let known = shown.filter(|(_, publication)| Some(*publication) == published);
            link.show(known.map(|(track, _)| track));
        }
    }

    fn resume_link(&self) {
        if let Some(link) = &self.link {
            link.resume();
        }
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::State(state) => self.publish(state),
                Output::VoiceState { channel } => self.ask_gateway(channel),
                Output::Dial { endpoint, version } => self.dial(&endpoint, version.number()),
                Output::Send(frame) => self.send(frame).await,
                Output::Close(code) => self.close(code).await,
                Output::OpenUdp { host, port } => self.resolve(host, port),
                Output::SendUdp(datagram) => {
                    if let Some(link) = &self.link {
                        link.send(&datagram);
                    }
                }
                Output::StartMedia(session) => {
                    if let Some(link) = &self.link {
                        link.start(&session, &mut self.rng);
                    }
                }
                Output::StopMedia => {
                    self.link = None;
                    self.resolving = None;
                }
                Output::Speaking(flags) if flags.is_empty() => {}
                Output::Speaking(_) => self.resume_link(),
                Output::Roster(change) => self.roster(change),
                Output::Publish(published) => self.show(published),
                Output::Asked(quality) => {
                    if let Some(link) = &self.link {
                        link.asked(quality);
                    }
                }
                Output::SendCodec(codec) => {
                    self.shared.video.send_codec.send_replace(Some(codec));
                }
                Output::Video(change) => self.video(change),
            }
        }
        let mut seen = self.outlets.seen.lock();
        seen.gateway_round_trip = self.machine.gateway_round_trip();
        seen.media_round_trip = self.machine.media_round_trip();
    }

    fn publish(&mut self, state: ConnectionState) {
        tracing::debug!(room = ?self.room, %state, "voice connection");
        let connected = state == ConnectionState::Connected;
        if connected {
            // Whoever waits for the state asks for the channel next.
            self.outlets.channel.send_replace(self.machine.channel());
        }
        self.outlets.state.send_replace(state);
        if connected {
            // What was to be played before the connection was there begins now.
            self.shared.events.player_changed();
        }
    }

    fn ask_gateway(&self, channel: Option<ChannelId>) {
        let request = GatewayRequest {
            room: self.room,
            channel,
            self_mute: self.config.self_mute,
            self_deaf: self.config.self_deaf,
        };
        if let Some(gateway) = &self.outlets.gateway
            && gateway.send(request).is_err()
        {
            tracing::debug!(room = ?self.room, "the main Gateway client is gone");
        }
    }

    fn dial(&mut self, endpoint: &str, version: u8) {
        self.socket = None;
        let address = Address::voice(endpoint, version, self.config.secure);
        let tls = Arc::clone(&self.config.tls);
        self.dialing = Some(Box::pin(async move {
            let address = address?;
            net::open_websocket(&address, &tls, MAX_MESSAGE).await
        }));
    }

    async fn send(&mut self, frame: WireFrame) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        let message = match frame {
            WireFrame::Text(text) => tungstenite::Message::text(text),
            WireFrame::Binary(bytes) => tungstenite::Message::binary(bytes),
        };
        if send(socket, message).await.is_err() {
            self.socket = None;
            let lost = Input::SocketClosed(VoiceCloseCode::Abnormal);
            self.machine.handle(Instant::now(), lost);
        }
    }

    async fn close(&mut self, code: u16) {
        self.dialing = None;
        if let Some(socket) = self.socket.take() {
            say_goodbye(socket, code).await;
        }
    }

    fn resolve(&mut self, host: String, port: u16) {
        self.link = None;
        self.resolving = Some(Box::pin(async move {
            if let Ok(address) = host.parse::<IpAddr>() {
                return Ok(SocketAddr::new(address, port));
            }
            let mut found = tokio::net::lookup_host((host, port)).await?;
            found
                .next()
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        }));
    }

    fn roster(&mut self, change: RosterChange) {
        {
            let participants = &mut self.outlets.seen.lock().participants;
            match change {
                RosterChange::Joined(user) => {
                    participants.insert(user);
                }
                RosterChange::Source { ssrc, user, kind } => {
                    participants.insert(user);
                    self.sources.insert(ssrc, (user, kind));
                }
                RosterChange::Left(user) => {
                    participants.remove(&user);
                    self.sources.retain(|_, (owner, _)| *owner != user);
                }
                RosterChange::Cleared => {
                    participants.clear();
                    self.sources.clear();
                }
            }
        }
        if let Some(link) = &self.link {
            link.roster(change);
        }
    }

    /// Somebody shows something else.
    fn video(&self, change: VideoChange) {
        let videos = &mut self.outlets.seen.lock().videos;
        if change.layers.is_empty() {
            videos.remove(&change.user);
        } else {
            videos.insert(change.user, change.layers.clone());
        }
        self.shared.video.viewers.changed(&change);
    }

    /// Tracks stop, listeners hear the end, and then the handles.
    fn end(mut self) {
        self.link = None;
        self.shared.player.clear();
        self.shared.voices.close();
        self.shared.video.close();
        if !self.outlets.state.borrow().is_final() {
            let reason = Reason::Dropped;
            self.outlets.state.send_replace(ConnectionState::Left { reason });
        }
    }
}
