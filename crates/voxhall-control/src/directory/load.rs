//! Reading the whole directory once, at start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Row as _;
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, RoleId, UserId};
use voxhall_protocol::model::ChannelKind;

use super::accounts;
use super::call_log::ReadState;
use super::records::{
    Ban, Channel, Guild, GuildSettings, Member, Overwrite, OverwriteTarget, PrivateChannel, Role, User,
};
use super::tokens::Tokens;
use super::world::World;
use super::{Pool, Row, from_sql};
use super::{credentials::Credentials, invites::Invites, stays::Stays};
use crate::Error;
use crate::permissions::Permissions;

pub(super) async fn world(pool: &Pool) -> Result<World, Error> {
    let mut world = World {
        tokens: Tokens::load(pool).await?,
        credentials: Credentials::load(pool).await?,
        invites: Invites::load(pool).await?,
        stays: Stays::load(pool).await?,
        ..World::default()
    };
    users(pool, &mut world).await?;
    for guild in guilds(pool).await? {
        world.insert_guild(guild);
    }
    private_channels(pool, &mut world).await?;
    read_states(pool, &mut world).await?;
    super::stages::load(pool, &mut world).await?;
    super::commands::load(pool, &mut world).await?;
    Ok(world)
}

fn bits(row: &Row, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get(column).map(from_sql)
}

fn optional_bits(row: &Row, column: &str) -> Result<Option<u64>, sqlx::Error> {
    row.try_get::<Option<i64>, _>(column)
        .map(|stored| stored.map(from_sql))
}

/// A BOOLEAN column, which the query must have read with `CAST(… AS INTEGER)`: SQLite has no truth values, and `Any`
/// refuses to guess from the column's declared type.
pub(super) fn flag(row: &Row, column: &str) -> Result<bool, sqlx::Error> {
    row.try_get::<i32, _>(column).map(|stored| stored != 0)
}

fn number<T: TryFrom<i64>>(row: &Row, column: &'static str) -> Result<T, Error> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Corrupt { what: column })
}

async fn users(pool: &Pool, world: &mut World) -> Result<(), Error> {
    let query = "SELECT id, CAST(bot AS INTEGER) AS bot, name, discriminator, global_name, avatar, public_flags, \
                 CAST(privileged_intents AS INTEGER) AS privileged_intents, email, standing FROM users";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let user = User {
            id: UserId(bits(&row, "id")?),
            bot: flag(&row, "bot")?,
            name: row.try_get("name")?,
            discriminator: row.try_get("discriminator")?,
            global_name: row.try_get("global_name")?,
            avatar: row.try_get("avatar")?,
            public_flags: bits(&row, "public_flags")?,
            privileged_intents: flag(&row, "privileged_intents")?,
            email: row.try_get("email")?,
            standing: accounts::standing(row.try_get("standing")?)?,
        };
        world.insert_user(user);
    }
    Ok(())
}

