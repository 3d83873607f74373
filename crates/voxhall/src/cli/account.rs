//! Which server and which account a client command uses.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::ValueEnum;
use voxhall_client::{ClientConfig, Trust};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId};

use crate::state::{DEFAULT_FOLDER, DevFile};

/// Which server, which account.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server and account")]
pub struct AccountArgs {
    /// The state folder of a development server, whose dev.json says the rest
    #[arg(long, value_name = "DIR", env = "VOXHALL_STATE", default_value = DEFAULT_FOLDER)]
    state: PathBuf,

    /// The account of dev.json to log in as, by name
    #[arg(long = "as", value_name = "NAME", conflicts_with = "token")]
    name: Option<String>,

    /// The base address of REST, for a server without dev.json, for example `https://voice.lan:8443/api`
    #[arg(long, value_name = "URL", env = "VOXHALL_API", requires = "token")]
    api: Option<String>,

    /// The token to log in with
    #[arg(long, env = "VOXHALL_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Whose token it is
    #[arg(long, value_name = "KIND", default_value = "bot")]
    account: AccountKind,

    /// The certificate to trust [default: that of dev.json, or the system's]
    #[arg(long, value_name = "FILE", env = "VOXHALL_CA")]
    ca: Option<PathBuf>,

    /// The guild of the channel [default: that of dev.json]
    #[arg(long, value_name = "ID")]
    guild: Option<GuildId>,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AccountKind {
    /// A bot's
    Bot,
    /// A person's
    User,
}

/// The account of dev.json that a command takes if none is named, so that two commands can run side by side.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// A bot, by its place.
    Bot(usize),
    /// A person, by its place.
    User(usize),
}

/// All that is needed to log in.
#[derive(Debug)]
pub struct Account {
    /// Passed to the client library.
    pub config: ClientConfig,
    /// `dev.json`, if that is where it comes from.
    pub dev: Option<DevFile>,
    guild: Option<GuildId>,
}

impl AccountArgs {
    /// Finds server and account.
    pub fn resolve(&self, fallback: Fallback) -> Result<Account> {
        match (&self.api, &self.token) {
            (Some(api), Some(token)) => {
                Ok(self.account(api, Token::from(token.as_str()), self.account, None, None))
            }
            (_, token) => {
                let dev = DevFile::read(&self.state)?;
                let (kind, token) = match token {
                    Some(token) => (self.account, Token::from(token.as_str())),
                    None => pick(&dev, self.name.as_deref(), fallback)?,
                };
                let api = dev.api.clone();
                let ca = dev.ca.clone();
                Ok(self.account(&api, token, kind, ca, Some(dev)))
            }
        }
    }

    fn account(
        &self,
        api: &str,
        token: Token,
        kind: AccountKind,
        ca: Option<PathBuf>,
        dev: Option<DevFile>,
    ) -> Account {
        let config = match kind {
            AccountKind::Bot => ClientConfig::bot(api, token.into_inner()),
            AccountKind::User => ClientConfig::user(api, token.into_inner()),
        };
        let trust = self.ca.clone().or(ca).map_or(Trust::System, Trust::CaFile);
        Account {
            config: config.with_trust(trust),
            guild: self.guild.or(dev.as_ref().map(|dev| dev.guild_id)),
            dev,
        }
    }
}

impl Account {
    /// The guild that voice channels belong to.
    pub fn guild(&self) -> Result<GuildId> {
        self.guild
            .context("which guild does the channel belong to? give it with --guild ID")
    }

    /// The channel asked for, or the first voice channel of dev.json.
    pub fn voice_channel(&self, asked: Option<ChannelId>) -> Result<ChannelId> {
        let first = || {
            self.dev
                .as_ref()
                .and_then(|dev| dev.voice_channels.first().copied())
        };
        asked
            .or_else(first)
            .context("which channel? give it with --channel ID")
    }
}

fn pick(dev: &DevFile, name: Option<&str>, fallback: Fallback) -> Result<(AccountKind, Token)> {
    let bots = dev.bots.iter().map(|bot| (AccountKind::Bot, bot));
    let users = dev.users.iter().map(|user| (AccountKind::User, user));
    let Some(name) = name else {
        let (mut accounts, place): (Box<dyn Iterator<Item = _>>, _) = match fallback {
            Fallback::Bot(place) => (Box::new(bots), place),
            Fallback::User(place) => (Box::new(users), place),
        };
        let picked = accounts
            .nth(place)
            .context("dev.json lacks an account for this; name one with --as")?;
        return Ok((picked.0, picked.1.token.clone()));
    };
    let named = bots
        .clone()
        .chain(users.clone())
        .find(|(_, account)| account.name.eq_ignore_ascii_case(name));
    let (kind, account) = named.ok_or_else(|| {
        let known: Vec<_> = bots
            .chain(users)
            .map(|(_, account)| account.name.as_str())
            .collect();
        anyhow!(
            "dev.json knows nobody named {name:?}; it has {}",
            known.join(", ")
        )
    })?;
    Ok((kind, account.token.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev() -> DevFile {
        let account = |id: u64, name: &str| serde_json::json!({ "id": id.to_string(), "name": name, "token": format!("token of {name}") });
        serde_json::from_value(serde_json::json!({
            "api": "https://127.0.0.1:1/api", "gateway": "wss://127.0.0.1:1", "ca": null, "guild_id": "1",
            "voice_channels": ["2", "3"], "text_channel": "4", "dm_channel": "5",
            "users": [account(6, "turbulence"), account(7, "Exp")],
            "bots": [account(8, "minstrel"), account(9, "scribe")],
        }))
        .unwrap()
    }

    #[test]
    fn accounts_are_found_by_name_or_by_the_commands_own_default() {
        let exp = pick(&dev(), Some("exp"), Fallback::Bot(0)).unwrap();
        assert_eq!(exp, (AccountKind::User, Token::from("token of Exp")));
        let second = pick(&dev(), None, Fallback::Bot(1)).unwrap();
        assert_eq!(second, (AccountKind::Bot, Token::from("token of scribe")));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = pick(&dev(), Some("nobody"), Fallback::Bot(0))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("minstrel") && error.contains("turbulence"),
            "{error}"
        );
    }
}
