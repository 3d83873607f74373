//! The exchanges of the founding captures, event for event and field for field.

use serde_json::{Value, json};

use crate::harness::{Client, EXP, GUILD, PRIVATE, Server, TURBULENCE, VOICE, assert_contains};

/// Values that differ from run to run; their presence and kind are what counts.
const FRESH: [&str; 8] = [
    "session_id",
    "token",
    "endpoint",
    "id",
    "message_id",
    "timestamp",
    "ended_timestamp",
    "version",
];

/// One exchange of the captures, seen by turbulence's client. Lazy requests are left in: they must do no harm.
fn capture(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("captures/gateway.json")).unwrap();
    all[section].as_array().expect("such a section").clone()
}

/// Sends what the captured client sent and checks what comes back.
async fn replay(client: &mut Client, section: &str) {
    for message in capture(section) {
        match message["t"].as_str() {
            None => client.send(json!({"op": message["op"], "d": message["d"]})).await,
            // Only a client's own acknowledgement leads to it; that has a test of its own.
            Some("MESSAGE_ACK") => {}
            Some(name) => {
                let data = passing_member_lists(client, name).await;
                assert_same_shape(&data, &message["d"]);
            }
        }
    }
}

async fn passing_member_lists(client: &mut Client, name: &str) -> Value {
    loop {
        let (got, data) = client.dispatch().await;
        if got != "GUILD_MEMBER_LIST_UPDATE" {
            assert_eq!(got, name, "{data}");
            return data;
        }
    }
}

fn assert_same_shape(actual: &Value, captured: &Value) {
    assert_contains(&without_fresh(actual), &without_fresh(captured));
}

fn without_fresh(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let keep = |(name, value): (&String, &Value)| {
                // Ids of users are part of the world; ids of messages and sessions are not.
                let known = name == "id" && [TURBULENCE, EXP].iter().any(|id| value == *id);
                let value = if FRESH.contains(&name.as_str()) && !known {
                    Value::from(if value.is_null() { "null" } else { "fresh" })
                } else {
                    without_fresh(value)
                };
                (name.clone(), value)
            };
            fields.iter().map(keep).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_fresh).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn a_private_call_is_begun_and_ended() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    replay(&mut turbulence, "creating call").await;
    replay(&mut turbulence, "leaving a call").await;
    let seen: Vec<String> = exp.several(6).await.into_iter().map(|(name, _)| name).collect();
    let other_side = [
        "MESSAGE_CREATE",
        "CALL_CREATE",
        "VOICE_STATE_UPDATE",
        "VOICE_STATE_UPDATE",
        "MESSAGE_UPDATE",
        "CALL_DELETE",
    ];
    assert_eq!(seen, other_side, "the other side sees all but the server update");
}

#[tokio::test]
async fn a_private_call_is_joined() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let (mut turbulence, _) = server.person("turbulence").await;
    exp.voice(None, Some(PRIVATE)).await;
    replay(&mut turbulence, "joining a call").await;
    let seen: Vec<String> = exp.several(6).await.into_iter().map(|(name, _)| name).collect();
    // The caller's server update waits for its pause, so what the other does may come before it.
    assert_eq!(seen[..3], ["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"]);
    assert_eq!(
        seen.iter().filter(|name| *name == "VOICE_SERVER_UPDATE").count(),
        1
    );
    assert_eq!(seen.iter().filter(|name| *name == "MESSAGE_UPDATE").count(), 1);
}

#[tokio::test]
async fn a_guild_channel_is_joined_changed_and_left() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    replay(&mut turbulence, "joining channel").await;
    replay(&mut turbulence, "changing channel").await;
    replay(&mut turbulence, "leaving channel").await;
}

#[tokio::test]
async fn another_user_joins_and_leaves_a_guild_channel() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    turbulence.voice(Some(GUILD), Some(VOICE[1])).await;
    turbulence.expect("VOICE_STATE_UPDATE").await;
    turbulence.expect("VOICE_SERVER_UPDATE").await;
    exp.voice(Some(GUILD), Some(VOICE[1])).await;
    replay(&mut turbulence, "other user joins channel").await;
    exp.voice(None, None).await;
    replay(&mut turbulence, "other user leaves channel").await;
}

#[tokio::test]
async fn an_acknowledgement_is_echoed_to_the_accounts_own_sessions() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    let message = turbulence.expect("MESSAGE_CREATE").await;
    let id = message["id"].as_str().unwrap();
    let path = format!("/api/v9/channels/{PRIVATE}/messages/{id}/ack");
    let token = server.token("turbulence");
    let (status, _, body) = server.request("POST", &path, &token, r#"{"token":null}"#).await;
    assert_eq!((status.as_u16(), body), (200, json!({"token": null})));
    server.request("POST", &path, &token, r#"{"token":null}"#).await;
    let acks: Vec<Value> = turbulence
        .several(5)
        .await
        .into_iter()
        .filter(|(name, _)| name == "MESSAGE_ACK")
        .map(|it| it.1)
        .collect();
    assert_contains(
        &acks[0],
        &json!({"channel_id": PRIVATE, "message_id": id, "version": 1}),
    );
    assert_contains(&acks[1], &json!({"version": 2}));
}
