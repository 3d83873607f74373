//! `voxhall inspect`: exchanges by name, and notes held against a server.

use std::io::{BufRead as _, BufReader, Seek as _, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use voxhall_client::Trust;
use voxhall_protocol::capture::{Notes, Wire};

use crate::http::Dialer;
use crate::inspect::{Check, PrivateServer, print_log, print_notes};
use crate::state::DevFile;
use crate::stop::StopSignals;

/// How often a log is looked at for new lines.
const LOOK: Duration = Duration::from_millis(200);

/// Print an exchange with names in place of numbers, or check a server against one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall inspect notes.txt                 capture notes, by name
  voxhall inspect --check notes.txt         sends the client's half to a server of its own, compares the server's half
  voxhall inspect --follow messages.jsonl   what `voxhall serve --wire-log messages.jsonl` writes, as it comes")]
pub struct Args {
    /// Capture notes, or a log of `voxhall serve --wire-log`
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replay the client's half against a server, and compare what the server says, event by event
    #[arg(long, conflicts_with = "follow")]
    check: bool,

    /// The state folder of the development server to check [default: one is started, and ended]
    #[arg(long, value_name = "DIR", requires = "check")]
    state: Option<PathBuf>,

    /// Check the exchanges of one gateway only
    #[arg(long, value_name = "WHICH", requires = "check")]
    gateway: Option<Gateway>,

    /// Go on printing as the log grows
    #[arg(long)]
    follow: bool,
}

/// A gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gateway {
    /// The main Gateway.
    Main,
    /// The voice gateway.
    Voice,
}

impl Args {
    /// Prints or checks.
    pub async fn run(self) -> Result<()> {
        if self.check {
            return self.check().await;
        }
        if self.follow || is_log(&self.file)? {
            return self.print_log().await;
        }
        print_notes(&read_notes(&self.file)?, &mut stdout().lock())
    }

    async fn check(&self) -> Result<()> {
        let mut notes = read_notes(&self.file)?;
        match self.gateway {
            Some(Gateway::Main) => notes.keep(Wire::Main),
            Some(Gateway::Voice) => notes.keep(Wire::Voice),
            None => {}
        }
        if notes.payloads().next().is_none() {
            bail!("{} holds no payload that could be replayed", self.file.display());
        }
        let (_server, dev) = match &self.state {
            Some(folder) => (None, DevFile::read(folder)?),
            None => {
                let (server, dev) = PrivateServer::start().await?;
                (Some(server), dev)
            }
        };
        let trust = dev.ca.clone().map_or(Trust::System, Trust::CaFile);
        let outcome = Check::new(&notes, &dev, Dialer::new(&trust)?)?.run().await?;
        println!(
            "{} messages sent, {} compared, {} unclear, {} differences",
            outcome.sent, outcome.compared, outcome.unclear, outcome.differences
        );
        match outcome.differences {
            0 => Ok(()),
            1 => bail!("the server says something else in 1 place"),
            many => bail!("the server says something else in {many} places"),
        }
    }

    async fn print_log(&self) -> Result<()> {
        let mut signals = StopSignals::listen()?;
        let mut lines = BufReader::new(open(&self.file)?);
        let mut line = String::new();
        loop {
            if lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
                print_log(&line, &mut stdout().lock())?;
                line.clear();
                continue;
            }
            if !self.follow {
                return Ok(());
            }
            stdout().flush()?;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = signals.received() => return Ok(()),
            }
            // A log that was begun anew is shorter than where we are.
            if lines.get_ref().metadata()?.len() < lines.stream_position()? {
                lines.rewind()?;
                line.clear();
            }
        }
    }
}

fn open(path: &Path) -> Result<std::fs::File> {
    std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A log is JSON from its first byte; notes begin with words.
fn is_log(path: &Path) -> Result<bool> {
    let mut first = String::new();
    BufReader::new(open(path)?).read_line(&mut first)?;
    Ok(first.starts_with("{\"at_ms\":"))
}

fn read_notes(path: &Path) -> Result<Notes> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Notes::parse(&text).with_context(|| format!("{} cannot be understood", path.display()))
}
