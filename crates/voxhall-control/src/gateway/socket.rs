//! What the Gateway needs of a WebSocket, and the one that axum brings.

use std::future::Future;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use voxhall_protocol::gateway::GatewayCloseCode;

use super::compression::{Compression, Frame};

/// How a client wants to be spoken to, from the address it dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// 9 or 10.
    pub(crate) version: u8,
    /// Compression of what the server sends.
    pub(crate) compression: Compression,
    /// The outside address of the Gateway, as this client knows it.
    pub(crate) gateway_url: String,
}

/// What came from a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// A text or binary frame.
    Frame(Bytes),
    /// A frame that is too long or otherwise cannot be taken, and why.
    Unreadable(String),
    /// The client said goodbye.
    Closed(Option<GatewayCloseCode>),
}

/// A message-wise, ordered, two-way channel to a client.
pub(crate) trait Socket: Send {
    /// The next thing from the client; `None` if the socket is dead. Safe to cancel.
    fn receive(&mut self) -> impl Future<Output = Option<Received>> + Send;

    /// Takes a frame to be sent, at the latest with the next [`Self::flush`]. An error means that the socket is dead.
    fn feed(&mut self, frame: Frame) -> impl Future<Output = Result<(), Dead>> + Send;

    /// Sends all that was taken. An error means that the socket is dead.
    fn flush(&mut self) -> impl Future<Output = Result<(), Dead>> + Send;

    /// Says goodbye, to programs with a code and to people with a reason.
    fn close(&mut self, code: GatewayCloseCode, reason: &str) -> impl Future<Output = ()> + Send;
}

/// The socket is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dead;

impl Socket for WebSocket {
    async fn receive(&mut self) -> Option<Received> {
        loop {
            return Some(match self.recv().await? {
                Ok(Message::Text(text)) => Received::Frame(text.into()),
                Ok(Message::Binary(bytes)) => Received::Frame(bytes),
                Ok(Message::Close(frame)) => {
                    Received::Closed(frame.map(|frame| GatewayCloseCode::from(frame.code)))
                }
                // The WebSocket answers pings by itself.
                Ok(Message::Ping(_) | Message::Pong(_)) => continue,
                Err(error) => Received::Unreadable(error.to_string()),
            });
        }
    }

    async fn feed(&mut self, frame: Frame) -> Result<(), Dead> {
        let message = match frame {
            Frame::Text(text) => Message::Text(text.into()),
            Frame::Binary(bytes) => Message::Binary(bytes.into()),
        };
        SinkExt::feed(self, message).await.map_err(|_| Dead)
    }

    async fn flush(&mut self) -> Result<(), Dead> {
        SinkExt::flush(self).await.map_err(|_| Dead)
    }

    async fn close(&mut self, code: GatewayCloseCode, reason: &str) {
        let frame = CloseFrame {
            code: code.number(),
            reason: reason.into(),
        };
        // The client may be gone already.
        let _ = WebSocket::send(self, Message::Close(Some(frame))).await;
    }
}
