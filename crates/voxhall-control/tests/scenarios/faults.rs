//! What goes wrong on purpose (`/dev`): on the main Gateway as clients see it, for voice as nodes are told.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxhall_control::Limits;
use voxhall_live::{Bottleneck, FaultKey, FaultKind, FaultRecord, LinkState, NodeId, Record, TicketEnd, key};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_switchboard::Switchboard as _;

use crate::harness::{ADMIN_TOKEN, Client, EXP, GUILD, Server, TURBULENCE, VOICE, names, pass, settle};

/// Asks for a fault of [`TURBULENCE`], and wants this status.
async fn fault(server: &Server, method: &str, path: &str, body: Value, status: u16) -> Value {
    let (admin, path) = (
        format!("Bearer {ADMIN_TOKEN}"),
        format!("/dev/users/{TURBULENCE}{path}"),
    );
    let (answered, _, answer) = server.request(method, &path, &admin, &body.to_string()).await;
    assert_eq!(answered.as_u16(), status, "{method} {path}: {answer}");
    answer
}

async fn resume(server: &Server, ready: &Value, seq: Option<u64>) -> Client {
    let (token, session) = (server.token("turbulence"), &ready["session_id"]);
    let mut client = server.greet("?v=10&encoding=json").await;
    let data = json!({"token": token, "session_id": session, "seq": seq});
    client.send(json!({"op": 6, "d": data})).await;
    client
}

async fn in_voice(server: &Server) -> (Client, Value) {
    let (mut client, ready) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    (client, ready)
}

/// What stands on the switchboard for the node.
async fn told(server: &Server, kind: FaultKind) -> Option<FaultRecord> {
    let fault = FaultKey {
        channel: VOICE[0].parse().unwrap(),
        user: TURBULENCE.parse().unwrap(),
        kind,
    };
    let key = key::fault(&NodeId("local".to_owned()), fault);
    let entry = server.board.get(&key).await.unwrap()?;
    Some(FaultRecord::decode(&key, &entry.value).unwrap())
}

fn seat() -> (ChannelId, UserId) {
    (VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
}

#[tokio::test]
async fn are_for_the_operator_of_a_development_server_alone() {
    let path = format!("/dev/users/{TURBULENCE}");
    let server = Server::production(Limits::default()).await;
    let admin = format!("Bearer {ADMIN_TOKEN}");
    assert_eq!(server.request("GET", &path, &admin, "").await.0.as_u16(), 404);
    let server = Server::start().await;
    assert_eq!(server.request("GET", &path, &admin, "").await.0.as_u16(), 200);
    for token in [String::new(), server.token("turbulence")] {
        assert_eq!(server.request("GET", &path, &token, "").await.0.as_u16(), 401);
    }
}

#[tokio::test]
async fn the_gateway_socket_closes_as_told_and_the_session_can_be_resumed() {
    let server = Server::start().await;
    let (mut client, ready) = server.person("turbulence").await;
    let (mut other, _) = server.person("Exp").await;
    fault(
        &server,
        "POST",
        "/gateway/close",
        json!({"code": 4000, "reason": "a test"}),
        204,
    )
    .await;
    let Message::Close(Some(frame)) = client.frame().await else {
        panic!("a close frame");
    };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4000, "a test"));
    let mut client = resume(&server, &ready, client.last).await;
    client.expect("RESUMED").await;
    other.send(json!({"op": 1, "d": null})).await;
    assert_eq!(other.receive().await["op"], 11, "nobody else is closed");
}

#[tokio::test]
async fn the_gateway_connection_breaks_without_a_close_frame() {
    let server = Server::start().await;
    let (client, ready) = server.person("turbulence").await;
    let seen = client.last;
    fault(&server, "POST", "/gateway/close", json!({}), 204).await;
    assert!(client.breaks_off().await);
    resume(&server, &ready, seen).await.expect("RESUMED").await;
}

#[tokio::test]
async fn a_code_that_ends_a_gateway_session_ends_it() {
    let server = Server::start().await;
    let (mut client, ready) = in_voice(&server).await;
    fault(&server, "POST", "/gateway/close", json!({"code": 4009}), 204).await;
    assert_eq!(client.close_code().await, 4009);
    let seen = client.last;
    drop(client);
    settle().await;
    let told = resume(&server, &ready, seen).await.receive().await;
    assert_eq!((&told["op"], &told["d"]), (&json!(9), &json!(false)));
    let now = fault(&server, "GET", "", Value::Null, 200).await;
    assert_eq!(
        now,
        json!({"sessions": [], "voice": [], "streams": []}),
        "it has left its room"
    );
}

