//! A whole call on a bad network, many times over with different seeds: what arrives is what was said, by whom it was
//! said, at most once, and only while it was allowed.

use std::collections::HashSet;
use std::time::Duration;

use crate::common::{ROOM, World, native_codecs};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{Command, CoreConfig, MediaPermissions};
use voxhall_sim::Conditions;

const MEMBERS: usize = 5;
const TICKS: u32 = 500;
const TICK: Duration = Duration::from_millis(20);

/// What a member says at a tick: both can be read from it.
fn words(speaker: usize, tick: u32) -> Vec<u8> {
    let mut payload = vec![0x78, speaker as u8];
    payload.extend(tick.to_be_bytes());
    payload
}

fn call(seed: u64) {
    let mut world = World::with(CoreConfig::default(), seed, Conditions::ROUGH);
    // Only the way to the server is bad, so that what clients get shows what the server did.
    let server = world.server;
    world.network.set_link(server, Conditions::PERFECT);
    for member in 0..MEMBERS {
        let mode = EncryptionMode::ALL[member];
        world.join_with(ROOM, mode, 0, &native_codecs(), false);
        // As clients do, until the answer is there.
        while world.clients[member].plain().is_empty() {
            world.discover(member);
            world.run(Duration::from_secs(1));
        }
    }
    let muted = 100..200;
    for tick in 0..TICKS {
        let permissions = MediaPermissions {
            speak: !muted.contains(&tick),
            ..MediaPermissions::default()
        };
        world.permit(0, permissions);
        if tick == 400 {
            world.run(Duration::from_millis(100));
            world.command(Command::RemoveMember {
                member: world.clients[4].id,
            });
        }
        for speaker in 0..MEMBERS {
            world.speak(speaker, &words(speaker, tick));
        }
        world.run(TICK);
    }
    world.run(Duration::from_secs(1));
    for listener in 0..MEMBERS {
        for speaker in (0..MEMBERS).filter(|&speaker| speaker != listener) {
            check(&world, seed, listener, speaker);
        }
    }
}

fn check(world: &World, seed: u64, listener: usize, speaker: usize) {
    let context = format!("seed {seed}, listener {listener}, speaker {speaker}");
    let heard = world.clients[listener].payloads(world.clients[speaker].audio);
    let distinct: HashSet<&Vec<u8>> = heard.iter().collect();
    assert_eq!(distinct.len(), heard.len(), "{context}: something came twice");
    let mut ticks = HashSet::new();
    for payload in &heard {
        let (head, tick) = payload.split_at(2);
        assert_eq!(head, [0x78, speaker as u8], "{context}: words of another");
        ticks.insert(u32::from_be_bytes(tick.try_into().unwrap()));
    }
    let end = if listener == 4 || speaker == 4 { 400 } else { TICKS };
    let said = (0..end)
        .filter(|tick| speaker != 0 || !(98..202).contains(tick))
        .count();
    let arrived = said - (0..end).filter(|tick| !ticks.contains(tick)).count().min(said);
    let share = ticks.len() as f64 / said as f64;
    assert!(share > 0.8, "{context}: {arrived} of {said}");
    if speaker == 0 {
        // Held back at most 70 ms, which is less than four ticks.
        assert!(
            !ticks.iter().any(|tick| (100..196).contains(tick)),
            "{context}: heard while muted"
        );
    }
    assert!(
        ticks.iter().all(|&tick| tick < end),
        "{context}: heard after it left"
    );
}

#[test]
fn whatever_the_network_does() {
    for seed in 1..=8 {
        call(seed);
    }
}
