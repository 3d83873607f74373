//! Sockets without a client library: what is sent and received, as it is on the wire.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};
use voxhall_client::VoiceClient;
use voxhall_protocol::gateway::{ClientMessage, VoiceStateUpdate};
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::voice::{EncryptionMode, VoiceOpcode};

use crate::{PATIENCE, Witness};

/// Sends a REST request in plain text and gives status and body; no token, no `Authorization`.
///
/// # Panics
/// If the server does not answer as HTTP.
pub async fn rest(address: &str, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let answer = try_rest(address, method, path, token, body).await;
    answer.unwrap_or_else(|| panic!("no HTTP answer to {method} {path}"))
}

/// As [`rest`], of a server that may be killed meanwhile: `None` if it was, before it answered.
///
/// # Panics
/// If the server goes on and does not answer in time.
pub async fn try_rest(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let body = body.to_string();
    let authorization = if token.is_empty() {
        String::new()
    } else {
        format!("Authorization: {token}\r\n")
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = try_exchange(address, request.as_bytes()).await?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Sends these bytes on a connection of their own, and reads until the server ends it.
///
/// # Panics
/// If the server does not end it in time, or does not listen.
pub async fn exchange(address: &str, bytes: &[u8]) -> String {
    try_exchange(address, bytes).await.expect("the server listens")
}

/// `None` if nobody listens.
async fn try_exchange(address: &str, bytes: &[u8]) -> Option<String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        // A server that refuses early need not read all of it.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Some(String::from_utf8_lossy(&answer).into_owned())
    };
    let answered = tokio::time::timeout(PATIENCE, talk).await;
    answered.unwrap_or_else(|_| {
        panic!(
            "the server keeps a connection open that begins {:?}",
            start(bytes)
        )
    })
}

/// Sends these bytes and nothing more, and waits until the server has ended the connection, with an answer or without.
///
/// # Panics
/// If the server does not end it in time.
pub async fn poke(address: &str, bytes: &[u8]) {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        // A server that refuses early need not read all of it.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let ended = tokio::time::timeout(PATIENCE, talk).await;
    assert!(
        ended.is_ok(),
        "the server keeps a connection that has ended, after {:?}",
        start(bytes)
    );
}

fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned()
}

/// What comes out of a WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A message.
    Message(Value),
    /// A binary frame.
    Binary(Vec<u8>),
    /// The end, with its close code if there was one.
    Closed(Option<u16>),
}

/// A WebSocket in plain text.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens one at `host:port`, with this path and query.
    ///
    /// # Panics
    /// If the server does not open it.
    pub async fn open(address: &str, path: &str) -> Self {
        let dial = async {
            let stream = TcpStream::connect(address).await.expect("the server listens");
            let opened = tokio_tungstenite::client_async(format!("ws://{address}{path}"), stream).await;
            opened.expect("the server opens a WebSocket").0
        };
        let opened = tokio::time::timeout(PATIENCE, dial).await;
        Self(opened.expect("the server answers the upgrade"))
    }

    /// Sends a message. A socket that the server has closed takes it in silence.
    pub async fn send(&mut self, message: Value) {
        self.send_frame(Message::text(message.to_string())).await;
    }

    /// Sends any frame. A socket that the server has closed takes it in silence.
    pub async fn send_frame(&mut self, frame: Message) {
        // How the server ended it is for the reader to see.
        let _ = self.0.send(frame).await;
    }

    /// The next thing the server says.
    ///
    /// # Panics
    /// If it says nothing, or no JSON.
    pub async fn next(&mut self) -> Incoming {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await;
            return match frame.expect("the server says something or closes the socket") {
                Some(Ok(Message::Text(text))) => {
                    Incoming::Message(serde_json::from_str(&text).expect("the server speaks JSON"))
                }
                Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => Incoming::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(_)) | None => Incoming::Closed(None),
            };
        }
    }

    /// The payload of the next message with this opcode; others are passed over.
    ///
    /// # Panics
    /// If the server closes instead.
    pub async fn until(&mut self, opcode: u8) -> Value {
        loop {
            match self.next().await {
                Incoming::Message(mut message) if message["op"] == opcode => return message["d"].take(),
                Incoming::Closed(code) => panic!("closed with {code:?} while waiting for op {opcode}"),
                _ => {}
            }
        }
    }

    /// The code with which the server closes; messages before it are passed over.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Incoming::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// Checks that no message with this opcode comes for this long.
    ///
    /// # Panics
    /// If one does, or the server closes.
    pub async fn never(&mut self, opcode: u8, time: Duration) {
        let seen = tokio::time::timeout(time, self.until(opcode)).await;
        assert!(seen.is_err(), "op {opcode} came: {seen:?}");
    }

    /// Breaks the connection without a goodbye.
    pub fn drop_dead(self) {
        drop(self);
    }
}

/// An upgrade that the server refuses, as the error of the WebSocket.
///
/// # Panics
/// If it accepts.
pub async fn refused_upgrade(address: &str, path: &str) -> tungstenite::Error {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let opened = tokio_tungstenite::client_async(format!("ws://{address}{path}"), stream).await;
    opened.expect_err("the upgrade should be refused")
}

/// A member of a room that speaks the voice gateway by hand and sends no media.
#[derive(Debug)]
pub struct Observer {
    /// Its login.
    pub client: VoiceClient,
    /// What its main Gateway tells.
    pub witness: Witness,
    /// Its voice socket, up to and including Session Description.
    pub socket: Socket,
    /// What its VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE said, as the `d` of an Identify.
    pub identify: Value,
}

impl Observer {
    /// Joins a channel of a guild, or with `None` a call; `voice` is the address of the voice gateway.
    pub async fn join(client: VoiceClient, guild: Option<GuildId>, channel: ChannelId, voice: &str) -> Self {
        let mut witness = Witness::of(&client, "the observer");
        let identify = ask(&client, &mut witness, guild, channel).await;
        let mut socket = Socket::open(voice, "/?v=8").await;
        socket
            .send(json!({"op": VoiceOpcode::Identify.number(), "d": identify}))
            .await;
        socket.until(VoiceOpcode::Ready.number()).await;
        socket.send(select(EncryptionMode::AeadAes256GcmRtpsize)).await;
        socket.until(VoiceOpcode::SessionDescription.number()).await;
        Self {
            client,
            witness,
            socket,
            identify,
        }
    }
}

/// Sends op 4 and gives the `d` of the Identify that the answer allows.
pub async fn ask(
    client: &VoiceClient,
    witness: &mut Witness,
    guild: Option<GuildId>,
    channel: ChannelId,
) -> Value {
    let own = client.user().id.to_string();
    let request = VoiceStateUpdate::join(guild, channel);
    client.gateway().send(ClientMessage::VoiceStateUpdate(request));
    let state = witness
        .find("VOICE_STATE_UPDATE", |state| state["user_id"] == own)
        .await;
    let server = witness.find("VOICE_SERVER_UPDATE", |_| true).await;
    let server_id = guild.map_or_else(|| channel.to_string(), |guild| guild.to_string());
    json!({"server_id": server_id, "user_id": own, "session_id": state["session_id"], "token": server["token"]})
}

/// Select Protocol for a client that sends nothing.
#[must_use]
pub fn select(mode: EncryptionMode) -> Value {
    let data = json!({"address": "127.0.0.1", "port": 9, "mode": mode.as_str()});
    json!({"op": VoiceOpcode::SelectProtocol.number(), "d": {"protocol": "udp", "data": data}})
}
