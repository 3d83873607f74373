//! The voice connection of the client whose notes are checked.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use voxhall_client::Address;
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::VoiceOpcode;

use super::socket::JsonSocket;
use crate::http::Dialer;

/// What VOICE_SERVER_UPDATE says.
#[derive(Debug, Clone)]
pub struct ServerUpdate {
    endpoint: String,
    token: Token,
    server_id: String,
}

impl ServerUpdate {
    /// Reads `update`; the captured one tells whether it is about a guild or a private call.
    pub fn of(update: &Value, captured: &Value) -> Option<Self> {
        let room = if captured["guild_id"].is_null() {
            "channel_id"
        } else {
            "guild_id"
        };
        Some(Self {
            endpoint: update["endpoint"].as_str()?.to_owned(),
            token: Token::from(update["token"].as_str()?),
            server_id: update[room].as_str()?.to_owned(),
        })
    }
}

/// An open voice-gateway socket, and what its Identify must say.
pub struct VoiceSession {
    socket: JsonSocket,
    identity: Value,
}

impl VoiceSession {
    /// Dials the endpoint.
    pub async fn open(
        dialer: &Dialer,
        update: ServerUpdate,
        user: UserId,
        session_id: String,
        version: u64,
    ) -> Result<Self> {
        let address: Address = format!("wss://{}", update.endpoint).parse()?;
        let socket = JsonSocket::open(dialer, &address, &format!("/?v={version}")).await?;
        let identity = json!({
            "server_id": update.server_id,
            "user_id": user,
            "session_id": session_id,
            "token": update.token.expose(),
        });
        Ok(Self { socket, identity })
    }

    /// Identifies and waits for Ready.
    pub async fn identify(&mut self) -> Result<()> {
        let identity = self.identity.clone();
        self.send(VoiceOpcode::Identify.number(), &identity).await?;
        self.message(VoiceOpcode::Ready.number(), VoiceOpcode::Ready.name())
            .await?;
        Ok(())
    }

    /// Sends a captured message; where it says who is there, with what this server knows.
    pub async fn send(&mut self, op: impl Into<u64>, captured: &Value) -> Result<()> {
        let mut data = captured.clone();
        if let (Some(fields), Some(identity)) = (data.as_object_mut(), self.identity.as_object()) {
            for (name, value) in identity {
                if let Some(field) = fields.get_mut(name) {
                    *field = value.clone();
                }
            }
        }
        self.socket.send(op, &data).await
    }

    /// The next message with this opcode.
    pub async fn message(&mut self, op: impl Into<u64>, name: &str) -> Result<Value> {
        let op: u64 = op.into();
        let message = self.socket.find(name, |message| message["op"] == op).await;
        Ok(message.with_context(|| format!("no {name}"))?["d"].clone())
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.socket.close().await;
    }
}
