//! Child processes of a benchmark, and what the kernel counts of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// A child that ends with this value. The benchmark's own children also end when their standard input is closed, so
/// that they do not outlive a benchmark that was killed.
pub struct Peer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts this program again with other arguments.
    pub fn start(arguments: &[String]) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own path cannot be told")?;
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let lines = BufReader::new(child.stdout.take().context("the child's output was asked for")?);
        Ok(Self { child, lines })
    }

    /// Gives the child one line of JSON on its standard input.
    pub fn write(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let input = self
            .child
            .stdin
            .as_mut()
            .context("the child's input is open until it is dropped")?;
        writeln!(input, "{}", serde_json::to_string(value)?).context("writing to the benchmark's child")
    }

    /// The next line the child prints, as JSON.
    pub fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let length = self
            .lines
            .read_line(&mut line)
            .context("reading from the benchmark's child")?;
        ensure!(
            length > 0,
            "the benchmark's child ended early; its own message stands above"
        );
        serde_json::from_str(&line).with_context(|| format!("the benchmark's child printed {line:?}"))
    }

    /// What the kernel has counted of the child until now.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A server does not end with its input, and nothing that a benchmark's child holds is worth a farewell. If it
        // is gone already, there is nothing to end and nothing to wait for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Counters of one process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Time its threads spent on a core, kernel work included.
    pub cpu: Duration,
    /// Bytes of memory that are its own and resident.
    pub memory: u64,
    /// Threads alive.
    pub threads: usize,
}

impl Usage {
    /// The counters of a process by its id.
    pub fn of(process: u32) -> Result<Self> {
        let mut cpu = Duration::ZERO;
        let mut threads = 0;
        let tasks = format!("/proc/{process}/task");
        for task in std::fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
            // A thread may end between the listing and the reading.
            let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            cpu += on_core(&text)?;
            threads += 1;
        }
        Ok(Self {
            cpu,
            memory: own_memory(process)?,
            threads,
        })
    }

    /// Time that the calling thread spent on a core, kernel work included.
    pub fn own_thread() -> Result<Duration> {
        let path = "/proc/thread-self/schedstat";
        on_core(&std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?)
    }

    /// The counters of this process.
    pub fn own() -> Result<Self> {
        Self::of(std::process::id())
    }
}

/// The first field of a `schedstat` file.
fn on_core(schedstat: &str) -> Result<Duration> {
    let nanoseconds = schedstat.split(' ').next().and_then(|field| field.parse().ok());
    Ok(Duration::from_nanos(
        nanoseconds.context("schedstat begins with nanoseconds")?,
    ))
}

fn own_memory(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib: u64 = text
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    Ok(kib * 1024)
}
