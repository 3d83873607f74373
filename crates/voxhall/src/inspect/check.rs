//! Notes held against a live server: the client's half is sent, the server's half compared.
//!
//! The notes show one client. What another person must have done for the server to say what it said (begin a call, join,
//! leave) is done by that person, logged in beside.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use voxhall_protocol::capture::{Entry, Notes, Payload, Side, Wire};
use voxhall_protocol::gateway::GatewayOpcode;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::VoiceOpcode;

use super::actor::Actor;
use super::compare::Mapping;
use super::voice::{ServerUpdate, VoiceSession};
use crate::http::Dialer;
use crate::state::DevFile;

/// Sections that follow one another in one login are headed with at most so many `#`.
const SECTION: usize = 2;

/// What came of a check.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Messages of the client that were sent.
    pub sent: usize,
    /// Messages of the server that were compared.
    pub compared: usize,
    /// Payloads of which the notes do not say what they are.
    pub unclear: usize,
    /// What differs.
    pub differences: usize,
}

/// A check under way.
pub struct Check<'a> {
    notes: &'a Notes,
    dev: &'a DevFile,
    dialer: Dialer,
    /// Whose client the notes show.
    own: UserId,
    people: HashMap<UserId, Actor>,
    /// The captured session that the present login stands for.
    session: Option<String>,
    /// Somebody else's action whose voice state is still to come.
    acted: Option<UserId>,
    /// Told, and not used yet.
    server: Option<ServerUpdate>,
    voice: Option<VoiceSession>,
    mapping: Mapping,
    outcome: Outcome,
}

impl<'a> Check<'a> {
    /// A check of these notes against the server of this `dev.json`.
    pub fn new(notes: &'a Notes, dev: &'a DevFile, dialer: Dialer) -> Result<Self> {
        let first = dev.users.first().context("dev.json names no people")?.id;
        let own = own_user(notes).filter(|user| dev.users.iter().any(|it| it.id == *user));
        Ok(Self {
            notes,
            dev,
            dialer,
            own: own.unwrap_or(first),
            people: HashMap::new(),
            session: None,
            acted: None,
            server: None,
            voice: None,
            mapping: Mapping::default(),
            outcome: Outcome::default(),
        })
    }

    /// Goes through the notes from beginning to end, and prints what it does and finds.
    pub async fn run(mut self) -> Result<Outcome> {
        for (index, entry) in self.notes.entries.iter().enumerate() {
            match entry {
                Entry::Heading { line, level, text } => {
                    if *level <= SECTION {
                        self.section(*line, index).await?;
                    }
                    if *level == 1 {
                        self.hang_up().await;
                    }
                    println!("{} {text}", "#".repeat(*level));
                }
                Entry::Connection { opened: true, .. } if self.server.is_some() => {
                    let version = self.voice_version();
                    let session = self.voice(version).await?;
                    session.identify().await?;
                }
                Entry::Connection { opened: true, .. } => {}
                Entry::Connection { opened: false, .. } => self.hang_up().await,
                Entry::Payload(payload) => self.payload(payload).await?,
            }
        }
        let last = self.notes.entries.len();
        self.section(last, last).await?;
        self.log_out().await?;
        Ok(self.outcome)
    }

    async fn payload(&mut self, payload: &Payload) -> Result<()> {
        let (Some(side), Some(op)) = (payload.side, payload.op) else {
            println!(
                "?  line {}: the notes do not say which message this is",
                payload.line
            );
            self.outcome.unclear += 1;
            return Ok(());
        };
        self.adopt(&payload.data);
        match (payload.wire, side) {
            (Wire::Main, Side::Client) => self.send(payload.line, op, &payload.data).await,
            (Wire::Main, Side::Server) => {
                // A draft of 2016 expects the voice state as opcode 4; it never was.
                let event = payload.event.as_deref().unwrap_or("VOICE_STATE_UPDATE");
                self.expect(payload.line, event, &payload.data).await
            }
            (Wire::Voice, side) => self.voice_payload(payload, side, op).await,
        }
    }

    async fn send(&mut self, line: usize, op: u64, data: &Value) -> Result<()> {
        let data = self.mapping.translate(data);
        self.me().await?.send(op, &data).await?;
        self.outcome.sent += 1;
        let name = GatewayOpcode::from_number(op).map_or("Unknown", GatewayOpcode::name);
        println!("→  line {line}: {name}");
        Ok(())
    }

