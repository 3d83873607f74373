//! Private channels: made, changed and deleted; who is in a group, what it is called, and who has closed it.

use std::collections::BTreeSet;

use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::model::ChannelKind;

use super::records::PrivateChannel;
use super::world::World;
use super::{Connection, Directory, to_sql};
use crate::Error;

/// How somebody comes to a private channel that it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It was made.
    New,
    /// It was there, and comes back into the list of the one who asks, who had closed it.
    Again,
    /// It was in the list.
    Before,
}

impl Directory {
    /// Changes a private channel: name, icon, owner, people, and who has closed it. Changes are taken one after the
    /// other, so what `edit` sees is what is changed. Gives the channel as it is now, with what `edit` gave.
    ///
    /// # Errors
    /// Those of `edit`, which leave all as it was; [`Error::Unknown`] without such a channel, [`Error::Directory`].
    pub(crate) async fn edit_private_channel<T, E: From<Error>>(
        &self,
        id: ChannelId,
        edit: impl FnOnce(&mut PrivateChannel) -> Result<T, E>,
    ) -> Result<(PrivateChannel, T), E> {
        let _writing = self.writing.lock().await;
        let before = self.read().private(id).cloned();
        let before = before.ok_or(Error::Unknown { what: "channel" })?;
        let mut after = before.clone();
        let given = edit(&mut after)?;
        if after != before {
            self.store_private_channel(&after).await?;
        }
        Ok((after, given))
    }

    /// The channel between people of whom `by` asks for it. Two people share one channel; groups are made as often as
    /// they are asked for, and belong to whoever asks.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn open_private_channel(
        &self,
        people: BTreeSet<UserId>,
        by: UserId,
    ) -> Result<(PrivateChannel, Opened), Error> {
        let _writing = self.writing.lock().await;
        let shared = {
            let world = self.read();
            let shared = world.private_of(by).find(|it| it.recipients == people);
            shared.filter(|_| people.len() == 2).cloned()
        };
        let Some(mut channel) = shared else {
            let mut channel = self.new_private_channel(None, people);
            channel.owner_id = (channel.kind == ChannelKind::Group).then_some(by);
            self.insert_private_channel(&channel).await?;
            return Ok((channel, Opened::New));
        };
        if !channel.closed_by.remove(&by) {
            return Ok((channel, Opened::Before));
        }
        self.store_private_channel(&channel).await?;
        Ok((channel, Opened::Again))
    }

    /// Makes a private channel between people; `None` takes a fresh id.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn create_private_channel(
        &self,
        id: Option<ChannelId>,
        recipients: BTreeSet<UserId>,
    ) -> Result<PrivateChannel, Error> {
        let channel = self.new_private_channel(id, recipients);
        let _writing = self.writing.lock().await;
        self.insert_private_channel(&channel).await?;
        Ok(channel)
    }

    fn new_private_channel(&self, id: Option<ChannelId>, recipients: BTreeSet<UserId>) -> PrivateChannel {
        PrivateChannel {
            id: id.unwrap_or_else(|| ChannelId(self.next_id())),
            kind: if recipients.len() > 2 {
                ChannelKind::Group
            } else {
                ChannelKind::Private
            },
            recipients,
            last_message_id: None,
            name: None,
            icon: None,
            owner_id: None,
            closed_by: BTreeSet::new(),
        }
    }

    /// Stores a new private channel; whoever calls holds `writing`.
    async fn insert_private_channel(&self, channel: &PrivateChannel) -> Result<(), Error> {
        for user in &channel.recipients {
            self.require_user(*user)?;
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO private_channels (id, kind, last_message_id) VALUES ($1, $2, NULL)")
            .bind(to_sql(channel.id.0))
            .bind(i64::from(channel.kind.number()))
            .execute(&mut *transaction)
            .await?;
        store(&mut transaction, channel).await?;
        transaction.commit().await?;
        self.world.write().insert_private(channel.clone());
        Ok(())
    }

    /// Stores a changed private channel; whoever calls holds `writing`.
    async fn store_private_channel(&self, channel: &PrivateChannel) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        store(&mut transaction, channel).await?;
        transaction.commit().await?;
        self.world.write().replace_private(channel.clone());
        Ok(())
    }

    /// Deletes a private channel with its messages.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn delete_private_channel(&self, id: ChannelId) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let mut transaction = self.pool.begin().await?;
        for query in [
            "DELETE FROM messages WHERE channel_id = $1",
            "DELETE FROM private_channels WHERE id = $1",
        ] {
            sqlx::query(query)
                .bind(to_sql(id.0))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.world.write().remove_private(id);
        Ok(())
    }
}

