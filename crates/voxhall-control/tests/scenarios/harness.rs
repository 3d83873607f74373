//! A control plane with the dev world, clients that reach it through memory, and a node that only writes records.
//!
//! Nothing here opens a socket. Time is real, but a test that waits for something far off moves the clock.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;
use voxhall_control::dev::{self, DevWorld};
use voxhall_control::{Control, ControlConfig, Directory, Limits, NewUser, Region, SignUpPolicy};
use voxhall_live::{LinkRecord, LinkState, NodeId, NodeRecord, Record, TicketRecord, key};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_switchboard::{Expect, MemorySwitchboard, Switchboard};

/// How long anything may take that should take no time.
const PATIENCE: Duration = Duration::from_secs(10);

pub const ADMIN_TOKEN: &str = "operator";
pub const GUILD: &str = "934828556603764816";
pub const VOICE: [&str; 2] = ["934828556603764821", "966416163309518878"];
pub const TEXT: &str = "934828556603764820";
pub const PRIVATE: &str = "963085128693862430";
pub const TURBULENCE: &str = "959467381011415120";
pub const EXP: &str = "138397087229280257";
/// `GUILDS | GUILD_VOICE_STATES`.
pub const INTENTS: u64 = 129;

/// A server with the world of the captures and one media node.
pub struct Server {
    pub control: Arc<Control>,
    pub directory: Arc<Directory>,
    pub board: Arc<MemorySwitchboard>,
    pub world: DevWorld,
}

