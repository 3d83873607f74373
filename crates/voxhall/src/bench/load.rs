//! The two halves of a load: a thread that speaks for everyone on time, and tasks that count what listeners hear.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use voxhall_media::source::Clip;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::crypto::Opened;
use voxhall_transport::srtp::SrtpOpener;
use voxhall_transport::{
    Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber, demux, rtp::RtpHeader,
};

use super::member::{H264, Keys, LoadMember};
use super::statistics::percentile;

/// Ticks of the RTP clock in a 20 ms frame.
const FRAME_TICKS: u32 = 960;

/// The client spreads its connections over the 20 ms of a frame in as many slots.
const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);

/// Where a speaker sends, and as which source.
pub type Target = (SocketAddr, Ssrc);

/// What speakers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Frames of Opus, one packet each.
    Audio,
    /// Pictures, each a burst of packets with one timestamp.
    Video,
}

impl Content {
    /// Packets that are sent together.
    pub const fn burst(self) -> u32 {
        match self {
            Self::Audio => 1,
            Self::Video => 8,
        }
    }

    const fn payload_type(self) -> PayloadType {
        match self {
            Self::Audio => PayloadType::OPUS,
            Self::Video => VIDEO,
        }
    }

    /// RTP ticks from one packet or picture to the next. Nothing depends on the rate of pictures.
    const fn ticks(self) -> u32 {
        match self {
            Self::Audio => FRAME_TICKS,
            Self::Video => PICTURE_TICKS,
        }
    }
}

const VIDEO: PayloadType = PayloadType::new(H264).expect("an RTP payload type has seven bits");
/// Ticks of the video clock at thirty pictures a second.
const PICTURE_TICKS: u32 = 3000;

/// One speaker: a socket and everything that changes from packet to packet.
pub struct Speaker {
    socket: UdpSocket,
    sealer: Sealer,
    sequence: SequenceNumber,
    timestamp: u32,
}

impl Speaker {
    /// Speaks with the member's socket and key.
    pub fn new(member: &LoadMember) -> Result<Self> {
        Ok(Self {
            socket: member.socket.try_clone()?,
            sealer: Sealer::client(member.keys.cipher()?, rand::random()),
            sequence: SequenceNumber(rand::random()),
            timestamp: rand::random(),
        })
    }

    /// Sends one packet or one picture, of packets whose payloads begin with their time of sending.
    fn speak(
        &mut self,
        (target, ssrc): Target,
        content: Content,
        sent: Duration,
        payload: &mut [u8],
    ) -> Result<()> {
        let (stamp, _) = payload
            .split_first_chunk_mut()
            .context("the payload holds a time stamp")?;
        *stamp = u64::try_from(sent.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
        let mut datagram = [0; 1500];
        for left in (0..content.burst()).rev() {
            let ends_picture = content == Content::Video && left == 0;
            let length = self.seal(ssrc, content, ends_picture, payload, &mut datagram)?;
            self.socket.send_to(&datagram[..length], target)?;
        }
        self.timestamp = self.timestamp.wrapping_add(content.ticks());
        Ok(())
    }

    /// The next packet, in `datagram`; returns its length.
    fn seal(
        &mut self,
        ssrc: Ssrc,
        content: Content,
        marker: bool,
        payload: &[u8],
        datagram: &mut [u8],
    ) -> Result<usize> {
        let header = RtpHeader {
            marker,
            payload_type: content.payload_type(),
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc,
        };
        self.sequence = self.sequence.next();
        Ok(self
            .sealer
            .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, datagram)?)
    }
}

/// How often and how much each speaker sends.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// What each sends.
    pub content: Content,
    /// Packets per second and speaker.
    pub packets_per_second: u32,
    /// Bytes of payload in a packet.
    pub payload: usize,
    /// For how long.
    pub length: Duration,
}

