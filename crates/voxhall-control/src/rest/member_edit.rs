//! What a member becomes when somebody edits it, and who may.

use voxhall_protocol::Nullable;
use voxhall_protocol::ids::RoleId;
use voxhall_protocol::model::{Permissions, Timestamp};
use voxhall_protocol::rest::{ApiErrorCode, PatchMember};

use super::authority::Authority;
use super::form::Form;
use super::reply::{Answer, Failure};
use super::roles;
use crate::directory::Member;
use crate::permissions::guild_permissions;
use crate::wall;

/// The longest name in a guild, in characters.
const LONGEST_NICK: usize = 32;
/// The longest time-out: 28 days, in milliseconds.
const LONGEST_TIME_OUT_MS: u64 = 28 * 24 * 3600 * 1000;

/// A member after `edit`. Which room it is in is not part of it.
///
/// # Errors
/// 50013 for what the caller may not do to this member, 50035 for wrong fields, 10011 for roles that are not there.
pub(super) fn apply(
    authority: &Authority<'_>,
    own: bool,
    before: &Member,
    edit: &PatchMember,
) -> Answer<Member> {
    let mut after = before.clone();
    if !edit.nick.is_absent() {
        after.nick = nick(authority, own, before, &edit.nick)?;
    }
    if !edit.roles.is_absent() {
        after.roles = edit.roles.value().into_iter().flatten().copied().collect();
        for role in &after.roles {
            roles::known(authority.guild, *role)?;
        }
        authority.needs(Permissions::MANAGE_ROLES)?;
        for role in before.roles.symmetric_difference(&after.roles) {
            may_hand_out(authority, *role)?;
        }
    }
    if let Some(mute) = edit.mute.value() {
        authority.needs(Permissions::MUTE_MEMBERS)?;
        after.mute = *mute;
    }
    if let Some(deaf) = edit.deaf.value() {
        authority.needs(Permissions::DEAFEN_MEMBERS)?;
        after.deaf = *deaf;
    }
    if !edit.communication_disabled_until.is_absent() {
        after.timed_out_until_ms = time_out(authority, before, &edit.communication_disabled_until)?;
    }
    Ok(after)
}

fn nick(
    authority: &Authority<'_>,
    own: bool,
    before: &Member,
    nick: &Nullable<String>,
) -> Answer<Option<String>> {
    if own {
        authority
            .needs(Permissions::CHANGE_NICKNAME)
            .or_else(|_| authority.needs(Permissions::MANAGE_NICKNAMES))?;
    } else {
        authority.needs(Permissions::MANAGE_NICKNAMES)?;
        authority.over_member(before.user_id)?;
    }
    let nick = nick
        .value()
        .map(|nick| nick.trim())
        .filter(|nick| !nick.is_empty());
    let mut form = Form::default();
    form.text("nick", nick.unwrap_or("-"), 1..=LONGEST_NICK);
    form.finish()?;
    Ok(nick.map(str::to_owned))
}

fn time_out(authority: &Authority<'_>, before: &Member, until: &Nullable<Timestamp>) -> Answer<Option<u64>> {
    authority.needs(Permissions::MODERATE_MEMBERS)?;
    authority.over_member(before.user_id)?;
    let Some(until) = until.value() else {
        return Ok(None);
    };
    if guild_permissions(authority.guild, before).contains(Permissions::ADMINISTRATOR) {
        return Err(Failure::forbidden(ApiErrorCode::MissingPermissions));
    }
    let latest = wall::now_ms().saturating_add(LONGEST_TIME_OUT_MS);
    let mut form = Form::default();
    let until = until.unix_ms();
    form.ensure(
        "communication_disabled_until",
        until.is_some_and(|until| until <= latest),
        "give a time within the next 28 days",
    );
    form.finish()?;
    Ok(until)
}

/// Refuses to give or take a role that is everybody's, an application's, or not below the caller's own.
fn may_hand_out(authority: &Authority<'_>, role: RoleId) -> Answer<()> {
    let Some(role) = authority.guild.roles.get(&role) else {
        return Ok(());
    };
    if role.managed || role.id.0 == authority.guild.id.0 {
        return Err(Failure::bad_request(ApiErrorCode::InvalidRole));
    }
    authority.over_role(role)
}

/// Refuses to give or take a single role.
pub(super) fn may_change_role(authority: &Authority<'_>, role: RoleId) -> Answer<()> {
    authority.needs(Permissions::MANAGE_ROLES)?;
    may_hand_out(authority, role)
}

/// Whether an edit makes sense only for somebody who is in a room.
pub(super) fn touches_voice(edit: &PatchMember) -> bool {
    !edit.channel_id.is_absent() || edit.mute.value().is_some() || edit.deaf.value().is_some()
}

/// Refuses to move or disconnect for those who may not; whoever moves others must be able to go there itself.
pub(super) fn may_move(authority: &Authority<'_>, edit: &PatchMember) -> Answer<()> {
    if edit.channel_id.is_absent() {
        return Ok(());
    }
    authority.needs(Permissions::MOVE_MEMBERS)?;
    let Nullable::Value(to) = &edit.channel_id else {
        return Ok(());
    };
    let room = authority
        .guild
        .channels
        .get(to)
        .filter(|channel| channel.kind.is_voice());
    match room {
        Some(room) => authority.needs_in(room, Permissions::VIEW_CHANNEL | Permissions::CONNECT),
        None => Err(Failure::invalid_field(
            "channel_id",
            "name a voice channel of this guild",
        )),
    }
}
