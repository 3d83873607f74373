//! A foreign client as a process, and the lines it prints.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use voxhall_system::World;

use crate::PATIENCE;
use crate::library::Library;

/// One line of a bot.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// What happened.
    pub event: String,
    /// With `heard`: how loud, in dBFS.
    pub level: Option<f32>,
    /// With `track`: what it begins to play.
    pub hz: Option<f32>,
    /// With `voice` and `gateway`: how that connection stands now.
    pub status: Option<String>,
}

/// A running foreign client.
#[derive(Debug)]
pub struct Bot {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bot {
    /// Starts a program of a library, with further variables.
    pub fn start(
        library: &Library,
        program: &[&str],
        world: &World,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let folder = interop_folder()?;
        let (program, arguments) = program.split_first().context("a client has a program")?;
        let mut process = Command::new(in_folder(&folder, program))
            .args(arguments.iter().map(|argument| in_folder(&folder, argument)))
            .env("BASE", world.base())
            .env("CA", &world.ca)
            .env(library.ca_variable, &world.ca)
            .env("TOKEN", &world.bots[1].token)
            .env("GUILD", world.guild_id.to_string())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}; interop/run installs it"))?;
        let output = process.stdout.take().context("its output was asked for")?;
        Ok(Self {
            process,
            lines: BufReader::new(output).lines(),
        })
    }

    /// The next line, whenever it comes; nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Line> {
        let text = self.lines.next_line().await?.context("it ended")?;
        serde_json::from_str(&text).with_context(|| format!("it printed {text:?}"))
    }

    /// The next line, which must come soon and tell this.
    pub async fn expect(&mut self, event: &str) -> Result<Line> {
        let line = tokio::time::timeout(PATIENCE, self.next())
            .await
            .with_context(|| format!("waited in vain for {event:?}"))?
            .with_context(|| format!("waiting for {event:?}"))?;
        ensure!(line.event == event, "expected {event:?}, it printed {line:?}");
        Ok(line)
    }

    /// Waits for the program to end by itself.
    pub async fn end(&mut self) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait());
        Ok(ended.await.context("it does not end")??)
    }
}

fn interop_folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop");
    folder
        .canonicalize()
        .context("the judge runs in the project's own tree")
}

/// Arguments with a slash are files of `interop/`; the rest is found on the path.
fn in_folder(folder: &Path, argument: &str) -> PathBuf {
    if argument.contains('/') {
        folder.join(argument)
    } else {
        PathBuf::from(argument)
    }
}