impl Server {
    pub async fn start() -> Self {
        Self::with_limits(Limits::dev()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        let server = Self::without_node(limits).await;
        server.add_node("local", "127.0.0.1:4433").await;
        server
    }

    pub async fn without_node(limits: Limits) -> Self {
        Self::configured(ControlConfig {
            limits,
            dev: true,
            ..ControlConfig::default()
        })
        .await
    }

    /// A server to which only known tokens log in.
    pub async fn production(limits: Limits) -> Self {
        Self::configured(ControlConfig {
            limits,
            ..ControlConfig::default()
        })
        .await
    }

    /// A server on which strangers may do this.
    pub async fn with_sign_up(sign_up: SignUpPolicy) -> Self {
        Self::configured(ControlConfig {
            sign_up,
            ..ControlConfig::default()
        })
        .await
    }

    /// A server with these regions and no node.
    pub async fn in_regions(regions: &[&str]) -> Self {
        let regions = regions.iter().map(|id| Region {
            id: (*id).to_owned(),
            name: (*id).to_owned(),
        });
        Self::configured(ControlConfig {
            regions: regions.collect(),
            limits: Limits::dev(),
            ..ControlConfig::default()
        })
        .await
    }

    pub async fn configured(config: ControlConfig) -> Self {
        let directory = Arc::new(Directory::in_memory().await.unwrap());
        let world = dev::seed(&directory).await.unwrap();
        let board = Arc::new(MemorySwitchboard::new());
        let config = ControlConfig {
            admin_token: Some(ADMIN_TOKEN.into()),
            ..config
        };
        let control = Control::start(config, directory.clone(), board.clone())
            .await
            .unwrap();
        Self {
            control,
            directory,
            board,
            world,
        }
    }

    pub async fn add_node(&self, name: &str, endpoint: &str) {
        self.add_node_in(name, endpoint, dev::REGION).await;
    }

    pub async fn add_node_in(&self, name: &str, endpoint: &str, region: &str) {
        let node = NodeRecord {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            members: 0,
            draining: false,
        };
        self.put(&key::node(&NodeId(name.to_owned())), &node).await;
    }

    pub async fn remove_node(&self, name: &str) {
        let key = key::node(&NodeId(name.to_owned()));
        self.board.delete(&key, Expect::Any).await.unwrap();
    }

    /// Writes what the node writes when a member's voice socket changes.
    pub async fn link(&self, channel: &str, user: &str, state: LinkState) {
        let (channel, user) = (channel.parse().unwrap(), user.parse().unwrap());
        let node = NodeId("local".to_owned());
        let token = self.ticket(channel, user).await.expect("a ticket").token;
        let link = LinkRecord {
            token,
            state,
            spoke: 0,
        };
        self.put(&key::link(&node, channel, user), &link).await;
    }

    /// Writes what the node writes when it hears a member for the `spoke`th time.
    pub async fn speaks(&self, channel: &str, user: &str, spoke: u64) {
        let (channel, user) = (channel.parse().unwrap(), user.parse().unwrap());
        let node = NodeId("local".to_owned());
        let link = LinkRecord {
            token: self.ticket(channel, user).await.expect("a ticket").token,
            state: LinkState::Connected,
            spoke,
        };
        self.put(&key::link(&node, channel, user), &link).await;
    }

    /// The address of a member over REST.
    pub fn member_path(user: &str) -> String {
        format!("/api/v10/guilds/{GUILD}/members/{user}")
    }

    /// The right to connect that a member has on the first node.
    pub async fn ticket(&self, channel: ChannelId, user: UserId) -> Option<TicketRecord> {
        let key = key::ticket(&NodeId("local".to_owned()), channel, user);
        let entry = self.board.get(&key).await.unwrap()?;
        Some(TicketRecord::decode(&key, &entry.value).unwrap())
    }

    async fn put(&self, key: &str, record: &impl Record) {
        self.board
            .put(key, record.encode().into(), Expect::Any, None)
            .await
            .unwrap();
    }

    /// The token of an account of the dev world.
    pub fn token(&self, name: &str) -> String {
        let mut accounts = self.world.users.iter().chain(&self.world.bots);
        accounts
            .find(|account| account.name == name)
            .expect("such an account")
            .token
            .expose()
            .clone()
    }

    /// The token of a bot of the guild that may not ask for privileged intents, and has no roles.
    pub async fn plain_bot(&self) -> String {
        let bot = NewUser {
            bot: true,
            name: "plain".to_owned(),
            ..NewUser::default()
        };
        let bot = self.directory.create_user(bot).await.unwrap();
        self.directory.add_member(dev::GUILD, bot.id).await.unwrap();
        self.directory.create_token(bot.id).await.unwrap().into_inner()
    }

    /// Opens a Gateway socket, as a client that dials `query` would.
    pub async fn dial(&self, query: &str) -> Client {
        self.dial_through(query, 1 << 20).await
    }

    /// The same through a network that holds only so many bytes that were not read.
    pub async fn dial_through(&self, query: &str, capacity: usize) -> Client {
        let (near, far) = tokio::io::duplex(capacity);
        let service = TowerToHyperService::new(self.control.router());
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(far), service)
                .with_upgrades();
            // A client that breaks off ends with an error here; the tests see what it means.
            let _ = served.await;
        });
        let url = format!("ws://voice.example:8443/{query}");
        let (socket, _) = tokio_tungstenite::client_async(url, near).await.unwrap();
        Client { socket, last: None }
    }

    /// Opens a socket and takes Hello.
    pub async fn greet(&self, query: &str) -> Client {
        let mut client = self.dial(query).await;
        assert_eq!(client.receive().await["op"], 10);
        client
    }

    /// A bot that has logged in and has its guild.
    pub async fn bot(&self, token: &str) -> Client {
        let mut client = self.greet("?v=10&encoding=json").await;
        client
            .send(json!({"op": 2, "d": {"token": token, "intents": INTENTS, "properties": {}}}))
            .await;
        client.expect("READY").await;
        client.expect("GUILD_CREATE").await;
        client
    }

    /// A person who has logged in.
    pub async fn person(&self, name: &str) -> (Client, Value) {
        self.signed_in(&self.token(name)).await
    }

    /// A person who has logged in with a token.
    pub async fn signed_in(&self, token: &str) -> (Client, Value) {
        let mut client = self.greet("?v=9&encoding=json").await;
        client
            .send(json!({"op": 2, "d": {"token": token, "capabilities": 0, "properties": {}}}))
            .await;
        let ready = client.expect("READY").await;
        (client, ready)
    }

    /// Sends a REST request with a JSON body; gives status and body.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, _, answer) = self.request(method, path, token, &body).await;
        (status.as_u16(), answer)
    }

    /// Sends a request as the operator; gives the body of an answer that must be a good one.
    pub async fn operate(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, ADMIN_TOKEN, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Sends a REST request; gives status, content type and body.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> (StatusCode, String, Value) {
        let (status, headers, body) = self.exchange(method, path, token, body).await;
        let kind = headers
            .get(header::CONTENT_TYPE)
            .map(|kind| kind.to_str().unwrap().to_owned());
        let status = StatusCode::from_u16(status).unwrap();
        (status, kind.unwrap_or_default(), body)
    }

    /// Sends a REST request; gives status, headers and body.
    pub async fn exchange(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> (u16, HeaderMap, Value) {
        self.exchange_as(method, path, token, None, body).await
    }

    /// The same with a content type.
    pub async fn exchange_as(
        &self,
        method: &str,
        path: &str,
        token: &str,
        kind: Option<&str>,
        body: &str,
    ) -> (u16, HeaderMap, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "voice.example:8443");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.control.router().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        (head.status.as_u16(), head.headers, body)
    }
}

