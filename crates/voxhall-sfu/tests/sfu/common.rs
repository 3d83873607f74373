//! A call in virtual time: a core, clients that speak to it, and a network between them.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::{Codec, CodecName, EncryptionMode, MediaKind, Ssrc};
use voxhall_sfu::core::Core;
use voxhall_sfu::{
    Command, CoreConfig, Event, MediaPermissions, MemberId, MemberSsrcs, PayloadTypes, PublishedLayer,
    PublishedVideo, RoomId, StreamSsrcs, Transport, TransportKey, UdpTransport, Wants, WorkerStats,
};
use voxhall_sim::{Conditions, Network, Random};
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};
use voxhall_transport::rtcp::{self, RtcpPacket, RtcpWriter};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber};

use crate::browser::Browser;

pub const ROOM: RoomId = RoomId(1);
pub const OPUS: u8 = 120;
pub const H264: u8 = 105;
pub const H264_RTX: u8 = 106;
pub const VP8: u8 = 107;
pub const VP8_RTX: u8 = 108;

/// The first packet of an H.264 keyframe, and of another frame.
pub const KEYFRAME: &[u8] = &[0x65, 0x88, 0x84, 0x00];
pub const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x00];

/// What a client got, decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
    Plain(Vec<u8>),
}

pub struct Client {
    pub id: MemberId,
    pub address: SocketAddr,
    pub audio: Ssrc,
    pub layers: Vec<Ssrc>,
    pub mode: EncryptionMode,
    pub sealer: Sealer,
    pub sequence: u16,
    pub timestamp: u32,
    pub inbox: Vec<(Instant, Received)>,
}

