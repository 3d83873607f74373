//! From a change of a stream to the events that its people see (gateway-and-calls, section 8).

use voxhall_live::{StreamEnd, StreamRecord, Viewer};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    Event, StreamCreated, StreamDelete, StreamDeleteReason, StreamName, StreamUpdate,
};
use voxhall_protocol::ids::UserId;

use super::reaction::{Audience, Dispatch};
use super::streams::StreamRefusal;
use super::view::LiveView;
use crate::gateway::outgoing::Outgoing;

/// The events that follow from a change of a stream that `view` has taken already.
pub(super) fn events(
    before: Option<&StreamRecord>,
    after: Option<&StreamRecord>,
    view: &LiveView,
) -> Vec<Dispatch> {
    match (before, after) {
        (None, Some(after)) => vec![to([after.session_id.as_str()], &created(after))],
        (Some(_), Some(after)) if after.ended.is_some() => over(after),
        (Some(before), Some(after)) => changed(before, after, view),
        (Some(before), None) if before.ended.is_none() => over(before),
        _ => Vec::new(),
    }
}

fn over(stream: &StreamRecord) -> Vec<Dispatch> {
    let for_owner = match stream.ended {
        Some(StreamEnd::Requested) => StreamDeleteReason::UserRequested,
        Some(StreamEnd::Forbidden) => StreamDeleteReason::Unauthorized,
        Some(StreamEnd::OwnerLeft) | None => StreamDeleteReason::StreamEnded,
    };
    let for_viewers = deleted(stream, StreamDeleteReason::StreamEnded);
    vec![
        to([stream.session_id.as_str()], &deleted(stream, for_owner)),
        to(stream.sessions().skip(1), &for_viewers),
    ]
}

fn changed(before: &StreamRecord, after: &StreamRecord, view: &LiveView) -> Vec<Dispatch> {
    let came = after.viewers.iter().filter(|it| !before.viewers.contains(it));
    let mut dispatches = vec![to(came.map(session), &created(after))];
    let went = before.viewers.iter().filter(|it| !after.viewers.contains(it));
    // Who is still in the room stopped watching because it wanted to.
    let (stopped, left): (Vec<&Viewer>, Vec<&Viewer>) = went.partition(|it| is_in_room(it, after, view));
    for (viewers, reason) in [
        (stopped, StreamDeleteReason::UserRequested),
        (left, StreamDeleteReason::StreamEnded),
    ] {
        dispatches.push(to(viewers.into_iter().map(session), &deleted(after, reason)));
    }
    let seen = |stream: &StreamRecord| (stream.viewers.clone(), stream.paused, stream.region.clone());
    if seen(before) != seen(after) {
        let update = Event::StreamUpdate(StreamUpdate {
            stream_key: after.key(),
            region: Some(after.region.clone()),
            viewer_ids: viewer_ids(after),
            paused: after.paused,
            extra: Extra::new(),
        });
        dispatches.push(to(after.sessions(), &update));
    }
    dispatches
}

fn session(viewer: &Viewer) -> &str {
    &viewer.session_id
}

fn is_in_room(viewer: &Viewer, stream: &StreamRecord, view: &LiveView) -> bool {
    view.room(stream.channel_id)
        .any(|record| record.user_id == viewer.user_id && record.session_id == viewer.session_id)
}

/// STREAM_CREATE for somebody who takes part in a stream.
pub(crate) fn created(stream: &StreamRecord) -> Event {
    Event::StreamCreate(StreamCreated {
        stream_key: stream.key(),
        rtc_server_id: stream.rtc_server_id,
        rtc_channel_id: Some(stream.rtc_channel_id),
        region: Some(stream.region.clone()),
        viewer_ids: viewer_ids(stream),
        paused: stream.paused,
        extra: Extra::new(),
    })
}

/// STREAM_DELETE for somebody who gets no stream.
pub(crate) fn refused(stream: StreamName, refusal: StreamRefusal) -> Event {
    Event::StreamDelete(StreamDelete {
        stream_key: stream,
        reason: refusal.reason(),
        unavailable: (refusal == StreamRefusal::NoNode).then_some(true),
        extra: Extra::new(),
    })
}

fn deleted(stream: &StreamRecord, reason: StreamDeleteReason) -> Event {
    Event::StreamDelete(StreamDelete {
        stream_key: stream.key().into(),
        reason: Some(reason),
        unavailable: None,
        extra: Extra::new(),
    })
}

fn viewer_ids(stream: &StreamRecord) -> Vec<UserId> {
    stream.viewers.iter().map(|viewer| viewer.user_id).collect()
}

fn to<'a>(sessions: impl IntoIterator<Item = &'a str>, event: &Event) -> Dispatch {
    let sessions = sessions.into_iter().map(str::to_owned).collect();
    Dispatch::now(Audience::Sessions(sessions), Outgoing::to_all(event))
}
