//! Whatever comes from a socket ends in an answer or a documented close code, and leaves others alone.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{GUILD, INTENTS, Server, VOICE};

/// JSON of any shape, with the names that the Gateway looks at.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from(GUILD)),
        Just(Value::from(VOICE[0])),
    ];
    let names = prop_oneof![
        Just("guild_id"),
        Just("channel_id"),
        Just("self_mute"),
        Just("self_deaf"),
        Just("token"),
        Just("seq"),
        Just("session_id"),
        Just("query"),
        Just("user_ids"),
        Just("limit"),
        Just("subscriptions"),
        Just("channels"),
        Just("guild_ids"),
        Just("stream_key"),
        Just("fields"),
        Just("nonce"),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        let object = prop::collection::vec((names.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            object.prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

#[test]
fn any_message_within_a_session() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(Server::start());
    let mut bystander = runtime.block_on(server.bot("bystander"));
    let messages = (0_u64..60, any_json());
    let config = Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&messages, |(op, data)| {
            // Identify and Resume have tests of their own, and end this session.
            prop_assume!(op != 2 && op != 6);
            runtime.block_on(async {
                let mut client = server.greet("?v=10").await;
                client
                    .send(json!({"op": 2, "d": {"token": "fuzz", "intents": INTENTS}}))
                    .await;
                client.expect("READY").await;
                client.send(json!({"op": op, "d": data})).await;
                client.send(json!({"op": 1, "d": null})).await;
                loop {
                    match client.frame().await {
                        Message::Close(Some(frame)) => {
                            let code = u16::from(frame.code);
                            assert!([4001, 4002].contains(&code), "op {op} {data}: {code}");
                            break;
                        }
                        Message::Text(text) if text.as_str().starts_with(r#"{"op":11"#) => {
                            client.close(1000).await;
                            break;
                        }
                        _ => {}
                    }
                }
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        bystander.voice(Some(GUILD), Some(VOICE[1])).await;
        loop {
            let (name, data) = bystander.dispatch().await;
            if name == "VOICE_SERVER_UPDATE" {
                assert_eq!(data["guild_id"], GUILD);
                break;
            }
        }
    });
}

#[tokio::test]
async fn frames_that_are_no_text_and_no_json() {
    let server = Server::start().await;
    let deep = "[".repeat(10_000);
    let cases: [&[u8]; 6] = [
        b"",
        b"\xff\xfe",
        b"{\"op\":1e999}",
        b"{\"op\":-1}",
        b"\0\0\0",
        deep.as_bytes(),
    ];
    for bytes in cases {
        let mut client = server.greet("?v=10").await;
        client.send_binary(bytes).await;
        assert_eq!(client.close_code().await, 4002, "{bytes:?}");
    }
}

#[tokio::test]
async fn any_body_of_a_request() {
    let server = Server::start().await;
    let token = server.token("Exp");
    let paths = [
        ("PATCH", format!("/api/v10/channels/{}", VOICE[0])),
        ("PATCH", Server::member_path("959467381011415120")),
        ("POST", "/api/v10/users/@me/channels".to_owned()),
        ("POST", "/api/v9/channels/963085128693862430/call/ring".to_owned()),
        ("PATCH", format!("/api/v10/guilds/{GUILD}/voice-states/@me")),
    ];
    let bodies = [
        "null",
        "[]",
        "7",
        "\"x\"",
        "{\"recipients\":[[]]}",
        "{\"channel_id\":{}}",
        "{\"user_limit\":1e300}",
        "{\"permission_overwrites\":[{\"id\":-1}]}",
        "{\"bitrate\":-5}",
        "{\"name\":\"\"}",
        "{\"mute\":\"yes\"}",
        "{\"request_to_speak_timestamp\":\"ü\"}",
        "\u{0}",
    ];
    for (method, path) in &paths {
        for body in bodies {
            let (status, kind, answer) = server.request(method, path, &token, body).await;
            assert!(
                !status.is_server_error(),
                "{method} {path} {body}: {status} {answer}"
            );
            assert!(status.is_success() || kind == "application/json" && answer["code"].is_number());
        }
    }
}
