//! Accounts and their tokens, as the operator sees them.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::model::{self, Timestamp};
use voxhall_protocol::rest::ApiErrorCode;
use voxhall_protocol::{Password, Token};

use super::{failure, named};
use crate::Error;
use crate::control::Core;
use crate::directory::{NewUser, Standing, TokenDigest, TokenRecord, User, World};
use crate::render;
use crate::rest::auth;
use crate::rest::caller::Operator;
use crate::rest::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use crate::rest::route::{Routes, delete, get};

/// The longest label of a token, in characters.
const LONGEST_LABEL: usize = 100;

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/users",
            get(users, "Lists all accounts").post(create, "Makes an account"),
        )
        .route(
            "/users/{user}",
            get(user, "Gives an account")
                .patch(edit, "Disables or enables an account, or changes its password")
                .delete(remove, "Deletes an account"),
        )
        .route(
            "/users/{user}/tokens",
            get(tokens, "Lists the tokens of an account")
                .post(create_token, "Makes a token")
                .delete(revoke_all, "Revokes all tokens of an account"),
        )
        .route(
            "/users/{user}/tokens/{token}",
            delete(revoke, "Revokes one token of an account"),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewAccount {
    name: String,
    global_name: Option<String>,
    #[serde(default)]
    bot: bool,
    #[serde(default)]
    privileged_intents: bool,
    #[schemars(with = "Option<String>")]
    password: Option<Password>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct EditAccount {
    disabled: Option<bool>,
    privileged_intents: Option<bool>,
    #[schemars(with = "Option<String>")]
    password: Option<Password>,
}

/// An account as the operator sees it.
fn rendered(world: &World, account: &User) -> model::User {
    let mut user = render::user(account);
    let standing = match account.standing {
        Standing::Active => "active",
        Standing::Disabled => "disabled",
        Standing::Deleted => "deleted",
    };
    user.extra.insert("standing", standing);
    user.extra.insert("email", account.email.clone());
    let has_password = world.password_of(account.id).is_some();
    user.extra.insert("has_password", has_password);
    user.extra.insert("tokens", world.tokens_of(account.id).len());
    user.extra
        .insert("privileged_intents", account.privileged_intents);
    user
}

async fn users(State(core): State<Arc<Core>>, _: Operator) -> Json<Vec<model::User>> {
    let world = core.directory.read();
    let there = world.users().filter(|user| user.standing != Standing::Deleted);
    let mut users: Vec<_> = there.map(|user| rendered(&world, user)).collect();
    users.sort_unstable_by_key(|user| user.id);
    Json(users)
}

async fn user(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<UserId>,
) -> Answer<Json<model::User>> {
    shown(&core, id).map(Json)
}

/// An account with the guilds it is in.
fn shown(core: &Core, id: UserId) -> Answer<model::User> {
    let world = core.directory.read();
    let account = world.user(id);
    let account = account.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))?;
    let mut user = rendered(&world, account);
    let guilds = world.guilds_of(id);
    let guilds =
        guilds.map(|guild| json!({"id": guild.id, "name": guild.name, "owner": guild.owner_id == id}));
    user.extra.insert("guilds", guilds.collect::<Vec<Value>>());
    user.extra.insert("sessions", core.hub.sessions_of(id));
    Ok(user)
}

async fn create(
    State(core): State<Arc<Core>>,
    _: Operator,
    Body(request): Body<NewAccount>,
) -> Answer<Created<model::User>> {
    let name = if request.bot {
        named(request.name)?
    } else {
        let name = auth::username(&request.name).map_err(|fault| Failure::invalid_fields(vec![fault]))?;
        name.as_str().to_owned()
    };
    let global_name = request.global_name.as_deref().map(auth::global_name).transpose();
    let new = NewUser {
        bot: request.bot,
        name,
        global_name: global_name.map_err(|fault| Failure::invalid_fields(vec![fault]))?,
        privileged_intents: request.privileged_intents,
        ..NewUser::default()
    };
    if let Some(password) = &request.password {
        check_password(request.bot, password)?;
    }
    let user = core.directory.create_user(new).await.map_err(auth::taken)?;
    if let Some(password) = request.password {
        core.replace_password(user.id, password).await?;
    }
    Ok(Created(shown(&core, user.id)?))
}

fn check_password(bot: bool, password: &Password) -> Answer<()> {
    if bot {
        return Err(Failure::invalid_field(
            "password",
            "bots log in with tokens alone",
        ));
    }
    auth::check_password("password", password).map_err(|fault| Failure::invalid_fields(vec![fault]))
}

