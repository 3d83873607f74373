//! What a client may send how often (gateway-and-calls, section 1).

use std::time::Duration;

use serde_json::json;
use voxhall_control::Limits;

use crate::harness::{GUILD, INTENTS, Server, VOICE, pass, settle};

#[tokio::test]
async fn a_hundred_and_twenty_messages_in_a_minute() {
    let server = Server::start().await;
    let mut client = server.bot("talkative").await;
    // With Identify that makes 115; five more places are kept for heartbeats.
    for _ in 0..114 {
        client
            .send(json!({"op": 3, "d": {"since": null, "activities": [], "status": "online", "afk": false}}))
            .await;
    }
    for _ in 0..5 {
        client.send(json!({"op": 1, "d": 2})).await;
        assert_eq!(client.receive().await["op"], 11);
    }
    client.send(json!({"op": 1, "d": 2})).await;
    assert_eq!(client.close_code().await, 4008);

    let mut client = server.bot("talkative").await;
    for _ in 0..115 {
        client.send(json!({"op": 34, "d": {}})).await;
    }
    assert_eq!(client.close_code().await, 4008);
}

#[tokio::test]
async fn the_minute_passes() {
    let limits = Limits {
        heartbeat_interval: Duration::from_secs(3600),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let mut client = server.bot("patient").await;
    for _ in 0..2 {
        for _ in 0..100 {
            client.send(json!({"op": 34, "d": {}})).await;
        }
        client.send(json!({"op": 1, "d": null})).await;
        assert_eq!(client.receive().await["op"], 11);
        pass(Duration::from_secs(60)).await;
    }
}

#[tokio::test]
async fn more_than_ten_op_4_in_ten_seconds_are_dropped() {
    let server = Server::start().await;
    let mut client = server.bot("nervous").await;
    for turn in 0..15 {
        client
            .voice_with(Some(GUILD), Some(VOICE[0]), turn % 2 == 1)
            .await;
    }
    client.send(json!({"op": 1, "d": null})).await;
    settle().await;
    let mut states = 0;
    let mut acknowledged = false;
    while !acknowledged || states < 10 {
        let message = client.receive().await;
        acknowledged |= message["op"] == 11;
        states += usize::from(message["t"] == "VOICE_STATE_UPDATE");
    }
    client.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    loop {
        match client.dispatch().await.0.as_str() {
            "SOUNDBOARD_SOUNDS" => break,
            "VOICE_SERVER_UPDATE" => {}
            other => panic!("the eleventh op 4 led to {other}"),
        }
    }
}

#[tokio::test]
async fn members_of_a_guild_once_in_thirty_seconds() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    let ask = json!({"op": 8, "d": {"guild_id": GUILD, "query": "", "limit": 0, "nonce": "n"}});
    client.send(ask.clone()).await;
    client.expect("GUILD_MEMBERS_CHUNK").await;
    client.send(ask.clone()).await;
    let limited = client.expect("RATE_LIMITED").await;
    assert_eq!(limited["opcode"], 8);
    assert_eq!(limited["meta"], json!({"guild_id": GUILD, "nonce": "n"}));
    let wait = limited["retry_after"].as_f64().unwrap();
    assert!(wait > 29.0 && wait <= 30.0, "{wait}");
    pass(Duration::from_secs(30)).await;
    client.send(ask).await;
    client.expect("GUILD_MEMBERS_CHUNK").await;
}

#[tokio::test]
async fn sessions_of_one_bot_within_a_day() {
    let server = Server::with_limits(Limits {
        session_starts: 2,
        ..Limits::dev()
    })
    .await;
    let token = server.token("minstrel");
    let left = async || {
        let (_, _, body) = server
            .request("GET", "/api/v10/gateway/bot", &format!("Bot {token}"), "")
            .await;
        let limit = &body["session_start_limit"];
        assert_eq!((&limit["total"], &body["shards"]), (&json!(2), &json!(1)));
        (
            limit["remaining"].as_u64().unwrap(),
            limit["reset_after"].as_u64().unwrap(),
        )
    };
    assert_eq!(left().await, (2, 0));
    server.bot(&token).await;
    server.bot(&token).await;
    let (remaining, reset_after) = left().await;
    assert_eq!(remaining, 0);
    assert!((86_300_000..=86_400_000).contains(&reset_after), "{reset_after}");
    let mut third = server.greet("?v=10").await;
    third
        .send(json!({"op": 2, "d": {"token": token, "intents": INTENTS}}))
        .await;
    assert_eq!(third.receive().await, json!({"op": 9, "d": false}));
    pass(Duration::from_secs(24 * 3600)).await;
    assert_eq!(left().await, (2, 0));
    server.bot(&token).await;
}

#[tokio::test]
async fn identifies_of_one_bot_within_five_seconds() {
    let server = Server::with_limits(Limits::default()).await;
    let identify = json!({"op": 2, "d": {"token": server.token("minstrel"), "intents": INTENTS}});
    let mut first = server.greet("?v=10").await;
    first.send(identify.clone()).await;
    first.expect("READY").await;
    let mut second = server.greet("?v=10").await;
    second.send(identify.clone()).await;
    assert_eq!(second.receive().await, json!({"op": 9, "d": false}));
    pass(Duration::from_secs(5)).await;
    second.send(identify).await;
    second.expect("READY").await;
    // Another bot has a count of its own, and people have none.
    server.bot(&server.token("scribe")).await;
    server.person("turbulence").await;
    server.person("turbulence").await;
}
