//! An Identify that comes before its ticket waits for it, briefly, and not in any number.

use std::time::Duration;

use serde_json::json;
use voxhall_node::Limits;
use voxhall_node::core::Settings;

use crate::world::{ALICE, BOB, PORT, World, identify, select, settings};

#[test]
fn the_ticket_comes_and_the_client_is_let_in() {
    let mut world = World::new();
    let alice = world.open("8");
    world.send(alice, 0, identify(ALICE));
    assert_eq!(world.ops(alice), [8], "Hello and no more");
    world.pass(Duration::from_millis(900));
    world.issue(BOB);
    assert_eq!(world.close_code(alice), None);
    assert_eq!(world.ops(alice), [0_u64; 0], "somebody else's ticket");
    world.issue(ALICE);
    assert_eq!(world.ops(alice), [2]);
    world.send(alice, 1, select());
    assert_eq!(world.ops(alice)[0], 4);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.close_code(alice), None, "nothing is overdue any more");
}

#[test]
fn a_ticket_that_does_not_fit_refuses_at_once() {
    let mut world = World::new();
    let alice = world.open("8");
    world.send(alice, 0, identify(ALICE));
    world.reissue(ALICE, |ticket| ticket.session_id = "another".to_owned());
    assert_eq!(world.close_code(alice), Some(4006));
}

#[test]
fn nothing_comes_and_the_client_is_refused() {
    let mut world = World::new();
    world.issue(BOB);
    let alice = world.open("8");
    world.send(alice, 0, identify(ALICE));
    world.pass(Duration::from_millis(999));
    assert_eq!(world.close_code(alice), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.close_code(alice), Some(4006));
}

#[test]
fn few_may_wait_and_who_leaves_makes_room() {
    let limits = Limits {
        early_identifies: 1,
        ..Limits::default()
    };
    let mut world = World::with(Settings { limits, ..settings() }, &[PORT]);
    let first = world.open("8");
    world.send(first, 0, identify(ALICE));
    let second = world.open("8");
    world.send(second, 0, identify(BOB));
    assert_eq!(world.close_code(second), Some(4011), "no room to wait in");
    world.lose(first);
    let third = world.open("8");
    world.send(third, 0, identify(BOB));
    assert_eq!(world.close_code(third), None);
    world.issue(BOB);
    world.received(third);
    world.send(third, 1, select());
    assert_eq!(world.ops(third)[0], 4);
}

#[test]
fn who_waits_may_only_keep_its_heart_beating() {
    for (op, data, code) in [
        (0, identify(ALICE), 4005),
        (1, select(), 4003),
        (99, json!({}), 4001),
    ] {
        let mut world = World::new();
        let alice = world.open("8");
        world.send(alice, 0, identify(ALICE));
        world.received(alice);
        world.send(alice, 3, json!({"t": 5, "seq_ack": 0}));
        assert_eq!(world.ops(alice), [6]);
        world.send(alice, op, data);
        assert_eq!(world.close_code(alice), Some(code));
        world.issue(ALICE);
        assert_eq!(world.core.stats().sessions, 0);
    }
}