async fn guilds(pool: &Pool) -> Result<Vec<Guild>, Error> {
    let mut roles = roles(pool).await?;
    let mut channels = channels(pool).await?;
    let mut members = members(pool).await?;
    let mut bans = bans(pool).await?;
    let rows = sqlx::query("SELECT * FROM guilds").fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let id = GuildId(bits(row, "id")?);
            Ok(Guild {
                id,
                name: row.try_get("name")?,
                owner_id: UserId(bits(row, "owner_id")?),
                roles: roles.remove(&id).unwrap_or_default(),
                channels: channels.remove(&id).unwrap_or_default(),
                members: members.remove(&id).unwrap_or_default(),
                settings: settings(row)?,
                bans: bans.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

fn settings(row: &Row) -> Result<GuildSettings, Error> {
    Ok(GuildSettings {
        description: row.try_get("description")?,
        afk_channel_id: optional_bits(row, "afk_channel_id")?.map(ChannelId),
        afk_timeout: number(row, "afk_timeout")?,
        system_channel_id: optional_bits(row, "system_channel_id")?.map(ChannelId),
        system_channel_flags: bits(row, "system_channel_flags")?,
        verification_level: number(row, "verification_level")?,
        default_message_notifications: number(row, "default_message_notifications")?,
        explicit_content_filter: number(row, "explicit_content_filter")?,
        preferred_locale: row.try_get("preferred_locale")?,
    })
}

async fn bans(pool: &Pool) -> Result<HashMap<GuildId, BTreeMap<UserId, Ban>>, Error> {
    let mut bans: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    for row in sqlx::query("SELECT * FROM bans").fetch_all(pool).await? {
        let user_id = UserId(bits(&row, "user_id")?);
        let reason = row.try_get("reason")?;
        let of_guild = bans.entry(GuildId(bits(&row, "guild_id")?)).or_default();
        of_guild.insert(user_id, Ban { user_id, reason });
    }
    Ok(bans)
}

async fn roles(pool: &Pool) -> Result<HashMap<GuildId, BTreeMap<RoleId, Role>>, Error> {
    let mut roles: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    let query = "SELECT id, guild_id, name, permissions, position, color, CAST(hoist AS INTEGER) AS hoist, \
                 CAST(mentionable AS INTEGER) AS mentionable, CAST(managed AS INTEGER) AS managed FROM roles";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let role = Role {
            id: RoleId(bits(&row, "id")?),
            name: row.try_get("name")?,
            permissions: Permissions::from_bits(bits(&row, "permissions")?),
            position: number(&row, "position")?,
            color: number(&row, "color")?,
            hoist: flag(&row, "hoist")?,
            mentionable: flag(&row, "mentionable")?,
            managed: flag(&row, "managed")?,
        };
        let guild = GuildId(bits(&row, "guild_id")?);
        roles.entry(guild).or_default().insert(role.id, role);
    }
    Ok(roles)
}

async fn channels(pool: &Pool) -> Result<HashMap<GuildId, BTreeMap<ChannelId, Channel>>, Error> {
    let mut overwrites = overwrites(pool).await?;
    let mut channels: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    let query = "SELECT id, guild_id, kind, name, position, parent_id, bitrate, user_limit, rtc_region, \
                 video_quality_mode, status, topic, CAST(nsfw AS INTEGER) AS nsfw, rate_limit_per_user, \
                 last_messages.message_id AS last_message_id \
                 FROM channels LEFT JOIN last_messages ON last_messages.channel_id = channels.id";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let id = ChannelId(bits(&row, "id")?);
        let channel = Channel {
            id,
            guild_id: GuildId(bits(&row, "guild_id")?),
            kind: ChannelKind::from(number::<u8>(&row, "kind")?),
            name: row.try_get("name")?,
            position: number(&row, "position")?,
            parent_id: optional_bits(&row, "parent_id")?.map(ChannelId),
            bitrate: number(&row, "bitrate")?,
            user_limit: number(&row, "user_limit")?,
            rtc_region: row.try_get("rtc_region")?,
            video_quality_mode: number(&row, "video_quality_mode")?,
            status: row.try_get("status")?,
            topic: row.try_get("topic")?,
            nsfw: flag(&row, "nsfw")?,
            rate_limit_per_user: number(&row, "rate_limit_per_user")?,
            overwrites: overwrites.remove(&id).unwrap_or_default(),
            last_message_id: optional_bits(&row, "last_message_id")?.map(MessageId),
        };
        channels.entry(channel.guild_id).or_default().insert(id, channel);
    }
    Ok(channels)
}

async fn overwrites(pool: &Pool) -> Result<HashMap<ChannelId, Vec<Overwrite>>, Error> {
    let mut overwrites: HashMap<_, Vec<_>> = HashMap::new();
    let query = "SELECT channel_id, target_id, CAST(for_member AS INTEGER) AS for_member, allow, deny FROM overwrites \
                 ORDER BY channel_id, target_id";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let target = bits(&row, "target_id")?;
        let overwrite = Overwrite {
            target: if flag(&row, "for_member")? {
                OverwriteTarget::Member(UserId(target))
            } else {
                OverwriteTarget::Role(RoleId(target))
            },
            allow: Permissions::from_bits(bits(&row, "allow")?),
            deny: Permissions::from_bits(bits(&row, "deny")?),
        };
        overwrites
            .entry(ChannelId(bits(&row, "channel_id")?))
            .or_default()
            .push(overwrite);
    }
    Ok(overwrites)
}

