//! What stored messages look like on the wire, and who may read what they say.

use serde_json::{Value, json};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::model::{CallInfo, Message, MessageKind, Timestamp};
use voxhall_protocol::{Extra, Nullable};

use crate::Error;
use crate::control::Core;
use crate::directory::{AnsweredInteraction, Home, StoredMessage, User, World};
use crate::render;

/// What a message says that stands in other tables.
#[derive(Debug, Default)]
struct Beside {
    call: Option<CallInfo>,
    /// The message it answers, if that is still there.
    answered: Option<StoredMessage>,
}

impl Core {
    /// A stored message as REST gives it.
    pub(in crate::rest) async fn shown(&self, message: &StoredMessage) -> Result<Message, Error> {
        let mut beside = Beside::default();
        if message.kind == MessageKind::Call {
            beside.call = self.directory.call_info(message.id).await?;
        }
        let answered = message.details.reference.as_ref().and_then(|it| it.message_id);
        if let Some(answered) = answered {
            beside.answered = self.directory.message(message.channel_id, answered).await?;
        }
        Ok(whole(&self.directory.read(), message, beside))
    }
}

fn whole(world: &World, message: &StoredMessage, beside: Beside) -> Message {
    let shown = plain(world, message);
    let referenced_message = match (&message.details.reference, beside.answered) {
        (None, _) => Nullable::Absent,
        (Some(_), None) => Nullable::Null,
        (Some(_), Some(answered)) => Nullable::Value(Box::new(plain(world, &answered))),
    };
    let mentions = match message.kind {
        // A call is for everybody else who is there.
        MessageKind::Call => world
            .private(message.channel_id)
            .into_iter()
            .flat_map(|channel| &channel.recipients)
            .filter(|user| **user != message.author)
            .map(|user| render::user_in_message(world, *user))
            .collect(),
        _ => shown.mentions,
    };
    Message {
        call: beside.call,
        referenced_message,
        mentions,
        ..shown
    }
}

/// A message without what stands in other tables.
pub(in crate::rest) fn plain(world: &World, message: &StoredMessage) -> Message {
    let details = &message.details;
    let mentions = details.mentions.iter();
    let answered = details.interaction.as_ref();
    let mut extra = Extra::new();
    if let Some((answered, (name, _))) = answered.and_then(|it| Some((it, it.command.as_ref()?))) {
        // The older form, which libraries still read.
        let user = render::user_by_id(world, answered.user);
        let older = json!({"id": answered.id, "type": answered.kind, "name": name, "user": user});
        extra.insert("interaction", older);
    }
    Message {
        content: message.content.clone(),
        edited_timestamp: message.edited_at_ms.map(Timestamp::from_unix_ms),
        tts: details.tts,
        mention_everyone: details.mention_everyone,
        mentions: mentions
            .map(|user| render::user_in_message(world, *user))
            .collect(),
        mention_roles: details.mention_roles.clone(),
        embeds: details.embeds.clone(),
        components: details.components.clone(),
        flags: details.flags,
        message_reference: details.reference.clone(),
        application_id: details.application_id,
        webhook_id: details.application_id,
        interaction_metadata: answered.map(|it| interaction_metadata(world, message.channel_id, it)),
        extra,
        ..Message::new(
            message.id,
            message.channel_id,
            message.kind,
            render::user_in_message(world, message.author),
            Timestamp::from_unix_ms(message.id.created_at_ms()),
        )
    }
}

/// What a message says about the interaction that it answers.
fn interaction_metadata(world: &World, channel: ChannelId, answered: &AnsweredInteraction) -> Value {
    let guild = world
        .guild_channel(channel)
        .map(|(guild, _)| guild.id.to_string());
    let mut metadata = json!({
        "id": answered.id, "type": answered.kind, "user": render::user_by_id(world, answered.user),
        // 0: installed in a guild, or in none.
        "authorizing_integration_owners": {"0": guild.unwrap_or_else(|| "0".to_owned())},
    });
    if let Some((name, kind)) = &answered.command {
        (metadata["name"], metadata["command_type"]) = (json!(name), json!(kind));
    }
    if let Some(original) = answered.original {
        metadata["original_response_message_id"] = json!(original);
    }
    if let Some(source) = answered.source {
        metadata["interacted_message_id"] = json!(source);
    }
    metadata
}

/// The same message as events carry it: with the guild, and its people as members.
pub(in crate::rest) fn in_event(world: &World, mut message: Message) -> Message {
    match world.home(message.channel_id) {
        Some(Home::Guild(guild)) => {
            let member = |user: UserId| {
                let mut member = render::member(world, world.member(guild, user)?)?;
                member.user = None;
                Some(member)
            };
            message.guild_id = Some(guild);
            message.member = member(message.author.id).map(Box::new);
            for user in &mut message.mentions {
                let member = member(user.id).and_then(|member| serde_json::to_value(member).ok());
                if let Some(member) = member {
                    user.extra.insert("member", member);
                }
            }
            let kind = world.guild_channel(message.channel_id);
            message.channel_type = kind.map(|(_, channel)| channel.kind);
        }
        _ => message.channel_type = world.private(message.channel_id).map(|channel| channel.kind),
    }
    message
}

/// Whether an application may read what a message says: it was given leave for all, or this one is for it.
pub(super) fn is_readable(world: &World, reader: &User, message: &Message) -> bool {
    !reader.bot
        || reader.privileged_intents
        || world.home(message.channel_id) == Some(Home::Private)
        || privy(message).any(|user| user == reader.id)
}

/// Those who may read a message whatever they were given leave for.
pub(super) fn privy(message: &Message) -> impl Iterator<Item = UserId> {
    let mentioned = message.mentions.iter().map(|user| user.id);
    mentioned.chain([message.author.id])
}