    async fn expect(&mut self, line: usize, event: &str, data: &Value) -> Result<()> {
        let wanted = self.mapping.translate(data);
        // Whoever is not there is not told.
        self.me().await?;
        self.cause(event, &wanted).await?;
        // A client's own acknowledgement takes its own way; where it comes among other events says nothing.
        let got = match event {
            "MESSAGE_ACK" => (event.to_owned(), self.me().await?.event_named(event).await?),
            _ => self.me().await?.event(event).await?,
        };
        let differences = match got {
            (name, actual) if name == event => {
                if event == "VOICE_SERVER_UPDATE" {
                    self.server = ServerUpdate::of(&actual, data);
                }
                self.mapping.differences(data, &actual)
            }
            (name, _) => vec![format!("{name} came in its place")],
        };
        self.tell(line, event, &differences);
        Ok(())
    }

    fn tell(&mut self, line: usize, name: &str, differences: &[String]) {
        self.outcome.compared += 1;
        self.outcome.differences += differences.len();
        if differences.is_empty() {
            println!("✓  line {line}: {name}");
        }
        for difference in differences {
            println!("✗  line {line}: {name}: {difference}");
        }
    }

    /// Has happen what the server is about to tell of, if it was not the client of the notes that did it.
    async fn cause(&mut self, event: &str, data: &Value) -> Result<()> {
        let user = |value: &Value| value.as_str().and_then(|id| id.parse::<UserId>().ok());
        match event {
            "MESSAGE_CREATE" if data["call"].is_object() => {
                if let Some(caller) = user(&data["author"]["id"]).filter(|caller| *caller != self.own) {
                    let join = voice_state(&Value::Null, &data["channel_id"], data);
                    self.act(caller, &join).await?;
                }
            }
            "VOICE_STATE_UPDATE" => match user(&data["user_id"]) {
                Some(other) if other != self.own && self.acted.take() != Some(other) => {
                    let state = voice_state(&data["guild_id"], &data["channel_id"], data);
                    self.act(other, &state).await?;
                    self.acted = None;
                }
                _ => {}
            },
            "MESSAGE_ACK" => {
                let (channel, message) = (&data["channel_id"], &data["message_id"]);
                if let (Some(channel), Some(message)) = (channel.as_str(), message.as_str()) {
                    self.me().await?.acknowledge(channel, message).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn act(&mut self, user: UserId, state: &Value) -> Result<()> {
        let actor = self.actor(user).await?;
        actor
            .send(GatewayOpcode::VoiceStateUpdate.number(), state)
            .await?;
        self.acted = Some(user);
        Ok(())
    }

    async fn voice_payload(&mut self, payload: &Payload, side: Side, op: u64) -> Result<()> {
        let name = VoiceOpcode::from_number(op).map_or("Unknown", VoiceOpcode::name);
        let version = self.voice_version();
        let voice = self.voice(version).await?;
        let differences = match side {
            Side::Client => {
                if voice.send(op, &payload.data).await.is_ok() {
                    self.outcome.sent += 1;
                    println!("→  line {}: {name} (voice)", payload.line);
                    return Ok(());
                }
                vec!["it cannot be sent: the server has closed".to_owned()]
            }
            Side::Server => match voice.message(op, name).await {
                Ok(actual) => self.mapping.differences(&payload.data, &actual),
                Err(error) => vec![format!("{error:#}")],
            },
        };
        self.tell(payload.line, &format!("{name} (voice)"), &differences);
        Ok(())
    }

    /// Ends a section: nothing that the notes do not show may have come. Logs in anew where the next one shows another
    /// session.
    async fn section(&mut self, line: usize, index: usize) -> Result<()> {
        if let Some(me) = self.people.get_mut(&self.own) {
            let surplus = me.surplus().await?;
            self.outcome.differences += surplus.len();
            for name in surplus {
                println!("✗  before line {line}: {name}, which the notes do not show");
            }
        }
        let next = self.session_of_section(index);
        if next.is_some() && next != self.session {
            self.log_out().await?;
            self.session = next;
        }
        Ok(())
    }

    /// The captured session of the section that the entry at `index` begins.
    fn session_of_section(&self, index: usize) -> Option<String> {
        let ends = |entry: &&Entry| !matches!(entry, Entry::Heading { level, .. } if *level <= SECTION);
        let section = self.notes.entries.get(index + 1..)?.iter().take_while(ends);
        let own = self.own.to_string();
        let mut sessions = section.filter_map(|entry| match entry {
            Entry::Payload(payload) if payload.data["user_id"] == own => {
                payload.data["session_id"].as_str().map(str::to_owned)
            }
            _ => None,
        });
        sessions.next()
    }

    /// Ids at the top of a payload that this server's world does not have stand for those that it has.
    fn adopt(&mut self, data: &Value) {
        let known = known_ids(self.dev);
        let stand_ins = [
            ("guild_id", self.dev.guild_id.to_string()),
            ("user_id", self.own.to_string()),
            (
                "channel_id",
                self.dev
                    .voice_channels
                    .first()
                    .map_or_else(String::new, ToString::to_string),
            ),
        ];
        for (field, stand_in) in stand_ins {
            match data[field].as_str() {
                Some(id) if !known.iter().any(|it| it == id) => self.mapping.learn(id, &stand_in),
                _ => {}
            }
        }
    }

    async fn me(&mut self) -> Result<&mut Actor> {
        self.actor(self.own).await
    }

    async fn actor(&mut self, user: UserId) -> Result<&mut Actor> {
        if !self.people.contains_key(&user) {
            let actor = Actor::log_in(&self.dialer, self.dev, user).await?;
            self.people.insert(user, actor);
        }
        self.people.get_mut(&user).context("just logged in")
    }

    fn voice_version(&self) -> u64 {
        // Only the first two versions put it there.
        let old = |payload: &Payload| {
            payload.op == Some(VoiceOpcode::Ready.number().into())
                && !payload.data["heartbeat_interval"].is_null()
        };
        let named = self.notes.voice_version;
        named.unwrap_or(if self.notes.payloads().any(old) { 2 } else { 4 })
    }

    /// The voice connection of the client of the notes, opened if there is none.
    async fn voice(&mut self, version: u64) -> Result<&mut VoiceSession> {
        if self.voice.is_none() {
            let update = match self.server.take() {
                Some(update) => update,
                None => self.join().await?,
            };
            let session_id = self.me().await?.session_id.clone();
            let voice = VoiceSession::open(&self.dialer, update, self.own, session_id, version).await?;
            self.voice = Some(voice);
        }
        self.voice.as_mut().context("just opened")
    }

    /// Joins a voice channel, for notes that begin after that.
    async fn join(&mut self) -> Result<ServerUpdate> {
        let channel = self
            .dev
            .voice_channels
            .first()
            .context("dev.json names no voice channel")?;
        let (guild, channel) = (json!(self.dev.guild_id), json!(channel));
        let me = self.me().await?;
        let op = GatewayOpcode::VoiceStateUpdate.number();
        me.send(op, &voice_state(&Value::Null, &Value::Null, &Value::Null))
            .await?;
        me.send(op, &voice_state(&guild, &channel, &Value::Null)).await?;
        let update = me.event_named("VOICE_SERVER_UPDATE").await?;
        me.surplus().await?;
        ServerUpdate::of(&update, &update).context("the server update lacks what is needed to connect")
    }

    async fn hang_up(&mut self) {
        self.server = None;
        if let Some(voice) = self.voice.take() {
            voice.close().await;
        }
    }

    /// Everybody leaves the rooms and the server.
    async fn log_out(&mut self) -> Result<()> {
        self.hang_up().await;
        for (_, mut actor) in self.people.drain() {
            let leave = voice_state(&Value::Null, &Value::Null, &Value::Null);
            actor
                .send(GatewayOpcode::VoiceStateUpdate.number(), &leave)
                .await?;
            actor.surplus().await?;
            actor.log_out().await;
        }
        Ok(())
    }
}

/// Whose voice state answers the client's first opcode 4.
fn own_user(notes: &Notes) -> Option<UserId> {
    let is_join = |payload: &&Payload| {
        payload.wire == Wire::Main
            && payload.side == Some(Side::Client)
            && payload.op == Some(GatewayOpcode::VoiceStateUpdate.number().into())
    };
    let mut answers = notes.payloads().skip_while(|payload| !is_join(payload));
    let state = answers.find(|payload| payload.event.as_deref() == Some("VOICE_STATE_UPDATE"))?;
    state.data["user_id"].as_str()?.parse().ok()
}

fn known_ids(dev: &DevFile) -> Vec<String> {
    let channels = dev
        .voice_channels
        .iter()
        .chain([&dev.text_channel, &dev.dm_channel]);
    let people = dev
        .users
        .iter()
        .chain(&dev.bots)
        .map(|account| account.id.to_string());
    let ids = channels.map(ToString::to_string).chain(people);
    ids.chain([dev.guild_id.to_string()]).collect()
}

/// What a client says to be in this room, with the flags of `like`.
fn voice_state(guild: &Value, channel: &Value, like: &Value) -> Value {
    let flag = |name: &str| like[name].as_bool().unwrap_or(false);
    json!({
        "guild_id": guild,
        "channel_id": channel,
        "self_mute": flag("self_mute"),
        "self_deaf": flag("self_deaf"),
        "self_video": flag("self_video"),
    })
}
