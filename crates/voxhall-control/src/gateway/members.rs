//! Op 8: members of guilds, by name or by id.

use serde_json::json;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, GuildMembersChunk, Intents, OneOrMany, RequestGuildMembers};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::model;

use super::hub::Profile;
use crate::directory::{Guild, World};
use crate::presence::Presences;
use crate::render;

/// The most members in one chunk.
const CHUNK: usize = 1000;

/// The most users that one request may name, and the most that are found by name where not all were asked for.
const MOST_USERS: usize = 100;

/// The chunks that answer a request; none if it asks for more than the session may have.
pub(crate) fn chunks(
    world: &World,
    presences: &Presences,
    guild: &Guild,
    profile: &Profile,
    request: &RequestGuildMembers,
) -> Vec<Event> {
    let (found, not_found) = match &request.user_ids {
        Some(users) => named(guild, users),
        None if may_search(profile, request) => (by_name(world, guild, request), Vec::new()),
        None => return Vec::new(),
    };
    let with_presences = request.presences.unwrap_or(false)
        && (!profile.bot || profile.intents.contains(Intents::GUILD_PRESENCES));
    let chunk_count = found.len().div_ceil(CHUNK).max(1);
    let chunk = |(index, users): (usize, &[UserId])| {
        let members = users.iter().filter_map(|user| member(world, guild, *user));
        let online = users.iter().filter(|user| presences.is_online(**user));
        let shown = online.map(|user| json!(presences.render(*user)));
        Event::GuildMembersChunk(Box::new(GuildMembersChunk {
            guild_id: guild.id,
            members: members.collect(),
            chunk_index: u32::try_from(index).unwrap_or(u32::MAX),
            chunk_count: u32::try_from(chunk_count).unwrap_or(u32::MAX),
            not_found: (!not_found.is_empty()).then(|| not_found.iter().map(|user| json!(user)).collect()),
            presences: with_presences.then(|| shown.collect()),
            nonce: request.nonce.clone(),
            extra: Extra::new(),
        }))
    };
    if found.is_empty() {
        return vec![chunk((0, &[]))];
    }
    found.chunks(CHUNK).enumerate().map(chunk).collect()
}

fn member(world: &World, guild: &Guild, user: UserId) -> Option<model::Member> {
    render::member(world, guild.members.get(&user)?)
}

/// Whether this session may ask so: for all of them, a bot needs the privileged intent.
fn may_search(profile: &Profile, request: &RequestGuildMembers) -> bool {
    let all = request.query.as_deref().unwrap_or_default().is_empty();
    let may = !all || !profile.bot || profile.intents.contains(Intents::GUILD_MEMBERS);
    if !may {
        tracing::debug!(user = %profile.user, "a bot without the intent asks for all members of a guild");
    }
    may
}

fn named(guild: &Guild, users: &OneOrMany<UserId>) -> (Vec<UserId>, Vec<UserId>) {
    let named = users.as_slice().iter().take(MOST_USERS);
    named.partition(|user| guild.members.contains_key(user))
}

fn by_name(world: &World, guild: &Guild, request: &RequestGuildMembers) -> Vec<UserId> {
    let prefix = request.query.as_deref().unwrap_or_default().to_lowercase();
    let begins = |name: &str| name.to_lowercase().starts_with(&prefix);
    let mut found: Vec<UserId> = guild
        .members
        .values()
        .filter(|member| {
            let user = world.user(member.user_id);
            let names = user.map(|user| (user.name.as_str(), user.global_name.as_deref()));
            let (name, global) = names.unwrap_or_default();
            begins(name) || global.is_some_and(begins) || member.nick.as_deref().is_some_and(begins)
        })
        .map(|member| member.user_id)
        .collect();
    found.sort_unstable();
    let asked = request.limit.unwrap_or(0) as usize;
    // Zero asks for all, which only those get who search for nothing.
    let most = match (prefix.is_empty(), asked) {
        (true, 0) => usize::MAX,
        (true, asked) => asked,
        (false, asked) => {
            if asked == 0 {
                MOST_USERS
            } else {
                asked.min(MOST_USERS)
            }
        }
    };
    found.truncate(most);
    found
}
