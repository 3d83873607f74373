//! Stages that are live, and the requests about them.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelId, GuildId, StageInstanceId};
use crate::naming::open_numbers;
use crate::{Extra, Nullable};

open_numbers! {
    /// Who may know of a live stage.
    StagePrivacy: u8 {
        /// Everybody; not given any more.
        Public = 1 => "public",
        /// The members of the guild.
        GuildOnly = 2 => "guild only",
    }
}

/// A stage that is live: somebody gave it a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageInstance {
    /// Its id; new each time the stage goes live.
    pub id: StageInstanceId,
    /// Which guild.
    pub guild_id: GuildId,
    /// Which stage channel.
    pub channel_id: ChannelId,
    /// What it is about.
    pub topic: String,
    /// Who may know of it.
    pub privacy_level: StagePrivacy,
    /// A remainder of public stages.
    #[serde(default)]
    pub discoverable_disabled: bool,
    /// The event it belongs to, by id.
    #[serde(default)]
    pub guild_scheduled_event_id: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /stage-instances`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateStageInstance {
    /// Which stage channel.
    pub channel_id: ChannelId,
    /// What it is about.
    pub topic: String,
    /// Who may know of it; absent means the members of the guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_level: Option<StagePrivacy>,
    /// Notify everybody in the guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_start_notification: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PATCH /stage-instances/{channel}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchStageInstance {
    /// What it is about now.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub topic: Nullable<String>,
    /// Who may know of it now.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub privacy_level: Nullable<StagePrivacy>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
