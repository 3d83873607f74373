//! Permission bits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::naming::flag_set;
use crate::scalar;

flag_set! {
    /// What a member may do; a decimal string on the wire (gateway protocol, section 5).
    Permissions: u64 {
        /// Make invitations.
        CREATE_INSTANT_INVITE = 1 << 0 => "create invite",
        /// Remove members.
        KICK_MEMBERS = 1 << 1 => "kick members",
        /// Ban members.
        BAN_MEMBERS = 1 << 2 => "ban members",
        /// Everything, whatever overwrites say.
        ADMINISTRATOR = 1 << 3 => "administrator",
        /// Edit channels; one place above the video limit.
        MANAGE_CHANNELS = 1 << 4 => "manage channels",
        /// Edit the guild.
        MANAGE_GUILD = 1 << 5 => "manage guild",
        /// React to messages.
        ADD_REACTIONS = 1 << 6 => "add reactions",
        /// Read the audit log.
        VIEW_AUDIT_LOG = 1 << 7 => "view audit log",
        /// Speak with priority.
        PRIORITY_SPEAKER = 1 << 8 => "priority speaker",
        /// Camera and screen.
        STREAM = 1 << 9 => "stream",
        /// See the channel and who is in it.
        VIEW_CHANNEL = 1 << 10 => "view channel",
        /// Write messages.
        SEND_MESSAGES = 1 << 11 => "send messages",
        /// Have messages read aloud.
        SEND_TTS_MESSAGES = 1 << 12 => "send TTS messages",
        /// Delete the messages of others.
        MANAGE_MESSAGES = 1 << 13 => "manage messages",
        /// Have links shown.
        EMBED_LINKS = 1 << 14 => "embed links",
        /// Attach files.
        ATTACH_FILES = 1 << 15 => "attach files",
        /// Read what was written before.
        READ_MESSAGE_HISTORY = 1 << 16 => "read message history",
        /// Notify everybody.
        MENTION_EVERYONE = 1 << 17 => "mention everyone",
        /// Use emoji of other guilds.
        USE_EXTERNAL_EMOJIS = 1 << 18 => "use external emojis",
        /// See the guild's statistics.
        VIEW_GUILD_INSIGHTS = 1 << 19 => "view guild insights",
        /// Join a voice channel; without it every other permission there is gone too.
        CONNECT = 1 << 20 => "connect",
        /// Speak; without it a member joins suppressed.
        SPEAK = 1 << 21 => "speak",
        /// Mute others; in stages, suppress them.
        MUTE_MEMBERS = 1 << 22 => "mute members",
        /// Deafen others.
        DEAFEN_MEMBERS = 1 << 23 => "deafen members",
        /// Move and disconnect others; join past the user limit.
        MOVE_MEMBERS = 1 << 24 => "move members",
        /// Speak without push-to-talk; clients enforce it.
        USE_VAD = 1 << 25 => "use voice activity",
        /// Change the own nickname.
        CHANGE_NICKNAME = 1 << 26 => "change nickname",
        /// Change the nicknames of others.
        MANAGE_NICKNAMES = 1 << 27 => "manage nicknames",
        /// Edit roles.
        MANAGE_ROLES = 1 << 28 => "manage roles",
        /// Edit webhooks.
        MANAGE_WEBHOOKS = 1 << 29 => "manage webhooks",
        /// Edit emoji, stickers and sounds.
        MANAGE_GUILD_EXPRESSIONS = 1 << 30 => "manage expressions",
        /// Use application commands.
        USE_APPLICATION_COMMANDS = 1 << 31 => "use application commands",
        /// Raise the hand in a stage.
        REQUEST_TO_SPEAK = 1 << 32 => "request to speak",
        /// Edit scheduled events.
        MANAGE_EVENTS = 1 << 33 => "manage events",
        /// Use the soundboard.
        USE_SOUNDBOARD = 1 << 42 => "use soundboard",
        /// Time members out.
        MODERATE_MEMBERS = 1 << 40 => "moderate members",
        /// Use sounds of other guilds.
        USE_EXTERNAL_SOUNDS = 1 << 45 => "use external sounds",
        /// Set the status line of a voice channel.
        SET_VOICE_CHANNEL_STATUS = 1 << 48 => "set voice channel status",
    }
}

#[cfg(feature = "schema")]
crate::schema::named_schema!(
    Permissions,
    "A set of permissions, as the decimal digits of its bits.",
    crate::schema::digits
);

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.bits())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar::whole(deserializer).map(Self::from_bits)
    }
}
