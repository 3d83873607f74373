//! `bench fanout`: what the server spends on forwarding one packet, beside the floor of the same run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use voxhall_protocol::voice::EncryptionMode;

use super::floor;
use super::load::{Content, Heard, Pace, Speaker, Target, speak};
use super::member::{Joining, LoadMember, Path};
use super::node;
use super::process::Peer;
use super::report::{Report, micros, nanos};
use super::world::Member;

/// Handshakes under way at once; more would only queue in the server.
const HANDSHAKES: usize = 32;
/// The run alternates between its sides this often, so that a slow spell of the machine meets all of them.
const ROUNDS: u32 = 4;
/// For packets under way to arrive after the last was sent.
const SETTLE: Duration = Duration::from_millis(200);
/// Bytes of payload in a packet of Opus.
const AUDIO_PAYLOAD: usize = 120;
/// Bytes of payload in a packet of video: what clients send at most.
const VIDEO_PAYLOAD: usize = 1200;

/// Measures forwarding: rooms of speakers and listeners.
///
/// With `--webrtc` or `--video` the same run also measures as many rooms of plain audio over UDP, in the same server.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Rooms
    #[arg(long, default_value_t = 10)]
    pub rooms: u32,
    /// Speakers in each room, always on UDP
    #[arg(long, default_value_t = 1)]
    pub speakers: u32,
    /// Listeners in each room
    #[arg(long, default_value_t = 20)]
    pub listeners: u32,
    /// Packets per second of each speaker
    #[arg(long, default_value_t = 50)]
    pub pps: u32,
    /// Seconds of load on each side of the comparison
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Bytes of payload in a packet (120 for audio, 1200 for video)
    #[arg(long)]
    pub payload: Option<usize>,
    /// Encryption mode of members on UDP
    #[arg(long, default_value_t = EncryptionMode::AeadAes256GcmRtpsize)]
    pub mode: EncryptionMode,
    /// Listeners on WebRTC: ICE, DTLS and SRTP
    #[arg(long)]
    pub webrtc: bool,
    /// Half of the listeners on WebRTC, half on UDP
    #[arg(long, conflicts_with = "webrtc")]
    pub mixed: bool,
    /// Speakers send video: pictures of eight packets each
    #[arg(long)]
    pub video: bool,
    /// SFU workers of the server
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    rooms: u32,
    speakers: u32,
    listeners: u32,
    pps: u32,
    seconds: u32,
    payload: usize,
    mode: String,
    webrtc_listeners: u32,
    video: bool,
    workers: usize,
    /// Packets that the server had to forward.
    packets: u64,
    cpu_ns_per_packet: f64,
    floor_ns_per_packet: f64,
    ratio: f64,
    /// Audio to listeners on UDP, if that is not what was measured.
    udp_audio_ns_per_packet: Option<f64>,
    ratio_to_udp_audio: Option<f64>,
    /// Of the packets to be forwarded, those that arrived.
    delivered: f64,
    floor_delivered: f64,
    latency_us_p50: Option<f64>,
    latency_us_p99: Option<f64>,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("forwarded packets", self.packets.to_string()),
            ("server CPU per packet", nanos(self.cpu_ns_per_packet)),
            ("floor CPU per packet", nanos(self.floor_ns_per_packet)),
            ("ratio", format!("{:.3}", self.ratio)),
        ];
        if let (Some(cost), Some(ratio)) = (self.udp_audio_ns_per_packet, self.ratio_to_udp_audio) {
            lines.push(("audio over UDP", format!("{}, ratio {ratio:.3}", nanos(cost))));
        }
        lines.extend([
            (
                "delivered",
                format!("{:.4} (floor {:.4})", self.delivered, self.floor_delivered),
            ),
            ("latency p50", micros(self.latency_us_p50)),
            ("latency p99", micros(self.latency_us_p99)),
        ]);
        lines
    }
}

/// Something whose CPU time per packet is measured.
struct Side<'a> {
    process: &'a Peer,
    speakers: Vec<Speaker>,
    targets: Vec<Target>,
    content: Content,
    payload: usize,
    tally: Tally,
}

