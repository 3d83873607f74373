//! The envelope of every message, and what can be wrong with one.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{GatewayCloseCode, GatewayOpcode};

/// The most bytes a server takes in one message (gateway protocol, section 1).
pub const MAX_CLIENT_MESSAGE: usize = 15 * 1024;

/// Why bytes are no message. [`DecodeError::close_code`] says how a server answers.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`MAX_CLIENT_MESSAGE`]; send less.
    #[error("a message of {length} bytes is longer than {MAX_CLIENT_MESSAGE}")]
    TooLong {
        /// Bytes in the message.
        length: usize,
    },
    /// Not JSON.
    #[error("the message is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but not an envelope with an opcode.
    #[error("the message is not an object with an opcode: {0}")]
    BadEnvelope(String),
    /// A known message whose fields are wrong.
    #[error("the payload of {op} is malformed: {source}")]
    Payload {
        /// The message.
        op: GatewayOpcode,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A known event whose fields are wrong.
    #[error("the payload of {name} is malformed: {source}")]
    Event {
        /// The event.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl DecodeError {
    /// The code with which a server closes after this error.
    #[must_use]
    pub const fn close_code(&self) -> GatewayCloseCode {
        GatewayCloseCode::DecodeFailed
    }
}

/// The envelope, its payload still text. Keys may come in any order; unknown ones are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    pub op: u64,
    #[serde(borrow)]
    pub d: Option<&'a RawValue>,
    pub s: Option<u64>,
    #[serde(borrow)]
    pub t: Option<std::borrow::Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(|error| {
            if error.is_data() {
                DecodeError::BadEnvelope(error.to_string())
            } else {
                DecodeError::NotJson(error)
            }
        })
    }

    pub fn data(&self) -> &'a str {
        self.d.map_or("null", RawValue::get)
    }
}

pub(super) fn typed<T: DeserializeOwned>(op: GatewayOpcode, data: &str) -> Result<T, DecodeError> {
    serde_json::from_str(data).map_err(|source| DecodeError::Payload { op, source })
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the keys of every message are strings or integers")
}

/// Writes any message but a dispatch.
pub(super) fn wrap<T: Serialize>(op: u64, d: &T) -> String {
    #[derive(Serialize)]
    struct Out<'a, T> {
        op: u64,
        d: &'a T,
    }
    json(&Out { op, d })
}
