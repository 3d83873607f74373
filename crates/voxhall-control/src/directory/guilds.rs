//! Guilds with their roles, channels and members; private channels.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::sqlite::SqliteConnection;
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::model::ChannelKind;

use super::records::{Channel, Guild, Member, OverwriteTarget, PrivateChannel, Role};
use super::{Directory, to_sql};
use crate::Error;
use crate::permissions::Permissions;

/// What `@everyone` may do in a new guild.
pub(crate) const EVERYONE: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::CONNECT)
    .union(Permissions::SPEAK)
    .union(Permissions::STREAM)
    .union(Permissions::USE_VAD)
    .union(Permissions::REQUEST_TO_SPEAK)
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::READ_MESSAGE_HISTORY);

/// The bitrate of a new voice channel, in bit/s.
const NEW_CHANNEL_BITRATE: u32 = 64_000;

impl Directory {
    /// Makes a guild with `@everyone` and its owner as the only member; `None` takes a fresh id.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn create_guild(
        &self,
        id: Option<GuildId>,
        name: &str,
        owner: UserId,
    ) -> Result<GuildId, Error> {
        let id = id.unwrap_or_else(|| GuildId(self.next_id()));
        self.require_user(owner)?;
        let everyone = Role {
            id: RoleId(id.0),
            name: "@everyone".to_owned(),
            permissions: EVERYONE,
            position: 0,
        };
        let writing = self.writing.lock().await;
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO guilds (id, name, owner_id) VALUES ($1, $2, $3)")
            .bind(to_sql(id.0))
            .bind(name)
            .bind(to_sql(owner.0))
            .execute(&mut *transaction)
            .await?;
        insert_role(&mut transaction, id, &everyone).await?;
        transaction.commit().await?;
        self.world.write().insert_guild(Guild {
            id,
            name: name.to_owned(),
            owner_id: owner,
            roles: BTreeMap::from([(everyone.id, everyone)]),
            channels: BTreeMap::new(),
            members: HashMap::new(),
        });
        drop(writing);
        self.put_member(id, new_member(owner, crate::wall::now_ms()))
            .await?;
        Ok(id)
    }

    /// Adds or replaces a role.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn put_role(&self, guild: GuildId, role: Role) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_guild(guild)?;
        let mut connection = self.pool.acquire().await?;
        insert_role(&mut connection, guild, &role).await?;
        if let Some(guild) = self.world.write().guilds.get_mut(&guild) {
            guild.roles.insert(role.id, role);
        }
        Ok(())
    }

    /// Makes a channel; `None` takes a fresh id.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn create_channel(
        &self,
        guild: GuildId,
        id: Option<ChannelId>,
        kind: ChannelKind,
        name: &str,
    ) -> Result<ChannelId, Error> {
        let id = id.unwrap_or_else(|| ChannelId(self.next_id()));
        let position = match self.read().guild(guild) {
            Some(guild) => i32::try_from(guild.channels.len()).unwrap_or(i32::MAX),
            None => return Err(Error::Unknown { what: "guild" }),
        };
        let channel = Channel {
            id,
            guild_id: guild,
            kind,
            name: name.to_owned(),
            position,
            parent_id: None,
            bitrate: NEW_CHANNEL_BITRATE,
            user_limit: 0,
            rtc_region: None,
            video_quality_mode: 1,
            status: None,
            overwrites: Vec::new(),
        };
        self.put_channel(channel).await?;
        Ok(id)
    }

    /// Adds or replaces a channel with its overwrites.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn put_channel(&self, channel: Channel) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_guild(channel.guild_id)?;
        let mut transaction = self.pool.begin().await?;
        insert_channel(&mut transaction, &channel).await?;
        transaction.commit().await?;
        let mut world = self.world.write();
        world
            .homes
            .insert(channel.id, super::Home::Guild(channel.guild_id));
        if let Some(guild) = world.guilds.get_mut(&channel.guild_id) {
            guild.channels.insert(channel.id, channel);
        }
        Ok(())
    }

    /// Makes an account a member of a guild; one who is already in stays as it is.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild or account, [`Error::Directory`].
    pub async fn add_member(&self, guild: GuildId, user: UserId) -> Result<(), Error> {
        if self.read().member(guild, user).is_some() {
            return Ok(());
        }
        self.put_member(guild, new_member(user, crate::wall::now_ms()))
            .await
    }

    /// Adds or replaces a member with its roles.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild or account, [`Error::Directory`].
    pub async fn put_member(&self, guild: GuildId, member: Member) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_guild(guild)?;
        self.require_user(member.user_id)?;
        let mut transaction = self.pool.begin().await?;
        insert_member(&mut transaction, guild, &member).await?;
        transaction.commit().await?;
        self.world.write().insert_member(guild, member);
        Ok(())
    }

    /// Makes a private channel between people; `None` takes a fresh id.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn create_private_channel(
        &self,
        id: Option<ChannelId>,
        recipients: BTreeSet<UserId>,
    ) -> Result<PrivateChannel, Error> {
        let channel = PrivateChannel {
            id: id.unwrap_or_else(|| ChannelId(self.next_id())),
            kind: if recipients.len() > 2 {
                ChannelKind::Group
            } else {
                ChannelKind::Private
            },
            recipients,
            last_message_id: None,
        };
        let _writing = self.writing.lock().await;
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO private_channels (id, kind, last_message_id) VALUES ($1, $2, NULL)")
            .bind(to_sql(channel.id.0))
            .bind(i64::from(channel.kind.number()))
            .execute(&mut *transaction)
            .await?;
        for user in &channel.recipients {
            self.require_user(*user)?;
            sqlx::query("INSERT INTO private_recipients (channel_id, user_id) VALUES ($1, $2)")
                .bind(to_sql(channel.id.0))
                .bind(to_sql(user.0))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.world.write().insert_private(channel.clone());
        Ok(channel)
    }

    fn require_user(&self, user: UserId) -> Result<(), Error> {
        let known = self.read().user(user).is_some();
        known.then_some(()).ok_or(Error::Unknown { what: "account" })
    }

    fn require_guild(&self, guild: GuildId) -> Result<(), Error> {
        let known = self.read().guild(guild).is_some();
        known.then_some(()).ok_or(Error::Unknown { what: "guild" })
    }
}

