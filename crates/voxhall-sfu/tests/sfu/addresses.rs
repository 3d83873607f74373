//! Media follows a client to where its packets come from, and nobody else's packets lead it away.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{KEYFRAME, ROOM, World, native_codecs};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{Command, Event, PayloadTypes, Transport, UdpTransport};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

fn elsewhere() -> SocketAddr {
    "198.51.100.9:9999".parse().unwrap()
}

#[test]
fn a_receiver_that_only_asked_for_its_address_is_sent_media() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn a_new_nat_binding_is_followed() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.speak(listener, VOICE);
    world.settle();
    world.clients[listener].address = elsewhere();
    world.speak(listener, VOICE);
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
    let member = world.clients[listener].id;
    assert!(world.events.contains(&Event::AddressChanged {
        member,
        address: elsewhere()
    }));
}

#[test]
fn discovery_moves_nothing_once_media_came() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.speak(listener, VOICE);
    world.settle();
    let home = world.clients[listener].address;
    world.clients[listener].address = elsewhere();
    world.discover(listener);
    world.settle();
    assert_eq!(
        world.clients[listener].plain().len(),
        2,
        "it is answered all the same"
    );
    world.clients[listener].address = home;
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn a_copied_packet_from_elsewhere_moves_nothing() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let packet = world.audio_packet(listener, VOICE);
    world.send(listener, packet.clone());
    world.settle();
    for wait in [Duration::ZERO, Duration::from_millis(200)] {
        world.run(wait);
        world
            .network
            .send(world.now, elsewhere(), world.server, packet.clone());
        world.settle();
    }
    assert_eq!(world.stats().dropped_replayed, 2);
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn an_old_packet_in_a_pause_moves_nothing() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let old = world.audio_packet(listener, VOICE);
    // It got lost, and the stream went far beyond the window.
    world.clients[listener].sequence = world.clients[listener].sequence.wrapping_add(900);
    world.speak(listener, VOICE);
    world.settle();
    world.run(Duration::from_millis(300));
    world.network.send(world.now, elsewhere(), world.server, old);
    world.settle();
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1, "still at home");
}

#[test]
fn control_packets_lead_away_only_from_a_silent_address() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let home = world.clients[listener].address;
    world.speak(listener, VOICE);
    world.settle();
    let report = |world: &mut World| {
        let sender = world.clients[listener].audio;
        world.control(listener, |writer| writer.receiver_report(sender, &[]).unwrap());
        world.settle();
    };
    world.clients[listener].address = elsewhere();
    report(&mut world);
    world.clients[listener].address = home;
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
    world.run(Duration::from_secs(6));
    world.clients[listener].address = elsewhere();
    report(&mut world);
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(
        world.clients[listener].rtp().len(),
        1,
        "the old address said nothing for long"
    );
}

#[test]
fn a_second_socket_for_retransmissions_takes_nothing_away() {
    let mut world = World::new();
    let (publisher, other) = (world.join(), world.join());
    let home = world.clients[publisher].address;
    world.publish(publisher, &[100]);
    world.film(publisher, 0, 1, true, KEYFRAME);
    world.film(publisher, 0, 3, true, KEYFRAME);
    world.settle();
    world.clients[publisher].address = elsewhere();
    world.repair(publisher, 0, 1, 2, KEYFRAME);
    world.settle();
    let ssrc = world.clients[publisher].layers[0];
    assert_eq!(world.clients[other].sequences(ssrc), [1, 3, 2]);
    world.clients[publisher].address = home;
    world.clear();
    world.speak(other, VOICE);
    world.settle();
    assert_eq!(world.clients[publisher].rtp().len(), 1);
}

#[test]
fn the_address_of_op_1_chooses_between_known_ones_and_is_never_sent_to_by_itself() {
    let mut world = World::new();
    let speaker = world.join();
    let listener = world.add(ROOM, 0, MODE);
    let transport = UdpTransport {
        hint: Some(elsewhere()),
        ..world.transport(listener)
    };
    let member = world.clients[listener].id;
    world.command(Command::Connect {
        member,
        transport: Transport::Udp(transport),
        payload_types: PayloadTypes::from_codecs(&native_codecs()),
        dave: false,
    });
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(
        world.network.counts().sent,
        3,
        "discovery and its answer, and the packet"
    );
    world.discover(listener);
    world.settle();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn a_receiver_that_a_failed_worker_had_found_is_sent_media_by_the_next() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let found = world.core.positions();
    let member = world.clients[listener].id;
    let found = found.iter().find(|position| position.member == member);
    let known = found.and_then(|position| position.address);
    assert_eq!(known, Some(world.clients[listener].address));

    let mut world = World::new();
    let (speaker_again, listener) = (world.join(), world.add(ROOM, 0, MODE));
    assert_eq!(speaker_again, speaker);
    let transport = UdpTransport {
        known,
        ..world.transport(listener)
    };
    let member = world.clients[listener].id;
    world.command(Command::Connect {
        member,
        transport: Transport::Udp(transport),
        payload_types: PayloadTypes::from_codecs(&native_codecs()),
        dave: false,
    });
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(
        world.clients[listener].rtp().len(),
        1,
        "though it has not said a word"
    );
    world.clients[listener].address = elsewhere();
    world.speak(listener, VOICE);
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(
        world.clients[listener].rtp().len(),
        1,
        "its own packets still decide"
    );
}
