//! A voice gateway in virtual time, with clients that speak JSON to it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use voxhall_live::{CallRecord, LinkState, MediaPermissions, NodeId, Platform, TicketEnd, TicketRecord};
use voxhall_node::Limits;
use voxhall_node::core::{ConnectionId, Input, NodeCore, Output, Settings, TicketKey, WorkerIndex};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::sdp::Fingerprint;
use voxhall_protocol::voice::{EncryptionMode, VoiceCloseCode, VoiceVersion, WireFrame};
use voxhall_sfu::impairment::Impairment;
use voxhall_sfu::{Command, Event};

pub const GUILD: u64 = 934_828_556_603_764_816;
pub const CHANNEL: ChannelId = ChannelId(934_828_556_603_764_821);
pub const OTHER_CHANNEL: ChannelId = ChannelId(966_416_163_309_518_878);
pub const ALICE: UserId = UserId(959_467_381_011_415_120);
pub const BOB: UserId = UserId(138_397_087_229_280_257);
pub const CAROL: UserId = UserId(300);
pub const MEDIA_SESSION: &str = "8e60b8396805ee8d0985a0c57ef59461";
pub const PORT: u16 = 50_001;

/// The gateway, its clock, and everything it has said so far.
pub struct World {
    pub core: NodeCore,
    pub now: Instant,
    pub commands: Vec<(WorkerIndex, Command)>,
    /// What was written of each link; `None` where it was deleted.
    pub links: Vec<(TicketKey, Option<LinkState>)>,
    /// What each written link says of speech.
    pub spoke: Vec<u64>,
    pub rebuilds: Vec<WorkerIndex>,
    /// Faults on the way of members' datagrams, as workers were told.
    pub impairments: Vec<Impairment>,
    /// Workers that were made to crash.
    pub crashes: Vec<WorkerIndex>,
    sockets: HashMap<ConnectionId, Socket>,
    next_connection: u64,
}

#[derive(Default)]
struct Socket {
    frames: Vec<Value>,
    closed: Option<(VoiceCloseCode, String)>,
    cut: bool,
}

pub fn settings() -> Settings {
    Settings {
        media_addresses: vec![IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20))],
        media_tcp: false,
        fingerprint: Fingerprint([0x4a; 32]),
        modes: EncryptionMode::CURRENT.to_vec(),
        oldest_version: VoiceVersion::V1,
        require_dave: false,
        limits: Limits::default(),
    }
}

impl World {
    /// With a call in each of the two channels.
    pub fn new() -> Self {
        Self::with(settings(), &[PORT])
    }

    pub fn with(settings: Settings, ports: &[u16]) -> Self {
        let random = Box::new(StdRng::seed_from_u64(7));
        let mut world = Self {
            core: NodeCore::new(settings, ports, random),
            now: Instant::now(),
            commands: Vec::new(),
            links: Vec::new(),
            spoke: Vec::new(),
            rebuilds: Vec::new(),
            impairments: Vec::new(),
            crashes: Vec::new(),
            sockets: HashMap::new(),
            next_connection: 1,
        };
        for channel in [CHANNEL, OTHER_CHANNEL] {
            world.input(Input::Call(Box::new(call(channel))));
        }
        world
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.core.handle(self.now, input);
        while let Some(output) = self.core.poll_output() {
            self.carry_out(output);
        }
    }

    pub fn open(&mut self, version: &str) -> ConnectionId {
        self.open_with(Some(version))
    }

