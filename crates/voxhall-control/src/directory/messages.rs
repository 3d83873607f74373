//! Messages. They alone stay in SQL: the copy in memory has only the newest id of each channel.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;
use voxhall_protocol::ids::{ApplicationId, ChannelId, InteractionId, MessageId, RoleId, UserId};
use voxhall_protocol::model::{
    CallInfo, CommandKind, InteractionKind, MessageFlags, MessageKind, MessageReference, Timestamp,
};

use super::{Connection, Directory, Home, Row, from_sql, to_sql};
use crate::Error;

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredMessage {
    /// Its id.
    pub(crate) id: MessageId,
    /// Where it is.
    pub(crate) channel_id: ChannelId,
    /// Who wrote it.
    pub(crate) author: UserId,
    /// What it is.
    pub(crate) kind: MessageKind,
    /// The text.
    pub(crate) content: String,
    /// Unix milliseconds of the last edit.
    pub(crate) edited_at_ms: Option<u64>,
    /// Everything else.
    pub(crate) details: MessageDetails,
}

/// What a message holds besides its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MessageDetails {
    /// Whether it is read aloud.
    pub(crate) tts: bool,
    /// Its marks.
    pub(crate) flags: MessageFlags,
    /// Things shown with it.
    pub(crate) embeds: Vec<Value>,
    /// Buttons and menus.
    pub(crate) components: Vec<Value>,
    /// Users it notifies.
    pub(crate) mentions: Vec<UserId>,
    /// Roles it notifies.
    pub(crate) mention_roles: Vec<RoleId>,
    /// Whether it notifies everybody.
    pub(crate) mention_everyone: bool,
    /// What it is about.
    pub(crate) reference: Option<MessageReference>,
    /// The application that wrote it as an answer to an interaction.
    pub(crate) application_id: Option<ApplicationId>,
    /// Which interaction, and whose.
    pub(crate) interaction: Option<AnsweredInteraction>,
}

/// The interaction that a message answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnsweredInteraction {
    /// Which.
    pub(crate) id: InteractionId,
    /// What somebody did.
    pub(crate) kind: InteractionKind,
    /// Who.
    pub(crate) user: UserId,
    /// The command that was used, with its subcommands.
    pub(crate) command: Option<(String, CommandKind)>,
    /// The first answer, where this is another one.
    pub(crate) original: Option<MessageId>,
    /// The message whose component was used.
    pub(crate) source: Option<MessageId>,
}

impl StoredMessage {
    /// A message that is to be filled.
    pub(crate) fn new(id: MessageId, channel_id: ChannelId, author: UserId, kind: MessageKind) -> Self {
        Self {
            id,
            channel_id,
            author,
            kind,
            content: String::new(),
            edited_at_ms: None,
            details: MessageDetails::default(),
        }
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let details: String = row.try_get("details")?;
        let kind = u8::try_from(row.try_get::<i32, _>("kind")?).map_err(|_| CORRUPT)?;
        Ok(Self {
            id: MessageId(from_sql(row.try_get("id")?)),
            channel_id: ChannelId(from_sql(row.try_get("channel_id")?)),
            author: UserId(from_sql(row.try_get("author_id")?)),
            kind: MessageKind::from(kind),
            content: row.try_get("content")?,
            edited_at_ms: row.try_get::<Option<i64>, _>("edited_at_ms")?.map(from_sql),
            details: serde_json::from_str(&details).map_err(|_| CORRUPT)?,
        })
    }

    fn details_as_text(&self) -> String {
        serde_json::to_string(&self.details).expect("details are plain values with text as keys")
    }
}

const CORRUPT: Error = Error::Corrupt { what: "message" };

/// Which part of a channel's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The newest.
    Newest,
    /// Those before this one, the nearest first.
    Before(MessageId),
    /// Those after this one, the nearest ones.
    After(MessageId),
    /// This one, as many before it, and as many after it.
    Around(MessageId),
}