async fn members(pool: &Pool) -> Result<HashMap<GuildId, HashMap<UserId, Member>>, Error> {
    let mut roles: HashMap<(GuildId, UserId), BTreeSet<RoleId>> = HashMap::new();
    for row in sqlx::query("SELECT * FROM member_roles").fetch_all(pool).await? {
        let member = (GuildId(bits(&row, "guild_id")?), UserId(bits(&row, "user_id")?));
        roles
            .entry(member)
            .or_default()
            .insert(RoleId(bits(&row, "role_id")?));
    }
    let mut members: HashMap<_, HashMap<_, _>> = HashMap::new();
    let query = "SELECT guild_id, user_id, nick, joined_at_ms, CAST(mute AS INTEGER) AS mute, \
                 CAST(deaf AS INTEGER) AS deaf, timed_out_until_ms FROM members";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let guild = GuildId(bits(&row, "guild_id")?);
        let user_id = UserId(bits(&row, "user_id")?);
        let member = Member {
            user_id,
            nick: row.try_get("nick")?,
            roles: roles.remove(&(guild, user_id)).unwrap_or_default(),
            joined_at_ms: bits(&row, "joined_at_ms")?,
            mute: flag(&row, "mute")?,
            deaf: flag(&row, "deaf")?,
            timed_out_until_ms: optional_bits(&row, "timed_out_until_ms")?,
        };
        members.entry(guild).or_default().insert(user_id, member);
    }
    Ok(members)
}

async fn private_channels(pool: &Pool, world: &mut World) -> Result<(), Error> {
    let mut recipients: HashMap<ChannelId, BTreeSet<UserId>> = HashMap::new();
    let mut closed_by: HashMap<ChannelId, BTreeSet<UserId>> = HashMap::new();
    let query = "SELECT channel_id, user_id, CAST(closed AS INTEGER) AS closed FROM private_recipients";
    for row in sqlx::query(query).fetch_all(pool).await? {
        let channel = ChannelId(bits(&row, "channel_id")?);
        let user = UserId(bits(&row, "user_id")?);
        recipients.entry(channel).or_default().insert(user);
        if flag(&row, "closed")? {
            closed_by.entry(channel).or_default().insert(user);
        }
    }
    for row in sqlx::query("SELECT * FROM private_channels")
        .fetch_all(pool)
        .await?
    {
        let id = ChannelId(bits(&row, "id")?);
        world.insert_private(PrivateChannel {
            id,
            kind: ChannelKind::from(number::<u8>(&row, "kind")?),
            recipients: recipients.remove(&id).unwrap_or_default(),
            last_message_id: optional_bits(&row, "last_message_id")?.map(MessageId),
            name: row.try_get("name")?,
            icon: row.try_get("icon")?,
            owner_id: optional_bits(&row, "owner_id")?.map(UserId),
            closed_by: closed_by.remove(&id).unwrap_or_default(),
        });
    }
    Ok(())
}

async fn read_states(pool: &Pool, world: &mut World) -> Result<(), Error> {
    for row in sqlx::query("SELECT * FROM read_states").fetch_all(pool).await? {
        let state = ReadState {
            message_id: MessageId(bits(&row, "message_id")?),
            version: bits(&row, "version")?,
        };
        let states = world
            .read_states
            .entry(UserId(bits(&row, "user_id")?))
            .or_default();
        states.insert(ChannelId(bits(&row, "channel_id")?), state);
    }
    Ok(())
}
