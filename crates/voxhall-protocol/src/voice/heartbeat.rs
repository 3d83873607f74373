//! Heartbeats and their nonces (voice-gateway protocol, section 7).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Extra;

/// What a client puts into a heartbeat and gets back untouched: any JSON scalar, kept as the text it came in.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Nonce(Box<RawValue>);

/// The nonce is an array or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a heartbeat nonce is a number, a string, a boolean or null")]
pub struct NotANonce;

impl Nonce {
    /// The nonce some clients of version 1 send: null.
    #[must_use]
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The number, if it is a whole one of up to 64 bits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.get().parse().ok()
    }

    pub(crate) fn from_raw(raw: &RawValue) -> Result<Self, NotANonce> {
        if raw.get().starts_with(['{', '[']) {
            return Err(NotANonce);
        }
        Ok(Self(raw.to_owned()))
    }
}

impl From<u64> for Nonce {
    fn from(number: u64) -> Self {
        Self(RawValue::from_string(number.to_string()).expect("the digits of a number are JSON"))
    }
}

impl PartialEq for Nonce {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Nonce({})", self.as_json())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_json())
    }
}

/// Op 3: a sign of life.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// Comes back in the acknowledgement.
    pub nonce: Nonce,
    /// The last sequence number received, from version 8 on; none before the first.
    pub seq_ack: Option<u16>,
    /// Fields unknown here, from version 8 on.
    pub extra: Extra,
}

impl Heartbeat {
    /// A heartbeat with this nonce, usually Unix milliseconds.
    #[must_use]
    pub fn new(nonce: u64, seq_ack: Option<u16>) -> Self {
        Self {
            nonce: Nonce::from(nonce),
            seq_ack,
            extra: Extra::new(),
        }
    }
}

/// Op 6, at version 1 op 3: answers a heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatAck {
    /// The nonce of the heartbeat.
    pub nonce: Nonce,
    /// Fields unknown here, from version 8 on.
    pub extra: Extra,
}

impl HeartbeatAck {
    /// The answer to `heartbeat`.
    #[must_use]
    pub fn to(heartbeat: &Heartbeat) -> Self {
        Self {
            nonce: heartbeat.nonce.clone(),
            extra: Extra::new(),
        }
    }
}

/// The object a heartbeat or its acknowledgement is from version 8 on.
#[derive(Serialize, Deserialize)]
pub(super) struct ObjectForm<'a> {
    #[serde(borrow)]
    pub t: &'a RawValue,
    #[serde(default, with = "seq_ack", skip_serializing_if = "Option::is_none")]
    pub seq_ack: Option<u16>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Nonce {
    pub(super) fn raw(&self) -> &RawValue {
        &self.0
    }
}

/// `seq_ack`: −1, null and absent all say that nothing numbered has come yet.
pub(super) mod seq_ack {
    use serde::de::Error;
    use serde::{Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
        match crate::scalar::optional_whole::<i64, D>(deserializer)? {
            None | Some(..0) => Ok(None),
            Some(number) => u16::try_from(number)
                .map(Some)
                .map_err(|_| D::Error::custom("a sequence number has 16 bits")),
        }
    }
}
