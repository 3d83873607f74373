//! From a change of live state to the events that clients see (the tables of gateway-and-calls, sections 4 and 6.2).

use voxhall_live::{CallRecord, NodeId, TicketRecord, VoiceRecord};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    CallCreate, CallDelete, CallUpdate, Event, Intents, StreamKey, StreamServerUpdate, VoiceServerUpdate,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{CallInfo, Message, PartialMessage, Permissions, Timestamp};

use super::stream_events;
use super::view::{LiveView, Transition};
use crate::directory::World;
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::{presence, render};

/// Which sessions an event concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One session.
    Session(String),
    /// Several sessions.
    Sessions(Vec<String>),
    /// The sessions of one account, whatever they subscribe to.
    User(UserId),
    /// The sessions of everybody in a guild.
    Guild(GuildId),
    /// The sessions of everybody in a guild but one account.
    GuildExcept(GuildId, UserId),
    /// The sessions of some accounts that hold a guild, whether or not they are still members.
    Members(GuildId, Vec<UserId>),
    /// The sessions that watch how available somebody in a guild is: bots with the intent, and people who asked.
    Watchers(GuildId, UserId),
    /// The sessions of everybody who has these permissions in a guild's channel.
    Permitted(ChannelId, Permissions),
    /// The sessions of everybody who may view a channel.
    Viewers(ChannelId),
    /// Those who may view a channel and read what is written there; of these accounts all sessions may read it.
    Readers(ChannelId, Vec<UserId>),
    /// Those who may view a channel, but not read what is written there.
    Onlookers(ChannelId, Vec<UserId>),
    /// Those who may view a channel, and whatever they subscribe to the sessions of one account.
    ViewersAnd(ChannelId, UserId),
    /// Those who may view the first channel but not the second; not one account.
    ViewersOfOnly(ChannelId, ChannelId, UserId),
}

/// When an event goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    Now,
    /// A pause after the events before it; until then it can be taken back by what it is about.
    AfterPause(Subject),
}

/// What a session is told of a server for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Its voice state in a guild, or in a private call.
    Voice(Option<GuildId>),
    /// A stream.
    Stream(StreamKey),
}

impl Subject {
    fn of(ticket: &TicketRecord) -> Self {
        ticket.stream.map_or(Self::Voice(ticket.guild_id), Self::Stream)
    }
}

/// An event and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dispatch {
    pub(crate) audience: Audience,
    pub(crate) event: Outgoing,
    pub(crate) pace: Pace,
}

impl Dispatch {
    /// An event that goes out at once.
    pub(crate) fn now(audience: Audience, event: Outgoing) -> Self {
        Self {
            audience,
            event,
            pace: Pace::Now,
        }
    }
}

/// The events that follow from a change that `view` has taken already.
pub(crate) fn events(transition: &Transition, view: &LiveView, world: &World) -> Vec<Dispatch> {
    match transition {
        Transition::Node { id, after: None, .. } => node_lost(id, view),
        Transition::Node { id, before: None, .. } => node_back(id, view),
        Transition::Call { before, after } => call_events(before.as_ref(), after.as_ref(), view, world),
        Transition::Voice {
            before,
            after: Some(after),
            ..
        } => voice_events(before.as_ref(), after, world),
        Transition::Stream { before, after } => stream_events::events(before.as_ref(), after.as_ref(), view),
        Transition::Ticket {
            key,
            before,
            after: Some(after),
        } if view.node(&key.0).is_some() => server_update(before.as_ref(), after).into_iter().collect(),
        Transition::Presence { user, before, after } => {
            presence::events(*user, before.as_ref(), after.as_ref(), world)
        }
        _ => Vec::new(),
    }
}

/// What a session must not be told of a server any more, if it still waits to be: a client without a socket takes what
/// has happened since, and then would be sent to a room that it is not in. The ticket for the next room comes later.
pub(crate) fn outdated(transition: &Transition) -> Option<(&str, Subject)> {
    let Transition::Voice {
        before: Some(before),
        after,
        ..
    } = transition
    else {
        return None;
    };
    let stays = after.as_ref().is_some_and(|after| {
        (after.channel_id, &after.session_id) == (before.channel_id, &before.session_id)
    });
    (!stays).then(|| (&*before.session_id, Subject::Voice(before.guild_id)))
}

