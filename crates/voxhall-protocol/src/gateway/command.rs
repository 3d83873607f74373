//! What clients of the main Gateway say: the payloads of ops 2–6, 8, 13, 14, 18–22, 31, 36, 37, 40 and 43.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Capabilities, Intents, StreamKey, StreamName};
use crate::ids::{ChannelId, GuildId, UserId};
use crate::naming::open_texts;
use crate::voice::ClientFlags;
use crate::{Extra, Nullable, Token, scalar};

/// Op 2: begins a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identify {
    /// Bare, or with `Bot ` or `Bearer ` in front; see [`super::TokenKind`].
    pub token: Token,
    /// Operating system and library.
    #[serde(default)]
    pub properties: Value,
    /// Which events a bot wants; user accounts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents: Option<Intents>,
    /// Which forms of messages a user account's client understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Number and count of shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<[u32; 2]>,
    /// Whether single messages may come compressed.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub compress: Option<bool>,
    /// From how many members on a guild's list is cut.
    #[serde(
        default,
        deserialize_with = "scalar::whole_if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub large_threshold: Option<u32>,
    /// The first presence.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Nullable::is_absent"
    )]
    pub presence: Nullable<PresenceUpdate>,
    /// What the client still knows from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_state: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Identify {
    /// What a bot says that wants `intents`.
    #[must_use]
    pub fn bot(token: Token, intents: Intents) -> Self {
        Self {
            intents: Some(intents),
            ..Self::bare(token)
        }
    }

    /// What a user account's client says.
    #[must_use]
    pub fn user(token: Token, capabilities: Capabilities) -> Self {
        Self {
            capabilities: Some(capabilities),
            ..Self::bare(token)
        }
    }

    fn bare(token: Token) -> Self {
        Self {
            token,
            properties: serde_json::json!({}),
            intents: None,
            capabilities: None,
            shard: None,
            compress: None,
            large_threshold: None,
            presence: Nullable::Absent,
            client_state: None,
            extra: Extra::new(),
        }
    }
}

/// Op 3: status and activities.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PresenceUpdate {
    /// Unix milliseconds since when idle. Kept as it came: serenity sends an object of seconds and nanoseconds.
    #[serde(default)]
    pub since: Option<Value>,
    /// What the account is doing.
    #[serde(default, deserialize_with = "scalar::if_it_fits")]
    pub activities: Option<Vec<Value>>,
    /// `online`, `idle`, `dnd`, `invisible`, …
    #[serde(default, deserialize_with = "scalar::if_it_fits")]
    pub status: Option<String>,
    /// Whether away.
    #[serde(default, deserialize_with = "scalar::if_it_fits")]
    pub afk: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 4: joins, moves, leaves, mutes (gateway protocol, section 4.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceStateUpdate {
    /// The guild; null for a private call and for "leave everything".
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// The channel; null leaves.
    #[serde(default)]
    pub channel_id: Option<ChannelId>,
    /// Muted by oneself.
    pub self_mute: bool,
    /// Deafened by oneself.
    pub self_deaf: bool,
    /// Whether the camera is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_video: Option<bool>,
    /// A wish for when a voice server is picked.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Nullable::is_absent"
    )]
    pub preferred_region: Nullable<String>,
    /// The same, best first.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Nullable::is_absent"
    )]
    pub preferred_regions: Nullable<Vec<String>>,
    /// What the user allows about clips.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub flags: Nullable<ClientFlags>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl VoiceStateUpdate {
    /// Joins a channel of a guild, or with `None` a private call.
    #[must_use]
    pub fn join(guild_id: Option<GuildId>, channel_id: ChannelId) -> Self {
        Self {
            guild_id,
            channel_id: Some(channel_id),
            ..Self::leave(None)
        }
    }

    /// Leaves: the guild's room, or with `None` all that this session holds.
    #[must_use]
    pub fn leave(guild_id: Option<GuildId>) -> Self {
        Self {
            guild_id,
            channel_id: None,
            self_mute: false,
            self_deaf: false,
            self_video: None,
            preferred_region: Nullable::Absent,
            preferred_regions: Nullable::Absent,
            flags: Nullable::Absent,
            extra: Extra::new(),
        }
    }
}

