//! One load-generating member: the handshake of the voice gateway, then a bare socket and its keys.

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
    Codec, CodecName, EncryptionMode, Heartbeat, Identify, MediaKind, Message, ModeName, Ready,
    SelectProtocol, SessionDescription, Speaking, SpeakingFlags, Ssrc, Stream as Layer, StreamKind, Video,
    VoiceVersion, WireFrame, decode_server_text, encode_client,
};
use voxhall_transport::{Cipher, TransportKey};

use super::webrtc::{self, Association};
use super::world::Member;

const VERSION: VoiceVersion = VoiceVersion::V8;
/// Often enough for a server that gives up after 30 s.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A reply on loopback that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Payload types of video: as native clients number them.
pub const H264: u8 = 105;
const H264_RTX: u8 = 106;

/// How members join.
#[derive(Clone)]
pub struct Joining {
    /// Over TLS, if given.
    pub tls: Option<Tls>,
    /// How media travels.
    pub path: Path,
    /// Whether the member announces a video layer and takes others'.
    pub video: bool,
}

/// How a member's media travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The UDP protocol.
    Udp(EncryptionMode),
    /// ICE, DTLS and SRTP.
    WebRtc,
}

impl Joining {
    /// Audio over UDP, the gateway in plain text.
    pub fn audio(mode: EncryptionMode) -> Self {
        Self {
            tls: None,
            path: Path::Udp(mode),
            video: false,
        }
    }
}

/// A member whose media can flow.
pub struct LoadMember {
    /// Its UDP socket, bound and known to the server.
    pub socket: UdpSocket,
    /// Where the server takes media.
    pub media: SocketAddr,
    /// Its audio SSRC.
    pub ssrc: Ssrc,
    /// Its video SSRC, if it announced one.
    pub video: Option<Ssrc>,
    /// What protects its packets.
    pub keys: Keys,
    heartbeats: JoinHandle<()>,
}

/// What protects a member's packets.
pub enum Keys {
    /// A key for both directions, and how packets are encrypted with it.
    Udp(EncryptionMode, [u8; TransportKey::LENGTH]),
    /// What DTLS left behind.
    WebRtc(Association),
}

impl Keys {
    /// The cipher of a member on UDP.
    pub fn cipher(&self) -> Result<Cipher> {
        match self {
            Self::Udp(mode, key) => Ok(Cipher::new(*mode, &TransportKey::from(*key))),
            Self::WebRtc(_) => bail!("members on WebRTC have no cipher of the UDP protocol"),
        }
    }
}

impl Drop for LoadMember {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

impl LoadMember {
    /// Goes through the whole handshake.
    pub async fn join(voice: &str, member: Member, how: Joining) -> Result<Self> {
        tokio::time::timeout(4 * PATIENCE, Self::handshake(voice, member, how))
            .await
            .context("the voice gateway did not answer in time")?
    }

    async fn handshake(voice: &str, member: Member, how: Joining) -> Result<Self> {
        let mut gateway = Gateway::open(voice, how.tls).await?;
        let layers = how.video.then(|| vec![Layer::offer(StreamKind::Video, 100)]);
        let identify = Identify {
            video: how.video.then_some(true),
            streams: layers,
            ..Identify::new(
                member.server(),
                member.user(),
                member.session_id(),
                member.token(),
            )
        };
        gateway.send(&identify.into()).await?;
        let ready = gateway.ready().await?;
        let address = ready.ip.as_deref().context("Ready names no address")?;
        let media = SocketAddr::new(
            address.parse().context("Ready's address is no IP address")?,
            ready.port,
        );

        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let (socket, keys) = match how.path {
            Path::Udp(mode) => udp(&mut gateway, socket, media, &ready, mode, how.video).await?,
            Path::WebRtc => {
                let (socket, association) = webrtc::connect(&mut gateway, socket, codecs(how.video)).await?;
                (socket, Keys::WebRtc(association))
            }
        };
        gateway
            .send(&Speaking::from_client(SpeakingFlags::VOICE, ready.ssrc).into())
            .await?;
        let video = announce_video(&mut gateway, &ready).await?;
        let heartbeats = tokio::spawn(gateway.keep_alive());
        Ok(Self {
            socket,
            media,
            ssrc: ready.ssrc,
            video,
            keys,
            heartbeats,
        })
    }
}

/// The rest of the handshake of the UDP protocol.
async fn udp(
    gateway: &mut Gateway,
    socket: UdpSocket,
    media: SocketAddr,
    ready: &Ready,
    mode: EncryptionMode,
    video: bool,
) -> Result<(UdpSocket, Keys)> {
    let (socket, own) = discover(socket, media, ready.ssrc).await?;
    let select = SelectProtocol {
        codecs: Some(codecs(video)),
        ..SelectProtocol::for_udp(own.ip().to_string(), own.port(), mode)
    };
    gateway.send(&select.into()).await?;
    let description = gateway.description().await?;
    if description.mode != Some(ModeName::from(mode)) {
        bail!("asked for {mode}, was given {:?}", description.mode);
    }
    let key = description
        .secret_key
        .context("Session Description holds no key")?;
    Ok((socket, Keys::Udp(mode, *key.expose())))
}

fn codecs(video: bool) -> Vec<Codec> {
    let h264 = Codec {
        name: CodecName::H264,
        kind: MediaKind::Video,
        payload_type: H264,
        rtx_payload_type: Some(H264_RTX),
        ..Codec::opus()
    };
    std::iter::once(Codec::opus())
        .chain(video.then_some(h264))
        .collect()
}

/// Publishes the first layer that Ready gave, if any.
async fn announce_video(gateway: &mut Gateway, ready: &Ready) -> Result<Option<Ssrc>> {
    let Some(layer) = ready.streams.iter().flatten().next() else {
        return Ok(None);
    };
    let ssrc = layer.ssrc.context("Ready gives a layer without an SSRC")?;
    let video = Video {
        audio_ssrc: ready.ssrc,
        video_ssrc: ssrc,
        rtx_ssrc: layer.rtx_ssrc,
        streams: Some(vec![Layer {
            active: Some(true),
            ..layer.clone()
        }]),
        ..Video::default()
    };
    gateway.send(&video.into()).await?;
    Ok(Some(ssrc))
}

/// What TLS connections to the benchmark's server share.
pub type Tls = Arc<rustls::ClientConfig>;

/// A byte stream, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A voice-gateway socket in the middle of its handshake.
pub struct Gateway {
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

    /// Sends a message.
    pub async fn send(&mut self, message: &Message) -> Result<()> {
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

    /// Waits for op 4.
    pub async fn description(&mut self) -> Result<Box<SessionDescription>> {
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
