//! The client commands of the program, as processes.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{PATIENCE, program, wait_for_end};

/// A command that runs until it ends or is dropped, which kills it.
#[derive(Debug)]
pub struct Cli {
    process: Child,
}

impl Cli {
    /// Starts the program with these arguments.
    ///
    /// # Errors
    /// It is not built, or cannot be started.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = program()?;
        command.args(arguments).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        Ok(Self { process })
    }

    /// Ends it without giving it a chance to say goodbye (SIGKILL).
    ///
    /// # Errors
    /// It is not there to be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Errors
    /// It is not there to be asked.
    pub fn terminate(&self) -> Result<()> {
        crate::server::terminate(&self.process)
    }

    /// Waits for it to end by itself; gives whether it succeeded, and what it said on stderr.
    ///
    /// # Errors
    /// It goes on.
    pub fn end(&mut self) -> Result<(bool, String)> {
        let status = wait_for_end(&mut self.process)?;
        let mut said = String::new();
        if let Some(mut stderr) = self.process.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut said)?;
        }
        Ok((status.success(), said))
    }

    /// Waits until a file is there that the command writes.
    ///
    /// # Errors
    /// The command ended, or the file does not come.
    pub async fn wait_for_file(&mut self, path: &Path) -> Result<()> {
        let begin = Instant::now();
        while !path.exists() {
            if self.process.try_wait()?.is_some() {
                bail!("the command ended: {}", self.end()?.1);
            }
            if begin.elapsed() > PATIENCE {
                bail!("{} was not written", path.display());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Cli {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the program to its end.
///
/// # Errors
/// It is not built, or cannot be started.
pub fn run(arguments: &[&str]) -> Result<Output> {
    Ok(program()?.args(arguments).stdin(Stdio::null()).output()?)
}