impl Client {
    /// The RTP packets it got.
    pub fn rtp(&self) -> Vec<RtpPacket<'_>> {
        self.inbox
            .iter()
            .filter_map(|(_, received)| match received {
                Received::Rtp(bytes) => Some(RtpPacket::parse(bytes).unwrap()),
                _ => None,
            })
            .collect()
    }

    /// The payloads of the RTP packets of one stream.
    pub fn payloads(&self, ssrc: Ssrc) -> Vec<Vec<u8>> {
        self.rtp()
            .iter()
            .filter(|packet| packet.ssrc() == ssrc)
            .map(|packet| packet.payload().to_vec())
            .collect()
    }

    /// The numbers of the RTP packets of one stream.
    pub fn sequences(&self, ssrc: Ssrc) -> Vec<u16> {
        self.rtp()
            .iter()
            .filter(|packet| packet.ssrc() == ssrc)
            .map(|packet| packet.sequence_number().0)
            .collect()
    }

    /// How many keyframes of a stream it was asked for.
    pub fn keyframe_requests(&self, ssrc: Ssrc) -> usize {
        let asks = |packet: RtcpPacket<'_>| matches!(packet, RtcpPacket::PictureLossIndication(request) if request.media == ssrc);
        self.rtcp()
            .iter()
            .flat_map(|bytes| rtcp::packets(bytes))
            .filter(|packet| packet.is_ok_and(asks))
            .count()
    }

    /// The RTCP datagrams it got.
    pub fn rtcp(&self) -> Vec<Vec<u8>> {
        self.inbox
            .iter()
            .filter_map(|(_, received)| match received {
                Received::Rtcp(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .collect()
    }

    /// What it got unencrypted: answers to discovery and pings.
    pub fn plain(&self) -> Vec<Vec<u8>> {
        self.inbox
            .iter()
            .filter_map(|(_, received)| match received {
                Received::Plain(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .collect()
    }

    /// Seals an RTP packet.
    pub fn seal(&mut self, header: RtpHeader, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; 1600];
        let length = header.write(extensions, &mut buffer).unwrap();
        buffer[length..length + payload.len()].copy_from_slice(payload);
        self.seal_bytes(PacketKind::Rtp, &buffer[..length + payload.len()])
    }

    /// Seals a packet as it is.
    pub fn seal_bytes(&mut self, kind: PacketKind, packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 64, 0);
        let length = self.sealer.seal(kind, &mut buffer, packet.len()).unwrap();
        buffer.truncate(length);
        buffer
    }

    fn take(&mut self, now: Instant, mut datagram: Vec<u8>) {
        let kind = match demux::classify(&datagram, LegacyDiscovery::Refused) {
            Datagram::Rtp(_) => PacketKind::Rtp,
            Datagram::Rtcp(_) => PacketKind::Rtcp,
            _ => return self.inbox.push((now, Received::Plain(datagram))),
        };
        let opened = self
            .sealer
            .cipher()
            .open(kind, &mut datagram)
            .expect("the server's packets are authentic");
        let packet = opened.packet.to_vec();
        let received = match kind {
            PacketKind::Rtp => Received::Rtp(packet),
            PacketKind::Rtcp => Received::Rtcp(packet),
        };
        self.inbox.push((now, received));
    }
}

pub struct World {
    pub core: Core,
    pub now: Instant,
    pub server: SocketAddr,
    pub clients: Vec<Client>,
    pub browsers: Vec<Browser>,
    pub network: Network,
    pub events: Vec<Event>,
}

impl World {
    /// A server, on a network without faults.
    pub fn new() -> Self {
        Self::with(CoreConfig::default(), 1, Conditions::PERFECT)
    }

    pub fn with(config: CoreConfig, seed: u64, conditions: Conditions) -> Self {
        let now = Instant::now();
        let mut entropy = Random::new(seed);
        Self {
            core: Core::new(now, config, Box::new(move |bytes| entropy.fill(bytes))),
            now,
            server: "192.0.2.1:50001".parse().unwrap(),
            clients: Vec::new(),
            browsers: Vec::new(),
            network: Network::new(seed, conditions),
            events: Vec::new(),
        }
    }

    /// Adds a member that is told its SSRCs but does nothing yet. Its number is that of the client.
    pub fn add(&mut self, room: RoomId, layers: usize, mode: EncryptionMode) -> usize {
        let number = self.clients.len();
        let base = 1000 + 16 * u32::try_from(number).unwrap();
        let layer = |index: usize| Ssrc(base + 1 + 2 * u32::try_from(index).unwrap());
        let layers: Vec<Ssrc> = (0..layers).map(layer).collect();
        let streams = layers
            .iter()
            .map(|&ssrc| StreamSsrcs {
                ssrc,
                rtx: Ssrc(ssrc.0 + 1),
            })
            .collect();
        let key = TransportKey::from([number as u8; 32]);
        self.clients.push(Client {
            id: MemberId(number as u64),
            address: SocketAddr::from(([10, 0, 0, 1], 4000 + number as u16)),
            audio: Ssrc(base),
            layers,
            mode,
            sealer: Sealer::client(Cipher::new(mode, &key), [number as u8 + 100; 24]),
            sequence: 65_530,
            timestamp: 1000,
            inbox: Vec::new(),
        });
        let ssrcs = MemberSsrcs {
            audio: Ssrc(base),
            streams,
        };
        self.command(Command::AddMember {
            member: MemberId(number as u64),
            room,
            ssrcs,
        });
        number
    }

    /// Answers op 1 of a member.
    pub fn connect(&mut self, client: usize, codecs: &[Codec], dave: bool) {
        let transport = self.transport(client);
        let payload_types = PayloadTypes::from_codecs(codecs);
        let member = self.clients[client].id;
        self.command(Command::Connect {
            member,
            transport: Transport::Udp(transport),
            payload_types,
            dave,
        });
    }

    pub fn transport(&self, client: usize) -> UdpTransport {
        UdpTransport {
            mode: self.clients[client].mode,
            key: TransportKey::from([client as u8; 32]),
            hint: None,
            first_nonce: 0,
            known: None,
        }
    }

    /// A member as most are: AES-GCM, connected, its address discovered.
    pub fn join(&mut self) -> usize {
        self.join_with(
            ROOM,
            EncryptionMode::AeadAes256GcmRtpsize,
            1,
            &native_codecs(),
            false,
        )
    }

    pub fn join_with(
        &mut self,
        room: RoomId,
        mode: EncryptionMode,
        layers: usize,
        codecs: &[Codec],
        dave: bool,
    ) -> usize {
        let client = self.add(room, layers, mode);
        self.discover(client);
        self.connect(client, codecs, dave);
        self.settle();
        client
    }

    /// Sends a discovery request.
    pub fn discover(&mut self, client: usize) {
        let request = Request::new(self.clients[client].audio).encode();
        self.send(client, request.to_vec());
    }

    pub fn command(&mut self, command: Command) {
        self.core.handle_command(self.now, command);
        self.drain_events();
    }

    /// Announces the layers of a client as active, with qualities 50 and 100 if there are two.
    pub fn publish(&mut self, client: usize, qualities: &[u8]) {
        let layers = self.clients[client].layers.iter().zip(qualities);
        let layers = layers
            .map(|(&ssrc, &quality)| PublishedLayer {
                ssrc,
                active: quality > 0,
                quality,
                pixels: None,
            })
            .collect();
        self.command(Command::Publish {
            member: self.clients[client].id,
            video: PublishedVideo { layers },
        });
    }

    /// Sends a datagram of a client to the server.
    pub fn send(&mut self, client: usize, datagram: Vec<u8>) {
        let from = self.clients[client].address;
        self.network.send(self.now, from, self.server, datagram);
    }

    /// Sends the next audio packet of a client.
    pub fn speak(&mut self, client: usize, payload: &[u8]) {
        let datagram = self.audio_packet(client, payload);
        self.send(client, datagram);
    }

    /// Makes the next audio packet of a client.
    pub fn audio_packet(&mut self, client: usize, payload: &[u8]) -> Vec<u8> {
        let client = &mut self.clients[client];
        client.sequence = client.sequence.wrapping_add(1);
        client.timestamp = client.timestamp.wrapping_add(960);
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::new(OPUS).unwrap(),
            sequence_number: SequenceNumber(client.sequence),
            timestamp: client.timestamp,
            ssrc: client.audio,
        };
        client.seal(header, &[], payload)
    }

    /// Sends a packet of a layer.
    pub fn film(&mut self, client: usize, layer: usize, sequence: u16, marker: bool, payload: &[u8]) {
        self.film_in(H264, client, layer, sequence, marker, payload);
    }

    /// Sends a packet of a layer in a codec.
    pub fn film_in(
        &mut self,
        payload_type: u8,
        client: usize,
        layer: usize,
        sequence: u16,
        marker: bool,
        payload: &[u8],
    ) {
        let sender = &mut self.clients[client];
        let header = RtpHeader {
            marker,
            payload_type: PayloadType::new(payload_type).unwrap(),
            sequence_number: SequenceNumber(sequence),
            timestamp: u32::from(sequence) * 3000,
            ssrc: sender.layers[layer],
        };
        let datagram = sender.seal(header, &[], payload);
        self.send(client, datagram);
    }

    /// Sends a retransmission of a packet of a layer.
    pub fn repair(&mut self, client: usize, layer: usize, sequence: u16, original: u16, payload: &[u8]) {
        let sender = &mut self.clients[client];
        let header = RtpHeader {
            marker: true,
            payload_type: PayloadType::new(H264_RTX).unwrap(),
            sequence_number: SequenceNumber(sequence),
            timestamp: u32::from(original) * 3000,
            ssrc: Ssrc(sender.layers[layer].0 + 1),
        };
        let carried = [&original.to_be_bytes(), payload].concat();
        let datagram = sender.seal(header, &[], &carried);
        self.send(client, datagram);
    }

    /// Tells the core what a client wants to get.
    pub fn want(&mut self, client: usize, wants: Wants) {
        self.command(Command::SetWants {
            member: self.clients[client].id,
            wants,
        });
    }

    /// Tells the core what a client may do.
    pub fn permit(&mut self, client: usize, permissions: MediaPermissions) {
        self.command(Command::SetPermissions {
            member: self.clients[client].id,
            permissions,
        });
    }

    /// Sends RTCP of a client.
    pub fn control(&mut self, client: usize, write: impl FnOnce(&mut RtcpWriter<'_>)) {
        let mut buffer = [0; 1400];
        let mut writer = RtcpWriter::new(&mut buffer);
        write(&mut writer);
        let packet = writer.finish().to_vec();
        let datagram = self.clients[client].seal_bytes(PacketKind::Rtcp, &packet);
        self.send(client, datagram);
    }

    /// Lets everything happen that takes no time, which on a network without faults is everything but timers.
    pub fn settle(&mut self) {
        while let Some(at) = self.next_step().filter(|&at| at <= self.now) {
            self.step(at);
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.next_step().filter(|&at| at <= end) {
            self.step(at);
        }
        self.now = end;
    }

    pub fn stats(&self) -> WorkerStats {
        *self.core.stats()
    }

    pub fn clear(&mut self) {
        for client in &mut self.clients {
            client.inbox.clear();
        }
        self.events.clear();
    }

    fn next_step(&self) -> Option<Instant> {
        let browsers = self.browsers.iter().map(|browser| browser.due);
        [self.network.next_delivery(), self.core.poll_timeout()]
            .into_iter()
            .flatten()
            .chain(browsers)
            .min()
    }

    fn step(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let mut out = Vec::new();
        while let Some(mut datagram) = self.network.deliver(self.now) {
            if datagram.to == self.server {
                self.core
                    .handle_datagram(self.now, datagram.from, &mut datagram.payload, &mut out);
            } else if let Some(client) = self
                .clients
                .iter_mut()
                .find(|client| client.address == datagram.to)
            {
                client.take(self.now, datagram.payload);
            } else if let Some(browser) = self
                .browsers
                .iter_mut()
                .find(|browser| browser.address == datagram.to)
            {
                browser.take(self.now, datagram.from, &datagram.payload);
                browser.flush(self.now, &mut self.network);
            }
        }
        for browser in &mut self.browsers {
            browser.wake(self.now);
            browser.flush(self.now, &mut self.network);
        }
        if self.core.poll_timeout().is_some_and(|due| due <= self.now) {
            self.core.handle_timeout(self.now, &mut out);
        }
        for (to, datagram) in out {
            self.network.send(self.now, self.server, to, datagram);
        }
        self.drain_events();
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.core.poll_event() {
            self.events.push(event);
        }
    }
}

pub fn codec(name: CodecName, payload_type: u8, rtx: Option<u8>) -> Codec {
    let kind = if name == CodecName::Opus {
        MediaKind::Audio
    } else {
        MediaKind::Video
    };
    Codec {
        name,
        kind,
        payload_type,
        rtx_payload_type: rtx,
        ..Codec::opus()
    }
}

/// What native clients list.
pub fn native_codecs() -> Vec<Codec> {
    vec![
        codec(CodecName::Opus, OPUS, None),
        codec(CodecName::H264, H264, Some(H264_RTX)),
        codec(CodecName::Vp8, VP8, Some(VP8_RTX)),
    ]
}
