//! The messages that stand for private calls, and how far accounts have read.

use voxhall_protocol::ids::{ChannelId, MessageId, UserId};

use super::{Directory, to_sql};
use crate::Error;

/// How far an account has read a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadState {
    /// The newest message that was seen.
    pub(crate) message_id: MessageId,
    /// The account's count of changed read states when this one was changed.
    pub(crate) version: u64,
}

/// A message of type 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallMessage {
    /// Its id.
    pub(crate) id: MessageId,
    /// Where the call is.
    pub(crate) channel_id: ChannelId,
    /// Who began the call.
    pub(crate) author: UserId,
}

impl Directory {
    /// Stores the message of a call that begins.
    pub(crate) async fn begin_call_message(&self, message: CallMessage) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO call_messages (id, channel_id, author_id, ended_at_ms) VALUES ($1, $2, $3, NULL)",
        )
        .bind(to_sql(message.id.0))
        .bind(to_sql(message.channel_id.0))
        .bind(to_sql(message.author.0))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO call_participants (message_id, user_id) VALUES ($1, $2)")
            .bind(to_sql(message.id.0))
            .bind(to_sql(message.author.0))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE private_channels SET last_message_id = $1 WHERE id = $2")
            .bind(to_sql(message.id.0))
            .bind(to_sql(message.channel_id.0))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if let Some(channel) = self.world.write().private.get_mut(&message.channel_id) {
            channel.last_message_id = Some(message.id);
        }
        Ok(())
    }

    /// Notes that somebody joined a call.
    pub(crate) async fn add_call_participant(&self, message: MessageId, user: UserId) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO call_participants (message_id, user_id) VALUES ($1, $2) \
             ON CONFLICT (message_id, user_id) DO NOTHING",
        )
        .bind(to_sql(message.0))
        .bind(to_sql(user.0))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes when a call ended.
    pub(crate) async fn end_call_message(&self, message: MessageId, ended_at_ms: u64) -> Result<(), Error> {
        sqlx::query("UPDATE call_messages SET ended_at_ms = $1 WHERE id = $2")
            .bind(to_sql(ended_at_ms))
            .bind(to_sql(message.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Notes how far an account has read a channel, and returns the account's new count.
    pub(crate) async fn acknowledge(
        &self,
        user: UserId,
        channel: ChannelId,
        message_id: MessageId,
    ) -> Result<ReadState, Error> {
        let _writing = self.writing.lock().await;
        let last = self
            .read()
            .read_states(user)
            .map(|(_, state)| state.version)
            .max();
        let state = ReadState {
            message_id,
            version: last.unwrap_or(0) + 1,
        };
        sqlx::query(
            "INSERT INTO read_states (user_id, channel_id, message_id, version) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, channel_id) DO UPDATE SET message_id = excluded.message_id, \
             version = excluded.version",
        )
        .bind(to_sql(user.0))
        .bind(to_sql(channel.0))
        .bind(to_sql(message_id.0))
        .bind(to_sql(state.version))
        .execute(&self.pool)
        .await?;
        let mut world = self.world.write();
        world.read_states.entry(user).or_default().insert(channel, state);
        Ok(state)
    }
}
