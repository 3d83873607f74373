//! One load-generating member: the UDP handshake of the voice gateway, then a bare socket and a key.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use voxhall_protocol::discovery;
use voxhall_protocol::voice::{
    EncryptionMode, Heartbeat, Identify, Message, ModeName, Ready, SelectProtocol, SessionDescription,
    Speaking, SpeakingFlags, Ssrc, VoiceVersion, WireFrame, decode_server_text, encode_client,
};
use voxhall_transport::TransportKey;

use super::world::Member;

const VERSION: VoiceVersion = VoiceVersion::V8;
/// Often enough for a server that gives up after 30 s.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A reply on loopback that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// A member whose media can flow.
pub struct LoadMember {
    /// Its UDP socket, bound and known to the server.
    pub socket: UdpSocket,
    /// Where the server takes media.
    pub media: SocketAddr,
    /// Its audio SSRC.
    pub ssrc: Ssrc,
    /// How its packets are encrypted.
    pub mode: EncryptionMode,
    /// Its key.
    pub key: [u8; 32],
    heartbeats: JoinHandle<()>,
}

impl Drop for LoadMember {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

impl LoadMember {
    /// Its key in the form in which packets are sealed.
    pub fn transport_key(&self) -> TransportKey {
        TransportKey::from(self.key)
    }

    /// Goes through the whole handshake, in plain text where no TLS is given.
    pub async fn join(voice: &str, member: Member, mode: EncryptionMode, tls: Option<Tls>) -> Result<Self> {
        tokio::time::timeout(4 * PATIENCE, Self::handshake(voice, member, mode, tls))
            .await
            .context("the voice gateway did not answer in time")?
    }

    async fn handshake(voice: &str, member: Member, mode: EncryptionMode, tls: Option<Tls>) -> Result<Self> {
        let mut gateway = Gateway::open(voice, tls).await?;
        let token = member.token();
        gateway
            .send(&Identify::new(member.server(), member.user(), member.session_id(), token).into())
            .await?;
        let ready = gateway.ready().await?;
        let address = ready.ip.as_deref().context("Ready names no address")?;
        let media = SocketAddr::new(
            address.parse().context("Ready's address is no IP address")?,
            ready.port,
        );

        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let (socket, own) = discover(socket, media, ready.ssrc).await?;
        gateway
            .send(&SelectProtocol::for_udp(own.ip().to_string(), own.port(), mode).into())
            .await?;
        let description = gateway.description().await?;
        if description.mode != Some(ModeName::from(mode)) {
            bail!("asked for {mode}, was given {:?}", description.mode);
        }
        let key = *description
            .secret_key
            .context("Session Description holds no key")?
            .expose();
        gateway
            .send(&Speaking::from_client(SpeakingFlags::VOICE, ready.ssrc).into())
            .await?;
        let heartbeats = tokio::spawn(gateway.keep_alive());
        Ok(Self {
            socket,
            media,
            ssrc: ready.ssrc,
            mode,
            key,
            heartbeats,
        })
    }
}

/// What TLS connections to the benchmark's server share.
pub type Tls = Arc<rustls::ClientConfig>;

/// A byte stream, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Gateway {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl Gateway {
    async fn open(voice: &str, tls: Option<Tls>) -> Result<Self> {
        let stream = TcpStream::connect(voice)
            .await
            .with_context(|| format!("cannot connect to {voice}"))?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => {
                let address: SocketAddr = voice.parse()?;
                Box::new(
                    TlsConnector::from(tls)
                        .connect(address.ip().into(), stream)
                        .await?,
                )
            }
            None => Box::new(stream),
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let url = format!("ws://{voice}/?v={}", VERSION.number());
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        Ok(Self { socket })
    }

    async fn send(&mut self, message: &Message) -> Result<()> {
        let frame = match encode_client(VERSION, message) {
            WireFrame::Text(text) => WsMessage::text(text),
            WireFrame::Binary(bytes) => WsMessage::binary(bytes),
        };
        Ok(self.socket.send(frame).await?)
    }

    async fn next(&mut self) -> Result<Message> {
        loop {
            match self.socket.next().await.context("the voice gateway hung up")?? {
                WsMessage::Text(text) => return Ok(decode_server_text(VERSION, &text)?.message),
                WsMessage::Close(reason) => bail!("the voice gateway closed: {reason:?}"),
                _ => {}
            }
        }
    }

    async fn ready(&mut self) -> Result<Box<Ready>> {
        loop {
            if let Message::Ready(ready) = self.next().await? {
                return Ok(ready);
            }
        }
    }

    async fn description(&mut self) -> Result<Box<SessionDescription>> {
        loop {
            if let Message::SessionDescription(description) = self.next().await? {
                return Ok(description);
            }
        }
    }

    /// Beats and reads until the server hangs up or the task is aborted.
    async fn keep_alive(mut self) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        let mut nonce = 0;
        loop {
            let alive = tokio::select! {
                _ = beat.tick() => {
                    nonce += 1;
                    self.send(&Heartbeat::new(nonce, None).into()).await.is_ok()
                }
                message = self.next() => message.is_ok(),
            };
            if !alive {
                return;
            }
        }
    }
}

/// Asks for the own address until it is told; gives the socket back in blocking mode.
async fn discover(socket: UdpSocket, media: SocketAddr, ssrc: Ssrc) -> Result<(UdpSocket, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let request = discovery::Request::new(ssrc).encode();
    let mut buffer = [0; 128];
    for _ in 0..5 {
        socket.send_to(&request, media).await?;
        let Ok(received) = tokio::time::timeout(PATIENCE / 5, socket.recv_from(&mut buffer)).await else {
            continue;
        };
        let (length, _) = received?;
        if let Ok(response) = discovery::Response::parse(&buffer[..length]) {
            return Ok((
                socket.into_std()?,
                SocketAddr::new(response.address, response.port),
            ));
        }
    }
    bail!("{media} does not answer discovery")
}
