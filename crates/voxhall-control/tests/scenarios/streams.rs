//! Go Live streams (gateway-and-calls, section 8).

mod endings;
mod faults;
mod previews;
mod servers;
mod watching;

use serde_json::{Value, json};
use voxhall_live::{NodeId, Record, StreamRecord, TicketRecord, key};
use voxhall_protocol::ids::ChannelId;
use voxhall_switchboard::Switchboard;

use crate::harness::{Client, GUILD, Server, TURBULENCE, VOICE, settle};

/// What streams have in a guild's room and in a private call.
fn key_in(room: &str, owner: &str) -> String {
    format!("guild:{GUILD}:{room}:{owner}")
}

/// The key of the stream that [`live`] begins.
fn stream_key() -> String {
    key_in(VOICE[0], TURBULENCE)
}

/// Op 18 in a guild's room.
async fn go_live(client: &mut Client, room: &str) {
    let data = json!({"type": "guild", "guild_id": GUILD, "channel_id": room, "preferred_region": null});
    client.send(json!({"op": 18, "d": data})).await;
}

/// Ops 19 to 21.
async fn about(client: &mut Client, op: u8, key: &str) {
    client.send(json!({"op": op, "d": {"stream_key": key}})).await;
}

/// The next dispatch of this name; others are passed over.
async fn next(client: &mut Client, name: &str) -> Value {
    loop {
        let (got, data) = client.dispatch().await;
        if got == name {
            return data;
        }
    }
}

/// What a client that was told nothing more of streams has been told: nothing.
async fn silent(client: &mut Client) {
    settle().await;
    client.send(json!({"op": 1, "d": null})).await;
    loop {
        let message = client.receive().await;
        if message["op"] == 11 {
            return;
        }
        let name = message["t"].as_str().unwrap();
        assert!(!name.starts_with("STREAM_"), "{message}");
    }
}

/// A person in the first room who streams there. All that was said on the way has been read.
async fn live(server: &Server) -> Client {
    let (mut owner, _) = server.person("turbulence").await;
    owner.voice(Some(GUILD), Some(VOICE[0])).await;
    owner.several(2).await;
    go_live(&mut owner, VOICE[0]).await;
    owner.several(3).await;
    owner
}

/// A bot in the first room, and its id.
async fn beside(server: &Server, token: &str) -> (Client, String) {
    let mut client = server.greet("?v=10&encoding=json").await;
    let identify = json!({"token": token, "intents": crate::harness::INTENTS, "properties": {}});
    client.send(json!({"op": 2, "d": identify})).await;
    let id = client.expect("READY").await["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    client.expect("GUILD_CREATE").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    next(&mut client, "VOICE_SERVER_UPDATE").await;
    (client, id)
}

/// Such a bot that watches.
async fn watching(server: &Server, token: &str) -> (Client, String) {
    let (mut viewer, id) = beside(server, token).await;
    about(&mut viewer, 20, &stream_key()).await;
    next(&mut viewer, "STREAM_SERVER_UPDATE").await;
    (viewer, id)
}

/// The record of somebody's stream in a room.
async fn record(server: &Server, room: &str, owner: &str) -> Option<StreamRecord> {
    settle().await;
    let key = key::stream(room.parse().unwrap(), owner.parse().unwrap());
    let entry = server.board.get(&key).await.unwrap()?;
    Some(StreamRecord::decode(&key, &entry.value).unwrap())
}

/// The right to connect to a stream that somebody has on the first node.
async fn stream_ticket(server: &Server, stream: &StreamRecord, user: &str) -> Option<TicketRecord> {
    settle().await;
    server.ticket(stream.rtc_channel_id, user.parse().unwrap()).await
}

/// How many rights to connect to anything there are.
async fn tickets(server: &Server, room: ChannelId) -> usize {
    settle().await;
    let all = server.board.list("ticket.").await.unwrap();
    let of_room = |key: &str| key.split('.').nth(2) == Some(&room.to_string());
    all.iter().filter(|entry| of_room(&entry.key)).count()
}

/// Writes what a node writes of a stream's connection.
async fn link(server: &Server, stream: &StreamRecord, user: &str, state: voxhall_live::LinkState) {
    let room = stream.rtc_channel_id.to_string();
    server.link(&room, user, state).await;
    settle().await;
}

/// The node of the harness.
fn local() -> NodeId {
    NodeId("local".to_owned())
}

/// A request in the name of the guild's owner that must succeed.
async fn moderate(server: &Server, method: &str, path: &str, body: Value) {
    let path = format!("/api/v10{path}");
    let (status, answer) = server.ask(method, &path, &server.token("Exp"), body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
}
