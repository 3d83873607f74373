//! The jitter buffer in virtual time, behind a network that loses, delays, doubles and reorders by a seed.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use voxhall_media::FRAME_DURATION;
use voxhall_media::jitter::{Inserted, JitterBuffer, JitterConfig, Playout};
use voxhall_media::opus::SILENCE;

/// A packet of 20 ms that is not silence and can be told apart.
fn packet(index: u32) -> Bytes {
    let mut bytes = vec![0xFC];
    bytes.extend_from_slice(&index.to_be_bytes());
    Bytes::from(bytes)
}

fn index_of(playout: &Playout) -> Option<u32> {
    match playout {
        Playout::Packet { frame, .. } => frame.packet()[1..].try_into().ok().map(u32::from_be_bytes),
        Playout::Lost { .. } | Playout::Silence { .. } => None,
    }
}

/// A packet on its way.
struct Flight {
    arrival: Duration,
    sequence: u16,
    timestamp: u32,
    payload: Bytes,
}

/// Twenty packets per 400 ms from `first` on, sent on time.
fn talk(first: u32, count: u32, base: (u16, u32)) -> Vec<Flight> {
    (first..first + count)
        .map(|index| Flight {
            arrival: FRAME_DURATION * index,
            sequence: base.0.wrapping_add(index as u16),
            timestamp: base.1.wrapping_add(index * 960),
            payload: packet(index),
        })
        .collect()
}

/// Lets the flights arrive while pulling once per tick, and returns what was pulled.
fn run(buffer: &mut JitterBuffer, mut flights: Vec<Flight>, ticks: u32) -> Vec<Playout> {
    flights.sort_by_key(|flight| flight.arrival);
    let start = Instant::now();
    let mut flights = flights.into_iter().peekable();
    (0..ticks)
        .map(|tick| {
            let now = FRAME_DURATION * tick;
            while let Some(flight) = flights.next_if(|flight| flight.arrival <= now) {
                buffer.insert(
                    flight.sequence,
                    flight.timestamp,
                    flight.payload,
                    start + flight.arrival,
                );
            }
            buffer.pull()
        })
        .collect()
}

fn played(playouts: &[Playout]) -> Vec<u32> {
    playouts.iter().filter_map(index_of).collect()
}

#[test]
fn a_perfect_network_loses_nothing_and_delays_little() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let playouts = run(&mut buffer, talk(0, 500, (65_500, u32::MAX - 5_000)), 510);
    assert_eq!(played(&playouts), (0..500).collect::<Vec<_>>());
    let first = playouts
        .iter()
        .position(|playout| index_of(playout).is_some())
        .unwrap();
    assert!(first <= 2, "{first} ticks of delay");
    assert_eq!(buffer.stats().lost, 0);
}

#[test]
fn what_is_played_is_in_order_and_once_whatever_the_network_does() {
    for seed in 0..40 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut flights = Vec::new();
        for flight in talk(0, 1_500, (rng.random(), rng.random())) {
            if rng.random_bool(0.1) {
                continue;
            }
            let copies = if rng.random_bool(0.05) { 2 } else { 1 };
            for _ in 0..copies {
                let late = Duration::from_millis(rng.random_range(0..90));
                flights.push(Flight {
                    arrival: flight.arrival + late,
                    payload: flight.payload.clone(),
                    ..flight
                });
            }
        }
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let playouts = run(&mut buffer, flights, 1_600);
        let indices = played(&playouts);
        assert!(
            indices.is_sorted_by(|a, b| a < b),
            "seed {seed}: out of order or doubled"
        );
        assert!(
            indices.len() > 1_500 * 8 / 10,
            "seed {seed}: only {} of about 1350 played",
            indices.len()
        );
        assert!(buffer.depth() <= Duration::from_millis(400), "seed {seed}");
        assert!(
            buffer.target() >= Duration::from_millis(80),
            "seed {seed}: target {:?}",
            buffer.target()
        );
    }
}

#[test]
fn a_lost_packet_is_concealed_with_the_next_one_at_hand() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let flights = talk(0, 50, (7, 7))
        .into_iter()
        .filter(|flight| flight.sequence != 27)
        .collect();
    let playouts = run(&mut buffer, flights, 60);
    let lost: Vec<_> = playouts
        .iter()
        .filter(|playout| matches!(playout, Playout::Lost { .. }))
        .collect();
    assert_eq!(
        lost[0],
        &Playout::Lost {
            samples: 960,
            next: Some(packet(21))
        }
    );
    assert_eq!(buffer.stats().lost, 1);
}

#[test]
fn reordering_within_the_delay_is_healed() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut flights = talk(0, 100, (0, 0));
    for flight in flights.iter_mut().skip(10).step_by(10) {
        flight.arrival += Duration::from_millis(25);
    }
    let playouts = run(&mut buffer, flights, 110);
    assert_eq!(played(&playouts), (0..100).collect::<Vec<_>>());
}

#[test]
fn five_silence_frames_end_the_talk_spurt_without_concealment() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut flights = talk(0, 25, (0, 0));
    for flight in &mut flights[20..] {
        flight.payload = Bytes::from_static(&SILENCE);
    }
    let playouts = run(&mut buffer, flights, 60);
    assert!(
        !playouts
            .iter()
            .any(|playout| matches!(playout, Playout::Lost { .. }))
    );
    assert!(!buffer.is_talking());
    assert_eq!(buffer.stats().played, 25);
}