    /// Opens a socket whose URL names a version, or none.
    pub fn open_with(&mut self, version: Option<&str>) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.sockets.insert(connection, Socket::default());
        self.input(Input::Opened { connection, version });
        connection
    }

    pub fn text(&mut self, connection: ConnectionId, text: &str) {
        self.input(Input::Text { connection, text });
    }

    pub fn send(&mut self, connection: ConnectionId, op: u64, data: Value) {
        self.text(connection, &json!({ "op": op, "d": data }).to_string());
    }

    /// The socket breaks.
    pub fn lose(&mut self, connection: ConnectionId) {
        self.input(Input::Closed {
            connection,
            goodbye: false,
        });
    }

    /// What has come since the last look.
    pub fn received(&mut self, connection: ConnectionId) -> Vec<Value> {
        std::mem::take(&mut self.socket(connection).frames)
    }

    /// The opcodes of what has come since the last look.
    pub fn ops(&mut self, connection: ConnectionId) -> Vec<u64> {
        self.received(connection)
            .iter()
            .map(|frame| frame["op"].as_u64().unwrap())
            .collect()
    }

    pub fn close_code(&mut self, connection: ConnectionId) -> Option<u16> {
        let closed = self.socket(connection).closed.as_ref();
        closed.map(|(code, _)| code.number())
    }

    /// What the human is told whose socket was closed.
    pub fn close_reason(&mut self, connection: ConnectionId) -> Option<String> {
        let closed = self.socket(connection).closed.as_ref();
        closed.map(|(_, reason)| reason.clone())
    }

    /// Whether the connection was broken without a close frame.
    pub fn is_cut(&mut self, connection: ConnectionId) -> bool {
        self.socket(connection).cut
    }

    /// Lets time pass, with clients that keep up their heartbeats or without.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.core.next_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub fn issue(&mut self, user: UserId) {
        self.input(Input::Ticket(Box::new(ticket(user, CHANNEL))));
    }

    /// Changes the ticket of a user in [`CHANNEL`].
    pub fn reissue(&mut self, user: UserId, change: impl FnOnce(&mut TicketRecord)) {
        let mut record = ticket(user, CHANNEL);
        change(&mut record);
        self.input(Input::Ticket(Box::new(record)));
    }

    pub fn end_ticket(&mut self, user: UserId, end: TicketEnd) {
        self.reissue(user, |record| record.ended = Some(end));
    }

    /// Opens a socket and identifies with a new ticket; Hello and Ready are left unread.
    pub fn identify(&mut self, version: &str, user: UserId) -> ConnectionId {
        self.issue(user);
        let connection = self.open(version);
        self.send(connection, 0, identify(user));
        connection
    }

    /// The whole handshake; everything said in it is thrown away, for everyone.
    pub fn join(&mut self, version: &str, user: UserId) -> ConnectionId {
        let connection = self.identify(version, user);
        self.send(connection, 1, select());
        assert_eq!(self.close_code(connection), None);
        self.forget();
        connection
    }

    /// Takes up the session of a user on a new socket.
    pub fn resume(&mut self, version: &str, user: UserId, seq_ack: i64) -> ConnectionId {
        let connection = self.open(version);
        let mut resume = json!({
            "server_id": GUILD.to_string(), "channel_id": CHANNEL, "session_id": session_id(user), "token": token(user)
        });
        if version >= "8" {
            resume["seq_ack"] = json!(seq_ack);
        }
        self.send(connection, 7, resume);
        connection
    }

    /// Throws away all that was said so far.
    pub fn forget(&mut self) {
        self.sockets.values_mut().for_each(|socket| socket.frames.clear());
        self.commands.clear();
        self.links.clear();
        self.spoke.clear();
    }

    /// The audio SSRC of the newest member that was added to the worker.
    pub fn last_ssrc(&self) -> u32 {
        let added = self.commands.iter().rev().find_map(|(_, command)| match command {
            Command::AddMember { ssrcs, .. } => Some(ssrcs.audio.0),
            _ => None,
        });
        added.expect("nobody was added")
    }

    pub fn worker(&mut self, event: Event) {
        self.input(Input::Worker(WorkerIndex(0), event));
    }

    fn socket(&mut self, connection: ConnectionId) -> &mut Socket {
        self.sockets
            .get_mut(&connection)
            .expect("the socket was opened by this world")
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send {
                connection,
                frame: WireFrame::Text(text),
            } => {
                let frame =
                    serde_json::from_str(&text).unwrap_or_else(|_| acknowledgement_of_no_number(&text));
                let socket = self.socket(connection);
                assert!(socket.closed.is_none(), "sent after close: {text}");
                socket.frames.push(frame);
            }
            Output::Send {
                frame: WireFrame::Binary(bytes),
                ..
            } => panic!("nothing binary is said yet: {bytes:?}"),
            Output::Close {
                connection,
                code,
                reason,
                ..
            } => {
                let socket = self.socket(connection);
                assert!(socket.closed.is_none(), "closed twice: {reason}");
                assert!(
                    !reason.is_empty() && reason.len() <= 123,
                    "a close frame holds 123 bytes: {reason}"
                );
                socket.closed = Some((code, reason.into_owned()));
            }
            Output::Cut(connection) => self.socket(connection).cut = true,
            Output::Impair(_, impairment) => self.impairments.push(impairment),
            Output::CrashWorker(worker) => self.crashes.push(worker),
            Output::Command(worker, command) => self.commands.push((worker, *command)),
            Output::RebuildWorker(worker) => self.rebuilds.push(worker),
            Output::Link { key, link } => {
                self.links.push((key, Some(link.state)));
                self.spoke.push(link.spoke);
            }
            Output::LinkDeleted(key) => self.links.push((key, None)),
        }
    }
}

