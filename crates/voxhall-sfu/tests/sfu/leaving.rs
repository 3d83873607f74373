//! When a member leaves: late packets are ignored, its numbers are free, the others do not notice.

use crate::common::{KEYFRAME, ROOM, World, native_codecs};
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::{Command, MemberId, MemberSsrcs, StreamSsrcs, Wants};

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

#[test]
fn late_packets_of_a_session_that_ended_are_ignored() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let late = world.audio_packet(speaker, VOICE);
    world.command(Command::RemoveMember {
        member: world.clients[speaker].id,
    });
    world.send(speaker, late);
    world.discover(speaker);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    assert_eq!(world.stats().dropped_unknown_ssrc, 2);
}

#[test]
fn the_others_go_on_whoever_leaves() {
    for leaver in 0..4 {
        let mut world = World::new();
        let members = [world.join(), world.join(), world.join(), world.join()];
        world.publish(members[3], &[100]);
        world.publish(members[0], &[100]);
        world.command(Command::RemoveMember {
            member: world.clients[leaver].id,
        });
        for speaker in members.into_iter().filter(|&member| member != leaver) {
            world.clear();
            world.speak(speaker, VOICE);
            world.film(speaker, 0, 1, true, KEYFRAME);
            world.settle();
            let films = speaker == members[3] || speaker == members[0];
            for listener in members {
                let expected = if listener == leaver || listener == speaker {
                    0
                } else {
                    1 + usize::from(films)
                };
                let got = world.clients[listener].rtp().len();
                assert_eq!(
                    got, expected,
                    "{leaver} left, {speaker} speaks, {listener} listens"
                );
            }
        }
    }
}

#[test]
fn numbers_of_those_who_left_can_be_given_again() {
    let mut world = World::new();
    let listener = world.join();
    let first = world.join();
    let ssrc = world.clients[first].audio;
    world.command(Command::RemoveMember {
        member: world.clients[first].id,
    });
    world.clients.pop();
    let second = world.join();
    assert_eq!(world.clients[second].audio, ssrc);
    world.speak(second, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].payloads(ssrc).len(), 1);
}

#[test]
fn commands_that_make_no_sense_are_counted_and_change_nothing() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let nobody = MemberId(99);
    world.command(Command::RemoveMember { member: nobody });
    world.command(Command::SetWants {
        member: nobody,
        wants: Wants::any(0),
    });
    let taken = world.clients[speaker].audio;
    let unusable = [
        MemberSsrcs {
            audio: taken,
            streams: Vec::new(),
        },
        MemberSsrcs {
            audio: Ssrc::NONE,
            streams: Vec::new(),
        },
        MemberSsrcs {
            audio: Ssrc(5),
            streams: vec![StreamSsrcs {
                ssrc: Ssrc(5),
                rtx: Ssrc(6),
            }],
        },
        MemberSsrcs {
            audio: Ssrc(50),
            streams: (0..5)
                .map(|i| StreamSsrcs {
                    ssrc: Ssrc(60 + 2 * i),
                    rtx: Ssrc(61 + 2 * i),
                })
                .collect(),
        },
    ];
    for ssrcs in unusable {
        world.command(Command::AddMember {
            member: nobody,
            room: ROOM,
            ssrcs,
        });
    }
    let twice = MemberSsrcs {
        audio: Ssrc(70),
        streams: Vec::new(),
    };
    world.command(Command::AddMember {
        member: world.clients[speaker].id,
        room: ROOM,
        ssrcs: twice,
    });
    assert_eq!(world.stats().commands_ignored, 7);
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}

#[test]
fn publishing_anothers_layer_does_nothing() {
    let mut world = World::new();
    let (victim, thief) = (world.join(), world.join());
    let anothers = world.clients[victim].layers.clone();
    let own = std::mem::replace(&mut world.clients[thief].layers, anothers);
    world.publish(thief, &[100]);
    world.clients[thief].layers = own;
    world.film(victim, 0, 1, true, KEYFRAME);
    world.settle();
    assert_eq!(
        world.clients[thief].rtp().len(),
        0,
        "the victim published nothing"
    );
}

#[test]
fn a_room_ends_with_its_last_member_and_can_begin_again() {
    let mut world = World::new();
    for _ in 0..3 {
        let members = [world.join(), world.join()];
        for member in members {
            world.command(Command::RemoveMember {
                member: world.clients[member].id,
            });
        }
    }
    let mode = EncryptionMode::AeadAes256GcmRtpsize;
    let (speaker, listener) = (
        world.join(),
        world.join_with(ROOM, mode, 0, &native_codecs(), false),
    );
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
}