#[tokio::test]
async fn heartbeats_get_no_answer_for_as_long_as_was_said() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    let beat = json!({"op": 1, "d": null});
    fault(
        &server,
        "PUT",
        "/gateway/heartbeats",
        json!({"for_ms": 5000}),
        204,
    )
    .await;
    client.send(beat.clone()).await;
    client.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    assert_eq!(
        client.receive().await["t"],
        "SOUNDBOARD_SOUNDS",
        "and no op 11 before it"
    );
    pass(Duration::from_secs(5)).await;
    client.send(beat.clone()).await;
    assert_eq!(client.receive().await["op"], 11);
    fault(&server, "PUT", "/gateway/heartbeats", json!({}), 204).await;
    fault(&server, "DELETE", "/gateway/heartbeats", Value::Null, 204).await;
    client.send(beat).await;
    assert_eq!(client.receive().await["op"], 11);
}

#[tokio::test]
async fn a_refused_gateway_resume_ends_the_session() {
    let server = Server::start().await;
    let (client, ready) = server.person("turbulence").await;
    let seen = client.last;
    drop(client);
    fault(&server, "PUT", "/gateway/resume", json!({}), 204).await;
    let mut client = resume(&server, &ready, seen).await;
    let told = client.receive().await;
    assert_eq!((&told["op"], &told["d"]), (&json!(9), &json!(false)));
    let identify = json!({"token": server.token("turbulence"), "capabilities": 0, "properties": {}});
    client.send(json!({"op": 2, "d": identify})).await;
    let ready = client.expect("READY").await;
    let seen = client.last;
    drop(client);
    resume(&server, &ready, seen).await.expect("RESUMED").await;
}

#[tokio::test]
async fn an_expired_token_is_wrong_until_it_is_right_again() {
    let server = Server::start().await;
    let token = server.token("turbulence");
    let (client, ready) = server.person("turbulence").await;
    fault(&server, "PUT", "/token", json!({}), 204).await;
    let me = async || {
        server
            .request("GET", "/api/v10/users/@me", &token, "")
            .await
            .0
            .as_u16()
    };
    assert_eq!(me().await, 401);
    assert_eq!(
        resume(&server, &ready, client.last).await.close_code().await,
        4004
    );
    let mut new = server.greet("?v=10").await;
    new.send(json!({"op": 2, "d": {"token": token, "capabilities": 0, "properties": {}}}))
        .await;
    assert_eq!(new.close_code().await, 4004);
    fault(&server, "DELETE", "/token", Value::Null, 204).await;
    assert_eq!(me().await, 200);
}

#[tokio::test]
async fn a_named_dispatch_is_dropped_or_comes_late() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    fault(
        &server,
        "PUT",
        "/gateway/dispatches/VOICE_SERVER_UPDATE",
        json!({}),
        204,
    )
    .await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.voice(Some(GUILD), None).await;
    let events = client.several(2).await;
    assert_eq!(
        names(&events),
        ["VOICE_STATE_UPDATE"; 2],
        "no server update between them"
    );
    let late = json!({"delay_ms": 3000});
    fault(
        &server,
        "PUT",
        "/gateway/dispatches/VOICE_STATE_UPDATE",
        late,
        204,
    )
    .await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_SERVER_UPDATE").await;
    pass(Duration::from_secs(3)).await;
    client.expect("VOICE_STATE_UPDATE").await;
}

#[tokio::test]
async fn what_goes_wrong_with_voice_is_written_for_the_node_that_carries_it() {
    let server = Server::start().await;
    let (_client, _) = in_voice(&server).await;
    let lossy = json!({"direction": "up", "drop": 10, "delay_ms": 40, "bits_per_second": 300_000, "seed": 7});
    fault(&server, "PUT", "/voice/datagrams", lossy, 204).await;
    let Some(FaultRecord::Datagrams(impairment)) = told(&server, FaultKind::Upstream).await else {
        panic!("the node is told");
    };
    assert_eq!((impairment.drop, impairment.seed), (0.1, 7));
    assert_eq!(impairment.delay, Duration::from_millis(40));
    let narrow = Bottleneck {
        bits_per_second: 300_000,
        queue: Duration::from_millis(200),
    };
    assert_eq!(impairment.bottleneck, Some(narrow));
    assert_eq!(told(&server, FaultKind::Downstream).await, None);
    fault(
        &server,
        "DELETE",
        "/voice/datagrams?direction=up",
        Value::Null,
        204,
    )
    .await;
    assert_eq!(told(&server, FaultKind::Upstream).await, None);

    fault(&server, "PUT", "/voice/heartbeats", json!({"for_ms": 9000}), 204).await;
    assert_eq!(
        told(&server, FaultKind::HeartbeatAcks).await,
        Some(FaultRecord::HeartbeatAcks)
    );
    pass(Duration::from_secs(9)).await;
    assert_eq!(told(&server, FaultKind::HeartbeatAcks).await, None);

    fault(&server, "PUT", "/voice/resume", json!({"times": 3}), 204).await;
    assert_eq!(
        told(&server, FaultKind::Resume).await,
        Some(FaultRecord::Resume { times: 3 })
    );
    fault(&server, "POST", "/voice/close", json!({"code": 4015}), 204).await;
    let close = FaultRecord::Socket {
        code: Some(4015),
        reason: String::new(),
    };
    assert_eq!(told(&server, FaultKind::Socket).await, Some(close));
    fault(&server, "POST", "/voice/crash", Value::Null, 204).await;
    assert_eq!(told(&server, FaultKind::Worker).await, Some(FaultRecord::Worker));
    fault(&server, "DELETE", "/faults", Value::Null, 204).await;
    assert_eq!(server.board.list("fault.").await.unwrap(), []);
}

