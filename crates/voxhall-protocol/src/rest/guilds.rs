//! The bodies of requests about guilds, their channels and their bans.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, UserId};
use crate::model::{ChannelKind, PermissionOverwrite, Permissions, User};
use crate::{Extra, Nullable, scalar};

/// `POST /guilds`, and `PATCH /guilds/{g}`, where what is absent stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuildDraft {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub description: Nullable<String>,
    /// Who owns it from now on; only its owner may say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
    /// Where idle members are moved.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub afk_channel_id: Nullable<ChannelId>,
    /// Seconds until they are: 60, 300, 900, 1800 or 3600.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub afk_timeout: Option<u32>,
    /// Where notices are written.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub system_channel_id: Nullable<ChannelId>,
    /// Which notices are not written.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub system_channel_flags: Option<u64>,
    /// 0–4; null is 0.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub verification_level: Nullable<u8>,
    /// 0 all messages, 1 mentions; null is 0.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub default_message_notifications: Nullable<u8>,
    /// 0–2; null is 0.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub explicit_content_filter: Nullable<u8>,
    /// Language, such as `en-US`; null is that.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub preferred_locale: Nullable<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /guilds/{g}/channels`, and `PATCH /channels/{c}`, where what is absent stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelDraft {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What kind; text where absent. Fixed once it is made.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChannelKind>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub topic: Nullable<String>,
    /// For adults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsfw: Option<bool>,
    /// Seconds between messages of one member; null is none.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub rate_limit_per_user: Nullable<u32>,
    /// Place in the list.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub position: Nullable<i32>,
    /// The category.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub parent_id: Nullable<ChannelId>,
    /// Bit/s.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub bitrate: Option<u32>,
    /// How many may be in it; 0 and null are no limit.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub user_limit: Nullable<u32>,
    /// Region; null picks one.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub rtc_region: Nullable<String>,
    /// 1 automatic, 2 full; null is 1.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub video_quality_mode: Nullable<u8>,
    /// Permissions that differ here, replacing all.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub permission_overwrites: Nullable<Vec<PermissionOverwrite>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One entry of `PATCH /guilds/{g}/channels`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelPosition {
    /// Which channel.
    pub id: ChannelId,
    /// Its place; null and absent leave it.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub position: Option<i32>,
    /// Whether it takes the permissions of the category it comes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_permissions: Option<bool>,
    /// The category it comes into.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub parent_id: Nullable<ChannelId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PUT /channels/{c}/permissions/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutOverwrite {
    /// Whether the id is a role's or a member's.
    #[serde(rename = "type")]
    pub kind: crate::model::OverwriteKind,
    /// Granted.
    #[serde(default)]
    pub allow: Nullable<Permissions>,
    /// Taken.
    #[serde(default)]
    pub deny: Nullable<Permissions>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /guilds/{g}/bans/{u}`: who is banned and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ban {
    /// As the one who banned said.
    pub reason: Option<String>,
    /// Who.
    pub user: User,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PUT /guilds/{g}/bans/{u}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutBan {
    /// How many seconds of the banned one's messages go as well.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub delete_message_seconds: Option<u32>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /guilds/{g}/bulk-ban`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkBan {
    /// Whom, at most 200.
    #[serde(default)]
    pub user_ids: Vec<UserId>,
    /// How many seconds of their messages go as well.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub delete_message_seconds: Option<u32>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The answer to [`BulkBan`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkBanned {
    /// Who is banned now and was not before.
    pub banned_users: Vec<UserId>,
    /// Who is not: already banned, above the caller, or nobody.
    pub failed_users: Vec<UserId>,
}
