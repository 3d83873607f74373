//! The rows of a guild in SQL.

use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};

use super::records::{Ban, Channel, GuildSettings, Member, OverwriteTarget, Role};
use super::{Connection, to_sql};
use crate::Error;

pub(super) async fn put_head(
    connection: &mut Connection,
    guild: GuildId,
    name: &str,
    owner: UserId,
    settings: &GuildSettings,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO guilds (id, name, owner_id, description, afk_channel_id, afk_timeout, system_channel_id, \
         system_channel_flags, verification_level, default_message_notifications, explicit_content_filter, \
         preferred_locale) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner_id = excluded.owner_id, \
         description = excluded.description, afk_channel_id = excluded.afk_channel_id, \
         afk_timeout = excluded.afk_timeout, system_channel_id = excluded.system_channel_id, \
         system_channel_flags = excluded.system_channel_flags, verification_level = excluded.verification_level, \
         default_message_notifications = excluded.default_message_notifications, \
         explicit_content_filter = excluded.explicit_content_filter, preferred_locale = excluded.preferred_locale",
    )
    .bind(to_sql(guild.0))
    .bind(name)
    .bind(to_sql(owner.0))
    .bind(&settings.description)
    .bind(settings.afk_channel_id.map(|id| to_sql(id.0)))
    .bind(i64::from(settings.afk_timeout))
    .bind(settings.system_channel_id.map(|id| to_sql(id.0)))
    .bind(to_sql(settings.system_channel_flags))
    .bind(i64::from(settings.verification_level))
    .bind(i64::from(settings.default_message_notifications))
    .bind(i64::from(settings.explicit_content_filter))
    .bind(&settings.preferred_locale)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_guild(connection: &mut Connection, guild: GuildId) -> Result<(), Error> {
    let messages = "DELETE FROM messages WHERE channel_id IN (SELECT id FROM channels WHERE guild_id = $1)";
    sqlx::query(messages)
        .bind(to_sql(guild.0))
        .execute(&mut *connection)
        .await?;
    // Everything else in it refers to it and goes with it.
    sqlx::query("DELETE FROM guilds WHERE id = $1")
        .bind(to_sql(guild.0))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_role(connection: &mut Connection, guild: GuildId, role: &Role) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO roles (id, guild_id, name, permissions, position, color, hoist, mentionable, managed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, permissions = excluded.permissions, \
         position = excluded.position, color = excluded.color, hoist = excluded.hoist, \
         mentionable = excluded.mentionable, managed = excluded.managed",
    )
    .bind(to_sql(role.id.0))
    .bind(to_sql(guild.0))
    .bind(&role.name)
    .bind(to_sql(role.permissions.bits()))
    .bind(role.position)
    .bind(i64::from(role.color))
    .bind(role.hoist)
    .bind(role.mentionable)
    .bind(role.managed)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_role(connection: &mut Connection, role: RoleId) -> Result<(), Error> {
    sqlx::query("DELETE FROM roles WHERE id = $1")
        .bind(to_sql(role.0))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_channel(connection: &mut Connection, channel: &Channel) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO channels (id, guild_id, kind, name, position, parent_id, bitrate, user_limit, rtc_region, \
         video_quality_mode, status, topic, nsfw, rate_limit_per_user) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, position = excluded.position, \
         parent_id = excluded.parent_id, bitrate = excluded.bitrate, user_limit = excluded.user_limit, \
         rtc_region = excluded.rtc_region, video_quality_mode = excluded.video_quality_mode, \
         status = excluded.status, topic = excluded.topic, nsfw = excluded.nsfw, \
         rate_limit_per_user = excluded.rate_limit_per_user",
    )
    .bind(to_sql(channel.id.0))
    .bind(to_sql(channel.guild_id.0))
    .bind(i64::from(channel.kind.number()))
    .bind(&channel.name)
    .bind(channel.position)
    .bind(channel.parent_id.map(|id| to_sql(id.0)))
    .bind(i64::from(channel.bitrate))
    .bind(i64::from(channel.user_limit))
    .bind(&channel.rtc_region)
    .bind(i64::from(channel.video_quality_mode))
    .bind(&channel.status)
    .bind(&channel.topic)
    .bind(channel.nsfw)
    .bind(i64::from(channel.rate_limit_per_user))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM overwrites WHERE channel_id = $1")
        .bind(to_sql(channel.id.0))
        .execute(&mut *connection)
        .await?;
    for overwrite in &channel.overwrites {
        sqlx::query(
            "INSERT INTO overwrites (channel_id, target_id, for_member, allow, deny) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(to_sql(channel.id.0))
        .bind(to_sql(overwrite.target.id().0))
        .bind(matches!(overwrite.target, OverwriteTarget::Member(_)))
        .bind(to_sql(overwrite.allow.bits()))
        .bind(to_sql(overwrite.deny.bits()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn delete_channel(connection: &mut Connection, channel: ChannelId) -> Result<(), Error> {
    sqlx::query("DELETE FROM messages WHERE channel_id = $1")
        .bind(to_sql(channel.0))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM channels WHERE id = $1")
        .bind(to_sql(channel.0))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_member(
    connection: &mut Connection,
    guild: GuildId,
    member: &Member,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO members (guild_id, user_id, nick, joined_at_ms, mute, deaf, timed_out_until_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (guild_id, user_id) DO UPDATE SET nick = excluded.nick, \
         joined_at_ms = excluded.joined_at_ms, mute = excluded.mute, deaf = excluded.deaf, \
         timed_out_until_ms = excluded.timed_out_until_ms",
    )
    .bind(to_sql(guild.0))
    .bind(to_sql(member.user_id.0))
    .bind(&member.nick)
    .bind(to_sql(member.joined_at_ms))
    .bind(member.mute)
    .bind(member.deaf)
    .bind(member.timed_out_until_ms.map(to_sql))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM member_roles WHERE guild_id = $1 AND user_id = $2")
        .bind(to_sql(guild.0))
        .bind(to_sql(member.user_id.0))
        .execute(&mut *connection)
        .await?;
    for role in &member.roles {
        sqlx::query("INSERT INTO member_roles (guild_id, user_id, role_id) VALUES ($1, $2, $3)")
            .bind(to_sql(guild.0))
            .bind(to_sql(member.user_id.0))
            .bind(to_sql(role.0))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn remove_member(
    connection: &mut Connection,
    guild: GuildId,
    user: UserId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM members WHERE guild_id = $1 AND user_id = $2")
        .bind(to_sql(guild.0))
        .bind(to_sql(user.0))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_ban(connection: &mut Connection, guild: GuildId, ban: &Ban) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO bans (guild_id, user_id, reason) VALUES ($1, $2, $3) \
         ON CONFLICT (guild_id, user_id) DO UPDATE SET reason = excluded.reason",
    )
    .bind(to_sql(guild.0))
    .bind(to_sql(ban.user_id.0))
    .bind(&ban.reason)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn remove_ban(
    connection: &mut Connection,
    guild: GuildId,
    user: UserId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM bans WHERE guild_id = $1 AND user_id = $2")
        .bind(to_sql(guild.0))
        .bind(to_sql(user.0))
        .execute(connection)
        .await?;
    Ok(())
}
