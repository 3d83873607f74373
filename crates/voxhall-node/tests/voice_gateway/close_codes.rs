//! Every close code of the voice gateway, reached the way a client would.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_live::TicketEnd;
use voxhall_node::Limits;
use voxhall_node::core::{Input, WorkerIndex};
use voxhall_sfu::{Command, Event, MemberId};

use crate::world::{ALICE, BOB, OTHER_CHANNEL, PORT, World, identify, select, settings, token};

/// The code after an Identify with one field changed.
fn identify_with(version: &str, field: &str, value: Value) -> Option<u16> {
    let mut world = World::new();
    world.issue(ALICE);
    world.issue(BOB);
    let client = world.open(version);
    let mut said = identify(ALICE);
    said[field] = value;
    world.send(client, 0, said);
    world.pass(Limits::default().ticket_wait);
    world.close_code(client)
}

/// The code after op 1 with one field of `d` changed.
fn select_with(field: &str, value: Value) -> Option<u16> {
    let mut world = World::new();
    let client = world.identify("8", ALICE);
    let mut said = select();
    said[field] = value;
    world.send(client, 1, said);
    world.close_code(client)
}

fn text_before_identify(text: &str) -> Option<u16> {
    let mut world = World::new();
    let client = world.open("8");
    world.text(client, text);
    world.close_code(client)
}

fn text_in_session(text: &str) -> Option<u16> {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    world.text(client, text);
    world.close_code(client)
}

fn member(world: &World) -> MemberId {
    let added = world.commands.iter().find_map(|(_, command)| match command {
        Command::AddMember { member, .. } => Some(*member),
        _ => None,
    });
    added.unwrap()
}

#[test]
fn going_away_1001_when_the_node_drains() {
    let mut world = World::new();
    let joined = world.join("8", ALICE);
    let waiting = world.open("8");
    world.input(Input::Drain);
    assert_eq!(world.close_code(joined), Some(1001));
    assert_eq!(world.close_code(waiting), Some(1001));
    let late = world.open("8");
    assert_eq!(world.close_code(late), Some(1001));
    assert_eq!(world.core.stats().sessions, 0);
}

