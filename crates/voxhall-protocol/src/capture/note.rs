//! One message of a live exchange, as notes write it down.

use std::fmt;

use serde_json::Value;

use super::Side;
use crate::gateway::{ClientMessage, ServerMessage};
use crate::voice::{VoiceVersion, decode_client_text, decode_server_text};

/// Which of the two gateways a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The main Gateway.
    Main,
    /// The voice gateway.
    Voice,
}

/// A message that went over a socket. Its `Display` is two `info:` lines of the notation, with names in place of
/// numbers and nothing secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Which gateway.
    pub wire: Wire,
    /// Who sent it.
    pub side: Side,
    /// The version of the voice gateway; does not matter on the main one.
    pub version: VoiceVersion,
    /// The message with its envelope.
    pub message: Value,
}

impl Note {
    /// The message by its names, on one line.
    fn described(&self) -> Option<String> {
        let text = self.message.to_string();
        Some(match (self.wire, self.side) {
            (Wire::Main, Side::Client) => ClientMessage::decode(text.as_bytes()).ok()?.to_string(),
            (Wire::Main, Side::Server) => ServerMessage::decode(text.as_bytes()).ok()?.to_string(),
            (Wire::Voice, Side::Client) => decode_client_text(self.version, &text).ok()?.to_string(),
            (Wire::Voice, Side::Server) => decode_server_text(self.version, &text).ok()?.to_string(),
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.side {
            Side::Client => "Client -> Server",
            Side::Server => "Server -> Client",
        };
        let voice = match self.wire {
            Wire::Main => "",
            Wire::Voice => " (voice)",
        };
        match self.described() {
            Some(described) => {
                let (name, payload) = described.split_once(" {").map_or_else(
                    || (described.as_str(), String::new()),
                    |(name, payload)| (name, format!("{{{payload}")),
                );
                write!(formatter, "info: {direction}{voice}: {name}")?;
                if payload.is_empty() {
                    return Ok(());
                }
                write!(formatter, "\ninfo: {payload}")
            }
            // Not even its opcode can be trusted; its size is all that is told, because it may hold secrets.
            None => write!(
                formatter,
                "info: {direction}{voice}: unreadable, {} bytes",
                self.message.to_string().len()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(wire: Wire, side: Side, message: Value) -> String {
        let version = VoiceVersion::LATEST;
        Note {
            wire,
            side,
            version,
            message,
        }
        .to_string()
    }

    #[test]
    fn names_stand_in_place_of_numbers_and_secrets_are_left_out() {
        let joined = json!({"op": 4, "d": {"guild_id": null, "channel_id": "7", "self_mute": false,
            "self_deaf": false}});
        let joined = note(Wire::Main, Side::Client, joined);
        assert!(
            joined.starts_with("info: Client -> Server: Voice State Update\ninfo: {"),
            "{joined}"
        );
        let server = json!({"op": 0, "s": 3, "t": "VOICE_SERVER_UPDATE", "d": {"token": "hush", "guild_id": "1",
            "endpoint": "voice.example:443"}});
        let server = note(Wire::Main, Side::Server, server);
        assert!(
            server.contains("Server -> Client: #3 VOICE_SERVER_UPDATE"),
            "{server}"
        );
        assert!(!server.contains("hush"), "{server}");
        let speaking = json!({"op": 5, "d": {"speaking": 1, "delay": 0, "ssrc": 1}});
        let speaking = note(Wire::Voice, Side::Client, speaking);
        assert!(
            speaking.starts_with("info: Client -> Server (voice): Speaking\ninfo: {"),
            "{speaking}"
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_told_by_its_size() {
        let unreadable = note(Wire::Main, Side::Client, json!({"d": "hush"}));
        assert_eq!(unreadable, "info: Client -> Server: unreadable, 12 bytes");
    }
}
