//! CPU time per forwarded packet: the worker beside the floor, in alternating phases of one process.
//!
//! `cargo bench -p voxhall-sfu --bench fanout -- [rooms=10] [listeners=20] [pps=200] [seconds=2] [cycles=5]`
//!
//! Every listener has a socket of its own, as real ones have; they are emptied by polling, so that the figures contain
//! no wake-ups of readers. Speakers send evenly spread, so that each packet wakes its server.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::floor::{Floor, FloorStream};
use voxhall_sfu::{
    Command, MemberId, MemberSsrcs, PayloadTypes, RoomId, Transport, TransportKey, UdpTransport, Worker,
    WorkerConfig, WorkerHandle,
};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, Sealer, SequenceNumber};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const LOOPBACK: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0));
const SOCKET_BUFFER: usize = 8 << 20;
/// An Opus frame of 20 ms at 48 kbit/s.
const PAYLOAD: usize = 120;

struct Setting {
    rooms: usize,
    listeners: usize,
    pps: u64,
    seconds: u64,
    cycles: usize,
}

impl Setting {
    fn from_arguments() -> Self {
        let mut setting = Self {
            rooms: 10,
            listeners: 20,
            pps: 200,
            seconds: 2,
            cycles: 5,
        };
        for argument in std::env::args().skip(1) {
            let Some((name, value)) = argument.split_once('=') else {
                continue;
            };
            let value: u64 = value.parse().expect("a number");
            match name {
                "rooms" => setting.rooms = value as usize,
                "listeners" => setting.listeners = value as usize,
                "pps" => setting.pps = value,
                "seconds" => setting.seconds = value,
                "cycles" => setting.cycles = value as usize,
                _ => panic!("no such setting: {name}"),
            }
        }
        setting
    }
}

/// A speaker's side of a session, once with the worker and once with the floor.
struct Speaker {
    socket: UdpSocket,
    sealer: Sealer,
    header: RtpHeader,
}

impl Speaker {
    fn new(index: usize) -> Self {
        let cipher = Cipher::new(MODE, &key(index, 0));
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::OPUS,
            sequence_number: SequenceNumber(0),
            timestamp: 0,
            ssrc: speaker_ssrc(index),
        };
        Self {
            socket: UdpSocket::bind(LOOPBACK).expect("a port on loopback"),
            sealer: Sealer::client(cipher, [0; 24]),
            header,
        }
    }

    fn send(&mut self, to: SocketAddr) {
        self.header.sequence_number = self.header.sequence_number.next();
        self.header.timestamp = self.header.timestamp.wrapping_add(960);
        let mut buffer = [0x5a; 256];
        let length = self.header.write(&[], &mut buffer).expect("room for a header");
        let length = self
            .sealer
            .seal(PacketKind::Rtp, &mut buffer, length + PAYLOAD)
            .expect("room for a tag");
        self.socket
            .send_to(&buffer[..length], to)
            .expect("loopback takes it");
    }
}

fn speaker_ssrc(room: usize) -> Ssrc {
    Ssrc(1 + room as u32)
}

fn listener_ssrc(room: usize, listener: usize) -> Ssrc {
    Ssrc(1_000_000 + (room * 1000 + listener) as u32)
}

fn key(room: usize, member: usize) -> TransportKey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&((room * 1000 + member) as u64).to_le_bytes());
    TransportKey::from(bytes)
}

