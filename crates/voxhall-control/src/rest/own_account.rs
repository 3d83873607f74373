//! The own account: changing it, and the guilds it is in.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::gateway::{Event, GuildMember, Intents};
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::model;
use voxhall_protocol::rest::{ApiErrorCode, OwnGuild, PatchUser, PatchedUser};
use voxhall_protocol::{Extra, Nullable, Password, Token};

use super::auth::{self, taken};
use super::caller::Caller;
use super::reply::{Answer, Asked, Body, Failure, FieldFault, Json};
use super::route::{Routes, get};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{User, Username};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::passwords::PasswordHash;
use crate::render;

/// The most guilds in one answer, and how many there are if nobody says.
const LONGEST_PAGE: usize = 200;

pub(super) fn api() -> Routes {
    Routes::new("accounts")
        .route(
            "/users/@me",
            get(me, "Gives the own account").patch(edit, "Edits the own account"),
        )
        .route("/users/@me/guilds", get(guilds, "Lists the own guilds"))
}

async fn me(Caller(account): Caller) -> Json<model::User> {
    Json(render::own_user(&account))
}

/// What changes, checked.
#[derive(Default)]
struct Change {
    name: Option<Username>,
    global_name: Nullable<String>,
    email: Nullable<String>,
    without_avatar: bool,
    password: Option<Password>,
}

impl Change {
    fn read(request: &PatchUser) -> Answer<Self> {
        let mut faults = Vec::new();
        let mut keep = |fault: FieldFault| faults.push(fault);
        let mut change = Self {
            without_avatar: request.avatar == Nullable::Null,
            ..Self::default()
        };
        if let Some(name) = &request.username {
            change.name = auth::username(name).map_err(&mut keep).ok();
        }
        change.global_name = checked(&request.global_name, auth::global_name, &mut keep);
        change.email = checked(&request.email, auth::address, &mut keep);
        if let Nullable::Value(_) = request.avatar {
            let why = "Pictures are not kept on this server.";
            keep(FieldFault::new("avatar", "BASE_TYPE_INVALID", why));
        }
        if let Some(password) = &request.new_password {
            let long = auth::check_password("new_password", password);
            change.password = long.map(|()| password.clone()).map_err(&mut keep).ok();
        }
        if faults.is_empty() {
            Ok(change)
        } else {
            Err(Failure::invalid_fields(faults))
        }
    }

    /// Whether somebody who found a signed-in device could take the account over with it.
    fn needs_password(&self, account: &User) -> bool {
        !account.bot && (self.name.is_some() || !self.email.is_absent() || self.password.is_some())
    }

    fn apply(self, user: &mut User) {
        if let Some(name) = self.name {
            user.name = name.as_str().to_owned();
            // Who takes a name of today needs no number behind it.
            if !user.bot {
                user.discriminator = "0".to_owned();
            }
        }
        match self.global_name {
            Nullable::Absent => {}
            name => user.global_name = name.into_value(),
        }
        match self.email {
            Nullable::Absent => {}
            email => user.email = email.into_value(),
        }
        if self.without_avatar {
            user.avatar = None;
        }
    }
}

fn checked(
    field: &Nullable<String>,
    check: impl Fn(&str) -> Result<String, FieldFault>,
    keep: &mut impl FnMut(FieldFault),
) -> Nullable<String> {
    match field {
        Nullable::Absent => Nullable::Absent,
        Nullable::Null => Nullable::Null,
        Nullable::Value(text) => match check(text) {
            Ok(value) => Nullable::Value(value),
            Err(fault) => {
                keep(fault);
                Nullable::Absent
            }
        },
    }
}

async fn edit(
    State(core): State<Arc<Core>>,
    Caller(account): Caller,
    Body(request): Body<PatchUser>,
) -> Answer<Json<PatchedUser>> {
    let change = Change::read(&request)?;
    if account.bot && change.password.is_some() {
        return Err(Failure::forbidden(ApiErrorCode::BotsNotAllowed));
    }
    if change.needs_password(&account) {
        core.check_own_password(account.id, request.password).await?;
    }
    let password = change.password.clone();
    let edited = core
        .directory
        .edit_user(account.id, |user| change.apply(user))
        .await;
    let user = edited.map_err(taken)?;
    if user != account {
        core.tell_account_changed(&user);
    }
    let token = match password {
        Some(password) => Some(core.change_password(user.id, password).await?),
        None => None,
    };
    Ok(Json(PatchedUser {
        user: render::own_user(&user),
        token,
    }))
}

impl Core {
    /// Changes a password: whoever knew the old one, or has a token that came of it, is out.
    async fn change_password(&self, user: UserId, password: Password) -> Answer<Token> {
        let password = self.replace_password(user, password).await?;
        let token = self.sign_in(user, "password changed", Some(&password)).await?;
        token.ok_or_else(Failure::unauthorized)
    }

    /// Gives an account another password and revokes its tokens. Gives the password as it is stored.
    pub(super) async fn replace_password(&self, user: UserId, password: Password) -> Answer<PasswordHash> {
        let password = self.passwords.hash(password).await?;
        self.directory.set_password(user, password.clone()).await?;
        let revoked = self.directory.revoke_tokens(user).await?;
        self.tokens_revoked(&revoked).await;
        Ok(password)
    }

    /// The account's own sessions learn of it, and everybody in its guilds.
    pub(super) fn tell_account_changed(&self, user: &User) {
        let world = self.directory.read();
        let event = Event::UserUpdate(Box::new(render::own_user(user)));
        let own = Dispatch::now(Audience::User(user.id), Outgoing::to_all(&event));
        self.hub.deliver(&world, own);
        for guild in world.guilds_of(user.id) {
            let member = guild.members.get(&user.id);
            let Some(member) = member.and_then(|member| render::member(&world, member)) else {
                continue;
            };
            let guild_id = guild.id;
            let event = Event::GuildMemberUpdate(Box::new(GuildMember { guild_id, member }));
            let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILD_MEMBERS));
            self.hub
                .deliver(&world, Dispatch::now(Audience::Guild(guild_id), event));
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    before: Option<GuildId>,
    after: Option<GuildId>,
    limit: Option<usize>,
    #[serde(default)]
    with_counts: bool,
}

async fn guilds(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Asked(page): Asked<Page>,
) -> Json<Vec<OwnGuild>> {
    let world = core.directory.read();
    let wanted = |id: GuildId| {
        page.before.is_none_or(|before| id < before) && page.after.is_none_or(|after| id > after)
    };
    let limit = page.limit.unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE);
    let guilds = world.guilds_of(caller.id()).filter(|guild| wanted(guild.id));
    let guilds = guilds.take(limit).map(|guild| OwnGuild {
        id: guild.id,
        name: guild.name.clone(),
        icon: None,
        banner: None,
        owner: guild.owner_id == caller.id(),
        permissions: world.permissions_in_guild(guild.id, caller.id()),
        features: Vec::new(),
        approximate_member_count: page.with_counts.then_some(guild.members.len() as u64),
        approximate_presence_count: page.with_counts.then(|| core.hub.present(guild).len() as u64),
        extra: Extra::new(),
    });
    Json(guilds.collect())
}
