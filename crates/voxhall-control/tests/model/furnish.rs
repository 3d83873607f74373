//! The town as rows of a directory.

use std::collections::BTreeSet;

use voxhall_control::{
    Channel, ControlConfig, Directory, Error, GuildSettings, Limits, Member, NewUser, Overwrite,
    OverwriteTarget, Permissions, Region, Role,
};
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::model::ChannelKind;

use crate::rights::{EVERYONE, MODERATORS, VIEW_CHANNEL};
use crate::town::{
    AFK_SECONDS, BOTS, GUILDS, Kind, PEOPLE, REGIONS, ROOMS, channel_id, crowd_id, guild_id, is_bot,
    moderators_id, user_id,
};
use crate::world::{ADMIN_TOKEN, NOWHERE};

/// An account without a part in anything.
const NOBODY: UserId = UserId(1);

/// No limit but those that the model knows.
pub fn config() -> ControlConfig {
    let region = |id: &&str| Region {
        id: (*id).to_owned(),
        name: (*id).to_owned(),
    };
    let limits = Limits {
        heartbeat_interval: std::time::Duration::from_secs(1_000_000),
        messages: usize::MAX,
        session_starts: usize::MAX,
        rest: None,
        ..Limits::dev()
    };
    ControlConfig {
        regions: REGIONS.iter().map(region).collect(),
        limits,
        admin_token: Some(ADMIN_TOKEN.into()),
        ..ControlConfig::default()
    }
}

/// Makes everything; gives the tokens of all accounts.
pub async fn furnish(directory: &Directory) -> Result<Vec<String>, Error> {
    let tokens = accounts(directory).await?;
    for guild in 0..GUILDS.len() {
        make_guild(directory, guild).await?;
    }
    for (room, kind) in ROOMS.iter().map(|room| room.kind).enumerate() {
        if let Kind::Private(people) = kind {
            let recipients: BTreeSet<UserId> = people.iter().map(|who| UserId(user_id(*who))).collect();
            let id = Some(ChannelId(channel_id(room)));
            directory.create_private_channel(id, recipients).await?;
        }
    }
    Ok(tokens)
}

async fn accounts(directory: &Directory) -> Result<Vec<String>, Error> {
    let account = |id, bot, name: String| NewUser {
        id: Some(id),
        bot,
        name,
        ..NewUser::default()
    };
    directory
        .create_user(account(NOBODY, false, "nobody".to_owned()))
        .await?;
    directory.create_guild(Some(NOWHERE), "nowhere", NOBODY).await?;
    let mut tokens = Vec::new();
    for who in 0..PEOPLE + BOTS {
        let id = UserId(user_id(who));
        directory
            .create_user(account(id, is_bot(who), format!("number-{who}")))
            .await?;
        let token = directory.create_token(id).await?;
        let kind = if is_bot(who) { "Bot " } else { "" };
        tokens.push(format!("{kind}{}", token.expose()));
    }
    Ok(tokens)
}

async fn make_guild(directory: &Directory, guild: usize) -> Result<(), Error> {
    let (town, id) = (&GUILDS[guild], GuildId(guild_id(guild)));
    directory
        .create_guild(Some(id), "guild", UserId(user_id(town.owner)))
        .await?;
    let roles = [
        (id.0, EVERYONE, 0),
        (crowd_id(guild), 0, 1),
        (moderators_id(guild), MODERATORS, 2),
    ];
    for (role, rights, position) in roles {
        let role = Role {
            position,
            ..Role::new(RoleId(role), "role", Permissions::from_bits(rights))
        };
        directory.put_role(id, role).await?;
    }
    for (room, kind, limit) in ROOMS
        .iter()
        .enumerate()
        .filter(|(_, it)| it.guild == Some(guild))
        .map(|(room, it)| (room, it.kind, it.limit))
    {
        directory.put_channel(channel(id, room, kind, limit)).await?;
        if kind == Kind::Afk {
            let settings = GuildSettings {
                afk_channel_id: Some(ChannelId(channel_id(room))),
                afk_timeout: AFK_SECONDS,
                ..GuildSettings::default()
            };
            directory.put_guild_settings(id, settings).await?;
        }
    }
    for who in town.members() {
        let roles = (who == town.moderator).then_some(RoleId(moderators_id(guild)));
        let member = Member {
            user_id: UserId(user_id(who)),
            nick: None,
            roles: roles.into_iter().collect(),
            joined_at_ms: 1_700_000_000_000,
            mute: false,
            deaf: false,
            timed_out_until_ms: None,
        };
        directory.put_member(id, member).await?;
    }
    Ok(())
}

fn channel(guild: GuildId, room: usize, kind: Kind, limit: usize) -> Channel {
    let kind_there = match kind {
        Kind::Text | Kind::Private(_) => ChannelKind::GuildText,
        Kind::Voice | Kind::Afk => ChannelKind::GuildVoice,
        Kind::Stage => ChannelKind::GuildStage,
    };
    let everyone = Overwrite {
        target: OverwriteTarget::Role(RoleId(guild.0)),
        allow: Permissions::from_bits(VIEW_CHANNEL),
        deny: Permissions::NONE,
    };
    Channel {
        user_limit: u32::try_from(limit).unwrap_or(0),
        overwrites: if kind == Kind::Afk {
            vec![everyone]
        } else {
            Vec::new()
        },
        ..Channel::new(ChannelId(channel_id(room)), guild, kind_there, "channel")
    }
}
