//! `bench sessions`: what an idle voice session costs the server in memory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use voxhall_client::Trust;
use voxhall_protocol::voice::EncryptionMode;

use super::fanout::join_all;
use super::node;
use super::report::Report;

/// Members of one room.
const ROOM: u32 = 10;
/// For buffers of the handshakes to be given back.
const SETTLE: Duration = Duration::from_secs(2);

/// Measures the server: voice sessions that are connected over TLS and silent
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Sessions, ten to a room
    #[arg(long, default_value_t = 5000)]
    pub sessions: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    sessions: u32,
    /// Memory of the server's own per session: socket buffers of the kernel are not in it, TLS is.
    bytes_per_idle_session: u64,
    threads: usize,
}

impl Report for Outcome {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("sessions", self.sessions.to_string()),
            (
                "memory per idle session",
                format!("{:.1} KiB", self.bytes_per_idle_session as f64 / 1024.0),
            ),
            ("threads of the server", self.threads.to_string()),
        ]
    }
}

impl Args {
    /// Runs the benchmark.
    pub async fn run(&self, state: PathBuf) -> Result<impl Report + use<>> {
        let rooms = self.sessions.div_ceil(ROOM);
        ensure!(rooms > 0, "no sessions, nothing to measure");
        let (server, address) = node::Args {
            rooms,
            members: ROOM,
            workers: 1,
            state,
        }
        .start()?;
        let tls = Trust::CaFile(address.ca.clone()).tls_config()?;
        let before = server.usage()?.memory;
        let members = join_all(
            &address.voice,
            rooms,
            ROOM,
            EncryptionMode::AeadAes256GcmRtpsize,
            Some(tls),
        )
        .await?;
        tokio::time::sleep(SETTLE).await;
        let after = server.usage()?;
        let sessions = rooms * ROOM;
        drop(members);
        Ok(Outcome {
            sessions,
            bytes_per_idle_session: after.memory.saturating_sub(before) / u64::from(sessions),
            threads: after.threads,
        })
    }
}
