//! The forwarding core alone, without system calls: nanoseconds per forwarded packet, beside opening and sealing alone.
//!
//! `cargo bench -p voxhall-sfu --bench core`

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::core::{Core, Outbox};
use voxhall_sfu::{
    Command, CoreConfig, MAX_DATAGRAM, MemberId, MemberSsrcs, PayloadTypes, RoomId, Transport, TransportKey,
    UdpTransport,
};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, Sealer, SequenceNumber};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const ROOMS: u32 = 10;
const LISTENERS: u32 = 20;
const ROUNDS: u32 = 2_000;
const REPEATS: usize = 9;
const HEADER: usize = 12;
const PACKET: usize = HEADER + 120;

/// Takes datagrams as the worker's batch does, and forgets them.
struct Sink {
    buffer: Vec<u8>,
    used: usize,
    datagrams: u64,
}

impl Outbox for Sink {
    #[inline]
    fn datagram(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        if self.buffer.len() - self.used < MAX_DATAGRAM {
            self.used = 0;
        }
        let room = &mut self.buffer[self.used..self.used + MAX_DATAGRAM];
        if let Some(length) = write(room) {
            self.used += length;
            self.datagrams += 1;
            black_box(to);
        }
    }
}

fn main() {
    let mut results: Vec<(f64, f64)> = (0..REPEATS).map(|_| (alone(), core())).collect();
    results.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (alone, core) = results[REPEATS / 2];
    println!(
        "{{\"open_and_seal_ns\":{alone:.1},\"core_ns\":{core:.1},\"beyond_ns\":{:.1}}}",
        core - alone
    );
}

/// A room as plain parts.
struct Parts {
    speaker: Sealer,
    cipher: Cipher,
    listeners: Vec<(SocketAddr, Sealer)>,
}

/// Opens each packet and seals it for every listener: nanoseconds per listener.
fn alone() -> f64 {
    let mut rooms: Vec<Parts> = (0..ROOMS)
        .map(|room| Parts {
            speaker: client(room),
            cipher: Cipher::new(MODE, &key(room, 0)),
            listeners: (1..=LISTENERS)
                .map(|member| (address(room, member), server(room, member)))
                .collect(),
        })
        .collect();
    let mut sink = sink();
    let elapsed = timed(|sequence, room| {
        let Parts {
            speaker,
            cipher,
            listeners,
        } = &mut rooms[room as usize];
        let mut datagram = packet(speaker, sequence, room);
        let start = Instant::now();
        let opened = cipher.open(PacketKind::Rtp, &mut datagram).expect("authentic");
        let (header, payload) = opened.packet.split_at(HEADER);
        for (to, sealer) in listeners {
            sink.datagram(*to, |buffer| {
                sealer.seal_parts(PacketKind::Rtp, header, payload, buffer).ok()
            });
        }
        start.elapsed()
    });
    per_packet(elapsed, &sink)
}

/// The same through the core.
fn core() -> f64 {
    let begin = Instant::now();
    let mut core = Core::new(begin, CoreConfig::default(), Box::new(|bytes| bytes.fill(1)));
    let mut sink = sink();
    for room in 0..ROOMS {
        for member in 0..=LISTENERS {
            join(&mut core, begin, room, member, &mut sink);
        }
    }
    sink.datagrams = 0;
    let mut speakers: Vec<Sealer> = (0..ROOMS).map(client).collect();
    let elapsed = timed(|sequence, room| {
        let mut datagram = packet(&mut speakers[room as usize], sequence, room);
        let start = Instant::now();
        // More than a member may send in a second, so as if it came in time.
        let due = begin + Duration::from_millis(20) * u32::from(sequence);
        core.handle_datagram(due, address(room, 0), &mut datagram, &mut sink);
        start.elapsed()
    });
    per_packet(elapsed, &sink)
}

/// The median time of a packet, so that what else the machine does disturbs it least.
fn timed(mut forward: impl FnMut(u16, u32) -> Duration) -> Duration {
    let packets = (0..ROUNDS).flat_map(|round| (0..ROOMS).map(move |room| (round as u16, room)));
    let mut times: Vec<Duration> = packets.map(|(round, room)| forward(round, room)).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn per_packet(elapsed: Duration, sink: &Sink) -> f64 {
    assert_eq!(sink.datagrams, u64::from(ROUNDS * ROOMS * LISTENERS));
    elapsed.as_nanos() as f64 / f64::from(LISTENERS)
}

fn join(core: &mut Core, now: Instant, room: u32, member: u32, sink: &mut Sink) {
    let id = MemberId(u64::from(ssrc(room, member).0));
    let ssrcs = MemberSsrcs {
        audio: ssrc(room, member),
        streams: Vec::new(),
    };
    core.handle_command(
        now,
        Command::AddMember {
            member: id,
            room: RoomId(u64::from(room)),
            ssrcs,
        },
    );
    let transport = UdpTransport {
        mode: MODE,
        key: key(room, member),
        hint: None,
        first_nonce: 0,
        known: None,
    };
    let transport = Transport::Udp(transport);
    let payload_types = PayloadTypes::default();
    core.handle_command(
        now,
        Command::Connect {
            member: id,
            transport,
            payload_types,
            dave: false,
        },
    );
    let mut request = Request::new(ssrc(room, member)).encode().to_vec();
    core.handle_datagram(now, address(room, member), &mut request, sink);
}

fn packet(speaker: &mut Sealer, sequence: u16, room: u32) -> [u8; PACKET + 20] {
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(sequence),
        timestamp: u32::from(sequence) * 960,
        ssrc: ssrc(room, 0),
    };
    let mut buffer = [0x5a; PACKET + 20];
    header.write(&[], &mut buffer).expect("room for a header");
    speaker
        .seal(PacketKind::Rtp, &mut buffer, PACKET)
        .expect("room for a tag");
    buffer
}

fn sink() -> Sink {
    Sink {
        buffer: vec![0; 1 << 16],
        used: 0,
        datagrams: 0,
    }
}

fn client(room: u32) -> Sealer {
    Sealer::client(Cipher::new(MODE, &key(room, 0)), [0; 24])
}

fn server(room: u32, member: u32) -> Sealer {
    Sealer::server(Cipher::new(MODE, &key(room, member)), 0, [0; 24])
}

fn ssrc(room: u32, member: u32) -> Ssrc {
    Ssrc(1 + room * 1000 + member)
}

fn address(room: u32, member: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, room as u8, member as u8], 4000))
}

fn key(room: u32, member: u32) -> TransportKey {
    TransportKey::from(std::array::from_fn(|index| {
        (ssrc(room, member).0 >> (8 * (index % 4))) as u8
    }))
}
