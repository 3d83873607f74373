//! Hostile input: nothing panics, the sender is closed with the right code or ignored, other rooms notice nothing.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::{Value, json};
use voxhall_node::core::{ConnectionId, Input};

use crate::world::{ALICE, BOB, CAROL, OTHER_CHANNEL, World, identify, select, ticket};

const ROUNDS: u64 = 1_000;

/// What a client could say, to be mutilated.
fn seeds() -> Vec<String> {
    let video = json!({"audio_ssrc": 1, "video_ssrc": 2, "rtx_ssrc": 3, "streams": [{"type": "video", "rid": "100",
        "ssrc": 2, "active": true, "quality": 100, "rtx_ssrc": 3, "max_bitrate": 2500000, "max_framerate": 20,
        "max_resolution": {"type": "fixed", "width": 1280, "height": 720}}]});
    let resume = json!({"server_id": "934828556603764816", "session_id": "a", "token": "b", "seq_ack": 10});
    [
        (0, identify(ALICE)),
        (1, select()),
        (3, json!({"t": 1_650_483_735_947_u64, "seq_ack": 10})),
        (
            5,
            json!({"speaking": 1, "delay": 5, "ssrc": 131_072, "user_id": null}),
        ),
        (7, resume),
        (12, video),
        (14, json!({"codecs": select()["codecs"]})),
        (
            15,
            json!({"any": 100, "131073": 50, "pixelCounts": {"131073": 921_600.0}}),
        ),
        (16, json!({})),
        (32, json!({})),
    ]
    .map(|(op, data)| json!({"op": op, "d": data}).to_string())
    .into()
}

/// Removes, doubles, overwrites or inserts a few bytes.
fn mutate(random: &mut StdRng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..=bytes.len());
        let pieces = [
            &b"null"[..],
            b"-1",
            b"1e308",
            b"99999999999999999999",
            b"{}",
            b"[",
            b"\"",
            b"true",
            b"\\u0000",
        ];
        match random.random_range(0..4) {
            0 => drop(bytes.drain(at..(at + random.random_range(0..20)).min(bytes.len()))),
            1 => drop(bytes.splice(
                at..at,
                pieces[random.random_range(0..pieces.len())].iter().copied(),
            )),
            2 if at < bytes.len() => bytes[at] = random.random(),
            _ => drop(bytes.splice(at..at, bytes.clone())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A well-formed message with random values in its fields.
fn scramble(random: &mut StdRng, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| scramble(random, field)),
        Value::Array(items) => items.iter_mut().for_each(|item| scramble(random, item)),
        leaf if random.random_bool(0.3) => {
            *leaf = match random.random_range(0..8) {
                0 => Value::Null,
                1 => json!(random.next_u64()),
                2 => json!(random.next_u32() % 300),
                3 => json!(-1),
                4 => json!(1e300),
                5 => json!("x".repeat(random.random_range(0..100))),
                6 => json!([[[]]]),
                _ => json!(true),
            };
        }
        _ => {}
    }
}

/// A room of two in another channel, which must not notice anything.
struct Bystanders {
    bob: ConnectionId,
    carol: ConnectionId,
}

impl Bystanders {
    fn join(world: &mut World) -> Self {
        let [bob, carol] = [BOB, CAROL].map(|user| {
            world.input(Input::Ticket(Box::new(ticket(user, OTHER_CHANNEL))));
            let client = world.open("8");
            world.send(client, 0, identify(user));
            world.send(client, 1, select());
            client
        });
        world.forget();
        Self { bob, carol }
    }

    fn check(&self, world: &mut World) {
        world.received(self.bob);
        world.received(self.carol);
        world.send(self.bob, 5, json!({"speaking": 1}));
        assert_eq!(world.ops(self.carol), [5]);
        assert_eq!(world.close_code(self.bob), None);
        assert_eq!(world.close_code(self.carol), None);
    }
}

/// Feeds one client what `next` makes; when it is closed, checks the code and joins again.
fn attack(seed: u64, mut next: impl FnMut(&mut StdRng) -> String) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::new();
    let bystanders = Bystanders::join(&mut world);
    let mut client = world.join("9", ALICE);
    for round in 0..ROUNDS {
        let text = next(&mut random);
        world.text(client, &text);
        if let Some(code) = world.close_code(client) {
            assert!(
                [4001, 4002, 4003, 4004, 4005, 4006, 4011, 4012, 4016, 4020, 4021].contains(&code),
                "seed {seed}, round {round}: {code} for {text}"
            );
            let versions = ["1", "3", "4", "7", "8", "9"];
            let version = versions[random.random_range(0..versions.len())];
            client = if random.random_bool(0.3) {
                world.open(version)
            } else {
                world.join(version, ALICE)
            };
        }
    }
    bystanders.check(&mut world);
}

#[test]
fn mutated_messages() {
    let seeds = seeds();
    attack(1, |random| {
        let text = &seeds[random.random_range(0..seeds.len())];
        mutate(random, text)
    });
}

#[test]
fn well_formed_messages_with_wild_values() {
    let seeds: Vec<Value> = seeds()
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    attack(2, |random| {
        let mut message = seeds[random.random_range(0..seeds.len())].clone();
        scramble(random, &mut message["d"]);
        message.to_string()
    });
}

#[test]
fn random_binary_frames() {
    let mut random = StdRng::seed_from_u64(3);
    let mut world = World::new();
    let bystanders = Bystanders::join(&mut world);
    let mut connection = world.join("8", ALICE);
    for _ in 0..ROUNDS {
        let mut bytes = vec![0; random.random_range(0..100)];
        random.fill_bytes(&mut bytes);
        if let (true, Some(op)) = (random.random_bool(0.5), bytes.first_mut()) {
            *op = random.random_range(20..34);
        }
        world.input(Input::Binary {
            connection,
            bytes: &bytes,
        });
        if let Some(code) = world.close_code(connection) {
            let valid = matches!(bytes.first(), Some(26 | 28));
            assert!(code == 4021 || (code == 4002 && !valid), "{code} for {bytes:?}");
            connection = world.join("8", ALICE);
        }
    }
    bystanders.check(&mut world);
}

#[test]
fn deep_nesting_and_huge_numbers_are_no_trouble() {
    for text in [
        "[".repeat(60_000),
        format!(r#"{{"op":5,"d":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000)),
        format!(r#"{{"op":{},"d":null}}"#, "9".repeat(60_000)),
        format!(r#"{{"op":3,"d":{}}}"#, "9".repeat(60_000)),
    ] {
        let mut world = World::new();
        let client = world.join("8", ALICE);
        world.text(client, &text);
        assert!(matches!(
            world.close_code(client),
            None | Some(4001 | 4002 | 4020)
        ));
    }
}

#[test]
fn sockets_that_say_nothing_are_forgotten() {
    let mut world = World::new();
    for _ in 0..1000 {
        world.open("9");
    }
    world.pass(Duration::from_secs(31));
    assert_eq!(world.core.stats().connections, 0);
    assert_eq!(world.core.next_timeout(), None, "nothing is left behind");
}

#[test]
fn messages_for_sockets_that_are_gone_are_ignored() {
    let mut world = World::new();
    let client = world.join("8", ALICE);
    world.send(client, 0, identify(ALICE));
    assert_eq!(world.close_code(client), Some(4005));
    world.send(client, 5, json!({"speaking": 1}));
    world.input(Input::Binary {
        connection: client,
        bytes: &[1],
    });
    world.lose(client);
    assert_eq!(world.core.stats(), voxhall_node::NodeStats::default());
}
