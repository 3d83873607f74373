//! That a member speaks is told sparsely: the first time, and then now and again as long as it goes on.

use std::time::Duration;

use voxhall_sfu::{Event, MediaPermissions};
use voxhall_transport::silence::OPUS_SILENCE;

use crate::common::World;

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

/// How often speech of anybody was told since the last look.
fn told(world: &mut World) -> usize {
    world.settle();
    let told = world.events.iter();
    let told = told.filter(|event| matches!(event, Event::Spoke { .. })).count();
    world.clear();
    told
}

#[test]
fn once_in_thirty_seconds_however_much_is_said() {
    let mut world = World::new();
    let (speaker, _listener) = (world.join(), world.join());
    world.speak(speaker, VOICE);
    assert_eq!(told(&mut world), 1);
    for _ in 0..29 {
        world.run(Duration::from_secs(1));
        world.speak(speaker, VOICE);
    }
    assert_eq!(told(&mut world), 0);
    for _ in 0..60 {
        world.run(Duration::from_secs(1));
        world.speak(speaker, VOICE);
    }
    assert_eq!(told(&mut world), 2);
}

#[test]
fn neither_silence_nor_what_nobody_may_hear_is_speech() {
    let mut world = World::new();
    let (speaker, _listener) = (world.join(), world.join());
    world.speak(speaker, &OPUS_SILENCE);
    assert_eq!(told(&mut world), 0);
    let muted = MediaPermissions {
        speak: false,
        ..MediaPermissions::default()
    };
    world.permit(speaker, muted);
    world.speak(speaker, VOICE);
    assert_eq!(told(&mut world), 0);
    world.permit(speaker, MediaPermissions::default());
    world.speak(speaker, VOICE);
    assert_eq!(told(&mut world), 1);
}
