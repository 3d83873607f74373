//! Workers: who gets which, and what happens when one fails.

use std::net::SocketAddr;

use serde_json::json;
use voxhall_node::core::{Input, WorkerIndex};
use voxhall_sfu::{Command, Event, MemberId, MemberPosition, Transport, WorkerFailure};

use crate::world::{ALICE, BOB, CAROL, OTHER_CHANNEL, World, identify, settings, ticket};

fn kinds(commands: &[(WorkerIndex, Command)]) -> Vec<&'static str> {
    let kind = |(_, command): &(WorkerIndex, Command)| match command {
        Command::AddMember { .. } => "add",
        Command::Connect { .. } => "connect",
        Command::SetSources { .. } => "sources",
        Command::SetPayloadTypes { .. } => "payload types",
        Command::SetPermissions { .. } => "permissions",
        Command::Publish { .. } => "publish",
        Command::SetWants { .. } => "wants",
        Command::RemoveMember { .. } => "remove",
    };
    commands.iter().map(kind).collect()
}

fn home() -> SocketAddr {
    "192.0.2.1:5000".parse().unwrap()
}

fn failed(positions: &[(u64, u32)]) -> Event {
    let position = |&(member, next_nonce): &(u64, u32)| MemberPosition {
        member: MemberId(member),
        next_nonce,
        address: Some(home()),
    };
    Event::WorkerStopped {
        failure: Some(WorkerFailure::Panic("a bug".into())),
        positions: positions.iter().map(position).collect(),
    }
}

#[test]
fn a_room_lives_on_one_worker_and_the_next_room_on_the_emptier_one() {
    let mut world = World::with(settings(), &[1, 2]);
    world.identify("8", ALICE);
    world.identify("8", BOB);
    world.input(Input::Ticket(Box::new(ticket(CAROL, OTHER_CHANNEL))));
    let carol = world.open("4");
    world.send(carol, 0, identify(CAROL));
    let added = world
        .commands
        .iter()
        .filter(|(_, command)| matches!(command, Command::AddMember { .. }));
    let workers: Vec<usize> = added.map(|(worker, _)| worker.0).collect();
    assert_eq!(workers, [0, 0, 1]);
    assert_eq!(world.received(carol)[1]["d"]["port"], 2);
}

#[test]
fn a_rebuilt_worker_is_given_its_members_again_and_clients_notice_nothing() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    let bob = world.identify("8", BOB);
    world.send(alice, 12, json!({}));
    world.send(alice, 15, json!({"any": 50}));
    world.forget();
    world.worker(failed(&[(1, 4711)]));
    assert_eq!(world.rebuilds, [WorkerIndex(0)]);
    world.input(Input::WorkerRebuilt(WorkerIndex(0)));
    assert_eq!(
        kinds(&world.commands),
        [
            "add",
            "permissions",
            "add",
            "permissions",
            "connect",
            "publish",
            "wants"
        ],
        "Bob had not selected a protocol"
    );
    let goes_on = world.commands.iter().find_map(|(_, command)| match command {
        Command::Connect {
            transport: Transport::Udp(udp),
            ..
        } => Some((udp.first_nonce, udp.known)),
        _ => None,
    });
    assert_eq!(
        goes_on,
        Some((4711, Some(home()))),
        "no nonce is used twice, and who only listens is found"
    );
    for client in [alice, bob] {
        assert_eq!(world.close_code(client), None);
        assert_eq!(world.ops(client), Vec::<u64>::new());
    }
}

#[test]
fn a_member_whose_nonces_are_not_known_cannot_go_on() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    let bob = world.join("8", BOB);
    world.worker(failed(&[(2, 9)]));
    assert_eq!(world.close_code(alice), Some(4013));
    assert_eq!(world.close_code(bob), None);
    assert_eq!(world.ops(bob), [13]);
}

#[test]
fn a_worker_that_was_asked_to_stop_is_not_rebuilt() {
    let mut world = World::new();
    world.worker(Event::WorkerStopped {
        failure: None,
        positions: Vec::new(),
    });
    assert!(world.rebuilds.is_empty());
}

#[test]
fn losing_a_worker_ends_its_rooms_alone() {
    let mut world = World::with(settings(), &[1, 2]);
    let alice = world.join("8", ALICE);
    world.input(Input::Ticket(Box::new(ticket(CAROL, OTHER_CHANNEL))));
    let carol = world.open("8");
    world.send(carol, 0, identify(CAROL));
    world.input(Input::WorkerLost(WorkerIndex(0)));
    assert_eq!(world.close_code(alice), Some(4013));
    assert_eq!(world.close_code(carol), None);
    let again = world.join("8", ALICE);
    assert_eq!(world.close_code(again), None, "the other worker takes the room");
}
