//! What a client believes, from the events that it got and nothing else; and what is wrong with their order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::actions::Flags;
use crate::check::{Broken, Outcome, broken};
use crate::streams::{ShownStream, StreamId};
use crate::town::{guild_of, is_bot, room_of, who_of};

/// The least time between a voice state and its server update, in milliseconds.
const PAUSE: u64 = 10;

/// A voice state as a client has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub room: usize,
    pub session: String,
    pub flags: Flags,
    pub mute: bool,
    pub deaf: bool,
    pub suppress: bool,
    pub streams: bool,
}

/// A private call as a client has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCall {
    message: u64,
    pub ringing: BTreeSet<usize>,
    pub region: String,
}

/// The message that stands for a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownMessage {
    pub participants: BTreeSet<usize>,
    ended: bool,
}

/// What a client must know to judge an event: what the model says of its session.
pub struct Context<'a> {
    pub now: u64,
    /// Channels that it may see, or might before what happened just now.
    pub visible: &'a BTreeSet<usize>,
    /// Private channels whose calls it may not know of.
    pub unknown: &'a BTreeSet<usize>,
}

/// A client's beliefs.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    who: usize,
    pub session: String,
    /// The number of the last dispatch.
    pub last: u64,
    pub guilds: BTreeSet<usize>,
    pub channels: BTreeSet<usize>,
    /// By account and guild; `None` is a private call.
    pub states: BTreeMap<(usize, Option<usize>), Shown>,
    pub calls: BTreeMap<usize, ShownCall>,
    pub messages: BTreeMap<u64, ShownMessage>,
    /// Those in which it takes part.
    pub streams: BTreeMap<StreamId, ShownStream>,
    /// Why streams were refused to it.
    pub refusals: Vec<String>,
    /// The last token by guild or private channel.
    pub tokens: BTreeMap<(Option<usize>, Option<usize>), String>,
    /// When its own state last went to another room or session.
    moved: BTreeMap<Option<usize>, u64>,
    /// It is being told again what it missed, all at once.
    pub catching_up: bool,
}

impl Picture {
    pub fn new(who: usize) -> Self {
        Self {
            who,
            ..Self::default()
        }
    }

    /// Takes a dispatch.
    pub fn take(&mut self, message: &Value, context: &Context<'_>) -> Outcome {
        let number = message["s"].as_u64().unwrap_or(0);
        if number != self.last + 1 {
            return broken("numbers have no gaps", format!("{} after {}", number, self.last));
        }
        self.last = number;
        let data = &message["d"];
        let name = message["t"].as_str().unwrap_or_default();
        self.event(name, data, context).map_err(|it| Broken {
            detail: format!("{}\n    in {name} {data}", it.detail),
            ..it
        })
    }

    fn event(&mut self, name: &str, data: &Value, context: &Context<'_>) -> Outcome {
        if is_bot(self.who) && (name.starts_with("CALL_") || name.starts_with("MESSAGE_")) {
            return broken("bots hear nothing of private calls", String::new());
        }
        match name {
            "READY" => self.ready(data),
            "RESUMED" => self.catching_up = false,
            "GUILD_CREATE" => self.guild(data),
            "GUILD_DELETE" => {
                let guild = guild_of(id(&data["id"]));
                self.guilds.remove(&guild);
                self.channels
                    .retain(|room| crate::town::ROOMS[*room].guild != Some(guild));
                self.states.retain(|(_, home), _| *home != Some(guild));
            }
            "CHANNEL_CREATE" => return self.channel_appears(data, context),
            "CHANNEL_DELETE" => return self.channel_vanishes(data),
            "VOICE_STATE_UPDATE" => return self.voice_state(data, context),
            "VOICE_SERVER_UPDATE" => return self.voice_server(data, context),
            "MESSAGE_CREATE" | "MESSAGE_UPDATE" => self.message(data),
            "CALL_CREATE" => return self.call_create(data),
            "CALL_UPDATE" => self.call_update(data),
            "CALL_DELETE" => return self.call_delete(data, context),
            _ if name.starts_with("STREAM_") => return self.stream_event(name, data, context.now),
            _ => {}
        }
        Ok(())
    }

    fn ready(&mut self, data: &Value) {
        self.session = text(&data["session_id"]);
        for guild in list(&data["guilds"]) {
            if guild["unavailable"] != true {
                self.guild(guild);
            }
        }
        let private = list(&data["private_channels"]);
        self.channels
            .extend(private.map(|channel| room_of(id(&channel["id"]))));
    }

    fn guild(&mut self, data: &Value) {
        let guild = guild_of(id(&data["id"]));
        self.guilds.insert(guild);
        self.channels
            .extend(list(&data["channels"]).map(|channel| room_of(id(&channel["id"]))));
        for state in list(&data["voice_states"]) {
            let who = who_of(id(&state["user_id"]));
            if let Some(shown) = shown(state) {
                self.states.insert((who, Some(guild)), shown);
            }
        }
    }

    fn channel_appears(&mut self, data: &Value, context: &Context<'_>) -> Outcome {
        let room = room_of(id(&data["id"]));
        if !self.may_know(room, context) {
            return broken("channels appear to those who see them", String::new());
        }
        self.channels.insert(room);
        Ok(())
    }

    /// Whether a room may be told of. What was missed is told as it was, whoever may see the room since.
    fn may_know(&self, room: usize, context: &Context<'_>) -> bool {
        self.catching_up || context.visible.contains(&room)
    }

