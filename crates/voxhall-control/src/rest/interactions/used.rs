//! A command is used, or one of its options is being typed.

use serde_json::json;
use voxhall_protocol::Extra;
use voxhall_protocol::ids::{MessageId, UserId};
use voxhall_protocol::model::{
    ApplicationCommand, CommandData, CommandDataOption, CommandKind, InteractionKind,
};
use voxhall_protocol::rest::{ApiErrorCode, CreateInteraction, UsedCommand};

use super::super::caller::Caller;
use super::super::commands::may_use;
use super::super::form::{Fault, Form};
use super::super::reply::{Answer, Failure};
use super::resolve::Resolver;
use super::values::Reader;
use super::{Deed, data_of};
use crate::control::Core;
use crate::directory::World;

/// Checks what is used and with what.
pub(super) async fn command(core: &Core, caller: &Caller, request: &CreateInteraction) -> Answer<Deed> {
    let used: UsedCommand = data_of(request)?;
    let command = known(&core.directory.read(), caller, request, &used)?;
    let typing = request.kind == InteractionKind::Autocomplete;
    let mut resolved = None;
    if command.kind == CommandKind::Message {
        let id = used.target_id.map(|target| MessageId(target.0));
        let target = match id {
            Some(id) => core.message_for(caller.id(), request.channel_id, id).await?,
            None => None,
        };
        let target = target.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage))?;
        resolved = Some(core.shown(&target).await?);
    }
    let world = core.directory.read();
    let mut resolver = Resolver::new(&world, caller.id(), request.channel_id);
    resolver
        .resolved
        .messages
        .extend(resolved.map(|message| (message.id, message)));
    if command.kind == CommandKind::User {
        let target = used.target_id.map(|target| UserId(target.0));
        if !target.is_some_and(|user| resolver.user(user)) {
            return Err(Failure::unknown(ApiErrorCode::UnknownUser));
        }
    }
    let mut form = Form::default();
    let mut reader = Reader::new(&mut form, resolver, typing);
    let options = reader.read("data.options", &used.options, &command.options);
    let (resolver, focused) = reader.finish();
    if typing && focused.is_none() {
        form.fault("data.options", &Fault::Invalid("One option must be focused."));
    }
    form.finish()?;
    let name = full_name(&command, &options);
    let data = CommandData {
        id: command.id,
        name: command.name,
        kind: command.kind,
        options,
        resolved: resolver.resolved,
        guild_id: command.guild_id,
        target_id: used.target_id.filter(|_| command.kind != CommandKind::ChatInput),
        extra: Extra::new(),
    };
    Ok(Deed {
        command: Some((name, command.kind)),
        completes: focused,
        ..Deed::new(json!(data))
    })
}

/// The command that is meant, if the caller may use it.
fn known(
    world: &World,
    caller: &Caller,
    request: &CreateInteraction,
    used: &UsedCommand,
) -> Answer<ApplicationCommand> {
    let mut commands = world.commands_of(request.application_id);
    let command = commands.find(|command| command.id == used.id);
    let command = command.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownCommand))?;
    may_use(world, caller.id(), request.channel_id, command)?;
    let mut form = Form::default();
    if used.version.is_some_and(|version| version != command.version) {
        let code = "INTERACTION_APPLICATION_COMMAND_INVALID_VERSION";
        let message = "This command is outdated, please try again in a few minutes";
        form.fault("data.version", &Fault::Coded(code, message));
    }
    form.finish()?;
    Ok(command.clone())
}

/// What people see: the command with its group and subcommand.
fn full_name(command: &ApplicationCommand, options: &[CommandDataOption]) -> String {
    let mut name = command.name.clone();
    let mut options = options;
    while let [branch] = options
        && branch.kind.is_branch()
    {
        name.push(' ');
        name.push_str(&branch.name);
        options = branch.options.as_deref().unwrap_or_default();
    }
    name
}