/// A member without roles.
pub(crate) fn new_member(user_id: UserId, joined_at_ms: u64) -> Member {
    Member {
        user_id,
        nick: None,
        roles: BTreeSet::new(),
        joined_at_ms,
        mute: false,
        deaf: false,
        timed_out_until_ms: None,
    }
}

async fn insert_role(connection: &mut SqliteConnection, guild: GuildId, role: &Role) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO roles (id, guild_id, name, permissions, position) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, permissions = excluded.permissions, \
         position = excluded.position",
    )
    .bind(to_sql(role.id.0))
    .bind(to_sql(guild.0))
    .bind(&role.name)
    .bind(to_sql(role.permissions.bits()))
    .bind(role.position)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_channel(connection: &mut SqliteConnection, channel: &Channel) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO channels (id, guild_id, kind, name, position, parent_id, bitrate, user_limit, rtc_region, \
         video_quality_mode, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, position = excluded.position, \
         parent_id = excluded.parent_id, bitrate = excluded.bitrate, user_limit = excluded.user_limit, \
         rtc_region = excluded.rtc_region, video_quality_mode = excluded.video_quality_mode, status = excluded.status",
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
        .bind(to_sql(overwrite.target.id()))
        .bind(matches!(overwrite.target, OverwriteTarget::Member(_)))
        .bind(to_sql(overwrite.allow.bits()))
        .bind(to_sql(overwrite.deny.bits()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn insert_member(
    connection: &mut SqliteConnection,
    guild: GuildId,
    member: &Member,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO members (guild_id, user_id, nick, joined_at_ms, mute, deaf, timed_out_until_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (guild_id, user_id) DO UPDATE SET nick = excluded.nick, \
         joined_at_ms = excluded.joined_at_ms, mute = excluded.mute, deaf = excluded.deaf, timed_out_until_ms = excluded.timed_out_until_ms",
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
