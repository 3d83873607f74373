//! Changes to a guild: decided elsewhere, carried out here in one transaction and then in the copy in memory.

use std::collections::{BTreeMap, HashMap};

use voxhall_protocol::ids::{ChannelId, GuildId, OverwriteId, RoleId, UserId};

use super::guild_rows as rows;
use super::records::{Ban, Channel, Guild, GuildSettings, Member, Role};
use super::world::{Home, World};
use super::{Connection, Directory};
use crate::Error;

/// One write to a guild. Several make a change that happens as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GuildWrite {
    /// Makes the guild, or changes what it is besides what is in it.
    Head {
        /// Its name.
        name: String,
        /// Who owns it.
        owner_id: UserId,
        /// What its managers set.
        settings: Box<GuildSettings>,
    },
    /// Deletes the guild with all that is in it.
    Delete,
    /// Adds or replaces a role.
    PutRole(Role),
    /// Deletes a role; its members lose it. Overwrites for it are written by [`delete_role`].
    DeleteRole(RoleId),
    /// Adds or replaces a channel with its overwrites.
    PutChannel(Box<Channel>),
    /// Deletes a channel. What refers to it is written by [`delete_channel`].
    DeleteChannel(ChannelId),
    /// Adds or replaces a member with its roles.
    PutMember(Box<Member>),
    /// Takes a member out.
    RemoveMember(UserId),
    /// Keeps an account out.
    PutBan(Ban),
    /// Lets an account in again.
    RemoveBan(UserId),
}

impl GuildWrite {
    /// What it does, for the log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Head { .. } => "guild set",
            Self::Delete => "guild deleted",
            Self::PutRole(_) => "role set",
            Self::DeleteRole(_) => "role deleted",
            Self::PutChannel(_) => "channel set",
            Self::DeleteChannel(_) => "channel deleted",
            Self::PutMember(_) => "member set",
            Self::RemoveMember(_) => "member removed",
            Self::PutBan(_) => "account banned",
            Self::RemoveBan(_) => "ban lifted",
        }
    }

    /// The id of what it is about, if that is not the guild itself.
    pub(crate) fn subject(&self) -> Option<u64> {
        match self {
            Self::Head { .. } | Self::Delete => None,
            Self::PutRole(role) => Some(role.id.0),
            Self::DeleteRole(role) => Some(role.0),
            Self::PutChannel(channel) => Some(channel.id.0),
            Self::DeleteChannel(channel) => Some(channel.0),
            Self::PutMember(member) => Some(member.user_id.0),
            Self::PutBan(ban) => Some(ban.user_id.0),
            Self::RemoveMember(user) | Self::RemoveBan(user) => Some(user.0),
        }
    }
}

/// The account that a write names, which must exist.
fn named_user(write: &GuildWrite) -> Option<UserId> {
    match write {
        GuildWrite::Head { owner_id, .. } => Some(*owner_id),
        GuildWrite::PutMember(member) => Some(member.user_id),
        GuildWrite::PutBan(ban) => Some(ban.user_id),
        _ => None,
    }
}

/// Deletes a role and the exceptions that channels make for it.
pub(crate) fn delete_role(guild: &Guild, role: RoleId) -> Vec<GuildWrite> {
    let with_exception = guild
        .channels
        .values()
        .filter(|channel| channel.overwrite(OverwriteId(role.0)).is_some());
    let mut writes: Vec<GuildWrite> = with_exception
        .map(|channel| {
            let mut changed = channel.clone();
            changed
                .overwrites
                .retain(|it| it.target.id() != OverwriteId(role.0));
            GuildWrite::PutChannel(Box::new(changed))
        })
        .collect();
    writes.push(GuildWrite::DeleteRole(role));
    writes
}

/// Deletes a channel and what refers to it: the settings that name it, and the category of those that stood in it.
pub(crate) fn delete_channel(guild: &Guild, channel: ChannelId) -> Vec<GuildWrite> {
    let children = guild.channels.values().filter(|it| it.parent_id == Some(channel));
    let mut writes: Vec<GuildWrite> = children
        .map(|child| {
            GuildWrite::PutChannel(Box::new(Channel {
                parent_id: None,
                ..child.clone()
            }))
        })
        .collect();
    let other = |named: Option<ChannelId>| named.filter(|named| *named != channel);
    let settings = GuildSettings {
        afk_channel_id: other(guild.settings.afk_channel_id),
        system_channel_id: other(guild.settings.system_channel_id),
        ..guild.settings.clone()
    };
    if settings != guild.settings {
        writes.push(GuildWrite::Head {
            name: guild.name.clone(),
            owner_id: guild.owner_id,
            settings: Box::new(settings),
        });
    }
    writes.push(GuildWrite::DeleteChannel(channel));
    writes
}

