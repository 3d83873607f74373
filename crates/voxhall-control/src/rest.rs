//! REST (gateway-and-calls, section 9), and the address of the main Gateway.

mod admin;
mod caller;
mod channels;
mod effects;
mod gateway;
mod guilds;
mod members;
mod private_calls;
mod reply;
mod users;
mod voice_states;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};

use crate::control::Core;
use reply::Failure;

/// The most bytes of a request's body. What voice needs is small.
const LONGEST_BODY: usize = 256 << 10;

/// Everything that is served.
pub(crate) fn router(core: Arc<Core>) -> Router {
    let api = Router::new()
        .merge(gateway::api())
        .merge(users::api())
        .merge(guilds::api())
        .merge(members::api())
        .merge(voice_states::api())
        .merge(channels::api())
        .merge(effects::api())
        .merge(private_calls::api())
        .fallback(|| async { Failure::not_found() })
        .method_not_allowed_fallback(|| async { Failure::method_not_allowed() });
    Router::new()
        .nest("/api/v9", api.clone())
        .nest("/api/v10", api.clone())
        .nest("/api", api)
        .nest("/admin", admin::api())
        .merge(gateway::socket())
        .fallback(|| async { Failure::not_found() })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(reply::log_refusal))
        .with_state(core)
}
