//! What one member says, all others of its room hear, each in its own encryption and its own numbers.

use crate::common::{ROOM, World, codec, native_codecs};
use voxhall_protocol::voice::{CodecName, EncryptionMode};
use voxhall_sfu::{Event, RoomId};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{PacketKind, PayloadType, SequenceNumber};

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a, 0x2b, 0x3c];

#[test]
fn everybody_else_in_the_room_hears_it() {
    let mut world = World::new();
    let (speaker, left, right) = (world.join(), world.join(), world.join());
    let stranger = world.join_with(RoomId(2), EncryptionMode::AeadAes256GcmRtpsize, 0, &[], false);
    world.speak(speaker, VOICE);
    world.settle();
    let ssrc = world.clients[speaker].audio;
    assert_eq!(world.clients[left].payloads(ssrc), [VOICE]);
    assert_eq!(world.clients[right].payloads(ssrc), [VOICE]);
    assert_eq!(world.clients[speaker].rtp().len(), 0, "not oneself");
    assert_eq!(world.clients[stranger].rtp().len(), 0, "not another room");
}

#[test]
fn every_mode_speaks_to_every_mode() {
    let mut world = World::new();
    let members: Vec<usize> = EncryptionMode::ALL
        .map(|mode| world.join_with(ROOM, mode, 0, &[], false))
        .to_vec();
    for &speaker in &members {
        world.clear();
        world.speak(speaker, VOICE);
        world.settle();
        let ssrc = world.clients[speaker].audio;
        for &listener in members.iter().filter(|&&listener| listener != speaker) {
            let modes = (world.clients[speaker].mode, world.clients[listener].mode);
            assert_eq!(world.clients[listener].payloads(ssrc), [VOICE], "{modes:?}");
        }
    }
}

#[test]
fn header_fields_pass_and_the_payload_type_is_the_listeners() {
    let mut world = World::new();
    let speaker = world.join();
    let codecs = [codec(CodecName::Opus, 111, None)];
    let listener = world.join_with(
        ROOM,
        EncryptionMode::AeadXchacha20Poly1305Rtpsize,
        0,
        &codecs,
        false,
    );
    let header = RtpHeader {
        marker: true,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(77),
        timestamp: 123_456,
        ssrc: world.clients[speaker].audio,
    };
    // Audio level, speaker flags.
    let extensions = [0xbe, 0xde, 0, 1, 0x10, 0x9e, 0x90, 0x02];
    let datagram = world.clients[speaker].seal(header, &extensions, VOICE);
    world.send(speaker, datagram);
    world.settle();
    let heard = world.clients[listener].rtp();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].marker());
    assert_eq!(heard[0].payload_type().number(), 111);
    assert_eq!(heard[0].sequence_number(), SequenceNumber(77));
    assert_eq!(heard[0].timestamp(), 123_456);
    assert_eq!(heard[0].header()[12..], extensions);
}

#[test]
fn padding_is_removed() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let ssrc = world.clients[speaker].audio;
    let mut packet = vec![0xa0, 120, 0, 9, 0, 0, 0, 1];
    packet.extend(ssrc.0.to_be_bytes());
    packet.extend(VOICE);
    packet.extend([0, 0, 3]);
    let datagram = world.clients[speaker].seal_bytes(PacketKind::Rtp, &packet);
    world.send(speaker, datagram);
    world.settle();
    let heard = world.clients[listener].rtp();
    assert_eq!(heard[0].as_bytes()[0], 0x80);
    assert_eq!(heard[0].payload(), VOICE);
    assert_eq!(heard[0].as_bytes().len(), 12 + VOICE.len());
}

#[test]
fn the_publishers_transport_numbers_stay_here() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(1),
        timestamp: 1,
        ssrc: world.clients[speaker].audio,
    };
    let extensions = [0xbe, 0xde, 0, 2, 0x10, 0x9e, 0x51, 0x02, 0x01, 0x90, 0x02, 0x00];
    let datagram = world.clients[speaker].seal(header, &extensions, VOICE);
    world.send(speaker, datagram);
    world.settle();
    let heard = world.clients[listener].rtp();
    assert_eq!(
        heard[0].header()[12..],
        [0xbe, 0xde, 0, 1, 0x10, 0x9e, 0x90, 0x02]
    );
    assert_eq!(heard[0].payload(), VOICE);
}

#[test]
fn media_tells_the_node_that_its_sender_is_connected_once() {
    let mut world = World::new();
    let speaker = world.add(ROOM, 0, EncryptionMode::AeadAes256GcmRtpsize);
    world.connect(speaker, &native_codecs(), false);
    for _ in 0..3 {
        world.speak(speaker, VOICE);
    }
    world.settle();
    let (member, address) = (world.clients[speaker].id, world.clients[speaker].address);
    let connected = Event::MediaConnected { member, address };
    assert_eq!(world.events, [connected, Event::Spoke { member }]);
}

#[test]
fn a_new_key_begins_a_new_life() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.speak(speaker, VOICE);
    world.settle();
    let old = world.audio_packet(speaker, VOICE);
    world.clients[speaker].mode = EncryptionMode::AeadXchacha20Poly1305Rtpsize;
    let cipher = voxhall_transport::Cipher::new(world.clients[speaker].mode, &world.transport(speaker).key);
    world.clients[speaker].sealer = voxhall_transport::Sealer::client(cipher, [0; 24]);
    world.connect(speaker, &native_codecs(), false);
    world.clear();
    world.send(speaker, old);
    world.clients[speaker].sequence = 3;
    world.speak(speaker, VOICE);
    world.settle();
    let ssrc = world.clients[speaker].audio;
    assert_eq!(world.clients[listener].payloads(ssrc).len(), 1);
    assert_eq!(
        world.stats().dropped_forged,
        1,
        "what was sealed with the old key"
    );
}