/// Op 6: takes up a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// As in Identify.
    pub token: Token,
    /// From READY.
    pub session_id: String,
    /// The last `s` received. Some clients say null before the first.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub seq: Option<u64>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One thing, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// Without a list around it.
    One(T),
    /// In a list.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Op 8: asks for members of guilds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestGuildMembers {
    /// Which guilds.
    pub guild_id: OneOrMany<GuildId>,
    /// What names begin with; empty is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How many at most; 0 is all.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub limit: Option<u32>,
    /// Which users, in place of `query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<OneOrMany<UserId>>,
    /// Whether with presences.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub presences: Option<bool>,
    /// Comes back in the chunks.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub nonce: Nullable<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 13: asks for the call in a private channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallConnect {
    /// Which.
    pub channel_id: ChannelId,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What op 14 asks about a guild, and op 37 about each of several.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Subscription {
    /// Rows of member lists, by channel: first and last, both included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<BTreeMap<ChannelId, Vec<[u32; 2]>>>,
    /// Members to be told about wherever they stand.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub members: Option<Vec<UserId>>,
    /// Whether with typing.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub typing: Option<bool>,
    /// Whether with activities.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub activities: Option<bool>,
    /// Whether with threads.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub threads: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 14: subscribes to parts of a guild's member list. Voice does not need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildSubscriptions {
    /// Which guild.
    pub guild_id: GuildId,
    /// What about it.
    #[serde(flatten)]
    pub subscription: Subscription,
}

/// Op 37: op 14 for several guilds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GuildSubscriptionsBulk {
    /// By guild.
    #[serde(default)]
    pub subscriptions: BTreeMap<GuildId, Subscription>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

open_texts! {
    /// Where a stream is.
    StreamScope {
        /// In a guild's channel.
        Guild => "guild",
        /// In a private call.
        Call => "call",
    }
}

/// Op 18: begins a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamCreate {
    /// Where.
    #[serde(rename = "type")]
    pub scope: StreamScope,
    /// The guild, if in one.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub guild_id: Nullable<GuildId>,
    /// The channel.
    pub channel_id: ChannelId,
    /// A wish.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub preferred_region: Nullable<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl StreamCreate {
    /// Begins a stream in the room of a guild, or with `None` in a private call.
    #[must_use]
    pub fn new(guild_id: Option<GuildId>, channel_id: ChannelId) -> Self {
        Self {
            scope: match guild_id {
                Some(_) => StreamScope::Guild,
                None => StreamScope::Call,
            },
            guild_id: guild_id.into(),
            channel_id,
            preferred_region: Nullable::Absent,
            extra: Extra::new(),
        }
    }
}

/// Ops 19–21: a stream, by its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamRef {
    /// Which.
    pub stream_key: StreamName,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl StreamRef {
    /// Names a stream.
    #[must_use]
    pub fn new(key: StreamKey) -> Self {
        Self {
            stream_key: key.into(),
            extra: Extra::new(),
        }
    }
}

/// Op 22: pauses a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamSetPaused {
    /// Which.
    pub stream_key: StreamName,
    /// Whether paused.
    pub paused: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 31: asks for the sounds of guilds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSoundboardSounds {
    /// Which guilds.
    pub guild_ids: Vec<GuildId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Ops 36 and 43: asks about the voice channels of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestChannels {
    /// Which guild.
    pub guild_id: GuildId,
    /// Op 43: what about them, `status` and `voice_start_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 40: a heartbeat with measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QosHeartbeat {
    /// The last `s` received.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub seq: Option<u64>,
    /// The measurements.
    #[serde(default)]
    pub qos: Value,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
