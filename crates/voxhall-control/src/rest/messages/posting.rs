//! Messages on their way: into the directory, and to those who read them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, Intents, MessageDelete, MessageDeleteBulk};
use voxhall_protocol::ids::{ChannelId, MessageId, UserId};
use voxhall_protocol::model::{Message, PartialMessage};

use super::shown;
use crate::Error;
use crate::calls::reaction::{Audience, Dispatch};
use crate::clock;
use crate::control::Core;
use crate::directory::{Home, StoredMessage, World};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// How long the nonce of a message is remembered.
const NONCE_MEMORY: Duration = Duration::from_secs(300);

/// How many nonces are remembered at most.
const MOST_NONCES: usize = 10_000;

/// Held while a message is written, edited or deleted, and told, so that messages are told in the order of their ids and
/// an edit loses none before it; and the messages that were sent with a nonce of late.
#[derive(Debug, Default)]
pub(crate) struct Posting(tokio::sync::Mutex<Nonces>);

impl Posting {
    /// Waits until all messages before this one have been told.
    pub(in crate::rest) async fn turn(&self) -> tokio::sync::MutexGuard<'_, Nonces> {
        self.0.lock().await
    }
}

/// The messages that were sent with a nonce of late, oldest first.
#[derive(Debug, Default)]
pub(in crate::rest) struct Nonces(VecDeque<(Instant, Nonce, MessageId)>);

/// Whose, where, and what the client called it.
type Nonce = (UserId, ChannelId, Value);

impl Nonces {
    /// The message that was sent under this name.
    pub(super) fn find(&self, author: UserId, channel: ChannelId, nonce: &Value) -> Option<MessageId> {
        let wanted = |(_, known, _): &&(Instant, Nonce, MessageId)| {
            known.0 == author && known.1 == channel && known.2 == *nonce
        };
        self.0.iter().rev().find(wanted).map(|(_, _, id)| *id)
    }

    fn note(&mut self, nonce: Nonce, id: MessageId, now: Instant) {
        let over = |entry: &(Instant, Nonce, MessageId)| now.duration_since(entry.0) > NONCE_MEMORY;
        while self.0.front().is_some_and(over) || self.0.len() >= MOST_NONCES {
            self.0.pop_front();
        }
        self.0.push_back((now, nonce, id));
    }
}

impl Core {
    /// Writes a message, gives it its id, and tells those who read the channel. Gives it as REST shows it.
    pub(in crate::rest) async fn post(
        &self,
        nonces: &mut Nonces,
        mut message: StoredMessage,
        nonce: Option<Value>,
    ) -> Result<Message, Error> {
        message.id = MessageId(self.directory.next_id());
        let returning = self.directory.insert_message(&message).await?;
        if let Some(nonce) = nonce.clone() {
            nonces.note(
                (message.author, message.channel_id, nonce),
                message.id,
                clock::now(),
            );
        }
        let mut shown = self.shown(&message).await?;
        shown.nonce = nonce;
        let world = self.directory.read();
        for user in returning {
            self.tell_private_channel(&world, message.channel_id, user);
        }
        let whole = shown::in_event(&world, shown.clone());
        self.tell_message(&world, &whole, |message| Event::MessageCreate(Box::new(message)));
        Ok(shown)
    }

    /// The same where nobody waits for an answer: a message about what happened in a channel.
    pub(in crate::rest) async fn post_notice(&self, message: StoredMessage) -> Result<(), Error> {
        let mut nonces = self.posting.turn().await;
        self.post(&mut nonces, message, None).await.map(|_| ())
    }

    /// Writes an edited message and tells those who read the channel; `None` if it is gone.
    pub(in crate::rest) async fn rewrite(
        &self,
        _turn: &Nonces,
        message: &StoredMessage,
    ) -> Result<Option<Message>, Error> {
        if !self.directory.replace_message(message).await? {
            return Ok(None);
        }
        let shown = self.shown(message).await?;
        let world = self.directory.read();
        let whole = shown::in_event(&world, shown.clone());
        self.tell_message(&world, &whole, |message| {
            Event::MessageUpdate(Box::new(PartialMessage::whole(&message)))
        });
        Ok(Some(shown))
    }

    /// Deletes messages and tells those who read the channel. Gives those that were there.
    pub(in crate::rest) async fn erase(
        &self,
        _turn: &Nonces,
        channel_id: ChannelId,
        ids: &[MessageId],
    ) -> Result<Vec<MessageId>, Error> {
        let gone = self.directory.delete_messages(channel_id, ids).await?;
        let world = self.directory.read();
        let guild_id = match world.home(channel_id) {
            Some(Home::Guild(guild)) => Some(guild),
            _ => None,
        };
        let event = match gone[..] {
            [] => return Ok(gone),
            [id] => Event::MessageDelete(MessageDelete {
                id,
                channel_id,
                guild_id,
                extra: Extra::new(),
            }),
            _ => Event::MessageDeleteBulk(MessageDeleteBulk {
                ids: gone.clone(),
                channel_id,
                guild_id,
                extra: Extra::new(),
            }),
        };
        let event = Outgoing::new(&event, Subscription::Intents(intents(&world, channel_id)));
        self.hub
            .deliver(&world, Dispatch::now(Audience::Viewers(channel_id), event));
        Ok(gone)
    }

    /// Tells all who may read a channel of a message; applications that may not read what others say are told without it.
    fn tell_message(&self, world: &World, message: &Message, event: impl Fn(Message) -> Event) {
        let channel = message.channel_id;
        let subscription = Subscription::Intents(intents(world, channel));
        let tell = |audience, message| {
            let event = Outgoing::new(&event(message), subscription);
            self.hub.deliver(world, Dispatch::now(audience, event));
        };
        if world.home(channel) == Some(Home::Private) {
            tell(Audience::Viewers(channel), message.clone());
            return;
        }
        let privy: Vec<UserId> = shown::privy(message).collect();
        tell(Audience::Readers(channel, privy.clone()), message.clone());
        tell(Audience::Onlookers(channel, privy), message.without_content());
    }

    /// Tells somebody of a private channel that comes into the list.
    pub(in crate::rest) fn tell_private_channel(&self, world: &World, channel: ChannelId, user: UserId) {
        let Some(private) = world.private(channel) else {
            return;
        };
        let seen = render::private_channel(world, private, user);
        let event = Outgoing::new(&Event::ChannelCreate(Box::new(seen)), Subscription::Users);
        self.hub
            .deliver(world, Dispatch::now(Audience::User(user), event));
    }
}

/// What bots must have asked for to hear of a channel's messages.
fn intents(world: &World, channel: ChannelId) -> Intents {
    match world.home(channel) {
        Some(Home::Guild(_)) => Intents::GUILD_MESSAGES,
        _ => Intents::DIRECT_MESSAGES,
    }
}
