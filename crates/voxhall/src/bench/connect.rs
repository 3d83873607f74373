//! `bench connect`: from op 4 to the first packet that the other side hears, with a whole server; and what a voice
//! session costs it in memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use voxhall_client::{ClientConfig, OpusPacket, Subscription, Trust, VoiceClient};
use voxhall_media::source::Clip;
use voxhall_protocol::ids::UserId;

use super::music;
use super::process::Peer;
use super::report::Report;
use super::sessions;
use super::statistics::percentile;
use crate::state::DevFile;

/// For a server to start.
const START: Duration = Duration::from_secs(20);
/// A join that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause that the server makes between the two events of a join, for clients that lose their way otherwise.
const SERVER_PAUSE_MS: f64 = 10.0;

/// Measures joins, from op 4 to the first packet that the other side hears, and the memory of idle sessions
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Joins
    #[arg(long, default_value_t = 50)]
    pub joins: u32,
    /// Idle voice sessions, ten to a room
    #[arg(long, default_value_t = 5000)]
    pub sessions: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    joins: u32,
    join_ms_p50: f64,
    join_ms_p99: f64,
    /// The same without the pause between the two events.
    beyond_pause_ms_p50: f64,
    sessions: u32,
    /// Memory of the server's own per idle session, TLS included.
    bytes_per_idle_session: u64,
    /// Threads of the server with that many sessions.
    server_threads: usize,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("joins", self.joins.to_string()),
            ("op 4 to first packet, p50", format!("{:.1} ms", self.join_ms_p50)),
            ("op 4 to first packet, p99", format!("{:.1} ms", self.join_ms_p99)),
            (
                "p50 beyond the 10 ms pause",
                format!("{:.1} ms", self.beyond_pause_ms_p50),
            ),
        ]
    }
}

impl Args {
    /// Runs the benchmark.
    pub async fn run(&self, state: PathBuf) -> Result<impl Report + use<>> {
        ensure!(self.joins > 0, "no joins, nothing to measure");
        let mut times = self.join_times(&state.join("whole")).await?;
        let [p50, p99] = [0.50, 0.99].map(|share| percentile(&mut times, share).unwrap_or(f64::NAN));
        let idle = sessions::measure(self.sessions, state.join("node")).await?;
        Ok(Outcome {
            joins: self.joins,
            join_ms_p50: p50,
            join_ms_p99: p99,
            beyond_pause_ms_p50: p50 - SERVER_PAUSE_MS,
            sessions: self.sessions,
            bytes_per_idle_session: idle.bytes_per_session,
            server_threads: idle.threads,
        })
    }

    /// Milliseconds of each join.
    async fn join_times(&self, state: &Path) -> Result<Vec<f64>> {
        let _server = start_server(state)?;
        let world = wait_for_world(state).await?;
        let channel = *world
            .voice_channels
            .first()
            .context("the world has no voice channel")?;
        let listener = login(&world, "bench-listener").await?;
        let hearing = listener.join(world.guild_id, channel).await?;
        let mut packets = hearing.packets(1024);
        let clip = music::clip()?;
        let mut times = Vec::new();
        for number in 0..self.joins {
            // A bot for each join: the server takes ten op 4 in ten seconds from one session, and no more.
            let speaker = login(&world, &format!("bench-speaker-{number}")).await?;
            let begin = Instant::now();
            let speaking = speaker.join(world.guild_id, channel).await?;
            play_until_heard(&speaking, &clip, &mut packets, speaker.user().id).await?;
            times.push(begin.elapsed().as_secs_f64() * 1e3);
            speaking.leave().await;
            speaker.close().await;
        }
        Ok(times)
    }
}

async fn play_until_heard(
    speaking: &voxhall_client::VoiceConnection,
    clip: &Clip,
    packets: &mut Subscription<OpusPacket>,
    speaker: UserId,
) -> Result<()> {
    speaking.play(clip.play_repeated());
    tokio::time::timeout(PATIENCE, async {
        loop {
            let packet = packets.recv().await.context("the listener's connection ended")?;
            if packet.user == speaker {
                return anyhow::Ok(());
            }
        }
    })
    .await
    .context("the listener heard nothing")?
}

/// Starts a development server on ports of its own.
pub fn start_server(state: &Path) -> Result<Peer> {
    let arguments = [
        "serve",
        "--dev",
        "--listen=127.0.0.1:0",
        "--voice-listen=127.0.0.1:0",
        "--media-port=0",
        "--workers=1",
        "--log=warn",
        &format!("--state={}", state.display()),
    ];
    Peer::start(&arguments.map(ToOwned::to_owned))
}

/// Waits until a server has said where it is.
pub async fn wait_for_world(state: &Path) -> Result<DevFile> {
    let begin = Instant::now();
    loop {
        match DevFile::read(state) {
            Ok(world) => return Ok(world),
            Err(error) if begin.elapsed() > START => return Err(error.context("the server did not start")),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Logs in as a new bot: a development server makes one for any token.
async fn login(world: &DevFile, token: &str) -> Result<VoiceClient> {
    let mut config = ClientConfig::bot(&world.api, token);
    config.trust = Trust::CaFile(
        world
            .ca
            .clone()
            .context("the server made an authority of its own")?,
    );
    Ok(VoiceClient::login(config).await?)
}
