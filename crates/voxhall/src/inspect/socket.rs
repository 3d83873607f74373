//! A WebSocket that carries JSON messages, to either gateway.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use voxhall_client::Address;

use crate::http::{Dialer, PATIENCE, Stream};

/// A WebSocket that carries JSON messages; what came and was not asked for yet is kept in its order.
pub struct JsonSocket {
    socket: WebSocketStream<Box<dyn Stream>>,
    waiting: VecDeque<Value>,
}

impl JsonSocket {
    /// Opens `path` of a server.
    pub async fn open(dialer: &Dialer, address: &Address, path: &str) -> Result<Self> {
        let stream = dialer.connect(address).await?;
        let url = format!("ws://{}{path}", address.authority());
        let opening = tokio::time::timeout(PATIENCE, client_async(url, stream));
        let (socket, _) = opening
            .await
            .map_err(|_| anyhow!("{} does not answer", address.authority()))?
            .with_context(|| format!("{} opens no WebSocket", address.authority()))?;
        Ok(Self {
            socket,
            waiting: VecDeque::new(),
        })
    }

    /// Sends a message.
    pub async fn send(&mut self, op: impl Into<u64>, data: &Value) -> Result<()> {
        let op: u64 = op.into();
        let message = json!({"op": op, "d": data}).to_string();
        Ok(self.socket.send(Message::text(message)).await?)
    }

    /// The first message that `wanted` likes, of those that wait and those that come. Those before it go on waiting.
    pub async fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        if let Some(found) = self.waiting.iter().position(&wanted)
            && let Some(message) = self.waiting.remove(found)
        {
            return Ok(message);
        }
        let looking = async {
            loop {
                let message = self.receive().await?;
                if wanted(&message) {
                    return anyhow::Ok(message);
                }
                self.waiting.push_back(message);
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(found) => found.with_context(|| format!("waiting for {what}")),
            Err(_) => bail!("{what} did not come within {} s", PATIENCE.as_secs()),
        }
    }

    /// The next message that `skipped` does not take out.
    pub async fn next(&mut self, what: &str, skipped: impl Fn(&Value) -> bool) -> Result<Value> {
        self.waiting.retain(|message| !skipped(message));
        match self.waiting.pop_front() {
            Some(message) => Ok(message),
            None => self.find(what, |message| !skipped(message)).await,
        }
    }

    /// Takes out everything that waits.
    pub fn take_waiting(&mut self) -> impl Iterator<Item = Value> {
        self.waiting.drain(..)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // Whoever is gone already needs no goodbye.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }

    async fn receive(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await.context("the server hung up")?? {
                Message::Text(text) => {
                    return serde_json::from_str(&text).context("the server sent something that is not JSON");
                }
                Message::Close(frame) => {
                    let frame = frame.context("the server closed without a code")?;
                    bail!(
                        "the server closed with {}: {}",
                        u16::from(frame.code),
                        frame.reason
                    );
                }
                _ => {}
            }
        }
    }
}
