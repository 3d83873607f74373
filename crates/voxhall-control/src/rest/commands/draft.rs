//! What an application wants a command to be.

use voxhall_protocol::ids::CommandId;
use voxhall_protocol::model::{
    ApplicationCommand, CommandKind, CommandOption, InteractionContext, Localizations, Permissions,
};
use voxhall_protocol::rest::PutCommand;
use voxhall_protocol::{Extra, Nullable};

use super::super::form::{Fault, Form};
use super::{Scope, naming, options};

/// Installed in guilds: the one way there is here.
const IN_GUILDS: u8 = 0;

/// The most characters of a command's names, descriptions and values together.
const LONGEST_COMMAND: usize = 8000;

/// A command that was checked, without an id yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    id: Option<CommandId>,
    pub(super) kind: CommandKind,
    pub(super) name: String,
    name_localizations: Option<Localizations>,
    description: String,
    description_localizations: Option<Localizations>,
    options: Vec<CommandOption>,
    default_member_permissions: Option<Permissions>,
    dm_permission: Option<bool>,
    contexts: Option<Vec<InteractionContext>>,
    integration_types: Vec<u8>,
    nsfw: bool,
}

impl Draft {
    /// What a request says about a new command; `place` is the path of its fields up to the name, with a dot if any.
    pub(super) fn read(form: &mut Form, place: &str, request: PutCommand) -> Self {
        if request.name.is_none() {
            form.fault(format_args!("{place}name"), &Fault::Required);
        }
        let draft = Self {
            id: request.id,
            kind: request.kind.unwrap_or(CommandKind::ChatInput),
            name: request.name.unwrap_or_default(),
            name_localizations: request.name_localizations.into_value(),
            description: request.description.unwrap_or_default(),
            description_localizations: request.description_localizations.into_value(),
            options: request.options.unwrap_or_default(),
            default_member_permissions: request.default_member_permissions.into_value(),
            dm_permission: request.dm_permission.into_value(),
            contexts: request.contexts.into_value(),
            integration_types: request.integration_types.unwrap_or_else(|| vec![IN_GUILDS]),
            nsfw: request.nsfw.unwrap_or(false),
        };
        draft.check(form, place);
        draft
    }

    /// A command with the changes that a request asks for.
    pub(super) fn changed(form: &mut Form, before: &ApplicationCommand, request: PutCommand) -> Self {
        fn or<T: Clone>(asked: Nullable<T>, before: &Option<T>) -> Option<T> {
            match asked {
                Nullable::Absent => before.clone(),
                asked => asked.into_value(),
            }
        }
        let draft = Self {
            id: Some(before.id),
            kind: before.kind,
            name: request.name.unwrap_or_else(|| before.name.clone()),
            name_localizations: or(request.name_localizations, &before.name_localizations),
            description: request.description.unwrap_or_else(|| before.description.clone()),
            description_localizations: or(
                request.description_localizations,
                &before.description_localizations,
            ),
            options: request.options.unwrap_or_else(|| before.options.clone()),
            default_member_permissions: or(
                request.default_member_permissions,
                &before.default_member_permissions,
            ),
            dm_permission: or(request.dm_permission, &before.dm_permission),
            contexts: or(request.contexts, &before.contexts),
            integration_types: request
                .integration_types
                .unwrap_or_else(|| before.integration_types.clone()),
            nsfw: request.nsfw.unwrap_or(before.nsfw),
        };
        draft.check(form, "");
        draft
    }

    fn check(&self, form: &mut Form, place: &str) {
        let at = |field: &str| format!("{place}{field}");
        let names = Nullable::from(self.name_localizations.clone());
        let descriptions = Nullable::from(self.description_localizations.clone());
        match self.kind {
            CommandKind::ChatInput => {
                naming::typed(form, &at("name"), &self.name);
                naming::localized(form, &at("name_localizations"), &names, naming::typed);
                naming::description(form, &at("description"), &self.description);
                let field = at("description_localizations");
                naming::localized(form, &field, &descriptions, naming::description);
                options::check(form, &at("options"), &self.options);
            }
            CommandKind::User | CommandKind::Message => {
                naming::shown(form, &at("name"), &self.name);
                naming::localized(form, &at("name_localizations"), &names, naming::shown);
                form.text(&at("description"), &self.description, 0..=0);
                form.ensure(
                    &at("options"),
                    self.options.is_empty(),
                    "Commands in menus have no options.",
                );
            }
            CommandKind::PrimaryEntryPoint | CommandKind::Other(_) => {
                form.fault(at("type"), &Fault::Invalid("Value must be one of {1, 2, 3}."));
            }
        }
        let known = |kind: &InteractionContext| !matches!(kind, InteractionContext::Other(_));
        let contexts = self.contexts.iter().flatten();
        form.ensure(
            &at("contexts"),
            contexts.clone().all(known),
            "Value must be one of {0, 1, 2}.",
        );
        let installs = self.integration_types.iter().all(|kind| matches!(kind, 0 | 1));
        form.ensure(&at("integration_types"), installs, "Value must be one of {0, 1}.");
        let length = self.name.chars().count() + self.description.chars().count();
        if length + options::length(&self.options) > LONGEST_COMMAND {
            let fault = Fault::Coded(
                "APPLICATION_COMMAND_TOO_LARGE",
                "Command exceeds maximum size (8000)",
            );
            form.fault(at("options"), &fault);
        }
    }

    /// Whether a command has the same name among those of its kind.
    pub(super) fn is_named_like(&self, command: &ApplicationCommand) -> bool {
        self.kind == command.kind && self.name == command.name
    }

    /// Whether it takes the place of a command when all are replaced: by its id if it names one, else by its name.
    pub(super) fn replaces(&self, command: &ApplicationCommand) -> bool {
        match self.id {
            Some(id) => id == command.id && self.kind == command.kind,
            None => self.is_named_like(command),
        }
    }

    /// The command. One that is what it was before keeps its version; `fresh` becomes the id or the version.
    pub(super) fn finish(
        self,
        scope: Scope,
        before: Option<&ApplicationCommand>,
        fresh: CommandId,
    ) -> ApplicationCommand {
        let everywhere = scope.guild.is_none();
        let contexts = self.contexts.filter(|_| everywhere);
        let in_private = contexts
            .as_ref()
            .map_or(self.dm_permission.unwrap_or(true), |contexts| {
                contexts.contains(&InteractionContext::BotPrivate)
            });
        let command = ApplicationCommand {
            id: before.map_or(fresh, |before| before.id),
            application_id: scope.application,
            guild_id: scope.guild,
            version: before.map_or(fresh, |before| before.version),
            kind: self.kind,
            name: self.name,
            name_localizations: self.name_localizations,
            description: self.description,
            description_localizations: self.description_localizations,
            options: self.options,
            default_member_permissions: self.default_member_permissions,
            dm_permission: everywhere.then_some(in_private),
            contexts,
            integration_types: self.integration_types,
            nsfw: self.nsfw,
            extra: Extra::new(),
        };
        if before.is_none_or(|before| *before == command) {
            return command;
        }
        ApplicationCommand {
            version: fresh,
            ..command
        }
    }
}
