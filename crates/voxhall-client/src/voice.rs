//! One voice connection with its sockets: the handle a program holds, and the task behind it.

mod driver;
mod video;

pub use video::MovieHandle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use voxhall_media::source::AudioSource;
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::voice::{EncryptionMode, VoiceVersion};

use crate::backoff::BackoffPolicy;
use crate::connection::{ConnectionState, MachineConfig, Reason, Room};
use crate::engine::{LinkShared, LinkStatistics, MediaEngine};
use crate::subscription::{Subscription, channel};
use crate::track::{Track, TrackHandle};
use crate::video::track::Companion;
use crate::video::{VideoLayer, VideoOptions, VideoWants};
#[cfg(feature = "opus-codec")]
use crate::voices::VoiceTick;
use crate::voices::{OpusPacket, SpeakingChange};
use crate::{Error, Trust};

/// How long leaving waits for the silence frames.
const TAIL_PATIENCE: Duration = Duration::from_millis(250);

/// How voice connections are made. One value serves any number of them; clones share what is expensive.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// What TLS connections share; see [`Trust::tls_config`].
    pub tls: Arc<rustls::ClientConfig>,
    /// Dial `wss://` (the default) or, where a server takes it, `ws://`.
    pub secure: bool,
    /// The threads that carry media.
    pub engine: MediaEngine,
    /// The dialect of the voice gateway; default 9.
    pub version: VoiceVersion,
    /// The only encryption mode to accept; default: the best one on offer.
    pub mode: Option<EncryptionMode>,
    /// How long op 4 may stay unanswered; default 15 s.
    pub join_timeout: Duration,
    /// The tries after a failure; default five.
    pub backoff: BackoffPolicy,
    /// What it can do with video; default: nothing, and then none is sent to it.
    pub video: Option<VideoOptions>,
    /// Join muted.
    pub self_mute: bool,
    /// Join deafened: the server then sends no media.
    pub self_deaf: bool,
}

impl ConnectionConfig {
    /// The defaults, trusting whom `trust` says, with the media engine of this process.
    ///
    /// # Errors
    /// As [`Trust::tls_config`] and [`MediaEngine::shared`].
    pub fn new(trust: &Trust) -> Result<Self, Error> {
        Ok(Self::with(trust.tls_config()?, MediaEngine::shared()?))
    }

    /// The defaults with what is shared given.
    #[must_use]
    pub fn with(tls: Arc<rustls::ClientConfig>, engine: MediaEngine) -> Self {
        Self {
            tls,
            secure: true,
            engine,
            version: VoiceVersion::LATEST,
            mode: None,
            join_timeout: Duration::from_secs(15),
            backoff: BackoffPolicy::default(),
            video: None,
            self_mute: false,
            self_deaf: false,
        }
    }

    fn machine(&self, user: UserId, room: Room, has_gateway: bool) -> MachineConfig {
        MachineConfig {
            version: self.version,
            mode: self.mode,
            video: self.video.clone(),
            has_gateway,
            join_timeout: self.join_timeout,
            backoff: self.backoff,
            ..MachineConfig::new(user, room)
        }
    }
}

/// What the two events of the main Gateway bring together, for programs whose Gateway library is another one.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// The own user.
    pub user: UserId,
    /// The guild, private channel or stream.
    pub room: Room,
    /// The voice channel; in a private call the private channel itself, of a stream its `rtc_channel_id`.
    pub channel: ChannelId,
    /// `session_id` of the own VOICE_STATE_UPDATE; for a stream that of the room in which it is shown.
    pub session_id: String,
    /// `token` of VOICE_SERVER_UPDATE or STREAM_SERVER_UPDATE.
    pub token: Token,
    /// `endpoint` of the same.
    pub endpoint: String,
}

/// Op 4, as a connection wants it sent on the main Gateway; of a stream op 18, 19 or 20 in its place. With the feature
/// `gateway`, a `ClientMessage` is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayRequest {
    /// The room whose connection asks.
    pub room: Room,
    /// The channel to be in; `None` leaves.
    pub channel: Option<ChannelId>,
    /// Muted by oneself.
    pub self_mute: bool,
    /// Deafened by oneself.
    pub self_deaf: bool,
}

/// What a connection has done and how far away its servers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets and datagrams.
    pub media: LinkStatistics,
    /// The last heartbeat to the voice gateway and back.
    pub gateway_round_trip: Option<Duration>,
    /// The last UDP ping to the media server and back.
    pub media_round_trip: Option<Duration>,
}

/// A connection to the voice of one guild, to one call, or to one stream.
///
/// Clones are handles to the same connection. It leaves when the last handle is dropped (a `VoiceClient` holds one).
#[derive(Clone)]
pub struct VoiceConnection {
    shared: Arc<Shared>,
}

struct Shared {
    room: Room,
    config: ConnectionConfig,
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<ConnectionState>,
    channel: watch::Receiver<Option<ChannelId>>,
    link: LinkShared,
    seen: Arc<Mutex<Seen>>,
}

