use std::net::SocketAddr;
use std::time::Duration;

use voxhall_media::video::VideoCodec;
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::ids::{ChannelId, GuildId, ServerId, UserId};
use voxhall_protocol::voice::{EncryptionMode, SpeakingFlags, Ssrc, VoiceCloseCode, VoiceVersion, WireFrame};
use voxhall_protocol::{Secret, Token};

use super::{ConnectionState, Reason};
use crate::backoff::BackoffPolicy;
use crate::video::{Publication, VideoChange, VideoOptions, VideoWants};

/// What a connection is to: a guild's voice, the call of a private channel, or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Room {
    /// A guild; which of its channels can change.
    Guild(GuildId),
    /// A private channel or group.
    Call(ChannelId),
    /// A Go Live stream, which is a room of its own beside the one in which it is shown.
    Stream(StreamRoom),
}

/// The room of its own that a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamRoom {
    /// Which stream.
    pub key: StreamKey,
    /// `rtc_server_id` of STREAM_CREATE. Its `rtc_channel_id` is the channel of the connection.
    pub server: ServerId,
    /// Whether it is the own stream, on which alone one may publish.
    pub own: bool,
}

impl Room {
    /// `server_id` of Identify (voice-gateway protocol, section 1).
    #[must_use]
    pub fn server_id(self) -> ServerId {
        match self {
            Self::Guild(guild) => ServerId(guild.0),
            Self::Call(channel) => ServerId(channel.0),
            Self::Stream(stream) => stream.server,
        }
    }

    /// The guild, if it is one.
    #[must_use]
    pub fn guild(self) -> Option<GuildId> {
        match self {
            Self::Guild(guild) => Some(guild),
            Self::Call(_) | Self::Stream(_) => None,
        }
    }

    /// What sound is there that is played: a voice, or on a stream the sound of what is shown.
    #[must_use]
    pub fn sound(self) -> SpeakingFlags {
        match self {
            Self::Guild(_) | Self::Call(_) => SpeakingFlags::VOICE,
            Self::Stream(_) => SpeakingFlags::SOUNDSHARE,
        }
    }
}

/// How a connection behaves. All times have the defaults of the protocol documents.
#[derive(Debug, Clone)]
pub struct MachineConfig {
    /// Who connects.
    pub user: UserId,
    /// To what.
    pub room: Room,
    /// The dialect; default 9.
    pub version: VoiceVersion,
    /// The only encryption mode to accept; default: the best one on offer.
    pub mode: Option<EncryptionMode>,
    /// The highest DAVE version to announce; default 0, no end-to-end encryption.
    pub max_dave_version: u16,
    /// What it can do with video; default: nothing.
    pub video: Option<VideoOptions>,
    /// Whether [`Output::VoiceState`] reaches a main Gateway, so that a fresh token can be asked for.
    pub has_gateway: bool,
    /// How long op 4 may stay unanswered; default 15 s.
    pub join_timeout: Duration,
    /// How long to wait for a new voice server after closes 4011, 4014 and 4022; default 5 s.
    pub server_wait: Duration,
    /// How long each step of the handshake may take; default 10 s.
    pub step_timeout: Duration,
    /// Heartbeats are sent this often, or more often if the server asks for it; default 5 s.
    pub heartbeat_cap: Duration,
    /// Discovery requests, one a second, before the local address is used instead; default 6.
    pub discovery_tries: u32,
    /// Interval of UDP pings; default 5 s.
    pub ping_interval: Duration,
    /// How long a connection must hold before the count of tries starts over; default 10 s.
    pub stable_after: Duration,
    /// The tries after a failure.
    pub backoff: BackoffPolicy,
}

impl MachineConfig {
    /// The defaults for this user and room.
    #[must_use]
    pub fn new(user: UserId, room: Room) -> Self {
        Self {
            user,
            room,
            version: VoiceVersion::LATEST,
            mode: None,
            max_dave_version: 0,
            video: None,
            has_gateway: true,
            join_timeout: Duration::from_secs(15),
            server_wait: Duration::from_secs(5),
            step_timeout: Duration::from_secs(10),
            heartbeat_cap: Duration::from_secs(5),
            discovery_tries: 6,
            ping_interval: Duration::from_secs(5),
            stable_after: Duration::from_secs(10),
            backoff: BackoffPolicy::default(),
        }
    }
}

