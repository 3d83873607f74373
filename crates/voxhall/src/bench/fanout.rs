//! `bench fanout`: what the server spends on forwarding one packet, beside the floor of the same run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use voxhall_protocol::voice::EncryptionMode;

use super::floor;
use super::load::{Heard, Pace, Speaker, Target, speak};
use super::member::{LoadMember, Tls};
use super::node;
use super::process::Peer;
use super::report::{Report, micros, nanos};
use super::world::Member;

/// Handshakes under way at once; more would only queue in the server.
const HANDSHAKES: usize = 32;
/// The run alternates between server and floor this often, so that a slow spell of the machine meets both.
const ROUNDS: u32 = 4;
/// For packets under way to arrive after the last was sent.
const SETTLE: Duration = Duration::from_millis(200);

/// Measures forwarding: rooms of speakers and listeners, all on UDP.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Rooms
    #[arg(long, default_value_t = 10)]
    pub rooms: u32,
    /// Speakers in each room
    #[arg(long, default_value_t = 1)]
    pub speakers: u32,
    /// Listeners in each room
    #[arg(long, default_value_t = 20)]
    pub listeners: u32,
    /// Packets per second of each speaker
    #[arg(long, default_value_t = 50)]
    pub pps: u32,
    /// Seconds of load on the server, and as many on the floor
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Bytes of Opus in a packet
    #[arg(long, default_value_t = 120)]
    pub payload: usize,
    /// Encryption mode of all members
    #[arg(long, default_value_t = EncryptionMode::AeadAes256GcmRtpsize)]
    pub mode: EncryptionMode,
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
    workers: usize,
    /// Packets that the server had to forward.
    packets: u64,
    cpu_ns_per_packet: f64,
    floor_ns_per_packet: f64,
    ratio: f64,
    /// Of the packets to be forwarded, those that arrived.
    delivered: f64,
    floor_delivered: f64,
    latency_us_p50: Option<f64>,
    latency_us_p99: Option<f64>,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("forwarded packets", self.packets.to_string()),
            ("server CPU per packet", nanos(self.cpu_ns_per_packet)),
            ("floor CPU per packet", nanos(self.floor_ns_per_packet)),
            ("ratio", format!("{:.3}", self.ratio)),
            (
                "delivered",
                format!("{:.4} (floor {:.4})", self.delivered, self.floor_delivered),
            ),
            ("latency p50", micros(self.latency_us_p50)),
            ("latency p99", micros(self.latency_us_p99)),
        ]
    }
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
        ensure!((8..=1200).contains(&self.payload), "a payload is 8 to 1200 bytes");
        let members = self.speakers + self.listeners;
        let server = node::Args {
            rooms: self.rooms,
            members,
            workers: self.workers,
            state,
        };
        let (server, address) = server.start()?;
        let members = join_all(&address.voice, self.rooms, members, self.mode, None).await?;
        let (floor, floor_targets) = floor::start(&members, self.speakers as usize)?;
        self.measure(&server, &floor, floor_targets, &members).await
    }

    async fn measure(
        &self,
        server: &Peer,
        floor: &Peer,
        floor_targets: Vec<Target>,
        members: &[Vec<LoadMember>],
    ) -> Result<Outcome> {
        let epoch = Instant::now();
        let heard = Arc::new(Heard::default());
        for member in members.iter().flatten() {
            heard.listen(member, epoch)?;
        }
        let speaking: Vec<&LoadMember> = members
            .iter()
            .flat_map(|room| &room[..self.speakers as usize])
            .collect();
        let mut speakers = speaking
            .iter()
            .map(|member| Speaker::new(member))
            .collect::<Result<Vec<_>>>()?;
        let media: Vec<Target> = speaking
            .iter()
            .map(|member| (member.media, member.ssrc))
            .collect();

        let mut tallies = [Tally::default(), Tally::default()];
        for _ in 0..ROUNDS {
            for (side, tally) in tallies.iter_mut().enumerate() {
                let (process, targets) = match side {
                    0 => (server, media.clone()),
                    _ => (floor, floor_targets.clone()),
                };
                speakers = self
                    .round(process, targets, speakers, epoch, &heard, tally)
                    .await?;
            }
        }
        let [server, floor] = tallies;
        self.outcome(&server, &floor)
    }

    /// One share of the load on one side.
    async fn round(
        &self,
        process: &Peer,
        targets: Vec<Target>,
        mut speakers: Vec<Speaker>,
        epoch: Instant,
        heard: &Heard,
        tally: &mut Tally,
    ) -> Result<Vec<Speaker>> {
        let pace = Pace {
            packets_per_second: self.pps,
            payload: self.payload,
            length: Duration::from_secs(self.seconds.into()) / ROUNDS,
        };
        heard.drain();
        let before = process.usage()?.cpu;
        let (speakers, sent) = tokio::task::spawn_blocking(move || {
            let sent = speak(&mut speakers, &targets, pace, epoch)?;
            anyhow::Ok((speakers, sent))
        })
        .await??;
        tokio::time::sleep(SETTLE).await;
        tally.cpu += process.usage()?.cpu.saturating_sub(before);
        tally.expected += sent * u64::from(self.speakers - 1 + self.listeners);
        let (packets, p50, p99) = heard.drain();
        tally.heard += packets;
        tally.p50.extend(p50);
        tally.p99.extend(p99);
        Ok(speakers)
    }

    fn outcome(&self, server: &Tally, floor: &Tally) -> Result<Outcome> {
        ensure!(
            server.expected > 0,
            "not one packet was sent; give the run more seconds"
        );
        Ok(Outcome {
            rooms: self.rooms,
            speakers: self.speakers,
            listeners: self.listeners,
            pps: self.pps,
            seconds: self.seconds,
            payload: self.payload,
            mode: self.mode.to_string(),
            workers: self.workers,
            packets: server.expected,
            cpu_ns_per_packet: server.per_packet(),
            floor_ns_per_packet: floor.per_packet(),
            ratio: server.per_packet() / floor.per_packet(),
            delivered: server.delivered(),
            floor_delivered: floor.delivered(),
            latency_us_p50: mean(&server.p50),
            latency_us_p99: mean(&server.p99),
        })
    }
}

/// The mean of the rounds' percentiles.
fn mean(rounds: &[f64]) -> Option<f64> {
    (!rounds.is_empty()).then(|| rounds.iter().sum::<f64>() / rounds.len() as f64)
}

/// Lets every member join; returns them room by room, in the order of their numbers.
pub async fn join_all(
    voice: &str,
    rooms: u32,
    size: u32,
    mode: EncryptionMode,
    tls: Option<Tls>,
) -> Result<Vec<Vec<LoadMember>>> {
    let mut waiting = Member::all(rooms, size);
    let mut joining = JoinSet::new();
    let mut joined = Vec::new();
    loop {
        while joining.len() < HANDSHAKES {
            let Some(member) = waiting.next() else { break };
            let (voice, tls) = (voice.to_owned(), tls.clone());
            joining.spawn(async move { (member, LoadMember::join(&voice, member, mode, tls).await) });
        }
        let Some(done) = joining.join_next().await else {
            break;
        };
        let (member, outcome) = done?;
        let load = outcome.with_context(|| format!("member {} of room {}", member.index, member.room))?;
        joined.push((member.room, member.index, load));
    }
    joined.sort_by_key(|(room, index, _)| (*room, *index));
    let mut by_room: Vec<Vec<LoadMember>> = (0..rooms).map(|_| Vec::new()).collect();
    for (room, _, load) in joined {
        by_room[room as usize].push(load);
    }
    Ok(by_room)
}
