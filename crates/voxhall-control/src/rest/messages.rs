//! Messages: writing, reading, editing and deleting them, and saying that one is being written.

pub(in crate::rest) mod content;
pub(in crate::rest) mod mentions;
pub(crate) mod posting;
pub(in crate::rest) mod shown;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, Intents, TypingStart};
use voxhall_protocol::ids::{ChannelId, EPOCH_MS, MessageId, UserId};
use voxhall_protocol::model::{
    ChannelKind, Message, MessageFlags, MessageKind, MessageReference, Permissions,
};
use voxhall_protocol::rest::{ApiErrorCode, BulkDelete, CreateMessage, EditMessage};

use super::caller::Caller;
use super::reply::{Answer, Asked, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Channel, Home, Page, StoredMessage, World};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::{render, wall};

/// How many messages a page has, where nobody asks for more or less.
const PAGE: u32 = 50;
/// The most messages of a page.
const LONGEST_PAGE: u32 = 100;
/// The longest nonce, in characters.
const LONGEST_NONCE: usize = 25;
/// How old a message may be that is deleted with others at once.
const BULK_DELETE_AGE: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) fn api() -> Routes {
    Routes::new("messages")
        .route(
            "/channels/{channel}/messages",
            get(history, "Reads a part of a channel's history, newest first")
                .post(create, "Writes a message"),
        )
        .route(
            "/channels/{channel}/messages/{message}",
            get(single, "Gives a message")
                .patch(edit, "Edits a message")
                .delete(delete, "Deletes a message"),
        )
        .route(
            "/channels/{channel}/messages/bulk-delete",
            post(bulk_delete, "Deletes several messages"),
        )
        .route(
            "/channels/{channel}/typing",
            post(typing, "Tells the others that a message is being written"),
        )
}

/// Which part of the history.
#[derive(Debug, Deserialize, JsonSchema)]
struct Range {
    before: Option<MessageId>,
    after: Option<MessageId>,
    around: Option<MessageId>,
    limit: Option<u32>,
}

/// Whether messages can be written in a channel of this kind.
fn holds_text(kind: ChannelKind) -> bool {
    !matches!(kind, ChannelKind::GuildCategory | ChannelKind::GuildForum)
}

/// Refuses those who may not do this with messages here. In private channels, those who are in them may.
fn may(world: &World, caller: &Caller, channel: ChannelId, needed: Permissions) -> Answer<()> {
    match caller.sees(world, channel)? {
        Home::Private => Ok(()),
        Home::Guild(_) => {
            let kind = world.guild_channel(channel).map(|(_, channel)| channel.kind);
            if !kind.is_some_and(holds_text) {
                return Err(Failure::bad_request(ApiErrorCode::NotATextChannel));
            }
            caller.may_in(world, channel, needed)
        }
    }
}

/// Refuses those who may not write here now.
fn may_write(world: &World, caller: &Caller, channel: ChannelId) -> Answer<()> {
    may(world, caller, channel, Permissions::SEND_MESSAGES)?;
    let Some(Home::Guild(guild)) = world.home(channel) else {
        return Ok(());
    };
    let until = world
        .member(guild, caller.id())
        .and_then(|member| member.timed_out_until_ms);
    if until.is_some_and(|until| until > wall::now_ms()) {
        return caller.may_in(world, channel, Permissions::ADMINISTRATOR);
    }
    Ok(())
}

