//! Into streams and out of them: what a stream, its people and their rights to connect become, as writes.

use std::collections::{HashMap, HashSet};

use voxhall_live::{
    MediaPermissions, NodeId, StreamEnd, StreamRecord, TicketEnd, TicketRecord, Viewer, VoiceRecord, key,
};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::plan::{Plan, Step};
use super::rules::Facts;
use super::timers::Timer;
use super::view::{LiveView, StreamId, TicketKey};

/// What becomes of people in a room: each one's voice state afterwards, `None` for who leaves. Nothing becomes of the
/// others.
pub(super) type Changes<'a> = HashMap<UserId, Option<&'a VoiceRecord>>;

/// What a change of people means for one who takes part in a stream.
enum Becomes<'a> {
    /// Nothing.
    Same,
    /// Its voice state is another.
    Changed(&'a VoiceRecord),
    /// It is not in the room any more, or another session of its account is.
    Gone,
}

/// Writes a stream.
pub(super) fn put_stream(plan: &mut Plan, view: &LiveView, stream: &StreamRecord) {
    plan.put(view, key::stream(stream.channel_id, stream.owner), stream);
}

fn becomes<'a>(changes: &Changes<'a>, user: UserId, session: &str) -> Becomes<'a> {
    match changes.get(&user) {
        None => Becomes::Same,
        Some(Some(record)) if record.session_id == session => Becomes::Changed(record),
        Some(_) => Becomes::Gone,
    }
}

impl<'a> Facts<'a> {
    /// Lets the streams of a room follow what becomes of its people: who leaves the room leaves them, and ends its
    /// own; who may not stream any more ends it as well; what the others may do is told to the media node.
    ///
    /// Once for each room in a plan, behind the writes that it follows from.
    pub(super) fn streams_follow(self, plan: &mut Plan, room: ChannelId, changes: &Changes<'_>) {
        for stream in self.view.streams_in(room) {
            let end = match becomes(changes, stream.owner, &stream.session_id) {
                Becomes::Gone => Some(StreamEnd::OwnerLeft),
                Becomes::Changed(record) if !record.self_stream => Some(StreamEnd::Forbidden),
                Becomes::Changed(_) | Becomes::Same => None,
            };
            match end {
                Some(end) => self.end_stream(plan, stream, end),
                None => self.people_follow(plan, stream, changes),
            }
        }
    }

    fn people_follow(self, plan: &mut Plan, stream: &StreamRecord, changes: &Changes<'_>) {
        let stays = |viewer: &Viewer| {
            !matches!(
                becomes(changes, viewer.user_id, &viewer.session_id),
                Becomes::Gone
            )
        };
        if !stream.viewers.iter().all(stays) {
            self.keep_viewers(plan, stream, stays);
        }
        for (user, session) in stream.people().zip(stream.sessions()) {
            if let Becomes::Changed(record) = becomes(changes, user, session) {
                self.permit_in_stream(plan, stream, record);
            }
        }
    }

    /// Tells the media node what somebody may do on a stream now.
    fn permit_in_stream(self, plan: &mut Plan, stream: &StreamRecord, record: &VoiceRecord) {
        let room = stream.rtc_channel_id;
        let Some(ticket) = self.view.ticket(&stream.node, room, record.user_id) else {
            return;
        };
        let changed = TicketRecord {
            permissions: stream_permissions(stream, record),
            flags: record.flags,
            platform: record.platform,
            ..ticket.clone()
        };
        if changed != *ticket {
            let key = key::ticket(&stream.node, room, record.user_id);
            plan.put(self.view, key, &changed);
        }
    }

    /// Ends a stream. The voice state of its owner is the caller's business.
    pub(super) fn end_stream(self, plan: &mut Plan, stream: &StreamRecord, why: StreamEnd) {
        let ended = StreamRecord {
            ended: Some(why),
            ..stream.clone()
        };
        put_stream(plan, self.view, &ended);
        plan.delete(self.view, key::stream(stream.channel_id, stream.owner));
        for (at, ticket) in self.view.tickets_of_room(stream.rtc_channel_id) {
            self.end_stream_ticket(plan, at, ticket);
        }
    }

