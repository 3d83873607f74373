//! The real control plane in virtual time, beside the model of what it should be.

mod actions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use voxhall_control::{Control, Directory, GuildSettings};
use voxhall_live::{CallRecord, LinkRecord, LinkState, NodeId, NodeRecord, Record, key};
use voxhall_protocol::ids::GuildId;
use voxhall_switchboard::{Expect, Switchboard as _};

use crate::actions::{Action, Device, Flags};
use crate::board::Board;
use crate::check::{self, Broken, Outcome, Records, broken};
use crate::client::{Client, Heard};
use crate::clock::{awake, let_run};
use crate::furnish::{config, furnish};
use crate::model::Model;
use crate::picture::Context;
use crate::town::{REGIONS, ROOMS, channel_id, guild_id, is_bot};

pub const ADMIN_TOKEN: &str = "operator";
/// A guild that nobody is in, so that it can be written without a trace.
pub const NOWHERE: GuildId = GuildId(1);
/// `GUILDS | GUILD_VOICE_STATES`.
const INTENTS: u64 = 129;
/// `AUTO_CALL_CONNECT`.
const ASKS_FOR_CALLS: u64 = 1 << 12;
/// Milliseconds between actions: op 4 may come ten times in ten seconds.
const BEAT: u64 = 1103;
/// How often a client looks for an answer.
const PATIENCE: usize = 20;
/// What a timer may be late.
const LATE: u64 = 5;
/// Within this time a server update follows.
const FOLLOWS: u64 = 20;
/// How far the clock goes to where it is clear what must have happened.
const UNTIL_CLEAR: u64 = 997;

pub struct World {
    model: Model,
    board: Arc<Board>,
    directory: Arc<Directory>,
    router: Router,
    tokens: Vec<String>,
    clients: BTreeMap<Device, Client>,
    /// What each account may see now, or might before what happened just now.
    visible: BTreeMap<usize, BTreeSet<usize>>,
    /// The same of what a session may not know.
    unknown: BTreeMap<Device, BTreeSet<usize>>,
    /// Whether a call ran or somebody logs in: other SQL is waited for by who asks for it.
    sql_may_run: bool,
    /// Sockets that the server closed, and sessions that it refused.
    closed: BTreeSet<Device>,
    refused: BTreeSet<Device>,
    /// Why streams must have been refused to each session.
    refusals: BTreeMap<Device, Vec<&'static str>>,
    /// Keeps the tasks of the control plane.
    _control: Arc<Control>,
}

pub fn node_name(node: usize) -> String {
    format!("node-{node}")
}

impl World {
    /// Begins with real time, which SQL needs, and stops it.
    pub async fn start() -> Self {
        let directory = Arc::new(Directory::in_memory().await.expect("a directory"));
        let tokens = furnish(&directory).await.expect("a town");
        let board = Arc::new(Board::default());
        let control = Control::start(config(), directory.clone(), board.clone())
            .await
            .expect("a control plane");
        tokio::time::pause();
        let world = Self {
            model: Model::new(),
            board,
            directory,
            router: control.router(),
            tokens,
            clients: BTreeMap::new(),
            visible: BTreeMap::new(),
            unknown: BTreeMap::new(),
            sql_may_run: false,
            closed: BTreeSet::new(),
            refused: BTreeSet::new(),
            refusals: BTreeMap::new(),
            _control: control,
        };
        for node in 0..REGIONS.len() {
            world.register(node).await;
        }
        world
    }

    /// Does it, lets everything happen that follows, and checks all there is.
    pub async fn perform(&mut self, action: Action) -> Outcome {
        self.remember();
        self.act(action).await?;
        self.settle().await?;
        // What must wait for ten milliseconds must not come now.
        self.advance(9).await?;
        if action != Action::Overtake {
            self.board.overtake_no_more();
        }
        let seconds = if let Action::Pass(seconds) = action {
            seconds
        } else {
            0
        };
        self.let_pass(BEAT + seconds * 1000).await?;
        self.check().await
    }

    /// Keeps what may be seen now: events of what happens next may still go by that.
    fn remember(&mut self) {
        self.visible.clear();
        self.unknown.clear();
        self.sql_may_run = !self.model.calls.is_empty();
        self.add_sight();
    }

    /// Adds what may be seen now.
    fn add_sight(&mut self) {
        let accounts: BTreeSet<usize> = self.clients.keys().map(|(who, _)| *who).collect();
        for who in accounts {
            let visible = (0..ROOMS.len()).filter(|room| self.model.sees(who, *room));
            self.visible.entry(who).or_default().extend(visible);
        }
        self.add_unknown();
    }