/// A Gateway client.
pub struct Client {
    socket: WebSocketStream<DuplexStream>,
    /// The number of the last dispatch.
    pub last: Option<u64>,
}

impl Client {
    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn send_binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// The next frame, as it came.
    pub async fn frame(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        next.expect("the server says something")
            .expect("the socket is open")
            .unwrap()
    }

    /// The next message.
    pub async fn receive(&mut self) -> Value {
        let message: Value = match self.frame().await {
            Message::Text(text) => serde_json::from_str(text.as_str()).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        };
        if message["op"] == 0 {
            self.last = message["s"].as_u64();
        }
        message
    }

    /// The next dispatch: its name and payload. Answers to heartbeats are passed over.
    pub async fn dispatch(&mut self) -> (String, Value) {
        loop {
            let mut message = self.receive().await;
            if message["op"] == 0 {
                return (message["t"].as_str().unwrap().to_owned(), message["d"].take());
            }
            assert_eq!(message["op"], 11, "{message}");
        }
    }

    /// The next dispatch, which must be this one; its payload.
    pub async fn expect(&mut self, name: &str) -> Value {
        let (got, data) = self.dispatch().await;
        assert_eq!(got, name, "{data}");
        data
    }

    /// The names and payloads of the next dispatches.
    pub async fn several(&mut self, count: usize) -> Vec<(String, Value)> {
        let mut dispatches = Vec::new();
        for _ in 0..count {
            dispatches.push(self.dispatch().await);
        }
        dispatches
    }

    /// The code with which the server closes. Messages before it are passed over.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Close(None) => panic!("closed without a code"),
                _ => {}
            }
        }
    }

    /// Whether the connection ends without a close frame.
    pub async fn breaks_off(mut self) -> bool {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("the connection ends") {
                Some(Ok(Message::Close(_))) => return false,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return true,
            }
        }
    }

    /// How many messages still come before the socket ends.
    pub async fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Some(Ok(_)) = self.socket.next().await {
            count += 1;
        }
        count
    }

    /// Says goodbye with a code and waits until the server has taken it.
    pub async fn close(mut self, code: u16) {
        use tokio_tungstenite::tungstenite::protocol::CloseFrame;
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// Op 4.
    pub async fn voice(&mut self, guild: Option<&str>, channel: Option<&str>) {
        self.voice_with(guild, channel, false).await;
    }

    /// Op 4 with `self_mute`.
    pub async fn voice_with(&mut self, guild: Option<&str>, channel: Option<&str>, self_mute: bool) {
        let data = json!({
            "guild_id": guild, "channel_id": channel,
            "self_mute": self_mute, "self_deaf": false, "self_video": false,
        });
        self.send(json!({"op": 4, "d": data})).await;
    }
}

/// Lets `time` pass at once, and whatever is due happen.
pub async fn pass(time: Duration) {
    // Tasks that are about to set a timer must have set it.
    settle().await;
    tokio::time::pause();
    // Timers fire at whole milliseconds, rounded up.
    tokio::time::advance(time + Duration::from_millis(1)).await;
    tokio::time::resume();
    settle().await;
}

/// Lets every task run that can.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// The names of dispatches.
pub fn names(dispatches: &[(String, Value)]) -> Vec<&str> {
    dispatches.iter().map(|(name, _)| name.as_str()).collect()
}

/// Checks that `actual` has every field of `expected` with the same value, at every depth. The captures of 2022 lack
/// fields that clients of today want.
pub fn assert_contains(actual: &Value, expected: &Value) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (name, value) in expected {
                let found = actual
                    .get(name)
                    .unwrap_or_else(|| panic!("{name} is missing in {actual:?}"));
                assert_contains(found, value);
            }
        }
        (Value::Array(actual), Value::Array(expected)) => {
            assert_eq!(actual.len(), expected.len(), "{actual:?} / {expected:?}");
            for (actual, expected) in actual.iter().zip(expected) {
                assert_contains(actual, expected);
            }
        }
        (actual, expected) => assert_eq!(actual, expected),
    }
}
