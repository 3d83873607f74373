//! Messages, of which calls need one kind.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChannelKind, Timestamp, User};
use crate::ids::{ChannelId, GuildId, MessageId, RoleId, UserId};
use crate::naming::open_numbers;
use crate::{Extra, scalar};

open_numbers! {
    /// What a message is.
    MessageKind: u8 {
        /// Written by a user.
        Default = 0 => "default",
        /// Somebody came into the group.
        RecipientAdd = 1 => "recipient added",
        /// Somebody went from the group.
        RecipientRemove = 2 => "recipient removed",
        /// A call was begun.
        Call = 3 => "call",
    }
}

/// What a message of kind [`MessageKind::Call`] says about its call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallInfo {
    /// All who ever joined; only grows.
    #[serde(default)]
    pub participants: Vec<UserId>,
    /// When the last one left; null while the call runs.
    #[serde(default)]
    pub ended_timestamp: Option<Timestamp>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CallInfo {
    /// A running call.
    #[must_use]
    pub fn running(participants: Vec<UserId>) -> Self {
        Self {
            participants,
            ended_timestamp: None,
            extra: Extra::new(),
        }
    }
}

/// A whole message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// Which.
    pub id: MessageId,
    /// Where.
    pub channel_id: ChannelId,
    /// In which guild; absent in private channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// In what kind of channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_type: Option<ChannelKind>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// Who wrote it, or began the call.
    pub author: User,
    /// The text.
    #[serde(default)]
    pub content: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// When it was changed.
    #[serde(default)]
    pub edited_timestamp: Option<Timestamp>,
    /// Whether read aloud.
    #[serde(default)]
    pub tts: bool,
    /// Whether pinned.
    #[serde(default)]
    pub pinned: bool,
    /// Whether everybody is notified.
    #[serde(default)]
    pub mention_everyone: bool,
    /// Users notified; for a call, the other recipients.
    #[serde(default)]
    pub mentions: Vec<User>,
    /// Roles notified.
    #[serde(default)]
    pub mention_roles: Vec<RoleId>,
    /// Files.
    #[serde(default)]
    pub attachments: Vec<Value>,
    /// Things shown with it.
    #[serde(default)]
    pub embeds: Vec<Value>,
    /// Buttons and menus.
    #[serde(default)]
    pub components: Vec<Value>,
    /// Marks.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub flags: u64,
    /// The call, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallInfo>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Message {
    /// The message that begins a call: `author` calls `others`.
    #[must_use]
    pub fn call(
        id: MessageId,
        channel_id: ChannelId,
        author: User,
        others: Vec<User>,
        timestamp: Timestamp,
    ) -> Self {
        let call = CallInfo::running(vec![author.id]);
        Self {
            id,
            channel_id,
            guild_id: None,
            channel_type: None,
            kind: MessageKind::Call,
            author,
            content: String::new(),
            timestamp,
            edited_timestamp: None,
            tts: false,
            pinned: false,
            mention_everyone: false,
            mentions: others,
            mention_roles: Vec::new(),
            attachments: Vec::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            flags: 0,
            call: Some(call),
            extra: Extra::new(),
        }
    }
}

/// The changed part of a message, in MESSAGE_UPDATE. Everything but `call` stays among the unknown fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartialMessage {
    /// Which.
    pub id: MessageId,
    /// Where.
    pub channel_id: ChannelId,
    /// The call, if that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallInfo>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl PartialMessage {
    /// The call of a message has changed.
    #[must_use]
    pub fn call(id: MessageId, channel_id: ChannelId, call: CallInfo) -> Self {
        Self {
            id,
            channel_id,
            call: Some(call),
            extra: Extra::new(),
        }
    }
}