fn main() {
    let setting = Setting::from_arguments();
    let sockets: Vec<Vec<UdpSocket>> = (0..setting.rooms)
        .map(|_| (0..setting.listeners).map(|_| listener_socket()).collect())
        .collect();
    let worker = start_worker(&setting, &sockets);
    let floor = start_floor(&setting, &sockets);
    let (received, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let drain = {
        let (received, stop) = (Arc::clone(&received), Arc::clone(&stop));
        thread::spawn(move || drain(&sockets, &received, &stop))
    };
    let mut to_worker: Vec<Speaker> = (0..setting.rooms).map(Speaker::new).collect();
    let mut to_floor: Vec<Speaker> = (0..setting.rooms).map(Speaker::new).collect();

    let per_second = setting.rooms as u64 * setting.pps * setting.listeners as u64;
    println!(
        "{per_second} packets/s: {} rooms x 1 x {} x {} pps",
        setting.rooms, setting.listeners, setting.pps
    );
    let (mut ratios, mut worker_costs, mut floor_costs) = (Vec::new(), Vec::new(), Vec::new());
    for cycle in 0..=setting.cycles {
        let floor_cost = phase(&setting, &mut to_floor, floor.local_addr(), || floor.cpu_time());
        let worker_cost = phase(&setting, &mut to_worker, worker.local_addr(), || {
            worker.cpu_time()
        });
        println!(
            "floor {floor_cost:7.0} ns  worker {worker_cost:7.0} ns  ratio {:.3}",
            worker_cost / floor_cost
        );
        // The first cycle warms caches.
        if cycle > 0 {
            ratios.push(worker_cost / floor_cost);
            worker_costs.push(worker_cost);
            floor_costs.push(floor_cost);
        }
    }
    thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    drain.join().expect("the draining thread");
    let stats = worker.stats();
    let report = floor.stop().expect("the floor");
    let sent = stats.sent + report.sent;
    println!("worker {stats:?}");
    println!(
        "delivered {:.4} of {sent}",
        received.load(Ordering::Relaxed) as f64 / sent as f64
    );
    println!(
        "{{\"cpu_ns_per_packet\":{:.0},\"floor_ns_per_packet\":{:.0},\"ratio\":{:.3}}}",
        median(&mut worker_costs),
        median(&mut floor_costs),
        median(&mut ratios)
    );
    worker.shutdown();
    worker.join();
}

/// Sends for the setting's time and returns the CPU nanoseconds per packet that went to a listener.
fn phase(
    setting: &Setting,
    speakers: &mut [Speaker],
    to: SocketAddr,
    cpu_time: impl Fn() -> Option<Duration>,
) -> f64 {
    let packets = setting.seconds * setting.pps * setting.rooms as u64;
    let step = Duration::from_nanos(1_000_000_000 / (setting.pps * setting.rooms as u64));
    thread::sleep(Duration::from_millis(100));
    let before = cpu_time().expect("the thread runs");
    let start = Instant::now();
    for (packet, index) in (0..packets).zip((0..speakers.len()).cycle()) {
        let due = start + step * packet as u32;
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        speakers[index].send(to);
    }
    thread::sleep(Duration::from_millis(100));
    let used = cpu_time().expect("the thread runs") - before;
    used.as_nanos() as f64 / (packets * setting.listeners as u64) as f64
}

fn listener_socket() -> UdpSocket {
    let socket = UdpSocket::bind(LOOPBACK).expect("a port on loopback");
    socket.set_nonblocking(true).expect("a socket option");
    socket
}

/// Empties the listeners' sockets now and then.
fn drain(sockets: &[Vec<UdpSocket>], received: &AtomicU64, stop: &AtomicBool) {
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        for socket in sockets.iter().flatten() {
            while socket.recv(&mut buffer).is_ok_and(|length| length > 80) {
                received.fetch_add(1, Ordering::Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn start_floor(setting: &Setting, sockets: &[Vec<UdpSocket>]) -> Floor {
    let streams: Vec<FloorStream> = sockets
        .iter()
        .enumerate()
        .map(|(room, sockets)| {
            let address = |socket: &UdpSocket| socket.local_addr().expect("bound");
            let listeners = sockets.iter().enumerate();
            let listeners = listeners.map(|(listener, socket)| (address(socket), key(room, listener + 1)));
            FloorStream {
                key: key(room, 0),
                listeners: listeners.collect(),
            }
        })
        .collect();
    assert_eq!(streams.len(), setting.rooms);
    Floor::spawn(LOOPBACK, SOCKET_BUFFER, speaker_ssrc(0), &streams).expect("a port on loopback")
}

fn start_worker(setting: &Setting, sockets: &[Vec<UdpSocket>]) -> WorkerHandle {
    let worker = Worker::spawn(WorkerConfig::new(LOOPBACK), |_| {}).expect("a port on loopback");
    let mut next = 0;
    let mut add = |room: usize, member: usize, ssrc: Ssrc| {
        next += 1;
        let id = MemberId(next);
        let ssrcs = MemberSsrcs {
            audio: ssrc,
            streams: Vec::new(),
        };
        worker
            .send(Command::AddMember {
                member: id,
                room: RoomId(room as u64),
                ssrcs,
            })
            .expect("it runs");
        let transport = UdpTransport {
            mode: MODE,
            key: key(room, member),
            hint: None,
            first_nonce: 0,
            known: None,
        };
        let transport = Transport::Udp(transport);
        let payload_types = PayloadTypes::default();
        worker
            .send(Command::Connect {
                member: id,
                transport,
                payload_types,
                dave: false,
            })
            .expect("it runs");
    };
    for (room, sockets) in sockets.iter().enumerate() {
        add(room, 0, speaker_ssrc(room));
        for listener in 0..sockets.len() {
            add(room, listener + 1, listener_ssrc(room, listener));
        }
    }
    for (room, sockets) in sockets.iter().enumerate() {
        for (listener, socket) in sockets.iter().enumerate() {
            let request = Request::new(listener_ssrc(room, listener)).encode();
            socket
                .send_to(&request, worker.local_addr())
                .expect("loopback takes it");
        }
    }
    let expected = (setting.rooms * setting.listeners) as u64;
    while worker.stats().discovery < expected {
        thread::sleep(Duration::from_millis(10));
    }
    worker
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
