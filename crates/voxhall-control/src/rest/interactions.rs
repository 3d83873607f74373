//! Interactions: people use commands, components and forms; applications hear of it on the main Gateway and answer.
//!
//! [`crate::interactions`] keeps what runs. Here: what may be done at all, and what becomes of the answers.

mod answer;
mod callback;
mod component;
mod event;
mod followup;
mod form;
mod outcome;
mod resolve;
mod used;
mod values;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use voxhall_protocol::ids::{ChannelId, GuildId, InteractionId, MessageId, UserId};
use voxhall_protocol::model::{CommandKind, CommandOptionKind, InteractionKind, Permissions};
use voxhall_protocol::rest::{ApiErrorCode, CreateInteraction};

use super::caller::Caller;
use super::messages;
use super::reply::{Answer, Body, Done, Failure};
use super::route::{Routes, post};
use crate::clock;
use crate::control::Core;
use crate::directory::{Home, StoredMessage, World};
use crate::interactions::{Running, TOKEN_LIFE};
pub(in crate::rest) use component::inside;

pub(super) fn api() -> Routes {
    Routes::new("interactions")
        .route(
            "/interactions",
            post(create, "Uses a command, a button, a menu or a form"),
        )
        .merge(callback::api())
        .merge(followup::api())
}

/// What somebody did, checked: the part of an interaction that depends on its kind.
#[derive(Debug)]
struct Deed {
    /// What the application is told.
    data: Value,
    /// The command, with its subcommands.
    command: Option<(String, CommandKind)>,
    /// What the option takes that is being typed.
    completes: Option<CommandOptionKind>,
    /// The message with the component.
    source: Option<StoredMessage>,
    /// The interaction whose form was sent.
    form_of: Option<InteractionId>,
}

impl Deed {
    fn new(data: Value) -> Self {
        Self {
            data,
            command: None,
            completes: None,
            source: None,
            form_of: None,
        }
    }
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Body(request): Body<CreateInteraction>,
) -> Answer<Done> {
    caller.person()?;
    messages::check_nonce(request.nonce.as_ref())?;
    check_session(&core, &caller, request.session_id.as_deref())?;
    let guild = check_place(&core.directory.read(), &caller, &request)?;
    let deed = match request.kind {
        InteractionKind::ApplicationCommand | InteractionKind::Autocomplete => {
            used::command(&core, &caller, &request).await?
        }
        InteractionKind::MessageComponent => component::used(&core, &caller, &request).await?,
        InteractionKind::ModalSubmit => form::sent(&core, &caller, &request).await?,
        InteractionKind::Ping | InteractionKind::Other(_) => {
            return Err(Failure::invalid_field(
                "type",
                "Value must be one of {2, 3, 4, 5}.",
            ));
        }
    };
    let running = Running {
        id: InteractionId(core.directory.next_id()),
        kind: request.kind,
        application: request.application_id,
        user: caller.id(),
        channel: request.channel_id,
        guild,
        session: request.session_id,
        nonce: request.nonce,
        command: deed.command.clone(),
        source: deed.source.as_ref().map(|message| message.id),
        completes: deed.completes,
    };
    start(&core, running, deed).await
}

/// Tells the application and the account; without an application that hears it, the interaction fails at once.
async fn start(core: &Core, running: Running, deed: Deed) -> Answer<Done> {
    let message = match &deed.source {
        Some(message) => Some(core.shown(message).await?),
        None => None,
    };
    let Some(session) = core.hub.session_for(UserId(running.application.0), running.guild) else {
        core.tell_begun(&running);
        core.tell_failure(&running);
        return Err(Failure::with_message(
            StatusCode::BAD_REQUEST,
            ApiErrorCode::General,
            "The application did not respond: it is not connected",
        ));
    };
    let begun = core
        .interactions
        .desk()
        .begin(running.clone(), &rand::random(), clock::now());
    let token = begun.map_err(|_| {
        let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, ApiErrorCode::RateLimited);
        failure.retry_after(TOKEN_LIFE)
    })?;
    if let Some(form) = deed.form_of {
        core.interactions.desk().form_sent(form);
    }
    core.interactions.changed.notify_one();
    core.tell_begun(&running);
    let told = event::interaction(&core.directory.read(), &running, deed.data, message, token);
    session.push(Arc::new(told));
    Ok(Done)
}

fn check_session(core: &Core, caller: &Caller, session: Option<&str>) -> Answer<()> {
    let own = |id: &str| {
        let cell = core.hub.session(id);
        cell.is_some_and(|cell| cell.profile.user == caller.id())
    };
    if session.is_none_or(own) {
        Ok(())
    } else {
        Err(Failure::invalid_field(
            "session_id",
            "name a session of your own, or none",
        ))
    }
}

/// Refuses those who do not see the channel, and applications that are not where it is. Gives the guild.
fn check_place(world: &World, caller: &Caller, request: &CreateInteraction) -> Answer<Option<GuildId>> {
    let application = UserId(request.application_id.0);
    let home = caller.sees(world, request.channel_id)?;
    let (guild, present) = match home {
        Home::Guild(guild) => (Some(guild), world.member(guild, application).is_some()),
        Home::Private => (None, world.may_view(request.channel_id, application)),
    };
    if request.guild_id.is_some() && request.guild_id != guild {
        return Err(Failure::invalid_field(
            "guild_id",
            "the channel is not in this guild",
        ));
    }
    if present && world.user(application).is_some_and(|user| user.bot) {
        Ok(guild)
    } else {
        Err(Failure::unknown(ApiErrorCode::UnknownApplication))
    }
}

/// Reads the part of a request that depends on its kind.
fn data_of<T: DeserializeOwned>(request: &CreateInteraction) -> Answer<T> {
    super::reply::read_field("data", &request.data)
}

/// What an account may do in a channel, as it stands beside members and channels: decimal digits.
fn granted(world: &World, channel: ChannelId, user: UserId) -> Value {
    json!(allowed(world, channel, user))
}

/// What an account may do in a channel of either kind.
fn allowed(world: &World, channel: ChannelId, user: UserId) -> Permissions {
    match world.home(channel) {
        Some(Home::Guild(_)) => world.permissions_at(channel, user, crate::wall::now_ms()),
        // In private there are no roles that could take anything away.
        _ => PRIVATE_PERMISSIONS,
    }
}

/// What everybody may do in a private channel.
const PRIVATE_PERMISSIONS: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::EMBED_LINKS)
    .union(Permissions::READ_MESSAGE_HISTORY)
    .union(Permissions::ADD_REACTIONS)
    .union(Permissions::USE_EXTERNAL_EMOJIS)
    .union(Permissions::USE_APPLICATION_COMMANDS);

impl Core {
    /// A message of a channel as an account sees it: one in its history, or one that this account sees alone.
    async fn message_for(
        &self,
        user: UserId,
        channel: ChannelId,
        id: MessageId,
    ) -> Answer<Option<StoredMessage>> {
        let now = clock::now();
        let alone = self.interactions.ephemeral().get(user, id, now).cloned();
        match alone.filter(|message| message.channel_id == channel) {
            Some(message) => Ok(Some(message)),
            None => Ok(self.directory.message(channel, id).await?),
        }
    }
}
