//! Every message the server of a main Gateway may send, as one type.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::{Envelope, typed, wrap};
use super::{DecodeError, Event, GatewayOpcode};
use crate::{Extra, scalar};

/// Op 10: the first message on every socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Milliseconds between heartbeats.
    #[serde(serialize_with = "scalar::plain_number")]
    pub heartbeat_interval: f64,
    /// Fields unknown here; the real service has `_trace`.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Hello {
    /// A Hello that asks for a heartbeat every `millis` milliseconds.
    #[must_use]
    pub fn new(millis: u32) -> Self {
        Self {
            heartbeat_interval: f64::from(millis),
            extra: Extra::new(),
        }
    }

    /// The heartbeat interval, held between 100 ms and one hour so that no server can make a client spin or die.
    #[must_use]
    pub fn interval(&self) -> Duration {
        scalar::heartbeat_interval(self.heartbeat_interval)
    }
}

/// A message from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// Op 0.
    Dispatch {
        /// Counts the dispatches of the session, from 1.
        seq: u64,
        /// What has happened.
        event: Event,
    },
    /// Op 1: the client should send a heartbeat now.
    Heartbeat,
    /// Op 7.
    Reconnect,
    /// Op 9: the session is over, or if true may be resumed.
    InvalidSession(bool),
    /// Op 10.
    Hello(Hello),
    /// Op 11.
    HeartbeatAck,
    /// An opcode without a type here, known or not; a client ignores it.
    Unknown {
        /// The opcode.
        op: u64,
        /// The payload.
        data: Value,
    },
}

impl ServerMessage {
    /// Reads a message from a text frame, or from what came out of decompression.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; a client logs it and goes on.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let envelope = Envelope::parse(bytes)?;
        let data = envelope.data();
        Ok(match GatewayOpcode::from_number(envelope.op) {
            Some(GatewayOpcode::Dispatch) => {
                let missing = |field| DecodeError::BadEnvelope(format!("a dispatch lacks {field}"));
                let name = envelope.t.as_deref().ok_or_else(|| missing("t"))?;
                let seq = envelope.s.ok_or_else(|| missing("s"))?;
                Self::Dispatch {
                    seq,
                    event: Event::decode(name, data)?,
                }
            }
            Some(GatewayOpcode::Heartbeat) => Self::Heartbeat,
            Some(GatewayOpcode::Reconnect) => Self::Reconnect,
            Some(op @ GatewayOpcode::InvalidSession) => {
                Self::InvalidSession(typed::<Option<bool>>(op, data)?.unwrap_or(false))
            }
            Some(op @ GatewayOpcode::Hello) => Self::Hello(typed(op, data)?),
            Some(GatewayOpcode::HeartbeatAck) => Self::HeartbeatAck,
            _ => Self::Unknown {
                op: envelope.op,
                data: serde_json::from_str(data).map_err(DecodeError::NotJson)?,
            },
        })
    }

    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> String {
        let op = self.op_number();
        match self {
            Self::Dispatch { seq, event } => event.encode().with_seq(*seq),
            Self::Heartbeat | Self::Reconnect | Self::HeartbeatAck => wrap(op, &()),
            Self::InvalidSession(resumable) => wrap(op, resumable),
            Self::Hello(hello) => wrap(op, hello),
            Self::Unknown { data, .. } => wrap(op, data),
        }
    }

    /// The opcode; `None` for an unknown one.
    #[must_use]
    pub fn opcode(&self) -> Option<GatewayOpcode> {
        GatewayOpcode::from_number(self.op_number())
    }

    const fn op_number(&self) -> u64 {
        let opcode = match self {
            Self::Dispatch { .. } => GatewayOpcode::Dispatch,
            Self::Heartbeat => GatewayOpcode::Heartbeat,
            Self::Reconnect => GatewayOpcode::Reconnect,
            Self::InvalidSession(_) => GatewayOpcode::InvalidSession,
            Self::Hello(_) => GatewayOpcode::Hello,
            Self::HeartbeatAck => GatewayOpcode::HeartbeatAck,
            Self::Unknown { op, .. } => return *op,
        };
        opcode.number() as u64
    }
}
