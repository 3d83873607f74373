//! What both drivers do with a WebSocket, and with time.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::WebSocket;

/// How long a server may refuse to take a frame before the socket counts as lost.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a closed socket is kept to see the server's goodbye.
const CLOSE_LINGER: Duration = Duration::from_secs(1);

/// The server has stopped to take bytes.
#[derive(Debug)]
pub(crate) struct Stuck;

/// Sends a message. A broken socket is no error here: it shows when the socket is read, with the reason.
pub(crate) async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Stuck> {
    match tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(Stuck),
    }
}

/// Closes with `code`. The rest happens on the side: bytes still on their way must not turn the goodbye into a reset.
pub(crate) async fn say_goodbye(mut socket: WebSocket, code: u16) {
    let goodbye = CloseFrame {
        code: code.into(),
        reason: Utf8Bytes::default(),
    };
    let said = tokio::time::timeout(CLOSE_LINGER, socket.send(Message::Close(Some(goodbye))));
    if matches!(said.await, Ok(Ok(()))) {
        tokio::spawn(tokio::time::timeout(CLOSE_LINGER, async move {
            while let Some(Ok(_)) = socket.next().await {}
        }));
    }
}

/// A future that may not be there; then it never ends.
pub(crate) async fn optional<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Sleeps until `at`, or for ever.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