/// What the task writes down for the handles to read.
#[derive(Debug, Default)]
struct Seen {
    participants: BTreeSet<UserId>,
    videos: BTreeMap<UserId, Vec<VideoLayer>>,
    gateway_round_trip: Option<Duration>,
    media_round_trip: Option<Duration>,
}

/// What handles, and the main Gateway, tell the task.
#[derive(Debug)]
enum Command {
    Join(ChannelId),
    Move(ChannelId),
    Leave,
    VoiceState {
        session_id: String,
        channel: Option<ChannelId>,
    },
    VoiceServer {
        token: Token,
        endpoint: Option<String>,
    },
    GatewaySessionLost,
    RoomGone(Reason),
    RequestHeld,
    RequestSent,
    Want(VideoWants),
}

impl VoiceConnection {
    /// Connects with what another Gateway library has received. Needs a tokio runtime.
    ///
    /// Later VOICE_STATE_UPDATEs and VOICE_SERVER_UPDATEs for the room go to [`voice_state`](Self::voice_state) and
    /// [`voice_server`](Self::voice_server). A connection made this way cannot ask for a fresh token by itself; it then
    /// fails with [`Reason::NeedsNewJoin`].
    #[must_use]
    pub fn connect(info: ConnectionInfo, config: ConnectionConfig) -> Self {
        let connection = Self::idle(info.user, info.room, config, None);
        connection.voice_state(info.session_id, Some(info.channel));
        connection.voice_server(info.token, Some(info.endpoint));
        connection
    }

    /// A connection that waits for [`join`](Self::join) and sends its op 4 through `gateway`. Needs a tokio runtime.
    #[must_use]
    pub fn idle(
        user: UserId,
        room: Room,
        config: ConnectionConfig,
        gateway: Option<mpsc::UnboundedSender<GatewayRequest>>,
    ) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (state_sender, state) = watch::channel(ConnectionState::Idle);
        let (channel_sender, channel) = watch::channel(None);
        let link = LinkShared::default();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let machine = config.machine(user, room, gateway.is_some());
        let outlets = driver::Outlets {
            state: state_sender,
            channel: channel_sender,
            seen: Arc::clone(&seen),
            gateway,
        };
        tokio::spawn(driver::run(machine, config.clone(), link.clone(), outlets, inbox));
        let shared = Shared {
            room,
            config,
            commands,
            state,
            channel,
            link,
            seen,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Asks for this channel; see [`connected`](Self::connected) for the outcome.
    pub fn join(&self, channel: ChannelId) {
        self.command(Command::Join(channel));
    }

    /// Takes in the own user's VOICE_STATE_UPDATE for this room.
    pub fn voice_state(&self, session_id: String, channel: Option<ChannelId>) {
        self.command(Command::VoiceState { session_id, channel });
    }

    /// Takes in a VOICE_SERVER_UPDATE for this room.
    pub fn voice_server(&self, token: Token, endpoint: Option<String>) {
        self.command(Command::VoiceServer { token, endpoint });
    }

    /// Takes in that the op 4 it asked for has to wait: the time for an answer does not run yet.
    pub fn request_held(&self) {
        self.command(Command::RequestHeld);
    }

    /// Takes in that the op 4 it asked for went out: the time for an answer begins.
    pub fn request_sent(&self) {
        self.command(Command::RequestSent);
    }

    /// Takes in that the room is no more: of a stream, that STREAM_DELETE came.
    pub fn room_gone(&self, reason: Reason) {
        self.command(Command::RoomGone(reason));
    }

    /// Takes in that the main Gateway began a new session instead of resuming the old one.
    pub fn gateway_session_lost(&self) {
        self.command(Command::GatewaySessionLost);
    }

    /// Moves to another channel of the guild and waits until it is connected there.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the server does not move it (it then stays where it was), [`Error::Ended`] if the
    /// connection ends on the way.
    pub async fn move_to(&self, channel: ChannelId) -> Result<(), Error> {
        self.command(Command::Move(channel));
        let waited = self.shared.config.join_timeout;
        let mut arrivals = self.shared.channel.clone();
        let arrived = async {
            arrivals
                .wait_for(|current| *current == Some(channel))
                .await
                .map(drop)
        };
        match tokio::time::timeout(waited, arrived).await {
            // The state follows at once.
            Ok(Ok(())) => self.connected().await,
            Ok(Err(_)) => Err(Error::Ended(self.end_reason())),
            Err(_) => Err(Error::NoAnswer { channel, waited }),
        }
    }

    /// Leaves, and waits until that is done. Tracks are stopped, also those of pictures, and subscriptions end.
    ///
    /// What is being said is ended with five silence frames first, which takes a tenth of a second.
    pub async fn leave(&self) {
        self.stop();
        self.hide();
        let silent = self.shared.link.events.silent();
        if tokio::time::timeout(TAIL_PATIENCE, silent).await.is_err() {
            tracing::debug!(room = ?self.shared.room, "left before the silence frames were out");
        }
        self.command(Command::Leave);
        self.ended().await;
    }

    /// Waits until media can flow.
    ///
    /// # Errors
    /// [`Error::Ended`] with the reason if it fails instead.
    pub async fn connected(&self) -> Result<(), Error> {
        let mut states = self.watch();
        let settled = states
            .wait_for(|state| state.has_media() || state.is_final())
            .await;
        match settled {
            Ok(state) if state.has_media() => Ok(()),
            _ => Err(Error::Ended(self.end_reason())),
        }
    }

    /// Waits until the connection has ended for good, and says why.
    pub async fn ended(&self) -> Reason {
        // The task drops its end of the watch when all is done, after the final state.
        let mut channel = self.shared.channel.clone();
        while channel.changed().await.is_ok() {}
        self.end_reason()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.shared.state.borrow().clone()
    }

    /// Follows where it stands. States that follow each other at once may be skipped.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.shared.state.clone()
    }

