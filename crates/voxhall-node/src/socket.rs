//! One voice-gateway WebSocket: frames in, frames out.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use voxhall_protocol::capture::LOG_TARGET;
use voxhall_protocol::voice::{MAX_CLIENT_FRAME, VoiceCloseCode, WireFrame};

use crate::core::TicketKey;
use crate::shared::{OpenSocket, Shared, ToSocket};

/// Bytes a socket reads at once. Voice clients send a few small messages a minute; thousands of idle sockets should
/// not hold a page each way more than they need.
const READ_BUFFER: usize = 2048;
/// Bytes gathered before they are written; one batch of messages is rarely larger.
const WRITE_BUFFER: usize = 2048;
/// The largest frame that is read at all. Larger than what the gateway takes, so that a client that sends too much
/// is told so (4002) instead of being cut off.
const LARGEST_READ: usize = 4 * MAX_CLIENT_FRAME;
/// How long a client may take to accept what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers an upgrade request whose URL had `version` as its `v`.
pub(crate) fn upgrade(
    request: WebSocketUpgrade,
    shared: Arc<Shared>,
    version: Option<String>,
    address: Option<SocketAddr>,
    queue: usize,
) -> Response {
    request
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_frame_size(LARGEST_READ)
        .max_message_size(LARGEST_READ)
        .on_upgrade(move |socket| serve(socket, shared, version, address, queue))
}

async fn serve(
    mut socket: WebSocket,
    shared: Arc<Shared>,
    version: Option<String>,
    address: Option<SocketAddr>,
    queue: usize,
) {
    let mut open = shared.open(version.as_deref(), queue);
    drop((version, shared));
    let end = match exchange(&mut socket, &mut open, address).await {
        End::TooSlow => open.last_word().and_then(ending).unwrap_or(End::TooSlow),
        end => end,
    };
    open.closed(matches!(end, End::Goodbye));
    // Boxed, because a socket spends its life in `exchange` and should not carry the size of its end around.
    Box::pin(finish(socket, end, address)).await;
}

