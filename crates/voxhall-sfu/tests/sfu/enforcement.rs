//! What a member may not say, nobody hears; what it may not or will not hear, it is not sent.

use std::time::Duration;

use crate::common::{DELTA, KEYFRAME, ROOM, World, native_codecs};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{MediaPermissions, Wants};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::silence::OPUS_SILENCE;
use voxhall_transport::{PayloadType, SequenceNumber};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];
/// A frame encrypted end to end.
const SECRET: &[u8] = &[0x11, 0x22, 0x33, 0xfa, 0xfa];

#[test]
fn a_muted_member_is_not_heard_until_it_may_speak_again() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.permit(
        speaker,
        MediaPermissions {
            speak: false,
            ..MediaPermissions::default()
        },
    );
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    assert_eq!(world.stats().dropped_not_permitted, 1);
    world.permit(speaker, MediaPermissions::default());
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn a_deafened_member_is_sent_no_audio_and_is_heard() {
    let mut world = World::new();
    let (speaker, deaf) = (world.join(), world.join());
    world.permit(
        deaf,
        MediaPermissions {
            hear: false,
            ..MediaPermissions::default()
        },
    );
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[deaf].rtp().len(), 0);
    assert_eq!(
        world.stats().sent,
        world.stats().discovery,
        "nothing at all was sent"
    );
    world.speak(deaf, VOICE);
    world.settle();
    assert_eq!(world.clients[speaker].rtp().len(), 1);
}

#[test]
fn video_needs_permission_and_an_announcement() {
    let mut world = World::new();
    let (publisher, viewer) = (world.join(), world.join());
    world.film(publisher, 0, 1, true, KEYFRAME);
    world.settle();
    assert_eq!(world.clients[viewer].rtp().len(), 0, "no op 12 came");
    world.publish(publisher, &[100]);
    world.film(publisher, 0, 2, true, KEYFRAME);
    world.settle();
    assert_eq!(world.clients[viewer].rtp().len(), 1);
    world.permit(
        publisher,
        MediaPermissions {
            video: false,
            ..MediaPermissions::default()
        },
    );
    world.film(publisher, 0, 3, true, DELTA);
    world.settle();
    assert_eq!(world.clients[viewer].rtp().len(), 1);
    world.permit(publisher, MediaPermissions::default());
    world.publish(publisher, &[0]);
    world.film(publisher, 0, 4, true, DELTA);
    world.settle();
    assert_eq!(world.clients[viewer].rtp().len(), 1, "the layer is paused");
    assert_eq!(world.stats().dropped_not_permitted, 3);
}

#[test]
fn nothing_passes_before_op_1() {
    let mut world = World::new();
    let listener = world.join();
    let early = world.add(ROOM, 0, MODE);
    world.speak(early, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    assert_eq!(world.stats().dropped_not_connected, 1);
}

#[test]
fn nobody_speaks_with_anothers_ssrc() {
    let mut world = World::new();
    let (victim, thief, listener) = (world.join(), world.join(), world.join());
    world.clients[thief].audio = world.clients[victim].audio;
    world.speak(thief, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    assert_eq!(world.stats().dropped_forged, 1);
}

#[test]
fn only_payload_types_that_were_named_pass() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    for payload_type in [crate::common::H264, 111, 96] {
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::new(payload_type).unwrap(),
            sequence_number: SequenceNumber(u16::from(payload_type)),
            timestamp: 1,
            ssrc: world.clients[speaker].audio,
        };
        let datagram = world.clients[speaker].seal(header, &[], VOICE);
        world.send(speaker, datagram);
    }
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    assert_eq!(world.stats().dropped_unknown_payload_type, 3);
}

#[test]
fn a_listener_that_wants_nobody_or_not_this_one_is_not_sent_audio() {
    let mut world = World::new();
    let (speaker, listener, other) = (world.join(), world.join(), world.join());
    let ssrc = world.clients[speaker].audio;
    world.want(listener, Wants::default().with_quality(ssrc, 0));
    world.speak(speaker, VOICE);
    world.speak(other, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].payloads(ssrc).len(), 0);
    assert_eq!(world.clients[listener].rtp().len(), 1, "the other is heard");
    world.want(listener, Wants::any(0).with_quality(ssrc, 100));
    world.clear();
    world.speak(speaker, VOICE);
    world.speak(other, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].payloads(ssrc).len(), 1);
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn frames_encrypted_end_to_end_go_to_those_who_can_open_them() {
    let mut world = World::new();
    let speaker = world.join_with(ROOM, MODE, 0, &[], true);
    let member = world.join_with(ROOM, MODE, 0, &[], true);
    let outsider = world.join();
    let ssrc = world.clients[speaker].audio;
    for payload in [SECRET, &OPUS_SILENCE, VOICE] {
        world.speak(speaker, payload);
    }
    world.settle();
    assert_eq!(world.clients[member].payloads(ssrc).len(), 3);
    assert_eq!(
        world.clients[outsider].payloads(ssrc),
        [OPUS_SILENCE.to_vec(), VOICE.to_vec()]
    );
    let plain = world.clients[outsider].audio;
    world.speak(outsider, SECRET);
    world.settle();
    assert_eq!(
        world.clients[member].payloads(plain).len(),
        1,
        "its session does not encrypt: this is chance"
    );
}

#[test]
fn encrypted_video_is_withheld_from_the_first_packet_on() {
    let mut world = World::new();
    let publisher = world.join_with(ROOM, MODE, 1, &native_codecs(), true);
    let outsider = world.join();
    let ssrc = world.clients[publisher].layers[0];
    world.publish(publisher, &[100]);
    world.film(publisher, 0, 1, false, KEYFRAME);
    world.film(publisher, 0, 2, true, SECRET);
    world.film(publisher, 0, 3, false, DELTA);
    world.film(publisher, 0, 4, true, SECRET);
    world.settle();
    assert_eq!(world.clients[outsider].payloads(ssrc).len(), 0);
    world.film(publisher, 0, 5, true, DELTA);
    world.film(publisher, 0, 6, true, KEYFRAME);
    world.settle();
    assert_eq!(
        world.clients[outsider].payloads(ssrc).len(),
        2,
        "the call went back to version 0"
    );
}

#[test]
fn a_datagram_longer_than_an_ethernet_frame_is_dropped() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    world.speak(speaker, &[0x55; 1500 - 12 - 20]);
    world.speak(speaker, &[0x55; 1501 - 12 - 20]);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
    assert_eq!(world.stats().dropped_malformed, 1);
}

#[test]
fn a_member_cannot_flood_the_others_with_sound_or_reports() {
    let mut world = World::new();
    let (flooder, listener) = (world.join(), world.join());
    world.clear();
    let audio = world.clients[flooder].audio;
    for _ in 0..3000 {
        world.speak(flooder, b"noise");
        world.settle();
    }
    assert_eq!(world.clients[listener].payloads(audio).len(), 1000);
    let dropped = world.stats().dropped_rate_limited;
    world.control(flooder, |writer| writer.source_description(audio, "").unwrap());
    world.settle();
    assert_eq!(world.stats().dropped_rate_limited, dropped + 1);
    // Others may speak, and so may it when it is sensible again.
    world.clear();
    let other = world.clients[listener].audio;
    for _ in 0..100 {
        world.run(Duration::from_millis(20));
        world.speak(flooder, b"word");
        world.speak(listener, b"word");
    }
    world.settle();
    assert_eq!(world.clients[listener].payloads(audio).len(), 100);
    assert_eq!(world.clients[flooder].payloads(other).len(), 100);
}
