//! Whatever comes to the port, nothing panics, no memory grows, and the call of the others goes on as if nothing were.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{KEYFRAME, World};
use voxhall_protocol::discovery::Request;
use voxhall_sfu::{CoreConfig, WorkerStats};
use voxhall_sim::{Conditions, Random};
use voxhall_transport::PacketKind;

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

/// Throws datagrams at the server while two members talk, and checks that they hear each other to the last packet.
fn attack(seed: u64, rounds: u32, mut make: impl FnMut(&mut World, &mut Random) -> (SocketAddr, Vec<u8>)) {
    let config = CoreConfig {
        legacy_discovery: true,
        ..CoreConfig::default()
    };
    let mut world = World::with(config, seed, Conditions::PERFECT);
    let (left, right) = (world.join(), world.join());
    world.publish(left, &[100]);
    world.settle();
    let mut random = Random::new(seed);
    for round in 0..rounds {
        let (from, datagram) = make(&mut world, &mut random);
        world.network.send(world.now, from, world.server, datagram);
        if round % 20 == 0 {
            world.clear();
            let (words, answer) = (round.to_be_bytes(), (!round).to_be_bytes());
            world.speak(left, &words);
            world.speak(right, &answer);
            world.run(Duration::from_millis(20));
            let (left_ssrc, right_ssrc) = (world.clients[left].audio, world.clients[right].audio);
            assert!(
                world.clients[right].payloads(left_ssrc).contains(&words.to_vec()),
                "seed {seed} round {round}"
            );
            assert!(
                world.clients[left]
                    .payloads(right_ssrc)
                    .contains(&answer.to_vec()),
                "seed {seed} round {round}"
            );
        }
    }
    let stats = world.stats();
    assert!(stats.received > u64::from(rounds), "all of it came to the core");
    assert_eq!(
        stats.received,
        accounted_for(&stats),
        "each was counted once: {stats:?}"
    );
}

/// What became of the datagrams.
fn accounted_for(stats: &WorkerStats) -> u64 {
    let taken = stats.media + stats.discovery + stats.keep_alive + stats.rtcp + stats.probes;
    let refused = stats.dropped_malformed + stats.dropped_unknown_ssrc + stats.dropped_not_connected;
    let suspect = stats.dropped_forged + stats.dropped_replayed + stats.dropped_rate_limited;
    taken + refused + suspect + stats.dropped_not_permitted + stats.dropped_unknown_payload_type
}

fn stranger(random: &mut Random) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, random.bits() as u8], random.bits() as u16))
}

#[test]
fn random_bytes() {
    attack(1, 20_000, |_, random| {
        let mut datagram = vec![0; random.below(200)];
        random.fill(&mut datagram);
        (stranger(random), datagram)
    });
}

#[test]
fn random_bytes_that_name_a_member() {
    attack(2, 20_000, |world, random| {
        let mut datagram = vec![0; 12 + random.below(1600)];
        random.fill(&mut datagram);
        let kind: &[u8] = if random.chance(0.5) {
            &[0x90, 0x78]
        } else {
            &[0x81, 0xce]
        };
        datagram[..2].copy_from_slice(kind);
        let place = if kind[1] == 0x78 { 8 } else { 4 };
        let ssrc = world.clients[0].audio.0 + random.below(3) as u32;
        datagram[place..place + 4].copy_from_slice(&ssrc.to_be_bytes());
        let from = if random.chance(0.5) {
            world.clients[0].address
        } else {
            stranger(random)
        };
        (from, datagram)
    });
}

#[test]
fn mutations_of_what_clients_send() {
    attack(3, 20_000, |world, random| {
        let mut datagram = match random.below(4) {
            0 => Request::new(world.clients[0].audio).encode().to_vec(),
            1 => vec![0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1],
            2 => {
                // Of a third, which nobody hears: a copy that still decrypts would be heard.
                let mut packet = vec![0x80, 120, 0, 1, 0, 0, 0, 1];
                packet.extend((world.clients[1].layers[0].0 + 1).to_be_bytes());
                packet.extend(VOICE);
                world.clients[1].seal_bytes(PacketKind::Rtp, &packet)
            }
            _ => {
                let mut packet = vec![0x81, 0xc9, 0, 7];
                packet.extend(world.clients[1].audio.0.to_be_bytes());
                packet.extend([0; 24]);
                world.clients[1].seal_bytes(PacketKind::Rtcp, &packet)
            }
        };
        for _ in 0..=random.below(4) {
            let at = random.below(datagram.len());
            datagram[at] ^= 1 << random.below(8);
        }
        if random.chance(0.2) {
            datagram.truncate(random.below(datagram.len() + 1));
        }
        (stranger(random), datagram)
    });
}

/// A member itself may be the attacker: its packets are authentic.
#[test]
fn authentic_nonsense_of_a_member() {
    attack(4, 20_000, |world, random| {
        let mut packet = vec![0; 12 + random.below(300)];
        random.fill(&mut packet);
        let attacker = &mut world.clients[1];
        let kind = if random.chance(0.5) {
            PacketKind::Rtp
        } else {
            PacketKind::Rtcp
        };
        match kind {
            PacketKind::Rtp => {
                packet[0] = 0x80 | packet[0] & 0x3f;
                packet[1] = if random.chance(0.5) {
                    crate::common::H264
                } else {
                    crate::common::H264_RTX
                };
                let ssrc = attacker.layers[0].0 + random.below(2) as u32;
                packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
            }
            PacketKind::Rtcp => {
                packet[0] = 0x80 | packet[0] & 0x1f;
                packet[1] = 200 + random.below(8) as u8;
                let words = (packet.len() / 4 - 1) as u16;
                if random.chance(0.8) {
                    packet[2..4].copy_from_slice(&words.to_be_bytes());
                    packet.truncate(packet.len() / 4 * 4);
                }
                packet[4..8].copy_from_slice(&attacker.audio.0.to_be_bytes());
            }
        }
        // A header that claims more than there is cannot be sealed, nor sent by a real client.
        packet.resize(packet.len().max(12 + 64 + 4), 0);
        (attacker.address, attacker.seal_bytes(kind, &packet))
    });
}

#[test]
fn loss_reports_about_everything() {
    attack(5, 2_000, |world, random| {
        let media = world.clients[0].layers[0].0;
        if random.chance(0.3) {
            world.film(0, 0, random.bits() as u16, true, KEYFRAME);
        }
        let mut packet = vec![0x81, 0xcd, 0, 0];
        packet.extend(world.clients[1].audio.0.to_be_bytes());
        packet.extend((media + random.below(3) as u32).to_be_bytes());
        for _ in 0..100 {
            packet.extend((random.bits() as u32).to_be_bytes());
        }
        let words = (packet.len() / 4 - 1) as u16;
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        (
            world.clients[1].address,
            world.clients[1].seal_bytes(PacketKind::Rtcp, &packet),
        )
    });
}