async fn edit(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<UserId>,
    Body(request): Body<EditAccount>,
) -> Answer<Json<model::User>> {
    let known = core.directory.read().user(id).cloned();
    let account = known.filter(|user| user.standing != Standing::Deleted);
    let account = account.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))?;
    if let Some(password) = &request.password {
        check_password(account.bot, password)?;
    }
    let change = |user: &mut User| {
        if let Some(disabled) = request.disabled {
            user.standing = if disabled {
                Standing::Disabled
            } else {
                Standing::Active
            };
        }
        user.privileged_intents = request.privileged_intents.unwrap_or(user.privileged_intents);
    };
    core.directory.edit_user(id, change).await.map_err(failure)?;
    if request.disabled == Some(true) {
        // The tokens stay, for the day on which the account is enabled again.
        let tokens = digests(&core.directory.read(), id);
        core.tokens_revoked(&tokens).await;
    }
    if let Some(password) = request.password {
        core.replace_password(id, password).await?;
    }
    shown(&core, id).map(Json)
}

fn digests(world: &World, user: UserId) -> Vec<TokenDigest> {
    let tokens = world.tokens_of(user).into_iter();
    tokens.map(|(digest, _)| digest).collect()
}

async fn remove(State(core): State<Arc<Core>>, _: Operator, Named(id): Named<UserId>) -> Answer<Done> {
    core.delete_account(id).await.map_err(failure)?;
    Ok(Done)
}

impl Core {
    /// Deletes an account: its tokens and sessions end, it goes from its guilds, and only its id is left.
    async fn delete_account(&self, id: UserId) -> Result<(), Error> {
        let guilds: Vec<_> = {
            let world = self.directory.read();
            let owned = world.guilds_of(id).filter(|guild| guild.owner_id == id);
            let owned: Vec<String> = owned.map(|guild| guild.name.clone()).collect();
            if !owned.is_empty() {
                let names = owned.join(", ");
                return Err(Error::OwnsGuilds { names });
            }
            world.guilds_of(id).map(|guild| guild.id).collect()
        };
        let revoked = self.directory.revoke_tokens(id).await?;
        self.tokens_revoked(&revoked).await;
        for guild in guilds {
            self.take_out(guild, id).await?;
        }
        self.directory.bury_user(id).await
    }
}

/// A token as it is shown: without what logs in.
#[derive(Debug, Serialize, JsonSchema)]
struct TokenSummary {
    id: String,
    label: String,
    created_at: Timestamp,
    /// Known to the day.
    last_used_at: Option<Timestamp>,
}

impl TokenSummary {
    fn new(digest: TokenDigest, record: &TokenRecord) -> Self {
        Self {
            id: digest.id().to_string(),
            label: record.label.clone(),
            created_at: Timestamp::from_unix_ms(record.created_at_ms),
            last_used_at: record.last_used_ms().map(Timestamp::from_unix_ms),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct NewToken {
    token: Token,
    id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TokenRequest {
    #[serde(default)]
    label: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Revoked {
    revoked: usize,
}

async fn tokens(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(user): Named<UserId>,
) -> Answer<Json<Vec<TokenSummary>>> {
    let world = core.directory.read();
    if world.user(user).is_none() {
        return Err(Failure::unknown(ApiErrorCode::UnknownUser));
    }
    let tokens = world.tokens_of(user).into_iter();
    Ok(Json(
        tokens
            .map(|(digest, record)| TokenSummary::new(digest, record))
            .collect(),
    ))
}

async fn create_token(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(user): Named<UserId>,
    Body(TokenRequest { label }): Body<TokenRequest>,
) -> Answer<Created<NewToken>> {
    if label.chars().count() > LONGEST_LABEL {
        return Err(Failure::invalid_field("label", "give at most 100 characters"));
    }
    let made = core.directory.create_labelled_token(user, label.trim()).await;
    let token = made.map_err(failure)?;
    let id = TokenDigest::of(token.expose()).id().to_string();
    Ok(Created(NewToken { token, id }))
}

async fn revoke_all(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(user): Named<UserId>,
) -> Answer<Json<Revoked>> {
    let revoked = core.directory.revoke_tokens(user).await.map_err(failure)?;
    core.tokens_revoked(&revoked).await;
    Ok(Json(Revoked {
        revoked: revoked.len(),
    }))
}

async fn revoke(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named((user, token)): Named<(UserId, String)>,
) -> Answer<Json<Revoked>> {
    let id = token.parse();
    let id = id.map_err(|_| Failure::unknown(ApiErrorCode::UnknownToken))?;
    let revoked = core.directory.revoke_token(user, id).await.map_err(failure)?;
    core.tokens_revoked(&[revoked]).await;
    Ok(Json(Revoked { revoked: 1 }))
}