/// Lets all speakers send, each to its target, at their pace and with their packets spread evenly over time. Blocks;
/// returns how many packets were sent.
pub fn speak(speakers: &mut [Speaker], targets: &[Target], pace: Pace, epoch: Instant) -> Result<u64> {
    let burst = pace.content.burst();
    let rate = f64::from(pace.packets_per_second) * speakers.len() as f64 / f64::from(burst);
    let count = (rate * pace.length.as_secs_f64()) as u64;
    let mut payload = vec![0x5A; pace.payload];
    let begin = Instant::now();
    for number in 0..count {
        let due = begin + Duration::from_secs_f64(number as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let speaker = usize::try_from(number).unwrap_or(usize::MAX) % speakers.len();
        speakers[speaker].speak(targets[speaker], pace.content, epoch.elapsed(), &mut payload)?;
    }
    Ok(count * u64::from(burst))
}

/// The floor of `bench play`: the same packets from as many connected sockets at the same pace, sealed and sent by one
/// loop and nothing else. Blocks until `until`; returns how many packets were sent.
pub fn play(members: &[LoadMember], clip: &Clip, until: Instant) -> Result<u64> {
    let mut speakers = members
        .iter()
        .map(|member| {
            member.socket.connect(member.media)?;
            Ok((Speaker::new(member)?, member.ssrc))
        })
        .collect::<Result<Vec<_>>>()?;
    let per_slot = speakers.len().div_ceil(SLOTS).max(1);
    let (begin, mut slots, mut sent) = (Instant::now(), 0, 0);
    let mut datagram = [0; 1500];
    for frame in clip.frames().iter().cycle() {
        for speakers in speakers.chunks_mut(per_slot) {
            for (speaker, ssrc) in speakers {
                let length = speaker.seal(*ssrc, Content::Audio, false, frame.packet(), &mut datagram)?;
                speaker.timestamp = speaker.timestamp.wrapping_add(FRAME_TICKS);
                speaker.socket.send(&datagram[..length])?;
                sent += 1;
            }
            slots += 1;
            let due = begin + SLOT * slots;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok(sent)
}

/// Opens what a listener gets.
enum Opener {
    Udp(Box<Cipher>),
    WebRtc(Box<SrtpOpener>),
}

impl Opener {
    fn of(keys: &Keys) -> Result<Self> {
        Ok(match keys {
            Keys::Udp(..) => Self::Udp(Box::new(keys.cipher()?)),
            Keys::WebRtc(association) => Self::WebRtc(Box::new(association.opener())),
        })
    }

    fn open<'d>(&mut self, datagram: &'d mut [u8]) -> Option<Opened<'d>> {
        match self {
            Self::Udp(cipher) => cipher.open(PacketKind::Rtp, datagram),
            Self::WebRtc(opener) => opener.open(PacketKind::Rtp, datagram),
        }
        .ok()
    }
}

/// What all listeners together have heard.
#[derive(Default)]
pub struct Heard {
    packets: AtomicU64,
    latencies_us: Mutex<Vec<f64>>,
}

impl Heard {
    /// Listens on a member's socket until the runtime ends. Packets of any sender count; only they are sent here.
    pub fn listen(self: &Arc<Self>, member: &LoadMember, epoch: Instant) -> Result<()> {
        let socket = member.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let mut opener = Opener::of(&member.keys)?;
        let heard = Arc::clone(self);
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok(length) = socket.recv(&mut buffer).await {
                heard.take(&mut opener, &mut buffer[..length], epoch.elapsed());
            }
        });
        Ok(())
    }

    fn take(&self, opener: &mut Opener, datagram: &mut [u8], now: Duration) {
        if !matches!(
            demux::classify(datagram, demux::LegacyDiscovery::Refused),
            demux::Datagram::Rtp(_)
        ) {
            return;
        }
        let Some(opened) = opener.open(datagram) else {
            return;
        };
        let Ok(packet) = RtpPacket::parse(opened.packet) else {
            return;
        };
        let Some(stamp) = packet.payload().first_chunk() else {
            return;
        };
        let sent = Duration::from_nanos(u64::from_be_bytes(*stamp));
        self.packets.fetch_add(1, Ordering::Relaxed);
        let latency = now.saturating_sub(sent).as_secs_f64() * 1e6;
        self.latencies_us
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(latency);
    }

    /// Packets heard and the latencies' 50th and 99th percentile in microseconds since the last call.
    pub fn drain(&self) -> (u64, Option<f64>, Option<f64>) {
        let mut latencies = std::mem::take(
            &mut *self
                .latencies_us
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let packets = self.packets.swap(0, Ordering::Relaxed);
        (
            packets,
            percentile(&mut latencies, 0.50),
            percentile(&mut latencies, 0.99),
        )
    }
}
