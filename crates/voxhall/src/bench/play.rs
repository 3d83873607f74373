//! `bench play`: many connections in one process, each playing Opus without decoding it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use voxhall_client::{ConnectionConfig, ConnectionInfo, MediaEngine, Room, Trust, VoiceConnection};
use voxhall_media::source::Clip;
use voxhall_protocol::ids::GuildId;
use voxhall_protocol::voice::EncryptionMode;

use super::member::{Joining, LoadMember};
use super::process::Usage;
use super::report::Report;
use super::world::Member;
use super::{load, music, node};

/// Handshakes under way at once.
const HANDSHAKES: usize = 16;
/// For connections to become steady before the count begins.
const SETTLE: Duration = Duration::from_secs(1);
const TICKS_PER_SECOND: f64 = 50.0;

/// Measures the client: connections that all play, in one process
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Connections, each in a room of its own
    #[arg(long, default_value_t = 1000)]
    pub connections: u32,
    /// Seconds of play that are counted
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    connections: u32,
    seconds: f64,
    /// CPU time of the whole process per connection and 20 ms tick.
    us_per_tick: f64,
    /// The same for a bare loop that seals and sends the same packets over as many sockets.
    floor_us_per_tick: f64,
    ratio: f64,
    /// Memory of the process's own per connection, TLS and both sockets included.
    bytes_per_connection: u64,
    threads: usize,
    /// Of the packets that the time asks for, those that were sent.
    sent: f64,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("connections", self.connections.to_string()),
            (
                "CPU per connection and tick",
                format!("{:.2} µs", self.us_per_tick),
            ),
            (
                "floor of the same run",
                format!("{:.2} µs, ratio {:.2}", self.floor_us_per_tick, self.ratio),
            ),
            (
                "memory per connection",
                format!("{:.1} KiB", self.bytes_per_connection as f64 / 1024.0),
            ),
            ("threads", self.threads.to_string()),
            ("packets sent in time", format!("{:.4}", self.sent)),
        ]
    }
}

impl Args {
    /// Runs the benchmark.
    pub async fn run(&self, state: PathBuf) -> Result<impl Report + use<>> {
        ensure!(self.connections > 0 && self.seconds > 0, "nothing to measure");
        let server = node::Args {
            // The second half is for the floor.
            rooms: 2 * self.connections,
            members: 1,
            workers: 1,
            state,
        };
        // The server's process ends when this binding does.
        let (_server, address) = server.start()?;
        let clip = music::clip()?;
        let tls = Trust::CaFile(address.ca.clone()).tls_config()?;
        let config = ConnectionConfig::with(tls, MediaEngine::start()?);

        let before = Usage::own()?.memory;
        let connections = connect_all(self.connections, &address.voice, &config, &clip).await?;
        tokio::time::sleep(SETTLE).await;
        let memory = Usage::own()?.memory.saturating_sub(before);

        let (start, begin, sent_before) = (Usage::own()?, Instant::now(), packets_sent(&connections));
        tokio::time::sleep(Duration::from_secs(self.seconds.into())).await;
        let (end, elapsed) = (Usage::own()?, begin.elapsed().as_secs_f64());
        let sent = packets_sent(&connections) - sent_before;

        let ticks = elapsed * TICKS_PER_SECOND * f64::from(self.connections);
        let us_per_tick = end.cpu.saturating_sub(start.cpu).as_secs_f64() * 1e6 / ticks;
        drop(connections);
        let floor_us_per_tick = self.floor(&address.voice, &clip).await?;
        Ok(Outcome {
            connections: self.connections,
            seconds: elapsed,
            us_per_tick,
            floor_us_per_tick,
            ratio: us_per_tick / floor_us_per_tick,
            bytes_per_connection: memory / u64::from(self.connections),
            threads: end.threads,
            sent: sent as f64 / ticks,
        })
    }
}

impl Args {
    /// CPU time in µs per connection and tick of a loop that only seals and sends.
    async fn floor(&self, voice: &str, clip: &Clip) -> Result<f64> {
        let mut members = Vec::new();
        for member in Member::all(2 * self.connections, 1).skip(self.connections as usize) {
            let how = Joining::audio(EncryptionMode::AeadAes256GcmRtpsize);
            members.push(LoadMember::join(voice, member, how).await?);
        }
        let (clip, seconds) = (clip.clone(), self.seconds.into());
        let floor = tokio::task::spawn_blocking(move || -> Result<f64> {
            let before = Usage::own_thread()?;
            let sent = load::play(&members, &clip, Instant::now() + Duration::from_secs(seconds))?;
            Ok((Usage::own_thread()? - before).as_secs_f64() * 1e6 / sent as f64)
        });
        floor.await?
    }
}

async fn connect_all(
    count: u32,
    endpoint: &str,
    config: &ConnectionConfig,
    clip: &Clip,
) -> Result<Vec<VoiceConnection>> {
    let mut waiting = Member::all(count, 1);
    let mut joining = JoinSet::new();
    let mut joined = Vec::new();
    loop {
        while joining.len() < HANDSHAKES {
            let Some(member) = waiting.next() else { break };
            let connection = VoiceConnection::connect(info(member, endpoint), config.clone());
            connection.play(clip.play_repeated());
            joining.spawn(async move { connection.connected().await.map(|()| connection) });
        }
        let Some(done) = joining.join_next().await else {
            return Ok(joined);
        };
        joined.push(done?.context("a connection failed")?);
    }
}

fn info(member: Member, endpoint: &str) -> ConnectionInfo {
    ConnectionInfo {
        user: member.user(),
        room: Room::Guild(GuildId(member.server().0)),
        channel: member.channel(),
        session_id: member.session_id(),
        token: member.token(),
        endpoint: endpoint.to_owned(),
    }
}

fn packets_sent(connections: &[VoiceConnection]) -> u64 {
    connections
        .iter()
        .map(|connection| connection.statistics().media.packets_sent)
        .sum()
}
