//! The copy of the directory in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, UserId};

use super::call_log::ReadState;
use super::commands::Commands;
use super::credentials::Credentials;
use super::invites::Invites;
use super::records::{Channel, Guild, Member, PrivateChannel, Standing, User};
use super::stages::Stage;
use super::stays::Stays;
use super::token::TokenDigest;
use super::tokens::{TokenRecord, Tokens};
use crate::permissions::{Permissions, channel_permissions, guild_permissions, left_by_time_out};

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In a guild.
    Guild(GuildId),
    /// Between people.
    Private,
}

/// Everything but messages.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct World {
    pub(super) users: HashMap<UserId, User>,
    pub(super) tokens: Tokens,
    pub(super) credentials: Credentials,
    pub(super) invites: Invites,
    pub(super) stays: Stays,
    pub(super) guilds: BTreeMap<GuildId, Guild>,
    pub(super) homes: HashMap<ChannelId, Home>,
    pub(super) private: HashMap<ChannelId, PrivateChannel>,
    pub(super) guilds_of: HashMap<UserId, BTreeSet<GuildId>>,
    pub(super) private_of: HashMap<UserId, BTreeSet<ChannelId>>,
    pub(super) read_states: HashMap<UserId, BTreeMap<ChannelId, ReadState>>,
    pub(super) stages: BTreeMap<ChannelId, Stage>,
    pub(super) commands: Commands,
}