impl Directory {
    /// Carries out a change of a guild, all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Unknown`] where the guild does not exist and is not made by this change, or an account does not;
    /// [`Error::Directory`].
    pub(crate) async fn write_guild(&self, guild: GuildId, writes: Vec<GuildWrite>) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let made = writes
            .iter()
            .any(|write| matches!(write, GuildWrite::Head { .. }));
        if !made {
            self.require_guild(guild)?;
        }
        for user in writes.iter().filter_map(named_user) {
            self.require_user(user)?;
        }
        let mut transaction = self.pool.begin().await?;
        for write in &writes {
            store(&mut transaction, guild, write).await?;
        }
        transaction.commit().await?;
        let mut world = self.world.write();
        for write in writes {
            world.apply(guild, write);
        }
        Ok(())
    }
}

async fn store(connection: &mut Connection, guild: GuildId, write: &GuildWrite) -> Result<(), Error> {
    match write {
        GuildWrite::Head {
            name,
            owner_id,
            settings,
        } => rows::put_head(connection, guild, name, *owner_id, settings).await,
        GuildWrite::Delete => rows::delete_guild(connection, guild).await,
        GuildWrite::PutRole(role) => rows::put_role(connection, guild, role).await,
        GuildWrite::DeleteRole(role) => rows::delete_role(connection, *role).await,
        GuildWrite::PutChannel(channel) => rows::put_channel(connection, channel).await,
        GuildWrite::DeleteChannel(channel) => rows::delete_channel(connection, *channel).await,
        GuildWrite::PutMember(member) => rows::put_member(connection, guild, member).await,
        GuildWrite::RemoveMember(user) => rows::remove_member(connection, guild, *user).await,
        GuildWrite::PutBan(ban) => rows::put_ban(connection, guild, ban).await,
        GuildWrite::RemoveBan(user) => rows::remove_ban(connection, guild, *user).await,
    }
}

impl World {
    fn apply(&mut self, id: GuildId, write: GuildWrite) {
        match write {
            GuildWrite::Head {
                name,
                owner_id,
                settings,
            } => self.put_head(id, name, owner_id, *settings),
            GuildWrite::Delete => self.remove_guild(id),
            GuildWrite::PutMember(member) => self.insert_member(id, *member),
            GuildWrite::PutChannel(mut channel) => {
                self.homes.insert(channel.id, Home::Guild(id));
                self.with_guild(id, |guild| {
                    // Messages may have come since the change was thought of.
                    let known = guild.channels.get(&channel.id).and_then(|it| it.last_message_id);
                    channel.last_message_id = known.max(channel.last_message_id);
                    guild.channels.insert(channel.id, *channel);
                });
            }
            GuildWrite::DeleteChannel(channel) => {
                self.homes.remove(&channel);
                self.stages.remove(&channel);
                self.with_guild(id, |guild| guild.channels.remove(&channel));
            }
            GuildWrite::RemoveMember(user) => {
                self.forget_guild_of(user, id);
                self.with_guild(id, |guild| guild.members.remove(&user));
            }
            GuildWrite::PutRole(role) => self.with_guild(id, |guild| guild.roles.insert(role.id, role)),
            GuildWrite::DeleteRole(role) => self.with_guild(id, |guild| {
                guild.roles.remove(&role);
                for member in guild.members.values_mut() {
                    member.roles.remove(&role);
                }
            }),
            GuildWrite::PutBan(ban) => self.with_guild(id, |guild| guild.bans.insert(ban.user_id, ban)),
            GuildWrite::RemoveBan(user) => self.with_guild(id, |guild| guild.bans.remove(&user)),
        }
    }

    fn with_guild<T>(&mut self, id: GuildId, change: impl FnOnce(&mut Guild) -> T) {
        if let Some(guild) = self.guilds.get_mut(&id) {
            change(guild);
        }
    }

    pub(super) fn set_channel_status(&mut self, guild: GuildId, channel: ChannelId, status: Option<String>) {
        self.with_guild(guild, |guild| {
            if let Some(channel) = guild.channels.get_mut(&channel) {
                channel.status = status;
            }
        });
    }

    fn put_head(&mut self, id: GuildId, name: String, owner_id: UserId, settings: GuildSettings) {
        match self.guilds.get_mut(&id) {
            Some(guild) => {
                guild.name = name;
                guild.owner_id = owner_id;
                guild.settings = settings;
            }
            None => self.insert_guild(Guild {
                id,
                name,
                owner_id,
                settings,
                roles: BTreeMap::new(),
                channels: BTreeMap::new(),
                members: HashMap::new(),
                bans: BTreeMap::new(),
            }),
        }
    }

