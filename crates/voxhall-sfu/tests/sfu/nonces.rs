//! No nonce is used twice: not by the two directions, not after a rebuild, not beyond the end.

use std::time::Duration;

use crate::common::{ROOM, World, native_codecs};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{Command, Event, PayloadTypes, Transport, UdpTransport};
use voxhall_transport::crypto::ServerNonces;

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

fn connect_at(world: &mut World, client: usize, first_nonce: u32) {
    let transport = UdpTransport {
        first_nonce,
        ..world.transport(client)
    };
    let member = world.clients[client].id;
    let payload_types = PayloadTypes::from_codecs(&native_codecs());
    world.command(Command::Connect {
        member,
        transport: Transport::Udp(transport),
        payload_types,
        dave: false,
    });
}

fn next_nonce(world: &World, client: usize) -> Option<u32> {
    let member = world.clients[client].id;
    let positions = world.core.positions();
    let position = positions.iter().find(|position| position.member == member);
    position.map(|position| position.next_nonce)
}

#[test]
fn positions_tell_where_a_rebuilt_worker_has_to_begin() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    for _ in 0..5 {
        world.speak(speaker, VOICE);
    }
    world.settle();
    assert_eq!(next_nonce(&world, listener), Some(5));
    connect_at(&mut world, listener, 5);
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(next_nonce(&world, listener), Some(6));
}

#[test]
fn the_node_is_told_before_the_end_and_nothing_is_sent_after_it() {
    let mut world = World::new();
    let speaker = world.join();
    let listener = world.add(ROOM, 0, MODE);
    world.discover(listener);
    connect_at(&mut world, listener, ServerNonces::COUNT - 3);
    world.settle();
    world.run(Duration::from_secs(6));
    let member = world.clients[listener].id;
    let told = world
        .events
        .iter()
        .filter(|&event| *event == Event::NonceExhausted { member });
    assert_eq!(told.count(), 1);
    for _ in 0..10 {
        world.speak(speaker, VOICE);
    }
    world.settle();
    world.run(Duration::from_secs(20));
    assert_eq!(world.clients[listener].rtp().len(), 3);
}
