//! Voice states and regions.

use serde::{Deserialize, Serialize};

use super::{Member, Timestamp};
use crate::ids::{ChannelId, GuildId, UserId};
use crate::{Extra, Nullable, scalar};

/// Where a user is and how; the payload of VOICE_STATE_UPDATE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceState {
    /// The guild; null in a private call, absent inside guild and call objects.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub guild_id: Nullable<GuildId>,
    /// The channel; null for nowhere.
    #[serde(default)]
    pub channel_id: Option<ChannelId>,
    /// Who.
    pub user_id: UserId,
    /// The main-Gateway session that joined.
    pub session_id: String,
    /// Deafened by a moderator.
    pub deaf: bool,
    /// Muted by a moderator.
    pub mute: bool,
    /// Deafened by the user.
    pub self_deaf: bool,
    /// Muted by the user.
    pub self_mute: bool,
    /// Whether the camera is on.
    #[serde(default)]
    pub self_video: bool,
    /// Whether the screen is shared; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_stream: Option<bool>,
    /// Not permitted to speak.
    #[serde(default)]
    pub suppress: bool,
    /// Since when the hand is up (stages).
    #[serde(default)]
    pub request_to_speak_timestamp: Option<Timestamp>,
    /// Unix seconds since when the user is in the channel.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub connected_at: Option<u64>,
    /// The user as a member; only in events of a guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Member>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl VoiceState {
    /// A state with nothing set, in no channel and without `guild_id`.
    #[must_use]
    pub fn new(user_id: UserId, session_id: impl Into<String>) -> Self {
        Self {
            guild_id: Nullable::Absent,
            channel_id: None,
            user_id,
            session_id: session_id.into(),
            deaf: false,
            mute: false,
            self_deaf: false,
            self_mute: false,
            self_video: false,
            self_stream: None,
            suppress: false,
            request_to_speak_timestamp: None,
            connected_at: None,
            member: None,
            extra: Extra::new(),
        }
    }
}

/// A voice state as the first public draft of the protocol had it (early 2016): who, and in which session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceStateDraft {
    /// Who.
    pub user_id: UserId,
    /// The main-Gateway session that joined.
    pub session_id: String,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where voice servers stand; an element of `GET /voice/regions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceRegion {
    /// The name clients send back.
    pub id: String,
    /// The name people read.
    pub name: String,
    /// Whether nearest to the asker.
    #[serde(default)]
    pub optimal: bool,
    /// Whether to be avoided.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether made for events.
    #[serde(default)]
    pub custom: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl VoiceRegion {
    /// An ordinary region.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            optimal: false,
            deprecated: false,
            custom: false,
            extra: Extra::new(),
        }
    }
}
