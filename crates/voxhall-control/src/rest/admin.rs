//! The operator's endpoints, which the command line uses.

mod accounts;
mod channels;
mod guilds;
mod invites;
mod roles;

use axum::http::StatusCode;
use voxhall_protocol::ids::GuildId;
use voxhall_protocol::rest::ApiErrorCode;

use super::reply::{Answer, Failure};
use super::route::Routes;
use crate::Error;
use crate::directory::{Guild, World};

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .merge(accounts::api())
        .merge(invites::api())
        .merge(guilds::api())
        .merge(channels::api())
        .merge(roles::api())
}

/// What the operator names may be wrong; everything else is the directory's fault.
fn failure(error: Error) -> Failure {
    match error {
        Error::Unknown { what: "guild" } => Failure::unknown(ApiErrorCode::UnknownGuild),
        Error::Unknown { what: "token" } => Failure::unknown(ApiErrorCode::UnknownToken),
        Error::Unknown { .. } => Failure::unknown(ApiErrorCode::UnknownUser),
        refused @ Error::OwnsGuilds { .. } => Failure::with_message(
            StatusCode::BAD_REQUEST,
            ApiErrorCode::InvalidGuild,
            refused.to_string(),
        ),
        other => other.into(),
    }
}

fn named(name: String) -> Answer<String> {
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Failure::invalid_field("name", "give 1 to 100 characters"));
    }
    Ok(name)
}

fn known(world: &World, id: GuildId) -> Answer<&Guild> {
    let guild = world.guild(id);
    guild.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))
}
