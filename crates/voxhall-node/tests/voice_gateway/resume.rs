//! Resume at every point of a session, with and without replay.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_node::core::{ConnectionId, Input};
use voxhall_protocol::ids::UserId;
use voxhall_sfu::Command;

use crate::world::{ALICE, BOB, CAROL, CHANNEL, GUILD, World, select, session_id, settings};

fn seqs(frames: &[Value]) -> Vec<u64> {
    frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect()
}

#[test]
fn before_select_protocol() {
    for version in ["4", "8", "9"] {
        let mut world = World::new();
        world.join("8", BOB);
        let client = world.identify(version, ALICE);
        world.lose(client);
        let client = world.resume(version, ALICE, -1);
        assert_eq!(world.ops(client), [8, 9], "no Ready, no op 4");
        world.send(client, 1, select());
        let ops = world.ops(client);
        assert_eq!(ops[0], 4);
        assert!(ops.contains(&11), "the roster is told with the first op 4");
    }
}

#[test]
fn after_select_protocol_when_its_answer_was_lost() {
    let mut world = World::new();
    let client = world.identify("8", ALICE);
    world.send(client, 1, select());
    world.lose(client);
    let client = world.resume("8", ALICE, -1);
    assert_eq!(
        world.ops(client),
        [8, 9, 15],
        "op 4 is not numbered; only the wants come again"
    );
    world.send(client, 1, select());
    assert_eq!(world.ops(client), [4], "asking again helps");
}

#[test]
fn in_the_middle_of_the_roster() {
    let mut world = World::new();
    world.join("8", BOB);
    world.join("8", CAROL);
    let client = world.identify("8", ALICE);
    world.send(client, 1, select());
    let all: Vec<Value> = world
        .received(client)
        .into_iter()
        .filter(|frame| frame.get("seq").is_some())
        .collect();
    assert_eq!(seqs(&all), (0..8).collect::<Vec<u64>>());
    for seen in -1..8_i64 {
        world.lose(client);
        let client = world.resume("8", ALICE, seen);
        let frames = world.received(client);
        assert_eq!(frames[1], json!({"op": 9, "d": null}));
        let missed = usize::try_from(seen + 1).unwrap();
        assert_eq!(frames[2..], all[missed..], "resumed after {seen}");
        world.lose(client);
    }
}

#[test]
fn nothing_is_lost_whatever_frames_the_network_eats() {
    for seed in 0..50_u64 {
        let mut random = seed;
        let mut chance = |of: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % of
        };
        let mut world = World::new();
        let bob = world.join("8", BOB);
        let mut client = world.join("8", ALICE);
        // 0 was the initial op 15; 1 to 4 the roster.
        let mut last: i64 = 4;
        let mut got = Vec::new();
        for round in 0..60_u64 {
            world.send(bob, 5, json!({"speaking": round % 2 * 4 + 1}));
            world.pass(Duration::from_secs(1));
            world.send(bob, 3, json!({"t": round}));
            let mut take = |world: &mut World, client: ConnectionId, keep: u64| {
                let numbered = world
                    .received(client)
                    .into_iter()
                    .filter(|frame| frame.get("seq").is_some());
                for frame in numbered.take(usize::try_from(keep).unwrap()) {
                    assert_eq!(frame["seq"], last + 1, "seed {seed}: a gap or a repetition");
                    last += 1;
                    got.push(frame["d"]["speaking"].as_u64().unwrap());
                }
                last
            };
            match chance(4) {
                0 => {
                    let keep = chance(3);
                    let seen = take(&mut world, client, keep);
                    world.lose(client);
                    client = world.resume("8", ALICE, seen);
                    assert_eq!(world.close_code(client), None, "seed {seed}");
                }
                1 => {
                    let seen = take(&mut world, client, u64::MAX);
                    world.send(client, 3, json!({"t": 1, "seq_ack": seen}));
                }
                // The frames wait, unread; heartbeats still go out.
                _ => world.send(client, 3, json!({"t": 1})),
            }
        }
        let rest = world
            .received(client)
            .into_iter()
            .filter(|frame| frame.get("seq").is_some());
        got.extend(rest.map(|frame| frame["d"]["speaking"].as_u64().unwrap()));
        let expected: Vec<u64> = (0..60).map(|round| round % 2 * 4 + 1).collect();
        assert_eq!(got, expected, "seed {seed}");
    }
}

