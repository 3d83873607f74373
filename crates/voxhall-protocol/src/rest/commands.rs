//! Requests about commands and interactions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ApplicationId, ChannelId, CommandId, GuildId, InteractionId, MessageId, TargetId};
use crate::model::{
    ApplicationCommand, CommandDataOption, CommandKind, CommandOption, ComponentKind, InteractionContext,
    InteractionKind, Localizations, Message, MessageFlags, Permissions,
};
use crate::naming::open_numbers;
use crate::{Extra, Nullable};

/// Registers or changes a command; what is absent in a change stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutCommand {
    /// Which, where one that is known is replaced among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub name_localizations: Nullable<Localizations>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub description_localizations: Nullable<Localizations>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<CommandOption>>,
    /// What a member needs to use it; null for nothing.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub default_member_permissions: Nullable<Permissions>,
    /// Whether it can be used in private channels with the bot.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub dm_permission: Nullable<bool>,
    /// Where it can be used.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub contexts: Nullable<Vec<InteractionContext>>,
    /// How the application may be installed to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_types: Option<Vec<u8>>,
    /// Where it stands; chat input, if absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CommandKind>,
    /// For adults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsfw: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /guilds/{g}/application-command-index`: what an account can use there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApplicationCommandIndex {
    /// The applications that have commands.
    pub applications: Vec<Value>,
    /// The commands.
    pub application_commands: Vec<ApplicationCommand>,
    /// Changes with the list.
    pub version: String,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /interactions`: somebody uses a command, a button, a menu or a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateInteraction {
    /// What is done.
    #[serde(rename = "type")]
    pub kind: InteractionKind,
    /// Whose command, button or form it is.
    pub application_id: ApplicationId,
    /// In which guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Where.
    pub channel_id: ChannelId,
    /// The session that hears what becomes of it; all of the account's, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What the client calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// What is used, and with what.
    pub data: Value,
    /// The message that a component belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The marks of that message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_flags: Option<MessageFlags>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `data` of a [`CreateInteraction`] that uses a command, or types one of its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsedCommand {
    /// Which.
    pub id: CommandId,
    /// The version that the client knows; the newest, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<CommandId>,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<CommandDataOption>,
    /// The user or message of a menu's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<TargetId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `data` of a [`CreateInteraction`] that uses a button or a menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsedComponent {
    /// What the application calls it.
    pub custom_id: String,
    /// What kind of component.
    pub component_type: ComponentKind,
    /// What was picked in a menu.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The `data` of a [`CreateInteraction`] that sends a form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentForm {
    /// The interaction that the form answers.
    pub id: InteractionId,
    /// What the application calls it.
    pub custom_id: String,
    /// Its fields with their values.
    pub components: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

open_numbers! {
    /// How an application answers an interaction.
    InteractionCallbackKind: u8 {
        /// Answers a question over HTTP.
        Pong = 1 => "pong",
        /// With a message.
        Message = 4 => "message",
        /// With a message that is still being written.
        DeferredMessage = 5 => "deferred message",
        /// With a change of the component's message that is still being made.
        DeferredUpdate = 6 => "deferred update",
        /// With a change of the component's message.
        UpdateMessage = 7 => "update message",
        /// With values for an option.
        Autocomplete = 8 => "autocomplete",
        /// With a form.
        Modal = 9 => "modal",
    }
}

/// `POST /interactions/{i}/{token}/callback`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InteractionResponse {
    /// How.
    #[serde(rename = "type")]
    pub kind: InteractionCallbackKind,
    /// With what: a message, values, or a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What an application is told of its answer, if it asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InteractionCallback {
    /// The interaction.
    pub interaction: CallbackInteraction,
    /// What came of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<CallbackResource>,
}

/// The interaction in an [`InteractionCallback`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallbackInteraction {
    /// Which.
    pub id: InteractionId,
    /// What somebody did.
    #[serde(rename = "type")]
    pub kind: InteractionKind,
    /// The message of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_message_id: Option<MessageId>,
    /// Whether it is still being written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_message_loading: Option<bool>,
    /// Whether only that account sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_message_ephemeral: Option<bool>,
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallbackResource {
    /// How the application answered.
    #[serde(rename = "type")]
    pub kind: InteractionCallbackKind,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Box<Message>>,
}
