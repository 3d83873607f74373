//! Snowflake identifiers, one type per thing they name, so that two of them cannot be swapped silently.
//!
//! On the wire an id is a decimal string; receivers also take a JSON integer, because several client libraries send
//! bare integers.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds of the Unix time at which snowflake time begins: the first second of 2015.
pub const EPOCH_MS: u64 = 1_420_070_400_000;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a decimal number of at most 64 bits")]
pub struct ParseIdError;

fn deserialize_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct IdVisitor;
    impl Visitor<'_> for IdVisitor {
        type Value = u64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an id as a decimal string or an integer")
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
            u64::try_from(value).map_err(|_| E::custom(ParseIdError))
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
            parse(value).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(IdVisitor)
}

fn parse(text: &str) -> Result<u64, ParseIdError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseIdError);
    }
    text.parse().map_err(|_| ParseIdError)
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// Unix milliseconds at which the id was made.
            #[must_use]
            pub const fn created_at_ms(self) -> u64 {
                (self.0 >> 22) + EPOCH_MS
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_id(deserializer).map(Self)
            }
        }

        #[cfg(feature = "schema")]
        crate::schema::named_schema!($name, concat!($($doc),+), crate::schema::digits);
    )+};
}

ids! {
    /// A user or bot account.
    UserId,
    /// A guild.
    GuildId,
    /// A channel of a guild, a private channel, or a group.
    ChannelId,
    /// A message.
    MessageId,
    /// A role of a guild.
    RoleId,
    /// An application, which owns a bot.
    ApplicationId,
    /// A stage that is live.
    StageInstanceId,
    /// A command of an application.
    CommandId,
    /// The user or message that a command of a menu was used on.
    TargetId,
    /// The role or user that an exception in a channel is for.
    OverwriteId,
    /// Somebody's use of a command, a button, a menu or a form.
    InteractionId,
    /// What Identify calls `server_id`: a guild, a private channel, or a stream's RTC server.
    ServerId,
}