#[test]
fn too_far_behind_is_refused_and_a_new_identify_helps() {
    let mut settings = settings();
    settings.limits.replay_messages = 4;
    let mut world = World::with(settings, &[1]);
    let bob = world.join("8", BOB);
    let alice = world.join("8", ALICE);
    world.lose(alice);
    for round in 0..10 {
        world.send(bob, 5, json!({"speaking": round % 2}));
    }
    let refused = world.resume("8", ALICE, 4);
    assert_eq!(world.close_code(refused), Some(4006));
    let never_sent = world.resume("8", ALICE, 400);
    assert_eq!(world.close_code(never_sent), Some(4006));
    let accepted = world.resume("8", ALICE, 10);
    assert_eq!(world.close_code(accepted), None, "a refusal costs nothing");
    assert_eq!(world.ops(accepted), [8, 9, 5, 5, 5, 5]);
    let again = world.identify("8", ALICE);
    assert_eq!(world.close_code(again), None);
}

#[test]
fn versions_without_numbers_are_told_everything_anew() {
    for version in ["3", "4", "7"] {
        let mut world = World::new();
        let bob = world.join("8", BOB);
        let carol = world.join("8", CAROL);
        let alice = world.join(version, ALICE);
        world.lose(alice);
        world.send(bob, 5, json!({"speaking": 1}));
        world.input(Input::Closed {
            connection: carol,
            goodbye: true,
        });
        let alice = world.resume(version, ALICE, 0);
        let frames = world.received(alice);
        assert_eq!(frames[2]["d"], json!({"user_id": CAROL}), "who left meanwhile");
        let wants = usize::from(version >= "5");
        assert_eq!(frames[3 + wants]["d"], json!({"user_ids": [BOB]}));
        let speaking = frames.iter().find(|frame| frame["op"] == 5).unwrap();
        assert_eq!(
            speaking["d"]["speaking"],
            if version == "3" { json!(true) } else { json!(1) }
        );
        assert_eq!(seqs(&frames), Vec::<u64>::new());
    }
}

#[test]
fn a_version_may_change_with_the_socket() {
    let mut world = World::new();
    world.join("8", BOB);
    let alice = world.join("4", ALICE);
    world.lose(alice);
    let alice = world.resume("8", ALICE, -1);
    assert_eq!(world.ops(alice)[1..], [9, 11, 18, 20, 5]);
}

#[test]
fn the_window_ends_after_60_seconds() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.lose(alice);
    world.pass(Duration::from_millis(59_999));
    let alice = world.resume("8", ALICE, 0);
    assert_eq!(world.close_code(alice), None);
    world.lose(alice);
    world.pass(Duration::from_millis(59_999));
    assert_eq!(world.core.stats().sessions, 1, "the window begins anew");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.core.stats().sessions, 0);
    let late = world.resume("8", ALICE, 0);
    assert_eq!(world.close_code(late), Some(4006));
}

#[test]
fn media_are_not_touched_by_a_lost_and_resumed_socket() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.lose(alice);
    world.resume("8", ALICE, 0);
    assert!(world.commands.is_empty(), "{:?}", world.commands);
}

#[test]
fn a_resume_takes_the_session_from_a_socket_that_only_seems_alive() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let old = world.join("8", ALICE);
    world.forget();
    let new = world.resume("8", ALICE, 4);
    assert_eq!(world.close_code(old), Some(4006));
    world.lose(old);
    world.send(bob, 5, json!({"speaking": 1}));
    assert_eq!(
        world.ops(new),
        [8, 9, 5],
        "the end of the old socket means nothing"
    );
    assert_eq!(world.ops(bob), Vec::<u64>::new());
}

