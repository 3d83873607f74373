//! Requests about messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{MessageId, RoleId, UserId};
use crate::model::{MessageFlags, MessageReference};
use crate::{Extra, Nullable};

/// Whom a message may notify, out of those whom its text names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowedMentions {
    /// `users`, `roles`, `everyone`: all of these that the text names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse: Option<Vec<String>>,
    /// These users alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserId>>,
    /// These roles alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleId>>,
    /// Whether the one who is answered is notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replied_user: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /channels/{c}/messages`, and the message in an answer to an interaction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateMessage {
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the client calls it: a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// Whether a message of the same nonce, sent before, is given in place of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_nonce: Option<bool>,
    /// Whether it is read aloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tts: Option<bool>,
    /// Things shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeds: Option<Vec<Value>>,
    /// Buttons and menus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Value>>,
    /// Whom it may notify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_mentions: Option<AllowedMentions>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_reference: Option<MessageReference>,
    /// Marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<MessageFlags>,
    /// Files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Value>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PATCH /channels/{c}/messages/{m}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditMessage {
    /// The text; null takes it away.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub content: Nullable<String>,
    /// Things shown with it.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub embeds: Nullable<Vec<Value>>,
    /// Buttons and menus.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub components: Nullable<Vec<Value>>,
    /// Whom it may notify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_mentions: Option<AllowedMentions>,
    /// Marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<MessageFlags>,
    /// Files to keep or add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<Value>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /channels/{c}/messages/bulk-delete`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkDelete {
    /// Which, between 2 and 100.
    pub messages: Vec<MessageId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