    fn add_unknown(&mut self) {
        let private = (0..ROOMS.len()).filter(|room| ROOMS[*room].guild.is_none());
        let cut_off: BTreeSet<usize> = private.filter(|_| self.model.nodes.is_empty()).collect();
        for (device, session) in &self.model.sessions {
            let unknown = self.unknown.entry(*device).or_default();
            unknown.extend(cut_off.union(&session.ignorant));
        }
    }

    // Time.

    /// Moves both clocks, and says how many messages came of it.
    async fn advance(&mut self, milliseconds: u64) -> Result<usize, Broken> {
        self.model.pass(milliseconds);
        self.add_unknown();
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
        self.settle().await
    }

    /// Lets time pass from one thing that happens by itself to the next, and on until it is clear what has happened.
    async fn let_pass(&mut self, milliseconds: u64) -> Outcome {
        let until = self.model.now + milliseconds;
        while self.model.now < until || self.model.is_unclear() {
            let end = until.max(self.model.now + UNTIL_CLEAR);
            let next = self.model.next_event().map_or(end, |next| next + LATE);
            let step = next.clamp(self.model.now + 1, end) - self.model.now;
            // Server updates follow after their pause.
            self.advance(step).await?;
            self.advance(FOLLOWS).await?;
        }
        Ok(())
    }

    /// Waits until nothing happens any more without time passing.
    async fn settle(&mut self) -> Result<usize, Broken> {
        let (mut quiet, mut count) = (false, 0);
        loop {
            let_run().await;
            if self.sql_may_run || !self.model.calls.is_empty() {
                // SQL is done one statement after the other: when this one is, those before it are.
                let settings = GuildSettings::default();
                let written = awake(self.directory.put_guild_settings(NOWHERE, settings)).await;
                written.expect("a directory");
                let_run().await;
            }
            let heard = self.hear()?;
            count += heard;
            if quiet && heard == 0 {
                return Ok(count);
            }
            quiet = heard == 0;
        }
    }

    fn hear(&mut self) -> Result<usize, Broken> {
        let mut count = 0;
        let nothing = BTreeSet::new();
        for (device, client) in &mut self.clients {
            while let Some(heard) = client.hear() {
                count += 1;
                let context = Context {
                    now: self.model.now,
                    visible: self.visible.get(&device.0).unwrap_or(&nothing),
                    unknown: self.unknown.get(device).unwrap_or(&nothing),
                };
                match heard {
                    Heard::Closed => {
                        client.die();
                        self.closed.insert(*device);
                    }
                    Heard::Message(message) if message["op"] == 0 => {
                        client.picture.take(&message, &context).map_err(|it| Broken {
                            detail: format!("{device:?}: {}", it.detail),
                            ..it
                        })?;
                    }
                    Heard::Message(message) if message["op"] == 9 => {
                        self.refused.insert(*device);
                    }
                    Heard::Message(_) => {}
                }
            }
        }
        Ok(count)
    }

    // Checks.

    async fn check(&mut self) -> Outcome {
        if let Some(device) = self.closed.iter().next() {
            return broken("no socket is closed without a reason", format!("{device:?}"));
        }
        let entries = self.board.list("").await.expect("a switchboard");
        let records = Records::read(&entries);
        check::records(&self.model, &records)?;
        for (device, session) in self
            .model
            .sessions
            .iter()
            .filter(|(_, session)| session.detached.is_none())
        {
            let picture = &self.clients[device].picture;
            check::picture(&self.model, &records, *device, session, picture)?;
            let refusals: Vec<&str> = picture.refusals.iter().map(String::as_str).collect();
            let should_be = self.refusals.get(device).cloned().unwrap_or_default();
            check::same(
                "streams are refused for a reason",
                "refusals",
                refusals,
                should_be,
            )?;
        }
        Ok(())
    }

    // Sessions.

    fn is_free(&self, device: Device) -> bool {
        !self.model.sessions.contains_key(&device)
    }

    fn is_on(&self, device: Device) -> bool {
        self.model
            .sessions
            .get(&device)
            .is_some_and(|session| session.detached.is_none())
    }

    async fn connect(&mut self, device: Device) -> Outcome {
        let (who, slot) = device;
        let mut client = Client::new(who);
        client.dial(self.router.clone(), who).await;
        let capabilities = if slot == 1 { 0 } else { ASKS_FOR_CALLS };
        let identify = if is_bot(who) {
            json!({"token": self.tokens[who], "intents": INTENTS, "properties": {}})
        } else {
            json!({"token": self.tokens[who], "capabilities": capabilities, "properties": {}})
        };
        client.send(json!({"op": 2, "d": identify})).await;
        self.clients.insert(device, client);
        self.refusals.remove(&device);
        self.await_answer(device, |client| !client.picture.session.is_empty())
            .await?;
        let id = self.clients[&device].picture.session.clone();
        if id.is_empty() {
            return broken("who logs in gets a session", format!("{device:?}"));
        }
        self.model.connect(device, id);
        Ok(())
    }

