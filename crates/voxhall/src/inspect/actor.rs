//! One of the people of the notes, logged in to the server that is checked.

use anyhow::{Context as _, Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use voxhall_client::Address;
use voxhall_protocol::Token;
use voxhall_protocol::gateway::GatewayOpcode;
use voxhall_protocol::ids::UserId;

use super::socket::JsonSocket;
use crate::http::Dialer;
use crate::state::DevFile;

/// Events that the notes leave out: what they are about is not written down there.
const ASIDE: [&str; 4] = [
    "GUILD_MEMBER_LIST_UPDATE",
    "PRESENCE_UPDATE",
    "SESSIONS_REPLACE",
    "VOICE_CHANNEL_START_TIME_UPDATE",
];

/// A person with a session on the main Gateway.
pub struct Actor {
    socket: JsonSocket,
    token: Token,
    api: String,
    dialer: Dialer,
    /// From READY.
    pub session_id: String,
    sent: u64,
}

impl Actor {
    /// Logs one of the people of `dev.json` in.
    pub async fn log_in(dialer: &Dialer, dev: &DevFile, user: UserId) -> Result<Self> {
        let account = dev.users.iter().find(|account| account.id == user);
        let account =
            account.with_context(|| format!("user {user} of the notes does not exist on this server"))?;
        let address: Address = dev.gateway.parse()?;
        let mut socket = JsonSocket::open(dialer, &address, "/?v=9&encoding=json").await?;
        socket.find("Hello", is_op(GatewayOpcode::Hello)).await?;
        let identify = json!({
            "token": account.token.expose(),
            "capabilities": 0,
            "properties": {"os": "Linux", "browser": "Voxhall", "device": ""},
        });
        socket.send(GatewayOpcode::Identify.number(), &identify).await?;
        let ready = socket.find("READY", |message| message["t"] == "READY").await?;
        let session_id = ready["d"]["session_id"]
            .as_str()
            .context("READY names no session")?;
        let mut actor = Self {
            session_id: session_id.to_owned(),
            socket,
            token: account.token.clone(),
            api: dev.api.clone(),
            dialer: dialer.clone(),
            sent: 0,
        };
        // Whatever else comes with READY is no part of the notes.
        actor.surplus().await?;
        Ok(actor)
    }

    /// Sends a message.
    pub async fn send(&mut self, op: impl Into<u64>, data: &Value) -> Result<()> {
        self.socket.send(op, data).await
    }

    /// The next event, its name and what it carries.
    pub async fn event(&mut self, expected: &str) -> Result<(String, Value)> {
        let message = self.socket.next(expected, is_aside).await?;
        Ok(event_of(message))
    }

    /// The next event with this name, those before it left where they are.
    pub async fn event_named(&mut self, name: &str) -> Result<Value> {
        let message = self.socket.find(name, |message| message["t"] == name).await?;
        Ok(event_of(message).1)
    }

    /// The events that have come and were not asked for. A heartbeat tells when all have come.
    pub async fn surplus(&mut self) -> Result<Vec<String>> {
        self.sent += 1;
        self.socket
            .send(GatewayOpcode::Heartbeat.number(), &Value::Null)
            .await?;
        self.socket
            .find("Heartbeat ACK", is_op(GatewayOpcode::HeartbeatAck))
            .await?;
        let events = self.socket.take_waiting().filter(|message| !is_aside(message));
        Ok(events.map(|message| event_of(message).0).collect())
    }

    /// Marks a message as read, as a client does that looks at the channel.
    pub async fn acknowledge(&self, channel: &str, message: &str) -> Result<()> {
        let path = format!("{}/v9/channels/{channel}/messages/{message}/ack", self.api);
        let address: Address = path.parse()?;
        let body = json!({"token": null});
        let answer = self
            .dialer
            .request_as(Method::POST, &address, Some(self.token.expose()), Some(&body))
            .await?;
        if !answer.status.is_success() {
            bail!("the server refuses to mark a message as read: {}", answer.status);
        }
        Ok(())
    }

    /// Leaves the server.
    pub async fn log_out(self) {
        self.socket.close().await;
    }
}

fn is_op(op: GatewayOpcode) -> impl Fn(&Value) -> bool {
    move |message| message["op"] == op.number()
}

fn is_aside(message: &Value) -> bool {
    message["op"] != GatewayOpcode::Dispatch.number()
        || message["t"].as_str().is_some_and(|name| ASIDE.contains(&name))
}

fn event_of(mut message: Value) -> (String, Value) {
    let name = message["t"].as_str().unwrap_or_default().to_owned();
    (name, message["d"].take())
}
