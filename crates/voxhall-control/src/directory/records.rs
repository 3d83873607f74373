//! The things that the directory holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, OverwriteId, RoleId, UserId};

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
    /// Where mail goes; another name to sign in with.
    pub email: Option<String>,
    /// Whether it may be used.
    pub standing: Standing,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It may.
    #[default]
    Active,
    /// The operator has disabled it.
    Disabled,
    /// It is gone; only its messages still name it.
    Deleted,
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
    /// What people see in place of the name.
    pub global_name: Option<String>,
    /// The hash that names its picture.
    pub avatar: Option<String>,
    /// May ask for privileged intents.
    pub privileged_intents: bool,
}

/// A guild with everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guild {
    /// Its id; also the id of the role `@everyone`.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Who may do everything.
    pub owner_id: UserId,
    /// What its managers set.
    pub settings: GuildSettings,
    /// Its roles, `@everyone` among them.
    pub roles: BTreeMap<RoleId, Role>,
    /// Its channels.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Its members.
    pub members: HashMap<UserId, Member>,
    /// Who may not come back.
    pub bans: BTreeMap<UserId, Ban>,
}

/// What a guild's managers set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildSettings {
    /// What it is about.
    pub description: Option<String>,
    /// Where idle members are moved.
    pub afk_channel_id: Option<ChannelId>,
    /// Seconds until they are.
    pub afk_timeout: u32,
    /// Where notices are written.
    pub system_channel_id: Option<ChannelId>,
    /// Which notices are not written.
    pub system_channel_flags: u64,
    /// 0–4; told to clients, which hold their people to it.
    pub verification_level: u8,
    /// 0 all messages, 1 mentions.
    pub default_message_notifications: u8,
    /// 0–2; told to clients.
    pub explicit_content_filter: u8,
    /// Language, such as `en-US`.
    pub preferred_locale: String,
}

impl Default for GuildSettings {
    fn default() -> Self {
        Self {
            description: None,
            afk_channel_id: None,
            afk_timeout: 300,
            system_channel_id: None,
            system_channel_flags: 0,
            verification_level: 0,
            default_message_notifications: 0,
            explicit_content_filter: 0,
            preferred_locale: "en-US".to_owned(),
        }
    }
}

/// An account that may not come (back) into a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Whom it keeps out.
    pub user_id: UserId,
    /// Why, as the one who banned said.
    pub reason: Option<String>,
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
    /// Its place in the order: higher ones rule over lower ones, and of equals the older one is higher.
    pub position: i32,
    /// 24-bit RGB; 0 is none.
    pub color: u32,
    /// Whether its members stand apart in the list.
    pub hoist: bool,
    /// Whether everybody may notify it.
    pub mentionable: bool,
    /// Whether an application owns it, so that nobody gives or takes it by hand.
    pub managed: bool,
}

impl Role {
    /// A plain role in the lowest place.
    #[must_use]
    pub fn new(id: RoleId, name: impl Into<String>, permissions: Permissions) -> Self {
        Self {
            id,
            name: name.into(),
            permissions,
            position: 0,
            color: 0,
            hoist: false,
            mentionable: false,
            managed: false,
        }
    }
}

/// The bitrate of a new voice channel, in bit/s.
const NEW_CHANNEL_BITRATE: u32 = 64_000;

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
    /// What it is about.
    pub topic: Option<String>,
    /// For adults.
    pub nsfw: bool,
    /// Seconds between messages of one member.
    pub rate_limit_per_user: u32,
    /// Exceptions to what roles allow.
    pub overwrites: Vec<Overwrite>,
    /// The newest message; it may have been deleted since.
    pub last_message_id: Option<MessageId>,
}

impl Channel {
    /// A channel in the first place, without exceptions.
    #[must_use]
    pub fn new(id: ChannelId, guild_id: GuildId, kind: ChannelKind, name: impl Into<String>) -> Self {
        Self {
            id,
            guild_id,
            kind,
            name: name.into(),
            position: 0,
            parent_id: None,
            bitrate: NEW_CHANNEL_BITRATE,
            user_limit: 0,
            rtc_region: None,
            video_quality_mode: 1,
            status: None,
            topic: None,
            nsfw: false,
            rate_limit_per_user: 0,
            overwrites: Vec::new(),
            last_message_id: None,
        }
    }

    /// The exception for somebody, if there is one.
    #[must_use]
    pub fn overwrite(&self, target: OverwriteId) -> Option<&Overwrite> {
        self.overwrites.iter().find(|it| it.target.id() == target)
    }
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
    pub const fn id(self) -> OverwriteId {
        match self {
            Self::Role(role) => OverwriteId(role.0),
            Self::Member(user) => OverwriteId(user.0),
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

impl Member {
    /// Whether it is timed out at a point in time.
    #[must_use]
    pub fn is_timed_out(&self, now_ms: u64) -> bool {
        self.timed_out_until_ms.is_some_and(|until| until > now_ms)
    }
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
    /// What a group calls itself.
    pub name: Option<String>,
    /// The hash that names a group's picture.
    pub icon: Option<String>,
    /// Who may take people out of a group.
    pub owner_id: Option<UserId>,
    /// Those of the people who have taken it out of their lists.
    pub closed_by: BTreeSet<UserId>,
}
