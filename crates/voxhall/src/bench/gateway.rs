//! `bench gateway`: what main-Gateway sessions cost a server, at rest and when something happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hyper::Method;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;
use voxhall_client::{Address, Trust};
use voxhall_protocol::Token;

use super::connect::{start_server, wait_for_world};
use super::process::Peer;
use super::report::{Report, nanos};
use super::watcher::{Form, Order, Watcher};
use crate::http::Dialer;
use crate::state::DevFile;

/// Logins under way at once; more would only queue in the server.
const LOGINS: usize = 32;
/// For buffers of the logins to be given back.
const SETTLE: Duration = Duration::from_secs(3);
/// For one event to reach everybody.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a join storm to be over.
const STORM_PATIENCE: Duration = Duration::from_secs(300);
/// Within this time all join.
const STORM: Duration = Duration::from_secs(1);

/// Measures main-Gateway sessions: memory at rest, the cost of a dispatch, and a join storm
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Sessions held, all in one guild
    #[arg(long, default_value_t = 10_000)]
    pub sessions: u32,
    /// Events that go to every session
    #[arg(long, default_value_t = 50)]
    pub events: u32,
    /// Users who enter one channel within a second
    #[arg(long, default_value_t = 1000)]
    pub joiners: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// One form of sessions.
#[derive(Debug, Serialize)]
struct Held {
    /// Memory of the server's own per session at rest.
    bytes_per_session: u64,
    dispatches_per_second: f64,
    /// CPU time of the server per dispatch.
    cpu_ns_per_dispatch: f64,
    /// Bytes of a dispatch on the wire.
    bytes_per_dispatch: f64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    sessions: u32,
    events: u32,
    plain: Held,
    zlib_stream: Held,
    joiners: u32,
    /// From the first op 4 until the last VOICE_STATE_UPDATE has come to the last session.
    join_storm_ms: f64,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let kib = |held: &Held| format!("{:.1} KiB", held.bytes_per_session as f64 / 1024.0);
        let rate = |held: &Held| format!("{:.0}", held.dispatches_per_second);
        let size = |held: &Held| format!("{:.0}", held.bytes_per_dispatch);
        vec![
            ("sessions", self.sessions.to_string()),
            ("memory, plain", kib(&self.plain)),
            ("memory, zlib-stream", kib(&self.zlib_stream)),
            ("dispatches/s, plain", rate(&self.plain)),
            ("dispatches/s, zlib-stream", rate(&self.zlib_stream)),
            ("CPU, plain", nanos(self.plain.cpu_ns_per_dispatch)),
            ("CPU, zlib-stream", nanos(self.zlib_stream.cpu_ns_per_dispatch)),
            ("bytes, plain", size(&self.plain)),
            ("bytes, zlib-stream", size(&self.zlib_stream)),
            ("join storm", format!("{:.0} ms", self.join_storm_ms)),
        ]
    }
}

impl Args {
    /// Runs the benchmark.
    pub async fn run(&self, state: PathBuf) -> Result<impl Report + use<>> {
        ensure!(
            self.sessions > 0 && self.events > 0 && self.joiners > 0,
            "nothing to measure"
        );
        Ok(Outcome {
            sessions: self.sessions,
            events: self.events,
            plain: self.hold(&state.join("plain"), Form::Plain).await?,
            zlib_stream: self.hold(&state.join("zlib"), Form::ZlibStream).await?,
            joiners: self.joiners,
            join_storm_ms: self.storm(&state.join("storm")).await?,
        })
    }

    /// Holds sessions of one form and sends them events.
    async fn hold(&self, state: &Path, form: Form) -> Result<Held> {
        let crowd = Crowd::gather(state, self.sessions, form).await?;
        let world = &crowd.world;
        // The last one owns the guild, and may change its rooms.
        let token = &world.users.last().context("the world has people")?.token;
        let channel = world.voice_channels.first().context("the world has rooms")?;
        let path = format!("{}/v10/channels/{channel}/voice-status", world.api);
        let address: Address = path.parse()?;
        let trust = world
            .ca
            .clone()
            .context("the server made an authority of its own")?;
        let dialer = Dialer::new(&Trust::CaFile(trust))?;
        let cpu = crowd.server.usage()?.cpu;
        let begin = Instant::now();
        let before = crowd.heard.load();
        for event in 1..=self.events {
            set_status(&dialer, &address, token, event).await?;
            let expected = before.dispatches + u64::from(event) * u64::from(self.sessions);
            crowd.wait_for(expected, PATIENCE).await?;
        }
        let elapsed = begin.elapsed();
        let cpu = crowd.server.usage()?.cpu.saturating_sub(cpu);
        let after = crowd.heard.load();
        let dispatches = (after.dispatches - before.dispatches) as f64;
        Ok(Held {
            bytes_per_session: crowd.bytes_per_session,
            dispatches_per_second: dispatches / elapsed.as_secs_f64(),
            cpu_ns_per_dispatch: cpu.as_nanos() as f64 / dispatches,
            bytes_per_dispatch: (after.bytes - before.bytes) as f64 / dispatches,
        })
    }

