//! The payloads of events, as far as they are not objects of [`crate::model`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GatewayOpcode, StreamKey, StreamName};
use crate::ids::{ChannelId, GuildId, MessageId, ServerId, UserId};
use crate::model::{Channel, Member, User, VoiceState};
use crate::naming::open_texts;
use crate::{Extra, Nullable, Token, scalar};

/// READY_SUPPLEMENTAL: what follows READY for user accounts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReadySupplemental {
    /// Who is in which room.
    #[serde(default)]
    pub guilds: Vec<SupplementalGuild>,
    /// Members, by guild.
    #[serde(default)]
    pub merged_members: Vec<Vec<Value>>,
    /// Presences, by guild and of friends.
    #[serde(default)]
    pub merged_presences: MergedPresences,
    /// Private channels that READY left out.
    #[serde(default)]
    pub lazy_private_channels: Vec<Channel>,
    /// Names of things to show.
    #[serde(default)]
    pub disclose: Vec<Value>,
    /// Invitations to games.
    #[serde(default)]
    pub game_invites: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The presences of READY_SUPPLEMENTAL, each with `user_id` in place of `user`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MergedPresences {
    /// Of members, by guild.
    #[serde(default)]
    pub guilds: Vec<Vec<Value>>,
    /// Of friends.
    #[serde(default)]
    pub friends: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A guild in READY_SUPPLEMENTAL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupplementalGuild {
    /// Which.
    pub id: GuildId,
    /// Who is in a room.
    #[serde(default)]
    pub voice_states: Vec<VoiceState>,
    /// Activities in rooms.
    #[serde(default)]
    pub activity_instances: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// GUILD_MEMBERS_CHUNK: answers op 8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildMembersChunk {
    /// Which guild.
    pub guild_id: GuildId,
    /// Some of its members.
    pub members: Vec<Member>,
    /// Number of this chunk, from 0.
    #[serde(deserialize_with = "scalar::whole")]
    pub chunk_index: u32,
    /// How many chunks there are.
    #[serde(deserialize_with = "scalar::whole")]
    pub chunk_count: u32,
    /// Users asked for who are no members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_found: Option<Vec<Value>>,
    /// Presences, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presences: Option<Vec<Value>>,
    /// From the request.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub nonce: Nullable<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// GUILD_MEMBER_ADD and GUILD_MEMBER_UPDATE: a member, and of which guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildMember {
    /// Which guild.
    pub guild_id: GuildId,
    /// The member.
    #[serde(flatten)]
    pub member: Member,
}

/// GUILD_MEMBER_REMOVE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildMemberRemove {
    /// Which guild.
    pub guild_id: GuildId,
    /// Who has gone.
    pub user: User,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// VOICE_SERVER_UPDATE: where to connect, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceServerUpdate {
    /// For exactly this user, session and room; the one before it dies.
    pub token: Token,
    /// The guild; null for a private call.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// The private channel, for a private call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// `host[:port]` and nothing else. Null: the server is gone, wait for the next of these.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// MESSAGE_ACK: the account has read up to here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageAck {
    /// Where.
    pub channel_id: ChannelId,
    /// Up to which message; need not exist.
    pub message_id: MessageId,
    /// Counts the read markers of the account.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub version: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// CALL_CREATE: a call has begun, or the answer to op 13.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallCreate {
    /// The private channel.
    pub channel_id: ChannelId,
    /// The message about it.
    pub message_id: MessageId,
    /// Where its voice server stands.
    #[serde(default)]
    pub region: Option<String>,
    /// Who is being rung.
    #[serde(default)]
    pub ringing: Vec<UserId>,
    /// Who is in it; empty when it has just begun.
    #[serde(default)]
    pub voice_states: Vec<VoiceState>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// CALL_UPDATE: ringing or region have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallUpdate {
    /// The private channel.
    pub channel_id: ChannelId,
    /// The message about it.
    pub message_id: MessageId,
    /// Where its voice server stands.
    #[serde(default)]
    pub region: Option<String>,
    /// Who is being rung.
    #[serde(default)]
    pub ringing: Vec<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// CALL_DELETE: a call is over, or for now unavailable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDelete {
    /// The private channel.
    pub channel_id: ChannelId,
    /// True: the server lost it and it may come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// STREAM_CREATE: answers ops 18 and 20.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamCreated {
    /// Which.
    pub stream_key: StreamKey,
    /// What the voice gateway's Identify calls `server_id`.
    pub rtc_server_id: ServerId,
    /// What it calls `channel_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtc_channel_id: Option<ChannelId>,
    /// Where its voice server stands.
    #[serde(default)]
    pub region: Option<String>,
    /// Who is watching.
    #[serde(default)]
    pub viewer_ids: Vec<UserId>,
    /// Whether paused.
    #[serde(default)]
    pub paused: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// STREAM_SERVER_UPDATE: where to connect for a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamServerUpdate {
    /// For exactly this user, session and stream.
    pub token: Token,
    /// Which.
    pub stream_key: StreamKey,
    /// Null.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// As in VOICE_SERVER_UPDATE.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// STREAM_UPDATE: viewers or pause have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamUpdate {
    /// Which.
    pub stream_key: StreamKey,
    /// Where its voice server stands.
    #[serde(default)]
    pub region: Option<String>,
    /// Who is watching.
    #[serde(default)]
    pub viewer_ids: Vec<UserId>,
    /// Whether paused.
    #[serde(default)]
    pub paused: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

open_texts! {
    /// Why a stream is gone, or was refused.
    StreamDeleteReason {
        /// Its owner ended it.
        UserRequested => "user_requested",
        /// It ended while watched.
        StreamEnded => "stream_ended",
        /// Too many viewers.
        StreamFull => "stream_full",
        /// Not permitted.
        Unauthorized => "unauthorized",
        /// Not in that channel.
        InvalidChannel => "invalid_channel",
        /// The key is none.
        ParseFailed => "parse_failed",
    }
}

/// STREAM_DELETE: a stream is gone, or was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamDelete {
    /// Which; a refused one need not have a key.
    pub stream_key: StreamName,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<StreamDeleteReason>,
    /// True: there is no voice server for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// RATE_LIMITED: an op came too often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimited {
    /// Which op, by number.
    #[serde(deserialize_with = "scalar::whole")]
    pub opcode: u8,
    /// Seconds.
    pub retry_after: f64,
    /// For op 8: `guild_id` and `nonce`.
    #[serde(default)]
    pub meta: Value,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RateLimited {
    /// `op` came too often; again in `retry_after` seconds.
    #[must_use]
    pub fn new(op: GatewayOpcode, retry_after: f64, meta: Value) -> Self {
        Self {
            opcode: op.number(),
            retry_after,
            meta,
            extra: Extra::new(),
        }
    }
}

/// CHANNEL_RECIPIENT_ADD and CHANNEL_RECIPIENT_REMOVE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelRecipient {
    /// Which group.
    pub channel_id: ChannelId,
    /// Who came or went.
    pub user: User,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// SOUNDBOARD_SOUNDS: answers op 31, once for each guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundboardSounds {
    /// Which guild.
    pub guild_id: GuildId,
    /// Its sounds.
    #[serde(default)]
    pub soundboard_sounds: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// CHANNEL_STATUSES and CHANNEL_INFO: answer ops 36 and 43.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelNotes {
    /// Which guild.
    pub guild_id: GuildId,
    /// Its voice channels that have something.
    #[serde(default)]
    pub channels: Vec<ChannelNote>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What is noted about one voice channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelNote {
    /// Which.
    pub id: ChannelId,
    /// Which guild; only in VOICE_CHANNEL_STATUS_UPDATE and VOICE_CHANNEL_START_TIME_UPDATE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The status line.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub status: Nullable<String>,
    /// Unix seconds since when somebody is in it.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub voice_start_time: Nullable<u64>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// VOICE_CHANNEL_EFFECT_SEND: an animation or a sound for the people in a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceChannelEffect {
    /// Which room.
    pub channel_id: ChannelId,
    /// Which guild.
    pub guild_id: GuildId,
    /// Whose.
    pub user_id: UserId,
    /// Emoji, animation, sound and volume.
    #[serde(flatten)]
    pub extra: Extra,
}