/// CPU time and packets of one side, over all rounds.
#[derive(Debug, Default)]
struct Tally {
    cpu: Duration,
    expected: u64,
    heard: u64,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Tally {
    fn per_packet(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.expected as f64
    }

    fn delivered(&self) -> f64 {
        self.heard as f64 / self.expected as f64
    }
}

impl Args {
    /// Runs the benchmark.
    pub async fn run(&self, state: PathBuf) -> Result<impl Report + use<>> {
        ensure!(
            self.rooms > 0 && self.speakers > 0 && self.listeners > 0,
            "nobody speaks or nobody listens"
        );
        ensure!(
            (8..=VIDEO_PAYLOAD).contains(&self.payload()),
            "a payload is 8 to 1200 bytes"
        );
        let size = self.speakers + self.listeners;
        let rooms = if self.is_plain() {
            self.rooms
        } else {
            2 * self.rooms
        };
        let server = node::Args {
            rooms,
            members: size,
            workers: self.workers,
            state,
        };
        let (server, address) = server.start()?;
        let members = Member::all(rooms, size);
        let joined = join_all(&address.voice, members, |member| self.joining(member)).await?;
        // The last rooms are of plain audio over UDP, and so are the floor's members.
        let (subject, plain) = joined.split_at((rooms - self.rooms) as usize);
        self.measure(&server, subject, plain).await
    }

    /// Whether audio over UDP is all that is measured.
    const fn is_plain(&self) -> bool {
        !(self.webrtc || self.mixed || self.video)
    }

    fn payload(&self) -> usize {
        self.payload
            .unwrap_or(if self.video { VIDEO_PAYLOAD } else { AUDIO_PAYLOAD })
    }

    const fn webrtc_listeners(&self) -> u32 {
        match (self.webrtc, self.mixed) {
            (true, _) => self.listeners,
            (_, true) => self.listeners / 2,
            _ => 0,
        }
    }

    fn joining(&self, member: Member) -> Joining {
        let plain = Joining::audio(self.mode);
        if self.is_plain() || member.room >= self.rooms {
            return plain;
        }
        let listens_over_webrtc =
            (self.speakers..self.speakers + self.webrtc_listeners()).contains(&member.index);
        Joining {
            path: if listens_over_webrtc {
                Path::WebRtc
            } else {
                plain.path
            },
            video: self.video,
            ..plain
        }
    }

    async fn measure(
        &self,
        server: &Peer,
        subject: &[Vec<LoadMember>],
        plain: &[Vec<LoadMember>],
    ) -> Result<Outcome> {
        let (floor, floor_targets) = floor::start(plain, self.speakers as usize)?;
        let epoch = Instant::now();
        let heard = Arc::new(Heard::default());
        for member in subject.iter().chain(plain).flatten() {
            heard.listen(member, epoch)?;
        }
        let content = if self.video {
            Content::Video
        } else {
            Content::Audio
        };
        let audio_payload = if self.is_plain() {
            self.payload()
        } else {
            AUDIO_PAYLOAD
        };
        let mut plain_side = self.side(server, plain, Content::Audio, audio_payload)?;
        let mut floor_side = Side {
            process: &floor,
            targets: floor_targets,
            ..self.side(server, plain, Content::Audio, audio_payload)?
        };
        let mut subject_side = match subject {
            [] => None,
            rooms => Some(self.side(server, rooms, content, self.payload())?),
        };
        for _ in 0..ROUNDS {
            let sides = [&mut plain_side, &mut floor_side];
            for side in sides.into_iter().chain(&mut subject_side) {
                self.round(side, epoch, &heard).await?;
            }
        }
        let subject = subject_side.map(|side| side.tally);
        self.outcome(&plain_side.tally, &floor_side.tally, subject.as_ref())
    }

