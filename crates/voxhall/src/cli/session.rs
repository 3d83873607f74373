//! A client in a room, from the login to the goodbye.

use std::future::Future;

use anyhow::Result;
use voxhall_client::{ConnectionState, Error, Reason, VoiceClient, VoiceConnection};
use voxhall_protocol::ids::ChannelId;

use super::account::Account;
use crate::stop::StopSignals;

/// A logged-in client, and its ears for Ctrl-C.
pub struct Session {
    /// The client.
    pub client: VoiceClient,
    signals: StopSignals,
}

/// How work in a room ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// By itself.
    Done(T),
    /// The person asked for it.
    Stopped,
}

impl Session {
    /// Logs in; `None` if the person asked to stop before that was done.
    pub async fn log_in(account: &Account) -> Result<Option<Self>> {
        let mut signals = StopSignals::listen()?;
        tokio::select! {
            client = VoiceClient::login(account.config.clone()) => Ok(Some(Self { client: client?, signals })),
            () = signals.received() => Ok(None),
        }
    }

    /// Joins a voice channel of a guild.
    pub async fn join(&mut self, account: &Account, channel: ChannelId) -> Result<Option<VoiceConnection>> {
        let guild = account.guild()?;
        tokio::select! {
            joined = self.client.join(guild, channel) => Ok(Some(joined?)),
            () = self.signals.received() => Ok(None),
        }
    }

    /// Lets `work` go on until it is done, the person asks to stop, or the connection ends for good. Tells on the
    /// way what becomes of the connection; its end is [`Error::Ended`].
    pub async fn during<T>(
        &mut self,
        connection: &VoiceConnection,
        work: impl Future<Output = Result<T>>,
    ) -> Result<Ended<T>> {
        let mut states = connection.watch();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = work.as_mut() => return done.map(Ended::Done),
                () = self.signals.received() => return Ok(Ended::Stopped),
                changed = states.changed() => {
                    let state = states.borrow_and_update().clone();
                    if changed.is_err() || state.is_final() {
                        let reason = state.reason().cloned().unwrap_or(Reason::Dropped);
                        return Err(Error::Ended(reason).into());
                    }
                    if !matches!(state, ConnectionState::Connected) {
                        eprintln!("{state}");
                    }
                }
            }
        }
    }

    /// Waits for something that has no connection yet; `None` if the person asked to stop before it came.
    pub async fn unless_stopped<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        tokio::select! {
            done = work => done.map(Some),
            () = self.signals.received() => Ok(None),
        }
    }

    /// Leaves the room and logs out.
    pub async fn leave(self, connection: &VoiceConnection) {
        connection.leave().await;
        self.client.close().await;
    }
}
