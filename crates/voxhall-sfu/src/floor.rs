//! The least that forwarding a voice packet can cost: receive it, open it once, seal it with AES-256-GCM for each
//! listener, send the lot; one thread, the same sockets, nothing else.
//!
//! No rooms, no permissions, no replay windows, no timers, no RTCP: this serves no call. It is what the SFU's cost is
//! measured against, in the same run and on the same machine.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_transport::{Cipher, PacketKind, Sealer, TransportKey};

use crate::socket::{BatchSocket, ReceiveBatch, SendBatch, SendReport};
use crate::thread_clock::ThreadClock;

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;

/// As in the worker.
const RECEIVE_BATCH: usize = 64;

/// The RTP header of packets without extensions, which is all the floor understands.
const HEADER: usize = 12;

/// One speaker and who listens to it.
#[derive(Debug, Clone)]
pub struct FloorStream {
    /// The speaker's key.
    pub key: TransportKey,
    /// Where its packets go, each with the listener's key.
    pub listeners: Vec<(SocketAddr, TransportKey)>,
}

/// What the floor did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FloorReport {
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets that the system did not take.
    pub failed: u64,
}

/// A running floor.
#[derive(Debug)]
pub struct Floor {
    local_addr: SocketAddr,
    clock: ThreadClock,
    thread: JoinHandle<io::Result<FloorReport>>,
}

struct Stream {
    cipher: Cipher,
    listeners: Vec<(SocketAddr, Sealer)>,
}

impl Floor {
    /// Starts the thread. The stream with index `i` has the SSRC `first + i`.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread can be started.
    pub fn spawn(bind: SocketAddr, buffer: usize, first: Ssrc, streams: &[FloorStream]) -> io::Result<Self> {
        let socket = BatchSocket::bind(bind, buffer)?;
        let local_addr = socket.local_addr();
        let streams = streams.iter().map(Stream::new).collect();
        let (clock, started) = ThreadClock::pair();
        let thread = thread::Builder::new().name("floor".to_owned()).spawn(move || {
            started.start();
            run(&socket, first, streams)
        })?;
        Ok(Self {
            local_addr,
            clock,
            thread,
        })
    }

    /// Where it receives.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// CPU time its thread used until now.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        self.clock.read()
    }

    /// Ends it.
    ///
    /// # Errors
    /// The socket broke.
    pub fn stop(self) -> io::Result<FloorReport> {
        // An empty datagram is the sign to end: it is no packet.
        UdpSocket::bind(SocketAddr::new(self.local_addr.ip(), 0))?.send_to(&[], self.local_addr)?;
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the floor's thread panicked")))
    }
}

impl Stream {
    fn new(stream: &FloorStream) -> Self {
        let seal = |(address, key): &(SocketAddr, TransportKey)| {
            (*address, Sealer::server(Cipher::new(MODE, key), 0, [0; 24]))
        };
        Self {
            cipher: Cipher::new(MODE, &stream.key),
            listeners: stream.listeners.iter().map(seal).collect(),
        }
    }
}

fn run(socket: &BatchSocket, first: Ssrc, mut streams: Vec<Stream>) -> io::Result<FloorReport> {
    let mut incoming = ReceiveBatch::new(RECEIVE_BATCH);
    let mut outgoing = SendBatch::new();
    let mut report = FloorReport::default();
    loop {
        socket.receive(&mut incoming)?;
        for (_, datagram) in incoming.datagrams() {
            if datagram.is_empty() {
                return Ok(report);
            }
            report.received += 1;
            let Some(stream) = stream_of(datagram, first, &mut streams) else {
                continue;
            };
            let Ok(opened) = stream.cipher.open(PacketKind::Rtp, datagram) else {
                continue;
            };
            let Some((header, payload)) = opened.packet.split_at_checked(HEADER) else {
                continue;
            };
            for (address, sealer) in &mut stream.listeners {
                if outgoing.is_full() {
                    report.add(socket.send(&mut outgoing));
                }
                outgoing.push(*address, |buffer| {
                    sealer.seal_parts(PacketKind::Rtp, header, payload, buffer).ok()
                });
            }
        }
        report.add(socket.send(&mut outgoing));
    }
}

fn stream_of<'a>(datagram: &[u8], first: Ssrc, streams: &'a mut [Stream]) -> Option<&'a mut Stream> {
    let ssrc = u32::from_be_bytes(*datagram.get(8..HEADER)?.first_chunk()?);
    streams.get_mut(ssrc.checked_sub(first.0)? as usize)
}

impl FloorReport {
    fn add(&mut self, sent: SendReport) {
        self.sent += sent.sent;
        self.failed += sent.failed;
    }
}
