//! Main-Gateway messages for people.

use std::fmt;

use super::{Capabilities, ClientMessage, Event, GatewayOpcode, Intents, ServerMessage};
use crate::describe::{Described, FieldName, payload_of};
use crate::model::{ChannelKind, MessageKind, Permissions};
use crate::voice::ClientFlags;

const CLIENT_NAMES: [FieldName; 3] = [
    ("", "intents", |bits| Intents::from_bits(bits).to_string()),
    ("", "capabilities", |bits| {
        Capabilities::from_bits(bits).to_string()
    }),
    ("", "flags", |bits| {
        ClientFlags::from_bits(bits as u32).to_string()
    }),
];

const EVENT_NAMES: [FieldName; 5] = [
    ("*", "permissions", |bits| {
        Permissions::from_bits(bits).to_string()
    }),
    ("*", "allow", |bits| Permissions::from_bits(bits).to_string()),
    ("*", "deny", |bits| Permissions::from_bits(bits).to_string()),
    ("", "opcode", |number| {
        GatewayOpcode::from_number(number).map_or_else(|| number.to_string(), |op| op.name().to_owned())
    }),
    ("*", "channel_type", channel_kind),
];

/// In these events, the field `type` is that of a channel.
const CHANNEL_NAMES: [FieldName; 3] = [
    ("", "type", channel_kind),
    ("channels", "type", channel_kind),
    ("private_channels", "type", channel_kind),
];

const MESSAGE_NAMES: [FieldName; 1] = [("", "type", |number| {
    u8::try_from(number).map_or_else(
        |_| number.to_string(),
        |number| MessageKind::from(number).to_string(),
    )
})];

fn channel_kind(number: u64) -> String {
    u8::try_from(number).map_or_else(
        |_| number.to_string(),
        |number| ChannelKind::from(number).to_string(),
    )
}

/// One line: the message by name, its fields, names in place of numbers, nothing secret.
impl fmt::Display for ClientMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { op, .. } => write!(formatter, "Unknown (op {op})")?,
            known => formatter.write_str(known.opcode().map_or("", GatewayOpcode::name))?,
        }
        let payload = payload_of(&self.encode());
        write!(
            formatter,
            " {}",
            Described {
                payload: &payload,
                names: &CLIENT_NAMES
            }
        )
    }
}

/// One line: the event by name, its fields, names in place of numbers, nothing secret.
impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = serde_json::from_str(&self.to_data()).unwrap_or_default();
        let kinds: &[FieldName] = match self {
            Self::MessageCreate(_) => &MESSAGE_NAMES,
            _ => &CHANNEL_NAMES,
        };
        let names = [kinds, &EVENT_NAMES].concat();
        write!(
            formatter,
            "{} {}",
            self.name(),
            Described {
                payload: &payload,
                names: &names
            }
        )
    }
}

/// One line: the message by name, its fields, names in place of numbers, nothing secret.
impl fmt::Display for ServerMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dispatch { seq, event } => write!(formatter, "#{seq} {event}"),
            Self::Heartbeat => formatter.write_str(GatewayOpcode::Heartbeat.name()),
            Self::Reconnect => formatter.write_str(GatewayOpcode::Reconnect.name()),
            Self::HeartbeatAck => formatter.write_str(GatewayOpcode::HeartbeatAck.name()),
            Self::InvalidSession(true) => formatter.write_str("Invalid Session, may be resumed"),
            Self::InvalidSession(false) => formatter.write_str("Invalid Session"),
            Self::Hello(hello) => {
                write!(
                    formatter,
                    "{} every {} ms",
                    GatewayOpcode::Hello,
                    hello.heartbeat_interval
                )
            }
            Self::Unknown { op, .. } => {
                let name = GatewayOpcode::from_number(*op).map_or("Unknown", GatewayOpcode::name);
                write!(formatter, "{name} (op {op})")
            }
        }
    }
}
