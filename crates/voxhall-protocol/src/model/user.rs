//! Users, and users as members of a guild.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::ids::{RoleId, UserId};
use crate::{Extra, Nullable, scalar};

fn no_discriminator() -> String {
    "0".to_owned()
}

/// An account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The unique name.
    pub username: String,
    /// Four digits of old; `0` today.
    #[serde(default = "no_discriminator")]
    pub discriminator: String,
    /// The name shown, if another one.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub global_name: Nullable<String>,
    /// Hash of the picture.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Whether a bot; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<bool>,
    /// Badges that everybody sees.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub public_flags: Option<u64>,
    /// Badges; only of the own account.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub flags: Option<u64>,
    /// Whether a second factor is set up; only of the own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_enabled: Option<bool>,
    /// Whether the address is verified; only of the own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl User {
    /// The account as others see it.
    #[must_use]
    pub fn new(id: UserId, username: impl Into<String>, bot: bool) -> Self {
        Self {
            id,
            username: username.into(),
            discriminator: no_discriminator(),
            global_name: Nullable::Null,
            avatar: None,
            bot: Some(bot),
            public_flags: Some(0),
            flags: None,
            mfa_enabled: None,
            verified: None,
            extra: Extra::new(),
        }
    }

    /// The account as it sees itself, in READY and `GET /users/@me`.
    #[must_use]
    pub fn own(id: UserId, username: impl Into<String>, bot: bool) -> Self {
        Self {
            flags: Some(0),
            mfa_enabled: Some(false),
            verified: Some(true),
            ..Self::new(id, username, bot)
        }
    }

    /// Whether a bot.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.bot.unwrap_or(false)
    }
}

/// A user in a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// Who; absent where the message around it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Roles, @everyone left out.
    #[serde(default)]
    pub roles: Vec<RoleId>,
    /// The name in this guild.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub nick: Nullable<String>,
    /// Hash of the picture in this guild.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub avatar: Nullable<String>,
    /// Since when a member; null for guests.
    #[serde(default)]
    pub joined_at: Option<Timestamp>,
    /// Deafened by a moderator.
    #[serde(default)]
    pub deaf: bool,
    /// Muted by a moderator.
    #[serde(default)]
    pub mute: bool,
    /// Marks of the membership.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub flags: u64,
    /// Whether the entrance questions are still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<bool>,
    /// Since when a supporter.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub premium_since: Nullable<Timestamp>,
    /// Until when timed out.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub communication_disabled_until: Nullable<Timestamp>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Member {
    /// A member without roles, neither muted nor deafened.
    #[must_use]
    pub fn new(user: User, joined_at: Timestamp) -> Self {
        Self {
            user: Some(user),
            roles: Vec::new(),
            nick: Nullable::Null,
            avatar: Nullable::Null,
            joined_at: Some(joined_at),
            deaf: false,
            mute: false,
            flags: 0,
            pending: Some(false),
            premium_since: Nullable::Null,
            communication_disabled_until: Nullable::Null,
            extra: Extra::new(),
        }
    }
}
