//! The least a voice client must do, by hand: nothing of the client library, so that both are judged apart.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, http::Uri};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber, TransportKey};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
/// Longer than anything on loopback takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    version: u8,
    media: Option<Media>,
}

struct Media {
    udp: UdpSocket,
    server: SocketAddr,
    ssrc: u32,
    sealer: Sealer,
}

impl Client {
    pub async fn open(server: SocketAddr, version: u8) -> Self {
        let mut client = Self::open_url(server, &format!("/?v={version}")).await;
        client.version = version;
        client
    }

    pub async fn open_url(server: SocketAddr, path: &str) -> Self {
        let url: Uri = format!("ws://{server}{path}").parse().unwrap();
        let (socket, _) = connect_async(url).await.unwrap();
        Self {
            socket,
            version: 0,
            media: None,
        }
    }

    /// Hello to Session Description, with discovery between them.
    pub async fn handshake(&mut self, identify: Value) {
        self.expect(8).await;
        self.send(0, identify).await;
        let ready = self.expect(2).await;
        let server = format!("{}:{}", ready["ip"].as_str().unwrap(), ready["port"])
            .parse()
            .unwrap();
        let ssrc = u32::try_from(ready["ssrc"].as_u64().unwrap()).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let own = discover(&udp, server, ssrc).await;
        let data = json!({"address": own.ip(), "port": own.port(), "mode": MODE});
        self.send(1, json!({"protocol": "udp", "data": data})).await;
        let description = self.expect(4).await;
        let key: [u8; 32] = serde_json::from_value(description["secret_key"].clone()).unwrap();
        let cipher = Cipher::new(MODE, &TransportKey::from(key));
        let sealer = Sealer::client(cipher, Default::default());
        self.media = Some(Media {
            udp,
            server,
            ssrc,
            sealer,
        });
    }

    pub fn ssrc(&self) -> u32 {
        self.media().ssrc
    }

    pub fn media_address(&self) -> SocketAddr {
        self.media().server
    }

    pub async fn send(&mut self, op: u8, data: Value) {
        self.send_text(json!({"op": op, "d": data}).to_string()).await;
    }

    pub async fn send_text(&mut self, text: String) {
        // A server that has closed already makes this fail; the close code tells why.
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// The payload of the next message with this opcode; others before it are skipped.
    pub async fn expect(&mut self, op: u8) -> Value {
        let found = timeout(PATIENCE, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        if frame["op"] == op {
                            return frame["d"].clone();
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("waiting for op {op} at version {}: {other:?}", self.version),
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("op {op} did not come"))
    }

    /// The code the server closes with.
    pub async fn close_code(&mut self) -> Option<u16> {
        let closed = timeout(PATIENCE, async {
            let mut code = None;
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    // Read to the end, so that the close frame is answered.
                    Some(Err(_)) | None => return code,
                }
            }
        });
        closed.await.expect("the server closes")
    }

    pub async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
    }

    /// Drops the WebSocket without a word and opens another; media stay as they are.
    pub async fn reopen(&mut self, server: SocketAddr) {
        self.socket = Self::open(server, self.version).await.socket;
    }

    pub async fn send_audio(&mut self, sequence: u16, payload: &[u8]) {
        let media = self.media.as_mut().expect("the handshake is done");
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::OPUS,
            sequence_number: SequenceNumber(sequence),
            timestamp: u32::from(sequence) * 960,
            ssrc: Ssrc(media.ssrc),
        };
        let mut datagram = [0; 256];
        let length = media
            .sealer
            .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, &mut datagram)
            .unwrap();
        media
            .udp
            .send_to(&datagram[..length], media.server)
            .await
            .unwrap();
    }

    /// SSRC and payload of the next audio packet.
    pub async fn receive_audio(&mut self) -> (u32, Vec<u8>) {
        let media = self.media.as_mut().expect("the handshake is done");
        let mut buffer = [0; 2048];
        loop {
            let received = timeout(PATIENCE, media.udp.recv_from(&mut buffer)).await;
            let (length, from) = received.expect("a packet comes").unwrap();
            assert_eq!(from, media.server);
            // Receiver reports come too; their type is in the second byte.
            if (192..=223).contains(&buffer[1]) {
                continue;
            }
            let opened = media
                .sealer
                .cipher()
                .open(PacketKind::Rtp, &mut buffer[..length])
                .unwrap();
            let packet = RtpPacket::parse(opened.packet).unwrap();
            return (packet.ssrc().0, packet.payload().to_vec());
        }
    }

    fn media(&self) -> &Media {
        self.media.as_ref().expect("the handshake is done")
    }
}

/// The address the server sees, by a request of 74 bytes written by hand.
async fn discover(udp: &UdpSocket, server: SocketAddr, ssrc: u32) -> SocketAddr {
    let mut request = [0; 74];
    request[..4].copy_from_slice(&[0, 1, 0, 70]);
    request[4..8].copy_from_slice(&ssrc.to_be_bytes());
    let mut answer = [0; 128];
    // The worker learns of the SSRC over its own queue, so the first request may come too early.
    for _ in 0..50 {
        udp.send_to(&request, server).await.unwrap();
        let received = timeout(Duration::from_millis(200), udp.recv_from(&mut answer)).await;
        let Ok(Ok((length, _))) = received else {
            continue;
        };
        assert_eq!((length, &answer[..4]), (74, &[0, 2, 0, 70][..]));
        let address = std::str::from_utf8(&answer[8..72])
            .unwrap()
            .trim_end_matches('\0');
        let port = u16::from_be_bytes([answer[72], answer[73]]);
        return SocketAddr::new(address.parse().unwrap(), port);
    }
    panic!("discovery is not answered");
}
