//! Channels of guilds, private channels and groups.

use serde::{Deserialize, Serialize};

use super::{Permissions, User};
use crate::ids::{ChannelId, GuildId, MessageId, OverwriteId, UserId};
use crate::naming::open_numbers;
use crate::{Extra, Nullable, scalar};

open_numbers! {
    /// What kind of channel.
    ChannelKind: u8 {
        /// Text in a guild.
        GuildText = 0 => "text",
        /// Between two users.
        Private = 1 => "private",
        /// Voice in a guild.
        GuildVoice = 2 => "voice",
        /// Between several users.
        Group = 3 => "group",
        /// Holds other channels.
        GuildCategory = 4 => "category",
        /// Text that other guilds may follow.
        GuildAnnouncement = 5 => "announcement",
        /// A stage.
        GuildStage = 13 => "stage",
        /// Posts.
        GuildForum = 15 => "forum",
    }
}

impl ChannelKind {
    /// Whether people can talk in it.
    #[must_use]
    pub const fn is_voice(self) -> bool {
        matches!(
            self,
            Self::GuildVoice | Self::GuildStage | Self::Private | Self::Group
        )
    }

    /// Whether it belongs to users and not to a guild.
    #[must_use]
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Private | Self::Group)
    }
}

open_numbers! {
    /// Whom an overwrite concerns.
    OverwriteKind: u8 {
        /// A role.
        Role = 0 => "role",
        /// A member.
        Member = 1 => "member",
    }
}

/// Permissions that differ in one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PermissionOverwrite {
    /// The role or user, by `kind`.
    pub id: OverwriteId,
    /// What `id` names.
    #[serde(rename = "type")]
    pub kind: OverwriteKind,
    /// Granted.
    #[serde(default)]
    pub allow: Permissions,
    /// Taken; `allow` wins.
    #[serde(default)]
    pub deny: Permissions,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A channel. Which fields are there depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Channel {
    /// Which.
    pub id: ChannelId,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// The name; private channels have none.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub name: Nullable<String>,
    /// The guild; absent inside a guild object of the user-account layout, and for private channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Place in the list.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub position: Option<i32>,
    /// The category.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub parent_id: Nullable<ChannelId>,
    /// Permissions that differ here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_overwrites: Option<Vec<PermissionOverwrite>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub topic: Nullable<String>,
    /// For adults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsfw: Option<bool>,
    /// Marks.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub flags: Option<u64>,
    /// Bit/s advised to speakers.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub bitrate: Option<u32>,
    /// How many may be in it; 0 is no limit.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_limit: Option<u32>,
    /// Region of the voice server; null picks one.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub rtc_region: Nullable<String>,
    /// 1 automatic, 2 full (720p).
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub video_quality_mode: Option<u8>,
    /// Seconds between messages of one user.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub rate_limit_per_user: Option<u32>,
    /// The newest message.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub last_message_id: Nullable<MessageId>,
    /// The users of a private channel, oneself left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<User>>,
    /// The same by id, where users stand elsewhere in the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_ids: Option<Vec<UserId>>,
    /// The owner of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Channel {
    /// A guild channel of any kind, with every field strict clients ask for.
    #[must_use]
    pub fn in_guild(id: ChannelId, guild_id: GuildId, kind: ChannelKind, name: impl Into<String>) -> Self {
        let voice = kind.is_voice();
        Self {
            name: Nullable::Value(name.into()),
            guild_id: Some(guild_id),
            position: Some(0),
            parent_id: Nullable::Null,
            permission_overwrites: Some(Vec::new()),
            topic: Nullable::Null,
            nsfw: Some(false),
            bitrate: voice.then_some(64_000),
            user_limit: voice.then_some(0),
            rtc_region: if voice { Nullable::Null } else { Nullable::Absent },
            video_quality_mode: voice.then_some(1),
            rate_limit_per_user: Some(0),
            ..Self::bare(id, kind)
        }
    }

    /// A private channel with one user, or a group with several.
    #[must_use]
    pub fn private(id: ChannelId, kind: ChannelKind, recipients: Vec<User>) -> Self {
        Self {
            recipients: Some(recipients),
            ..Self::bare(id, kind)
        }
    }

    fn bare(id: ChannelId, kind: ChannelKind) -> Self {
        Self {
            id,
            kind,
            name: Nullable::Absent,
            guild_id: None,
            position: None,
            parent_id: Nullable::Absent,
            permission_overwrites: None,
            topic: Nullable::Absent,
            nsfw: None,
            flags: Some(0),
            bitrate: None,
            user_limit: None,
            rtc_region: Nullable::Absent,
            video_quality_mode: None,
            rate_limit_per_user: None,
            last_message_id: Nullable::Null,
            recipients: None,
            recipient_ids: None,
            owner_id: None,
            extra: Extra::new(),
        }
    }
}
