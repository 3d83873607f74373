//! What WebRTC clients and strangers may do wrong, and whom it costs.

use std::net::SocketAddr;
use std::time::Duration;

use str0m::media::MediaKind;
use voxhall_protocol::discovery::Request;
use voxhall_protocol::sdp::Fingerprint;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{Event, TransportFailure};
use voxhall_sim::Random;
use voxhall_transport::stun::{ConnectivityCheck, IceRole, TransactionId};

use crate::browser::Manners;
use crate::common::World;

fn check(receiver: &str, sender: &str, password: &str) -> Vec<u8> {
    let mut out = vec![0; 512];
    let check = ConnectivityCheck {
        transaction: TransactionId([7; 12]),
        receiver_ufrag: receiver,
        sender_ufrag: sender,
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(1),
    };
    let length = check.write(password, &mut out).unwrap();
    out.truncate(length);
    out
}

fn stranger(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 66], port))
}

#[test]
fn with_a_wrong_fingerprint_nothing_flows_either_way() {
    let mut world = World::for_browsers();
    let client = world.join();
    let manners = Manners {
        fingerprint: Some(Fingerprint([0x11; 32])),
        ..Manners::default()
    };
    let liar = world.browse_with(&manners);
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.events.last(),
        Some(&Event::TransportFailed {
            member: world.browsers[liar].id,
            failure: TransportFailure::WrongFingerprint
        })
    );
    world.announce(liar);
    world.clear();
    let sent = world.stats().sent;
    // Its own DTLS is done: it knows nothing of that yet.
    for _ in 0..20 {
        world.say(liar, b"let me in");
        world.speak(client, b"secret");
        world.run(Duration::from_millis(20));
    }
    assert_eq!(world.stats().sent, sent);
    assert!(world.clients[client].inbox.is_empty());
    assert!(world.browsers[liar].packets.is_empty());
}

#[test]
fn who_tells_no_fingerprint_is_taken_at_its_word() {
    let mut world = World::for_browsers();
    let manners = Manners {
        silent_about_fingerprint: true,
        ..Manners::default()
    };
    let browser = world.browse_with(&manners);
    world.run(Duration::from_secs(2));
    assert!(world.browsers[browser].connected);
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let mut world = World::for_browsers();
    let browser = world.browse_with(&Manners::default());
    world.browsers[browser].deaf_to_dtls = true;
    world.run(Duration::from_secs(40));
    assert_eq!(
        world.events,
        [Event::TransportFailed {
            member: world.browsers[browser].id,
            failure: TransportFailure::TimedOut
        }]
    );
    let sent = world.stats().sent;
    world.run(Duration::from_secs(10));
    assert_eq!(
        world.stats().sent,
        sent,
        "nothing more is said, not even to its checks"
    );
}

/// Lets time pass in small steps, and looks that the core never wants to be called in the past.
fn run_with_sound_timers(world: &mut World, seconds: u32) {
    for _ in 0..10 * seconds {
        world.run(Duration::from_millis(100));
        assert!(world.core.poll_timeout().is_none_or(|due| due > world.now));
    }
}

#[test]
fn who_never_sends_anything_is_given_up() {
    let mut world = World::for_browsers();
    let browser = world.browse_with(&Manners::default());
    world.browsers[browser].mute_network = true;
    world.browsers[browser].deaf_to_dtls = true;
    run_with_sound_timers(&mut world, 19);
    assert_eq!(world.events, []);
    run_with_sound_timers(&mut world, 2);
    let failed = Event::TransportFailed {
        member: world.browsers[browser].id,
        failure: TransportFailure::TimedOut,
    };
    assert_eq!(world.events, [failed]);
    run_with_sound_timers(&mut world, 30);
}

#[test]
fn who_checks_but_begins_no_handshake_is_given_up() {
    let mut world = World::for_browsers();
    let browser = world.browse_with(&Manners::default());
    world.browsers[browser].mute_network = true;
    world.browsers[browser].deaf_to_dtls = true;
    let check = check("srv0", &world.browsers[browser].ufrag(), &format!("{:022}", 0));
    for _ in 0..21 {
        let from = world.browsers[browser].address;
        world.network.send(world.now, from, world.server, check.clone());
        run_with_sound_timers(&mut world, 1);
    }
    assert!(world.stats().checks >= 19);
    let failed = Event::TransportFailed {
        member: world.browsers[browser].id,
        failure: TransportFailure::TimedOut,
    };
    assert_eq!(world.events, [failed]);
}

