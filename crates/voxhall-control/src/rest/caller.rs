//! Who calls: the account behind the `Authorization` header, and what it may see.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use voxhall_protocol::gateway::TokenKind;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::ApiErrorCode;

use super::operation::{Input, Operation};
use super::reply::{Answer, Failure};
use crate::control::Core;
use crate::directory::{Home, TokenDigest, User, World};
use crate::wall;

/// The account that calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) User);

impl Caller {
    /// Its id.
    pub(crate) fn id(&self) -> UserId {
        self.0.id
    }

    /// Refuses bots.
    pub(crate) fn person(&self) -> Answer<()> {
        if self.0.bot {
            Err(Failure::forbidden(ApiErrorCode::BotsNotAllowed))
        } else {
            Ok(())
        }
    }

    /// Refuses those who are not in a guild.
    pub(crate) fn in_guild(&self, world: &World, guild: GuildId) -> Answer<()> {
        match world.member(guild, self.id()) {
            Some(_) => Ok(()),
            None => Err(Failure::unknown(ApiErrorCode::UnknownGuild)),
        }
    }

    /// Refuses those who may not see a channel of either kind.
    pub(crate) fn sees(&self, world: &World, channel: ChannelId) -> Answer<Home> {
        let home = world.home(channel).filter(|_| world.may_view(channel, self.id()));
        home.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
    }

    /// Refuses those without a permission in a guild's channel.
    pub(crate) fn may_in(&self, world: &World, channel: ChannelId, needed: Permissions) -> Answer<()> {
        let granted = world.permissions_at(channel, self.id(), wall::now_ms());
        permitted(granted.contains(needed))
    }

    /// Refuses those without a permission in a guild.
    pub(crate) fn may(&self, world: &World, guild: GuildId, needed: Permissions) -> Answer<()> {
        let granted = world.permissions_in_guild_at(guild, self.id(), wall::now_ms());
        permitted(granted.contains(needed))
    }
}

fn permitted(may: bool) -> Answer<()> {
    if may {
        Ok(())
    } else {
        Err(Failure::forbidden(ApiErrorCode::MissingPermissions))
    }
}

impl FromRequestParts<Arc<Core>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Failure> {
        let token = bearer(parts).ok_or_else(Failure::unauthorized)?;
        let account = core.account_of(token).await?;
        account.map(Self).ok_or_else(Failure::unauthorized)
    }
}

/// The token that a caller has shown. Whether it is good, [`Caller`] says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented(pub(crate) TokenDigest);

impl FromRequestParts<Arc<Core>> for Presented {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Core>) -> Result<Self, Failure> {
        let token = bearer(parts).ok_or_else(Failure::unauthorized)?;
        Ok(Self(TokenDigest::of(token)))
    }
}

impl Input for Presented {
    fn describe(_: &mut Operation<'_>) {}
}

/// The operator: whoever has the admin token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator;

impl FromRequestParts<Arc<Core>> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Failure> {
        let expected = core.config.admin_token.as_ref().ok_or_else(Failure::not_found)?;
        let given = bearer(parts).ok_or_else(Failure::unauthorized)?;
        // In constant time, or the answer's delay would spell the token out.
        aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), expected.expose().as_bytes())
            .map_err(|_| Failure::unauthorized())?;
        Ok(Self)
    }
}

/// The token that a request comes with.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, token) = TokenKind::split(header);
    (!token.is_empty()).then_some(token)
}
