//! Clients that do not take what they are sent.

use std::time::Duration;

use serde_json::json;
use voxhall_control::Limits;

use crate::harness::{INTENTS, Server, VOICE, pass};

/// Bytes that wait between server and client.
const NARROW: usize = 4 << 10;

/// Far more events than fit there and are kept.
const EVENTS: usize = 120;

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_and_what_it_missed_is_not_kept() {
    let server = Server::with_limits(Limits {
        replay_events: 20,
        // The events are made by requests.
        rest: None,
        ..Limits::dev()
    })
    .await;
    let token = server.token("minstrel");
    let mut deaf = server.dial_through("?v=10&encoding=json", NARROW).await;
    assert_eq!(deaf.receive().await["op"], 10);
    deaf.send(json!({"op": 2, "d": {"token": token, "intents": INTENTS}}))
        .await;
    let ready = deaf.expect("READY").await;
    deaf.expect("GUILD_CREATE").await;
    let mut other = server.bot(&server.token("scribe")).await;
    let path = format!("/api/v10/channels/{}/voice-status", VOICE[0]);
    for number in 0..EVENTS {
        let body = json!({"status": format!("{number}")}).to_string();
        server.request("PUT", &path, &server.token("Exp"), &body).await;
        other.expect("VOICE_CHANNEL_STATUS_UPDATE").await;
    }
    pass(Duration::from_secs(15)).await;
    let came = deaf.drain().await;
    assert!(came > 0 && came < EVENTS - 20, "the server hung up after {came}");
    let mut back = server.greet("?v=10&encoding=json").await;
    let resume = json!({"token": token, "session_id": ready["session_id"], "seq": deaf.last});
    back.send(json!({"op": 6, "d": resume})).await;
    assert_eq!(back.receive().await, json!({"op": 9, "d": false}));
}
