//! How a person signs in to the page: what this server offers, and by name alone in a development server.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;

use super::auth;
use super::reply::{Answer, Body, Failure, FieldFault, Json};
use super::route::{Routes, get, post};
use crate::config::SignUpPolicy;
use crate::control::Core;
use crate::dev;
use crate::directory::Standing;
use crate::membership::{Bans, Stay};

/// What the tokens are labelled with.
const LABEL: &str = "signed in by name";

pub(super) fn api() -> Routes {
    Routes::new("accounts").route("/sign-in", get(options, "Says how one signs in here"))
}

/// Served by a development server alone.
pub(super) fn by_name_api() -> Routes {
    Routes::new("accounts").route(
        "/sign-in",
        post(by_name, "Signs in a person by name; who is not known yet is made"),
    )
}

/// How one signs in.
#[derive(Debug, Serialize, JsonSchema)]
struct Options {
    /// A name is enough (`POST /dev/sign-in`).
    by_name: bool,
    /// Who may make an account (`POST /auth/register`).
    sign_up: Policy,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Policy {
    Open,
    Invite,
    Closed,
}

async fn options(State(core): State<Arc<Core>>) -> Json<Options> {
    Json(Options {
        by_name: core.config.dev,
        sign_up: match core.config.sign_up {
            SignUpPolicy::Open => Policy::Open,
            SignUpPolicy::Invite => Policy::Invite,
            SignUpPolicy::Closed => Policy::Closed,
        },
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

/// Who one is now.
#[derive(Debug, Serialize, JsonSchema)]
struct SignedIn {
    user_id: UserId,
    #[schemars(with = "String")]
    token: Token,
}

async fn by_name(State(core): State<Arc<Core>>, Body(Name { name }): Body<Name>) -> Answer<Json<SignedIn>> {
    let shown = auth::global_name(&name).map_err(|_| {
        let why = "Must be between 1 and 32 in length.";
        Failure::invalid_fields(vec![FieldFault::new("name", "BASE_TYPE_BAD_LENGTH", why)])
    })?;
    let user = core.person_named(&shown).await?;
    let disabled = || {
        let why = "This account is disabled.";
        Failure::invalid_fields(vec![FieldFault::new("name", "ACCOUNT_DISABLED", why)])
    };
    if user.standing != Standing::Active {
        return Err(disabled());
    }
    if core.directory.read().guild(dev::GUILD).is_some() {
        core.bring_in(dev::GUILD, user.id, Stay::Lasting, Bans::Hold)
            .await?;
    }
    let token = core.sign_in(user.id, LABEL, None).await?;
    Ok(Json(SignedIn {
        user_id: user.id,
        token: token.ok_or_else(disabled)?,
    }))
}