#[test]
fn strangers_checks_get_no_answer() {
    let mut world = World::for_browsers();
    let browser = world.browse();
    let client_ufrag = world.browsers[browser].ufrag();
    let sent = world.stats().sent;
    for datagram in [
        check("nobody", &client_ufrag, "0000000000000000000000"),
        check("srv0", &client_ufrag, "not the password of srv0"),
        check("srv0", "someone else", "0000000000000000000000"),
    ] {
        world.network.send(world.now, stranger(1), world.server, datagram);
        world.settle();
    }
    assert_eq!(world.stats().sent, sent);
    let stats = world.stats();
    assert_eq!((stats.dropped_forged, stats.dropped_not_connected), (2, 1));
}

#[test]
fn a_flood_of_checks_is_cut_and_others_do_not_notice() {
    let mut world = World::for_browsers();
    let first = world.browse();
    let second = world.browse();
    world.announce(first);
    let stream = world.browsers[first].allocated.audio;
    world.browsers[second].expect(MediaKind::Audio, stream);
    let forged = check("srv0", &world.browsers[first].ufrag(), "wrong wrong wrong wrong");
    for number in 0..50_u8 {
        for _ in 0..100 {
            world
                .network
                .send(world.now, stranger(7), world.server, forged.clone());
        }
        world.say(first, &[number]);
        world.run(Duration::from_millis(20));
    }
    assert_eq!(world.browsers[second].payloads(stream).len(), 50);
    let stats = world.stats();
    assert!(stats.dropped_forged < 200, "{stats:?}");
    assert!(stats.dropped_rate_limited > 4_500, "most were not even looked at");
}

#[test]
fn discovery_in_a_browsers_name_or_from_its_address_changes_nothing() {
    let mut world = World::for_browsers();
    let speaker = world.join();
    let (first, second) = (world.browse(), world.browse());
    // Somebody who has joined and was not heard yet.
    let quiet = world.join();
    let quiet = world.clients[quiet].audio;
    let spoofed = world.browsers[first].address;
    let stream = world.clients[speaker].audio;
    world.browsers[first].expect(MediaKind::Audio, stream);
    world.browsers[second].expect(MediaKind::Audio, stream);
    world.clear();
    let sent = world.stats().sent;
    let own = world.browsers[second].allocated.audio;
    for (from, ssrc) in [(spoofed, quiet), (stranger(1), own)] {
        let request = Request::new(ssrc).encode().to_vec();
        world.network.send(world.now, from, world.server, request);
        world.settle();
    }
    assert_eq!(world.stats().sent, sent, "nor is it answered");
    world.speak(speaker, b"at once");
    world.run(Duration::from_secs(40));
    let silent = |event: &Event| matches!(event, Event::MediaIdle { .. } | Event::AddressChanged { .. });
    assert!(!world.events.iter().any(silent), "{:?}", world.events);
    world.speak(speaker, b"and later");
    world.run(Duration::from_millis(20));
    for browser in [first, second] {
        let payloads = world.browsers[browser].payloads(stream);
        assert_eq!(payloads, [b"at once".to_vec(), b"and later".to_vec()]);
    }
}

#[test]
fn an_authentic_check_counts_for_more_than_discovery() {
    let mut world = World::for_browsers();
    let quiet = world.add(crate::common::ROOM, 0, EncryptionMode::AeadAes256GcmRtpsize);
    let speaker = world.join();
    let stream = world.clients[speaker].audio;
    let browser = world.browse_with(&Manners::default());
    let spoofed = world.browsers[browser].address;
    let request = Request::new(world.clients[quiet].audio).encode().to_vec();
    world.network.send(world.now, spoofed, world.server, request);
    world.settle();
    world.run(Duration::from_secs(3));
    assert!(world.browsers[browser].connected);
    world.browsers[browser].expect(MediaKind::Audio, stream);
    world.run(Duration::from_secs(40));
    world.speak(speaker, b"heard");
    world.run(Duration::from_millis(20));
    assert_eq!(world.browsers[browser].payloads(stream), [b"heard".to_vec()]);
    assert_eq!(world.core.addresses(world.clients[quiet].id), Some(&[][..]));
}