#[tokio::test]
async fn a_voice_server_is_taken_away_and_given_back() {
    let server = Server::start().await;
    let (mut client, _) = in_voice(&server).await;
    let (channel, user) = seat();
    fault(&server, "POST", "/voice/away", json!({"for_ms": 4000}), 204).await;
    let update = client.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(update["endpoint"], Value::Null);
    assert_eq!(server.ticket(channel, user).await, None, "the node shows it out");
    let now = fault(&server, "GET", "", Value::Null, 200).await;
    assert_eq!(
        (&now["voice"][0]["endpoint"], &now["voice"][0]["channel_id"]),
        (&Value::Null, &json!(VOICE[0]))
    );
    pass(Duration::from_secs(4)).await;
    let update = client.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(update["endpoint"], "127.0.0.1:4433");
    let ticket = server.ticket(channel, user).await.unwrap();
    assert_eq!(update["token"], *ticket.token.expose());
}

#[tokio::test]
async fn a_client_is_sent_to_another_name_another_node_or_gets_another_token() {
    let server = Server::start().await;
    let (mut client, _) = in_voice(&server).await;
    let (channel, user) = seat();
    let before = server.ticket(channel, user).await.unwrap();
    fault(
        &server,
        "POST",
        "/voice/move",
        json!({"endpoint": "localhost:4433"}),
        204,
    )
    .await;
    assert_eq!(
        client.expect("VOICE_SERVER_UPDATE").await["endpoint"],
        "localhost:4433"
    );
    fault(&server, "POST", "/voice/move", json!({}), 204).await;
    let update = client.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(update["endpoint"], "127.0.0.1:4433", "there is no other node");
    assert_ne!(update["token"], *before.token.expose());
    server.add_node("other", "127.0.0.1:5544").await;
    settle().await;
    fault(&server, "POST", "/voice/move", json!({}), 204).await;
    assert_eq!(
        client.expect("VOICE_SERVER_UPDATE").await["endpoint"],
        "127.0.0.1:5544"
    );
}

#[tokio::test]
async fn a_voice_token_that_died_is_replaced_when_the_client_asks_again() {
    let server = Server::start().await;
    let (mut client, _) = in_voice(&server).await;
    let (channel, user) = seat();
    fault(&server, "POST", "/voice/expire", Value::Null, 204).await;
    let dead = server.ticket(channel, user).await.unwrap();
    assert_eq!(dead.ended, Some(TicketEnd::Superseded));
    // The node shows the client out, and the client asks again.
    server.link(VOICE[0], TURBULENCE, LinkState::Gone).await;
    settle().await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    let events = client.several(2).await;
    assert_eq!(names(&events), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]);
    assert_ne!(events[1].1["token"], *dead.token.expose());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let server = Server::start().await;
    let refused = fault(&server, "POST", "/voice/close", json!({}), 404).await;
    assert_eq!(refused["code"], 10065, "it is in no room");
    let (_client, _) = in_voice(&server).await;
    let (put, post) = ("PUT", "POST");
    for (method, path, body, field) in [
        (put, "/voice/datagrams", json!({"drop": 101}), "drop"),
        (put, "/voice/datagrams", json!({"delay_ms": 60_001}), "delay_ms"),
        (put, "/voice/datagrams", json!({"lose": 1}), "lose"),
        (
            put,
            "/voice/datagrams",
            json!({"bits_per_second": 999}),
            "bits_per_second",
        ),
        (put, "/voice/heartbeats", json!({"for_ms": 3_600_001}), "for_ms"),
        (post, "/voice/close", json!({"code": 1006}), "code"),
        (post, "/gateway/close", json!({"code": 70}), "code"),
        (
            post,
            "/gateway/close",
            json!({"code": 4000, "reason": "x".repeat(124)}),
            "reason",
        ),
        (put, "/gateway/dispatches/X", json!({"times": 0}), "times"),
    ] {
        let refused = fault(&server, method, path, body, 400).await;
        assert!(!refused["errors"][field].is_null(), "{path}: {refused}");
    }
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let (status, _, _) = server.request("GET", "/dev/users/5", &admin, "").await;
    assert_eq!(status.as_u16(), 404);
    let (_, _, exp) = server
        .request("GET", &format!("/dev/users/{EXP}"), &admin, "")
        .await;
    assert_eq!(exp, json!({"sessions": [], "voice": [], "streams": []}));
}
