//! What goes wrong on purpose with connections to a stream (`/dev`).

use serde_json::{Value, json};
use voxhall_live::{FaultKey, FaultKind, FaultRecord, LinkState, Record, key};
use voxhall_protocol::ids::ChannelId;
use voxhall_switchboard::Switchboard;

use super::{link, live, local, record, stream_key, watching};
use crate::harness::{ADMIN_TOKEN, Server, TURBULENCE, VOICE, settle};

/// Asks for something below `/dev` of one person.
async fn ask(server: &Server, method: &str, user: &str, path: &str, body: Value) -> (u16, Value) {
    let (admin, path) = (
        format!("Bearer {ADMIN_TOKEN}"),
        format!("/dev/users/{user}{path}"),
    );
    let (status, _, answer) = server.request(method, &path, &admin, &body.to_string()).await;
    (status.as_u16(), answer)
}

/// What stands on the switchboard for the node.
async fn told(server: &Server, channel: ChannelId, user: &str, kind: FaultKind) -> Option<FaultRecord> {
    settle().await;
    let user = user.parse().unwrap();
    let key = key::fault(&local(), FaultKey { channel, user, kind });
    let entry = server.board.get(&key).await.unwrap()?;
    Some(FaultRecord::decode(&key, &entry.value).unwrap())
}

#[tokio::test]
async fn faults_can_be_aimed_at_a_stream_instead_of_the_room() {
    let server = Server::start().await;
    let _owner = live(&server).await;
    let (_viewer, viewer) = watching(&server, "viewer").await;
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    let (room, at) = (stream.rtc_channel_id, format!("?stream_key={}", stream_key()));
    for user in [TURBULENCE, &viewer] {
        let datagrams = format!("/voice/datagrams{at}");
        let loss = json!({"direction": "up", "drop": 10});
        assert_eq!(ask(&server, "PUT", user, &datagrams, loss).await.0, 204);
        let fault = told(&server, room, user, FaultKind::Upstream).await;
        assert!(matches!(fault, Some(FaultRecord::Datagrams(loss)) if loss.drop > 0.09));
        let of_room = told(&server, VOICE[0].parse().unwrap(), user, FaultKind::Upstream).await;
        assert_eq!(of_room, None, "its voice is as it was");
        let healed = ask(
            &server,
            "DELETE",
            user,
            &format!("{datagrams}&direction=up"),
            Value::Null,
        )
        .await;
        assert_eq!(healed.0, 204);
        assert_eq!(told(&server, room, user, FaultKind::Upstream).await, None);
    }
    let close = ask(
        &server,
        "POST",
        &viewer,
        &format!("/voice/close{at}"),
        json!({"code": 4015}),
    )
    .await;
    assert_eq!(close.0, 204);
    let closed = told(&server, room, &viewer, FaultKind::Socket).await;
    assert!(matches!(
        closed,
        Some(FaultRecord::Socket { code: Some(4015), .. })
    ));
}

#[tokio::test]
async fn an_operator_is_told_of_streams_too() {
    let server = Server::start().await;
    let _owner = live(&server).await;
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    link(&server, &stream, TURBULENCE, LinkState::Connected).await;
    let (_, client) = ask(&server, "GET", TURBULENCE, "", Value::Null).await;
    let shown = &client["streams"][0];
    assert_eq!(
        (&shown["stream_key"], &shown["link"]),
        (&json!(stream_key()), &json!("connected"))
    );
    assert!(shown["endpoint"].is_string());
}

#[tokio::test]
async fn what_a_stream_cannot_have_is_said() {
    let server = Server::start().await;
    let _owner = live(&server).await;
    let at = format!("?stream_key={}", stream_key());
    let (status, answer) = ask(
        &server,
        "POST",
        TURBULENCE,
        &format!("/voice/expire{at}"),
        Value::Null,
    )
    .await;
    assert_eq!(status, 400, "{answer}");
    let stranger = crate::harness::EXP;
    let (status, answer) = ask(
        &server,
        "POST",
        stranger,
        &format!("/voice/crash{at}"),
        Value::Null,
    )
    .await;
    assert_eq!(status, 404, "who does not take part: {answer}");
    let (status, answer) = ask(
        &server,
        "POST",
        TURBULENCE,
        "/voice/crash?stream_key=nothing",
        Value::Null,
    )
    .await;
    assert_eq!(status, 400, "{answer}");
}