async fn history(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Asked(range): Asked<Range>,
) -> Answer<Json<Vec<Message>>> {
    let limit = range.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(Failure::invalid_field("limit", "give 1 to 100"));
    }
    let page = match (range.around, range.before, range.after) {
        (Some(id), None, None) => Page::Around(id),
        (None, Some(id), None) => Page::Before(id),
        (None, None, Some(id)) => Page::After(id),
        (None, None, None) => Page::Newest,
        _ => {
            return Err(Failure::invalid_field(
                "before",
                "give one of before, after and around",
            ));
        }
    };
    {
        let world = core.directory.read();
        may(&world, &caller, channel, Permissions::NONE)?;
        if may(&world, &caller, channel, Permissions::READ_MESSAGE_HISTORY).is_err() {
            return Ok(Json(Vec::new()));
        }
    }
    let mut messages = Vec::new();
    for stored in core.directory.messages(channel, page, limit).await? {
        messages.push(readable(&core, &caller, core.shown(&stored).await?));
    }
    Ok(Json(messages))
}

/// A message with what the caller may read of it.
fn readable(core: &Core, caller: &Caller, message: Message) -> Message {
    if shown::is_readable(&core.directory.read(), &caller.0, &message) {
        message
    } else {
        message.without_content()
    }
}

async fn stored(core: &Core, channel: ChannelId, id: MessageId) -> Answer<StoredMessage> {
    let message = core.directory.message(channel, id).await?;
    message.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage))
}

async fn single(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((channel, id)): Named<(ChannelId, MessageId)>,
) -> Answer<Json<Message>> {
    let needed = Permissions::READ_MESSAGE_HISTORY;
    may(&core.directory.read(), &caller, channel, needed)?;
    let message = stored(&core, channel, id).await?;
    let shown = core.shown(&message).await?;
    Ok(Json(readable(&core, &caller, shown)))
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(request): Body<CreateMessage>,
) -> Answer<Json<Message>> {
    may_write(&core.directory.read(), &caller, channel)?;
    check_nonce(request.nonce.as_ref())?;
    let (nonce, enforced) = (request.nonce.clone(), request.enforce_nonce == Some(true));
    let message = draft(&core, &caller, channel, request).await?;
    let mut nonces = core.posting.turn().await;
    let known = nonce
        .as_ref()
        .filter(|_| enforced)
        .and_then(|nonce| nonces.find(caller.id(), channel, nonce));
    if let Some(known) = known
        && let Some(message) = core.directory.message(channel, known).await?
    {
        return Ok(Json(core.shown(&message).await?));
    }
    keep_pace(&core, &caller, channel).await?;
    Ok(Json(core.post(&mut nonces, message, nonce).await?))
}

pub(in crate::rest) fn check_nonce(nonce: Option<&Value>) -> Answer<()> {
    let fits = match nonce {
        None | Some(Value::Number(_)) => true,
        Some(Value::String(text)) => text.chars().count() <= LONGEST_NONCE,
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(Failure::invalid_field(
            "nonce",
            "give a number, or a text of at most 25 characters",
        ))
    }
}

/// The message that a request asks for, without an id yet.
async fn draft(
    core: &Core,
    caller: &Caller,
    channel: ChannelId,
    request: CreateMessage,
) -> Answer<StoredMessage> {
    let answered = match &request.message_reference {
        Some(reference) => answered(core, caller, channel, reference).await?,
        None => None,
    };
    let mut message = StoredMessage::new(MessageId(0), channel, caller.id(), MessageKind::Default);
    if let Some(answered) = &answered {
        message.kind = MessageKind::Reply;
        message.details.reference = Some(reference_to(&core.directory.read(), answered));
    }
    let allowed = request.allowed_mentions.clone();
    content::fill(&mut message, request)?;
    let world = core.directory.read();
    if !message.details.embeds.is_empty() {
        may(&world, caller, channel, Permissions::EMBED_LINKS)?;
    }
    if message.details.tts {
        message.details.tts = may(&world, caller, channel, Permissions::SEND_TTS_MESSAGES).is_ok();
    }
    let author = answered.map(|answered| answered.author);
    mentions::note(&world, &mut message, allowed.as_ref(), author)?;
    Ok(message)
}