#[test]
fn a_missed_heartbeat_can_still_be_resumed() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.pass(Duration::from_secs(30));
    assert_eq!(world.close_code(alice), Some(4009));
    let alice = world.resume("8", ALICE, 0);
    assert_eq!(world.close_code(alice), None);
}

#[test]
fn everything_a_resume_names_must_be_right() {
    let right = json!({"server_id": crate::world::GUILD.to_string(), "channel_id": CHANNEL,
        "session_id": crate::world::session_id(ALICE), "token": crate::world::token(ALICE)});
    for (field, value) in [
        ("server_id", json!("5")),
        ("channel_id", json!("5")),
        ("session_id", json!("5")),
        ("token", json!(crate::world::token(BOB))),
    ] {
        let mut world = World::new();
        world.join("9", BOB);
        let alice = world.join("9", ALICE);
        let mut wrong = right.clone();
        wrong[field] = value;
        let thief = world.open("9");
        world.send(thief, 7, wrong);
        assert_eq!(world.close_code(thief), Some(4006), "{field}");
        assert_eq!(world.close_code(alice), None, "{field}");
    }
}

#[test]
fn acknowledged_messages_are_forgotten() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.join("8", BOB);
    world.send(alice, 3, json!({"t": 1, "seq_ack": 3}));
    world.lose(alice);
    let behind = world.resume("8", ALICE, 2);
    assert_eq!(world.close_code(behind), Some(4006));
    let resumed = world.resume("8", ALICE, 3);
    assert_eq!(world.ops(resumed), [8, 9]);
}

#[test]
fn a_session_that_published_goes_on_publishing() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.send(alice, 5, json!({"speaking": 1}));
    world.lose(alice);
    let bob = world.join("8", BOB);
    assert_eq!(world.ops(bob), Vec::<u64>::new());
    world.forget();
    let bob = world.identify("8", CAROL);
    world.send(bob, 1, select());
    let told = world.received(bob);
    assert!(told.iter().any(|frame| frame["op"] == 5
        && frame["d"]["user_id"] == json!(ALICE)
        && frame["d"]["speaking"] == 1));
    assert!(
        !world
            .commands
            .iter()
            .any(|(_, command)| matches!(command, Command::RemoveMember { .. }))
    );
}

/// Gives a user another right to connect, as after an op 4 of a client that lost its voice server.
fn renew(world: &mut World, user: UserId) -> Value {
    let token = format!("second token of {user}");
    world.reissue(user, |record| record.token = token.clone().into());
    json!({"server_id": GUILD.to_string(), "session_id": session_id(user), "token": token, "seq_ack": -1})
}

#[test]
fn with_a_token_that_nobody_has_used_begins_a_session() {
    let mut world = World::new();
    let first = world.join("8", ALICE);
    world.lose(first);
    let resume = renew(&mut world, ALICE);
    let client = world.open("8");
    world.send(client, 7, resume.clone());
    assert_eq!(world.ops(client), [8, 2], "Ready, as after Identify");
    world.send(client, 1, select());
    assert_eq!(world.ops(client)[0], 4);

    world.lose(client);
    let client = world.open("8");
    world.send(client, 7, resume.clone());
    assert_eq!(world.ops(client)[..2], [8, 9], "now there is something to resume");
    world.lose(client);
    world.pass(settings().limits.resume_window + Duration::from_secs(1));
    let client = world.open("8");
    world.send(client, 7, resume);
    assert_eq!(world.close_code(client), Some(4006), "and now no more");
}

#[test]
fn with_a_new_token_but_for_another_session_is_refused() {
    let mut world = World::new();
    let mut resume = renew(&mut world, ALICE);
    resume["session_id"] = json!("another");
    let client = world.open("8");
    world.send(client, 7, resume);
    assert_eq!(world.close_code(client), Some(4006));
}
