//! `voxhall call`: a private call, begun or answered.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use voxhall_client::{Error, Ring, VoiceClient, VoiceConnection};
use voxhall_media::source::OpenOptions;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{CallConnect, ClientMessage, Event};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::account::{Account, AccountArgs, Fallback};
use super::play::{Playable, play_all};
use super::record::{Job, PACKETS};
use super::session::{Ended, Session};

/// Gateway events that may wait to be looked at.
const EVENTS: usize = 256;
/// How long the others may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked who is there.
const LOOK: Duration = Duration::from_millis(200);

/// Call somebody in private, or answer a call
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall call Exp --ring --play music.wav
  voxhall call --answer --as Exp --record heard.wav
  voxhall call 963085128693862430 --seconds 30")]
pub struct Args {
    /// The user to call, by id or by the name in dev.json, or a private channel [default: that of dev.json]
    #[arg(value_name = "USER|CHANNEL")]
    whom: Option<String>,

    /// Ring the others, and wait until somebody comes
    #[arg(long, conflicts_with = "answer")]
    ring: bool,

    /// Wait for a call, and take it; logs in as the second person of dev.json if nobody is named
    #[arg(long)]
    answer: bool,

    /// Play this file, then hang up
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,

    /// Record what the others say, as `voxhall record` does, until they have left
    #[arg(long, value_name = "OUT")]
    record: Option<PathBuf>,

    /// Hang up after this many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,

    #[command(flatten)]
    account: AccountArgs,
}

impl Args {
    /// Talks until the file is played, the time is over, the others have left, or the person asks to stop.
    pub async fn run(self) -> Result<()> {
        let file = self
            .play
            .as_deref()
            .map(|file| Playable::open(file, OpenOptions::default()))
            .transpose()?;
        let account = self.account.resolve(Fallback::User(usize::from(self.answer)))?;
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let client = session.client.clone();
        let Some(connection) = session.unless_stopped(self.connect(&client, &account)).await? else {
            client.close().await;
            return Ok(());
        };
        let outcome = self.talk(&mut session, &connection, file).await;
        session.leave(&connection).await;
        outcome
    }

    async fn connect(&self, client: &VoiceClient, account: &Account) -> Result<VoiceConnection> {
        let channel = self.channel(client, account).await?;
        if self.answer {
            eprintln!("Waiting for a call. Ctrl-C stops.");
            let channel = rung(client, channel).await?;
            return Ok(client.answer(channel).await?);
        }
        let channel = channel.context("whom do you want to call? name a user or a private channel")?;
        let ring = if self.ring { Ring::Everyone } else { Ring::Nobody };
        Ok(client.call(channel, ring).await?)
    }

    /// The private channel that is meant.
    async fn channel(&self, client: &VoiceClient, account: &Account) -> Result<Option<ChannelId>> {
        let of_dev = account.dev.as_ref().map(|dev| dev.dm_channel);
        let Some(whom) = &self.whom else { return Ok(of_dev) };
        let user = account.user_named(whom)?;
        // One number names a user or a channel; the server knows which.
        let as_channel = ChannelId(user.0);
        if of_dev == Some(as_channel) {
            return Ok(of_dev);
        }
        match client.private_channel(user).await {
            Ok(channel) => Ok(Some(channel)),
            Err(Error::Refused { .. }) if whom.parse::<u64>().is_ok() => Ok(Some(as_channel)),
            Err(error) => Err(error.into()),
        }
    }

    async fn talk(
        &self,
        session: &mut Session,
        connection: &VoiceConnection,
        file: Option<Playable>,
    ) -> Result<()> {
        let packets = connection.packets(PACKETS);
        if self.ring {
            eprintln!("Ringing. Ctrl-C hangs up.");
        }
        match session.during(connection, somebody_comes(connection)).await? {
            Ended::Done(()) => eprintln!("Connected."),
            Ended::Stopped => return Ok(()),
        }
        let time = self.seconds.map(Duration::from_secs);
        let until = self.done(connection, file);
        match &self.record {
            Some(out) => {
                let only = HashSet::new();
                Job {
                    packets,
                    pictures: None,
                    out,
                    only,
                    time,
                }
                .run(session, connection, until)
                .await
            }
            None => {
                let talking = async {
                    tokio::select! {
                        done = until => done,
                        () = tokio::time::sleep(time.unwrap_or(Duration::MAX)) => Ok(()),
                    }
                };
                session.during(connection, talking).await.map(drop)
            }
        }
    }

    /// When there is nothing more to do: the file is played, or everybody else has left.
    async fn done(&self, connection: &VoiceConnection, file: Option<Playable>) -> Result<()> {
        let alone = everybody_leaves(connection);
        match file {
            Some(file) => tokio::select! {
                played = play_all(connection, vec![file]) => played,
                () = alone => bail!("the others hung up before the end"),
            },
            None => {
                alone.await;
                eprintln!("The others have left.");
                Ok(())
            }
        }
    }
}

/// Waits until this account is rung, in `channel` if one is named.
async fn rung(client: &VoiceClient, channel: Option<ChannelId>) -> Result<ChannelId> {
    let mut events = client.events(EVENTS);
    if let Some(channel_id) = channel {
        // It may be ringing already: then the server tells it again.
        client.gateway().send(ClientMessage::CallConnect(CallConnect {
            channel_id,
            extra: Extra::default(),
        }));
    }
    let me = client.user().id;
    while let Some(event) = events.recv().await {
        let (in_channel, ringing): (ChannelId, &[UserId]) = match &*event {
            Event::CallCreate(call) => (call.channel_id, &call.ringing),
            Event::CallUpdate(call) => (call.channel_id, &call.ringing),
            _ => continue,
        };
        if ringing.contains(&me) && channel.is_none_or(|channel| channel == in_channel) {
            return Ok(in_channel);
        }
    }
    bail!("the main Gateway closed the connection before anybody called")
}

async fn somebody_comes(connection: &VoiceConnection) -> Result<()> {
    let come = async {
        while connection.participants().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, come)
        .await
        .with_context(|| format!("nobody answered within {} s", PATIENCE.as_secs()))
}

async fn everybody_leaves(connection: &VoiceConnection) {
    while !connection.participants().is_empty() {
        tokio::time::sleep(LOOK).await;
    }
}