/// Why the exchange of frames ended.
enum End {
    /// The client closed with 1000.
    Goodbye,
    /// The client closed otherwise, or the connection broke.
    Lost,
    /// A frame came that cannot be read at all.
    Unreadable(axum::Error),
    /// The client does not take what it is sent.
    TooSlow,
    /// The core closes the socket.
    Close(VoiceCloseCode, Cow<'static, str>, Option<TicketKey>),
    /// The core breaks the connection.
    Cut,
}

async fn exchange(socket: &mut WebSocket, open: &mut OpenSocket, address: Option<SocketAddr>) -> End {
    loop {
        tokio::select! {
            // What the client is told last must not be overtaken by what it says.
            biased;
            what = open.outgoing.recv() => {
                if let Some(end) = write(socket, &mut open.outgoing, what, address).await {
                    return end;
                }
            }
            frame = socket.recv() => match frame {
                Some(Ok(frame)) => {
                    if let Some(end) = read(open, frame, address) {
                        return end;
                    }
                }
                Some(Err(error)) => return End::Unreadable(error),
                None => return End::Lost,
            },
        }
    }
}

fn read(open: &OpenSocket, frame: Message, address: Option<SocketAddr>) -> Option<End> {
    match frame {
        Message::Text(text) => {
            note("client", address, text.as_str());
            open.text(text.as_str());
        }
        Message::Binary(bytes) => open.binary(&bytes),
        Message::Close(frame) => {
            let code = frame.map(|frame| VoiceCloseCode::from(frame.code));
            let goodbye = code == Some(VoiceCloseCode::Normal);
            return Some(if goodbye { End::Goodbye } else { End::Lost });
        }
        // Pongs are sent by the WebSocket itself.
        Message::Ping(_) | Message::Pong(_) => {}
    }
    None
}

/// Writes everything that waits, with one flush.
async fn write(
    socket: &mut WebSocket,
    outgoing: &mut mpsc::Receiver<ToSocket>,
    first: Option<ToSocket>,
    address: Option<SocketAddr>,
) -> Option<End> {
    let mut what = Some(match first {
        Some(first) => first,
        None => return Some(End::TooSlow),
    });
    let mut end = None;
    let written = timeout(WRITE_TIMEOUT, async {
        while let Some(to_send) = what.take() {
            match to_send {
                ToSocket::Frame(frame) => {
                    if let WireFrame::Text(text) = &frame {
                        note("server", address, text);
                    }
                    socket.feed(message(frame)).await?;
                }
                what => {
                    end = ending(what);
                    break;
                }
            }
            what = outgoing.try_recv().ok();
        }
        socket.flush().await
    });
    match written.await {
        Ok(Ok(())) => end,
        Ok(Err(_)) => Some(End::Lost),
        Err(_) => Some(End::TooSlow),
    }
}

/// The end that the core wants.
fn ending(what: ToSocket) -> Option<End> {
    match what {
        ToSocket::Frame(_) => None,
        ToSocket::Close { code, reason, who } => Some(End::Close(code, reason, who)),
        ToSocket::Cut => Some(End::Cut),
    }
}

/// For a log of messages, if somebody keeps one.
fn note(sender: &'static str, address: Option<SocketAddr>, message: &str) {
    let peer = address.map(tracing::field::display);
    tracing::trace!(target: LOG_TARGET, gateway = "voice", sender, peer, message);
}

/// Says why, and waits a moment for the client to agree: a connection that is dropped with unread bytes in it is reset,
/// and the reset may overtake the close frame.
async fn finish(mut socket: WebSocket, end: End, address: Option<SocketAddr>) {
    log_fault(&end, address);
    let close = match end {
        // The WebSocket answers a close frame by itself while it is read to its end.
        End::Goodbye | End::Lost => None,
        End::Cut => return,
        End::Unreadable(_) => Some((VoiceCloseCode::DecodeFailed, "the frame cannot be read".into())),
        // The session waits: 4015 makes clients come back for it.
        End::TooSlow => Some((
            VoiceCloseCode::VoiceServerCrashed,
            "messages were not read in time; resume".into(),
        )),
        End::Close(code, reason, _) => Some((code, reason)),
    };
    let closing = async {
        if let Some((code, reason)) = close {
            let frame = CloseFrame {
                code: code.number(),
                reason: close_reason(reason),
            };
            socket.send(Message::Close(Some(frame))).await?;
        }
        while let Some(frame) = socket.recv().await {
            frame?;
        }
        Ok::<(), axum::Error>(())
    };
    // Whoever does not answer in time has had its chance.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

/// Says in the log who was closed for a fault of its own, and for which.
fn log_fault(end: &End, address: Option<SocketAddr>) {
    let address = address.map(tracing::field::display);
    match end {
        End::Goodbye | End::Lost | End::Cut => {}
        End::Unreadable(error) => tracing::info!(address, %error, "a voice socket cannot be read"),
        End::TooSlow => tracing::info!(address, "a voice client does not take what it is sent"),
        // Moves, ends of calls and shutdowns are nobody's fault.
        End::Close(
            VoiceCloseCode::GoingAway | VoiceCloseCode::Disconnected | VoiceCloseCode::CallTerminated,
            ..,
        ) => {}
        End::Close(code, reason, who) => tracing::info!(
            address,
            user = who.map(|key| key.user.0),
            channel = who.map(|key| key.channel.0),
            code = code.number(),
            name = code.name(),
            "closed a voice socket: {reason}"
        ),
    }
}

fn close_reason(reason: Cow<'static, str>) -> Utf8Bytes {
    match reason {
        Cow::Borrowed(reason) => Utf8Bytes::from_static(reason),
        Cow::Owned(reason) => reason.into(),
    }
}

fn message(frame: WireFrame) -> Message {
    match frame {
        WireFrame::Text(text) => Message::Text(text.into()),
        WireFrame::Binary(bytes) => Message::Binary(Bytes::from(bytes)),
    }
}
