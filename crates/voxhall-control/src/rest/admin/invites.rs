//! Invites, as the operator sees them: to guilds, and to make an account.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::Timestamp;
use voxhall_protocol::rest as wire;
use voxhall_protocol::rest::{ApiErrorCode, CreateInvite};

use crate::control::Core;
use crate::directory::SignUpInvite;
use crate::rest::caller::Operator;
use crate::rest::invites::{Wish, all_of, with_metadata};
use crate::rest::reply::{Answer, Body, Created, Done, Failure, Json, Named};
use crate::rest::route::{Routes, delete, get};
use crate::wall;

/// The longest that an invite to sign up holds that does not hold for ever: a year, in seconds.
const LONGEST_AGE_S: u32 = 365 * 24 * 60 * 60;

pub(super) fn api() -> Routes {
    Routes::new("operator")
        .route(
            "/invites",
            get(to_sign_up, "Lists the invites to make an account")
                .post(create_to_sign_up, "Makes an invite to make an account"),
        )
        .route("/invites/{code}", delete(revoke, "Ends an invite of either kind"))
        .route(
            "/guilds/{guild}/invites",
            get(to_guild, "Lists the invites to a guild").post(create_to_guild, "Makes an invite to a guild"),
        )
}

/// An invite to make an account, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownInvite {
    code: String,
    uses: u32,
    max_uses: u32,
    max_age: u32,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl From<&SignUpInvite> for ShownInvite {
    fn from(invite: &SignUpInvite) -> Self {
        Self {
            code: invite.code.clone(),
            uses: invite.terms.uses,
            max_uses: invite.terms.max_uses,
            max_age: invite.terms.max_age_s,
            created_at: Timestamp::from_unix_ms(invite.terms.created_at_ms),
            expires_at: invite.terms.expires_at_ms().map(Timestamp::from_unix_ms),
        }
    }
}

async fn to_sign_up(State(core): State<Arc<Core>>, _: Operator) -> Json<Vec<ShownInvite>> {
    let world = core.directory.read();
    Json(
        world
            .sign_up_invites(wall::now_ms())
            .map(ShownInvite::from)
            .collect(),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct SignUpTerms {
    /// Seconds; 0 is for ever.
    #[serde(default)]
    max_age: u32,
    /// 0 is without end.
    #[serde(default)]
    max_uses: u32,
}

async fn create_to_sign_up(
    State(core): State<Arc<Core>>,
    _: Operator,
    Body(terms): Body<SignUpTerms>,
) -> Answer<Created<ShownInvite>> {
    if terms.max_age > LONGEST_AGE_S {
        return Err(Failure::invalid_field(
            "max_age",
            "give 0 for ever, or up to a year in seconds",
        ));
    }
    let made = core
        .directory
        .create_sign_up_invite(terms.max_age, terms.max_uses, wall::now_ms());
    Ok(Created(ShownInvite::from(&made.await?)))
}

async fn to_guild(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(guild): Named<GuildId>,
) -> Answer<Json<Vec<wire::Invite>>> {
    let world = core.directory.read();
    if world.guild(guild).is_none() {
        return Err(Failure::unknown(ApiErrorCode::UnknownGuild));
    }
    Ok(Json(all_of(&world, guild)))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewGuildInvite {
    /// Where people begin; the first channel that is no category if nothing is said.
    channel_id: Option<ChannelId>,
    #[serde(flatten)]
    terms: CreateInvite,
}

async fn create_to_guild(
    State(core): State<Arc<Core>>,
    _: Operator,
    Named(id): Named<GuildId>,
    Body(request): Body<NewGuildInvite>,
) -> Answer<Created<wire::Invite>> {
    let channel = {
        let world = core.directory.read();
        let guild = world.guild(id);
        let guild = guild.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))?;
        let category = voxhall_protocol::model::ChannelKind::GuildCategory;
        let mut places = guild.channels.values().filter(|it| it.kind != category);
        let found = match request.channel_id {
            Some(wanted) => places.find(|it| it.id == wanted),
            None => places.min_by_key(|it| (it.position, it.id)),
        };
        let found = found.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))?;
        found.id
    };
    let new = Wish::read(&request.terms)?.invite(id, channel, None);
    let invite = core.invite(new, request.terms.unique.unwrap_or(true)).await?;
    Ok(Created(with_metadata(&core.directory.read(), &invite)))
}

/// Ends an invite of either kind.
async fn revoke(State(core): State<Arc<Core>>, _: Operator, Named(code): Named<String>) -> Answer<Done> {
    if core.revoke_invite(&code).await? || core.directory.delete_sign_up_invite(&code).await? {
        return Ok(Done);
    }
    Err(Failure::unknown(ApiErrorCode::UnknownInvite))
}