impl World {
    /// An account.
    pub(crate) fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }

    /// All accounts, in no order.
    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Who may log in with this token.
    pub(crate) fn user_of_token(&self, digest: TokenDigest) -> Option<&User> {
        let user = self.users.get(&self.tokens.owner(digest)?)?;
        (user.standing == Standing::Active).then_some(user)
    }

    /// Whose token this is, whether it may be used or not.
    pub(super) fn token_owner(&self, digest: TokenDigest) -> Option<UserId> {
        self.tokens.owner(digest)
    }

    /// Whether a token was good once and shall never be again.
    pub(crate) fn is_revoked(&self, digest: TokenDigest) -> bool {
        self.tokens.is_revoked(digest)
    }

    /// Whether nobody has ever heard of a token.
    pub(crate) fn is_new(&self, digest: TokenDigest) -> bool {
        self.token_owner(digest).is_none() && !self.is_revoked(digest)
    }

    /// The tokens of an account, the oldest first.
    pub(crate) fn tokens_of(&self, user: UserId) -> Vec<(TokenDigest, &TokenRecord)> {
        self.tokens.of(user)
    }

    /// A guild.
    pub(crate) fn guild(&self, id: GuildId) -> Option<&Guild> {
        self.guilds.get(&id)
    }

    /// All guilds.
    pub(crate) fn guilds(&self) -> impl Iterator<Item = &Guild> {
        self.guilds.values()
    }

    /// Where a channel stands.
    pub(crate) fn home(&self, channel: ChannelId) -> Option<Home> {
        self.homes.get(&channel).copied()
    }

    /// A channel of a guild, with its guild.
    pub(crate) fn guild_channel(&self, channel: ChannelId) -> Option<(&Guild, &Channel)> {
        let Home::Guild(guild) = self.home(channel)? else {
            return None;
        };
        let guild = self.guild(guild)?;
        Some((guild, guild.channels.get(&channel)?))
    }

    /// A private channel.
    pub(crate) fn private(&self, channel: ChannelId) -> Option<&PrivateChannel> {
        self.private.get(&channel)
    }

    /// A stage that is live.
    pub(crate) fn stage(&self, channel: ChannelId) -> Option<&Stage> {
        self.stages.get(&channel)
    }

    /// The stages that are live.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.values()
    }

    /// An account in a guild.
    pub(crate) fn member(&self, guild: GuildId, user: UserId) -> Option<&Member> {
        self.guild(guild)?.members.get(&user)
    }

    /// The guilds that an account is in.
    pub(crate) fn guilds_of(&self, user: UserId) -> impl Iterator<Item = &Guild> {
        let ids = self.guilds_of.get(&user).into_iter().flatten();
        ids.filter_map(|id| self.guilds.get(id))
    }

    /// The private channels that an account is in.
    pub(crate) fn private_of(&self, user: UserId) -> impl Iterator<Item = &PrivateChannel> {
        let ids = self.private_of.get(&user).into_iter().flatten();
        ids.filter_map(|id| self.private.get(id))
    }

    /// How far an account has read its channels.
    pub(crate) fn read_states(&self, user: UserId) -> impl Iterator<Item = (ChannelId, ReadState)> {
        let states = self.read_states.get(&user).into_iter().flatten();
        states.map(|(channel, state)| (*channel, *state))
    }

    /// What an account may do in a guild at large; nothing for those who are not in it.
    pub(crate) fn permissions_in_guild(&self, guild: GuildId, user: UserId) -> Permissions {
        let Some(guild) = self.guild(guild) else {
            return Permissions::NONE;
        };
        match guild.members.get(&user) {
            Some(member) => guild_permissions(guild, member),
            None => Permissions::NONE,
        }
    }

    /// What an account may do in a guild's channel; nothing for those who are not in the guild.
    pub(crate) fn permissions(&self, channel: ChannelId, user: UserId) -> Permissions {
        let Some((guild, channel)) = self.guild_channel(channel) else {
            return Permissions::NONE;
        };
        match guild.members.get(&user) {
            Some(member) => channel_permissions(guild, channel, member),
            None => Permissions::NONE,
        }
    }

    /// What an account may do in a guild at large at a point in time: a time-out leaves little.
    pub(crate) fn permissions_in_guild_at(&self, guild: GuildId, user: UserId, now_ms: u64) -> Permissions {
        let granted = self.permissions_in_guild(guild, user);
        match self.member(guild, user) {
            Some(member) if member.is_timed_out(now_ms) => left_by_time_out(granted),
            _ => granted,
        }
    }

    /// What an account may do in a guild's channel at a point in time: a time-out leaves little.
    pub(crate) fn permissions_at(&self, channel: ChannelId, user: UserId, now_ms: u64) -> Permissions {
        let granted = self.permissions(channel, user);
        let member = self
            .guild_channel(channel)
            .and_then(|(guild, _)| guild.members.get(&user));
        match member {
            Some(member) if member.is_timed_out(now_ms) => left_by_time_out(granted),
            _ => granted,
        }
    }

    /// Whether an account may know what happens in a channel of either kind.
    pub(crate) fn may_view(&self, channel: ChannelId, user: UserId) -> bool {
        match self.home(channel) {
            Some(Home::Guild(_)) => self
                .permissions(channel, user)
                .contains(Permissions::VIEW_CHANNEL),
            Some(Home::Private) => self
                .private(channel)
                .is_some_and(|it| it.recipients.contains(&user)),
            None => false,
        }
    }

    /// Notes the newest message of a channel. Gives the people who had closed it.
    pub(super) fn note_message(&mut self, channel: ChannelId, message: MessageId) -> Vec<UserId> {
        if let Some(private) = self.private.get_mut(&channel) {
            private.last_message_id = private.last_message_id.max(Some(message));
            return std::mem::take(&mut private.closed_by).into_iter().collect();
        }
        if let Some(Home::Guild(guild)) = self.home(channel)
            && let Some(channel) = self
                .guilds
                .get_mut(&guild)
                .and_then(|it| it.channels.get_mut(&channel))
        {
            channel.last_message_id = channel.last_message_id.max(Some(message));
        }
        Vec::new()
    }

    pub(super) fn insert_guild(&mut self, guild: Guild) {
        for channel in guild.channels.keys() {
            self.homes.insert(*channel, Home::Guild(guild.id));
        }
        for user in guild.members.keys() {
            self.guilds_of.entry(*user).or_default().insert(guild.id);
        }
        self.guilds.insert(guild.id, guild);
    }

    pub(super) fn insert_private(&mut self, channel: PrivateChannel) {
        self.homes.insert(channel.id, Home::Private);
        for user in &channel.recipients {
            self.private_of.entry(*user).or_default().insert(channel.id);
        }
        self.private.insert(channel.id, channel);
    }

    pub(super) fn insert_member(&mut self, guild: GuildId, member: Member) {
        self.guilds_of.entry(member.user_id).or_default().insert(guild);
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.members.insert(member.user_id, member);
        }
    }
}
