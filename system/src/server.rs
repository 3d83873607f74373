//! A development server in a process of its own, with a folder that is gone afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use voxhall_client::{ClientConfig, Trust, VoiceClient};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

/// For a server to start; generous, because many start at once while tests run.
const START: Duration = Duration::from_secs(30);
/// For a server to end after it was asked to.
const END: Duration = Duration::from_secs(20);

/// `dev.json`, as a program outside of the project reads it.
#[derive(Debug, Clone, Deserialize)]
pub struct World {
    /// Base address of REST, up to and without `/v10`.
    pub api: String,
    /// The main Gateway.
    pub gateway: String,
    /// The certificate to trust.
    pub ca: PathBuf,
    /// The guild.
    pub guild_id: GuildId,
    /// Its voice channels.
    pub voice_channels: Vec<ChannelId>,
    /// Its text channel.
    pub text_channel: ChannelId,
    /// The private channel of the two people.
    pub dm_channel: ChannelId,
    /// The people.
    pub users: Vec<Account>,
    /// The bots.
    pub bots: Vec<Account>,
}

/// An account of the world.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// What it logs in with.
    pub token: String,
}

/// Where a server is reached, by its `server.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Places {
    /// `host:port` of the voice gateway.
    pub voice_endpoint: String,
    /// Where media goes.
    pub media: Vec<SocketAddr>,
    /// What the operator's requests carry.
    pub admin_token: Token,
}

impl World {
    /// `https://host:port`, without the path of REST.
    #[must_use]
    pub fn base(&self) -> &str {
        self.api.strip_suffix("/api").unwrap_or(&self.api)
    }

    /// `host:port` of main Gateway and REST.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base().rsplit('/').next().unwrap_or_default()
    }

    /// What a client of ours needs to log in as a bot.
    #[must_use]
    pub fn bot(&self, token: &str) -> ClientConfig {
        ClientConfig::bot(&self.api, token).with_trust(Trust::CaFile(self.ca.clone()))
    }

    /// What a client of ours needs to log in as a person.
    #[must_use]
    pub fn user(&self, token: &str) -> ClientConfig {
        ClientConfig::user(&self.api, token).with_trust(Trust::CaFile(self.ca.clone()))
    }

    /// Logs in as the bot of this number.
    ///
    /// # Errors
    /// The client's.
    pub async fn login_bot(&self, number: usize) -> Result<VoiceClient> {
        Ok(VoiceClient::login(self.bot(&self.bots[number].token)).await?)
    }

    /// Logs in as the person of this number.
    ///
    /// # Errors
    /// The client's.
    pub async fn login_user(&self, number: usize) -> Result<VoiceClient> {
        Ok(VoiceClient::login(self.user(&self.users[number].token)).await?)
    }
}

/// The server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    process: Child,
    folder: TempDir,
    arguments: Vec<String>,
    /// What its `dev.json` says.
    pub world: World,
}

impl Server {
    /// Starts a development server on free ports.
    ///
    /// # Errors
    /// The program is not built, or did not come up; what it said is part of the error.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (process, world) = spawn(folder.path(), &arguments)?;
        Ok(Self {
            process,
            folder,
            arguments,
            world,
        })
    }

    /// Ends the server without giving it a chance to do anything more (SIGKILL).
    ///
    /// # Errors
    /// It is not there to be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts a server that has ended once more, with the same folder and arguments.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_again(&mut self) -> Result<()> {
        // The addresses in it are the old ones.
        std::fs::remove_file(self.folder().join("dev.json"))?;
        (self.process, self.world) = spawn(self.folder.path(), &self.arguments)?;
        Ok(())
    }

    /// What the operator's endpoints ask for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn admin_token(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder().join("admin-token"))?)
    }

    /// Asks the server to end in order (SIGTERM).
    ///
    /// # Errors
    /// `kill` cannot be run.
    pub fn terminate(&self) -> Result<()> {
        terminate(&self.process)
    }

    /// Whether it has not ended by itself.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Where its voice gateway and its media are.
    ///
    /// # Errors
    /// Its `server.json` cannot be read.
    pub fn places(&self) -> Result<Places> {
        let text = std::fs::read_to_string(self.folder().join("server.json"))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The arguments with which a client command finds it.
    #[must_use]
    pub fn state_arguments(&self) -> [String; 2] {
        ["--state".to_owned(), self.folder().display().to_string()]
    }

    /// Waits for the server to end.
    ///
    /// # Errors
    /// It does not.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        wait_for_end(&mut self.process)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        log_of(self.folder.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// The program under test: `target/<profile>/voxhall`, beside the folder in which the tests are.
///
/// # Errors
/// It is not built.
pub fn program() -> Result<Command> {
    let own = std::env::current_exe()?;
    let found = own
        .ancestors()
        .map(|folder| folder.join("voxhall"))
        .find(|path| path.is_file());
    let path = found.context("the voxhall program is not built; run `cargo build --bin voxhall`")?;
    let mut command = Command::new(path);
    for variable in [
        "VOXHALL_STATE",
        "VOXHALL_DATABASE",
        "VOXHALL_API",
        "VOXHALL_TOKEN",
        "VOXHALL_CA",
        "VOXHALL_LOG",
    ] {
        command.env_remove(variable);
    }
    Ok(command)
}

/// Asks a process to end in order (SIGTERM).
pub(crate) fn terminate(process: &Child) -> Result<()> {
    let id = process.id().to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status()?;
    ensure!(status.success(), "process {id} is not there to be asked");
    Ok(())
}

/// Waits for a process to end by itself.
///
/// # Errors
/// It goes on.
pub fn wait_for_end(process: &mut Child) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        match process.try_wait()? {
            Some(status) => return Ok(status),
            None if begin.elapsed() > END => bail!("process {} goes on", process.id()),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn spawn(folder: &Path, arguments: &[String]) -> Result<(Child, World)> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    let mut process = program()?
        .args([
            "serve",
            "--dev",
            "--listen=127.0.0.1:0",
            "--voice-listen=127.0.0.1:0",
        ])
        .args(["--media-port=0", "--workers=1", "--state"])
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("cannot start the server")?;
    match wait_for_world(&mut process, folder) {
        Ok(world) => Ok((process, world)),
        Err(error) => {
            // It may have ended by itself; what counts is its log.
            let _ = process.kill();
            let _ = process.wait();
            Err(error.context(log_of(folder)))
        }
    }
}

fn wait_for_world(process: &mut Child, folder: &Path) -> Result<World> {
    let begin = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(folder.join("dev.json")) {
            return Ok(serde_json::from_str(&text)?);
        }
        if let Some(status) = process.try_wait()? {
            bail!("the server ended with {status}");
        }
        if begin.elapsed() > START {
            bail!("the server wrote no dev.json in {START:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_else(|error| format!("no log: {error}"))
}
