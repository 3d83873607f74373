//! The things that the directory holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, RoleId, UserId};

use crate::permissions::Permissions;
use voxhall_protocol::model::ChannelKind;

/// An account: a person's or a bot's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// A bot: told apart everywhere, see gateway-and-calls section 3.1.
    pub bot: bool,
    /// The name, unique or not as the operator likes.
    pub name: String,
    /// Four digits, or `0` for names of today.
    pub discriminator: String,
    /// What people see in place of the name.
    pub global_name: Option<String>,
    /// The hash that names its picture.
    pub avatar: Option<String>,
    /// Public flags.
    pub public_flags: u64,
    /// May ask for privileged intents.
    pub privileged_intents: bool,
}

/// What a new account is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewUser {
    /// Its id; `None` takes a fresh one.
    pub id: Option<UserId>,
    /// A bot.
    pub bot: bool,
    /// The name.
    pub name: String,
    /// Four digits; `None` means `0`, a name of today.
    pub discriminator: Option<String>,
    /// The hash that names its picture.
    pub avatar: Option<String>,
    /// May ask for privileged intents.
    pub privileged_intents: bool,
}

/// A guild with everything in it.
#[derive(Debug, Clone)]
pub struct Guild {
    /// Its id; also the id of the role `@everyone`.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Who may do everything.
    pub owner_id: UserId,
    /// Its roles, `@everyone` among them.
    pub roles: BTreeMap<RoleId, Role>,
    /// Its channels.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Its members.
    pub members: HashMap<UserId, Member>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id; the guild's own for `@everyone`.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What its members may do.
    pub permissions: Permissions,
    /// Its place in the list.
    pub position: i32,
}

/// A channel of a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// The guild it belongs to.
    pub guild_id: GuildId,
    /// Text, voice, stage or category.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
    /// Its place in the list.
    pub position: i32,
    /// The category it stands in.
    pub parent_id: Option<ChannelId>,
    /// Advice to clients, in bit/s.
    pub bitrate: u32,
    /// How many may be in it; zero means no limit.
    pub user_limit: u32,
    /// The region it must be in; `None` means any.
    pub rtc_region: Option<String>,
    /// 1 automatic, 2 full.
    pub video_quality_mode: u32,
    /// The status line of a voice channel.
    pub status: Option<String>,
    /// Exceptions to what roles allow.
    pub overwrites: Vec<Overwrite>,
}

/// Whom an exception is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverwriteTarget {
    /// Everybody with the role.
    Role(RoleId),
    /// One member.
    Member(UserId),
}

impl OverwriteTarget {
    /// The id, whatever it names.
    #[must_use]
    pub const fn id(self) -> u64 {
        match self {
            Self::Role(role) => role.0,
            Self::Member(user) => user.0,
        }
    }
}

/// An exception to what roles allow, in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overwrite {
    /// Whom it is for.
    pub target: OverwriteTarget,
    /// What it adds.
    pub allow: Permissions,
    /// What it takes.
    pub deny: Permissions,
}

/// An account in a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose membership it is.
    pub user_id: UserId,
    /// The name in this guild.
    pub nick: Option<String>,
    /// The roles, without `@everyone`.
    pub roles: BTreeSet<RoleId>,
    /// Unix milliseconds of the joining.
    pub joined_at_ms: u64,
    /// Muted by a moderator.
    pub mute: bool,
    /// Deafened by a moderator.
    pub deaf: bool,
    /// Unix milliseconds until which the member may neither join nor speak.
    pub timed_out_until_ms: Option<u64>,
}

/// A private channel: two people, or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateChannel {
    /// Its id.
    pub id: ChannelId,
    /// Private or group.
    pub kind: ChannelKind,
    /// Everybody in it.
    pub recipients: BTreeSet<UserId>,
    /// The newest message.
    pub last_message_id: Option<MessageId>,
}
