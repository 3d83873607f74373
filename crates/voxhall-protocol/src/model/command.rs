//! Commands of applications, as they are registered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{ChannelKind, Permissions};
use crate::ids::{ApplicationId, CommandId, GuildId};
use crate::naming::open_numbers;
use crate::{Extra, Nullable};

open_numbers! {
    /// Where a command stands in clients.
    CommandKind: u8 {
        /// Typed, with a slash before it.
        ChatInput = 1 => "chat input",
        /// In the menu of a user.
        User = 2 => "user",
        /// In the menu of a message.
        Message = 3 => "message",
        /// Starts an activity.
        PrimaryEntryPoint = 4 => "primary entry point",
    }
}

open_numbers! {
    /// What an option takes.
    CommandOptionKind: u8 {
        /// Options of its own.
        SubCommand = 1 => "subcommand",
        /// Subcommands.
        SubCommandGroup = 2 => "subcommand group",
        /// A text.
        String = 3 => "string",
        /// A whole number up to 2^53.
        Integer = 4 => "integer",
        /// Yes or no.
        Boolean = 5 => "boolean",
        /// A user.
        User = 6 => "user",
        /// A channel.
        Channel = 7 => "channel",
        /// A role.
        Role = 8 => "role",
        /// A user or a role.
        Mentionable = 9 => "mentionable",
        /// A number.
        Number = 10 => "number",
        /// A file.
        Attachment = 11 => "attachment",
    }
}

impl CommandOptionKind {
    /// Whether it holds further options instead of a value.
    #[must_use]
    pub const fn is_branch(self) -> bool {
        matches!(self, Self::SubCommand | Self::SubCommandGroup)
    }
}

open_numbers! {
    /// Where an interaction happens.
    InteractionContext: u8 {
        /// In a guild.
        Guild = 0 => "guild",
        /// In the private channel with the bot.
        BotPrivate = 1 => "private channel with the bot",
        /// In another private channel.
        PrivateChannel = 2 => "private channel",
    }
}

/// Texts by language.
pub type Localizations = BTreeMap<String, String>;

/// One of the values an option offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandChoice {
    /// What people see.
    pub name: String,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub name_localizations: Nullable<Localizations>,
    /// What the application gets: a text or a number.
    pub value: Value,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandOption {
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: CommandOptionKind,
    /// Its name, unique among its neighbours.
    pub name: String,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub name_localizations: Nullable<Localizations>,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub description_localizations: Nullable<Localizations>,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The only values it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<CommandChoice>>,
    /// Options of a subcommand, or subcommands of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<CommandOption>>,
    /// Whether the application offers values while people type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<bool>,
    /// The kinds of channels that it takes; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_types: Option<Vec<ChannelKind>>,
    /// The smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Number>,
    /// The largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Number>,
    /// The shortest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// The longest text, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A command of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApplicationCommand {
    /// Which.
    pub id: CommandId,
    /// Whose.
    pub application_id: ApplicationId,
    /// The only guild that has it; absent for all guilds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Changes with every change of the command.
    pub version: CommandId,
    /// Where it stands.
    #[serde(rename = "type")]
    pub kind: CommandKind,
    /// Its name.
    pub name: String,
    /// The same in other languages.
    #[serde(default)]
    pub name_localizations: Option<Localizations>,
    /// What it is about; empty for those in menus.
    #[serde(default)]
    pub description: String,
    /// The same in other languages.
    #[serde(default)]
    pub description_localizations: Option<Localizations>,
    /// What it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<CommandOption>,
    /// What a member needs to use it, where the guild does not say otherwise; null for nothing.
    #[serde(default)]
    pub default_member_permissions: Option<Permissions>,
    /// Whether it can be used in private channels with the bot; older than `contexts`.
    #[serde(default)]
    pub dm_permission: Option<bool>,
    /// Where it can be used; null for everywhere.
    #[serde(default)]
    pub contexts: Option<Vec<InteractionContext>>,
    /// How the application may be installed to have it: 0 in guilds, 1 by users.
    #[serde(default)]
    pub integration_types: Vec<u8>,
    /// For adults.
    #[serde(default)]
    pub nsfw: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
