//! The files of the state folder through which a running server and the other commands find each other.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use voxhall_control::dev::DevWorld;
use voxhall_edge::file::{self, Access};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

/// The folder where nothing else is said.
pub const DEFAULT_FOLDER: &str = "voxhall-state";

/// `server.json`: where the server is reached and how it is administered. For this user alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerFile {
    /// Base address of REST, up to and without `/v10`.
    pub api: String,
    /// The main Gateway.
    pub gateway: String,
    /// The certificate to trust; `None` if the server was given one of its own.
    pub ca: Option<PathBuf>,
    /// `host:port` of the voice gateway, as clients are told.
    pub voice_endpoint: String,
    /// Where media goes, as clients are told.
    pub media: Vec<SocketAddr>,
    /// What the `/admin` endpoints ask for.
    pub admin_token: Token,
}

/// `dev.json`: what a program needs to try itself against `voxhall serve --dev`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DevFile {
    /// Base address of REST, up to and without `/v10`.
    pub api: String,
    /// The main Gateway.
    pub gateway: String,
    /// The certificate to trust, as an absolute path; `None` if the server was given one of its own.
    pub ca: Option<PathBuf>,
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

/// An account of `dev.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// What it logs in with.
    pub token: Token,
}

impl ServerFile {
    const NAME: &str = "server.json";

    /// Reads the file of a server that runs, or ran, with this state folder.
    pub fn read(folder: &Path) -> Result<Self> {
        read(folder, Self::NAME, "voxhall serve")
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write(folder, Self::NAME, self)
    }
}

impl DevFile {
    const NAME: &str = "dev.json";

    /// Describes the world of the captures as this server shows it.
    pub fn new(server: &ServerFile, world: &DevWorld) -> Self {
        let accounts = |accounts: &[voxhall_control::dev::DevAccount]| {
            let account = |account: &voxhall_control::dev::DevAccount| Account {
                id: account.id,
                name: account.name.clone(),
                token: account.token.clone(),
            };
            accounts.iter().map(account).collect()
        };
        Self {
            api: server.api.clone(),
            gateway: server.gateway.clone(),
            ca: server.ca.clone(),
            guild_id: world.guild_id,
            voice_channels: world.voice_channels.clone(),
            text_channel: world.text_channel,
            dm_channel: world.private_channel,
            users: accounts(&world.users),
            bots: accounts(&world.bots),
        }
    }

    /// Reads the file of a development server that runs, or ran, with this state folder.
    pub fn read(folder: &Path) -> Result<Self> {
        read(folder, Self::NAME, "voxhall serve --dev")
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write(folder, Self::NAME, self)
    }

    /// Removes the file of an earlier start, so that whoever waits for it does not read old addresses.
    pub fn remove(folder: &Path) -> Result<()> {
        let path = folder.join(Self::NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}; check whose it is", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// The administrator's token of this state folder, made on first use.
pub fn admin_token(folder: &Path) -> Result<Token> {
    let path = folder.join("admin-token");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(Token::from(text.trim())),
        Ok(_) => bail!(
            "{} is empty; delete it, and the next start makes a new one",
            path.display()
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let token = random_token();
            file::replace(&path, token.expose().as_bytes(), Access::Secret)?;
            Ok(token)
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot read {}; check whose it is", path.display()))
        }
    }
}

/// 256 random bits in hex.
fn random_token() -> Token {
    let bits: [u8; 32] = rand::random();
    Token::new(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read<T: DeserializeOwned>(folder: &Path, name: &str, writer: &str) -> Result<T> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}; start `{writer} --state {}` first, or name its folder with --state",
            path.display(),
            folder.display()
        )
    })?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is damaged; start `{writer}` again to have it written anew",
            path.display()
        )
    })
}

fn write(folder: &Path, name: &str, content: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(content).context("cannot describe the server")?;
    text.push('\n');
    file::replace(&folder.join(name), text.as_bytes(), Access::Secret)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_token_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = admin_token(folder.path()).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(admin_token(folder.path()).unwrap(), first);
        fs::write(folder.path().join("admin-token"), "\n").unwrap();
        assert!(
            admin_token(folder.path())
                .unwrap_err()
                .to_string()
                .contains("delete it")
        );
    }

    #[test]
    fn a_missing_file_names_the_command_that_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = DevFile::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("dev.json") && error.contains("voxhall serve --dev"),
            "{error}"
        );
        DevFile::remove(folder.path()).unwrap();
    }
}