#[test]
fn dtls_and_media_of_strangers_are_dropped() {
    let mut world = World::for_browsers();
    let browser = world.browse();
    world.announce(browser);
    let before = world.stats();
    let hello = [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20][..], &[1; 20]].concat();
    world.network.send(world.now, stranger(1), world.server, hello);
    let own = world.browsers[browser].allocated.audio.0.to_be_bytes();
    let media = [&[0x80, 111, 0, 1, 0, 0, 0, 1][..], &own, &[9; 40]].concat();
    world.network.send(world.now, stranger(1), world.server, media);
    world.settle();
    let after = world.stats();
    assert_eq!(after.dropped_not_connected - before.dropped_not_connected, 2);
    assert_eq!(after.sent, before.sent);
}

#[test]
fn rubbish_from_a_browsers_own_address_ends_nothing() {
    let mut world = World::for_browsers();
    let client = world.join();
    let browser = world.browse();
    world.announce(browser);
    world.clear();
    let from = world.browsers[browser].address;
    let mut random = Random::new(3);
    for _ in 0..5_000 {
        let mut datagram = vec![0; 1 + random.below(200)];
        random.fill(&mut datagram);
        // Of each kind as much: STUN, DTLS, RTP, RTCP.
        datagram[0] = [0, 22, 23, 128, 144][random.below(5)];
        world.network.send(world.now, from, world.server, datagram);
        world.settle();
    }
    world.run(Duration::from_secs(3));
    world.say(browser, b"still here");
    world.run(Duration::from_millis(20));
    let stream = world.browsers[browser].allocated.audio;
    assert_eq!(world.clients[client].payloads(stream), [b"still here".to_vec()]);
    let failed = |event: &Event| matches!(event, Event::TransportFailed { .. });
    assert!(!world.events.iter().any(failed));
}

#[test]
fn rubbish_in_the_middle_of_a_handshake_ends_at_most_that_one() {
    for seed in 0..40 {
        let mut world = World::for_browsers();
        let other = world.browse();
        let browser = world.browse_with(&Manners::default());
        let from = world.browsers[browser].address;
        let mut random = Random::new(seed);
        for _ in 0..200 {
            let mut datagram = vec![0; 14 + random.below(300)];
            random.fill(&mut datagram);
            // Records and handshake messages that look like such.
            datagram[..3].copy_from_slice(&[22, 254, 253]);
            datagram[3..11].fill(0);
            let length = datagram.len() - 13;
            datagram[11..13].copy_from_slice(&(length as u16).to_be_bytes());
            world.network.send(world.now, from, world.server, datagram);
            world.run(Duration::from_millis(2));
        }
        world.run(Duration::from_secs(25));
        let member = world.browsers[other].id;
        let harmed = |event: &Event| {
            matches!(event, Event::TransportFailed { member: harmed, failure }
                if *harmed == member || *failure == TransportFailure::Panic)
        };
        assert!(
            !world.events.iter().any(harmed),
            "seed {seed}: {:?}",
            world.events
        );
    }
}

#[test]
fn faults_find_a_browser_by_its_name_and_by_its_address() {
    let mut world = World::for_browsers();
    let browser = world.browse();
    let (id, address) = (world.browsers[browser].id, world.browsers[browser].address);
    assert_eq!(world.core.addresses(id), Some(&[address][..]));
    for datagram in [&[22_u8; 40][..], &[0x80; 40], &[0x80, 200, 0, 1, 0, 0, 0, 0, 1]] {
        assert_eq!(world.core.claimant(address, datagram), Some(id));
    }
    let check = check("srv0", &world.browsers[browser].ufrag(), "whatever");
    assert_eq!(
        world.core.claimant(stranger(1), &check),
        Some(id),
        "before it is anywhere"
    );
    assert_eq!(world.core.claimant(stranger(1), &[22; 40]), None);
}
