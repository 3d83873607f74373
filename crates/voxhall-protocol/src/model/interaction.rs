//! Interactions: somebody's use of a command, a button, a menu or a form, as an application is told of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Channel, CommandKind, CommandOptionKind, InteractionContext, Member, Message, Permissions, Role, User,
};
use crate::ids::{
    ApplicationId, ChannelId, CommandId, GuildId, InteractionId, MessageId, RoleId, TargetId, UserId,
};
use crate::naming::open_numbers;
use crate::{Extra, Secret};

open_numbers! {
    /// What somebody did.
    InteractionKind: u8 {
        /// Asked whether an address answers; only over HTTP.
        Ping = 1 => "ping",
        /// Used a command.
        ApplicationCommand = 2 => "application command",
        /// Used a button or a menu.
        MessageComponent = 3 => "message component",
        /// Is typing an option.
        Autocomplete = 4 => "autocomplete",
        /// Sent a form.
        ModalSubmit = 5 => "modal submit",
    }
}

open_numbers! {
    /// What a component of a message or a form is.
    ComponentKind: u8 {
        /// Holds buttons, or a menu.
        ActionRow = 1 => "action row",
        /// A button.
        Button = 2 => "button",
        /// A menu of texts.
        StringSelect = 3 => "string select",
        /// A text to fill in.
        TextInput = 4 => "text input",
        /// A menu of users.
        UserSelect = 5 => "user select",
        /// A menu of roles.
        RoleSelect = 6 => "role select",
        /// A menu of users and roles.
        MentionableSelect = 7 => "mentionable select",
        /// A menu of channels.
        ChannelSelect = 8 => "channel select",
        /// Names a field of a form.
        Label = 18 => "label",
    }
}

impl ComponentKind {
    /// Whether people pick values in it.
    #[must_use]
    pub const fn is_menu(self) -> bool {
        matches!(
            self,
            Self::StringSelect
                | Self::UserSelect
                | Self::RoleSelect
                | Self::MentionableSelect
                | Self::ChannelSelect
        )
    }
}

/// A value given for an option of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandDataOption {
    /// Which option.
    pub name: String,
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: CommandOptionKind,
    /// The value; absent for subcommands and groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Values of a subcommand, or the subcommand of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<CommandDataOption>>,
    /// Whether it is the one being typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focused: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What the ids in a command's values stand for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Resolved {
    /// Users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<UserId, User>,
    /// The same as members, without `user`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<UserId, Member>,
    /// Roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<RoleId, Role>,
    /// Channels, with what the one who used the command may do there as `permissions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Messages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<MessageId, Message>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Resolved {
    /// Whether nothing was resolved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which command was used, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandData {
    /// Which.
    pub id: CommandId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[serde(rename = "type")]
    pub kind: CommandKind,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<CommandDataOption>,
    /// What ids in the values stand for.
    #[serde(default, skip_serializing_if = "Resolved::is_empty")]
    pub resolved: Resolved,
    /// The guild that alone has the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The user or message of a menu's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<TargetId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// INTERACTION_CREATE, as an application gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// Which.
    pub id: InteractionId,
    /// Whose command, button or form it is.
    pub application_id: ApplicationId,
    /// What somebody did.
    #[serde(rename = "type")]
    pub kind: InteractionKind,
    /// By which it is answered; good for 15 minutes.
    pub token: Secret<String>,
    /// 1.
    pub version: u8,
    /// What was used: a [`CommandData`], a component, or a form.
    pub data: Value,
    /// The guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// The same, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Box<Channel>>,
    /// Who did it in a guild, with `permissions` in the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Member>>,
    /// Who did it in a private channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The message that a component belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Box<Message>>,
    /// What the application may do in the channel.
    pub app_permissions: Permissions,
    /// The language of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The language of the guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_locale: Option<String>,
    /// What was bought; nothing can be.
    #[serde(default)]
    pub entitlements: Vec<Value>,
    /// Who installed the application, by how it was installed.
    #[serde(default)]
    pub authorizing_integration_owners: BTreeMap<String, String>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<InteractionContext>,
    /// The largest file an answer may have, in bytes.
    #[serde(default)]
    pub attachment_size_limit: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
