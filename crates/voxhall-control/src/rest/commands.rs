//! Commands of applications: registering them, and finding those that can be used.
//!
//! Every bot account has an application of the same id, which its token alone may change.

mod draft;
mod index;
mod naming;
mod options;

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::ids::{ApplicationId, CommandId, GuildId, UserId};
use voxhall_protocol::model::{ApplicationCommand, CommandKind};
use voxhall_protocol::rest::{ApiErrorCode, PutCommand};

use super::caller::Caller;
use super::form::{Fault, Form};
use super::reply::{Answer, Asked, Body, Done, Failure, Json, Named, Stored};
use super::route::{Routes, get};
use super::switch::Switch;
use crate::control::Core;
use crate::directory::{CommandChange, World};
use draft::Draft;
pub(in crate::rest) use index::may_use;
pub(in crate::rest) use options::{LARGEST_INTEGER, LONGEST_TEXT, MOST, check_choice};

/// What commands are.
const KINDS: [CommandKind; 3] = [CommandKind::ChatInput, CommandKind::User, CommandKind::Message];

/// How many commands of a kind an application may have in one scope.
const fn most(kind: CommandKind) -> usize {
    match kind {
        CommandKind::ChatInput => 100,
        _ => 15,
    }
}

pub(super) fn api() -> Routes {
    Routes::new("commands")
        .route(
            "/applications/{application}/commands",
            get(all, "Lists the commands that an application has everywhere")
                .post(
                    register,
                    "Registers a command everywhere, or replaces the one of that name",
                )
                .put(
                    replace_all,
                    "Replaces all commands that an application has everywhere",
                ),
        )
        .route(
            "/applications/{application}/commands/{command}",
            get(single, "Gives a command")
                .patch(edit, "Changes a command")
                .delete(delete, "Deletes a command"),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands",
            get(
                all_in_guild,
                "Lists the commands that an application has in one guild",
            )
            .post(
                register_in_guild,
                "Registers a command in one guild, or replaces the one of that name",
            )
            .put(
                replace_all_in_guild,
                "Replaces all commands that an application has in one guild",
            ),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands/{command}",
            get(single_in_guild, "Gives a command of one guild")
                .patch(edit_in_guild, "Changes a command of one guild")
                .delete(delete_in_guild, "Deletes a command of one guild"),
        )
        .merge(index::api())
}

/// An application, and where its commands are: everywhere, or in one guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scope {
    application: ApplicationId,
    guild: Option<GuildId>,
}

impl Scope {
    /// Refuses everybody but the application's own bot, and guilds that it is not in.
    fn own(core: &Core, caller: &Caller, application: ApplicationId, guild: Option<GuildId>) -> Answer<Self> {
        if !caller.0.bot {
            return Err(Failure::forbidden(ApiErrorCode::OnlyBots));
        }
        if caller.id() != UserId(application.0) {
            return Err(Failure::forbidden(ApiErrorCode::MissingAccess));
        }
        let world = core.directory.read();
        if guild.is_some_and(|guild| world.member(guild, caller.id()).is_none()) {
            return Err(Failure::forbidden(ApiErrorCode::MissingAccess));
        }
        Ok(Self { application, guild })
    }

    fn commands<'a>(&self, world: &'a World) -> impl Iterator<Item = &'a ApplicationCommand> + use<'a> {
        world.commands_in(self.application, self.guild)
    }

    fn command<'a>(&self, world: &'a World, id: CommandId) -> Answer<&'a ApplicationCommand> {
        let found = self.commands(world).find(|command| command.id == id);
        found.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownCommand))
    }
}

/// How lists of commands are wanted.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct Listing {
    /// Whether the texts in other languages come along.
    with_localizations: Option<Switch>,
}

fn list(core: &Core, scope: Scope, listing: Listing) -> Json<Vec<ApplicationCommand>> {
    let world = core.directory.read();
    let whole = listing.with_localizations.is_some_and(Switch::is_on);
    let commands = scope.commands(&world).cloned();
    Json(
        commands
            .map(|command| {
                if whole {
                    command
                } else {
                    ApplicationCommand {
                        name_localizations: None,
                        description_localizations: None,
                        ..command
                    }
                }
            })
            .collect(),
    )
}

