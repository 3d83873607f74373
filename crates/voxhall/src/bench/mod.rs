//! `voxhall bench`: how fast it is, measured in separate processes and printed with its method.

mod connect;
mod fanout;
mod floor;
mod gateway;
mod load;
mod member;
mod music;
mod node;
mod play;
mod process;
mod report;
mod sessions;
mod statistics;
mod watcher;
mod webrtc;
mod world;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use report::Report as _;

/// Measures this machine's figures; run it from a release build.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  voxhall bench fanout --rooms 10 --speakers 1 --listeners 20 --pps 50 --json"
)]
pub struct Args {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    Fanout(fanout::Args),
    Connect(connect::Args),
    Gateway(gateway::Args),
    Play(play::Args),
    /// The media node that the other benchmarks load
    #[command(hide = true)]
    Node(node::Args),
    /// The least that forwarding can cost; `fanout` runs it
    #[command(hide = true)]
    Floor,
}

impl Args {
    /// Runs the benchmark and prints its outcome.
    pub async fn run(self) -> Result<()> {
        let folder = Folder::new()?;
        match self.benchmark {
            Benchmark::Fanout(args) => args.run(folder.0.clone()).await?.print(args.json)?,
            Benchmark::Connect(args) => args.run(folder.0.clone()).await?.print(args.json)?,
            Benchmark::Gateway(args) => args.run(folder.0.clone()).await?.print(args.json)?,
            Benchmark::Play(args) => args.run(folder.0.clone()).await?.print(args.json)?,
            Benchmark::Node(args) => args.run().await?,
            Benchmark::Floor => floor::run()?,
        }
        Ok(())
    }
}

/// A folder for the certificates of the benchmark's server; gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("voxhall-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it is a few certificates in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
