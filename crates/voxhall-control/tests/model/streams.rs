//! Streams: what the model says of them, and whether clients and records agree.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voxhall_live::{Record, StreamRecord, TicketRecord};

use crate::actions::Device;
use crate::check::{Outcome, broken, same};
use crate::model::Model;
use crate::picture::{Picture, id, list, text};
use crate::rights::STREAM;
use crate::town::{Kind, ROOMS, channel_id, guild_id, room_of, user_id, who_of};

/// The least time between STREAM_CREATE and its STREAM_SERVER_UPDATE, in milliseconds.
const PAUSE: u64 = 10;

/// The room in which a stream is shown, and whose it is.
pub type StreamId = (usize, usize);

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The session that shows it.
    pub session: String,
    /// Who watches, with which session, in the order in which they came.
    pub viewers: Vec<(usize, String)>,
    pub paused: bool,
}

impl Stream {
    fn takes_part(&self, session: &str) -> bool {
        self.session == session || self.viewers.iter().any(|(_, viewer)| viewer == session)
    }
}

/// How clients name a stream.
pub fn stream_key((room, owner): StreamId) -> String {
    let (channel, owner) = (channel_id(room), user_id(owner));
    match ROOMS[room].guild {
        Some(guild) => format!("guild:{}:{channel}:{owner}", guild_id(guild)),
        None => format!("call:{channel}:{owner}"),
    }
}

fn stream_of(key: &Value) -> StreamId {
    let text = text(key);
    let mut parts = text.rsplit(':').map(|part| part.parse::<u64>().expect("an id"));
    let (owner, channel) = (parts.next().expect("an owner"), parts.next().expect("a channel"));
    (room_of(channel), who_of(owner))
}

impl Model {
    /// A room in which a session is.
    pub fn place_of(&self, device: Device) -> Option<usize> {
        let session = &self.sessions.get(&device)?.id;
        let mut held = self.voices.values().filter(|voice| voice.session == *session);
        held.next().map(|voice| voice.room)
    }

    /// A stream in which a session takes part, or that is shown where it is.
    pub fn stream_near(&self, device: Device, taking_part: bool) -> Option<StreamId> {
        let session = &self.sessions.get(&device)?.id;
        let place = self.place_of(device);
        let near = self
            .streams
            .iter()
            .filter(|(id, stream)| Some(id.0) == place && stream.takes_part(session) == taking_part);
        near.map(|(id, _)| *id).next()
    }

    fn is_in(&self, device: Device, room: usize) -> bool {
        let session = &self.sessions[&device].id;
        let mut inside = self.inside(room);
        inside.any(|(seat, voice)| seat.0 == device.0 && voice.session == *session)
    }

    fn may_stream(&self, who: usize, room: usize) -> bool {
        let seat = Self::seat(who, ROOMS[room].guild);
        match ROOMS[room].kind {
            Kind::Private(_) => true,
            Kind::Text | Kind::Afk => false,
            Kind::Voice => self.may_in(who, room, STREAM),
            Kind::Stage => self.may_in(who, room, STREAM) && !self.voices[&seat].suppress,
        }
    }

