//! `VoiceClient`: an account that is logged in, with one voice connection per guild, call or stream.

mod directory;
mod streams;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use voxhall_protocol::Token;
use voxhall_protocol::gateway::{Event, StreamCreated, VoiceServerUpdate};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{ReadyPayload, User, VoiceState};

use crate::connection::{Reason, Room};
use crate::gateway::{Account, Compression, Gateway, GatewayConfig, GatewayOptions, News};
use crate::rest::Rest;
use crate::subscription::Subscription;
use crate::{ConnectionConfig, Error, GatewayRequest, Trust, VoiceConnection};
use directory::Directory;
use streams::{Ground, Streams};

/// Where and as whom to log in.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Base address of the REST API, up to and without `/v10`.
    pub api: String,
    /// Address of the main Gateway; default: what `GET /gateway` says.
    pub gateway: Option<String>,
    /// Without `Bot ` in front.
    pub token: Token,
    /// Bot or person.
    pub account: Account,
    /// How the main Gateway's messages are compressed; default: not.
    pub compression: Compression,
    /// Whose certificates are trusted; default: the system's authorities.
    pub trust: Trust,
    /// How voice connections are made; default: [`ConnectionConfig::new`] with this `trust`.
    pub voice: Option<ConnectionConfig>,
    /// How long the login may take; default 30 s.
    pub login_timeout: Duration,
}

impl ClientConfig {
    /// The defaults for an account.
    #[must_use]
    pub fn new(api: impl Into<String>, token: impl Into<String>, account: Account) -> Self {
        let token: String = token.into();
        let bare = token.strip_prefix("Bot ").unwrap_or(&token).trim().to_owned();
        Self {
            api: api.into(),
            gateway: None,
            token: Token::new(bare),
            account,
            compression: Compression::None,
            trust: Trust::System,
            voice: None,
            login_timeout: Duration::from_secs(30),
        }
    }

    /// The defaults for a bot.
    #[must_use]
    pub fn bot(api: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(api, token, Account::VOICE_BOT)
    }

    /// The defaults for a person.
    #[must_use]
    pub fn user(api: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(api, token, Account::CALLER)
    }

    /// The same, trusting whom `trust` says.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }
}

/// Whom a call rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    /// Nobody.
    Nobody,
    /// All others of the private channel.
    Everyone,
    /// These.
    Users(Vec<UserId>),
}

/// An account that is logged in. Clones are handles to the same login.
///
/// ```no_run
/// # async fn example() -> Result<(), voxhall_client::Error> {
/// use voxhall_client::{ClientConfig, VoiceClient};
/// use voxhall_protocol::ids::{ChannelId, GuildId};
///
/// let client = VoiceClient::login(ClientConfig::bot("http://localhost:7000/api", "token")).await?;
/// let connection = client.join(GuildId(934828556603764816), ChannelId(934828556603764821)).await?;
/// println!("{} others are here", connection.participants().len());
/// connection.leave().await;
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VoiceClient {
    shared: Arc<Shared>,
    gateway: Gateway,
    rest: Rest,
    user: Arc<User>,
    voice: ConnectionConfig,
    requests: mpsc::UnboundedSender<GatewayRequest>,
}

/// What the login's events change, and what they need for it.
struct Shared {
    known: Mutex<Known>,
    voice: ConnectionConfig,
    requests: mpsc::UnboundedSender<GatewayRequest>,
}

#[derive(Default)]
struct Known {
    /// The own account, from READY.
    user: Option<User>,
    /// The main session, from READY.
    session_id: String,
    directory: Directory,
    connections: HashMap<Room, VoiceConnection>,
    streams: Streams,
}

