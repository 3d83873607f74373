//! Messages that applications answer with: for all who read the channel, or for one account alone.

use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, MessageDelete};
use voxhall_protocol::ids::{MessageId, UserId};
use voxhall_protocol::model::{CommandKind, Message, MessageFlags, MessageKind, PartialMessage};
use voxhall_protocol::rest::{ApiErrorCode, CreateMessage};

use super::super::messages::{content, mentions, reference_to, shown};
use super::super::reply::{Answer, Failure};
use crate::calls::reaction::{Audience, Dispatch};
use crate::clock;
use crate::control::Core;
use crate::directory::{AnsweredInteraction, StoredMessage};
use crate::gateway::outgoing::Outgoing;
use crate::interactions::Running;

/// A message of an application with nothing in it yet. One that follows stands `after` the first answer.
pub(super) async fn blank(
    core: &Core,
    running: &Running,
    after: Option<MessageId>,
    flags: MessageFlags,
) -> Answer<StoredMessage> {
    let first_of_command = after.is_none().then_some(running.command.as_ref()).flatten();
    let kind = match first_of_command {
        Some((_, CommandKind::ChatInput)) => MessageKind::ChatInputCommand,
        Some(_) => MessageKind::ContextMenuCommand,
        None => MessageKind::Default,
    };
    let author = UserId(running.application.0);
    let mut message = StoredMessage::new(MessageId(0), running.channel, author, kind);
    message.details.flags = flags.intersection(MessageFlags::EPHEMERAL);
    message.details.application_id = Some(running.application);
    message.details.interaction = Some(AnsweredInteraction {
        id: running.id,
        kind: running.kind,
        user: running.user,
        command: running.command.clone(),
        original: after,
        source: running.source,
    });
    // It answers the message that it follows or whose component was used, unless nobody else sees that.
    if let Some(answered) = after.or(running.source)
        && kind == MessageKind::Default
        && let Some(answered) = core.directory.message(running.channel, answered).await?
    {
        message.kind = MessageKind::Reply;
        message.details.reference = Some(reference_to(&core.directory.read(), &answered));
    }
    Ok(message)
}

/// The message that an application wants to answer with.
pub(super) async fn composed(
    core: &Core,
    running: &Running,
    after: Option<MessageId>,
    request: CreateMessage,
) -> Answer<StoredMessage> {
    let allowed = request.allowed_mentions.clone();
    let flags = request.flags.unwrap_or_default();
    let mut message = blank(core, running, after, flags).await?;
    content::fill(&mut message, request)?;
    message.details.flags |= flags.intersection(MessageFlags::EPHEMERAL);
    mentions::note(&core.directory.read(), &mut message, allowed.as_ref(), None)?;
    Ok(message)
}

fn is_ephemeral(message: &StoredMessage) -> bool {
    message.details.flags.contains(MessageFlags::EPHEMERAL)
}

impl Core {
    /// Writes an answer and tells those who see it.
    pub(super) async fn post_answer(&self, running: &Running, mut message: StoredMessage) -> Answer<Message> {
        if !is_ephemeral(&message) {
            let mut nonces = self.posting.turn().await;
            return Ok(self.post(&mut nonces, message, None).await?);
        }
        message.id = MessageId(self.directory.next_id());
        let seen = self.shown(&message).await?;
        self.interactions
            .ephemeral()
            .put(running.user, message, clock::now());
        let told = shown::in_event(&self.directory.read(), seen.clone());
        self.tell_alone(running.user, &Event::MessageCreate(Box::new(told)));
        Ok(seen)
    }

    /// Puts an edited answer, or the edited message of a component, where it was.
    pub(super) async fn put_back(&self, running: &Running, message: StoredMessage) -> Answer<Message> {
        if !is_ephemeral(&message) {
            let turn = self.posting.turn().await;
            let rewritten = self.rewrite(&turn, &message).await?;
            return rewritten.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage));
        }
        let seen = self.shown(&message).await?;
        self.interactions
            .ephemeral()
            .put(running.user, message, clock::now());
        let told = shown::in_event(&self.directory.read(), seen.clone());
        let update = PartialMessage::whole(&told);
        self.tell_alone(running.user, &Event::MessageUpdate(Box::new(update)));
        Ok(seen)
    }

    /// Takes an answer away.
    pub(super) async fn take_back(&self, running: &Running, message: &StoredMessage) -> Answer<()> {
        if !is_ephemeral(message) {
            let turn = self.posting.turn().await;
            self.erase(&turn, message.channel_id, &[message.id]).await?;
            return Ok(());
        }
        if self.interactions.ephemeral().remove(running.user, message.id) {
            let gone = MessageDelete {
                id: message.id,
                channel_id: message.channel_id,
                guild_id: running.guild,
                extra: Extra::new(),
            };
            self.tell_alone(running.user, &Event::MessageDelete(gone));
        }
        Ok(())
    }

    /// Tells every session of an account, and nobody else.
    fn tell_alone(&self, user: UserId, event: &Event) {
        let dispatch = Dispatch::now(Audience::User(user), Outgoing::to_all(event));
        self.hub.deliver(&self.directory.read(), dispatch);
    }
}
