//! Names of streams.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{ChannelId, GuildId, UserId};

/// Names a stream: where it is and whose (gateway protocol, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKey {
    /// `guild:<guild>:<channel>:<owner>`.
    Guild {
        /// The guild.
        guild: GuildId,
        /// The channel.
        channel: ChannelId,
        /// Whose it is.
        owner: UserId,
    },
    /// `call:<channel>:<owner>`.
    Call {
        /// The private channel.
        channel: ChannelId,
        /// Whose it is.
        owner: UserId,
    },
}

/// The text names no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream key is guild:<guild>:<channel>:<owner> or call:<channel>:<owner>")]
pub struct ParseStreamKeyError;

impl StreamKey {
    /// The key of somebody's stream in a guild's channel, or without a guild in a private call.
    #[must_use]
    pub const fn new(guild: Option<GuildId>, channel: ChannelId, owner: UserId) -> Self {
        match guild {
            Some(guild) => Self::Guild {
                guild,
                channel,
                owner,
            },
            None => Self::Call { channel, owner },
        }
    }

    /// The guild, if it is in one.
    #[must_use]
    pub const fn guild(self) -> Option<GuildId> {
        match self {
            Self::Guild { guild, .. } => Some(guild),
            Self::Call { .. } => None,
        }
    }

    /// The channel it is in.
    #[must_use]
    pub const fn channel(self) -> ChannelId {
        match self {
            Self::Guild { channel, .. } | Self::Call { channel, .. } => channel,
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn owner(self) -> UserId {
        match self {
            Self::Guild { owner, .. } | Self::Call { owner, .. } => owner,
        }
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guild {
                guild,
                channel,
                owner,
            } => write!(formatter, "guild:{guild}:{channel}:{owner}"),
            Self::Call { channel, owner } => write!(formatter, "call:{channel}:{owner}"),
        }
    }
}

impl FromStr for StreamKey {
    type Err = ParseStreamKeyError;

    fn from_str(text: &str) -> Result<Self, ParseStreamKeyError> {
        fn id<T: FromStr>(text: Option<&str>) -> Result<T, ParseStreamKeyError> {
            text.and_then(|digits| digits.parse().ok())
                .ok_or(ParseStreamKeyError)
        }
        let mut parts = text.split(':');
        let key = match parts.next() {
            Some("guild") => Self::Guild {
                guild: id(parts.next())?,
                channel: id(parts.next())?,
                owner: id(parts.next())?,
            },
            Some("call") => Self::Call {
                channel: id(parts.next())?,
                owner: id(parts.next())?,
            },
            _ => return Err(ParseStreamKeyError),
        };
        if parts.next().is_some() {
            Err(ParseStreamKeyError)
        } else {
            Ok(key)
        }
    }
}

impl Serialize for StreamKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
crate::schema::named_schema!(
    StreamKey,
    "A stream: where it is and whose",
    crate::schema::stream_key
);

/// A stream as a client names it. A text that is no key is kept: the answer to it names it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StreamName {
    /// A key.
    Key(StreamKey),
    /// Something else.
    Other(String),
}

impl StreamName {
    /// The key, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<StreamKey> {
        match self {
            Self::Key(key) => Some(*key),
            Self::Other(_) => None,
        }
    }
}

impl From<StreamKey> for StreamName {
    fn from(key: StreamKey) -> Self {
        Self::Key(key)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(formatter),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().map_or(Self::Other(text), Self::Key))
    }
}
