//! The payloads of events about roles and bans.

use serde::{Deserialize, Serialize};

use crate::Extra;
use crate::ids::{GuildId, RoleId};
use crate::model::{Role, User};

/// GUILD_ROLE_CREATE and GUILD_ROLE_UPDATE: a role, and of which guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildRole {
    /// Which guild.
    pub guild_id: GuildId,
    /// The role.
    pub role: Role,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// GUILD_ROLE_DELETE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildRoleDelete {
    /// Which guild.
    pub guild_id: GuildId,
    /// Which role.
    pub role_id: RoleId,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// GUILD_BAN_ADD and GUILD_BAN_REMOVE: who is banned or no longer banned, and from where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildBan {
    /// Which guild.
    pub guild_id: GuildId,
    /// Who.
    pub user: User,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
