//! Bans: who may not come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::Extra;
use voxhall_protocol::ids::{ChannelId, EPOCH_MS, GuildId, MessageId, UserId};
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::{ApiErrorCode, Ban, BulkBan, BulkBanned, PutBan};

use super::authority::Authority;
use super::caller::Caller;
use super::form::{Fault, Form};
use super::reason::Reason;
use super::reply::{Answer, Asked, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post};
use crate::control::Core;
use crate::directory::{self, GuildWrite, World};
use crate::{render, wall};

/// The most bans in one answer.
const LONGEST_PAGE: usize = 1000;
/// The most accounts banned at once.
const MOST_AT_ONCE: usize = 200;
/// How far back a banned account's messages may go with it, in seconds: a week.
const LONGEST_DELETION: i64 = 604_800;
/// The most messages that one event says are gone.
const MOST_IN_EVENT: usize = 100;

pub(super) fn api() -> Routes {
    Routes::new("bans")
        .route("/guilds/{guild}/bans", get(bans, "Lists bans, by id"))
        .route(
            "/guilds/{guild}/bans/{user}",
            get(ban, "Gives a ban")
                .put(put, "Bans an account")
                .delete(lift, "Lifts a ban"),
        )
        .route("/guilds/{guild}/bulk-ban", post(bulk, "Bans several accounts"))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    limit: Option<usize>,
    before: Option<UserId>,
    after: Option<UserId>,
}

fn rendered(world: &World, ban: &directory::Ban) -> Ban {
    Ban {
        reason: ban.reason.clone(),
        user: render::user_by_id(world, ban.user_id),
        extra: Extra::new(),
    }
}

async fn bans(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
    Asked(page): Asked<Page>,
) -> Answer<Json<Vec<Ban>>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    authority.needs(Permissions::BAN_MEMBERS)?;
    let limit = page.limit.unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE);
    let all = authority.guild.bans.values();
    let found: Vec<&directory::Ban> = match (page.before, page.after) {
        // Those next to the one that is named, in the order of ids all the same.
        (Some(before), _) => {
            let mut last: Vec<_> = all.rev().filter(|ban| ban.user_id < before).take(limit).collect();
            last.reverse();
            last
        }
        (None, Some(after)) => all.filter(|ban| ban.user_id > after).take(limit).collect(),
        (None, None) => all.take(limit).collect(),
    };
    Ok(Json(found.into_iter().map(|ban| rendered(&world, ban)).collect()))
}

async fn ban(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((id, user)): Named<(GuildId, UserId)>,
) -> Answer<Json<Ban>> {
    let world = core.directory.read();
    let authority = Authority::in_guild(&world, &caller, id)?;
    authority.needs(Permissions::BAN_MEMBERS)?;
    let ban = authority.guild.bans.get(&user);
    ban.map(|ban| Json(rendered(&world, ban)))
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownBan))
}

/// The writes that ban an account; none if it is banned already.
fn banning(authority: &Authority<'_>, user: UserId, reason: Option<&String>) -> Answer<Vec<GuildWrite>> {
    authority.over_member(user)?;
    if authority.guild.bans.contains_key(&user) {
        return Ok(Vec::new());
    }
    let mut writes = vec![GuildWrite::PutBan(directory::Ban {
        user_id: user,
        reason: reason.cloned(),
    })];
    if authority.guild.members.contains_key(&user) {
        writes.push(GuildWrite::RemoveMember(user));
    }
    Ok(writes)
}

async fn put(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, user)): Named<(GuildId, UserId)>,
    Body(request): Body<PutBan>,
) -> Answer<Done> {
    let seconds = deletion(Form::default(), request.delete_message_seconds)?;
    let author = reason.of(&caller);
    core.change_guild(id, &author, |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::BAN_MEMBERS)?;
        if world.user(user).is_none() {
            return Err(Failure::unknown(ApiErrorCode::UnknownUser));
        }
        banning(&authority, user, author.reason.as_ref())
    })
    .await?;
    delete_messages(&core, id, &BTreeSet::from([user]), seconds).await?;
    Ok(Done)
}

/// How many seconds of messages go with a ban.
fn deletion(mut form: Form, seconds: Option<u32>) -> Answer<u32> {
    let seconds = seconds.unwrap_or(0);
    form.number("delete_message_seconds", seconds, 0..=LONGEST_DELETION);
    form.finish()?;
    Ok(seconds)
}

/// Deletes what accounts wrote in a guild's channels in the last `seconds`.
async fn delete_messages(
    core: &Core,
    guild: GuildId,
    authors: &BTreeSet<UserId>,
    seconds: u32,
) -> Answer<()> {
    if seconds == 0 || authors.is_empty() {
        return Ok(());
    }
    let since_ms = wall::now_ms().saturating_sub(u64::from(seconds) * 1000);
    let floor = MessageId(since_ms.saturating_sub(EPOCH_MS) << 22);
    let channels: Vec<ChannelId> = {
        let world = core.directory.read();
        let guild = world.guild(guild).into_iter();
        guild.flat_map(|guild| guild.channels.keys().copied()).collect()
    };
    for channel in channels {
        let turn = core.posting.turn().await;
        let written = core.directory.written_since(channel, authors, floor).await?;
        for ids in written.chunks(MOST_IN_EVENT) {
            core.erase(&turn, channel, ids).await?;
        }
    }
    Ok(())
}

async fn lift(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named((id, user)): Named<(GuildId, UserId)>,
) -> Answer<Done> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::BAN_MEMBERS)?;
        if !authority.guild.bans.contains_key(&user) {
            return Err(Failure::unknown(ApiErrorCode::UnknownBan));
        }
        Ok(vec![GuildWrite::RemoveBan(user)])
    })
    .await?;
    Ok(Done)
}

async fn bulk(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(request): Body<BulkBan>,
) -> Answer<Json<BulkBanned>> {
    let mut form = Form::default();
    if !(1..=MOST_AT_ONCE).contains(&request.user_ids.len()) {
        form.fault("user_ids", &Fault::Length(1..=MOST_AT_ONCE));
    }
    let seconds = deletion(form, request.delete_message_seconds)?;
    let author = reason.of(&caller);
    let mut answer = BulkBanned::default();
    core.change_guild(id, &author, |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::BAN_MEMBERS | Permissions::MANAGE_GUILD)?;
        let mut writes = Vec::new();
        let users: BTreeSet<UserId> = request.user_ids.iter().copied().collect();
        for user in users {
            let ban = match world.user(user) {
                Some(_) => banning(&authority, user, author.reason.as_ref()).unwrap_or_default(),
                None => Vec::new(),
            };
            if ban.is_empty() {
                answer.failed_users.push(user);
            } else {
                answer.banned_users.push(user);
            }
            writes.extend(ban);
        }
        if writes.is_empty() {
            return Err(Failure::bad_request(ApiErrorCode::CannotBanUsers));
        }
        Ok(writes)
    })
    .await?;
    let banned = answer.banned_users.iter().copied().collect();
    delete_messages(&core, id, &banned, seconds).await?;
    Ok(Json(answer))
}
