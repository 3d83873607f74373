//! Whether clients and records agree with the model.

use std::collections::{BTreeMap, BTreeSet};

use voxhall_live::{CallRecord, Record, TicketRecord, VoiceRecord};

use crate::actions::{Device, Flags};
use crate::model::{Model, Seat, Session};
use crate::picture::{Picture, Shown};
use crate::streams::{self, StreamRecords};
use crate::town::{GUILDS, Kind, ROOMS, channel_id, guild_id, is_bot, room_of, user_id, who_of};

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What should be so.
    pub rule: &'static str,
    /// What is so instead.
    pub detail: String,
}

pub type Outcome = Result<(), Broken>;

pub fn broken(rule: &'static str, detail: String) -> Outcome {
    Err(Broken { rule, detail })
}

pub fn same<T: PartialEq + std::fmt::Debug>(rule: &'static str, what: &str, is: T, should_be: T) -> Outcome {
    if is == should_be {
        Ok(())
    } else {
        broken(
            rule,
            format!("{what}\n    is        {is:?}\n    should be {should_be:?}"),
        )
    }
}

/// The records on the switchboard, as far as control writes them.
pub struct Records {
    pub voices: BTreeMap<String, VoiceRecord>,
    pub calls: BTreeMap<usize, CallRecord>,
    /// By room and account; several only if something is wrong.
    pub tickets: BTreeMap<(usize, usize), Vec<TicketRecord>>,
    pub streams: StreamRecords,
}

impl Records {
    pub fn read(entries: &[voxhall_switchboard::Entry]) -> Self {
        let mut records = Self {
            voices: BTreeMap::new(),
            calls: BTreeMap::new(),
            tickets: BTreeMap::new(),
            streams: StreamRecords::default(),
        };
        for entry in entries {
            let (key, value) = (&*entry.key, &entry.value[..]);
            if key.starts_with("voice.") {
                let voice = VoiceRecord::decode(key, value).expect("a voice state");
                records.voices.insert(key.to_owned(), voice);
            } else if key.starts_with("call.") {
                let call = CallRecord::decode(key, value).expect("a call");
                records.calls.insert(room_of(call.channel_id.0), call);
            } else if key.starts_with("stream.") {
                records.streams.take_stream(key, value);
            } else if key.starts_with("ticket.") {
                let ticket = TicketRecord::decode(key, value).expect("a ticket");
                let Some(ticket) = records.streams.take_ticket(ticket) else {
                    continue;
                };
                let seat = (room_of(ticket.channel_id.0), who_of(ticket.user_id.0));
                records.tickets.entry(seat).or_default().push(ticket);
            }
        }
        records
    }
}

/// What the model says that a voice state looks like.
fn expected(model: &Model, seat: &Seat) -> Shown {
    let voice = &model.voices[seat];
    Shown {
        room: voice.room,
        session: voice.session.clone(),
        flags: voice.flags,
        mute: voice.mute,
        deaf: voice.deaf,
        suppress: voice.suppress,
        streams: model.streams.contains_key(&(voice.room, seat.0)),
    }
}

/// Checks the records against the model.
pub fn records(model: &Model, records: &Records) -> Outcome {
    let shown = |record: &VoiceRecord| Shown {
        room: record.channel_id.map_or(usize::MAX, |channel| room_of(channel.0)),
        session: record.session_id.clone(),
        flags: Flags {
            mute: record.self_mute,
            deaf: record.self_deaf,
            video: record.self_video,
        },
        mute: record.mute,
        deaf: record.deaf,
        suppress: record.suppress,
        streams: record.self_stream,
    };
    let is: BTreeMap<String, Shown> = records
        .voices
        .iter()
        .map(|(key, it)| (key.clone(), shown(it)))
        .collect();
    let key = |(who, guild): &Seat| {
        let guild = guild.map_or(0, guild_id);
        format!("voice.{}.{guild}", user_id(*who))
    };
    let should_be = model
        .voices
        .keys()
        .map(|seat| (key(seat), expected(model, seat)))
        .collect();
    same(
        "voice records are those of the model",
        "on the switchboard",
        is,
        should_be,
    )?;
    calls(model, records)?;
    tickets(model, records)?;
    streams::records(model, &records.streams)
}

fn calls(model: &Model, records: &Records) -> Outcome {
    let is: BTreeSet<usize> = records.calls.keys().copied().collect();
    let should_be = model.voices.values().map(|voice| voice.room).collect();
    same("calls are where people are", "on the switchboard", is, should_be)?;
    for (room, record) in &records.calls {
        let nodes: Vec<String> = model
            .nodes
            .iter()
            .map(|node| crate::world::node_name(*node))
            .collect();
        if !nodes.is_empty() && !nodes.contains(&record.node.0) {
            return broken(
                "calls live on nodes that live",
                format!("room {room} is on {:?}", record.node),
            );
        }
        let Some(private) = &record.private else {
            continue;
        };
        let call = &model.calls[room];
        let who = |users: &[voxhall_protocol::ids::UserId]| {
            users.iter().map(|user| who_of(user.0)).collect::<BTreeSet<_>>()
        };
        same(
            "participants are those of the model",
            "on the switchboard",
            who(&private.participants),
            call.participants.clone(),
        )?;
        same(
            "those are rung whom the model says",
            "on the switchboard",
            who(&private.ringing),
            call.ringing.keys().copied().collect(),
        )?;
        same(
            "a running call has no end",
            "on the switchboard",
            private.ended_at_ms,
            None,
        )?;
    }
    Ok(())
}