/// Private calls on a lost node are gone for now, and everybody on it, in calls and on streams, is told to wait.
fn node_lost(node: &NodeId, view: &LiveView) -> Vec<Dispatch> {
    let mut dispatches = Vec::new();
    for call in view.calls().filter(|call| call.node == *node) {
        if call.private.is_some() {
            let event = Event::CallDelete(CallDelete {
                channel_id: call.channel_id,
                unavailable: Some(true),
                extra: Extra::new(),
            });
            dispatches.push(to_people(call.channel_id, &event));
        }
        dispatches.extend(told_to_wait(node, call.channel_id, view));
    }
    for stream in view.streams().filter(|stream| stream.node == *node) {
        dispatches.extend(told_to_wait(node, stream.rtc_channel_id, view));
    }
    dispatches
}

fn told_to_wait(node: &NodeId, room: ChannelId, view: &LiveView) -> impl Iterator<Item = Dispatch> {
    let waiting = view.tickets_of_room(room).filter(move |((on, ..), _)| on == node);
    waiting.map(|(_, ticket)| server_gone(ticket))
}

/// A node is there again under its old name before its private calls went elsewhere.
fn node_back(node: &NodeId, view: &LiveView) -> Vec<Dispatch> {
    let calls = view.calls().filter(|call| call.node == *node);
    let back = calls.filter_map(|call| {
        let event = call_create(call, view.room(call.channel_id).collect())?;
        Some(to_people(call.channel_id, &event))
    });
    back.collect()
}

/// An event of a private call: for everybody in the channel, but not for bots.
fn to_people(channel: ChannelId, event: &Event) -> Dispatch {
    Dispatch::now(
        Audience::Viewers(channel),
        Outgoing::new(event, Subscription::Users),
    )
}

/// Somebody is told that its voice server is gone, and to wait for another.
pub(super) fn server_gone(ticket: &TicketRecord) -> Dispatch {
    let audience = Audience::Session(ticket.session_id.clone());
    Dispatch::now(audience, Outgoing::to_all(&where_to_connect(ticket, None)))
}

fn server_update(before: Option<&TicketRecord>, after: &TicketRecord) -> Option<Dispatch> {
    let same_token = before.is_some_and(|before| before.token == after.token);
    if same_token || after.ended.is_some() {
        return None;
    }
    let event = where_to_connect(after, Some(after.endpoint.clone()));
    Some(Dispatch {
        audience: Audience::Session(after.session_id.clone()),
        event: Outgoing::to_all(&event),
        pace: Pace::AfterPause(Subject::of(after)),
    })
}

/// VOICE_SERVER_UPDATE, or for a stream STREAM_SERVER_UPDATE.
fn where_to_connect(ticket: &TicketRecord, endpoint: Option<String>) -> Event {
    if let Some(stream_key) = ticket.stream {
        return Event::StreamServerUpdate(StreamServerUpdate {
            token: ticket.token.clone(),
            stream_key,
            guild_id: None,
            endpoint,
            extra: Extra::new(),
        });
    }
    Event::VoiceServerUpdate(VoiceServerUpdate {
        token: ticket.token.clone(),
        guild_id: ticket.guild_id,
        channel_id: ticket.guild_id.is_none().then_some(ticket.channel_id),
        endpoint,
        extra: Extra::new(),
    })
}