    fn remove_guild(&mut self, id: GuildId) {
        let Some(guild) = self.guilds.remove(&id) else {
            return;
        };
        for channel in guild.channels.keys() {
            self.homes.remove(channel);
            self.stages.remove(channel);
        }
        self.forget_commands_of_guild(id);
        for user in guild.members.keys() {
            self.forget_guild_of(*user, id);
        }
    }

    fn forget_guild_of(&mut self, user: UserId, guild: GuildId) {
        if let Some(guilds) = self.guilds_of.get_mut(&user) {
            guilds.remove(&guild);
            if guilds.is_empty() {
                self.guilds_of.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::model::ChannelKind;

    use super::*;
    use crate::directory::{NewUser, Overwrite, OverwriteTarget, load, new_member};
    use crate::permissions::Permissions;

    const ROLE: RoleId = RoleId(70);
    const CATEGORY: ChannelId = ChannelId(80);
    const ROOM: ChannelId = ChannelId(81);

    async fn account(directory: &Directory, name: &str) -> UserId {
        let new = NewUser {
            name: name.to_owned(),
            ..NewUser::default()
        };
        directory.create_user(new).await.unwrap().id
    }

    /// A guild with a role, a category with a room in it, a member with the role, and a ban.
    async fn furnished() -> (Directory, GuildId, UserId) {
        let directory = Directory::in_memory().await.unwrap();
        let owner = account(&directory, "owner").await;
        let member = account(&directory, "member").await;
        let guild = directory.create_guild(None, "Hall", owner).await.unwrap();
        let category = Channel::new(CATEGORY, guild, ChannelKind::GuildCategory, "rooms");
        let room = Channel {
            parent_id: Some(CATEGORY),
            topic: Some("songs".to_owned()),
            nsfw: true,
            rate_limit_per_user: 5,
            overwrites: vec![
                Overwrite {
                    target: OverwriteTarget::Role(ROLE),
                    allow: Permissions::SPEAK,
                    deny: Permissions::NONE,
                },
                Overwrite {
                    target: OverwriteTarget::Member(member),
                    allow: Permissions::NONE,
                    deny: Permissions::STREAM,
                },
            ],
            ..Channel::new(ROOM, guild, ChannelKind::GuildVoice, "room")
        };
        let role = Role {
            color: 0xff_00_ff,
            hoist: true,
            mentionable: true,
            managed: true,
            position: 3,
            ..Role::new(ROLE, "singers", Permissions::SPEAK)
        };
        let settings = GuildSettings {
            description: Some("people who sing".to_owned()),
            afk_channel_id: Some(ROOM),
            afk_timeout: 60,
            system_channel_id: Some(CATEGORY),
            system_channel_flags: 5,
            verification_level: 2,
            default_message_notifications: 1,
            explicit_content_filter: 2,
            preferred_locale: "cy".to_owned(),
        };
        let singer = Member {
            nick: Some("Nightingale".to_owned()),
            roles: [ROLE].into(),
            mute: true,
            deaf: true,
            timed_out_until_ms: Some(9),
            ..new_member(member, 7)
        };
        let writes = vec![
            GuildWrite::Head {
                name: "Great Hall".to_owned(),
                owner_id: owner,
                settings: Box::new(settings),
            },
            GuildWrite::PutRole(role),
            GuildWrite::PutChannel(Box::new(category)),
            GuildWrite::PutChannel(Box::new(room)),
            GuildWrite::PutMember(Box::new(singer)),
            GuildWrite::PutBan(Ban {
                user_id: account(&directory, "stranger").await,
                reason: Some("noise".to_owned()),
            }),
        ];
        directory.write_guild(guild, writes).await.unwrap();
        (directory, guild, member)
    }

    /// The copy in memory must say what a fresh start would read.
    async fn assert_copy_is_true(directory: &Directory) {
        let stored = load::world(&directory.pool).await.unwrap();
        let copy = directory.read();
        assert_eq!(copy.guilds, stored.guilds);
        assert_eq!(copy.homes, stored.homes);
        assert_eq!(copy.guilds_of, stored.guilds_of);
    }

    #[tokio::test]
    async fn what_is_written_is_what_a_restart_reads() {
        let (directory, guild, member) = furnished().await;
        assert_copy_is_true(&directory).await;
        let world = directory.read().guild(guild).unwrap().clone();
        assert_eq!(world.name, "Great Hall");
        assert_eq!(world.roles[&ROLE].color, 0xff_00_ff);
        assert_eq!(world.channels[&ROOM].topic.as_deref(), Some("songs"));
        assert_eq!(world.members[&member].roles, [ROLE].into());
        assert_eq!(world.bans.len(), 1);
    }

    #[tokio::test]
    async fn a_role_goes_from_its_members_and_from_overwrites() {
        let (directory, guild, member) = furnished().await;
        let writes = delete_role(directory.read().guild(guild).unwrap(), ROLE);
        directory.write_guild(guild, writes).await.unwrap();
        assert_copy_is_true(&directory).await;
        let world = directory.read().guild(guild).unwrap().clone();
        assert!(world.members[&member].roles.is_empty());
        let targets: Vec<_> = world.channels[&ROOM]
            .overwrites
            .iter()
            .map(|it| it.target)
            .collect();
        assert_eq!(targets, [OverwriteTarget::Member(member)]);
    }

    #[tokio::test]
    async fn a_channel_goes_from_settings_and_from_those_that_stood_in_it() {
        let (directory, guild, _) = furnished().await;
        for channel in [CATEGORY, ROOM] {
            let writes = delete_channel(directory.read().guild(guild).unwrap(), channel);
            directory.write_guild(guild, writes).await.unwrap();
            assert_copy_is_true(&directory).await;
            if channel == CATEGORY {
                let world = directory.read();
                assert_eq!(world.guild(guild).unwrap().channels[&ROOM].parent_id, None);
            }
        }
        let settings = directory.read().guild(guild).unwrap().settings.clone();
        assert_eq!(
            (settings.afk_channel_id, settings.system_channel_id),
            (None, None)
        );
        assert_eq!(settings.afk_timeout, 60, "the rest of the settings stays");
    }

    #[tokio::test]
    async fn members_bans_and_the_guild_itself_go() {
        let (directory, guild, member) = furnished().await;
        let banned = *directory.read().guild(guild).unwrap().bans.keys().next().unwrap();
        let writes = vec![GuildWrite::RemoveMember(member), GuildWrite::RemoveBan(banned)];
        directory.write_guild(guild, writes).await.unwrap();
        assert_copy_is_true(&directory).await;
        assert!(directory.read().member(guild, member).is_none());
        directory
            .write_guild(guild, vec![GuildWrite::Delete])
            .await
            .unwrap();
        assert_copy_is_true(&directory).await;
        assert!(directory.read().guilds.is_empty());
    }

    #[tokio::test]
    async fn a_change_that_fails_changes_nothing() {
        let (directory, guild, member) = furnished().await;
        let nobody = GuildWrite::PutMember(Box::new(new_member(UserId(1), 0)));
        let writes = vec![GuildWrite::RemoveMember(member), nobody];
        assert!(matches!(
            directory.write_guild(guild, writes).await,
            Err(Error::Unknown { what: "account" })
        ));
        // A role that is not there breaks a constraint in the middle of the transaction.
        let impossible = Member {
            roles: [RoleId(404)].into(),
            ..new_member(member, 7)
        };
        let writes = vec![
            GuildWrite::DeleteChannel(ROOM),
            GuildWrite::PutMember(Box::new(impossible)),
        ];
        assert!(matches!(
            directory.write_guild(guild, writes).await,
            Err(Error::Directory(_))
        ));
        assert_copy_is_true(&directory).await;
        assert!(directory.read().guild_channel(ROOM).is_some());
        assert!(directory.write_guild(GuildId(3), vec![]).await.is_err());
    }

    #[tokio::test]
    async fn a_status_line_is_written_alone_and_only_to_a_channel_that_is_there() {
        let (directory, guild, _) = furnished().await;
        let before = directory.read().guild_channel(ROOM).unwrap().1.clone();
        let status = Some("singing".to_owned());
        let written = directory.set_channel_status(ROOM, status.clone()).await.unwrap();
        assert_eq!(written, Some(guild));
        let expected = Channel { status, ..before };
        assert_eq!(directory.read().guild_channel(ROOM).unwrap().1, &expected);
        let stored = load::world(&directory.pool).await.unwrap();
        assert_eq!(*directory.read(), stored);

        let gone = delete_channel(directory.read().guild(guild).unwrap(), ROOM);
        directory.write_guild(guild, gone).await.unwrap();
        assert_eq!(directory.set_channel_status(ROOM, None).await.unwrap(), None);
        assert!(directory.read().guild_channel(ROOM).is_none());
        let stored = load::world(&directory.pool).await.unwrap();
        assert_eq!(*directory.read(), stored);
    }
}