impl VoiceClient {
    /// Logs in. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`Error::BadAddress`], [`Error::Unreachable`], [`Error::NotTrusted`], [`Error::WrongToken`] and the like: each
    /// says what to do.
    pub async fn login(config: ClientConfig) -> Result<Self, Error> {
        let voice = match config.voice {
            Some(voice) => voice,
            None => ConnectionConfig::new(&config.trust)?,
        };
        let rest = Rest::new(&config.api, &config.token, config.account, Arc::clone(&voice.tls))?;
        let url = match config.gateway {
            Some(url) => url,
            None => rest.gateway_url().await?,
        };
        let mut options = GatewayConfig::new(config.token, config.account);
        options.compression = config.compression;
        let options = GatewayOptions {
            url,
            tls: Arc::clone(&voice.tls),
            config: options,
        };
        let (requests, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            known: Mutex::default(),
            voice: voice.clone(),
            requests: requests.clone(),
        });
        let listener = Arc::clone(&shared);
        let gateway = Gateway::routed(options, Box::new(move |news| listener.route(news)), inbox)?;
        gateway.ready(config.login_timeout).await?;
        let user = shared.known.lock().user.clone().ok_or(Error::GatewayGone)?;
        Ok(Self {
            shared,
            gateway,
            rest,
            user: Arc::new(user),
            voice,
            requests,
        })
    }

    /// The own account.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The REST API in this account's name.
    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// The main Gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// What happens from now on. `capacity` events may wait to be taken.
    #[must_use]
    pub fn events(&self, capacity: usize) -> Subscription<Arc<Event>> {
        self.gateway.events(capacity)
    }

    /// Joins a voice channel and waits until media can flow. If there is a connection to the guild it moves.
    ///
    /// # Errors
    /// [`Error::UnknownGuild`] and [`Error::UnknownChannel`] if the account does not see them, [`Error::NoAnswer`] if
    /// the server does not let it in, [`Error::Ended`] for everything later.
    pub async fn join(&self, guild: GuildId, channel: ChannelId) -> Result<VoiceConnection, Error> {
        self.shared.known.lock().directory.check(guild, channel)?;
        self.enter(Room::Guild(guild), channel).await
    }

    /// Joins the call of a private channel, which begins one if there is none, and rings. Only for people's accounts.
    ///
    /// # Errors
    /// [`Error::PersonOnly`] for a bot; else as [`join`](Self::join) and every REST request. If ringing fails, the
    /// call is left again.
    pub async fn call(&self, channel: ChannelId, ring: Ring) -> Result<VoiceConnection, Error> {
        let connection = self.enter(Room::Call(channel), channel).await?;
        let rung = match ring {
            Ring::Nobody => Ok(()),
            Ring::Everyone => self.rest.ring(channel, None).await,
            Ring::Users(users) => self.rest.ring(channel, Some(users)).await,
        };
        if let Err(error) = rung {
            connection.leave().await;
            return Err(error);
        }
        Ok(connection)
    }

    /// Takes the call of a private channel that rings, or is merely running.
    ///
    /// # Errors
    /// [`Error::PersonOnly`] for a bot; else as [`join`](Self::join).
    pub async fn answer(&self, channel: ChannelId) -> Result<VoiceConnection, Error> {
        self.enter(Room::Call(channel), channel).await
    }

    /// Declines the call that rings.
    ///
    /// # Errors
    /// As every REST request.
    pub async fn decline(&self, channel: ChannelId) -> Result<(), Error> {
        self.rest.stop_ringing(channel, None).await
    }

    /// The private channel with a user, opened if there is none.
    ///
    /// # Errors
    /// As every REST request.
    pub async fn private_channel(&self, user: UserId) -> Result<ChannelId, Error> {
        Ok(self.rest.private_channel(user).await?.id)
    }

    /// Moves to another channel of a guild it is connected to.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn move_to(&self, guild: GuildId, channel: ChannelId) -> Result<(), Error> {
        self.join(guild, channel).await.map(drop)
    }

    /// Leaves a guild's voice or a call, if it is connected to it.
    pub async fn leave(&self, room: Room) {
        if let Some(connection) = self.connection(room) {
            connection.leave().await;
        }
    }

    /// The connection to a guild, call or stream, unless it has ended.
    #[must_use]
    pub fn connection(&self, room: Room) -> Option<VoiceConnection> {
        if let Room::Stream(stream) = room {
            return self.stream(stream.key);
        }
        let mut known = self.shared.known.lock();
        if known.connections.get(&room)?.state().is_final() {
            known.connections.remove(&room);
        }
        known.connections.get(&room).cloned()
    }

    /// Leaves everything and logs out.
    pub async fn close(&self) {
        let streams = self.shared.known.lock().streams.drain();
        futures_util::future::join_all(streams.iter().map(VoiceConnection::leave)).await;
        let connections: Vec<_> = self.shared.known.lock().connections.drain().collect();
        let leaving = connections.iter().map(|(_, connection)| connection.leave());
        futures_util::future::join_all(leaving).await;
        self.gateway.close().await;
    }

    /// Gets into `channel` of `room`, by the connection there is or by a new one.
    async fn enter(&self, room: Room, channel: ChannelId) -> Result<VoiceConnection, Error> {
        if room.guild().is_none() && self.user.bot == Some(true) {
            // The server would answer with silence.
            return Err(Error::PersonOnly);
        }
        if let Some(connection) = self.connection(room).filter(|old| old.state().has_media()) {
            if connection.channel() != Some(channel) {
                connection.move_to(channel).await?;
            }
            return Ok(connection);
        }
        let requests = Some(self.requests.clone());
        let connection = VoiceConnection::idle(self.user.id, room, self.voice.clone(), requests);
        let old = self
            .shared
            .known
            .lock()
            .connections
            .insert(room, connection.clone());
        if let Some(old) = old {
            old.leave().await;
        }
        connection.join(channel);
        match connection.connected().await {
            Ok(()) => Ok(connection),
            Err(Error::Ended(Reason::NoAnswer(waited))) => Err(Error::NoAnswer { channel, waited }),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for VoiceClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VoiceClient")
            .field("user", &self.user.id)
            .field("gateway", &self.gateway.state())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Takes in what concerns voice, before any listener sees the event.
    fn route(&self, news: News<'_>) {
        let mut known = self.known.lock();
        match news {
            News::Event(Event::Ready(ready)) => known.ready(ready),
            News::Event(Event::VoiceStateUpdate(state)) => known.voice_state(state),
            News::Event(Event::VoiceServerUpdate(update)) => known.voice_server(update),
            News::Event(Event::StreamCreate(created)) => self.stream_created(&mut known, created),
            News::Event(Event::StreamServerUpdate(update)) => known.streams.server(update),
            News::Event(Event::StreamDelete(deleted)) => known.streams.deleted(deleted),
            News::Event(other) => known.directory.note(other),
            News::VoiceRequestHeld(room) => known.tell(room, VoiceConnection::request_held),
            News::VoiceRequestSent(room) => known.tell(room, VoiceConnection::request_sent),
            // Nobody will answer any more; whoever waits shall not do so for ever.
            News::Closed => {
                known.connections.values().for_each(VoiceConnection::request_sent);
                known.streams.closed();
            }
        }
    }

    fn stream_created(&self, known: &mut Known, created: &StreamCreated) {
        let Some(user) = &known.user else { return };
        let ground = Ground {
            user: user.id,
            session_id: &known.session_id,
            config: &self.voice,
            requests: &self.requests,
        };
        known.streams.created(created, &ground);
    }
}

impl Known {
    /// A new session. If there was one before, the voice states of that one are lost.
    fn ready(&mut self, ready: &ReadyPayload) {
        self.user = Some(ready.user.clone());
        self.directory.reset(ready);
        let before = std::mem::replace(&mut self.session_id, ready.session_id.clone());
        if !before.is_empty() && before != ready.session_id {
            for connection in self.connections.values() {
                connection.gateway_session_lost();
            }
            self.streams.session_lost();
        }
    }

    fn voice_state(&mut self, state: &VoiceState) {
        if self.user.as_ref().is_none_or(|own| own.id != state.user_id) {
            return;
        }
        let Some(connection) = self.connection_of(state) else {
            return;
        };
        // Another session of this account: it concerns us only if it takes over what we have.
        let foreign = state.session_id != self.session_id;
        let takes_over = state.channel_id.is_some() && connection.state().has_media();
        if !foreign || takes_over {
            connection.voice_state(state.session_id.clone(), state.channel_id);
        }
    }

    /// Leaving a private call names neither guild nor channel; there is one call at most.
    fn connection_of(&self, state: &VoiceState) -> Option<&VoiceConnection> {
        if let Some(guild) = state.guild_id.value() {
            return self.connections.get(&Room::Guild(*guild));
        }
        match state.channel_id {
            Some(channel) => self.connections.get(&Room::Call(channel)),
            None => self
                .connections
                .values()
                .find(|connection| connection.room().guild().is_none()),
        }
    }

    fn tell(&self, room: Room, what: fn(&VoiceConnection)) {
        if let Some(connection) = self.connections.get(&room) {
            what(connection);
        }
    }

    fn voice_server(&mut self, update: &VoiceServerUpdate) {
        let room = match (update.guild_id, update.channel_id) {
            (Some(guild), _) => Room::Guild(guild),
            (None, Some(channel)) => Room::Call(channel),
            (None, None) => return,
        };
        if let Some(connection) = self.connections.get(&room) {
            connection.voice_server(update.token.clone(), update.endpoint.clone());
        }
    }
}