    /// The server's side with these rooms.
    fn side<'a>(
        &self,
        process: &'a Peer,
        rooms: &[Vec<LoadMember>],
        content: Content,
        payload: usize,
    ) -> Result<Side<'a>> {
        let speaking = || rooms.iter().flat_map(|room| &room[..self.speakers as usize]);
        let target = |member: &LoadMember| {
            let source = match content {
                Content::Audio => Some(member.ssrc),
                Content::Video => member.video,
            };
            Ok((
                member.media,
                source.context("a speaker was given no video source")?,
            ))
        };
        Ok(Side {
            process,
            speakers: speaking().map(Speaker::new).collect::<Result<_>>()?,
            targets: speaking().map(target).collect::<Result<_>>()?,
            content,
            payload,
            tally: Tally::default(),
        })
    }

    /// One share of the load on one side.
    async fn round(&self, side: &mut Side<'_>, epoch: Instant, heard: &Heard) -> Result<()> {
        let pace = Pace {
            content: side.content,
            packets_per_second: self.pps,
            payload: side.payload,
            length: Duration::from_secs(self.seconds.into()) / ROUNDS,
        };
        heard.drain();
        let before = side.process.usage()?.cpu;
        let (mut speakers, targets) = (std::mem::take(&mut side.speakers), side.targets.clone());
        let (speakers, sent) = tokio::task::spawn_blocking(move || {
            let sent = speak(&mut speakers, &targets, pace, epoch)?;
            anyhow::Ok((speakers, sent))
        })
        .await??;
        side.speakers = speakers;
        tokio::time::sleep(SETTLE).await;
        let tally = &mut side.tally;
        tally.cpu += side.process.usage()?.cpu.saturating_sub(before);
        tally.expected += sent * u64::from(self.speakers - 1 + self.listeners);
        let (packets, p50, p99) = heard.drain();
        tally.heard += packets;
        tally.p50.extend(p50);
        tally.p99.extend(p99);
        Ok(())
    }

    fn outcome(&self, plain: &Tally, floor: &Tally, subject: Option<&Tally>) -> Result<Outcome> {
        let measured = subject.unwrap_or(plain);
        let reference = subject.map(|_| plain.per_packet());
        ensure!(
            measured.expected > 0,
            "not one packet was sent; give the run more seconds"
        );
        Ok(Outcome {
            rooms: self.rooms,
            speakers: self.speakers,
            listeners: self.listeners,
            pps: self.pps,
            seconds: self.seconds,
            payload: self.payload(),
            mode: self.mode.to_string(),
            webrtc_listeners: self.webrtc_listeners(),
            video: self.video,
            workers: self.workers,
            packets: measured.expected,
            cpu_ns_per_packet: measured.per_packet(),
            floor_ns_per_packet: floor.per_packet(),
            ratio: measured.per_packet() / floor.per_packet(),
            udp_audio_ns_per_packet: reference,
            ratio_to_udp_audio: reference.map(|cost| measured.per_packet() / cost),
            delivered: measured.delivered(),
            floor_delivered: floor.delivered(),
            latency_us_p50: mean(&measured.p50),
            latency_us_p99: mean(&measured.p99),
        })
    }
}

/// The mean of the rounds' percentiles.
fn mean(rounds: &[f64]) -> Option<f64> {
    (!rounds.is_empty()).then(|| rounds.iter().sum::<f64>() / rounds.len() as f64)
}

/// Lets every member join, each as `how` says; returns them room by room, in the order of their numbers.
pub async fn join_all(
    voice: &str,
    members: impl Iterator<Item = Member>,
    how: impl Fn(Member) -> Joining,
) -> Result<Vec<Vec<LoadMember>>> {
    let mut waiting = members;
    let mut joining = JoinSet::new();
    let mut joined = Vec::new();
    loop {
        while joining.len() < HANDSHAKES {
            let Some(member) = waiting.next() else { break };
            let (voice, how) = (voice.to_owned(), how(member));
            joining.spawn(async move { (member, LoadMember::join(&voice, member, how).await) });
        }
        let Some(done) = joining.join_next().await else {
            break;
        };
        let (member, outcome) = done?;
        let load = outcome.with_context(|| format!("member {} of room {}", member.index, member.room))?;
        joined.push((member.room, member.index, load));
    }
    joined.sort_by_key(|(room, index, _)| (*room, *index));
    let mut by_room: Vec<Vec<LoadMember>> = Vec::new();
    for (room, _, load) in joined {
        by_room.resize_with(by_room.len().max(room as usize + 1), Vec::new);
        by_room[room as usize].push(load);
    }
    Ok(by_room)
}
