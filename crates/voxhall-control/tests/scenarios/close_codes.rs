//! Every close code that the server sends.

use std::time::Duration;

use serde_json::json;
use voxhall_control::Limits;

use crate::harness::{GUILD, INTENTS, Server, pass, settle};

#[tokio::test]
async fn what_comes_before_a_session() {
    let server = Server::start().await;
    let token = server.token("minstrel");
    let identify = |changes: serde_json::Value| {
        let mut data = json!({"token": token, "intents": INTENTS, "properties": {}});
        for (key, value) in changes.as_object().unwrap() {
            data[key] = value.clone();
        }
        json!({"op": 2, "d": data}).to_string()
    };
    let long = format!(r#"{{"op":1,"d":null,"x":"{}"}}"#, "y".repeat(15 * 1024));
    let far_too_long = format!(r#"{{"op":1,"d":null,"x":"{}"}}"#, "y".repeat(100 * 1024));
    let table: Vec<(&str, String, u16)> = vec![
        ("not JSON", "{".into(), 4002),
        ("no object", "7".into(), 4002),
        ("no opcode", "{}".into(), 4002),
        ("an opcode that is no number", r#"{"op":"x"}"#.into(), 4002),
        ("too long", long, 4002),
        ("far too long", far_too_long, 4002),
        (
            "wrong types in Identify",
            r#"{"op":2,"d":{"token":5}}"#.into(),
            4002,
        ),
        (
            "op 4 first",
            r#"{"op":4,"d":{"self_mute":false,"self_deaf":false}}"#.into(),
            4003,
        ),
        ("an unknown opcode first", r#"{"op":99,"d":{}}"#.into(), 4003),
        ("no token at all", identify(json!({"token": ""})), 4004),
        ("a shard that cannot be", identify(json!({"shard": [2, 2]})), 4010),
        (
            "no intents",
            json!({"op": 2, "d": {"token": token, "properties": {}}}).to_string(),
            4013,
        ),
        (
            "intents that do not exist",
            identify(json!({"intents": 1_u64 << 40})),
            4013,
        ),
        (
            "a wrong token in Resume",
            r#"{"op":6,"d":{"token":"","session_id":"x","seq":1}}"#.into(),
            4004,
        ),
    ];
    for (what, message, code) in table {
        let mut client = server.greet("?v=10&encoding=json").await;
        client.send_text(&message).await;
        assert_eq!(client.close_code().await, code, "{what}");
    }
}

#[tokio::test]
async fn versions_and_encodings_that_are_not_spoken() {
    let server = Server::start().await;
    for query in ["?v=3", "?v=12", "?v=10&encoding=etf"] {
        assert_eq!(server.dial(query).await.close_code().await, 4012, "{query}");
    }
}

#[tokio::test]
async fn what_comes_within_a_session() {
    let server = Server::start().await;
    let token = server.token("minstrel");
    let table = [
        (
            "a second Identify",
            json!({"op": 2, "d": {"token": token, "intents": INTENTS}}),
            4005,
        ),
        (
            "Resume within a session",
            json!({"op": 6, "d": {"token": token, "session_id": "x", "seq": 1}}),
            4005,
        ),
        ("an unknown opcode", json!({"op": 99, "d": {}}), 4001),
        ("an opcode of the server's", json!({"op": 11, "d": null}), 4001),
        (
            "op 4 without a flag",
            json!({"op": 4, "d": {"guild_id": GUILD, "self_mute": false}}),
            4002,
        ),
        ("op 4 that is no object", json!({"op": 4, "d": 5}), 4002),
    ];
    for (what, message, code) in table {
        let mut client = server.bot(&token).await;
        client.send(message).await;
        assert_eq!(client.close_code().await, code, "{what}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_has() {
    let limits = Limits::default();
    let server = Server::production(limits).await;
    let mut client = server.greet("?v=10").await;
    client
        .send(json!({"op": 2, "d": {"token": "nobody's", "intents": INTENTS}}))
        .await;
    assert_eq!(client.close_code().await, 4004);
}

#[tokio::test]
async fn privileged_intents_that_were_not_granted() {
    let server = Server::start().await;
    let plain = server.plain_bot().await;
    let mut client = server.greet("?v=10").await;
    let members = 1 << 1;
    client
        .send(json!({"op": 2, "d": {"token": plain, "intents": INTENTS | members}}))
        .await;
    assert_eq!(client.close_code().await, 4014);
    server.bot(&plain).await;
}

#[tokio::test]
async fn more_guilds_than_one_shard_may_hold() {
    let server = Server::with_limits(Limits {
        guilds_per_shard: 0,
        ..Limits::dev()
    })
    .await;
    let mut client = server.greet("?v=10").await;
    client
        .send(json!({"op": 2, "d": {"token": server.token("minstrel"), "intents": INTENTS}}))
        .await;
    assert_eq!(client.close_code().await, 4011);
}

#[tokio::test]
async fn more_sessions_than_a_person_may_have() {
    let server = Server::with_limits(Limits {
        user_sessions: 2,
        ..Limits::dev()
    })
    .await;
    let (_first, _) = server.person("turbulence").await;
    let (second, _) = server.person("turbulence").await;
    let identify = json!({"op": 2, "d": {"token": server.token("turbulence"), "properties": {}}});
    let mut third = server.greet("?v=9").await;
    third.send(identify.clone()).await;
    assert_eq!(third.close_code().await, 4015);
    // A session that its client has ended makes room at once.
    second.close(1000).await;
    settle().await;
    let mut fourth = server.greet("?v=9").await;
    fourth.send(identify).await;
    fourth.expect("READY").await;
}

#[tokio::test]
async fn a_silent_client_is_asked_and_then_closed() {
    let server = Server::start().await;
    let mut client = server.greet("?v=10").await;
    pass(Duration::from_millis(41_250)).await;
    assert_eq!(client.receive().await["op"], 1, "the server asks for a heartbeat");
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.receive().await["op"], 11);
    pass(Duration::from_millis(41_250)).await;
    assert_eq!(client.receive().await["op"], 1);
    pass(Duration::from_millis(20_625)).await;
    assert_eq!(client.close_code().await, 4009);
}