    /// Op 18; gives the reason if it is refused.
    pub fn go_live(&mut self, device: Device, room: usize) -> Option<&'static str> {
        let id = (room, device.0);
        if !self.is_in(device, room) {
            Some("invalid_channel")
        } else if !self.may_stream(device.0, room) {
            Some("unauthorized")
        } else if self.streams.contains_key(&id) {
            None
        } else if self.nodes.is_empty() {
            Some("unavailable")
        } else {
            let stream = Stream {
                session: self.sessions[&device].id.clone(),
                viewers: Vec::new(),
                paused: false,
            };
            self.streams.insert(id, stream);
            self.active
                .insert(Self::seat(device.0, ROOMS[room].guild), self.now);
            None
        }
    }

    /// Op 20; gives the reason if it is refused.
    pub fn watch(&mut self, device: Device, id: StreamId) -> Option<&'static str> {
        if !self.is_in(device, id.0) {
            return Some("invalid_channel");
        }
        let session = self.sessions[&device].id.clone();
        let Some(stream) = self.streams.get_mut(&id) else {
            return Some("stream_ended");
        };
        if !stream.takes_part(&session) {
            stream.viewers.push((device.0, session));
        }
        None
    }

    /// Op 19.
    pub fn stop_stream(&mut self, device: Device, id: StreamId) {
        let session = self.sessions[&device].id.clone();
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.session == session {
            self.end_stream(id);
            self.active.insert(Self::seat(id.1, ROOMS[id.0].guild), self.now);
        } else if stream.takes_part(&session) {
            stream.viewers.retain(|(_, viewer)| *viewer != session);
            self.looked_up(device.0, id.0);
        }
    }

    /// Op 22.
    pub fn pause_stream(&mut self, device: Device, id: StreamId, paused: bool) {
        let session = &self.sessions[&device].id;
        if let Some(stream) = self.streams.get_mut(&id).filter(|it| it.session == *session) {
            stream.paused = paused;
        }
    }

    fn end_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(&id) {
            let viewers = stream.viewers.into_iter().map(|(who, _)| who);
            for who in viewers.chain([id.1]).collect::<Vec<_>>() {
                self.looked_up(who, id.0);
            }
        }
    }

    /// Somebody takes no part in a stream any more: from now on it may be idle.
    fn looked_up(&mut self, who: usize, room: usize) {
        self.looked_up
            .insert(Self::seat(who, ROOMS[room].guild), self.now);
    }

    /// Somebody is out of a room, or another session of it is there.
    pub fn leave_streams(&mut self, who: usize, room: usize) {
        self.end_stream((room, who));
        let shown = self.streams.range_mut((room, 0)..(room + 1, 0));
        let mut watched = false;
        for (_, stream) in shown {
            let before = stream.viewers.len();
            stream.viewers.retain(|(viewer, _)| *viewer != who);
            watched |= stream.viewers.len() != before;
        }
        if watched {
            self.looked_up(who, room);
        }
    }

    /// Ends the stream of somebody in a room who may not show it any more.
    pub fn reconsider_stream(&mut self, who: usize, room: usize) {
        if self.streams.contains_key(&(room, who)) && !self.may_stream(who, room) {
            self.end_stream((room, who));
            self.active.insert(Self::seat(who, ROOMS[room].guild), self.now);
        }
    }

    /// Whether somebody streams or watches in a room.
    pub fn is_in_streams(&self, who: usize, room: usize) -> bool {
        let mut shown = self.streams.range((room, 0)..(room + 1, 0));
        shown.any(|(id, stream)| id.1 == who || stream.viewers.iter().any(|(viewer, _)| *viewer == who))
    }
}

/// A stream as a client that takes part in it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownStream {
    viewers: Vec<usize>,
    paused: bool,
    region: String,
    room: u64,
    token: Option<String>,
    since: u64,
}

impl Picture {
    /// Takes an event of a stream.
    pub fn stream_event(&mut self, name: &str, data: &Value, now: u64) -> Outcome {
        if name == "STREAM_DELETE" {
            return self.stream_deleted(data);
        }
        let at = stream_of(&data["stream_key"]);
        let known = self.streams.get_mut(&at);
        if name == "STREAM_SERVER_UPDATE" {
            return server_update(known, data, now, self.catching_up);
        }
        if name == "STREAM_UPDATE" && known.is_none() {
            return broken("streams change for those who take part", format!("{at:?}"));
        }
        let room = match &known {
            Some(known) if name == "STREAM_UPDATE" => known.room,
            _ => id(&data["rtc_channel_id"]),
        };
        if known.as_ref().is_some_and(|known| known.room != room) {
            return broken("a stream that is another has another end", format!("{at:?}"));
        }
        let stream = ShownStream {
            viewers: list(&data["viewer_ids"]).map(|user| who_of(id(user))).collect(),
            paused: data["paused"] == true,
            region: text(&data["region"]),
            room,
            token: known.as_ref().and_then(|known| known.token.clone()),
            since: known.map_or(now, |known| known.since),
        };
        self.streams.insert(at, stream);
        Ok(())
    }

    /// A stream ends, or one that was asked for is refused.
    fn stream_deleted(&mut self, data: &Value) -> Outcome {
        let reason = if data["unavailable"] == true {
            "unavailable".to_owned()
        } else {
            text(&data["reason"])
        };
        let known = self.streams.remove(&stream_of(&data["stream_key"])).is_some();
        let ends = ["user_requested", "stream_ended", "unauthorized"].contains(&reason.as_str());
        if known && !ends {
            return broken("streams end for a reason that is one", reason);
        }
        if !known {
            self.refusals.push(reason);
        }
        Ok(())
    }
}

fn server_update(stream: Option<&mut ShownStream>, data: &Value, now: u64, catching_up: bool) -> Outcome {
    let Some(stream) = stream else {
        return broken("a stream comes before its server", String::new());
    };
    if data["endpoint"].is_null() {
        return Ok(());
    }
    if !catching_up && now < stream.since + PAUSE {
        return broken(
            "a stream's server comes 10 ms after the stream",
            format!("{} and {now}", stream.since),
        );
    }
    stream.token = Some(text(&data["token"]));
    Ok(())
}

