//! Private channels: closing them, and the names and people of groups (gateway-and-calls, section 6.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{ChannelRecipient, Event};
use voxhall_protocol::ids::{ChannelId, MessageId, UserId};
use voxhall_protocol::model::{self, ChannelKind, MessageKind};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Caller;
use super::reply::{Answer, Done, Failure, Json, Named};
use super::route::{Routes, put};
use super::users::LARGEST_GROUP;
use crate::Error;
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Home, PrivateChannel, StoredMessage};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// The longest name of a group, in characters.
const LONGEST_NAME: usize = 100;

pub(super) fn api() -> Routes {
    Routes::new("channels").route(
        "/channels/{channel}/recipients/{user}",
        put(add, "Brings somebody into a group").delete(remove, "Takes somebody out of a group"),
    )
}

/// The private channel, if it is one that the caller is in.
pub(super) fn find(core: &Core, caller: &Caller, id: ChannelId) -> Answer<Option<PrivateChannel>> {
    let world = core.directory.read();
    match caller.sees(&world, id)? {
        Home::Private => Ok(world.private(id).cloned()),
        Home::Guild(_) => Ok(None),
    }
}

/// Refuses what is no group that the caller is in.
fn group(core: &Core, caller: &Caller, id: ChannelId) -> Answer<()> {
    caller.person()?;
    find(core, caller, id)?
        .filter(|channel| channel.kind == ChannelKind::Group)
        .map(drop)
        .ok_or_else(|| Failure::bad_request(ApiErrorCode::WrongChannelKind))
}

/// Changes a private channel, as long as the caller is in it.
async fn change<T>(
    core: &Core,
    caller: &Caller,
    id: ChannelId,
    edit: impl FnOnce(&mut PrivateChannel) -> Answer<T>,
) -> Answer<(PrivateChannel, T)> {
    let edited = core.directory.edit_private_channel(id, |channel| {
        if channel.recipients.contains(&caller.id()) {
            edit(channel).map_err(Refused::Caller)
        } else {
            Err(Refused::Caller(Failure::unknown(ApiErrorCode::UnknownChannel)))
        }
    });
    edited.await.map_err(|refused| match refused {
        Refused::Caller(failure) => failure,
        Refused::Directory(Error::Unknown { .. }) => Failure::unknown(ApiErrorCode::UnknownChannel),
        Refused::Directory(error) => error.into(),
    })
}

/// Who refuses a change.
enum Refused {
    Caller(Failure),
    Directory(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Directory(error)
    }
}

/// Renames a group.
pub(super) async fn rename(
    core: &Core,
    caller: &Caller,
    id: ChannelId,
    name: Option<String>,
) -> Answer<Json<model::Channel>> {
    group(core, caller, id)?;
    let name = name.filter(|name| !name.is_empty());
    let fits = name
        .as_ref()
        .is_none_or(|name| name.chars().count() <= LONGEST_NAME);
    if !fits {
        return Err(Failure::invalid_field("name", "give at most 100 characters"));
    }
    let (after, changed) = change(core, caller, id, |channel| {
        let changed = channel.name != name;
        channel.name = name;
        Ok(changed)
    })
    .await?;
    if changed {
        tell_changed(core, &after);
        let mut notice = StoredMessage::new(MessageId(0), id, caller.id(), MessageKind::ChannelNameChange);
        notice.content = after.name.clone().unwrap_or_default();
        core.post_notice(notice).await?;
    }
    Ok(Json(render::private_channel(
        &core.directory.read(),
        &after,
        caller.id(),
    )))
}

/// Takes a private channel out of the caller's list, or the caller out of a group.
pub(super) async fn close(core: &Core, caller: &Caller, channel: PrivateChannel) -> Answer<model::Channel> {
    if channel.kind == ChannelKind::Group {
        return leave(core, caller, channel.id, caller.id()).await;
    }
    let (closed, ()) = change(core, caller, channel.id, |channel| {
        channel.closed_by.insert(caller.id());
        Ok(())
    })
    .await?;
    let seen = render::private_channel(&core.directory.read(), &closed, caller.id());
    tell_gone(core, caller.id(), seen.clone());
    Ok(seen)
}

