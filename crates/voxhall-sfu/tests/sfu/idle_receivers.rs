//! Who is silent on UDP for five minutes is sent nothing, until it says anything at all.

use std::time::Duration;

use crate::common::World;
use voxhall_sfu::Event;

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

#[test]
fn media_pauses_and_goes_on() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    let member = world.clients[listener].id;
    for _ in 0..310 {
        world.run(Duration::from_secs(1));
        world.speak(speaker, VOICE);
    }
    world.settle();
    assert!(world.events.contains(&Event::MediaIdle { member }));
    let heard = world.clients[listener].rtp().len();
    assert!((299..=306).contains(&heard), "{heard}");
    world.clear();
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 0);
    // Four bytes of a library's keep-alive.
    world.send(listener, 1016_u32.to_be_bytes().to_vec());
    world.speak(speaker, VOICE);
    world.settle();
    assert_eq!(world.clients[listener].rtp().len(), 1);
    assert_eq!(world.events, [Event::MediaResumed { member }]);
}

#[test]
fn a_keep_alive_every_five_seconds_is_enough() {
    let mut world = World::new();
    let (_, listener) = (world.join(), world.join());
    let member = world.clients[listener].id;
    for counter in 0..100_u64 {
        world.run(Duration::from_secs(5));
        world.send(listener, counter.to_le_bytes().to_vec());
    }
    world.settle();
    assert!(!world.events.contains(&Event::MediaIdle { member }));
}

#[test]
fn an_empty_worker_needs_no_timer() {
    let mut world = World::new();
    assert_eq!(world.core.poll_timeout(), None);
    let member = world.join();
    assert!(world.core.poll_timeout().is_some());
    world.command(voxhall_sfu::Command::RemoveMember {
        member: world.clients[member].id,
    });
    assert_eq!(world.core.poll_timeout(), None);
}

#[test]
fn a_media_or_control_packet_ends_the_pause_as_well() {
    for control in [false, true] {
        let mut world = World::new();
        let (speaker, listener) = (world.join(), world.join());
        world.speak(listener, VOICE);
        world.run(Duration::from_secs(306));
        world.clear();
        if control {
            let sender = world.clients[listener].audio;
            world.control(listener, |writer| writer.receiver_report(sender, &[]).unwrap());
        } else {
            world.speak(listener, VOICE);
        }
        world.speak(speaker, VOICE);
        world.settle();
        assert_eq!(world.clients[listener].rtp().len(), 1, "control {control}");
        let member = world.clients[listener].id;
        assert!(
            world.events.contains(&Event::MediaResumed { member }),
            "control {control}"
        );
    }
}