    /// Lets everybody enter one channel within a second.
    async fn storm(&self, state: &Path) -> Result<f64> {
        let crowd = Crowd::gather(state, self.joiners, Form::Plain).await?;
        let channel = *crowd
            .world
            .voice_channels
            .first()
            .context("the world has rooms")?;
        let before = crowd.heard.load().dispatches;
        let begin = Instant::now();
        for (index, watcher) in (0..self.joiners).zip(&crowd.watchers) {
            tokio::time::sleep_until((begin + STORM * index / self.joiners).into()).await;
            watcher.order(Order::Join(crowd.world.guild_id, channel))?;
        }
        // Everybody is told of everybody, and where to connect.
        let joiners = u64::from(self.joiners);
        crowd
            .wait_for(before + joiners * joiners + joiners, STORM_PATIENCE)
            .await?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }
}

async fn set_status(dialer: &Dialer, address: &Address, token: &Token, event: u32) -> Result<()> {
    let body = json!({"status": format!("the {event}. of many")});
    let answer = dialer
        .request(Method::PUT, address, Some(token), Some(&body))
        .await?;
    ensure!(
        answer.status.is_success(),
        "the server refused: {} {}",
        answer.status,
        answer.body
    );
    Ok(())
}

/// What all sessions have heard together.
#[derive(Debug, Default)]
pub struct Heard {
    dispatches: AtomicU64,
    bytes: AtomicU64,
}

/// [`Heard`] at one moment.
#[derive(Debug, Clone, Copy)]
struct Count {
    dispatches: u64,
    bytes: u64,
}

impl Heard {
    /// A dispatch of so many bytes has come.
    pub fn add(&self, bytes: usize) {
        self.dispatches.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn load(&self) -> Count {
        Count {
            dispatches: self.dispatches.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// A server with sessions.
struct Crowd {
    server: Peer,
    world: DevFile,
    watchers: Vec<Watcher>,
    heard: Arc<Heard>,
    bytes_per_session: u64,
}

impl Crowd {
    async fn gather(state: &Path, sessions: u32, form: Form) -> Result<Self> {
        let server = start_server(state)?;
        let world = wait_for_world(state).await?;
        let address: Address = world.api.parse()?;
        let authority = format!("{}:{}", address.host(), address.port());
        let heard = Arc::new(Heard::default());
        // The first costs what all share.
        let mut watchers = vec![Watcher::open(&authority, "bench-first", form, heard.clone()).await?];
        let before = server.usage()?.memory;
        let mut waiting = 1..sessions;
        let mut joining = JoinSet::new();
        loop {
            while joining.len() < LOGINS {
                let Some(number) = waiting.next() else { break };
                let (authority, heard) = (authority.clone(), heard.clone());
                joining.spawn(async move {
                    Watcher::open(&authority, &format!("bench-{number}"), form, heard).await
                });
            }
            let Some(opened) = joining.join_next().await else {
                break;
            };
            watchers.push(opened??);
        }
        for watcher in &watchers {
            watcher.order(Order::Beat)?;
        }
        tokio::time::sleep(SETTLE).await;
        let grown = server.usage()?.memory.saturating_sub(before);
        Ok(Self {
            server,
            world,
            watchers,
            heard,
            bytes_per_session: grown / u64::from(sessions.saturating_sub(1).max(1)),
        })
    }

    async fn wait_for(&self, dispatches: u64, patience: Duration) -> Result<()> {
        let begin = Instant::now();
        while self.heard.load().dispatches < dispatches {
            if begin.elapsed() > patience {
                bail!(
                    "{} of {dispatches} dispatches came within {} s",
                    self.heard.load().dispatches,
                    patience.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}