/// The message that another one answers; `None` if it is gone and that does not matter.
async fn answered(
    core: &Core,
    caller: &Caller,
    channel: ChannelId,
    reference: &MessageReference,
) -> Answer<Option<StoredMessage>> {
    let wrong = || Failure::invalid_field("message_reference", "name a message of this channel");
    if reference.channel_id.is_some_and(|named| named != channel) {
        return Err(wrong());
    }
    let needed = Permissions::READ_MESSAGE_HISTORY;
    may(&core.directory.read(), caller, channel, needed)?;
    let id = reference.message_id.ok_or_else(wrong)?;
    match core.directory.message(channel, id).await? {
        None if reference.fail_if_not_exists == Some(false) => Ok(None),
        None => Err(wrong()),
        found => Ok(found),
    }
}

/// How a message refers to another one.
pub(in crate::rest) fn reference_to(world: &World, message: &StoredMessage) -> MessageReference {
    let mut extra = Extra::new();
    extra.insert("type", 0);
    MessageReference {
        message_id: Some(message.id),
        channel_id: Some(message.channel_id),
        guild_id: world.guild_channel(message.channel_id).map(|(guild, _)| guild.id),
        fail_if_not_exists: None,
        extra,
    }
}

/// Refuses those who write too often for the channel's slow mode. Bots and moderators are not held to it.
async fn keep_pace(core: &Core, caller: &Caller, channel: ChannelId) -> Answer<()> {
    let pace_ms = {
        let world = core.directory.read();
        let moderates = |needed| world.permissions(channel, caller.id()).contains(needed);
        let free = caller.0.bot
            || moderates(Permissions::MANAGE_MESSAGES)
            || moderates(Permissions::MANAGE_CHANNELS);
        let pace = |(_, channel): (_, &Channel)| u64::from(channel.rate_limit_per_user) * 1000;
        world.guild_channel(channel).filter(|_| !free).map_or(0, pace)
    };
    if pace_ms == 0 {
        return Ok(());
    }
    let now_ms = wall::now_ms();
    let floor = MessageId((now_ms - pace_ms).saturating_sub(EPOCH_MS) << 22);
    match core.directory.wrote_since(channel, caller.id(), floor).await? {
        Some(last) => {
            let ready_ms = last.created_at_ms() + pace_ms;
            let wait = Duration::from_millis(ready_ms.saturating_sub(now_ms));
            let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, ApiErrorCode::SlowMode);
            Err(failure.retry_after(wait))
        }
        None => Ok(()),
    }
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((channel, id)): Named<(ChannelId, MessageId)>,
    Body(request): Body<EditMessage>,
) -> Answer<Json<Message>> {
    may(&core.directory.read(), &caller, channel, Permissions::NONE)?;
    let turn = core.posting.turn().await;
    let before = stored(&core, channel, id).await?;
    if before.author != caller.id() {
        // Moderators may hide the embeds of others, and do nothing else to their messages.
        let only_flags = request.content.is_absent()
            && request.embeds.is_absent()
            && request.components.is_absent()
            && request.flags.is_some();
        let world = core.directory.read();
        let moderates = caller.may_in(&world, channel, Permissions::MANAGE_MESSAGES);
        if !only_flags || moderates.is_err() {
            return Err(Failure::forbidden(ApiErrorCode::NotTheAuthor));
        }
    }
    let embeds = request.embeds.value().is_some_and(|embeds| !embeds.is_empty());
    if embeds {
        may(&core.directory.read(), &caller, channel, Permissions::EMBED_LINKS)?;
    }
    let after = edited(&core, before, request)?;
    let shown = core.rewrite(&turn, &after).await?;
    shown
        .map(Json)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage))
}