    /// The channel it is connected to.
    #[must_use]
    pub fn channel(&self) -> Option<ChannelId> {
        *self.shared.channel.borrow()
    }

    /// What it is a connection to.
    #[must_use]
    pub fn room(&self) -> Room {
        self.shared.room
    }

    /// Plays `source` now; whatever played or waited is stopped. It begins once the connection is there.
    ///
    /// The source is read on a thread of the media engine, 300 ms ahead; it should not block for longer than that.
    pub fn play(&self, source: impl AudioSource + 'static) -> TrackHandle {
        let handle = self.track(Box::new(source), None);
        self.play_track(&handle);
        handle
    }

    /// Plays `source` now, at a volume that can be changed while it plays. At full volume packets pass through
    /// untouched; otherwise they are decoded and encoded again, on a thread of the media engine.
    ///
    /// # Errors
    /// [`Error::Media`] if the codec cannot be set up.
    #[cfg(feature = "opus-codec")]
    pub fn play_adjustable(
        &self,
        source: impl AudioSource + 'static,
        volume: voxhall_media::pcm::Volume,
    ) -> Result<TrackHandle, Error> {
        let (source, knob) = crate::track::Adjustable::new(source, volume)?;
        let mut handle = self.play(source);
        handle.knob = Some(knob);
        Ok(handle)
    }

    /// Plays `source` after what plays and waits already.
    pub fn enqueue(&self, source: impl AudioSource + 'static) -> TrackHandle {
        let handle = self.track(Box::new(source), None);
        self.shared.link.player.append(Arc::clone(&handle.track));
        self.shared.link.events.player_changed();
        handle
    }

    /// Stops the track that plays; the next one begins.
    pub fn skip(&self) {
        self.shared.link.player.skip();
    }

    /// Stops all tracks.
    pub fn stop(&self) {
        self.shared.link.player.clear();
    }

    /// How many tracks play or wait.
    #[must_use]
    pub fn tracks(&self) -> usize {
        self.shared.link.player.len()
    }

    /// The Opus packets of all others, as they arrive. `capacity` packets may wait to be taken.
    #[must_use]
    pub fn packets(&self, capacity: usize) -> Subscription<OpusPacket> {
        let (publisher, subscription) = channel(capacity);
        self.shared.link.voices.listen_to_packets(publisher);
        subscription
    }

    /// Who begins and stops to speak.
    #[must_use]
    pub fn speaking(&self, capacity: usize) -> Subscription<SpeakingChange> {
        let (publisher, subscription) = channel(capacity);
        self.shared.link.voices.listen_to_speaking(publisher);
        self.shared.config.engine.listeners_changed();
        subscription
    }

    /// What all others say, decoded, one event every 20 ms. `capacity` events may wait to be taken.
    #[cfg(feature = "opus-codec")]
    #[must_use]
    pub fn pcm(&self, capacity: usize) -> Subscription<VoiceTick> {
        let (publisher, subscription) = channel(capacity);
        self.shared.link.voices.listen_to_pcm(publisher);
        self.shared.config.engine.listeners_changed();
        subscription
    }

    /// The others in the channel, as far as the voice gateway has named them.
    #[must_use]
    pub fn participants(&self) -> Vec<UserId> {
        self.shared.seen.lock().participants.iter().copied().collect()
    }

    /// What it has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let seen = self.shared.seen.lock();
        Statistics {
            media: self.shared.link.counters.read(),
            gateway_round_trip: seen.gateway_round_trip,
            media_round_trip: seen.media_round_trip,
        }
    }

    fn play_track(&self, handle: &TrackHandle) {
        self.shared.link.player.replace(Arc::clone(&handle.track));
        self.shared.link.events.player_changed();
    }

    fn track(&self, source: Box<dyn AudioSource>, companion: Option<Arc<Companion>>) -> TrackHandle {
        let events = Arc::clone(&self.shared.link.events);
        let track = Track::new(source, companion, Box::new(move || events.player_changed()));
        self.shared.config.engine.feed(&track);
        TrackHandle::new(track)
    }

    fn end_reason(&self) -> Reason {
        self.state().reason().cloned().unwrap_or(Reason::Dropped)
    }

    fn command(&self, command: Command) {
        // A task that has ended needs no commands.
        let _ = self.shared.commands.send(command);
    }
}

impl fmt::Debug for VoiceConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VoiceConnection")
            .field("room", &self.shared.room)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