async fn add(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((id, user)): Named<(ChannelId, UserId)>,
) -> Answer<Done> {
    group(&core, &caller, id)?;
    {
        let world = core.directory.read();
        let added = world.user(user);
        let added = added.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))?;
        if added.bot {
            return Err(Failure::bad_request(ApiErrorCode::InvalidRecipient));
        }
    }
    let (_, before) = change(&core, &caller, id, |channel| {
        if channel.recipients.contains(&user) {
            return Ok(None);
        }
        if channel.recipients.len() >= LARGEST_GROUP {
            return Err(Failure::bad_request(ApiErrorCode::TooManyRecipients));
        }
        let before = channel.recipients.clone();
        channel.recipients.insert(user);
        Ok(Some(before))
    })
    .await?;
    let Some(before) = before else {
        return Ok(Done);
    };
    core.tell_private_channel(&core.directory.read(), id, user);
    core.recipient_added(id, user);
    tell_recipient(&core, &before, id, user, Event::ChannelRecipientAdd);
    core.post_notice(notice(id, caller.id(), user, MessageKind::RecipientAdd))
        .await?;
    Ok(Done)
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((id, user)): Named<(ChannelId, UserId)>,
) -> Answer<Done> {
    group(&core, &caller, id)?;
    leave(&core, &caller, id, user).await?;
    Ok(Done)
}

/// Takes somebody out of a group and its call; gives what that one saw of it. A group goes with its last member.
async fn leave(core: &Core, caller: &Caller, id: ChannelId, user: UserId) -> Answer<model::Channel> {
    let by = caller.id();
    let (left, before) = change(core, caller, id, |channel| {
        if !channel.recipients.contains(&user) {
            return Err(Failure::unknown(ApiErrorCode::UnknownUser));
        }
        if user != by && channel.owner_id != Some(by) {
            return Err(Failure::forbidden(ApiErrorCode::MissingPermissions));
        }
        let before = channel.clone();
        channel.recipients.remove(&user);
        channel.closed_by.remove(&user);
        if channel.owner_id == Some(user) {
            channel.owner_id = channel.recipients.first().copied();
        }
        Ok(before)
    })
    .await?;
    let seen = render::private_channel(&core.directory.read(), &before, user);
    let rest = left.recipients;
    core.recipient_removed(id, user).await?;
    tell_gone(core, user, seen.clone());
    if rest.is_empty() {
        core.directory.delete_private_channel(id).await?;
        return Ok(seen);
    }
    tell_recipient(core, &rest, id, user, Event::ChannelRecipientRemove);
    core.post_notice(notice(id, by, user, MessageKind::RecipientRemove))
        .await?;
    Ok(seen)
}

fn notice(channel: ChannelId, by: UserId, about: UserId, kind: MessageKind) -> StoredMessage {
    let mut notice = StoredMessage::new(MessageId(0), channel, by, kind);
    notice.details.mentions = vec![about];
    notice
}

fn tell(core: &Core, user: UserId, event: &Event) {
    let event = Outgoing::new(event, Subscription::Users);
    core.hub
        .deliver(&core.directory.read(), Dispatch::now(Audience::User(user), event));
}

fn tell_gone(core: &Core, user: UserId, channel: model::Channel) {
    tell(core, user, &Event::ChannelDelete(Box::new(channel)));
}

fn tell_changed(core: &Core, channel: &PrivateChannel) {
    for user in &channel.recipients {
        let seen = render::private_channel(&core.directory.read(), channel, *user);
        tell(core, *user, &Event::ChannelUpdate(Box::new(seen)));
    }
}

fn tell_recipient(
    core: &Core,
    people: &BTreeSet<UserId>,
    channel_id: ChannelId,
    user: UserId,
    event: fn(Box<ChannelRecipient>) -> Event,
) {
    let event = event(Box::new(ChannelRecipient {
        channel_id,
        user: render::user_by_id(&core.directory.read(), user),
        extra: Extra::new(),
    }));
    for person in people {
        tell(core, *person, &event);
    }
}
