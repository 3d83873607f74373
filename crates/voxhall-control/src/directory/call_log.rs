//! The messages that stand for private calls, and how far accounts have read.

use sqlx::Row as _;
use voxhall_protocol::ids::{ChannelId, MessageId, UserId};

use super::{Directory, from_sql, to_sql};
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

/// A call as it is remembered. A call that somebody missed is one without that account among the participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedCall {
    /// The message.
    pub(crate) message: CallMessage,
    /// Everyone who ever joined.
    pub(crate) participants: Vec<UserId>,
    /// Unix milliseconds of its end; `None` while it runs.
    pub(crate) ended_at_ms: Option<u64>,
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

    /// The messages of the calls in a private channel, newest first: those before `before` (`None` for the newest), at
    /// most `most` of them.
    pub(crate) async fn call_messages(
        &self,
        channel: ChannelId,
        before: Option<MessageId>,
        most: u32,
    ) -> Result<Vec<LoggedCall>, Error> {
        let rows = sqlx::query(
            "SELECT id, author_id, ended_at_ms FROM call_messages WHERE channel_id = $1 AND id < $2 \
             ORDER BY id DESC LIMIT $3",
        )
        .bind(to_sql(channel.0))
        .bind(before.map_or(i64::MAX, |id| to_sql(id.0)))
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        let mut calls = Vec::with_capacity(rows.len());
        for row in rows {
            let id = MessageId(from_sql(row.try_get("id")?));
            calls.push(LoggedCall {
                message: CallMessage {
                    id,
                    channel_id: channel,
                    author: UserId(from_sql(row.try_get("author_id")?)),
                },
                participants: self.call_participants(id).await?,
                ended_at_ms: row.try_get::<Option<i64>, _>("ended_at_ms")?.map(from_sql),
            });
        }
        Ok(calls)
    }

    async fn call_participants(&self, message: MessageId) -> Result<Vec<UserId>, Error> {
        let rows =
            sqlx::query("SELECT user_id FROM call_participants WHERE message_id = $1 ORDER BY user_id")
                .bind(to_sql(message.0))
                .fetch_all(&self.pool)
                .await?;
        let users = rows
            .iter()
            .map(|row| Ok(UserId(from_sql(row.try_get("user_id")?))));
        users.collect()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::directory::NewUser;

    #[tokio::test]
    async fn calls_are_remembered_newest_first_with_who_took_part() {
        let directory = Directory::in_memory().await.unwrap();
        let mut people = Vec::new();
        for name in ["caller", "called"] {
            let new = NewUser {
                name: name.to_owned(),
                ..NewUser::default()
            };
            people.push(directory.create_user(new).await.unwrap().id);
        }
        let both: BTreeSet<UserId> = people.iter().copied().collect();
        let channel = directory.create_private_channel(None, both).await.unwrap().id;
        for id in [10, 20, 30] {
            let message = CallMessage {
                id: MessageId(id),
                channel_id: channel,
                author: people[0],
            };
            directory.begin_call_message(message).await.unwrap();
        }
        directory
            .add_call_participant(MessageId(10), people[1])
            .await
            .unwrap();
        directory.end_call_message(MessageId(10), 5).await.unwrap();
        let ids = async |before: Option<u64>, most: u32| {
            let calls = directory
                .call_messages(channel, before.map(MessageId), most)
                .await;
            let calls = calls.unwrap().into_iter();
            calls.map(|call| call.message.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, 2).await, [30, 20]);
        assert_eq!(ids(Some(20), 50).await, [10]);
        let calls = directory.call_messages(channel, None, 50).await.unwrap();
        assert_eq!(
            (calls[0].participants.as_slice(), calls[0].ended_at_ms),
            (&people[..1], None)
        );
        let (first, second) = (people[0].min(people[1]), people[0].max(people[1]));
        assert_eq!(
            (calls[2].participants.as_slice(), calls[2].ended_at_ms),
            (&[first, second][..], Some(5))
        );
        assert_eq!(directory.call_messages(ChannelId(1), None, 50).await.unwrap(), []);
    }
}