    /// Takes those viewers out of a stream that it does not keep.
    pub(super) fn keep_viewers(
        self,
        plan: &mut Plan,
        stream: &StreamRecord,
        keeps: impl Fn(&Viewer) -> bool,
    ) {
        let (kept, gone): (Vec<Viewer>, Vec<Viewer>) = stream.viewers.iter().cloned().partition(&keeps);
        let remaining = StreamRecord {
            viewers: kept,
            ..stream.clone()
        };
        put_stream(plan, self.view, &remaining);
        let gone: HashSet<UserId> = gone.iter().map(|viewer| viewer.user_id).collect();
        for ((node, room, user), _) in self.view.tickets_of_room(stream.rtc_channel_id) {
            if gone.contains(user) {
                plan.push(Step::ClearTimer(Timer::Unconnected(*room, *user)));
                plan.delete(self.view, key::ticket(node, *room, *user));
            }
        }
    }

    /// Gives somebody in the room a new right to connect to a stream.
    pub(super) fn put_stream_ticket(self, plan: &mut Plan, stream: &StreamRecord, record: &VoiceRecord) {
        let ticket = TicketRecord {
            user_id: record.user_id,
            session_id: record.session_id.clone(),
            token: (self.fresh.token)(),
            server_id: stream.rtc_server_id.0,
            channel_id: stream.rtc_channel_id,
            guild_id: None,
            stream: Some(stream.key()),
            endpoint: stream.endpoint.clone(),
            permissions: stream_permissions(stream, record),
            flags: record.flags,
            platform: record.platform,
            ended: None,
        };
        let key = key::ticket(&stream.node, stream.rtc_channel_id, record.user_id);
        plan.put(self.view, key, &ticket);
    }

    /// Gives everybody on a stream that has moved a new right to connect; the old connections end with 4022.
    pub(super) fn replace_stream_tickets(self, plan: &mut Plan, moved: &StreamRecord) {
        for (at, ticket) in self.view.tickets_of_room(moved.rtc_channel_id) {
            self.end_stream_ticket(plan, at, ticket);
        }
        for record in self.taking_part(moved) {
            self.put_stream_ticket(plan, moved, record);
        }
    }

    /// Brings a stream whose node is gone to another one, as [`Facts::repair`] does with calls.
    pub(crate) fn repair_stream(self, id: StreamId, lost: Option<&NodeId>) -> Option<Plan> {
        let stream = self.view.stream(id)?;
        let room = stream.rtc_channel_id;
        let is_lost = |node: &NodeId| lost == Some(node) || self.view.node(node).is_none();
        let mut plan = Plan::new();
        for ((node, _, user), _) in self.view.tickets_of_room(room) {
            if is_lost(node) {
                plan.delete(self.view, key::ticket(node, room, *user));
            }
        }
        let Some((node, registered)) = self.home_of(&stream.node, stream.channel_id, &stream.region) else {
            return Some(plan);
        };
        let placed = StreamRecord {
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            ..stream.clone()
        };
        if placed != *stream {
            put_stream(&mut plan, self.view, &placed);
        }
        for record in self.taking_part(&placed) {
            let ticket = self.view.ticket(&placed.node, room, record.user_id);
            if ticket.is_none() || is_lost(&placed.node) {
                self.put_stream_ticket(&mut plan, &placed, record);
            }
        }
        Some(plan)
    }

    /// The voice states of those who take part in a stream, its owner included.
    fn taking_part(self, stream: &StreamRecord) -> impl Iterator<Item = &'a VoiceRecord> + use<'a> {
        let people: HashSet<UserId> = stream.people().collect();
        let inside = self.view.room(stream.channel_id);
        inside.filter(move |record| people.contains(&record.user_id))
    }

    fn end_stream_ticket(self, plan: &mut Plan, at: &TicketKey, ticket: &TicketRecord) {
        let (node, room, user) = at;
        let key = key::ticket(node, *room, *user);
        let ended = TicketRecord {
            ended: Some(TicketEnd::CallTerminated),
            ..ticket.clone()
        };
        plan.push(Step::ClearTimer(Timer::Unconnected(*room, *user)));
        plan.put(self.view, key.clone(), &ended);
        plan.delete(self.view, key);
    }
}

/// What somebody in the room may do with the media of a stream.
fn stream_permissions(stream: &StreamRecord, record: &VoiceRecord) -> MediaPermissions {
    let owns = record.user_id == stream.owner;
    MediaPermissions {
        // What is shown has a sound of its own, which stays when its owner mutes the microphone; moderators silence
        // both.
        speak: owns && !record.mute && !record.suppress,
        video: owns,
        hear: !record.deaf && !record.self_deaf,
        see: !record.deaf,
        priority: false,
    }
}
