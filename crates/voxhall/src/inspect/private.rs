//! A server of one's own, for as long as it is needed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::state::DevFile;

/// How long it may take to start.
const START: Duration = Duration::from_secs(60);

/// A development server on free ports, with a state folder of its own. Both are gone when this value is.
pub struct PrivateServer {
    child: Child,
    folder: PathBuf,
}

impl PrivateServer {
    /// Starts this program as a server and waits until it is ready.
    pub async fn start() -> Result<(Self, DevFile)> {
        let folder = std::env::temp_dir().join(format!("voxhall-inspect-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let program = std::env::current_exe().context("this program's own path cannot be told")?;
        let child = Command::new(&program)
            .args(["--log", "error", "serve", "--dev"])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--voice-listen",
                "127.0.0.1:0",
                "--media-port",
                "0",
            ])
            .args(["--workers", "1"])
            .arg("--state")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, folder };
        let file = server.ready().await?;
        Ok((server, file))
    }

    /// It writes `dev.json` when it is ready.
    async fn ready(&mut self) -> Result<DevFile> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if let Ok(file) = DevFile::read(&self.folder) {
                return Ok(file);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended as it started ({status}); its own message stands above");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the server was not ready within {} s", START.as_secs())
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // It holds nothing that is worth a farewell; if it is gone already, there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "a temporary folder cannot be removed");
        }
    }
}
