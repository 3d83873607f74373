//! What changes of tickets do to sessions, and what is written about sessions.

use std::time::Duration;

use serde_json::json;
use voxhall_live::LinkState;
use voxhall_node::core::{Input, TicketKey};
use voxhall_sfu::{Command, Event, MemberId};

use crate::world::{ALICE, BOB, CHANNEL, World, identify, select};

const CONNECTED: Option<LinkState> = Some(LinkState::Connected);
const DETACHED: Option<LinkState> = Some(LinkState::Detached);
const GONE: Option<LinkState> = Some(LinkState::Gone);
const KEY: TicketKey = TicketKey {
    channel: CHANNEL,
    user: ALICE,
};

#[test]
fn permissions_reach_the_worker_at_once() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.reissue(ALICE, |ticket| ticket.permissions.speak = false);
    let [(_, Command::SetPermissions { permissions, .. })] = &world.commands[..] else {
        panic!("{:?}", world.commands);
    };
    assert!(!permissions.speak && permissions.hear && permissions.video);
    assert_eq!(world.close_code(alice), None);
    world.forget();
    world.reissue(ALICE, |ticket| ticket.permissions.speak = false);
    assert!(world.commands.is_empty(), "nothing changed");
}

#[test]
fn flags_are_told_to_the_others() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    world.join("8", ALICE);
    world.reissue(ALICE, |ticket| ticket.flags = 5);
    let told = world.received(bob);
    assert_eq!((told.len(), &told[0]["op"]), (1, &json!(18)));
    assert_eq!(told[0]["d"], json!({"user_id": ALICE, "flags": 5}));
}

#[test]
fn a_new_token_replaces_the_connection_without_hurry() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let old = world.join("8", ALICE);
    world.forget();
    world.reissue(ALICE, |ticket| ticket.token = "fresh".into());
    assert_eq!(world.ops(bob), [13]);
    assert_eq!(world.links, [(KEY, GONE)]);
    assert_eq!(
        world.close_code(old),
        None,
        "the client gets a second to leave by itself"
    );
    let new = world.open("8");
    let mut said = identify(ALICE);
    said["token"] = json!("fresh");
    world.send(new, 0, said);
    world.send(new, 1, select());
    assert_eq!(world.ops(bob), [11, 18, 20]);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.close_code(old), Some(4014));
    assert_eq!(world.close_code(new), None);
    assert_eq!(world.links, [(KEY, GONE), (KEY, CONNECTED)]);
}

#[test]
fn a_client_that_leaves_by_itself_in_time_is_not_bothered() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.input(Input::TicketDeleted(KEY));
    world.input(Input::Closed {
        connection: alice,
        goodbye: true,
    });
    world.pass(Duration::from_secs(5));
    assert_eq!(world.close_code(alice), None);
    assert_eq!(world.links, [(KEY, GONE), (KEY, None)]);
}

#[test]
fn a_deleted_ticket_disconnects() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.input(Input::TicketDeleted(KEY));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.close_code(alice), Some(4014));
    let again = world.open("8");
    world.send(again, 0, identify(ALICE));
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.close_code(again),
        Some(4011),
        "no ticket names the server any more"
    );
}

#[test]
fn links_tell_how_the_connection_stands() {
    let mut world = World::new();
    let alice = world.identify("8", ALICE);
    assert_eq!(world.links, [(KEY, CONNECTED)]);
    world.lose(alice);
    assert_eq!(world.links.last(), Some(&(KEY, DETACHED)));
    world.resume("8", ALICE, -1);
    assert_eq!(world.links.last(), Some(&(KEY, CONNECTED)));
    let newer = world.open("8");
    world.send(newer, 0, identify(ALICE));
    assert_eq!(
        world.links.last(),
        Some(&(KEY, CONNECTED)),
        "replacing is no leaving"
    );
    world.lose(newer);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.links[3..], [(KEY, CONNECTED), (KEY, DETACHED), (KEY, GONE)]);
}

#[test]
fn the_link_counts_how_often_speech_was_noted() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    let member = MemberId(1);
    world.worker(Event::Spoke { member });
    world.worker(Event::Spoke { member });
    assert_eq!(world.links, [(KEY, CONNECTED), (KEY, CONNECTED)]);
    world.lose(alice);
    world.worker(Event::Spoke { member });
    assert_eq!(world.links[2..], [(KEY, DETACHED), (KEY, DETACHED)]);
    assert_eq!(world.spoke, [1, 2, 2, 3]);
    world.worker(Event::Spoke { member: MemberId(99) });
    assert_eq!(world.spoke.len(), 4, "nobody's speech");
}

#[test]
fn another_server_is_not_known_by_this_ones_tickets() {
    let mut world = World::new();
    world.reissue(ALICE, |ticket| ticket.server_id = 42);
    let alice = world.open("8");
    world.send(alice, 0, identify(ALICE));
    assert_eq!(world.close_code(alice), Some(4011));
    let again = world.open("8");
    let mut said = identify(ALICE);
    said["server_id"] = json!(42);
    world.send(again, 0, said);
    assert_eq!(world.close_code(again), None);
}
