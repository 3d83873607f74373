//! A node on the loopback interface, with real WebSockets and real UDP.

mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use voxhall_live::{
    CallRecord, LinkRecord, LinkState, MediaPermissions, NodeId, NodeRecord, Platform, Record, TicketRecord,
    key,
};
use voxhall_node::{Node, NodeConfig};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_switchboard::{Change, Expect, MemorySwitchboard, Switchboard, Watch};

use client::Client;

const CHANNEL: ChannelId = ChannelId(934_828_556_603_764_821);
const GUILD: u64 = 934_828_556_603_764_816;
const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

struct House {
    board: Arc<MemorySwitchboard>,
    node: Arc<Node>,
    address: SocketAddr,
}

impl House {
    async fn open() -> Self {
        Self::open_with(config()).await
    }

    async fn open_with(config: NodeConfig) -> Self {
        Self::open_on(Arc::new(MemorySwitchboard::new()), config).await
    }

    /// Starts the node on a switchboard that may hold records already.
    async fn open_on(board: Arc<MemorySwitchboard>, config: NodeConfig) -> Self {
        let node = Node::start(config, board.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = node.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { board, node, address }
    }

    async fn put(&self, key: String, record: &impl Record) {
        self.board
            .put(&key, Bytes::from(record.encode()), Expect::Any, None)
            .await
            .unwrap();
    }

    /// Writes call and ticket, as control does, and connects.
    async fn invite(&self, user: UserId, version: u8) -> Client {
        self.put(key::call(CHANNEL), &call()).await;
        self.put(key::ticket(&node_id(), CHANNEL, user), &ticket(user))
            .await;
        Client::open(self.address, version).await
    }
}

fn config() -> NodeConfig {
    NodeConfig::new(node_id(), "127.0.0.1")
}

fn node_id() -> NodeId {
    NodeId("loopback".into())
}

fn call() -> CallRecord {
    CallRecord {
        channel_id: CHANNEL,
        guild_id: None,
        node: node_id(),
        endpoint: "127.0.0.1".into(),
        region: "local".into(),
        media_session_id: "8e60b8396805ee8d0985a0c57ef59461".into(),
        private: None,
    }
}

fn ticket(user: UserId) -> TicketRecord {
    TicketRecord {
        user_id: user,
        session_id: format!("session-{user}"),
        token: format!("token-{user}").into(),
        server_id: GUILD,
        channel_id: CHANNEL,
        guild_id: None,
        stream: None,
        endpoint: "127.0.0.1".into(),
        permissions: MediaPermissions {
            speak: true,
            video: true,
            hear: true,
            see: true,
            priority: false,
        },
        flags: 0,
        platform: Platform::Desktop,
        ended: None,
    }
}

fn identify(user: UserId) -> serde_json::Value {
    json!({"server_id": GUILD.to_string(), "channel_id": CHANNEL, "user_id": user,
        "session_id": format!("session-{user}"), "token": format!("token-{user}")})
}

/// The next state written of a watched link; `None` if it was deleted.
async fn next_link(links: &mut Watch) -> Option<LinkState> {
    loop {
        let change = tokio::time::timeout(Duration::from_secs(10), links.next());
        match change.await.expect("the link changes").unwrap() {
            Change::Put(entry) => return Some(LinkRecord::decode(&entry.key, &entry.value).unwrap().state),
            Change::Delete { .. } => return None,
            Change::SnapshotEnd => {}
        }
    }
}

#[tokio::test]
async fn a_node_that_starts_knows_the_tickets_that_were_there_before() {
    let board = Arc::new(MemorySwitchboard::new());
    let write = async |key: String, record: Vec<u8>| board.put(&key, record.into(), Expect::Any, None).await;
    for user in (1..=2000).map(UserId) {
        write(key::ticket(&node_id(), CHANNEL, user), ticket(user).encode())
            .await
            .unwrap();
    }
    write(key::call(CHANNEL), call().encode()).await.unwrap();
    let house = House::open_on(board.clone(), config()).await;
    let mut last = Client::open(house.address, 9).await;
    last.handshake(identify(UserId(2000))).await;
    assert_eq!(house.node.stats().sessions, 1);
}

#[tokio::test]
async fn two_clients_hear_each_other() {
    let house = House::open().await;
    let mut alice = house.invite(ALICE, 9).await;
    let mut bob = house.invite(BOB, 4).await;
    for (client, user) in [(&mut alice, ALICE), (&mut bob, BOB)] {
        client.handshake(identify(user)).await;
        assert_eq!(client.media_address().port(), house.node.media_ports()[0]);
    }
    assert_eq!(house.node.stats().sessions, 2);
    alice
        .send(5, json!({"speaking": 1, "delay": 0, "ssrc": alice.ssrc()}))
        .await;
    let speaking = bob.expect(5).await;
    assert_eq!(speaking["user_id"], json!(ALICE));
    assert_eq!(speaking["ssrc"], alice.ssrc());
    // The first packet also tells the server where Bob is.
    bob.send_audio(1, b"from bob").await;
    assert_eq!(alice.receive_audio().await, (bob.ssrc(), b"from bob".to_vec()));
    alice.send_audio(1, b"from alice").await;
    assert_eq!(bob.receive_audio().await, (alice.ssrc(), b"from alice".to_vec()));
}

#[tokio::test]
async fn the_node_is_registered_and_links_follow_the_sockets() {
    let house = House::open().await;
    let registered = house.board.get(&key::node(&node_id())).await.unwrap().unwrap();
    let record = NodeRecord::decode(&registered.key, &registered.value).unwrap();
    assert_eq!((record.region.as_str(), record.draining), ("local", false));
    let mut links = house.board.watch("link.").await.unwrap();
    let mut alice = house.invite(ALICE, 8).await;
    alice.handshake(identify(ALICE)).await;
    assert_eq!(next_link(&mut links).await, Some(LinkState::Connected));
    alice.close(1000).await;
    assert_eq!(next_link(&mut links).await, Some(LinkState::Gone));
    let ticket = key::ticket(&node_id(), CHANNEL, ALICE);
    house.board.delete(&ticket, Expect::Any).await.unwrap();
    assert_eq!(next_link(&mut links).await, None, "deleted with its ticket");
}

#[tokio::test]
async fn a_lost_socket_is_resumed_and_media_go_on() {
    let house = House::open().await;
    let mut alice = house.invite(ALICE, 8).await;
    alice.handshake(identify(ALICE)).await;
    let mut bob = house.invite(BOB, 8).await;
    bob.handshake(identify(BOB)).await;
    bob.send_audio(1, b"here").await;
    alice.receive_audio().await;
    alice.send_audio(1, b"before").await;
    assert_eq!(bob.receive_audio().await.1, b"before");
    alice.reopen(house.address).await;
    let resume =
        json!({"server_id": GUILD.to_string(), "session_id": "session-1", "token": "token-1", "seq_ack": -1});
    alice.send(7, resume).await;
    alice.expect(9).await;
    let roster = alice.expect(11).await;
    assert_eq!(roster["user_ids"], json!([BOB]), "replayed");
    alice.send_audio(2, b"after").await;
    assert_eq!(bob.receive_audio().await.1, b"after");
}

#[tokio::test]
async fn every_path_is_the_voice_gateway_and_versions_are_checked() {
    let house = House::open().await;
    for url in ["/?v=8", "/?encoding=json&v=8", "/any/path?v=8&encoding=json"] {
        let mut client = Client::open_url(house.address, url).await;
        assert_eq!(client.expect(8).await["v"], 8);
    }
    for url in ["/", "/?v=3", "/?v=10", "/?v=x", "/?encoding=json"] {
        let mut client = Client::open_url(house.address, url).await;
        assert_eq!(client.close_code().await, Some(4020), "{url}");
    }
}

#[tokio::test]
async fn frames_that_are_too_long_are_refused_by_code() {
    let house = House::open().await;
    for length in [64 * 1024 + 1, 300 * 1024] {
        let mut client = Client::open(house.address, 8).await;
        client.expect(8).await;
        client.send_text("x".repeat(length)).await;
        assert_eq!(client.close_code().await, Some(4002), "{length} bytes");
    }
}

#[tokio::test]
async fn draining_tells_every_client_and_cleans_the_switchboard() {
    let house = House::open().await;
    let mut alice = house.invite(ALICE, 8).await;
    alice.handshake(identify(ALICE)).await;
    let drained = tokio::time::timeout(Duration::from_secs(10), house.node.drain());
    let (code, drained) = tokio::join!(alice.close_code(), drained);
    assert_eq!(code, Some(1001));
    drained.unwrap();
    assert!(house.board.list("node.").await.unwrap().is_empty());
    assert!(house.board.list("link.").await.unwrap().is_empty());
    assert_eq!(house.node.stats().sessions, 0);
}

#[tokio::test]
async fn a_client_that_takes_too_little_is_cut_off_but_can_resume() {
    let mut config = config();
    config.limits.queued_frames = 3;
    let house = House::open_with(config).await;
    let mut bob = house.invite(BOB, 8).await;
    bob.handshake(identify(BOB)).await;
    let mut links = house
        .board
        .watch(&key::link(&node_id(), CHANNEL, ALICE))
        .await
        .unwrap();
    let mut alice = house.invite(ALICE, 8).await;
    // Op 4 and the roster are five frames at once.
    alice.handshake(identify(ALICE)).await;
    assert_eq!(alice.close_code().await, Some(4015));
    assert_eq!(next_link(&mut links).await, Some(LinkState::Connected));
    assert_eq!(next_link(&mut links).await, Some(LinkState::Detached));
    assert_eq!(house.node.stats().sessions, 2);
}

#[tokio::test]
async fn a_media_port_that_is_taken_is_named() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = NodeConfig {
        media_port: port,
        ..config()
    };
    let error = Node::start(config, Arc::new(MemorySwitchboard::new()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("--media-port"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_registration_is_renewed_as_long_as_the_node_lives() {
    let board = Arc::new(MemorySwitchboard::new());
    let node = Node::start(config(), board.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(board.get(&key::node(&node_id())).await.unwrap().is_some());
    drop(node);
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(board.get(&key::node(&node_id())).await.unwrap().is_none());
}

#[tokio::test]
async fn links_of_an_earlier_process_are_told_to_be_gone() {
    let board = Arc::new(MemorySwitchboard::new());
    let stale = LinkRecord {
        token: "old".into(),
        state: LinkState::Connected,
        spoke: 0,
    };
    let key = key::link(&node_id(), CHANNEL, ALICE);
    board
        .put(&key, Bytes::from(stale.encode()), Expect::Any, None)
        .await
        .unwrap();
    let mut links = board.watch(&key).await.unwrap();
    let _node = Node::start(config(), board.clone()).await.unwrap();
    let states = [
        next_link(&mut links).await,
        next_link(&mut links).await,
        next_link(&mut links).await,
    ];
    assert_eq!(states, [Some(LinkState::Connected), Some(LinkState::Gone), None]);
}
