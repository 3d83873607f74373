//! A Gateway client on a socket in memory.

use axum::Router;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};

use crate::clock::awake;
use crate::picture::Picture;
use crate::town::is_bot;

/// Bytes that fit into a socket before its reader has to read.
const BUFFER: usize = 1 << 20;

/// Bytes read at once; they are zeroed each time.
const READ_BUFFER: usize = 4 << 10;

/// A client, with or without a socket.
pub struct Client {
    pub picture: Picture,
    socket: Option<WebSocketStream<DuplexStream>>,
}

/// What came from a socket.
pub enum Heard {
    Message(Value),
    Closed,
}

impl Client {
    pub fn new(who: usize) -> Self {
        Self {
            picture: Picture::new(who),
            socket: None,
        }
    }

    /// Opens a socket; gives the one before.
    pub async fn dial(&mut self, router: Router, who: usize) -> Option<WebSocketStream<DuplexStream>> {
        let (near, far) = tokio::io::duplex(BUFFER);
        let service = TowerToHyperService::new(router);
        tokio::spawn(async move {
            // A client that dies ends with an error here.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(far), service)
                .with_upgrades()
                .await;
        });
        let version = if is_bot(who) { 10 } else { 9 };
        let url = format!("ws://voice.example/?v={version}&encoding=json");
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let upgrade = tokio_tungstenite::client_async_with_config(url, near, Some(config));
        let (socket, _) = awake(upgrade).await.expect("an upgrade");
        self.socket.replace(socket)
    }

    pub async fn send(&mut self, message: Value) {
        if let Some(socket) = &mut self.socket {
            // A socket that the server has closed is found so when it is read.
            let _ = awake(socket.send(Message::text(message.to_string()))).await;
        }
    }

    /// What has come, if anything.
    pub fn hear(&mut self) -> Option<Heard> {
        loop {
            let heard = self.socket.as_mut()?.next().now_or_never()?;
            return Some(match heard {
                Some(Ok(Message::Text(text))) => {
                    Heard::Message(serde_json::from_str(text.as_str()).expect("JSON"))
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::Closed,
                Some(Ok(_)) => continue,
            });
        }
    }

    pub async fn say_goodbye(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            let frame = CloseFrame {
                code: 1000.into(),
                reason: "".into(),
            };
            let _ = awake(socket.close(Some(frame))).await;
        }
    }

    pub fn die(&mut self) {
        self.socket = None;
    }
}
