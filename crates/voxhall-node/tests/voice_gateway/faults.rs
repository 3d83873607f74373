//! What goes wrong on purpose: each fault hits the member it names, and no other.

use std::time::Duration;

use serde_json::json;
use voxhall_live::{FaultKey, FaultKind, FaultRecord, Impairment, LinkState, TicketEnd};
use voxhall_node::core::{Input, TicketKey, WorkerIndex};
use voxhall_protocol::ids::UserId;
use voxhall_sfu::impairment::Direction;
use voxhall_sfu::{Event, MemberId, MemberPosition, WorkerFailure};

use crate::world::{ALICE, BOB, CHANNEL, World};

const HEARTBEAT: u64 = 3;
const HEARTBEAT_ACK: u64 = 6;
const RESUMED: u64 = 9;

fn key(user: UserId, kind: FaultKind) -> FaultKey {
    FaultKey {
        channel: CHANNEL,
        user,
        kind,
    }
}

fn set(world: &mut World, user: UserId, kind: FaultKind, fault: FaultRecord) {
    world.input(Input::Fault(key(user, kind), Box::new(fault)));
}

fn end(world: &mut World, user: UserId, kind: FaultKind) {
    world.input(Input::FaultEnded(key(user, kind)));
}

fn close(code: Option<u16>) -> FaultRecord {
    FaultRecord::Socket {
        code,
        reason: "a test says so".to_owned(),
    }
}

fn loss() -> FaultRecord {
    FaultRecord::Datagrams(Impairment {
        drop: 0.1,
        duplicate: 0.0,
        corrupt: 0.0,
        delay: Duration::from_millis(5),
        jitter: Duration::ZERO,
        bottleneck: None,
        seed: 3,
    })
}

/// What workers were told since the last look: whose datagrams, which way, and the share that is lost.
fn told(world: &mut World) -> Vec<(u64, Direction, Option<f64>)> {
    let told = std::mem::take(&mut world.impairments);
    let short = told.iter().map(|told| {
        let loss = told.link.map(|link| link.conditions.loss);
        (told.member.0, told.direction, loss)
    });
    short.collect()
}

#[test]
fn a_socket_that_is_closed_with_a_code_that_allows_it_can_be_resumed() {
    for code in [Some(4015), Some(1001), None] {
        let mut world = World::new();
        let (alice, bob) = (world.join("8", ALICE), world.join("8", BOB));
        world.forget();
        set(&mut world, ALICE, FaultKind::Socket, close(code));
        assert_eq!(world.close_code(alice), code);
        assert_eq!(
            world.is_cut(alice),
            code.is_none(),
            "no close frame without a code"
        );
        assert_eq!(world.close_code(bob), None);
        assert_eq!(world.ops(bob), [0; 0], "nobody else notices");
        assert_eq!(world.links.last().unwrap().1, Some(LinkState::Detached));
        let again = world.resume("8", ALICE, -1);
        assert!(world.ops(again).contains(&RESUMED), "{code:?}");
    }
}

#[test]
fn a_code_that_ends_the_session_ends_it() {
    let mut world = World::new();
    let (alice, bob) = (world.join("8", ALICE), world.join("8", BOB));
    world.forget();
    set(&mut world, ALICE, FaultKind::Socket, close(Some(4006)));
    assert_eq!(world.close_reason(alice).as_deref(), Some("a test says so"));
    assert_eq!(world.ops(bob), [13]);
    let again = world.resume("8", ALICE, -1);
    assert_eq!(world.close_code(again), Some(4006));
}

#[test]
fn heartbeats_go_unanswered_until_the_fault_ends() {
    let mut world = World::new();
    let (alice, bob) = (world.join("4", ALICE), world.join("4", BOB));
    world.forget();
    set(
        &mut world,
        ALICE,
        FaultKind::HeartbeatAcks,
        FaultRecord::HeartbeatAcks,
    );
    for (client, expected) in [(alice, vec![]), (bob, vec![HEARTBEAT_ACK])] {
        world.send(client, HEARTBEAT, json!(7));
        assert_eq!(world.ops(client), expected);
    }
    world.pass(Duration::from_secs(20));
    world.send(alice, HEARTBEAT, json!(8));
    world.pass(Duration::from_secs(20));
    assert_eq!(
        world.close_code(alice),
        None,
        "the server hears them all the same"
    );
    end(&mut world, ALICE, FaultKind::HeartbeatAcks);
    world.send(alice, HEARTBEAT, json!(9));
    assert_eq!(world.ops(alice), [HEARTBEAT_ACK]);
}

#[test]
fn as_many_resumes_are_refused_as_were_named() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    set(
        &mut world,
        ALICE,
        FaultKind::Resume,
        FaultRecord::Resume { times: 2 },
    );
    world.lose(alice);
    for _ in 0..2 {
        let refused = world.resume("8", ALICE, -1);
        assert_eq!(world.close_code(refused), Some(4006));
    }
    let taken = world.resume("8", ALICE, -1);
    assert_eq!(world.close_code(taken), None);
    assert!(world.ops(taken).contains(&RESUMED));
}

#[test]
fn datagrams_are_impaired_for_whoever_is_there_comes_or_comes_back() {
    let mut world = World::new();
    set(&mut world, ALICE, FaultKind::Upstream, loss());
    assert_eq!(told(&mut world), [], "nobody is there");
    world.join("8", BOB);
    assert_eq!(told(&mut world), [], "not this one");
    world.join("8", ALICE);
    assert_eq!(told(&mut world), [(2, Direction::Up, Some(0.1))]);
    set(&mut world, ALICE, FaultKind::Downstream, loss());
    assert_eq!(told(&mut world), [(2, Direction::Down, Some(0.1))]);
    end(&mut world, ALICE, FaultKind::Upstream);
    assert_eq!(told(&mut world), [(2, Direction::Up, None)]);

    let position = |member| MemberPosition {
        member: MemberId(member),
        next_nonce: 9,
        address: None,
    };
    world.worker(Event::WorkerStopped {
        failure: Some(WorkerFailure::Panic("a bug".into())),
        positions: vec![position(1), position(2)],
    });
    world.input(Input::WorkerRebuilt(WorkerIndex(0)));
    assert_eq!(
        told(&mut world),
        [(2, Direction::Down, Some(0.1))],
        "what still stands"
    );
}

#[test]
fn the_worker_of_the_member_is_told_to_crash() {
    let mut world = World::new();
    set(&mut world, ALICE, FaultKind::Worker, FaultRecord::Worker);
    assert_eq!(world.crashes, [], "nobody is there");
    world.join("8", ALICE);
    set(&mut world, ALICE, FaultKind::Worker, FaultRecord::Worker);
    assert_eq!(world.crashes, [WorkerIndex(0)]);
}

#[test]
fn a_ticket_that_is_dead_but_not_gone_ends_its_connection() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    world.end_ticket(ALICE, TicketEnd::Superseded);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.close_code(alice), Some(4006));
    let last = world.links.last().unwrap();
    assert_eq!(
        *last,
        (
            TicketKey {
                channel: CHANNEL,
                user: ALICE
            },
            Some(LinkState::Gone)
        )
    );
    let again = world.resume("8", ALICE, -1);
    assert_eq!(world.close_code(again), Some(4006));
}