/// A message with the changes that a request asks for.
pub(in crate::rest) fn edited(
    core: &Core,
    mut message: StoredMessage,
    request: EditMessage,
) -> Answer<StoredMessage> {
    if is_notice(message.kind) {
        return Err(Failure::bad_request(ApiErrorCode::SystemMessage));
    }
    content::no_files(request.attachments.as_deref())?;
    let details = &mut message.details;
    if let Some(flags) = request.flags {
        details.flags = content::edited_flags(details.flags, flags);
    }
    // Whoever edits an answer has finished thinking about it.
    details.flags = details.flags.difference(MessageFlags::LOADING);
    if !request.embeds.is_absent() {
        details.embeds = content::embeds(request.embeds.into_value().unwrap_or_default())?;
    }
    if !request.components.is_absent() {
        let components = request.components.into_value().unwrap_or_default();
        details.components = content::components(components, details.flags)?;
    }
    if !request.content.is_absent() {
        message.content = content::text(request.content.into_value().unwrap_or_default())?;
        let world = core.directory.read();
        mentions::note(&world, &mut message, request.allowed_mentions.as_ref(), None)?;
    }
    content::not_empty(&message)?;
    message.edited_at_ms = Some(wall::now_ms());
    Ok(message)
}

/// Whether nobody wrote it: it stands for something that happened.
fn is_notice(kind: MessageKind) -> bool {
    matches!(
        kind,
        MessageKind::Call
            | MessageKind::RecipientAdd
            | MessageKind::RecipientRemove
            | MessageKind::ChannelNameChange
            | MessageKind::ChannelIconChange
    )
}

async fn delete(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((channel, id)): Named<(ChannelId, MessageId)>,
) -> Answer<Done> {
    may(&core.directory.read(), &caller, channel, Permissions::NONE)?;
    let turn = core.posting.turn().await;
    let message = stored(&core, channel, id).await?;
    if message.kind == MessageKind::Call {
        return Err(Failure::bad_request(ApiErrorCode::SystemMessage));
    }
    if message.author != caller.id() {
        let world = core.directory.read();
        caller.may_in(&world, channel, Permissions::MANAGE_MESSAGES)?;
    }
    core.erase(&turn, channel, &[id]).await?;
    Ok(Done)
}

async fn bulk_delete(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(request): Body<BulkDelete>,
) -> Answer<Done> {
    {
        let world = core.directory.read();
        if caller.sees(&world, channel)? == Home::Private {
            return Err(Failure::bad_request(ApiErrorCode::NotInPrivateChannel));
        }
        may(&world, &caller, channel, Permissions::MANAGE_MESSAGES)?;
    }
    let mut ids = request.messages;
    ids.sort_unstable();
    ids.dedup();
    if !(2..=100).contains(&ids.len()) {
        return Err(Failure::bad_request(ApiErrorCode::BulkDeleteCount));
    }
    let oldest_ms = wall::now_ms() - BULK_DELETE_AGE.as_millis() as u64;
    if ids.iter().any(|id| id.created_at_ms() < oldest_ms) {
        return Err(Failure::bad_request(ApiErrorCode::TooOldToDelete));
    }
    let turn = core.posting.turn().await;
    core.erase(&turn, channel, &ids).await?;
    Ok(Done)
}

async fn typing(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel_id): Named<ChannelId>,
) -> Answer<Done> {
    let world = core.directory.read();
    may_write(&world, &caller, channel_id)?;
    let guild = world.guild_channel(channel_id).map(|(guild, _)| guild.id);
    let member = |user: UserId| render::member(&world, world.member(guild?, user)?);
    let event = Event::TypingStart(Box::new(TypingStart {
        channel_id,
        guild_id: guild,
        user_id: caller.id(),
        timestamp: wall::now_ms() / 1000,
        member: member(caller.id()),
        extra: Extra::new(),
    }));
    let intents = match guild {
        Some(_) => Intents::GUILD_MESSAGE_TYPING,
        None => Intents::DIRECT_MESSAGE_TYPING,
    };
    let event = Outgoing::new(&event, Subscription::Intents(intents));
    core.hub
        .deliver(&world, Dispatch::now(Audience::Viewers(channel_id), event));
    Ok(Done)
}