/// Writes a message and notes it as the newest of its channel.
pub(super) async fn insert(
    connection: &mut Connection,
    message: &StoredMessage,
    home: Home,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO messages (id, channel_id, author_id, kind, content, edited_at_ms, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(to_sql(message.id.0))
    .bind(to_sql(message.channel_id.0))
    .bind(to_sql(message.author.0))
    .bind(i32::from(message.kind.number()))
    .bind(&message.content)
    .bind(message.edited_at_ms.map(to_sql))
    .bind(message.details_as_text())
    .execute(&mut *connection)
    .await?;
    let newest = match home {
        Home::Private => "UPDATE private_channels SET last_message_id = $1 WHERE id = $2",
        Home::Guild(_) => {
            "INSERT INTO last_messages (message_id, channel_id) VALUES ($1, $2) \
             ON CONFLICT (channel_id) DO UPDATE SET message_id = excluded.message_id"
        }
    };
    sqlx::query(newest)
        .bind(to_sql(message.id.0))
        .bind(to_sql(message.channel_id.0))
        .execute(&mut *connection)
        .await?;
    if home == Home::Private {
        sqlx::query("UPDATE private_recipients SET closed = FALSE WHERE channel_id = $1")
            .bind(to_sql(message.channel_id.0))
            .execute(connection)
            .await?;
    }
    Ok(())
}

impl Directory {
    /// Stores a message. Gives the people who had closed the private channel, in whose lists it is again.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a channel, [`Error::Directory`].
    pub(crate) async fn insert_message(&self, message: &StoredMessage) -> Result<Vec<UserId>, Error> {
        let _writing = self.writing.lock().await;
        let home = self.read().home(message.channel_id);
        let home = home.ok_or(Error::Unknown { what: "channel" })?;
        let mut transaction = self.pool.begin().await?;
        insert(&mut transaction, message, home).await?;
        transaction.commit().await?;
        Ok(self.world.write().note_message(message.channel_id, message.id))
    }

    /// A message of a channel.
    pub(crate) async fn message(
        &self,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<Option<StoredMessage>, Error> {
        let row = sqlx::query("SELECT * FROM messages WHERE channel_id = $1 AND id = $2")
            .bind(to_sql(channel.0))
            .bind(to_sql(id.0))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(StoredMessage::read).transpose()
    }

    /// A part of a channel's history, newest first, at most `most` messages.
    pub(crate) async fn messages(
        &self,
        channel: ChannelId,
        page: Page,
        most: u32,
    ) -> Result<Vec<StoredMessage>, Error> {
        match page {
            Page::Newest => self.before(channel, MessageId(i64::MAX as u64), most).await,
            Page::Before(id) => self.before(channel, id, most).await,
            Page::After(id) => self.after(channel, id, most).await,
            Page::Around(id) => {
                let (newer, older) = ((most.saturating_sub(1)) / 2, most / 2 + 1);
                let mut messages = self.after(channel, id, newer).await?;
                // The one in the middle counts among the older ones.
                let middle = MessageId(id.0.saturating_add(1));
                messages.extend(self.before(channel, middle, older).await?);
                Ok(messages)
            }
        }
    }

    async fn before(
        &self,
        channel: ChannelId,
        id: MessageId,
        most: u32,
    ) -> Result<Vec<StoredMessage>, Error> {
        let query = "SELECT * FROM messages WHERE channel_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        self.read_messages(query, channel, id, most).await
    }

    async fn after(&self, channel: ChannelId, id: MessageId, most: u32) -> Result<Vec<StoredMessage>, Error> {
        let query = "SELECT * FROM messages WHERE channel_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let mut messages = self.read_messages(query, channel, id, most).await?;
        messages.reverse();
        Ok(messages)
    }

    async fn read_messages(
        &self,
        query: &'static str,
        channel: ChannelId,
        id: MessageId,
        most: u32,
    ) -> Result<Vec<StoredMessage>, Error> {
        let rows = sqlx::query(query)
            .bind(to_sql(channel.0))
            // Ids that no clock gives would be negative in SQL, where they would come before all others.
            .bind(i64::try_from(id.0).unwrap_or(i64::MAX))
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(StoredMessage::read).collect()
    }

    /// The newest message of an account in a channel that is newer than `floor`.
    pub(crate) async fn wrote_since(
        &self,
        channel: ChannelId,
        author: UserId,
        floor: MessageId,
    ) -> Result<Option<MessageId>, Error> {
        let newest: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM messages WHERE channel_id = $1 AND id > $2 AND author_id = $3 ORDER BY id DESC LIMIT 1",
        )
        .bind(to_sql(channel.0))
        .bind(to_sql(floor.0))
        .bind(to_sql(author.0))
        .fetch_optional(&self.pool)
        .await?;
        Ok(newest.map(|id| MessageId(from_sql(id))))
    }

    /// What these accounts wrote in a channel that is newer than `floor`, oldest first.
    pub(crate) async fn written_since(
        &self,
        channel: ChannelId,
        authors: &BTreeSet<UserId>,
        floor: MessageId,
    ) -> Result<Vec<MessageId>, Error> {
        let query = "SELECT id, author_id FROM messages WHERE channel_id = $1 AND id > $2 ORDER BY id";
        let rows: Vec<(i64, i64)> = sqlx::query_as(query)
            .bind(to_sql(channel.0))
            .bind(to_sql(floor.0))
            .fetch_all(&self.pool)
            .await?;
        let theirs = rows
            .into_iter()
            .filter(|(_, author)| authors.contains(&UserId(from_sql(*author))));
        Ok(theirs.map(|(id, _)| MessageId(from_sql(id))).collect())
    }

    /// Stores an edited message; says whether it was still there.
    pub(crate) async fn replace_message(&self, message: &StoredMessage) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE messages SET content = $1, edited_at_ms = $2, details = $3 WHERE channel_id = $4 AND id = $5",
        )
        .bind(&message.content)
        .bind(message.edited_at_ms.map(to_sql))
        .bind(message.details_as_text())
        .bind(to_sql(message.channel_id.0))
        .bind(to_sql(message.id.0))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes messages of a channel, and gives those that were there.
    pub(crate) async fn delete_messages(
        &self,
        channel: ChannelId,
        ids: &[MessageId],
    ) -> Result<Vec<MessageId>, Error> {
        let mut gone = Vec::with_capacity(ids.len());
        let mut transaction = self.pool.begin().await?;
        for id in ids {
            let done = sqlx::query("DELETE FROM messages WHERE channel_id = $1 AND id = $2")
                .bind(to_sql(channel.0))
                .bind(to_sql(id.0))
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() > 0 {
                gone.push(*id);
            }
        }
        transaction.commit().await?;
        Ok(gone)
    }

    /// What a message of kind [`MessageKind::Call`] says about its call.
    pub(crate) async fn call_info(&self, message: MessageId) -> Result<Option<CallInfo>, Error> {
        let call = sqlx::query("SELECT ended_at_ms FROM call_messages WHERE id = $1")
            .bind(to_sql(message.0))
            .fetch_optional(&self.pool)
            .await?;
        let Some(call) = call else { return Ok(None) };
        let ended: Option<i64> = call.try_get("ended_at_ms")?;
        let participants: Vec<i64> = sqlx::query_scalar(
            "SELECT user_id FROM call_participants WHERE message_id = $1 ORDER BY user_id",
        )
        .bind(to_sql(message.0))
        .fetch_all(&self.pool)
        .await?;
        let participants = participants.into_iter().map(|id| UserId(from_sql(id)));
        Ok(Some(CallInfo {
            ended_timestamp: ended.map(|at| Timestamp::from_unix_ms(from_sql(at))),
            ..CallInfo::running(participants.collect())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::NewUser;

    async fn channel() -> (Directory, ChannelId, UserId) {
        let directory = Directory::in_memory().await.unwrap();
        let mut people = BTreeSet::new();
        for name in ["one", "other"] {
            let user = NewUser {
                name: name.to_owned(),
                ..NewUser::default()
            };
            people.insert(directory.create_user(user).await.unwrap().id);
        }
        let author = *people.first().unwrap();
        let channel = directory.create_private_channel(None, people).await.unwrap();
        (directory, channel.id, author)
    }

    fn ids(messages: &[StoredMessage]) -> Vec<u64> {
        messages.iter().map(|message| message.id.0).collect()
    }

    #[tokio::test]
    async fn history_is_read_in_pages_newest_first() {
        let (directory, channel, author) = channel().await;
        for id in 1..=9 {
            let message = StoredMessage::new(MessageId(id), channel, author, MessageKind::Default);
            directory.insert_message(&message).await.unwrap();
        }
        let page = async |page, most| ids(&directory.messages(channel, page, most).await.unwrap());
        assert_eq!(page(Page::Newest, 3).await, [9, 8, 7]);
        assert_eq!(page(Page::Before(MessageId(4)), 2).await, [3, 2]);
        assert_eq!(
            page(Page::After(MessageId(4)), 2).await,
            [6, 5],
            "the nearest two"
        );
        assert_eq!(page(Page::Around(MessageId(5)), 5).await, [7, 6, 5, 4, 3]);
        assert_eq!(page(Page::Around(MessageId(5)), 4).await, [6, 5, 4, 3]);
        assert_eq!(page(Page::Around(MessageId(9)), 3).await, [9, 8]);
        assert_eq!(page(Page::Before(MessageId(u64::MAX)), 1).await, [9]);
        assert_eq!(page(Page::After(MessageId(u64::MAX)), 1).await, [0; 0]);
        let since = async |authors: &[UserId], floor| {
            let authors = authors.iter().copied().collect();
            let written = directory.written_since(channel, &authors, MessageId(floor));
            written.await.unwrap()
        };
        assert_eq!(since(&[author], 7).await, [MessageId(8), MessageId(9)]);
        assert_eq!(since(&[UserId(1)], 7).await, [], "what others wrote");
        let newest = directory.read().private(channel).unwrap().last_message_id;
        assert_eq!(newest, Some(MessageId(9)));
    }

    #[tokio::test]
    async fn a_message_comes_back_as_it_was_stored() {
        let (directory, channel, author) = channel().await;
        let mut message = StoredMessage::new(MessageId(5), channel, author, MessageKind::Reply);
        message.content = "hé 'quoted'".to_owned();
        message.details.embeds = vec![serde_json::json!({"title": "t"})];
        message.details.mentions = vec![author];
        message.details.flags = MessageFlags::SUPPRESS_EMBEDS;
        directory.insert_message(&message).await.unwrap();
        assert_eq!(
            directory.message(channel, message.id).await.unwrap(),
            Some(message.clone())
        );
        message.content = "edited".to_owned();
        message.edited_at_ms = Some(7);
        assert!(directory.replace_message(&message).await.unwrap());
        assert_eq!(
            directory.message(channel, message.id).await.unwrap(),
            Some(message.clone())
        );
        let gone = directory
            .delete_messages(channel, &[message.id, MessageId(6)])
            .await
            .unwrap();
        assert_eq!(gone, [message.id], "those that were there");
        assert!(!directory.replace_message(&message).await.unwrap());
    }
}
