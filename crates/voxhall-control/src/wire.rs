//! Named numbers of the wire that the directory stores.

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelType {
    /// Text channel of a guild.
    GuildText,
    /// Private channel of two people.
    Dm,
    /// Voice channel of a guild.
    GuildVoice,
    /// Private channel of several people.
    GroupDm,
    /// Category of a guild.
    GuildCategory,
    /// Stage of a guild.
    GuildStageVoice,
    /// Another kind, kept by number.
    Other(u8),
}
impl ChannelType {
    /// Number.
    pub const fn number(self) -> u8 {
        match self {
            Self::GuildText => 0,
            Self::Dm => 1,
            Self::GuildVoice => 2,
            Self::GroupDm => 3,
            Self::GuildCategory => 4,
            Self::GuildStageVoice => 13,
            Self::Other(n) => n,
        }
    }
    /// People can talk in it.
    pub const fn is_voice(self) -> bool {
        matches!(self, Self::GuildVoice | Self::GuildStageVoice)
    }
}
impl From<u8> for ChannelType {
    fn from(n: u8) -> Self {
        match n {
            0 => Self::GuildText,
            1 => Self::Dm,
            2 => Self::GuildVoice,
            3 => Self::GroupDm,
            4 => Self::GuildCategory,
            13 => Self::GuildStageVoice,
            n => Self::Other(n),
        }
    }
}
/// Perms
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u64);
#[allow(missing_docs)]
impl Permissions {
    pub const NONE: Self = Self(0);
    pub const ADMINISTRATOR: Self = Self(1 << 3);
    pub const MANAGE_CHANNELS: Self = Self(1 << 4);
    pub const PRIORITY_SPEAKER: Self = Self(1 << 8);
    pub const STREAM: Self = Self(1 << 9);
    pub const VIEW_CHANNEL: Self = Self(1 << 10);
    pub const SEND_MESSAGES: Self = Self(1 << 11);
    pub const READ_MESSAGE_HISTORY: Self = Self(1 << 16);
    pub const CONNECT: Self = Self(1 << 20);
    pub const SPEAK: Self = Self(1 << 21);
    pub const MUTE_MEMBERS: Self = Self(1 << 22);
    pub const DEAFEN_MEMBERS: Self = Self(1 << 23);
    pub const MOVE_MEMBERS: Self = Self(1 << 24);
    pub const USE_VAD: Self = Self(1 << 25);
    pub const REQUEST_TO_SPEAK: Self = Self(1 << 32);
    pub const MODERATE_MEMBERS: Self = Self(1 << 40);
    pub const SET_VOICE_CHANNEL_STATUS: Self = Self(1 << 48);
    pub const ALL: Self = Self((1 << 49) - 1);
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    pub const fn bits(self) -> u64 {
        self.0
    }
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
impl std::ops::BitOr for Permissions {
    type Output = Self;
    fn bitor(self, o: Self) -> Self {
        self.union(o)
    }
}