fn tickets(model: &Model, records: &Records) -> Outcome {
    let is: BTreeMap<_, _> = records
        .tickets
        .iter()
        .map(|(seat, tickets)| (*seat, tickets.len()))
        .collect();
    let holders = model.voices.iter().filter(|_| !model.nodes.is_empty());
    let should_be = holders.map(|(seat, voice)| ((voice.room, seat.0), 1)).collect();
    same(
        "everybody in a room has one ticket, and nobody else",
        "on the switchboard",
        is,
        should_be,
    )?;
    for (seat, voice) in &model.voices {
        let Some(ticket) = records
            .tickets
            .get(&(voice.room, seat.0))
            .and_then(|them| them.first())
        else {
            continue;
        };
        same(
            "a ticket is the holder's",
            "its session",
            &ticket.session_id,
            &voice.session,
        )?;
        same("a ticket in use has no end", "its end", ticket.ended, None)?;
        let speaks = !voice.mute && !voice.suppress && !voice.flags.mute;
        same(
            "a ticket says who may speak",
            "speak",
            ticket.permissions.speak,
            speaks,
        )?;
        let hears = !voice.deaf && !voice.flags.deaf;
        same(
            "a ticket says who may hear",
            "hear",
            ticket.permissions.hear,
            hears,
        )?;
        let endpoint = records.calls.get(&voice.room).map(|call| &call.endpoint);
        same(
            "a ticket leads to its call",
            "endpoint",
            Some(&ticket.endpoint),
            endpoint,
        )?;
    }
    Ok(())
}

/// Checks what a session with a socket believes against what the model says it must have been told.
pub fn picture(
    model: &Model,
    records: &Records,
    device: Device,
    session: &Session,
    picture: &Picture,
) -> Outcome {
    let told = told(model, records, device, session, picture);
    told.map_err(|it| Broken {
        detail: format!("{device:?}: {}", it.detail),
        ..it
    })
}

fn told(model: &Model, records: &Records, (who, _): Device, session: &Session, picture: &Picture) -> Outcome {
    let guilds = (0..GUILDS.len())
        .filter(|guild| model.guilds[*guild].members.contains_key(&who))
        .collect();
    same(
        "a session knows its guilds",
        "guilds",
        picture.guilds.clone(),
        guilds,
    )?;
    let private = |room: usize| matches!(ROOMS[room].kind, Kind::Private(_));
    let channels = (0..ROOMS.len()).filter(|room| model.sees(who, *room) && !(is_bot(who) && private(*room)));
    same(
        "a session knows the channels it may see",
        "channels",
        picture.channels.clone(),
        channels.collect(),
    )?;

    let known = |room: usize| !session.ignorant.contains(&room);
    let is: BTreeMap<_, _> = picture
        .states
        .iter()
        .filter(|(_, it)| known(it.room))
        .map(|(seat, it)| (*seat, it.clone()))
        .collect();
    let visible = model.voices.iter().filter(|(seat, voice)| {
        let bots_hear = !is_bot(who) || !private(voice.room);
        known(voice.room) && (seat.0 == who || bots_hear && model.sees(who, voice.room))
    });
    let should_be = visible
        .map(|(seat, voice)| ((seat.0, ROOMS[voice.room].guild), expected(model, seat)))
        .collect();
    same("a session knows who is where", "voice states", is, should_be)?;

    calls_told(model, records, who, session, picture)?;
    streams::told(model, &records.streams, who, &session.id, picture)?;
    token_told(model, records, who, session, picture)
}

fn calls_told(model: &Model, records: &Records, who: usize, session: &Session, picture: &Picture) -> Outcome {
    let running = model.calls.iter().filter(|(room, _)| {
        !is_bot(who) && !model.nodes.is_empty() && !session.ignorant.contains(room) && model.sees(who, **room)
    });
    let should_be: BTreeMap<_, BTreeSet<usize>> = running
        .map(|(room, call)| (*room, call.ringing.keys().copied().collect()))
        .collect();
    let is = picture
        .calls
        .iter()
        .map(|(room, call)| (*room, call.ringing.clone()))
        .collect();
    same(
        "a session knows the calls and who is rung",
        "calls",
        is,
        should_be,
    )?;
    for (room, call) in &picture.calls {
        let region = records.calls.get(room).map(|record| &record.region);
        same(
            "a session knows a call's region",
            "region",
            Some(&call.region),
            region,
        )?;
        if let Some(participants) = picture.participants(*room) {
            same(
                "a session knows who was in a call",
                "participants",
                participants,
                &model.calls[room].participants,
            )?;
        }
    }
    Ok(())
}

/// Whoever holds a seat has been told the token that opens it.
fn token_told(model: &Model, records: &Records, who: usize, session: &Session, picture: &Picture) -> Outcome {
    let held = model
        .voices
        .iter()
        .filter(|(seat, voice)| seat.0 == who && voice.session == session.id);
    for (_, voice) in held.filter(|_| !model.nodes.is_empty()) {
        let guild = ROOMS[voice.room].guild;
        let private = guild.is_none().then_some(voice.room);
        let told = picture.tokens.get(&(guild, private));
        let ticket = records
            .tickets
            .get(&(voice.room, who))
            .and_then(|them| them.first());
        let token = ticket.map(|ticket| ticket.token.expose());
        same(
            "the holder was told the token of its ticket",
            &format!("token for {}", channel_id(voice.room)),
            told,
            token,
        )?;
    }
    Ok(())
}