    /// Waits until a client has its answer or is refused, for no longer than anything takes that takes no time.
    async fn await_answer(&mut self, device: Device, has: impl Fn(&Client) -> bool) -> Outcome {
        self.sql_may_run = true;
        for _ in 0..PATIENCE {
            self.settle().await?;
            if has(&self.clients[&device]) || self.refused.contains(&device) {
                break;
            }
        }
        Ok(())
    }

    async fn resume(&mut self, device: Device) -> Outcome {
        let Some(mut client) = self.clients.remove(&device) else {
            return Ok(());
        };
        let known = self.model.sessions.contains_key(&device);
        let before = client.dial(self.router.clone(), device.0).await;
        client.picture.catching_up = true;
        let resume = json!({
            "token": self.tokens[device.0],
            "session_id": client.picture.session,
            "seq": client.picture.last,
        });
        client.send(json!({"op": 6, "d": resume})).await;
        self.clients.insert(device, client);
        self.model.resume(device);
        self.await_answer(device, |client| !client.picture.catching_up)
            .await?;
        drop(before);
        let resumed = !self.clients[&device].picture.catching_up;
        let refused = self.refused.remove(&device);
        if refused {
            self.clients.remove(&device);
        }
        if (resumed, refused) == (known, !known) {
            Ok(())
        } else {
            broken(
                "a session is resumed within its window and not after",
                format!("{device:?}: {resumed}, {known}"),
            )
        }
    }

    async fn send(&mut self, device: Device, message: Value) {
        if let Some(client) = self.clients.get_mut(&device) {
            client.send(message).await;
        }
    }

    async fn op4(&mut self, device: Device, guild: Option<usize>, room: Option<usize>, flags: Flags) {
        let data = json!({
            "guild_id": guild.map(|guild| guild_id(guild).to_string()),
            "channel_id": room.map(|room| channel_id(room).to_string()),
            "self_mute": flags.mute,
            "self_deaf": flags.deaf,
            "self_video": flags.video,
        });
        self.send(device, json!({"op": 4, "d": data})).await;
    }

    // Media nodes.

    async fn register(&self, node: usize) {
        let record = NodeRecord {
            endpoint: format!("{}.example:443", node_name(node)),
            region: REGIONS[node].to_owned(),
            members: 0,
            draining: false,
        };
        self.put(&key::node(&NodeId(node_name(node))), &record).await;
    }

    async fn put(&self, key: &str, record: &impl Record) {
        let written = self
            .board
            .put(key, record.encode().into(), Expect::Any, None)
            .await;
        written.expect("a switchboard");
    }

    async fn private_calls_on(&self, node: usize) -> BTreeSet<usize> {
        let entries = self.board.list("call.").await.expect("a switchboard");
        let records = Records::read(&entries);
        let there = |it: &CallRecord| it.node.0 == node_name(node) && it.private.is_some();
        let rooms = records.calls.into_iter().filter(|(_, it)| there(it));
        rooms.map(|(room, _)| room).collect()
    }

    /// A node that dies takes its registration and its voice connections with it.
    async fn lose(&self, node: usize) {
        let name = node_name(node);
        let links = self
            .board
            .list(&format!("link.{name}."))
            .await
            .expect("a switchboard");
        let keys = links.into_iter().map(|entry| entry.key);
        for key in keys.chain([key::node(&NodeId(name))]) {
            self.board.delete(&key, Expect::Any).await.expect("a switchboard");
        }
    }

    /// Everybody in a room, and on the streams there, has a voice connection, or has lost it.
    async fn link(&self, room: usize, up: bool) {
        let tickets = self.board.list("ticket.").await.expect("a switchboard");
        for entry in tickets {
            let ticket = voxhall_live::TicketRecord::decode(&entry.key, &entry.value).expect("a ticket");
            let shown_in = ticket.stream.map_or(ticket.channel_id, |stream| stream.channel());
            if shown_in.0 == channel_id(room) {
                let link = LinkRecord {
                    token: ticket.token,
                    state: if up { LinkState::Connected } else { LinkState::Gone },
                    spoke: 0,
                };
                self.put(&entry.key.replacen("ticket.", "link.", 1), &link).await;
            }
        }
    }
}
