//! `voxhall join`: stay in a channel and tell who speaks.

use anyhow::{Result, bail};
use voxhall_client::{SpeakingChange, VoiceConnection};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::account::{Account, AccountArgs, Fallback};
use super::session::Session;
use crate::output;

/// Speaking changes that may wait to be printed.
const CHANGES: usize = 256;

/// Stay in a voice channel and tell who speaks
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall join 966416163309518878
  voxhall join 966416163309518878 --as turbulence --state .state")]
pub struct Args {
    /// The voice channel [default: the first of dev.json]
    #[arg(value_name = "CHANNEL")]
    channel: Option<ChannelId>,

    #[command(flatten)]
    account: AccountArgs,
}

impl Args {
    /// Stays until the person asks to stop.
    pub async fn run(self) -> Result<()> {
        let account = self.account.resolve(Fallback::User(0))?;
        let channel = account.voice_channel(self.channel)?;
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let Some(connection) = session.join(&account, channel).await? else {
            return Ok(());
        };
        output::line(&format!("In channel {channel}. Ctrl-C leaves."))?;
        let ended = session.during(&connection, tell(&connection, &account)).await;
        session.leave(&connection).await;
        ended.map(drop)
    }
}

async fn tell(connection: &VoiceConnection, account: &Account) -> Result<()> {
    let mut changes = connection.speaking(CHANGES);
    while let Some(change) = changes.recv().await {
        let (user, does) = match change {
            SpeakingChange::Started(user) => (user, "speaks"),
            SpeakingChange::Stopped(user) => (user, "is silent"),
        };
        output::line(&format!("{} {does}", account.name_of(user)))?;
    }
    bail!("the connection has ended")
}

impl Account {
    /// The name of a user, where it is known; else its id.
    pub fn name_of(&self, user: UserId) -> String {
        let accounts = self.dev.iter().flat_map(|dev| dev.users.iter().chain(&dev.bots));
        let named = accounts.into_iter().find(|account| account.id == user);
        named.map_or_else(|| user.to_string(), |account| account.name.clone())
    }
}