/// Registers a command under its name, in place of one that has it.
async fn put(core: &Core, scope: Scope, request: PutCommand) -> Answer<Stored<ApplicationCommand>> {
    let mut form = Form::default();
    let draft = Draft::read(&mut form, "", request);
    form.finish()?;
    let fresh = CommandId(core.directory.next_id());
    core.directory
        .change_commands(scope.application, |world| {
            let before = scope.commands(world).find(|command| draft.is_named_like(command));
            if before.is_none() {
                let alike = scope.commands(world).filter(|command| command.kind == draft.kind);
                limit(alike.count() + 1, draft.kind)?;
            }
            let stored = if before.is_some() {
                Stored::Replaced
            } else {
                Stored::New
            };
            let command = draft.finish(scope, before, fresh);
            let put = vec![command.clone()];
            let removed = Vec::new();
            Ok((CommandChange { removed, put }, stored(command)))
        })
        .await
}

fn limit(count: usize, kind: CommandKind) -> Answer<()> {
    if count <= most(kind) {
        Ok(())
    } else {
        Err(Failure::bad_request(ApiErrorCode::TooManyCommands))
    }
}

/// Refuses more commands than a scope may have, before they are compared with each other.
fn limit_all(requests: &[PutCommand]) -> Answer<()> {
    let kind_of = |request: &PutCommand| request.kind.unwrap_or(CommandKind::ChatInput);
    for kind in KINDS {
        let alike = requests.iter().filter(|request| kind_of(request) == kind);
        limit(alike.count(), kind)?;
    }
    // Those of no kind at all are refused one by one, but not in any number.
    if requests.len() > KINDS.map(most).iter().sum() {
        return Err(Failure::bad_request(ApiErrorCode::TooManyCommands));
    }
    Ok(())
}

/// Makes these the only commands of a scope. Those that keep their names keep their ids.
async fn put_all(
    core: &Core,
    scope: Scope,
    requests: Vec<PutCommand>,
) -> Answer<Json<Vec<ApplicationCommand>>> {
    limit_all(&requests)?;
    let mut form = Form::default();
    let mut drafts: Vec<Draft> = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let draft = Draft::read(&mut form, &format!("{index}."), request);
        if drafts
            .iter()
            .any(|other| other.kind == draft.kind && other.name == draft.name)
        {
            form.fault(format_args!("{index}.name"), &DUPLICATE_NAME);
        }
        drafts.push(draft);
    }
    form.finish()?;
    let drafts: Vec<(Draft, CommandId)> = drafts
        .into_iter()
        .map(|draft| (draft, CommandId(core.directory.next_id())))
        .collect();
    core.directory
        .change_commands(scope.application, |world| {
            let mut put = Vec::with_capacity(drafts.len());
            for (draft, fresh) in drafts {
                let before = scope.commands(world).find(|command| draft.replaces(command));
                put.push(draft.finish(scope, before, fresh));
            }
            let kept = |id: CommandId| put.iter().any(|command: &ApplicationCommand| command.id == id);
            let removed = scope.commands(world).map(|command| command.id);
            let removed = removed.filter(|id| !kept(*id)).collect();
            let all = put.clone();
            Ok((CommandChange { removed, put }, Json(all)))
        })
        .await
}

const DUPLICATE_NAME: Fault = Fault::Coded(
    "APPLICATION_COMMANDS_DUPLICATE_NAME",
    "Application command names must be unique",
);

