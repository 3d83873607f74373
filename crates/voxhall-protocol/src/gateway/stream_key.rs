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