/// What happens to a connection.
#[derive(Debug)]
pub enum Input<'a> {
    /// The program wants to be in this channel. Asks the main Gateway.
    Join(ChannelId),
    /// The program wants to move to this channel of the same guild.
    Move(ChannelId),
    /// The program wants to leave.
    Leave,
    /// The program starts to send, or stops.
    Speak(SpeakingFlags),
    /// The program starts to show pictures, or stops.
    Publish(Option<Publication>),
    /// The program wants these pictures of others.
    Want(VideoWants),
    /// The main Gateway dispatched the own user's VOICE_STATE_UPDATE for this room.
    VoiceState {
        /// The main-Gateway session that owns the state.
        session_id: &'a str,
        /// The channel; `None` is none.
        channel: Option<ChannelId>,
    },
    /// The main Gateway dispatched VOICE_SERVER_UPDATE for this room.
    VoiceServer {
        /// The credential of the next Identify.
        token: &'a Token,
        /// `host[:port]`; `None`: the server is gone, wait.
        endpoint: Option<&'a str>,
    },
    /// The main Gateway said that there is no such room any more, and why.
    RoomGone(Reason),
    /// The main Gateway has a new session: the voice state of the old one is lost.
    GatewaySessionLost,
    /// The op 4 asked for has to wait before it is sent; the time for an answer does not run.
    RequestHeld,
    /// The op 4 asked for went out; the time for an answer begins. Not needed where op 4 is always sent at once.
    RequestSent,
    /// The WebSocket asked for by [`Output::Dial`] is open.
    SocketOpened,
    /// It could not be opened; the text says why.
    DialFailed(String),
    /// A text frame came.
    Text(&'a str),
    /// A binary frame came.
    Binary(&'a [u8]),
    /// The socket closed; [`VoiceCloseCode::Abnormal`] without a close frame.
    SocketClosed(VoiceCloseCode),
    /// The UDP socket asked for by [`Output::OpenUdp`] is open and bound here.
    UdpOpened(SocketAddr),
    /// It could not be opened; the text says why.
    UdpFailed(String),
    /// A datagram came that is neither RTP nor RTCP.
    Datagram(&'a [u8]),
    /// The sending nonces of the transport key are used up.
    KeyExhausted,
    /// The time of [`ConnectionMachine::poll_timeout`](super::ConnectionMachine::poll_timeout) has come.
    Timeout,
}

/// What a connection wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The state changed.
    State(ConnectionState),
    /// Send op 4 on the main Gateway for this room.
    VoiceState {
        /// The channel; `None` leaves.
        channel: Option<ChannelId>,
    },
    /// Open a WebSocket; whatever socket was open or being opened is forgotten.
    Dial {
        /// `host[:port]`.
        endpoint: String,
        /// For the query of the address.
        version: VoiceVersion,
    },
    /// Send a frame on the socket.
    Send(WireFrame),
    /// Close the socket with this code and forget it.
    Close(u16),
    /// Open a UDP socket towards the media server; whatever was open is closed.
    OpenUdp {
        /// Address, or host name if the server gave none.
        host: String,
        /// Port.
        port: u16,
    },
    /// Send a datagram as it is.
    SendUdp(Vec<u8>),
    /// Media can flow: on the UDP socket that is open, with this key.
    StartMedia(MediaSession),
    /// Media must stop; close the UDP socket.
    StopMedia,
    /// The speaking flags went out: packets may (or, if empty, must not) follow.
    Speaking(SpeakingFlags),
    /// Who is in the room, and which source is whose.
    Roster(RosterChange),
    /// What we show was told: pictures may (or, if `None`, must not) follow.
    Publish(Option<Publication>),
    /// How good our pictures are wanted, 0–100; 0 is not at all.
    Asked(u8),
    /// The codec in which all others can watch.
    SendCodec(VideoCodec),
    /// What somebody shows.
    Video(VideoChange),
}

/// What is needed to send and receive media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSession {
    /// The own audio source.
    pub ssrc: Ssrc,
    /// The own sources of video, if there are any.
    pub layer: Option<LayerSources>,
    /// How packets are encrypted.
    pub mode: EncryptionMode,
    /// The transport key, for both directions.
    pub key: Secret<[u8; 32]>,
}

/// The sources of a layer of video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSources {
    /// Of its packets.
    pub media: Ssrc,
    /// Of its retransmissions.
    pub rtx: Ssrc,
}

/// What a source carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// Opus.
    Audio,
    /// A layer of video.
    Video,
    /// Retransmissions of a layer of video.
    Retransmission {
        /// The layer's source.
        of: Ssrc,
    },
}

/// A change in who is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RosterChange {
    /// A user is in the room.
    Joined(UserId),
    /// A user left; all sources of that user are void.
    Left(UserId),
    /// A source belongs to a user.
    Source {
        /// The source.
        ssrc: Ssrc,
        /// Whose.
        user: UserId,
        /// Carrying what.
        kind: SourceKind,
    },
    /// All that was known is void: a new session begins.
    Cleared,
}
