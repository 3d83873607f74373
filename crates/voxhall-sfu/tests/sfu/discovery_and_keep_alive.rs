//! What anybody may ask of the port: one's address, and whether it is still there.

use std::time::Duration;

use crate::common::{ROOM, World};
use voxhall_protocol::discovery::{Form, Request};
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::CoreConfig;
use voxhall_sim::Conditions;

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;

fn legacy_world() -> World {
    let config = CoreConfig {
        legacy_discovery: true,
        ..CoreConfig::default()
    };
    World::with(config, 1, Conditions::PERFECT)
}

#[test]
fn discovery_is_answered_with_the_source_as_soon_as_ready_went_out() {
    let mut world = World::new();
    let client = world.add(ROOM, 0, MODE);
    world.discover(client);
    world.settle();
    let replies = world.clients[client].plain();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].len(), 74);
    assert_eq!(replies[0][..8], [0, 2, 0, 70, 0, 0, 3, 0xe8]);
    assert!(replies[0][8..].starts_with(b"10.0.0.1\0"));
    assert_eq!(replies[0][72..], 4000_u16.to_be_bytes());
}

#[test]
fn discovery_is_answered_again_and_after_op_1() {
    let mut world = World::new();
    let client = world.join();
    world.clear();
    world.discover(client);
    world.discover(client);
    world.settle();
    assert_eq!(world.clients[client].plain().len(), 2);
}

#[test]
fn an_unknown_ssrc_gets_no_answer() {
    let mut world = World::new();
    let client = world.add(ROOM, 0, MODE);
    world.send(client, Request::new(Ssrc(77)).encode().to_vec());
    world.settle();
    assert_eq!(world.clients[client].plain().len(), 0);
    assert_eq!(world.stats().dropped_unknown_ssrc, 1);
}

#[test]
fn the_older_forms_are_answered_where_they_are_allowed() {
    for form in [Form::Legacy, Form::Hybrid] {
        let mut strict = World::new();
        let client = strict.add(ROOM, 0, MODE);
        strict.send(
            client,
            Request {
                form,
                ssrc: strict.clients[client].audio,
            }
            .encode()
            .to_vec(),
        );
        strict.settle();
        assert_eq!(strict.clients[client].plain().len(), 0, "{form:?}");

        let mut world = legacy_world();
        let client = world.add(ROOM, 0, MODE);
        world.send(
            client,
            Request {
                form,
                ssrc: world.clients[client].audio,
            }
            .encode()
            .to_vec(),
        );
        world.settle();
        let replies = world.clients[client].plain();
        assert_eq!(replies.len(), 1, "{form:?}");
        assert_eq!(replies[0].len(), 70);
        assert!(replies[0][4..].starts_with(b"10.0.0.1\0"));
        assert_eq!(replies[0][68..], 4000_u16.to_be_bytes());
    }
}

#[test]
fn pings_are_answered_counters_echoed_and_noise_swallowed() {
    let mut world = World::new();
    let client = world.join();
    world.clear();
    let counter = [5, 0, 0, 0, 0, 0, 0, 0];
    for datagram in [
        vec![0x13, 0x37, 0xca, 0xfe, 1, 2, 3, 4],
        counter.to_vec(),
        1000_u32.to_be_bytes().to_vec(),
        vec![0xc9, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0x80, 0xc8, 0, 0],
    ] {
        world.send(client, datagram);
    }
    world.settle();
    let replies = [vec![0x13, 0x37, 0xf0, 0x0d, 1, 2, 3, 4], counter.to_vec()];
    assert_eq!(world.clients[client].plain(), replies);
    assert_eq!(world.stats().keep_alive, 5);
    assert_eq!(world.stats().dropped_malformed, 0);
}

#[test]
fn a_stranger_that_floods_gets_a_bounded_number_of_answers() {
    let mut world = World::new();
    world.join();
    let stranger = world.add(ROOM, 0, MODE);
    for _ in 0..1000 {
        world.send(stranger, vec![9; 8]);
    }
    world.settle();
    let answered = world.clients[stranger].plain().len();
    assert!((50..200).contains(&answered), "{answered}");
    assert_eq!(world.stats().dropped_rate_limited, 1000 - answered as u64);
    world.run(Duration::from_secs(10));
    world.clear();
    world.discover(stranger);
    world.settle();
    assert_eq!(world.clients[stranger].plain().len(), 1, "later it may again");
}
