//! What the directory and the live state look like on the wire.

use std::collections::BTreeSet;

use serde_json::Value;
use voxhall_live::VoiceRecord;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model;
use voxhall_protocol::model::{
    ChannelKind, OverwriteKind, PermissionOverwrite, Permissions, RoleColors, Timestamp,
};
use voxhall_protocol::{Extra, Nullable};

use crate::calls::view::LiveView;
use crate::directory::{Channel, Guild, Member, OverwriteTarget, PrivateChannel, Role, Stage, User, World};

/// An account as others see it.
pub(crate) fn user(user: &User) -> model::User {
    model::User {
        discriminator: user.discriminator.clone(),
        global_name: user.global_name.clone().into(),
        avatar: user.avatar.clone(),
        public_flags: Some(user.public_flags),
        ..model::User::new(user.id, user.name.clone(), user.bot)
    }
}

/// An account as it sees itself.
pub(crate) fn own_user(account: &User) -> model::User {
    let own = model::User::own(account.id, account.name.clone(), account.bot);
    let mut rendered = model::User {
        flags: own.flags,
        mfa_enabled: own.mfa_enabled,
        verified: own.verified,
        ..user(account)
    };
    rendered.extra.insert("email", account.email.clone());
    rendered
}

/// An account that may be gone.
pub(crate) fn user_by_id(world: &World, id: UserId) -> model::User {
    world
        .user(id)
        .map_or_else(|| model::User::new(id, "deleted", false), user)
}

/// An account as messages show it: with the decoration of its picture, which nobody has here.
pub(crate) fn user_in_message(world: &World, id: UserId) -> model::User {
    let mut user = user_by_id(world, id);
    user.extra.insert("avatar_decoration", Value::Null);
    user
}

/// A member; `None` if the account is gone.
pub(crate) fn member(world: &World, member: &Member) -> Option<model::Member> {
    let joined_at = Timestamp::from_unix_ms(member.joined_at_ms);
    Some(model::Member {
        roles: member.roles.iter().copied().collect(),
        nick: member.nick.clone().into(),
        deaf: member.deaf,
        mute: member.mute,
        communication_disabled_until: member.timed_out_until_ms.map(Timestamp::from_unix_ms).into(),
        ..model::Member::new(user(world.user(member.user_id)?), joined_at)
    })
}

/// A role.
pub(crate) fn role(role: &Role) -> model::Role {
    model::Role {
        position: role.position,
        color: role.color,
        colors: RoleColors {
            primary_color: role.color,
            ..RoleColors::default()
        },
        hoist: role.hoist,
        mentionable: role.mentionable,
        managed: role.managed,
        ..model::Role::new(role.id, role.name.clone(), role.permissions)
    }
}

/// A channel of a guild.
pub(crate) fn channel(channel: &Channel) -> model::Channel {
    let blank = model::Channel::in_guild(channel.id, channel.guild_id, channel.kind, channel.name.clone());
    let overwrites = channel.overwrites.iter().map(|it| PermissionOverwrite {
        id: it.target.id(),
        kind: match it.target {
            OverwriteTarget::Role(_) => OverwriteKind::Role,
            OverwriteTarget::Member(_) => OverwriteKind::Member,
        },
        allow: it.allow,
        deny: it.deny,
        extra: Default::default(),
    });
    let voice = channel.kind.is_voice();
    model::Channel {
        position: Some(channel.position),
        parent_id: channel.parent_id.into(),
        permission_overwrites: Some(overwrites.collect()),
        bitrate: voice.then_some(channel.bitrate),
        user_limit: voice.then_some(channel.user_limit),
        rtc_region: if voice {
            channel.rtc_region.clone().into()
        } else {
            Nullable::Absent
        },
        video_quality_mode: voice.then_some(u8::try_from(channel.video_quality_mode).unwrap_or(1)),
        topic: channel.topic.clone().into(),
        nsfw: Some(channel.nsfw),
        rate_limit_per_user: Some(channel.rate_limit_per_user),
        last_message_id: channel.last_message_id.into(),
        ..blank
    }
}

/// A private channel as `viewer` sees it: without `viewer` among the recipients.
pub(crate) fn private_channel(world: &World, channel: &PrivateChannel, viewer: UserId) -> model::Channel {
    let others = channel.recipients.iter().filter(|user| **user != viewer);
    let others = others.map(|user| user_by_id(world, *user)).collect();
    let group = channel.kind == ChannelKind::Group;
    let mut extra = Extra::new();
    if group {
        extra.insert("icon", channel.icon.clone());
    }
    model::Channel {
        last_message_id: channel.last_message_id.into(),
        name: if group {
            channel.name.clone().into()
        } else {
            Nullable::Absent
        },
        owner_id: channel.owner_id.filter(|_| group),
        extra,
        ..model::Channel::private(channel.id, channel.kind, others)
    }
}