/// The records of streams on the switchboard.
#[derive(Debug, Default)]
pub struct StreamRecords {
    streams: BTreeMap<StreamId, StreamRecord>,
    /// By stream and account; several only if something is wrong.
    tickets: BTreeMap<(StreamId, usize), Vec<TicketRecord>>,
}

impl StreamRecords {
    pub fn take_stream(&mut self, key: &str, value: &[u8]) {
        let stream = StreamRecord::decode(key, value).expect("a stream");
        let id = (room_of(stream.channel_id.0), who_of(stream.owner.0));
        self.streams.insert(id, stream);
    }

    /// Takes a ticket, if it is a stream's; else gives it back.
    pub fn take_ticket(&mut self, ticket: TicketRecord) -> Option<TicketRecord> {
        let Some(key) = ticket.stream else {
            return Some(ticket);
        };
        let id = stream_of(&json!(key));
        let who = who_of(ticket.user_id.0);
        self.tickets.entry((id, who)).or_default().push(ticket);
        None
    }

    fn ticket(&self, id: StreamId, who: usize) -> Option<&TicketRecord> {
        self.tickets.get(&(id, who))?.first()
    }
}

/// Checks the records against the model.
pub fn records(model: &Model, records: &StreamRecords) -> Outcome {
    let stream = |record: &StreamRecord| Stream {
        session: record.session_id.clone(),
        viewers: record
            .viewers
            .iter()
            .map(|viewer| (who_of(viewer.user_id.0), viewer.session_id.clone()))
            .collect(),
        paused: record.paused,
    };
    let is: BTreeMap<_, _> = records.streams.iter().map(|(id, it)| (*id, stream(it))).collect();
    same(
        "streams are those of the model",
        "on the switchboard",
        &is,
        &model.streams,
    )?;
    let is: BTreeMap<_, _> = records
        .tickets
        .iter()
        .map(|(at, them)| (*at, them.len()))
        .collect();
    let holders = model.streams.iter().filter(|_| !model.nodes.is_empty());
    let should_be = holders.flat_map(|(id, stream)| {
        let viewers = stream.viewers.iter().map(|(who, _)| *who);
        viewers.chain([id.1]).map(|who| ((*id, who), 1))
    });
    same(
        "everybody who takes part in a stream has one ticket, and nobody else",
        "on the switchboard",
        is,
        should_be.collect(),
    )?;
    for ((id, who), tickets) in &records.tickets {
        for ticket in tickets {
            check_ticket(model, &records.streams[id], (*id, *who), ticket)?;
        }
    }
    Ok(())
}

fn check_ticket(
    model: &Model,
    record: &StreamRecord,
    (id, who): (StreamId, usize),
    ticket: &TicketRecord,
) -> Outcome {
    let voice = &model.voices[&Model::seat(who, ROOMS[id.0].guild)];
    let owns = who == id.1;
    let hears = !voice.deaf && !voice.flags.deaf;
    let permissions = ticket.permissions;
    let is = (
        permissions.speak,
        permissions.video,
        permissions.hear,
        permissions.see,
    );
    let should_be = (owns && !voice.mute && !voice.suppress, owns, hears, !voice.deaf);
    same("a stream's ticket says who may what", "media", is, should_be)?;
    let is = (
        &ticket.session_id,
        ticket.channel_id,
        &ticket.endpoint,
        ticket.ended,
    );
    let should_be = (&voice.session, record.rtc_channel_id, &record.endpoint, None);
    same("a stream's ticket leads to it", "where", is, should_be)
}

/// Checks what a session with a socket believes of the streams in which it takes part.
pub fn told(model: &Model, records: &StreamRecords, who: usize, session: &str, picture: &Picture) -> Outcome {
    let shown = |id: &StreamId, stream: &Stream| {
        let record = &records.streams[id];
        let told = picture.streams.get(id);
        let ticket = records
            .ticket(*id, who)
            .map(|ticket| ticket.token.expose().clone());
        ShownStream {
            viewers: stream.viewers.iter().map(|(who, _)| *who).collect(),
            paused: stream.paused,
            region: record.region.clone(),
            room: record.rtc_channel_id.0,
            // Without a node nobody has a ticket, and the last one told holds no more.
            token: ticket.or_else(|| told.and_then(|told| told.token.clone())),
            since: told.map_or(0, |told| told.since),
        }
    };
    let taken = model.streams.iter().filter(|(_, it)| it.takes_part(session));
    let should_be = taken.map(|(id, stream)| (*id, shown(id, stream))).collect();
    same(
        "a session knows the streams in which it takes part",
        "streams",
        picture.streams.clone(),
        should_be,
    )
}
