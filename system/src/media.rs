//! A member of a room with video, by hand: what it sends and gets is RTP as it is on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use voxhall_protocol::discovery;
use voxhall_protocol::voice::{EncryptionMode, Ssrc, VoiceOpcode};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber, TransportKey};

use crate::{PATIENCE, Socket};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
/// H264 in the numbers of native clients.
const H264: u8 = 105;
/// A header, a payload and what encryption adds.
const LARGEST_DATAGRAM: usize = 2048;

/// A member that can send and get H264.
#[derive(Debug)]
pub struct VideoMember {
    /// Its voice socket.
    pub socket: Socket,
    /// What Ready said.
    pub ready: Value,
    udp: UdpSocket,
    server: SocketAddr,
    sealer: Sealer,
}

impl VideoMember {
    /// The whole handshake with the voice gateway at `voice`, in version 9. What `identify` lacks about video is added.
    ///
    /// # Panics
    /// If the server does not let it in.
    pub async fn enter(voice: &str, mut identify: Value) -> Self {
        identify["video"] = json!(true);
        identify["streams"] = json!([{"type": "screen", "rid": "100", "quality": 100}]);
        let mut socket = Socket::open(voice, "/?v=9").await;
        socket
            .send(json!({"op": VoiceOpcode::Identify.number(), "d": identify}))
            .await;
        let ready = socket.until(VoiceOpcode::Ready.number()).await;
        let server = format!("{}:{}", ready["ip"].as_str().expect("an address"), ready["port"]);
        let server: SocketAddr = server.parse().expect("an address");
        let udp = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let own = discover(&udp, server, number(&ready["ssrc"])).await;
        let select = json!({
            "protocol": "udp", "data": {"address": own.ip(), "port": own.port(), "mode": MODE.as_str()},
            "codecs": [
                {"name": "opus", "type": "audio", "priority": 1000, "payload_type": 120},
                {"name": "H264", "type": "video", "priority": 1000, "payload_type": H264, "rtx_payload_type": 106},
            ],
        });
        socket
            .send(json!({"op": VoiceOpcode::SelectProtocol.number(), "d": select}))
            .await;
        let description = socket.until(VoiceOpcode::SessionDescription.number()).await;
        let key: [u8; 32] = serde_json::from_value(description["secret_key"].clone()).expect("a key");
        let cipher = Cipher::new(MODE, &TransportKey::from(key));
        Self {
            socket,
            ready,
            udp,
            server,
            sealer: Sealer::client(cipher, Default::default()),
        }
    }

    /// Says that sound and picture come from now on (ops 5 and 12).
    pub async fn publish(&mut self) {
        let (audio, layer) = (&self.ready["ssrc"], &self.ready["streams"][0]);
        let speaking = json!({"speaking": 2, "delay": 0, "ssrc": audio});
        let (ssrc, rtx) = (&layer["ssrc"], &layer["rtx_ssrc"]);
        let stream = json!({
            "type": "screen", "rid": "100", "quality": 100, "ssrc": ssrc, "rtx_ssrc": rtx, "active": true,
            "max_bitrate": 4_000_000, "max_framerate": 30,
            "max_resolution": {"type": "fixed", "width": 1280, "height": 720},
        });
        let video = json!({"audio_ssrc": audio, "video_ssrc": ssrc, "rtx_ssrc": rtx, "streams": [stream]});
        for (op, data) in [(VoiceOpcode::Speaking, speaking), (VoiceOpcode::Video, video)] {
            self.socket.send(json!({"op": op.number(), "d": data})).await;
        }
    }

    /// Sends one packet of a frame; `last` if it is the frame's last.
    pub async fn send_video(&mut self, sequence: u16, timestamp: u32, last: bool, payload: &[u8]) {
        let ssrc = number(&self.ready["streams"][0]["ssrc"]);
        let kind = PayloadType::new(H264).expect("seven bits");
        self.send(ssrc, kind, sequence, timestamp, last, payload).await;
    }

    /// Sends one packet of sound.
    pub async fn send_audio(&mut self, sequence: u16, payload: &[u8]) {
        let (ssrc, timestamp) = (number(&self.ready["ssrc"]), u32::from(sequence) * 960);
        self.send(ssrc, PayloadType::OPUS, sequence, timestamp, false, payload)
            .await;
    }

    async fn send(
        &mut self,
        ssrc: u32,
        kind: PayloadType,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) {
        let header = RtpHeader {
            marker,
            payload_type: kind,
            sequence_number: SequenceNumber(sequence),
            timestamp,
            ssrc: Ssrc(ssrc),
        };
        let mut datagram = [0; LARGEST_DATAGRAM];
        let header = header.to_bytes(false);
        let sealed = self
            .sealer
            .seal_parts(PacketKind::Rtp, &header, payload, &mut datagram);
        let length = sealed.expect("a datagram with room");
        let sent = self.udp.send_to(&datagram[..length], self.server).await;
        sent.expect("loopback takes it");
    }

    /// The next RTP packet: whose it is, whether it is a frame's last, and its payload.
    ///
    /// # Panics
    /// If none comes.
    pub async fn receive(&mut self) -> (u32, bool, Vec<u8>) {
        let received = self.receive_within(PATIENCE).await;
        received.expect("a packet comes")
    }

    /// The same, or `None` if nothing comes for this long.
    pub async fn receive_within(&mut self, time: Duration) -> Option<(u32, bool, Vec<u8>)> {
        tokio::time::timeout(time, self.next()).await.ok()
    }

    async fn next(&mut self) -> (u32, bool, Vec<u8>) {
        let mut buffer = [0; LARGEST_DATAGRAM];
        loop {
            let (length, from) = self.udp.recv_from(&mut buffer).await.expect("the socket is open");
            // RTCP comes as well; its type is in the second byte. So may a late answer to discovery.
            if from != self.server || buffer[0] >> 6 != 2 || (192..=223).contains(&buffer[1]) {
                continue;
            }
            let cipher = self.sealer.cipher();
            let opened = cipher.open(PacketKind::Rtp, &mut buffer[..length]);
            let opened = opened.expect("sealed with our key");
            let packet = RtpPacket::parse(opened.packet).expect("RTP");
            return (packet.ssrc().0, packet.marker(), packet.payload().to_vec());
        }
    }
}

fn number(value: &Value) -> u32 {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.expect("a number of 32 bits")
}

/// The address that the server sees.
async fn discover(udp: &UdpSocket, server: SocketAddr, ssrc: u32) -> SocketAddr {
    let request = discovery::Request::new(Ssrc(ssrc)).encode();
    let mut answer = [0; 128];
    let asking = async {
        loop {
            udp.send_to(&request, server).await.expect("loopback takes it");
            // The worker learns of the SSRC over its own queue, so the first request may come too early.
            let received = tokio::time::timeout(Duration::from_millis(200), udp.recv_from(&mut answer)).await;
            if let Ok(Ok((length, _))) = received
                && let Ok(found) = discovery::Response::parse(&answer[..length])
            {
                return SocketAddr::new(found.address, found.port);
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, asking).await;
    found.expect("discovery is answered")
}