/// A voice state as it stands inside other objects.
pub(crate) fn inner_voice_state(record: &VoiceRecord) -> model::VoiceState {
    model::VoiceState {
        channel_id: record.channel_id,
        deaf: record.deaf,
        mute: record.mute,
        self_deaf: record.self_deaf,
        self_mute: record.self_mute,
        self_video: record.self_video,
        self_stream: record.self_stream.then_some(true),
        suppress: record.suppress,
        request_to_speak_timestamp: record.request_to_speak_timestamp.clone().map(Timestamp),
        ..model::VoiceState::new(record.user_id, record.session_id.clone())
    }
}

/// A voice state as an event of its own: with the guild, null in a private call, and the member.
pub(crate) fn voice_state(world: &World, record: &VoiceRecord) -> model::VoiceState {
    let stored = record
        .guild_id
        .and_then(|guild| world.member(guild, record.user_id));
    let member = stored.and_then(|stored| {
        let mut rendered = member(world, stored)?;
        // What the state says holds, not what the directory says by the time it is told.
        (rendered.mute, rendered.deaf) = (record.mute, record.deaf);
        rendered.extra.insert("hoisted_role", Value::Null);
        Some(Box::new(rendered))
    });
    model::VoiceState {
        guild_id: record.guild_id.into(),
        member,
        ..inner_voice_state(record)
    }
}

/// A stage that is live.
pub(crate) fn stage(guild_id: GuildId, stage: &Stage) -> model::StageInstance {
    model::StageInstance {
        id: stage.id,
        guild_id,
        channel_id: stage.channel_id,
        topic: stage.topic.clone(),
        privacy_level: stage.privacy,
        discoverable_disabled: true,
        guild_scheduled_event_id: None,
        extra: Default::default(),
    }
}

/// How many members that nobody asked for a guild object may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherMembers(pub(crate) usize);

/// A guild as `viewer` sees it: the channels it may view, who is in them, itself, and some others.
pub(crate) fn guild(
    world: &World,
    view: &LiveView,
    guild: &Guild,
    viewer: UserId,
    others: OtherMembers,
) -> model::Guild {
    let joined_at = guild.members.get(&viewer).map_or(0, |member| member.joined_at_ms);
    let visible: Vec<&Channel> = visible_channels(world, guild, viewer).collect();
    let states: Vec<&VoiceRecord> = visible.iter().flat_map(|channel| view.room(channel.id)).collect();
    let mut needed: BTreeSet<UserId> = states.iter().map(|record| record.user_id).collect();
    needed.insert(viewer);
    let wanted = needed.len() + others.0;
    if needed.len() < wanted {
        let mut rest: Vec<UserId> = guild.members.keys().copied().collect();
        rest.sort_unstable();
        for user in rest {
            if needed.len() >= wanted {
                break;
            }
            needed.insert(user);
        }
    }
    let stages = visible.iter().filter_map(|channel| world.stage(channel.id));
    let stages = stages.map(|live| stage(guild.id, live)).collect();
    let members = needed.iter().filter_map(|user| guild.members.get(user));
    let members: Vec<model::Member> = members.filter_map(|it| member(world, it)).collect();
    model::Guild {
        joined_at: Some(Timestamp::from_unix_ms(joined_at)),
        large: members.len() < guild.members.len(),
        member_count: guild.members.len() as u64,
        members,
        channels: visible.into_iter().map(channel).collect(),
        voice_states: states.into_iter().map(inner_voice_state).collect(),
        stage_instances: stages,
        ..guild_profile(guild).0
    }
}

/// A guild without what is in it, but its roles.
pub(crate) fn guild_profile(guild: &Guild) -> model::GuildProfile {
    let settings = &guild.settings;
    let created_at = Timestamp::from_unix_ms(guild.id.created_at_ms());
    model::GuildProfile(model::Guild {
        description: settings.description.clone(),
        afk_channel_id: settings.afk_channel_id,
        afk_timeout: settings.afk_timeout,
        system_channel_id: settings.system_channel_id,
        system_channel_flags: settings.system_channel_flags,
        verification_level: settings.verification_level,
        default_message_notifications: settings.default_message_notifications,
        explicit_content_filter: settings.explicit_content_filter,
        preferred_locale: settings.preferred_locale.clone(),
        roles: guild.roles.values().map(role).collect(),
        ..model::Guild::new(guild.id, guild.name.clone(), guild.owner_id, created_at)
    })
}

/// The channels of a guild that an account may view.
pub(crate) fn visible_channels<'a>(
    world: &'a World,
    guild: &'a Guild,
    viewer: UserId,
) -> impl Iterator<Item = &'a Channel> {
    let may_view = move |id: ChannelId| world.permissions(id, viewer).contains(Permissions::VIEW_CHANNEL);
    guild
        .channels
        .values()
        .filter(move |channel| may_view(channel.id))
}
