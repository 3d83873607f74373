//! What a channel becomes when somebody drafts or edits it.

use std::collections::BTreeMap;

use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{ChannelId, OverwriteId, RoleId, UserId};
use voxhall_protocol::model::{ChannelKind, OverwriteKind, PermissionOverwrite};
use voxhall_protocol::rest::{ApiErrorCode, ChannelDraft};

use super::form::Form;
use super::guilds::{optional, or_default};
use super::reply::{Answer, Failure};
use crate::ControlConfig;
use crate::directory::{Channel, Guild, Overwrite, OverwriteTarget, World};

/// The lowest bitrate, in bit/s.
const LOWEST_BITRATE: u32 = 8_000;
/// The highest bitrate of a stage, in bit/s.
const STAGE_BITRATE: u32 = 64_000;
/// The most people that a voice channel may be limited to.
const MOST_PEOPLE: i64 = 99;
/// The most people that a stage may be limited to.
const MOST_PEOPLE_IN_STAGE: i64 = 10_000;
/// The longest name of a channel, in characters.
const LONGEST_NAME: usize = 100;
/// The longest topic, in characters.
const LONGEST_TOPIC: usize = 1024;
/// The longest pause between messages, in seconds.
const LONGEST_PAUSE: i64 = 21_600;
/// The most channels in one category.
const MOST_IN_CATEGORY: usize = 50;

/// A channel after `draft`; its kind stays.
///
/// # Errors
/// 50035 with every field that is wrong; 10011 and 10013 for overwrites of nobody.
pub(super) fn apply(
    config: &ControlConfig,
    world: &World,
    guild: &Guild,
    channel: Channel,
    draft: &ChannelDraft,
) -> Answer<Channel> {
    let mut form = Form::default();
    let name = draft.name.as_deref().unwrap_or(&channel.name).trim();
    form.text("name", name, 1..=LONGEST_NAME);
    let position = or_default(&draft.position, channel.position, 0);
    form.number("position", position, 0..=i64::from(i32::MAX));
    let after = Channel {
        name: in_the_way_of(channel.kind, name),
        position,
        parent_id: optional(&draft.parent_id, channel.parent_id.as_ref()),
        topic: optional(&draft.topic, channel.topic.as_ref()).filter(|topic| !topic.is_empty()),
        nsfw: draft.nsfw.unwrap_or(channel.nsfw),
        rate_limit_per_user: or_default(&draft.rate_limit_per_user, channel.rate_limit_per_user, 0),
        bitrate: draft.bitrate.unwrap_or(channel.bitrate),
        user_limit: or_default(&draft.user_limit, channel.user_limit, 0),
        rtc_region: optional(&draft.rtc_region, channel.rtc_region.as_ref()),
        video_quality_mode: or_default(
            &map(&draft.video_quality_mode, |mode| u32::from(*mode)),
            channel.video_quality_mode,
            1,
        ),
        overwrites: match &draft.permission_overwrites {
            Nullable::Absent => channel.overwrites.clone(),
            Nullable::Null => Vec::new(),
            Nullable::Value(list) => overwrites(world, guild, list)?,
        },
        ..channel.clone()
    };
    check_text(&mut form, &after);
    if after.kind.is_voice() {
        check_voice(&mut form, config, &after);
    }
    check_parent(&mut form, guild, &channel, &after);
    form.finish()?;
    Ok(after)
}

fn map<T, U>(value: &Nullable<T>, change: impl FnOnce(&T) -> U) -> Nullable<U> {
    match value {
        Nullable::Absent => Nullable::Absent,
        Nullable::Null => Nullable::Null,
        Nullable::Value(value) => Nullable::Value(change(value)),
    }
}

/// Names of text channels are lower case, without spaces.
fn in_the_way_of(kind: ChannelKind, name: &str) -> String {
    if matches!(kind, ChannelKind::GuildText | ChannelKind::GuildAnnouncement) {
        name.to_lowercase()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join("-")
    } else {
        name.to_owned()
    }
}

fn check_text(form: &mut Form, channel: &Channel) {
    let topic = channel.topic.as_deref().unwrap_or_default();
    form.text("topic", topic, 0..=LONGEST_TOPIC);
    form.number(
        "rate_limit_per_user",
        channel.rate_limit_per_user,
        0..=LONGEST_PAUSE,
    );
}

fn check_voice(form: &mut Form, config: &ControlConfig, channel: &Channel) {
    let stage = channel.kind == ChannelKind::GuildStage;
    let highest = if stage {
        STAGE_BITRATE
    } else {
        config.limits.max_bitrate
    };
    let bitrates = i64::from(LOWEST_BITRATE)..=i64::from(highest);
    form.number("bitrate", channel.bitrate, bitrates);
    let most = if stage { MOST_PEOPLE_IN_STAGE } else { MOST_PEOPLE };
    form.number("user_limit", channel.user_limit, 0..=most);
    form.number("video_quality_mode", channel.video_quality_mode, 1..=2);
    let named = channel.rtc_region.as_ref();
    let known = named.is_none_or(|region| config.regions.iter().any(|it| it.id == *region));
    form.ensure("rtc_region", known, "there is no such region");
}

fn check_parent(form: &mut Form, guild: &Guild, before: &Channel, after: &Channel) {
    let Some(parent) = after.parent_id.filter(|it| before.parent_id != Some(*it)) else {
        return;
    };
    form.ensure(
        "parent_id",
        is_category_for(guild, parent, after.kind),
        "name a category of this guild; categories stand in none",
    );
    let children = guild.channels.values().filter(|it| it.parent_id == Some(parent));
    let room = children.count() < MOST_IN_CATEGORY;
    form.ensure("parent_id", room, "the category has all the channels it may have");
}

/// Whether a channel may stand in this category.
pub(super) fn is_category_for(guild: &Guild, parent: ChannelId, kind: ChannelKind) -> bool {
    let category = guild.channels.get(&parent).map(|it| it.kind) == Some(ChannelKind::GuildCategory);
    category && kind != ChannelKind::GuildCategory
}

/// Overwrites from the wire, one for each target; the last word about a target counts.
fn overwrites(world: &World, guild: &Guild, list: &[PermissionOverwrite]) -> Answer<Vec<Overwrite>> {
    let mut by_target = BTreeMap::new();
    for wire in list {
        let overwrite = Overwrite {
            target: target(world, guild, wire.kind, wire.id)?,
            allow: wire.allow,
            deny: wire.deny,
        };
        by_target.insert(wire.id, overwrite);
    }
    Ok(by_target.into_values().collect())
}

/// Whom an overwrite is for: a role of the guild, or any account.
pub(super) fn target(
    world: &World,
    guild: &Guild,
    kind: OverwriteKind,
    OverwriteId(id): OverwriteId,
) -> Answer<OverwriteTarget> {
    match kind {
        OverwriteKind::Role if guild.roles.contains_key(&RoleId(id)) => Ok(OverwriteTarget::Role(RoleId(id))),
        OverwriteKind::Role => Err(Failure::unknown(ApiErrorCode::UnknownRole)),
        OverwriteKind::Member if world.user(UserId(id)).is_some() => Ok(OverwriteTarget::Member(UserId(id))),
        OverwriteKind::Member => Err(Failure::unknown(ApiErrorCode::UnknownUser)),
        OverwriteKind::Other(_) => Err(Failure::invalid_field("type", "0 is a role, 1 is a member")),
    }
}
