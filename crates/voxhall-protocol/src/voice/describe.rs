//! Voice-gateway messages for people.

use std::fmt;

use super::{
    ClientFlags, Frame, Message, Platform, SpeakingFlags, VoiceOpcode, VoiceVersion, WireFrame, encode_client,
};
use crate::describe::{Described, FieldName, payload_of};

const NAMES: [FieldName; 3] = [
    ("", "speaking", |bits| {
        SpeakingFlags::from_bits(bits as u32).to_string()
    }),
    ("", "flags", |bits| {
        ClientFlags::from_bits(bits as u32).to_string()
    }),
    ("", "platform", |number| {
        u8::try_from(number).map_or_else(
            |_| number.to_string(),
            |number| Platform::from(number).to_string(),
        )
    }),
];

/// One line: the message by name, its fields, names in place of numbers, nothing secret.
impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.opcode()) {
            (_, Some(opcode)) => formatter.write_str(opcode.name())?,
            (Self::UnknownBinary { op, .. }, None) => write!(formatter, "Unknown (op {op})")?,
            (Self::Unknown { op, .. }, _) => write!(formatter, "Unknown (op {op})")?,
            _ => {}
        }
        match encode_client(VoiceVersion::LATEST, self) {
            WireFrame::Binary(bytes) => write!(formatter, " ({} bytes)", bytes.len()),
            WireFrame::Text(_) if self.opcode() == Some(VoiceOpcode::Resumed) => Ok(()),
            WireFrame::Text(text) => {
                write!(
                    formatter,
                    " {}",
                    Described {
                        payload: &payload_of(&text),
                        names: &NAMES
                    }
                )
            }
        }
    }
}

/// The message, and its sequence number if it has one.
impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(formatter, "#{seq} {}", self.message),
            None => self.message.fmt(formatter),
        }
    }
}
