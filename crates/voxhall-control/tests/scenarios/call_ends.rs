//! How rooms empty: goodbyes, dead sockets, lonely callers.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{GUILD, PRIVATE, Server, TURBULENCE, VOICE, names, pass, settle};

#[tokio::test]
async fn a_goodbye_leaves_every_room_at_once() {
    let server = Server::start().await;
    for code in [1000, 1001] {
        let mut watcher = server.bot("watcher").await;
        let (mut turbulence, _) = server.person("turbulence").await;
        turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
        watcher.expect("VOICE_STATE_UPDATE").await;
        turbulence.close(code).await;
        let left = watcher.expect("VOICE_STATE_UPDATE").await;
        assert_eq!(left["channel_id"], Value::Null);
        settle().await;
        assert!(
            server
                .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
                .await
                .is_none()
        );
    }
}

#[tokio::test]
async fn a_client_killed_without_goodbye_leaves_no_ghost() {
    let server = Server::start().await;
    let mut watcher = server.bot("watcher").await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
    watcher.expect("VOICE_STATE_UPDATE").await;
    drop(turbulence);
    pass(Duration::from_secs(59)).await;
    let ticket = server
        .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
        .await;
    assert!(ticket.is_some(), "it might still come back");
    pass(Duration::from_secs(2)).await;
    // The watcher's own heartbeats are due meanwhile.
    let left = loop {
        let message = watcher.receive().await;
        if message["op"] == 0 {
            break message;
        }
    };
    assert_eq!(left["d"]["channel_id"], Value::Null);
}

#[tokio::test]
async fn a_lonely_caller_is_told_after_five_minutes() {
    let limits = voxhall_control::Limits {
        // The clients of this test send no heartbeats.
        heartbeat_interval: Duration::from_secs(3600),
        ..voxhall_control::Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    turbulence.several(4).await;
    pass(Duration::from_secs(200)).await;
    exp.voice(None, Some(PRIVATE)).await;
    exp.several(6).await;
    pass(Duration::from_secs(200)).await;
    exp.voice(None, None).await;
    assert_eq!(
        names(&turbulence.several(3).await),
        ["MESSAGE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE"]
    );
    pass(Duration::from_secs(299)).await;
    assert!(
        server
            .ticket(PRIVATE.parse().unwrap(), TURBULENCE.parse().unwrap())
            .await
            .is_some()
    );
    pass(Duration::from_secs(2)).await;
    let events = turbulence.several(3).await;
    assert_eq!(
        names(&events),
        ["VOICE_STATE_UPDATE", "MESSAGE_UPDATE", "CALL_DELETE"]
    );
    assert_eq!(events[0].1["channel_id"], Value::Null);
}

#[tokio::test]
async fn a_drain_asks_everybody_to_come_back_and_keeps_their_sessions() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
    turbulence.several(2).await;
    server.control.drain();
    assert_eq!(turbulence.receive().await["op"], 7);
    turbulence.close(4000).await;
    settle().await;
    assert!(
        server
            .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
            .await
            .is_some()
    );
}
