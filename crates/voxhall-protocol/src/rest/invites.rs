//! Invites to guilds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ChannelId, GuildId};
use crate::model::{ChannelKind, Timestamp, User};
use crate::naming::open_numbers;
use crate::{Extra, Nullable, scalar};

open_numbers! {
    /// What an invite leads to.
    InviteKind: u8 {
        /// A guild.
        Guild = 0 => "guild",
        /// A group.
        Group = 1 => "group",
        /// A person.
        Friend = 2 => "friend",
    }
}

/// `POST /channels/{c}/invites`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateInvite {
    /// Seconds that it holds; 0 is for ever.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_age: Option<u32>,
    /// How often it may be used; 0 is without end.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_uses: Option<u32>,
    /// Whether membership ends with the session, unless there is a role by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// Whether a new one is made though there is one alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The guild of an [`Invite`], as strangers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteGuild {
    /// Which.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hash of the picture behind the invite.
    #[serde(default)]
    pub splash: Option<String>,
    /// Hash of the banner.
    #[serde(default)]
    pub banner: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub description: Option<String>,
    /// Hash of the picture.
    #[serde(default)]
    pub icon: Option<String>,
    /// What it can.
    #[serde(default)]
    pub features: Vec<String>,
    /// What new members must have proven.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub verification_level: u8,
    /// A code of its own.
    #[serde(default)]
    pub vanity_url_code: Option<String>,
    /// For whom it is.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub nsfw_level: u8,
    /// How many support it.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub premium_subscription_count: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl InviteGuild {
    /// A guild with a name alone.
    #[must_use]
    pub fn new(id: GuildId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            splash: None,
            banner: None,
            description: None,
            icon: None,
            features: Vec::new(),
            verification_level: 0,
            vanity_url_code: None,
            nsfw_level: 0,
            premium_subscription_count: 0,
            extra: Extra::new(),
        }
    }
}

/// The channel of an [`Invite`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteChannel {
    /// Which.
    pub id: ChannelId,
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How an invite is used; only those who manage invites see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteMetadata {
    /// How often it was used.
    #[serde(deserialize_with = "scalar::whole")]
    pub uses: u32,
    /// How often it may be used; 0 is without end.
    #[serde(deserialize_with = "scalar::whole")]
    pub max_uses: u32,
    /// Seconds that it holds; 0 is for ever.
    #[serde(deserialize_with = "scalar::whole")]
    pub max_age: u32,
    /// Whether membership ends with the session.
    pub temporary: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invite {
    /// What it leads to.
    #[serde(rename = "type", default = "InviteKind::guild")]
    pub kind: InviteKind,
    /// What to type.
    pub code: String,
    /// The guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild: Option<InviteGuild>,
    /// The guild's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The channel to begin in.
    pub channel: Option<InviteChannel>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<User>,
    /// When it ends; null is never.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub expires_at: Nullable<Timestamp>,
    /// Members, where asked for.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub approximate_member_count: Option<u64>,
    /// Members who are online, where asked for.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub approximate_presence_count: Option<u64>,
    /// Whether the caller has just become a member; in the answer to a join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_member: Option<bool>,
    /// How it is used.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InviteMetadata>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl InviteKind {
    const fn guild() -> Self {
        Self::Guild
    }
}

/// INVITE_CREATE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteCreated {
    /// The guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The channel.
    pub channel_id: ChannelId,
    /// What to type.
    pub code: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<User>,
    /// When it ends; null is never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What it leads to.
    #[serde(rename = "type", default = "InviteKind::guild")]
    pub kind: InviteKind,
    /// How it is used.
    #[serde(flatten)]
    pub metadata: InviteMetadata,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// INVITE_DELETE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteDeleted {
    /// The guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The channel.
    pub channel_id: ChannelId,
    /// What is no longer worth typing.
    pub code: String,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /invites/{code}`; clients say which session joins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptInvite {
    /// The Gateway session.
    #[serde(default)]
    pub session_id: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