    fn channel_vanishes(&mut self, data: &Value) -> Outcome {
        let room = room_of(id(&data["id"]));
        self.channels.remove(&room);
        // Of its own state it is told by what becomes of it.
        let mut others = self.states.iter().filter(|(seat, _)| seat.0 != self.who);
        match others.find(|(_, state)| state.room == room) {
            Some((seat, _)) => broken(
                "people vanish before their channel",
                format!("{seat:?} is still there"),
            ),
            None => Ok(()),
        }
    }

    fn voice_state(&mut self, data: &Value, context: &Context<'_>) -> Outcome {
        let guild = data["guild_id"].as_str().map(|_| guild_of(id(&data["guild_id"])));
        let seat = (who_of(id(&data["user_id"])), guild);
        let before = self.states.get(&seat).cloned();
        let own = seat.0 == self.who;
        let Some(state) = shown(data) else {
            let told_before = before.is_some() || guild.is_none() && !context.unknown.is_empty();
            self.states.remove(&seat);
            return if told_before || own {
                Ok(())
            } else {
                broken(
                    "only those who saw somebody see it leave",
                    format!("{seat:?} was not in the picture"),
                )
            };
        };
        if !self.may_know(state.room, context) {
            return broken(
                "voice states reach only those who see the room",
                format!("room {}", state.room),
            );
        }
        let called = self.calls.contains_key(&state.room) || context.unknown.contains(&state.room);
        if guild.is_none() && !called {
            return broken("a call comes before who is in it", format!("room {}", state.room));
        }
        let place = |state: &Shown| (state.room, state.session.clone());
        if own && before.as_ref().map(place) != Some(place(&state)) {
            self.moved.insert(guild, context.now);
        }
        self.states.insert(seat, state);
        Ok(())
    }

    fn voice_server(&mut self, data: &Value, context: &Context<'_>) -> Outcome {
        let guild = data["guild_id"].as_str().map(|_| guild_of(id(&data["guild_id"])));
        let private = data["channel_id"]
            .as_str()
            .map(|_| room_of(id(&data["channel_id"])));
        let own = self.states.get(&(self.who, guild));
        let held =
            own.filter(|own| own.session == self.session && private.is_none_or(|room| room == own.room));
        if held.is_none() {
            return broken(
                "a server update goes to the session that holds the state",
                format!("{own:?}"),
            );
        }
        if data["endpoint"].is_null() {
            return Ok(());
        }
        let moved = self.moved.get(&guild).copied().unwrap_or(0);
        if !self.catching_up && context.now < moved + PAUSE {
            return broken(
                "a server update comes 10 ms after its state",
                format!("{moved} and {}", context.now),
            );
        }
        self.tokens.insert((guild, private), text(&data["token"]));
        Ok(())
    }

    fn message(&mut self, data: &Value) {
        let call = &data["call"];
        if call.is_object() {
            let message = self.messages.entry(id(&data["id"])).or_default();
            message.participants = list(&call["participants"]).map(|user| who_of(id(user))).collect();
            message.ended = !call["ended_timestamp"].is_null();
        }
    }

    fn call_create(&mut self, data: &Value) -> Outcome {
        let room = room_of(id(&data["channel_id"]));
        let call = ShownCall {
            message: id(&data["message_id"]),
            ringing: list(&data["ringing"]).map(|user| who_of(id(user))).collect(),
            region: text(&data["region"]),
        };
        let states: Vec<&Value> = list(&data["voice_states"]).collect();
        if states.is_empty() && !self.messages.contains_key(&call.message) {
            return broken(
                "the message of a call comes before the call",
                format!("room {room}"),
            );
        }
        if !self.channels.contains(&room) {
            return broken("calls are told to recipients", format!("room {room}"));
        }
        self.states.retain(|_, state| state.room != room);
        for state in states {
            let who = who_of(id(&state["user_id"]));
            self.states.extend(shown(state).map(|shown| ((who, None), shown)));
        }
        self.calls.insert(room, call);
        Ok(())
    }

    fn call_update(&mut self, data: &Value) {
        if let Some(call) = self.calls.get_mut(&room_of(id(&data["channel_id"]))) {
            call.ringing = list(&data["ringing"]).map(|user| who_of(id(user))).collect();
            call.region = text(&data["region"]);
        }
    }

    fn call_delete(&mut self, data: &Value, context: &Context<'_>) -> Outcome {
        let room = room_of(id(&data["channel_id"]));
        let call = self.calls.remove(&room);
        if data["unavailable"] == true || context.unknown.contains(&room) {
            return Ok(());
        }
        if let Some((seat, _)) = self.states.iter().find(|(_, state)| state.room == room) {
            return broken(
                "everybody leaves before a call ends",
                format!("{seat:?} is still there"),
            );
        }
        let message = call.and_then(|call| self.messages.get(&call.message));
        if message.is_some_and(|message| !message.ended) {
            return broken(
                "the message of a call ends before the call",
                format!("room {room}"),
            );
        }
        Ok(())
    }

    /// Who is said to have been in a running call; `None` if the client was never shown its message.
    pub fn participants(&self, room: usize) -> Option<&BTreeSet<usize>> {
        let message = self.messages.get(&self.calls.get(&room)?.message)?;
        Some(&message.participants)
    }
}

fn shown(state: &Value) -> Option<Shown> {
    let room = room_of(id(state.get("channel_id").filter(|it| it.is_string())?));
    let is = |name: &str| state[name] == true;
    Some(Shown {
        room,
        session: text(&state["session_id"]),
        flags: Flags {
            mute: is("self_mute"),
            deaf: is("self_deaf"),
            video: is("self_video"),
        },
        mute: is("mute"),
        deaf: is("deaf"),
        suppress: is("suppress"),
        streams: is("self_stream"),
    })
}

pub fn id(value: &Value) -> u64 {
    let text = value.as_str().expect("an id");
    text.parse().expect("an id of digits")
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
