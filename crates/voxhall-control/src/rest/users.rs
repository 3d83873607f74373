//! Accounts, the application behind a bot, and private channels.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::Extra;
use voxhall_protocol::ids::{ApplicationId, UserId};
use voxhall_protocol::model::{Channel, User};
use voxhall_protocol::rest::{ApiErrorCode, Application, CreateDm};

use super::caller::Caller;
use super::reply::{Answer, Body, Failure, Json, Named};
use super::route::{Routes, get};
use crate::control::Core;
use crate::directory::Opened;
use crate::render;

/// The most people in a group, the one who makes it included.
pub(super) const LARGEST_GROUP: usize = 10;

pub(super) fn api() -> Routes {
    Routes::new("users")
        .route(
            "/users/@me/channels",
            get(private_channels, "Lists the own private channels").post(
                open_private_channel,
                "Opens a private channel with others, or finds it",
            ),
        )
        .route("/users/{user}", get(user, "Gives an account"))
        .route(
            "/oauth2/applications/@me",
            get(application, "Gives the application of a bot"),
        )
        .route(
            "/applications/@me",
            get(application, "Gives the application of a bot"),
        )
}

async fn user(State(core): State<Arc<Core>>, _: Caller, Named(user): Named<UserId>) -> Answer<Json<User>> {
    let world = core.directory.read();
    let user = world
        .user(user)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))?;
    Ok(Json(render::user(user)))
}

async fn application(Caller(account): Caller) -> Json<Application> {
    Json(Application {
        id: ApplicationId(account.id.0),
        name: account.name.clone(),
        icon: account.avatar.clone(),
        description: String::new(),
        bot_public: false,
        bot_require_code_grant: false,
        owner: Some(render::user(&account)),
        team: None,
        verify_key: String::new(),
        flags: 0,
        extra: Extra::new(),
    })
}

async fn private_channels(State(core): State<Arc<Core>>, caller: Caller) -> Json<Vec<Channel>> {
    let world = core.directory.read();
    let channels = world.open_private_of(caller.id());
    Json(
        channels
            .map(|channel| render::private_channel(&world, channel, caller.id()))
            .collect(),
    )
}

async fn open_private_channel(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Body(request): Body<CreateDm>,
) -> Answer<Json<Channel>> {
    let mut people: BTreeSet<UserId> = request.users().into_iter().collect();
    people.insert(caller.id());
    if people.len() < 2 || people.len() > LARGEST_GROUP {
        return Err(Failure::invalid_field(
            "recipients",
            "name between one and nine others",
        ));
    }
    if caller.0.bot && people.len() > 2 {
        return Err(Failure::forbidden(ApiErrorCode::BotsNotAllowed));
    }
    {
        let world = core.directory.read();
        if people.iter().any(|user| world.user(*user).is_none()) {
            return Err(Failure::unknown(ApiErrorCode::UnknownUser));
        }
    }
    let (channel, opened) = core.directory.open_private_channel(people, caller.id()).await?;
    {
        let world = core.directory.read();
        let tell = |user: &UserId| core.tell_private_channel(&world, channel.id, *user);
        match opened {
            Opened::New => channel.recipients.iter().for_each(tell),
            Opened::Again => tell(&caller.id()),
            Opened::Before => {}
        }
    }
    Ok(Json(render::private_channel(
        &core.directory.read(),
        &channel,
        caller.id(),
    )))
}