#[test]
fn unknown_opcode_4001() {
    assert_eq!(text_before_identify(r#"{"op":33,"d":null}"#), Some(4001));
    assert_eq!(text_in_session(r#"{"op":4000000000,"d":{}}"#), Some(4001));
}

#[test]
fn decode_failed_4002() {
    for text in [
        "",
        "{",
        "[]",
        "7",
        r#"{"d":{}}"#,
        r#"{"op":"x"}"#,
        r#"{"op":-1,"d":{}}"#,
    ] {
        assert_eq!(text_before_identify(text), Some(4002), "{text}");
        assert_eq!(text_in_session(text), Some(4002), "{text}");
    }
    let long = format!(r#"{{"op":5,"d":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(text_in_session(&long), Some(4002));
    assert_eq!(identify_with("8", "token", json!(7)), Some(4002));
    assert_eq!(identify_with("8", "user_id", json!("me")), Some(4002));
    for bytes in [
        &b""[..],
        b"{\"op\":3}",
        &[0, 1],
        &[25, 0],
        &[30, 0, 0, 0],
        &[26; 70_000],
    ] {
        let mut world = World::new();
        let connection = world.join("8", ALICE);
        world.input(Input::Binary { connection, bytes });
        assert_eq!(world.close_code(connection), Some(4002), "{} bytes", bytes.len());
    }
}

#[test]
fn not_authenticated_4003() {
    for op in [1, 2, 4, 5, 6, 8, 9, 10, 12, 14, 15, 16, 19, 23, 32] {
        let mut world = World::new();
        let client = world.open("8");
        let data = match op {
            1 => select(),
            2 => json!({"ssrc": 1, "port": 1}),
            5 => json!({"speaking": 1, "ssrc": 1}),
            6 => json!({"t": 1}),
            8 => json!({"heartbeat_interval": 1}),
            23 => json!({"transition_id": 1}),
            _ => json!({}),
        };
        world.send(client, op, data);
        assert_eq!(world.close_code(client), Some(4003), "op {op}");
    }
}

#[test]
fn authentication_failed_4004() {
    assert_eq!(identify_with("8", "token", json!("0123456789abcdef")), Some(4004));
    assert_eq!(
        identify_with("8", "token", json!(token(BOB))),
        Some(4004),
        "another user's token"
    );
    assert_eq!(identify_with("8", "user_id", json!(BOB)), Some(4004));
    assert_eq!(identify_with("9", "channel_id", json!(OTHER_CHANNEL)), Some(4004));
    assert_eq!(
        identify_with("8", "channel_id", json!(OTHER_CHANNEL)),
        None,
        "not looked at below v9"
    );
}

#[test]
fn already_authenticated_4005() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    world.send(client, 0, identify(ALICE));
    assert_eq!(world.close_code(client), Some(4005));
}

#[test]
fn session_invalid_4006() {
    assert_eq!(
        identify_with("8", "session_id", json!("00")),
        Some(4006),
        "unknown session"
    );

    let mut world = World::new();
    world.issue(ALICE);
    world.end_ticket(ALICE, TicketEnd::Disconnected);
    let ended = world.open("8");
    world.send(ended, 0, identify(ALICE));
    assert_eq!(world.close_code(ended), Some(4006), "the ticket has ended");

    world.reissue(BOB, |_| {});
    world.reissue(BOB, |ticket| ticket.token = "fresh".into());
    let stale = world.open("8");
    world.send(stale, 0, identify(BOB));
    assert_eq!(world.close_code(stale), Some(4006), "the token was superseded");

    let nothing_to_resume = world.resume("8", ALICE, -1);
    assert_eq!(world.close_code(nothing_to_resume), Some(4006));
}

#[test]
fn session_invalid_4006_for_the_older_of_two() {
    let mut world = World::new();
    let older = world.join("8", ALICE);
    let newer = world.join("8", ALICE);
    assert_eq!(world.close_code(older), Some(4006));
    assert_eq!(world.close_code(newer), None);
    assert_eq!(world.core.stats().sessions, 1);
}

#[test]
fn session_timeout_4009_without_identify() {
    let mut world = World::new();
    let client = world.open("8");
    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.close_code(client), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.close_code(client), Some(4009));
}

#[test]
fn session_timeout_4009_without_heartbeat() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    for _ in 0..10 {
        world.pass(Duration::from_secs(20));
        world.send(client, 3, json!({"t": 1}));
        assert_eq!(world.close_code(client), None);
    }
    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.close_code(client), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.close_code(client), Some(4009));
}

#[test]
fn server_not_found_4011() {
    assert_eq!(identify_with("8", "server_id", json!("1")), Some(4011));
}

#[test]
fn unknown_protocol_4012() {
    assert_eq!(select_with("protocol", json!("webrtc-p2p")), Some(4012));
    assert_eq!(select_with("protocol", json!("carrier-pigeon")), Some(4012));
}

#[test]
fn worker_crashed_4013_and_the_session_is_over() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    world.input(Input::WorkerLost(WorkerIndex(0)));
    assert_eq!(world.close_code(client), Some(4013));
    let resumed = world.resume("8", ALICE, -1);
    assert_eq!(world.close_code(resumed), Some(4006));
}

#[test]
fn disconnected_4014_after_a_moment_to_leave() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    world.end_ticket(ALICE, TicketEnd::Disconnected);
    world.pass(Duration::from_millis(999));
    assert_eq!(world.close_code(client), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.close_code(client), Some(4014));
}

#[test]
fn server_crashed_4015_when_the_nonces_are_used_up() {
    let mut world = World::new();
    let client = world.identify("8", ALICE);
    let member = member(&world);
    world.send(client, 1, select());
    world.worker(Event::NonceExhausted { member });
    assert_eq!(world.close_code(client), Some(4015));
    let resumed = world.resume("8", ALICE, -1);
    assert_eq!(
        world.close_code(resumed),
        Some(4006),
        "the key must not be used again"
    );
}

#[test]
fn server_crashed_4015_when_no_worker_is_left() {
    let mut world = World::new();
    world.input(Input::WorkerLost(WorkerIndex(0)));
    let client = world.identify("8", ALICE);
    assert_eq!(world.close_code(client), Some(4015));
}

#[test]
fn unknown_encryption_mode_4016() {
    let with_mode = |mode: &str| select_with("data", json!({"address": "1.2.3.4", "port": 5, "mode": mode}));
    assert_eq!(
        with_mode("xsalsa20_poly1305"),
        Some(4016),
        "known, but not on offer"
    );
    assert_eq!(with_mode("plain"), Some(4016));
    assert_eq!(with_mode("rot13"), Some(4016));
}