/// Changes a command; what is absent stays.
async fn patch(
    core: &Core,
    scope: Scope,
    id: CommandId,
    request: PutCommand,
) -> Answer<Json<ApplicationCommand>> {
    let fresh = CommandId(core.directory.next_id());
    core.directory
        .change_commands(scope.application, |world| {
            let before = scope.command(world, id)?;
            let mut form = Form::default();
            let draft = Draft::changed(&mut form, before, request);
            let mut others = scope.commands(world).filter(|command| command.id != id);
            if others.any(|command| draft.is_named_like(command)) {
                form.fault("name", &DUPLICATE_NAME);
            }
            form.finish()?;
            let command = draft.finish(scope, Some(before), fresh);
            let put = vec![command.clone()];
            let removed = Vec::new();
            Ok((CommandChange { removed, put }, Json(command)))
        })
        .await
}

async fn remove(core: &Core, scope: Scope, id: CommandId) -> Answer<Done> {
    core.directory
        .change_commands(scope.application, |world| {
            scope.command(world, id)?;
            let removed = vec![id];
            let put = Vec::new();
            Ok((CommandChange { removed, put }, Done))
        })
        .await
}

async fn all(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(application): Named<ApplicationId>,
    Asked(listing): Asked<Listing>,
) -> Answer<Json<Vec<ApplicationCommand>>> {
    let scope = Scope::own(&core, &caller, application, None)?;
    Ok(list(&core, scope, listing))
}

async fn all_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild)): Named<(ApplicationId, GuildId)>,
    Asked(listing): Asked<Listing>,
) -> Answer<Json<Vec<ApplicationCommand>>> {
    let scope = Scope::own(&core, &caller, application, Some(guild))?;
    Ok(list(&core, scope, listing))
}

async fn register(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(application): Named<ApplicationId>,
    Body(request): Body<PutCommand>,
) -> Answer<Stored<ApplicationCommand>> {
    put(&core, Scope::own(&core, &caller, application, None)?, request).await
}

async fn register_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild)): Named<(ApplicationId, GuildId)>,
    Body(request): Body<PutCommand>,
) -> Answer<Stored<ApplicationCommand>> {
    put(
        &core,
        Scope::own(&core, &caller, application, Some(guild))?,
        request,
    )
    .await
}

async fn replace_all(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(application): Named<ApplicationId>,
    Body(requests): Body<Vec<PutCommand>>,
) -> Answer<Json<Vec<ApplicationCommand>>> {
    put_all(&core, Scope::own(&core, &caller, application, None)?, requests).await
}

async fn replace_all_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild)): Named<(ApplicationId, GuildId)>,
    Body(requests): Body<Vec<PutCommand>>,
) -> Answer<Json<Vec<ApplicationCommand>>> {
    put_all(
        &core,
        Scope::own(&core, &caller, application, Some(guild))?,
        requests,
    )
    .await
}

async fn single(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, id)): Named<(ApplicationId, CommandId)>,
) -> Answer<Json<ApplicationCommand>> {
    let scope = Scope::own(&core, &caller, application, None)?;
    Ok(Json(scope.command(&core.directory.read(), id)?.clone()))
}

async fn single_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild, id)): Named<(ApplicationId, GuildId, CommandId)>,
) -> Answer<Json<ApplicationCommand>> {
    let scope = Scope::own(&core, &caller, application, Some(guild))?;
    Ok(Json(scope.command(&core.directory.read(), id)?.clone()))
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, id)): Named<(ApplicationId, CommandId)>,
    Body(request): Body<PutCommand>,
) -> Answer<Json<ApplicationCommand>> {
    patch(&core, Scope::own(&core, &caller, application, None)?, id, request).await
}

async fn edit_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild, id)): Named<(ApplicationId, GuildId, CommandId)>,
    Body(request): Body<PutCommand>,
) -> Answer<Json<ApplicationCommand>> {
    let scope = Scope::own(&core, &caller, application, Some(guild))?;
    patch(&core, scope, id, request).await
}

async fn delete(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, id)): Named<(ApplicationId, CommandId)>,
) -> Answer<Done> {
    remove(&core, Scope::own(&core, &caller, application, None)?, id).await
}

async fn delete_in_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((application, guild, id)): Named<(ApplicationId, GuildId, CommandId)>,
) -> Answer<Done> {
    remove(&core, Scope::own(&core, &caller, application, Some(guild))?, id).await
}
