//! Guilds with their roles, channels and members.

use std::collections::BTreeSet;

use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::model::ChannelKind;

use super::guild_write::GuildWrite;
use super::records::{Channel, Guild, GuildSettings, Member, Role, Standing};
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
    .union(Permissions::READ_MESSAGE_HISTORY)
    .union(Permissions::CREATE_INSTANT_INVITE)
    .union(Permissions::CHANGE_NICKNAME)
    .union(Permissions::EMBED_LINKS)
    .union(Permissions::USE_APPLICATION_COMMANDS);

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
        self.write_guild(id, new_guild(id, name, owner, crate::wall::now_ms()))
            .await?;
        Ok(id)
    }

    /// Changes what a guild's managers set.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn put_guild_settings(&self, guild: GuildId, settings: GuildSettings) -> Result<(), Error> {
        let head = {
            let world = self.read();
            let guild = world.guild(guild).ok_or(Error::Unknown { what: "guild" })?;
            GuildWrite::Head {
                name: guild.name.clone(),
                owner_id: guild.owner_id,
                settings: Box::new(settings),
            }
        };
        self.write_guild(guild, vec![head]).await
    }

    /// Adds or replaces a role.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn put_role(&self, guild: GuildId, role: Role) -> Result<(), Error> {
        self.write_guild(guild, vec![GuildWrite::PutRole(role)]).await
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
        let position = self
            .read()
            .guild(guild)
            .map_or(0, |guild| guild.next_position(kind, None));
        let channel = Channel {
            position,
            ..Channel::new(id, guild, kind, name)
        };
        self.put_channel(channel).await?;
        Ok(id)
    }

    /// Adds or replaces a channel with its overwrites.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild, [`Error::Directory`].
    pub async fn put_channel(&self, channel: Channel) -> Result<(), Error> {
        self.write_guild(channel.guild_id, vec![GuildWrite::PutChannel(Box::new(channel))])
            .await
    }

    /// Writes the status line of a channel and nothing else of it. Gives its guild; `None` if there is no such channel
    /// any more.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn set_channel_status(
        &self,
        channel: ChannelId,
        status: Option<String>,
    ) -> Result<Option<GuildId>, Error> {
        let _writing = self.writing.lock().await;
        let home = self.read().guild_channel(channel).map(|(guild, _)| guild.id);
        let Some(guild) = home else {
            return Ok(None);
        };
        sqlx::query("UPDATE channels SET status = $1 WHERE id = $2")
            .bind(&status)
            .bind(to_sql(channel.0))
            .execute(&self.pool)
            .await?;
        self.world.write().set_channel_status(guild, channel, status);
        Ok(Some(guild))
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
        self.write_guild(guild, vec![GuildWrite::PutMember(Box::new(member))])
            .await
    }

    pub(super) fn require_user(&self, user: UserId) -> Result<(), Error> {
        let known = self
            .read()
            .user(user)
            .is_some_and(|user| user.standing != Standing::Deleted);
        known.then_some(()).ok_or(Error::Unknown { what: "account" })
    }

    pub(super) fn require_guild(&self, guild: GuildId) -> Result<(), Error> {
        let known = self.read().guild(guild).is_some();
        known.then_some(()).ok_or(Error::Unknown { what: "guild" })
    }
}

/// The writes that make a guild with `@everyone` and its owner as the only member.
pub(crate) fn new_guild(id: GuildId, name: &str, owner: UserId, now_ms: u64) -> Vec<GuildWrite> {
    vec![
        GuildWrite::Head {
            name: name.to_owned(),
            owner_id: owner,
            settings: Box::default(),
        },
        GuildWrite::PutRole(Role::new(RoleId(id.0), "@everyone", EVERYONE)),
        GuildWrite::PutMember(Box::new(new_member(owner, now_ms))),
    ]
}

impl Guild {
    /// The place behind the channels of a category, or of none, that stand in one list with this kind.
    pub(crate) fn next_position(&self, kind: ChannelKind, parent: Option<ChannelId>) -> i32 {
        let list =
            |channel: &&Channel| channel.parent_id == parent && channel.kind.is_voice() == kind.is_voice();
        let last = self
            .channels
            .values()
            .filter(list)
            .map(|channel| channel.position)
            .max();
        last.map_or(0, |last| last.saturating_add(1))
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
