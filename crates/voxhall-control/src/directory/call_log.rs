//! The messages that stand for private calls, and how far accounts have read.

use voxhall_protocol::ids::{ChannelId, MessageId, UserId};
use voxhall_protocol::model::MessageKind;

use super::{Directory, Home, StoredMessage, to_sql};
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
        let stored = StoredMessage::new(message.id, message.channel_id, message.author, MessageKind::Call);
        super::messages::insert(&mut transaction, &stored, Home::Private).await?;
        transaction.commit().await?;
        self.world.write().note_message(message.channel_id, message.id);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use voxhall_protocol::model::{CallInfo, Timestamp};

    use super::*;
    use crate::directory::{NewUser, Page};

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
        let calls = directory.messages(channel, Page::Newest, 50).await.unwrap();
        let ids: Vec<u64> = calls.iter().map(|call| call.id.0).collect();
        assert_eq!(ids, [30, 20, 10], "calls are part of the channel's history");
        assert!(calls.iter().all(|call| call.kind == MessageKind::Call));
        let info = async |id| directory.call_info(MessageId(id)).await.unwrap();
        assert_eq!(info(30).await, Some(CallInfo::running(vec![people[0]])));
        let ended = info(10).await.unwrap();
        let (first, second) = (people[0].min(people[1]), people[0].max(people[1]));
        assert_eq!(ended.participants, [first, second]);
        assert_eq!(ended.ended_timestamp, Some(Timestamp::from_unix_ms(5)));
        assert_eq!(info(1).await, None);
    }
}
