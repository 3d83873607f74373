//! Intents and capabilities.

use crate::naming::flag_set;

flag_set! {
    /// Which events a bot wants.
    Intents: u64 as number {
        /// Guilds, roles, channels, threads.
        GUILDS = 1 << 0 => "guilds",
        /// Members; privileged.
        GUILD_MEMBERS = 1 << 1 => "guild members",
        /// Bans and the audit log.
        GUILD_MODERATION = 1 << 2 => "guild moderation",
        /// Emoji, stickers, sounds.
        GUILD_EXPRESSIONS = 1 << 3 => "guild expressions",
        /// Integrations.
        GUILD_INTEGRATIONS = 1 << 4 => "guild integrations",
        /// Webhooks.
        GUILD_WEBHOOKS = 1 << 5 => "guild webhooks",
        /// Invitations.
        GUILD_INVITES = 1 << 6 => "guild invites",
        /// Voice states.
        GUILD_VOICE_STATES = 1 << 7 => "guild voice states",
        /// Presences; privileged.
        GUILD_PRESENCES = 1 << 8 => "guild presences",
        /// Messages in guilds.
        GUILD_MESSAGES = 1 << 9 => "guild messages",
        /// Reactions in guilds.
        GUILD_MESSAGE_REACTIONS = 1 << 10 => "guild message reactions",
        /// Typing in guilds.
        GUILD_MESSAGE_TYPING = 1 << 11 => "guild message typing",
        /// Messages in private channels.
        DIRECT_MESSAGES = 1 << 12 => "direct messages",
        /// Reactions in private channels.
        DIRECT_MESSAGE_REACTIONS = 1 << 13 => "direct message reactions",
        /// Typing in private channels.
        DIRECT_MESSAGE_TYPING = 1 << 14 => "direct message typing",
        /// The text of messages; privileged.
        MESSAGE_CONTENT = 1 << 15 => "message content",
        /// Scheduled events.
        GUILD_SCHEDULED_EVENTS = 1 << 16 => "guild scheduled events",
        /// Rules of automatic moderation.
        AUTO_MODERATION_CONFIGURATION = 1 << 20 => "auto moderation configuration",
        /// Deeds of automatic moderation.
        AUTO_MODERATION_EXECUTION = 1 << 21 => "auto moderation execution",
        /// Polls in guilds.
        GUILD_MESSAGE_POLLS = 1 << 24 => "guild message polls",
        /// Polls in private channels.
        DIRECT_MESSAGE_POLLS = 1 << 25 => "direct message polls",
    }
}

impl Intents {
    /// What a voice bot needs.
    pub const VOICE: Self = Self::GUILDS.union(Self::GUILD_VOICE_STATES);
    /// Those that have to be granted to a bot.
    pub const PRIVILEGED: Self = Self::GUILD_MEMBERS
        .union(Self::GUILD_PRESENCES)
        .union(Self::MESSAGE_CONTENT);
}

flag_set! {
    /// Which forms of messages a user account's client understands.
    Capabilities: u64 as number {
        /// No notes in READY.
        LAZY_USER_NOTES = 1 << 0 => "lazy user notes",
        /// No affine user ids in READY.
        NO_AFFINE_USER_IDS = 1 << 1 => "no affine user ids",
        /// `read_state` as an object with a version.
        VERSIONED_READ_STATES = 1 << 2 => "versioned read states",
        /// `user_guild_settings` as an object with a version.
        VERSIONED_USER_GUILD_SETTINGS = 1 << 3 => "versioned user guild settings",
        /// `recipient_ids`, and users in one list.
        DEDUPE_USER_OBJECTS = 1 << 4 => "deduplicated user objects",
        /// READY_SUPPLEMENTAL follows READY.
        PRIORITIZED_READY_PAYLOAD = 1 << 5 => "prioritized ready payload",
        /// A form of experiments.
        MULTIPLE_GUILD_EXPERIMENT_POPULATIONS = 1 << 6 => "multiple guild experiment populations",
        /// Read states of more than channels.
        NON_CHANNEL_READ_STATES = 1 << 7 => "non-channel read states",
        /// READY may bring a new token.
        AUTH_TOKEN_REFRESH = 1 << 8 => "auth token refresh",
        /// Settings as protocol buffers.
        USER_SETTINGS_PROTO = 1 << 9 => "user settings proto",
        /// Guilds split into properties and lists.
        CLIENT_STATE_V2 = 1 << 10 => "client state v2",
        /// Passive updates of guilds.
        PASSIVE_GUILD_UPDATE = 1 << 11 => "passive guild update",
        /// Running calls come without op 13.
        AUTO_CALL_CONNECT = 1 << 12 => "auto call connect",
        /// Reactions in batches.
        DEBOUNCE_MESSAGE_REACTIONS = 1 << 13 => "debounced message reactions",
        /// Passive updates of guilds, second form.
        PASSIVE_GUILD_UPDATE_V2 = 1 << 14 => "passive guild update v2",
    }
}
