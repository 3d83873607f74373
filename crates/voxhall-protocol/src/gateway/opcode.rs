//! Opcodes of the main Gateway (gateway protocol, section 2).

use crate::naming::opcode_set;
use crate::voice::Direction;

/// How much of an opcode a server has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Clients do not work without.
    Must,
    /// Some clients want it.
    Should,
    /// Take it and do nothing.
    May,
}

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $label:literal, $direction:ident, $need:ident;)+) => {
        opcode_set! {
            /// An opcode of the main Gateway.
            GatewayOpcode { $($(#[$doc])* $name = $number, $label, $direction;)+ }
        }

        impl GatewayOpcode {
            /// How much of it a server has to do.
            #[must_use]
            pub const fn need(self) -> Need {
                match self {
                    $(Self::$name => Need::$need,)+
                }
            }
        }
    };
}

opcodes! {
    /// An event.
    Dispatch = 0, "Dispatch", ToClient, Must;
    /// A sign of life; from the server, a demand for one.
    Heartbeat = 1, "Heartbeat", Both, Must;
    /// Begins a session.
    Identify = 2, "Identify", ToServer, Must;
    /// Status and activities.
    PresenceUpdate = 3, "Presence Update", ToServer, Should;
    /// Joins, moves, leaves, mutes.
    VoiceStateUpdate = 4, "Voice State Update", ToServer, Must;
    /// The client's voice server misbehaves.
    VoiceServerPing = 5, "Voice Server Ping", ToServer, Should;
    /// Takes up a session.
    Resume = 6, "Resume", ToServer, Must;
    /// The client should connect again and resume.
    Reconnect = 7, "Reconnect", ToClient, Should;
    /// Asks for members of a guild.
    RequestGuildMembers = 8, "Request Guild Members", ToServer, Must;
    /// The session is over.
    InvalidSession = 9, "Invalid Session", ToClient, Must;
    /// The first message of every socket.
    Hello = 10, "Hello", ToClient, Must;
    /// Answers a heartbeat.
    HeartbeatAck = 11, "Heartbeat ACK", ToClient, Must;
    /// Old form of guild subscriptions.
    GuildSync = 12, "Guild Sync", ToServer, May;
    /// Asks for the call in a private channel.
    CallConnect = 13, "Call Connect", ToServer, Must;
    /// Asks for member lists, or members.
    GuildSubscriptions = 14, "Guild Subscriptions", ToServer, Should;
    /// Lobbies.
    LobbyConnect = 15, "Lobby Connect", ToServer, May;
    /// Lobbies.
    LobbyDisconnect = 16, "Lobby Disconnect", ToServer, May;
    /// Lobbies.
    LobbyVoiceStates = 17, "Lobby Voice States", ToServer, May;
    /// Begins a stream.
    StreamCreate = 18, "Stream Create", ToServer, Should;
    /// Ends a stream, or stops watching it.
    StreamDelete = 19, "Stream Delete", ToServer, Should;
    /// Watches a stream.
    StreamWatch = 20, "Stream Watch", ToServer, Should;
    /// The client's stream server misbehaves.
    StreamPing = 21, "Stream Ping", ToServer, Should;
    /// Pauses a stream.
    StreamSetPaused = 22, "Stream Set Paused", ToServer, Should;
    /// Retired.
    LfgSubscriptions = 23, "LFG Subscriptions", ToServer, May;
    /// Retired.
    RequestApplicationCommands = 24, "Request Application Commands", ToServer, May;
    /// Retired.
    EmbeddedActivityCreate = 25, "Embedded Activity Create", ToServer, May;
    /// Retired.
    EmbeddedActivityDelete = 26, "Embedded Activity Delete", ToServer, May;
    /// Retired.
    EmbeddedActivityUpdate = 27, "Embedded Activity Update", ToServer, May;
    /// Unread posts.
    RequestForumUnreads = 28, "Request Forum Unreads", ToServer, May;
    /// Reaches another session of the same user.
    RemoteCommand = 29, "Remote Command", ToServer, May;
    /// What was deleted meanwhile.
    RequestDeletedEntityIds = 30, "Request Deleted Entity IDs", ToServer, May;
    /// The soundboard.
    RequestSoundboardSounds = 31, "Request Soundboard Sounds", ToServer, Should;
    /// Begins a speed test.
    SpeedTestCreate = 32, "Speed Test Create", ToServer, May;
    /// Ends a speed test.
    SpeedTestDelete = 33, "Speed Test Delete", ToServer, May;
    /// The newest messages.
    RequestLastMessages = 34, "Request Last Messages", ToServer, May;
    /// The newest members.
    SearchRecentMembers = 35, "Search Recent Members", ToServer, May;
    /// Status lines of voice channels.
    RequestChannelStatuses = 36, "Request Channel Statuses", ToServer, Should;
    /// Several of op 14 at once.
    GuildSubscriptionsBulk = 37, "Guild Subscriptions Bulk", ToServer, Should;
    /// The channels again.
    GuildChannelsResync = 38, "Guild Channels Resync", ToServer, May;
    /// How many members see a channel.
    RequestChannelMemberCount = 39, "Request Channel Member Count", ToServer, May;
    /// A heartbeat with measurements.
    QosHeartbeat = 40, "QoS Heartbeat", ToServer, Must;
    /// Statistics.
    UpdateTimeSpentSessionId = 41, "Update Time Spent Session ID", ToServer, May;
    /// Lobbies.
    LobbyVoiceServerPing = 42, "Lobby Voice Server Ping", ToServer, May;
    /// Status lines and start times of voice channels.
    RequestChannelInfo = 43, "Request Channel Info", ToServer, Should;
}

impl GatewayOpcode {
    /// Whether a client may send it.
    #[must_use]
    pub const fn is_from_client(self) -> bool {
        matches!(self.direction(), Direction::ToServer | Direction::Both)
    }
}
