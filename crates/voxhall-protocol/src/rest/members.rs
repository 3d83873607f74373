//! The bodies of requests about members and roles.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, RoleId};
use crate::model::{Permissions, RoleColors, Timestamp};
use crate::{Extra, Nullable, scalar};

/// `PATCH /guilds/{g}/members/{u}` and `/@me`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchMember {
    /// The name in this guild; null and the empty text take it away.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub nick: Nullable<String>,
    /// All roles, `@everyone` left out; null is none.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub roles: Nullable<Vec<RoleId>>,
    /// Mutes or unmutes.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub mute: Nullable<bool>,
    /// Deafens or undeafens.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub deaf: Nullable<bool>,
    /// Moves; null disconnects.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub channel_id: Nullable<ChannelId>,
    /// Until when timed out; null ends it.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub communication_disabled_until: Nullable<Timestamp>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /guilds/{g}/roles`, and `PATCH /guilds/{g}/roles/{r}`, where what is absent stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleDraft {
    /// Its name; `new role` where absent.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub name: Nullable<String>,
    /// What it grants; what everybody has where absent.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub permissions: Nullable<Permissions>,
    /// 24-bit RGB.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub color: Nullable<u32>,
    /// The same; counts before `color`.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub colors: Nullable<RoleColors>,
    /// Whether its members stand apart.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub hoist: Nullable<bool>,
    /// Whether everybody may notify it.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub mentionable: Nullable<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One entry of `PATCH /guilds/{g}/roles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolePosition {
    /// Which role.
    pub id: RoleId,
    /// Its place; null and absent leave it.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub position: Option<i32>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
