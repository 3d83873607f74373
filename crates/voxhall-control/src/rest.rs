//! REST (gateway-and-calls, section 9), and the address of the main Gateway.
//!
//! How to add a route: a module has `pub(super) fn api() -> Routes`, which is merged in [`api`] below. In it,
//!
//! ```text
//! Routes::new("channels").route("/channels/{channel}", get(channel, "Gives a channel").patch(edit, "Edits a channel"))
//! ```
//!
//! serves and documents at once. The document takes everything from the handler's types: `Caller` and `Operator` say
//! who may call; `Body<T>`, `Named<T>` and `Asked<T>` what is taken; `Json<T>`, `Created<T>`, `Done` what is given;
//! `Answer<…>` that it may be refused. `T` derives `schemars::JsonSchema`; in `voxhall-protocol` under its feature:
//! `#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]`. A bare `Response` says nothing, so it is not taken.

mod admin;
mod auth;
mod authority;
mod bans;
mod caller;
mod channel_draft;
mod channels;
mod commands;
mod dev;
mod effects;
mod form;
mod gateway;
mod guild_channels;
mod guilds;
mod interactions;
mod invites;
mod limiter;
mod member_edit;
mod members;
pub(crate) mod messages;
mod multipart;
mod openapi;
mod operation;
mod overwrites;
mod own_account;
mod private_calls;
mod private_channels;
mod rates;
mod reason;
mod reply;
mod roles;
mod route;
mod schemas;
mod shape;
mod sign_in;
mod stages;
mod streams;
mod switch;
mod throttle;
mod users;
mod voice_states;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};

use crate::control::Core;
use reply::Failure;
use route::Routes;
pub(crate) use throttle::Throttle;

/// The most bytes of a request's body. What voice needs is small.
const LONGEST_BODY: usize = 256 << 10;

/// The prefix that the document names; it serves the same as the others.
const DOCUMENTED: &str = "/api/v10";

/// What accounts may call, below each version's prefix.
fn api() -> Routes {
    Routes::new("")
        .merge(openapi::api())
        .merge(gateway::api())
        .merge(auth::api())
        .merge(sign_in::api())
        .merge(own_account::api())
        .merge(users::api())
        .merge(invites::api())
        .merge(guilds::api())
        .merge(guild_channels::api())
        .merge(roles::api())
        .merge(members::api())
        .merge(bans::api())
        .merge(overwrites::api())
        .merge(voice_states::api())
        .merge(channels::api())
        .merge(stages::api())
        .merge(streams::api())
        .merge(messages::api())
        .merge(commands::api())
        .merge(interactions::api())
        .merge(effects::api())
        .merge(private_calls::api())
        .merge(private_channels::api())
}

/// What stands at addresses of its own.
fn outside() -> Routes {
    Routes::new("")
        .nest("/admin", admin::api())
        .merge(gateway::socket())
}

/// Everything that is served, each thing once.
fn routes() -> Routes {
    outside().nest(DOCUMENTED, api())
}

/// The OpenAPI document of everything that is served.
#[must_use]
pub fn openapi() -> &'static serde_json::Value {
    openapi::whole()
}

/// Everything that is served.
pub(crate) fn router(core: Arc<Core>) -> Router {
    let for_tests = if core.config.dev {
        Routes::new("").nest("/dev", dev::api().merge(sign_in::by_name_api()))
    } else {
        Routes::new("")
    };
    routes()
        .merge(for_tests)
        .nest("/api/v9", api())
        .nest("/api", api())
        .into_router()
        .fallback(reply::no_such_address)
        .method_not_allowed_fallback(|| async { Failure::method_not_allowed() })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(core.clone(), throttle::enforce))
        .layer(middleware::from_fn(reply::log_refusal))
        .with_state(core)
}