#[test]
fn dave_required_4017() {
    for (version, code) in [(None, Some(4017)), (Some(0), Some(4017)), (Some(1), None)] {
        let mut settings = settings();
        settings.require_dave = true;
        let mut world = World::with(settings, &[PORT]);
        world.issue(ALICE);
        let client = world.open("8");
        let mut said = identify(ALICE);
        if let Some(version) = version {
            said["max_dave_protocol_version"] = json!(version);
        }
        world.send(client, 0, said);
        assert_eq!(world.close_code(client), code);
    }
}

#[test]
fn bad_request_4020() {
    assert_eq!(select_with("codecs", json!("all of them")), Some(4020));
    assert_eq!(select_with("data", json!(null)), Some(4020), "no mode anywhere");
    assert_eq!(text_in_session(r#"{"op":5,"d":{"speaking":"loud"}}"#), Some(4020));
    assert_eq!(text_in_session(r#"{"op":12,"d":[]}"#), Some(4020));
    let mut world = World::new();
    world.issue(ALICE);
    let client = world.open("9");
    let mut said = identify(ALICE);
    said.as_object_mut().unwrap().remove("channel_id");
    world.send(client, 0, said);
    assert_eq!(world.close_code(client), Some(4020), "v9 requires the channel");
}

#[test]
fn bad_request_4020_for_too_many_wants() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    let wants: serde_json::Map<String, Value> = (1..=1025).map(|ssrc| (ssrc.to_string(), json!(1))).collect();
    world.send(client, 15, wants.into());
    assert_eq!(world.close_code(client), Some(4020));
}

#[test]
fn bad_request_4020_for_a_version_that_is_not_served() {
    let mut settings = settings();
    settings.oldest_version = voxhall_protocol::voice::VoiceVersion::V4;
    for version in ["", "0", "1", "3", "10", "256", "-4", "four", "4.0"] {
        let mut world = World::with(settings.clone(), &[PORT]);
        let client = world.open(version);
        assert_eq!(world.close_code(client), Some(4020), "v={version}");
        assert_eq!(world.received(client), Vec::<Value>::new());
    }
    let mut world = World::with(settings, &[PORT]);
    let client = world.open_with(None);
    assert_eq!(world.close_code(client), Some(4020));
    assert_eq!(world.core.stats().connections, 0);
}

#[test]
fn rate_limited_4021_heartbeats_not_counted() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    for _ in 0..600 {
        world.send(client, 3, json!({"t": 1}));
    }
    // Identify and Select Protocol were two.
    for _ in 0..118 {
        world.send(client, 16, json!({}));
    }
    assert_eq!(world.close_code(client), None);
    world.send(client, 16, json!({}));
    assert_eq!(world.close_code(client), Some(4021));
}

#[test]
fn rate_limited_4021_by_heartbeats_alone() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    for _ in 0..20 {
        for _ in 0..60 {
            world.send(client, 3, json!({"t": 1}));
        }
        assert_eq!(
            world.close_code(client),
            None,
            "ten a second are allowed for ever"
        );
        world.pass(Duration::from_secs(6));
    }
    world.pass(Duration::from_secs(1));
    for _ in 0..600 {
        world.send(client, 3, json!({"t": 1}));
    }
    assert_eq!(world.close_code(client), None);
    world.send(client, 3, json!({"t": 1}));
    assert_eq!(world.close_code(client), Some(4021));
}

#[test]
fn call_terminated_4022_for_everybody() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    let bob = world.join("4", BOB);
    world.end_ticket(ALICE, TicketEnd::CallTerminated);
    world.end_ticket(BOB, TicketEnd::CallTerminated);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.close_code(alice), Some(4022));
    assert_eq!(world.close_code(bob), Some(4022));
    assert_eq!(world.core.stats().rooms, 0);
}

#[test]
fn known_messages_without_meaning_close_nothing() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    for op in [10, 11, 13, 17, 19, 23, 31, 32] {
        let data = match op {
            11 => json!({"user_ids": []}),
            13 => json!({"user_id": "1"}),
            23 | 31 => json!({"transition_id": 1}),
            _ => json!({}),
        };
        world.send(client, op, data);
        assert_eq!(world.close_code(client), None, "op {op}");
    }
    for op in [26, 28] {
        let bytes = [op, 0, 1, 0, 2];
        world.input(Input::Binary {
            connection: client,
            bytes: &bytes,
        });
        assert_eq!(world.close_code(client), None, "op {op}");
    }
    assert_eq!(world.received(client), Vec::<Value>::new());
}
