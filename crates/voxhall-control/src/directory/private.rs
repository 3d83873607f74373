//! Changes to private channels: who is in a group, what it is called, and who has closed it.

use voxhall_protocol::ids::{ChannelId, UserId};

use super::records::PrivateChannel;
use super::world::World;
use super::{Directory, to_sql};
use crate::Error;

impl Directory {
    /// Stores what a private channel is: name, icon, owner, people, and who has closed it.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a channel, [`Error::Directory`].
    pub(crate) async fn put_private_channel(&self, channel: PrivateChannel) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        if self.read().private(channel.id).is_none() {
            return Err(Error::Unknown { what: "channel" });
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE private_channels SET name = $1, icon = $2, owner_id = $3 WHERE id = $4")
            .bind(&channel.name)
            .bind(&channel.icon)
            .bind(channel.owner_id.map(|owner| to_sql(owner.0)))
            .bind(to_sql(channel.id.0))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM private_recipients WHERE channel_id = $1")
            .bind(to_sql(channel.id.0))
            .execute(&mut *transaction)
            .await?;
        for user in &channel.recipients {
            sqlx::query("INSERT INTO private_recipients (channel_id, user_id, closed) VALUES ($1, $2, $3)")
                .bind(to_sql(channel.id.0))
                .bind(to_sql(user.0))
                .bind(channel.closed_by.contains(user))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.world.write().replace_private(channel);
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
    use std::collections::BTreeSet;

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
        let mut group = directory.create_private_channel(None, everybody).await.unwrap();
        group.name = Some("quartet".to_owned());
        group.owner_id = Some(people[1]);
        group.recipients.remove(&people[2]);
        group.closed_by.insert(people[0]);
        directory.put_private_channel(group.clone()).await.unwrap();
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