fn voice_events(before: Option<&VoiceRecord>, after: &VoiceRecord, world: &World) -> Vec<Dispatch> {
    let subscription = if after.guild_id.is_some() {
        Subscription::Intents(Intents::GUILD_VOICE_STATES)
    } else {
        Subscription::Users
    };
    let state = |record: &VoiceRecord| {
        let state = render::voice_state(world, record);
        Outgoing::new(&Event::VoiceStateUpdate(Box::new(state)), subscription)
    };
    if before == Some(after) {
        // Somebody repeated itself: only the one who asked is answered.
        return vec![Dispatch::now(
            Audience::Session(after.session_id.clone()),
            state(after),
        )];
    }
    let came_from = before.and_then(|record| record.channel_id);
    let Some(shown_in) = after.channel_id.or(came_from) else {
        return Vec::new();
    };
    let mut dispatches = Vec::new();
    if let (Some(old), Some(new)) = (came_from, after.channel_id)
        && old != new
    {
        let vanished = VoiceRecord {
            channel_id: None,
            ..after.clone()
        };
        let audience = Audience::ViewersOfOnly(old, new, after.user_id);
        dispatches.push(Dispatch::now(audience, state(&vanished)));
    }
    dispatches.push(Dispatch::now(
        Audience::ViewersAnd(shown_in, after.user_id),
        state(after),
    ));
    dispatches
}

fn call_events(
    before: Option<&CallRecord>,
    after: Option<&CallRecord>,
    view: &LiveView,
    world: &World,
) -> Vec<Dispatch> {
    let Some(call) = after.or(before).filter(|call| call.private.is_some()) else {
        return Vec::new();
    };
    let channel = call.channel_id;
    let events = match (before, after) {
        (None, Some(after)) => call_begun(after, world),
        (Some(before), Some(after)) => call_changed(before, after, view),
        _ => vec![Event::CallDelete(CallDelete {
            channel_id: channel,
            unavailable: None,
            extra: Extra::new(),
        })],
    };
    events.iter().map(|event| to_people(channel, event)).collect()
}

fn call_begun(call: &CallRecord, world: &World) -> Vec<Event> {
    let (Some(private), Some(channel)) = (&call.private, world.private(call.channel_id)) else {
        return Vec::new();
    };
    let others = channel.recipients.iter().filter(|user| **user != private.caller);
    let message = Message {
        channel_type: Some(channel.kind),
        ..Message::call(
            private.message_id,
            call.channel_id,
            render::user_in_message(world, private.caller),
            others.map(|user| render::user_in_message(world, *user)).collect(),
            Timestamp::from_unix_ms(private.message_id.created_at_ms()),
        )
    };
    let create = call_create(call, Vec::new());
    std::iter::once(Event::MessageCreate(Box::new(message)))
        .chain(create)
        .collect()
}

fn call_changed(before: &CallRecord, after: &CallRecord, view: &LiveView) -> Vec<Event> {
    let (Some(was), Some(is)) = (&before.private, &after.private) else {
        return Vec::new();
    };
    let mut events = Vec::new();
    if was.participants != is.participants || was.ended_at_ms != is.ended_at_ms {
        let info = CallInfo {
            ended_timestamp: is.ended_at_ms.map(Timestamp::from_unix_ms),
            ..CallInfo::running(is.participants.clone())
        };
        let update = PartialMessage::call(is.message_id, after.channel_id, info);
        events.push(Event::MessageUpdate(Box::new(update)));
    }
    if before.node != after.node && view.node(&before.node).is_none() {
        // It was unavailable, and goes on elsewhere.
        events.extend(call_create(after, view.room(after.channel_id).collect()));
        return events;
    }
    let changed = was.ringing != is.ringing || before.region != after.region;
    if changed && is.ended_at_ms.is_none() {
        events.push(Event::CallUpdate(CallUpdate {
            channel_id: after.channel_id,
            message_id: is.message_id,
            region: Some(after.region.clone()),
            ringing: is.ringing.clone(),
            extra: Extra::new(),
        }));
    }
    events
}

/// CALL_CREATE for a running private call, with who is in it.
pub(crate) fn call_create(call: &CallRecord, in_it: Vec<&VoiceRecord>) -> Option<Event> {
    let private = call.private.as_ref()?;
    Some(Event::CallCreate(CallCreate {
        channel_id: call.channel_id,
        message_id: private.message_id,
        region: Some(call.region.clone()),
        ringing: private.ringing.clone(),
        voice_states: in_it.into_iter().map(render::inner_voice_state).collect(),
        extra: Extra::new(),
    }))
}
