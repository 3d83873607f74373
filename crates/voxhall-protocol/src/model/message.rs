//! Messages: what people and bots write, and what stands for calls and for changes of groups.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ChannelKind, Member, Timestamp, User};
use crate::ids::{ApplicationId, ChannelId, GuildId, MessageId, RoleId, UserId};
use crate::naming::{flag_set, open_numbers};
use crate::{Extra, Nullable};

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
        /// The group got another name.
        ChannelNameChange = 4 => "channel name changed",
        /// The group got another picture.
        ChannelIconChange = 5 => "channel icon changed",
        /// Answers another message.
        Reply = 19 => "reply",
        /// Answers a slash command.
        ChatInputCommand = 20 => "chat input command",
        /// Answers a command of a context menu.
        ContextMenuCommand = 23 => "context menu command",
    }
}

flag_set! {
    /// Marks of a message.
    MessageFlags: u64 as number {
        /// Embeds are not shown.
        SUPPRESS_EMBEDS = 1 << 2 => "suppress embeds",
        /// Only the one who used the command sees it.
        EPHEMERAL = 1 << 6 => "ephemeral",
        /// The application is still thinking.
        LOADING = 1 << 7 => "loading",
        /// Nobody is notified.
        SUPPRESS_NOTIFICATIONS = 1 << 12 => "suppress notifications",
        /// Made of components alone.
        IS_COMPONENTS_V2 = 1 << 15 => "components v2",
    }
}

/// Which message a message is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageReference {
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Where; the channel of the message itself, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// In which guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Whether a message that is gone makes the request fail; true if absent. Only in requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_if_not_exists: Option<bool>,
    /// Fields unknown here; `type` among them, 0 for a reply.
    #[serde(flatten)]
    pub extra: Extra,
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
    #[serde(default)]
    pub flags: MessageFlags,
    /// The call, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallInfo>,
    /// The author as a member, without the user; in events of guilds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Member>>,
    /// What the client that sent it called it; a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_reference: Option<MessageReference>,
    /// The message it answers; null if that is gone.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub referenced_message: Nullable<Box<Message>>,
    /// The application that wrote it as an answer to an interaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationId>,
    /// The same, under the name that webhooks have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<ApplicationId>,
    /// Which interaction it answers, and whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_metadata: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Message {
    /// A message with nothing in it but who wrote it, when and where.
    #[must_use]
    pub fn new(
        id: MessageId,
        channel_id: ChannelId,
        kind: MessageKind,
        author: User,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            id,
            channel_id,
            guild_id: None,
            channel_type: None,
            kind,
            author,
            content: String::new(),
            timestamp,
            edited_timestamp: None,
            tts: false,
            pinned: false,
            mention_everyone: false,
            mentions: Vec::new(),
            mention_roles: Vec::new(),
            attachments: Vec::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            flags: MessageFlags::NONE,
            call: None,
            member: None,
            nonce: None,
            message_reference: None,
            referenced_message: Nullable::Absent,
            application_id: None,
            webhook_id: None,
            interaction_metadata: None,
            extra: Extra::new(),
        }
    }

    /// The message as an application sees it that may not read what others write: everything is there but what it says.
    #[must_use]
    pub fn without_content(&self) -> Self {
        Self {
            content: String::new(),
            attachments: Vec::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            ..self.clone()
        }
    }

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
            mentions: others,
            call: Some(call),
            ..Self::new(id, channel_id, MessageKind::Call, author, timestamp)
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

    /// A message that was edited: all of it.
    ///
    /// # Panics
    /// Never: what a message is written as can be read as a part of one.
    #[must_use]
    pub fn whole(message: &Message) -> Self {
        let read = serde_json::to_value(message).and_then(serde_json::from_value);
        read.expect("a message has an id and a channel, and the rest is kept as it is")
    }
}
