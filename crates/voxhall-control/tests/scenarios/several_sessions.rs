//! One account with several sessions (gateway-and-calls, section 4.6).

use serde_json::{Value, json};

use crate::harness::{EXP, GUILD, PRIVATE, Server, TURBULENCE, VOICE, names};

#[tokio::test]
async fn another_session_takes_the_voice_state_over() {
    let server = Server::start().await;
    let (mut first, first_ready) = server.person("turbulence").await;
    let (mut second, second_ready) = server.person("turbulence").await;
    assert_ne!(first_ready["session_id"], second_ready["session_id"]);
    first.voice(Some(GUILD), Some(VOICE[0])).await;
    assert_eq!(
        first.expect("VOICE_STATE_UPDATE").await["session_id"],
        first_ready["session_id"]
    );
    let old = first.expect("VOICE_SERVER_UPDATE").await;
    second.expect("VOICE_STATE_UPDATE").await;

    second.voice(Some(GUILD), Some(VOICE[0])).await;
    for client in [&mut first, &mut second] {
        let state = client.expect("VOICE_STATE_UPDATE").await;
        assert_eq!(state["session_id"], second_ready["session_id"]);
        assert_eq!(state["channel_id"], VOICE[0]);
    }
    let new = second.expect("VOICE_SERVER_UPDATE").await;
    assert_ne!(new["token"], old["token"]);

    // Neither a leave nor a goodbye of the first session touches what the second holds.
    first.voice(None, None).await;
    first.close(1000).await;
    second.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    let state = second.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["channel_id"], &state["self_mute"]),
        (&json!(VOICE[0]), &json!(true))
    );
    second.voice(None, None).await;
    assert_eq!(
        second.expect("VOICE_STATE_UPDATE").await["channel_id"],
        Value::Null
    );
}

#[tokio::test]
async fn every_session_of_both_sides_sees_the_whole_call() {
    let server = Server::start().await;
    let (mut a1, _) = server.person("turbulence").await;
    let (mut a2, _) = server.person("turbulence").await;
    let (mut b1, _) = server.person("Exp").await;
    let (mut b2, _) = server.person("Exp").await;
    let ring = format!("/api/v9/channels/{PRIVATE}/call/ring");

    // A joins: the message, the call, the state; the server update to the acting session alone.
    a1.voice(None, Some(PRIVATE)).await;
    for client in [&mut a1, &mut a2, &mut b1, &mut b2] {
        let events = client.several(3).await;
        assert_eq!(
            names(&events),
            ["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"]
        );
        assert_eq!(
            events[0].1["call"],
            json!({"participants": [TURBULENCE], "ended_timestamp": null})
        );
        assert_eq!(events[1].1["ringing"], json!([]));
    }
    a1.expect("VOICE_SERVER_UPDATE").await;

    // A rings.
    let (status, ..) = server
        .request(
            "POST",
            &ring,
            &server.token("turbulence"),
            r#"{"recipients":null}"#,
        )
        .await;
    assert_eq!(status.as_u16(), 204);
    for client in [&mut a1, &mut a2, &mut b1, &mut b2] {
        assert_eq!(client.expect("CALL_UPDATE").await["ringing"], json!([EXP]));
    }

    // B takes the call, on its second session.
    b2.voice(None, Some(PRIVATE)).await;
    for client in [&mut a1, &mut a2, &mut b1, &mut b2] {
        let events = client.several(3).await;
        assert_eq!(
            names(&events),
            ["MESSAGE_UPDATE", "VOICE_STATE_UPDATE", "CALL_UPDATE"]
        );
        assert_eq!(
            events[0].1["call"]["participants"],
            json!([EXP, TURBULENCE]),
            "the newcomer first"
        );
        assert_eq!(events[2].1["ringing"], json!([]));
    }
    b2.expect("VOICE_SERVER_UPDATE").await;

    // A leaves, then B.
    a1.voice(None, None).await;
    for client in [&mut a1, &mut a2, &mut b1, &mut b2] {
        assert_eq!(
            client.expect("VOICE_STATE_UPDATE").await["channel_id"],
            Value::Null
        );
    }
    b2.voice(None, None).await;
    for client in [&mut a1, &mut a2, &mut b1, &mut b2] {
        let events = client.several(3).await;
        assert_eq!(
            names(&events),
            ["VOICE_STATE_UPDATE", "MESSAGE_UPDATE", "CALL_DELETE"]
        );
        assert_eq!(events[1].1["call"]["participants"], json!([EXP, TURBULENCE]));
        assert!(events[1].1["call"]["ended_timestamp"].is_string());
        assert_eq!(events[2].1, json!({"channel_id": PRIVATE}));
    }
}

#[tokio::test]
async fn bots_hear_nothing_of_private_calls() {
    let server = Server::start().await;
    let mut bot = server.bot("curious").await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(None, Some(PRIVATE)).await;
    client.several(4).await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    let state = bot.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], VOICE[0], "the first it hears of");
}

#[tokio::test]
async fn a_bot_without_the_intent_still_gets_its_own_answers() {
    let server = Server::start().await;
    let mut bot = server.greet("?v=10").await;
    bot.send(json!({"op": 2, "d": {"token": "deaf to others", "intents": 0}}))
        .await;
    bot.expect("READY").await;
    let mut other = server.bot("other").await;
    other.voice(Some(GUILD), Some(VOICE[0])).await;
    other.several(2).await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    let own = bot.expect("VOICE_STATE_UPDATE").await;
    let seen = other.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(own["user_id"], seen["user_id"]);
    bot.expect("VOICE_SERVER_UPDATE").await;
}