pub fn call(channel: ChannelId) -> CallRecord {
    CallRecord {
        channel_id: channel,
        guild_id: Some(GuildId(GUILD)),
        node: NodeId("test".into()),
        endpoint: "voice.test".into(),
        region: "test".into(),
        media_session_id: MEDIA_SESSION.into(),
        private: None,
    }
}

pub fn ticket(user: UserId, channel: ChannelId) -> TicketRecord {
    TicketRecord {
        user_id: user,
        session_id: session_id(user),
        token: token(user).into(),
        server_id: GUILD,
        channel_id: channel,
        guild_id: Some(GuildId(GUILD)),
        stream: None,
        endpoint: "voice.test".into(),
        permissions: MediaPermissions {
            speak: true,
            video: true,
            hear: true,
            see: true,
            priority: true,
        },
        flags: 0,
        platform: Platform::Desktop,
        ended: None,
    }
}

pub fn session_id(user: UserId) -> String {
    format!("{:032x}", user.0)
}

pub fn token(user: UserId) -> String {
    format!("{:016x}", user.0)
}

/// Op 0 of a client with two video layers.
pub fn identify(user: UserId) -> Value {
    json!({
        "server_id": GUILD.to_string(), "channel_id": CHANNEL, "user_id": user, "session_id": session_id(user),
        "token": token(user), "video": true,
        "streams": [{"type": "video", "rid": "100", "quality": 100}, {"type": "screen", "rid": 50, "quality": 50}]
    })
}

/// Op 1 of a native client that prefers H264.
pub fn select() -> Value {
    json!({
        "protocol": "udp",
        "data": {"address": "203.0.113.7", "port": 50_123, "mode": "aead_aes256_gcm_rtpsize"},
        "codecs": [
            {"name": "opus", "type": "audio", "priority": 1000, "payload_type": 120},
            {"name": "H264", "type": "video", "priority": 1000, "payload_type": 105, "rtx_payload_type": 106},
            {"name": "VP8", "type": "video", "priority": 2000, "payload_type": 107, "rtx_payload_type": 108}
        ]
    })
}

/// A heartbeat's nonce comes back as it was, even if no JSON library can hold the number.
fn acknowledgement_of_no_number(text: &str) -> Value {
    let op = ["{\"op\":6,", "{\"op\":3,"]
        .into_iter()
        .position(|start| text.starts_with(start));
    let op = [6, 3][op.expect(text)];
    json!({ "op": op })
}
