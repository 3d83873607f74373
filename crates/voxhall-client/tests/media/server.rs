//! A voice server of one session: the handshake over a plain WebSocket, and a UDP socket of RTP.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use voxhall_client::{ConnectionConfig, ConnectionInfo, MediaEngine, Room, Trust, VoiceConnection};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::voice::{
    EncryptionMode, HeartbeatAck, Hello, Message, Ready, SessionDescription, Speaking, SpeakingFlags, Ssrc,
    VoiceVersion, WireFrame, decode_client_text, encode_server,
};
use voxhall_protocol::{Secret, Token, discovery, ping};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber, TransportKey};

pub const CLIENT: Ssrc = Ssrc(1_001);
pub const FRIEND: Ssrc = Ssrc(1_002);
pub const FRIEND_ID: UserId = UserId(77);
const KEY: [u8; 32] = [0x5A; 32];
const VERSION: VoiceVersion = VoiceVersion::V9;

/// Nothing on loopback takes this long.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A packet of the client's, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// The server's side of one connection.
pub struct Server {
    mode: EncryptionMode,
    media: UdpSocket,
    client: Option<SocketAddr>,
    cipher: Cipher,
    sealer: Sealer,
    /// What the client says on the control channel, from Select Protocol on.
    pub said: mpsc::UnboundedReceiver<Message>,
}

/// A connection, and the server it is connected to.
pub async fn connect(mode: EncryptionMode) -> (VoiceConnection, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let info = ConnectionInfo {
        user: UserId(5),
        room: Room::Guild(GuildId(6)),
        channel: ChannelId(7),
        session_id: "session".to_owned(),
        token: Token::from("token"),
        endpoint: listener.local_addr().unwrap().to_string(),
    };
    let connection = VoiceConnection::connect(info, config());
    let server = Server::accept(listener, mode).await;
    tokio::time::timeout(PATIENCE, connection.connected())
        .await
        .unwrap()
        .unwrap();
    (connection, server)
}

/// Plain text, so no authority is ever asked; one is needed to build the configuration all the same.
fn config() -> ConnectionConfig {
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let trust = Trust::Certificates(vec![CertificateDer::from(authority.cert)]);
    let tls = trust.tls_config().unwrap();
    let mut config = ConnectionConfig::with(tls, MediaEngine::shared().unwrap());
    config.secure = false;
    config
}

impl Server {
    async fn accept(listener: TcpListener, mode: EncryptionMode) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (saying, said) = mpsc::unbounded_channel();
        tokio::spawn(control(socket, media.local_addr().unwrap(), mode, saying));
        let key = TransportKey::from(KEY);
        let mut server = Self {
            mode,
            media,
            client: None,
            cipher: Cipher::new(mode, &key),
            sealer: Sealer::server(Cipher::new(mode, &key), 0, [1; 24]),
            said,
        };
        server.discover().await;
        server
    }

    /// Answers the discovery request.
    async fn discover(&mut self) {
        let mut buffer = [0; 2_048];
        let (length, from) = self.media.recv_from(&mut buffer).await.unwrap();
        let request = discovery::Request::parse(&buffer[..length]).unwrap();
        assert_eq!(request.ssrc, CLIENT);
        self.client = Some(from);
        self.media.send_to(&request.respond(from), from).await.unwrap();
    }

    /// The next media packet of the client.
    pub async fn packet(&mut self) -> Packet {
        let mut buffer = [0; 2_048];
        loop {
            let (length, _) = tokio::time::timeout(PATIENCE, self.media.recv_from(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            if length == ping::LENGTH {
                continue;
            }
            let opened = self
                .cipher
                .open(PacketKind::Rtp, &mut buffer[..length])
                .expect("sealed with our key");
            let packet = RtpPacket::parse(opened.packet).unwrap();
            assert_eq!(
                (packet.ssrc(), packet.payload_type()),
                (CLIENT, PayloadType::OPUS),
                "{:?}",
                self.mode
            );
            return Packet {
                sequence: packet.sequence_number().0,
                timestamp: packet.timestamp(),
                payload: packet.payload().to_vec(),
            };
        }
    }

    /// Sends a packet in the friend's name.
    pub async fn send(&mut self, sequence: u16, payload: &[u8]) {
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::OPUS,
            sequence_number: SequenceNumber(sequence),
            timestamp: u32::from(sequence) * 960,
            ssrc: FRIEND,
        };
        let mut datagram = [0; 2_048];
        let sealed = self
            .sealer
            .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, &mut datagram);
        self.media
            .send_to(&datagram[..sealed.unwrap()], self.client.unwrap())
            .await
            .unwrap();
    }
}

/// The control channel: says what the protocol wants, and passes on what it hears after the handshake.
async fn control(
    mut socket: WebSocketStream<TcpStream>,
    media: SocketAddr,
    mode: EncryptionMode,
    saying: mpsc::UnboundedSender<Message>,
) {
    let hello = Hello {
        v: Some(9),
        heartbeat_interval: 13_750.0,
        extra: Default::default(),
    };
    say(&mut socket, hello).await;
    while let Some(Ok(frame)) = socket.next().await {
        let tungstenite::Message::Text(text) = frame else {
            continue;
        };
        match decode_client_text(VERSION, &text)
            .expect("the client speaks the protocol")
            .message
        {
            Message::Identify(_) => {
                let ready = Ready {
                    ssrc: CLIENT,
                    ip: Some(media.ip().to_string()),
                    port: media.port(),
                    modes: vec![mode.into()],
                    ..Ready::default()
                };
                say(&mut socket, ready).await;
                // The roster may come before anything else, and is said once only.
                say(
                    &mut socket,
                    Speaking::from_server(FRIEND_ID, SpeakingFlags::VOICE, FRIEND),
                )
                .await;
            }
            Message::SelectProtocol(select) => {
                let description = SessionDescription {
                    mode: select.udp().map(|udp| udp.mode),
                    secret_key: Some(Secret::new(KEY)),
                    ..SessionDescription::default()
                };
                say(&mut socket, description).await;
            }
            Message::Heartbeat(heartbeat) => say(&mut socket, HeartbeatAck::to(&heartbeat)).await,
            // A test that does not listen has seen enough.
            other => drop(saying.send(other)),
        }
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: impl Into<Message>) {
    let WireFrame::Text(text) = encode_server(VERSION, &message.into(), None) else {
        panic!("not a text message");
    };
    // The client may be gone already.
    let _ = socket.send(tungstenite::Message::text(text)).await;
}
