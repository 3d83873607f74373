//! One bot of `bench gateway`: logs in, beats, counts what comes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use voxhall_protocol::gateway::{ClientMessage, Identify, Intents, VoiceStateUpdate};
use voxhall_protocol::ids::{ChannelId, GuildId};

use super::gateway::Heard;

/// A login that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two heartbeats: well within the server's interval.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// READY and GUILD_CREATE.
const GREETING: u64 = 2;
/// Answers to heartbeats are shorter than this in every form, dispatches are longer.
const SHORTEST_DISPATCH: usize = 64;

/// How the server is to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Plain,
    /// One deflate stream.
    ZlibStream,
}

/// What a session is told to do.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// Send a heartbeat.
    Beat,
    /// Enter a channel.
    Join(GuildId, ChannelId),
}

/// A session that counts what it hears. It ends with this value.
pub struct Watcher {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watcher {
    /// Logs in and waits for READY and the guild.
    pub async fn open(authority: &str, token: &str, form: Form, heard: Arc<Heard>) -> Result<Self> {
        let mut session = tokio::time::timeout(PATIENCE, Session::open(authority, token, form))
            .await
            .context("the main Gateway did not answer in time")??;
        let (orders, received) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            // A session that ends early is missed in the count, which says so.
            let _ = session.run(received, &heard).await;
        });
        Ok(Self { orders, task })
    }

    /// Tells the session to do something.
    pub fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).context("a session has ended")
    }
}

struct Session {
    socket: WebSocketStream<TcpStream>,
    /// The number of the last dispatch: every frame that is long enough is one.
    last: u64,
}

impl Session {
    async fn open(authority: &str, token: &str, form: Form) -> Result<Self> {
        let stream = TcpStream::connect(authority)
            .await
            .with_context(|| format!("cannot connect to {authority}"))?;
        stream.set_nodelay(true)?;
        let compress = match form {
            Form::Plain => "",
            Form::ZlibStream => "&compress=zlib-stream",
        };
        let url = format!("ws://{authority}/?v=10&encoding=json{compress}");
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        let mut session = Self { socket, last: 0 };
        let identify = Identify::bot(token.into(), Intents::VOICE);
        session.send(&ClientMessage::Identify(Box::new(identify))).await?;
        while session.last < GREETING {
            session.next().await?;
        }
        Ok(session)
    }

    async fn send(&mut self, message: &ClientMessage) -> Result<()> {
        Ok(self.socket.send(Message::text(message.encode())).await?)
    }

    /// Bytes of the next frame, if it is a dispatch.
    async fn next(&mut self) -> Result<Option<usize>> {
        let frame = self.socket.next().await.context("the server hung up")??;
        let length = frame.len();
        let dispatch = (frame.is_text() || frame.is_binary()) && length >= SHORTEST_DISPATCH;
        self.last += u64::from(dispatch);
        Ok(dispatch.then_some(length))
    }

    async fn run(&mut self, mut orders: mpsc::UnboundedReceiver<Order>, heard: &Heard) -> Result<()> {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                _ = beat.tick() => self.send(&ClientMessage::Heartbeat(Some(self.last))).await?,
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Order::Beat) => self.send(&ClientMessage::Heartbeat(Some(self.last))).await?,
                    Some(Order::Join(guild, channel)) => {
                        let join = VoiceStateUpdate::join(Some(guild), channel);
                        self.send(&ClientMessage::VoiceStateUpdate(join)).await?;
                    }
                },
                bytes = self.next() => if let Some(bytes) = bytes? {
                    heard.add(bytes);
                },
            }
        }
    }
}
