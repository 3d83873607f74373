//! What happens to messages besides their coming and changing.

use serde::{Deserialize, Serialize};

use crate::Extra;
use crate::ids::{ChannelId, GuildId, MessageId, UserId};
use crate::model::Member;
use crate::scalar;

/// MESSAGE_DELETE: a message is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageDelete {
    /// Which.
    pub id: MessageId,
    /// Where it was.
    pub channel_id: ChannelId,
    /// In which guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// MESSAGE_DELETE_BULK: several messages are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageDeleteBulk {
    /// Which.
    pub ids: Vec<MessageId>,
    /// Where they were.
    pub channel_id: ChannelId,
    /// In which guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// TYPING_START: somebody is writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypingStart {
    /// Where.
    pub channel_id: ChannelId,
    /// In which guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Who.
    pub user_id: UserId,
    /// Unix time in seconds.
    #[serde(deserialize_with = "scalar::whole")]
    pub timestamp: u64,
    /// The same account as a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