#[test]
fn a_sender_that_vanishes_is_concealed_for_100_ms() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let playouts = run(&mut buffer, talk(0, 20, (0, 0)), 60);
    let lost = playouts
        .iter()
        .filter(|playout| matches!(playout, Playout::Lost { .. }))
        .count();
    assert_eq!(lost, 5);
    assert!(!buffer.is_talking());
    assert!(matches!(playouts.last(), Some(Playout::Silence { samples: 960 })));
}

#[test]
fn pauses_are_silence_whether_or_not_the_timestamps_run_on() {
    for timestamps_run_on in [true, false] {
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let mut flights = talk(0, 50, (0, 0));
        for (index, flight) in flights.iter_mut().enumerate().skip(25) {
            flight.arrival += Duration::from_secs(3);
            flight.sequence = index as u16;
            if timestamps_run_on {
                flight.timestamp += 3 * 48_000;
            }
        }
        let playouts = run(&mut buffer, flights, 250);
        assert_eq!(played(&playouts), (0..50).collect::<Vec<_>>());
        let resumed = playouts
            .iter()
            .position(|playout| index_of(playout) == Some(25))
            .unwrap();
        assert!((175..=179).contains(&resumed), "resumed at tick {resumed}");
    }
}

#[test]
fn a_short_gap_in_timestamps_alone_is_a_pause_of_that_length() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut flights = talk(0, 20, (0, 0));
    for flight in &mut flights[10..] {
        flight.timestamp += 2 * 960;
    }
    let playouts = run(&mut buffer, flights, 40);
    let at = |index| {
        playouts
            .iter()
            .position(|playout| index_of(playout) == Some(index))
            .unwrap()
    };
    assert_eq!(at(10) - at(9), 3);
    assert_eq!(played(&playouts), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_sender_that_starts_over_is_followed() {
    for base in [(50_000u16, 9_000_000), (3, 9_000_077)] {
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let mut flights = talk(0, 100, (0, 5_000_000));
        flights.extend(talk(100, 100, (base.0.wrapping_sub(100), base.1)));
        let playouts = run(&mut buffer, flights, 220);
        let after = played(&playouts)
            .into_iter()
            .filter(|index| *index >= 100)
            .count();
        assert!(
            after >= 90,
            "{after} packets of the second life with base {base:?}"
        );
        assert_eq!(buffer.stats().restarts, 1);
    }
}

#[test]
fn a_burst_after_a_stall_does_not_leave_a_delay_behind() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut flights = talk(0, 500, (0, 0));
    for flight in &mut flights[100..200] {
        flight.arrival = Duration::from_secs(4);
    }
    run(&mut buffer, flights, 400);
    assert!(
        buffer.depth() <= Duration::from_millis(420),
        "{:?}",
        buffer.depth()
    );
    assert!(buffer.stats().shed > 0);
}

#[test]
fn memory_is_bounded_when_nobody_pulls() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let now = Instant::now();
    for index in 0..10_000u32 {
        buffer.insert(index as u16, index * 960, packet(index), now);
    }
    assert_eq!(buffer.depth(), FRAME_DURATION * 128);
}

#[test]
fn arbitrary_numbers_never_panic_nor_stall_playout() {
    for seed in 0..40 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut buffer = JitterBuffer::new(JitterConfig::default());
        let start = Instant::now();
        for step in 0..3_000u64 {
            let payload: Vec<u8> = (0..rng.random_range(0..6)).map(|_| rng.random()).collect();
            let wild = rng.random_bool(0.2);
            let sequence = if wild { rng.random() } else { step as u16 };
            let timestamp = if rng.random_bool(0.2) {
                rng.random()
            } else {
                step as u32 * 960
            };
            let now = start + Duration::from_millis(rng.random_range(0..60_000));
            buffer.insert(sequence, timestamp, Bytes::from(payload), now);
            let playout = buffer.pull();
            assert!(
                (1..=5_760).contains(&playout.samples()),
                "seed {seed}: {playout:?}"
            );
        }
    }
}

#[test]
fn every_verdict_is_told() {
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let now = Instant::now();
    assert_eq!(buffer.insert(1, 960, Bytes::new(), now), Inserted::Malformed);
    assert_eq!(buffer.insert(10, 9_600, packet(0), now), Inserted::Accepted);
    assert_eq!(buffer.insert(11, 10_560, packet(1), now), Inserted::Accepted);
    assert_eq!(buffer.insert(12, 11_520, packet(2), now), Inserted::Accepted);
    assert_eq!(buffer.insert(10, 9_600, packet(0), now), Inserted::Duplicate);
    assert!(index_of(&buffer.pull()).is_some());
    assert_eq!(buffer.insert(9, 8_640, packet(9), now), Inserted::Late);
    assert_eq!(buffer.insert(30_000, 0, packet(9), now), Inserted::Stray);
    assert_eq!(buffer.insert(30_001, 960, packet(9), now), Inserted::Restarted);
}