async fn store(connection: &mut Connection, channel: &PrivateChannel) -> Result<(), Error> {
    sqlx::query("UPDATE private_channels SET name = $1, icon = $2, owner_id = $3 WHERE id = $4")
        .bind(&channel.name)
        .bind(&channel.icon)
        .bind(channel.owner_id.map(|owner| to_sql(owner.0)))
        .bind(to_sql(channel.id.0))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM private_recipients WHERE channel_id = $1")
        .bind(to_sql(channel.id.0))
        .execute(&mut *connection)
        .await?;
    for user in &channel.recipients {
        sqlx::query("INSERT INTO private_recipients (channel_id, user_id, closed) VALUES ($1, $2, $3)")
            .bind(to_sql(channel.id.0))
            .bind(to_sql(user.0))
            .bind(channel.closed_by.contains(user))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl World {
    /// The private channels in an account's list: those that it has not closed.
    pub(crate) fn open_private_of(&self, user: UserId) -> impl Iterator<Item = &PrivateChannel> {
        self.private_of(user)
            .filter(move |channel| !channel.closed_by.contains(&user))
    }

    fn replace_private(&mut self, channel: PrivateChannel) {
        // Messages may have come since the change was thought of.
        let known = self.private.get(&channel.id).and_then(|it| it.last_message_id);
        self.remove_private(channel.id);
        self.insert_private(PrivateChannel {
            last_message_id: known.max(channel.last_message_id),
            ..channel
        });
    }

    fn remove_private(&mut self, id: ChannelId) {
        self.homes.remove(&id);
        let Some(channel) = self.private.remove(&id) else {
            return;
        };
        for user in channel.recipients {
            if let Some(channels) = self.private_of.get_mut(&user) {
                channels.remove(&id);
                if channels.is_empty() {
                    self.private_of.remove(&user);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::ids::MessageId;
    use voxhall_protocol::model::MessageKind;

    use super::*;
    use crate::directory::{NewUser, Page, StoredMessage, load};

    #[tokio::test]
    async fn what_is_written_is_what_a_restart_reads() {
        let directory = Directory::in_memory().await.unwrap();
        let mut people = Vec::new();
        for name in ["a", "b", "c"] {
            let user = NewUser {
                name: name.to_owned(),
                ..NewUser::default()
            };
            people.push(directory.create_user(user).await.unwrap().id);
        }
        let everybody: BTreeSet<_> = people.iter().copied().collect();
        let group = directory.create_private_channel(None, everybody).await.unwrap();
        let edited = directory.edit_private_channel(group.id, |group| -> Result<_, Error> {
            group.name = Some("quartet".to_owned());
            group.owner_id = Some(people[1]);
            group.recipients.remove(&people[2]);
            group.closed_by.insert(people[0]);
            Ok(())
        });
        let (group, ()) = edited.await.unwrap();
        let check = async || {
            let stored = load::world(&directory.pool).await.unwrap();
            let copy = directory.read();
            assert_eq!(copy.private, stored.private);
            assert_eq!(copy.private_of, stored.private_of);
            assert_eq!(copy.homes, stored.homes);
        };
        check().await;
        assert_eq!(directory.read().open_private_of(people[0]).count(), 0);

        let message = StoredMessage::new(MessageId(3), group.id, people[1], MessageKind::Default);
        let again = directory.insert_message(&message).await.unwrap();
        assert_eq!(again, [people[0]], "a message brings the channel back");
        check().await;

        directory.delete_private_channel(group.id).await.unwrap();
        check().await;
        let left = directory.messages(group.id, Page::Newest, 9).await.unwrap();
        assert!(left.is_empty());
    }
}
