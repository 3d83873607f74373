//! Taking a session up again (gateway-and-calls, section 3.5).

use std::time::Duration;

use serde_json::json;

use crate::harness::{Client, GUILD, Server, VOICE, names, pass, settle};

async fn resume(server: &Server, token: &str, session: &str, seq: Option<u64>) -> Client {
    let mut client = server.greet("?v=10&encoding=json").await;
    client
        .send(json!({"op": 6, "d": {"token": token, "session_id": session, "seq": seq}}))
        .await;
    client
}

#[tokio::test]
async fn in_the_middle_of_everything() {
    let server = Server::start().await;
    let token = server.token("turbulence");
    let (mut client, ready) = server.person("turbulence").await;
    let session = ready["session_id"].as_str().unwrap();
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    let own = client.expect("VOICE_STATE_UPDATE").await;
    let seen = client.last;
    // The socket dies between the state and the server update, and somebody else joins meanwhile.
    drop(client);
    let (mut exp, _) = server.person("Exp").await;
    exp.voice(Some(GUILD), Some(VOICE[0])).await;
    exp.several(2).await;
    let mut client = resume(&server, &token, session, seen).await;
    let mut events = client.several(3).await;
    events.sort_by(|a, b| a.0.cmp(&b.0));
    // The server update may have been numbered before the socket died or only after the resume.
    assert_eq!(
        names(&events),
        ["RESUMED", "VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE"]
    );
    // Live again: the voice state survived, and is still that session's.
    client.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    let state = client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["session_id"], &state["self_mute"]),
        (&own["session_id"], &json!(true))
    );
}

#[tokio::test]
async fn numbers_go_on_and_nothing_is_replayed_twice() {
    let server = Server::start().await;
    let (mut client, ready) = server.person("turbulence").await;
    let session = ready["session_id"].as_str().unwrap().to_owned();
    let token = format!("Bot {}", server.token("turbulence"));
    client.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    client.expect("SOUNDBOARD_SOUNDS").await;
    assert_eq!(client.last, Some(2));
    drop(client);
    let mut client = resume(&server, &token, &session, Some(1)).await;
    assert_eq!(names(&client.several(2).await), ["SOUNDBOARD_SOUNDS", "RESUMED"]);
    assert_eq!(client.last, Some(3));
    drop(client);
    // Null stands for nothing received at all.
    let mut client = resume(&server, &token, &session, None).await;
    let everything = client.several(4).await;
    assert_eq!(
        names(&everything),
        ["READY", "SOUNDBOARD_SOUNDS", "RESUMED", "RESUMED"]
    );
}

#[tokio::test]
async fn from_a_socket_that_is_still_open() {
    let server = Server::start().await;
    let (mut old, ready) = server.person("turbulence").await;
    let session = ready["session_id"].as_str().unwrap();
    old.voice(Some(GUILD), Some(VOICE[0])).await;
    old.several(2).await;
    let mut new = resume(&server, &server.token("turbulence"), session, old.last).await;
    new.expect("RESUMED").await;
    assert_eq!(old.close_code().await, 4000);
    drop(old);
    pass(Duration::from_secs(61)).await;
    // The old socket's end did not start the window: the session and its voice state live on.
    new.send(json!({"op": 1, "d": null})).await;
    new.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    loop {
        let message = new.receive().await;
        if message["t"] == "VOICE_STATE_UPDATE" {
            assert_eq!(message["d"]["channel_id"], VOICE[0]);
            break;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_resumed() {
    let server = Server::start().await;
    let (client, ready) = server.person("turbulence").await;
    let session = ready["session_id"].as_str().unwrap();
    let token = server.token("turbulence");
    let mut ahead = resume(&server, &token, session, Some(99)).await;
    assert_eq!(ahead.close_code().await, 4007);
    drop(client);
    let foreign = (server.token("Exp"), session);
    let unknown = (token.clone(), "00000000000000000000000000000000");
    for (token, session) in [foreign, unknown] {
        let mut client = resume(&server, &token, session, Some(1)).await;
        assert_eq!(client.receive().await, json!({"op": 9, "d": false}));
        // The socket stays and may be identified on.
        client
            .send(json!({"op": 2, "d": {"token": token, "properties": {}}}))
            .await;
        client.expect("READY").await;
    }
    settle().await;
    pass(Duration::from_secs(61)).await;
    let mut late = resume(&server, &token, session, Some(1)).await;
    assert_eq!(
        late.receive().await,
        json!({"op": 9, "d": false}),
        "the window is over"
    );
}

#[tokio::test]
async fn after_a_heartbeat_the_past_is_forgotten() {
    let server = Server::start().await;
    let (mut client, ready) = server.person("turbulence").await;
    let session = ready["session_id"].as_str().unwrap();
    client.send(json!({"op": 1, "d": 1})).await;
    assert_eq!(client.receive().await["op"], 11);
    drop(client);
    let mut client = resume(&server, &server.token("turbulence"), session, Some(0)).await;
    assert_eq!(client.receive().await, json!({"op": 9, "d": false}));
    let mut client = resume(&server, &server.token("turbulence"), session, Some(1)).await;
    client.expect("RESUMED").await;
}
