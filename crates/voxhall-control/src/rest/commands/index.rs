//! The commands that an account can use somewhere: what clients fill their menus with.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use voxhall_protocol::Extra;
use voxhall_protocol::ids::{ApplicationId, ChannelId, GuildId, UserId};
use voxhall_protocol::model::{ApplicationCommand, ChannelKind, InteractionContext, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, ApplicationCommandIndex};

use super::super::caller::Caller;
use super::super::reply::{Answer, Failure, Json, Named};
use super::super::route::{Routes, get};
use crate::control::Core;
use crate::directory::{Home, User, World};
use crate::{render, wall};

pub(super) fn api() -> Routes {
    Routes::new("commands")
        .route(
            "/guilds/{guild}/application-command-index",
            get(of_guild, "Lists the commands that can be used in a guild"),
        )
        .route(
            "/channels/{channel}/application-command-index",
            get(of_channel, "Lists the commands that can be used in a channel"),
        )
}

async fn of_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(guild): Named<GuildId>,
) -> Answer<Json<ApplicationCommandIndex>> {
    caller.person()?;
    let world = core.directory.read();
    caller.in_guild(&world, guild)?;
    let granted = world.permissions_in_guild_at(guild, caller.id(), wall::now_ms());
    let usable = |command: &ApplicationCommand| {
        is_for(command, Some(guild), InteractionContext::Guild) && allows(command, granted)
    };
    let guild = world
        .guild(guild)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
    let members = guild.members.keys().filter_map(|user| world.user(*user));
    Ok(Json(index(&world, members.filter(|user| user.bot), usable)))
}

async fn of_channel(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
) -> Answer<Json<ApplicationCommandIndex>> {
    caller.person()?;
    let world = core.directory.read();
    caller.sees(&world, channel)?;
    let bots = reached(&world, channel)
        .into_iter()
        .filter_map(|user| world.user(user));
    let usable = |command: &ApplicationCommand| may_use(&world, caller.id(), channel, command).is_ok();
    Ok(Json(index(&world, bots.filter(|user| user.bot), usable)))
}

/// Those who are where a channel is.
fn reached(world: &World, channel: ChannelId) -> Vec<UserId> {
    match world.guild_channel(channel) {
        Some((guild, _)) => guild.members.keys().copied().collect(),
        None => {
            let private = world.private(channel).into_iter();
            private.flat_map(|it| &it.recipients).copied().collect()
        }
    }
}

/// Refuses those who may not use a command in a channel that they see; says where that is.
pub(in crate::rest) fn may_use(
    world: &World,
    user: UserId,
    channel: ChannelId,
    command: &ApplicationCommand,
) -> Answer<InteractionContext> {
    let application = UserId(command.application_id.0);
    let present = reached(world, channel).contains(&application);
    let (guild, context) = match world.home(channel) {
        Some(Home::Guild(guild)) => (Some(guild), InteractionContext::Guild),
        _ => (None, private_context(world, channel)),
    };
    if !present || !is_for(command, guild, context) {
        return Err(Failure::unknown(ApiErrorCode::UnknownCommand));
    }
    if guild.is_some() {
        let granted = world.permissions_at(channel, user, wall::now_ms());
        let adult = world
            .guild_channel(channel)
            .is_some_and(|(_, channel)| channel.nsfw);
        let may = granted.contains(Permissions::USE_APPLICATION_COMMANDS) && allows(command, granted);
        if !may || (command.nsfw && !adult) {
            return Err(Failure::forbidden(ApiErrorCode::MissingPermissions));
        }
    }
    Ok(context)
}

/// What kind of private channel it is to applications.
fn private_context(world: &World, channel: ChannelId) -> InteractionContext {
    match world.private(channel) {
        Some(private) if private.kind == ChannelKind::Private => InteractionContext::BotPrivate,
        _ => InteractionContext::PrivateChannel,
    }
}

/// Whether a command is there in a guild, or in a private channel.
fn is_for(command: &ApplicationCommand, guild: Option<GuildId>, context: InteractionContext) -> bool {
    let scoped = command.guild_id.is_none_or(|only| guild == Some(only));
    let placed = match &command.contexts {
        Some(contexts) => contexts.contains(&context),
        None => context == InteractionContext::Guild || command.dm_permission != Some(false),
    };
    scoped && placed
}

/// Whether these permissions are those that a command asks for. One that asks for none is for administrators.
fn allows(command: &ApplicationCommand, granted: Permissions) -> bool {
    match command.default_member_permissions {
        None => true,
        Some(needed) if needed.is_empty() => granted.contains(Permissions::ADMINISTRATOR),
        Some(needed) => granted.contains(needed),
    }
}

fn index<'a>(
    world: &'a World,
    bots: impl Iterator<Item = &'a User>,
    usable: impl Fn(&ApplicationCommand) -> bool,
) -> ApplicationCommandIndex {
    let mut applications = Vec::new();
    let mut application_commands: Vec<ApplicationCommand> = Vec::new();
    for bot in bots {
        let commands = world.commands_of(ApplicationId(bot.id.0));
        let before = application_commands.len();
        application_commands.extend(commands.filter(|command| usable(command)).cloned());
        if application_commands.len() > before {
            applications.push(application(bot));
        }
    }
    application_commands.sort_by_key(|command| command.id);
    let newest = application_commands.iter().map(|command| command.version).max();
    ApplicationCommandIndex {
        applications,
        application_commands,
        version: newest.map_or_else(|| "0".to_owned(), |version| version.to_string()),
        extra: Extra::new(),
    }
}

fn application(bot: &User) -> Value {
    json!({
        "id": ApplicationId(bot.id.0), "name": bot.name, "icon": bot.avatar, "description": "", "flags": 0,
        "bot": render::user(bot),
    })
}
