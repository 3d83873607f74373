//! Browsers and UDP clients hear each other.

use std::time::Duration;

use str0m::media::MediaKind;
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::{Command, CoreConfig, Event, MediaPermissions, Timing};
use voxhall_sim::Conditions;
use voxhall_transport::extension::{AudioLevel, ExtensionKind};

use crate::browser::{Manners, browser_config};
use crate::common::World;

/// Two browsers and a UDP client in one room, in this order: the browsers' numbers, the client's.
fn room() -> (World, usize, usize, usize) {
    fill(World::for_browsers())
}

fn fill(mut world: World) -> (World, usize, usize, usize) {
    let client = world.join();
    let first = world.browse();
    let second = world.browse();
    let streams = [
        world.clients[client].audio,
        world.browsers[first].allocated.audio,
        world.browsers[second].allocated.audio,
    ];
    for (browser, own) in [(first, streams[1]), (second, streams[2])] {
        for &stream in streams.iter().filter(|&&stream| stream != own) {
            world.browsers[browser].expect(MediaKind::Audio, stream);
        }
        world.announce(browser);
    }
    world.clear();
    (world, first, second, client)
}

#[test]
fn everybody_hears_everybody_else() {
    let (mut world, first, second, client) = room();
    for number in 0..50_u8 {
        world.say(first, &[1, number, 7]);
        world.say(second, &[2, number, 7]);
        world.speak(client, &[3, number, 7]);
        world.run(Duration::from_millis(20));
    }
    let of = |who: u8| (0..50_u8).map(|number| vec![who, number, 7]).collect::<Vec<_>>();
    let [one, two] = [first, second].map(|browser| world.browsers[browser].allocated.audio);
    let three = world.clients[client].audio;
    assert_eq!(world.browsers[first].payloads(two), of(2));
    assert_eq!(world.browsers[first].payloads(three), of(3));
    assert_eq!(world.browsers[second].payloads(one), of(1));
    assert_eq!(world.browsers[second].payloads(three), of(3));
    assert_eq!(world.clients[client].payloads(one), of(1));
    assert_eq!(world.clients[client].payloads(two), of(2));
}

#[test]
fn payload_types_and_extensions_are_the_receivers() {
    let (mut world, first, second, client) = room();
    world.say(first, b"loud");
    world.run(Duration::from_millis(20));
    let stream = world.browsers[first].allocated.audio;
    let heard = world.browsers[second].received(stream);
    assert_eq!(*heard[0].header.payload_type, crate::browser::OPUS);
    assert_eq!(heard[0].header.ext_vals.audio_level, Some(-30));
    assert_eq!(
        heard[0].header.ext_vals.mid, None,
        "a section of the publisher's means nothing here"
    );
    assert_eq!(heard[0].header.ext_vals.transport_cc, None);
    let packets = world.clients[client].rtp();
    assert_eq!(packets[0].payload_type().number(), crate::common::OPUS);
    let block = packets[0].extensions().unwrap();
    let level = block.find(ExtensionKind::AudioLevel.native_id()).unwrap();
    assert_eq!(
        AudioLevel::from_bytes(level),
        Some(AudioLevel {
            voice: true,
            minus_dbov: 30
        })
    );
    assert_eq!(block.elements().count(), 1);
}

#[test]
fn the_node_is_told_when_the_transport_stands() {
    let mut world = World::for_browsers();
    let browser = world.browse();
    let (member, address) = (world.browsers[browser].id, world.browsers[browser].address);
    assert_eq!(world.events, [Event::MediaConnected { member, address }]);
    let stats = world.stats();
    assert!(stats.checks > 0 && stats.handshake > 0);
    assert_eq!((stats.dropped_forged, stats.dropped_malformed), (0, 0));
}

#[test]
fn an_unannounced_voice_is_known_by_its_payload_type() {
    let mut world = World::for_browsers();
    let client = world.join();
    let browser = world.browse();
    world.say(browser, b"early");
    world.run(Duration::from_millis(20));
    let stream = world.browsers[browser].allocated.audio;
    assert_eq!(world.clients[client].payloads(stream), [b"early".to_vec()]);
}

#[test]
fn who_may_not_speak_or_hear_does_not_and_then_goes_on_without_a_gap() {
    let (mut world, first, second, _) = room();
    let [speaker, hearer] = [first, second].map(|browser| world.browsers[browser].id);
    let stream = world.browsers[first].allocated.audio;
    let mute = |speak: bool| MediaPermissions {
        speak,
        ..MediaPermissions::default()
    };
    let deafen = |hear: bool| MediaPermissions {
        hear,
        ..MediaPermissions::default()
    };
    let permit = |world: &mut World, member, permissions| {
        world.command(Command::SetPermissions { member, permissions });
    };
    let talk = |world: &mut World, packets: u32| {
        for _ in 0..packets {
            world.say(first, b"word");
            world.run(Duration::from_millis(20));
        }
    };
    talk(&mut world, 10);
    permit(&mut world, speaker, mute(false));
    talk(&mut world, 4000);
    permit(&mut world, speaker, mute(true));
    talk(&mut world, 10);
    permit(&mut world, hearer, deafen(false));
    // Half a cycle of numbers and more: what would confuse a receiver for ever.
    talk(&mut world, 40_000);
    permit(&mut world, hearer, deafen(true));
    talk(&mut world, 10);
    let numbers: Vec<u64> = world.browsers[second]
        .received(stream)
        .iter()
        .map(|packet| *packet.seq_no)
        .collect();
    assert_eq!(numbers.len(), 30);
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
}

#[test]
fn a_stream_whose_first_packets_got_lost_opens_also_beyond_the_wrap() {
    let (mut world, first, _, client) = room();
    let stream = world.clients[client].audio;
    let words = |world: &mut World| {
        // The end of a cycle of the speaker's numbers is among those that get lost.
        world.clients[client].sequence = 65_533;
        for number in 0..10_u8 {
            world.speak(client, &[1, number, 7]);
            world.run(Duration::from_millis(20));
        }
    };
    let after_three: Vec<_> = (3..10_u8).map(|number| vec![1, number, 7]).collect();
    world.browsers[first].lose_next = 3;
    words(&mut world);
    assert_eq!(world.browsers[first].payloads(stream), after_three);

    // So it is with the key of another connection.
    let again = world.reconnect(first);
    world.run(Duration::from_secs(2));
    world.browsers[again].expect(MediaKind::Audio, stream);
    world.browsers[again].lose_next = 3;
    words(&mut world);
    assert_eq!(world.browsers[again].payloads(stream), after_three);
}

#[test]
fn a_browser_is_told_how_its_voice_arrives_under_its_own_name() {
    let (mut world, first, second, _) = room();
    for _ in 0..400 {
        world.say(first, b"word");
        world.run(Duration::from_millis(20));
    }
    let audio = world.browsers[first].audio;
    // str0m makes a sender report of its streams, the server one for those who hear, with the SSRC they know.
    let stream = world.browsers[first].allocated.audio;
    let heard = world.browsers[second].received(stream);
    let info = heard.last().unwrap().last_sender_info.as_ref();
    assert!(info.is_some(), "a sender report came with the SSRC of the stream");
    let mut direct = world.browsers[first].rtc.direct_api();
    assert!(direct.stream_tx(&audio.0.into()).is_some());
    assert!(world.stats().rtcp > 0);
}

#[test]
fn a_second_connection_takes_the_place_of_the_first() {
    let (mut world, first, second, _) = room();
    world.say(first, b"before");
    world.run(Duration::from_millis(20));
    let (id, allocated) = (world.browsers[first].id, world.browsers[first].allocated.clone());
    let again = world.reconnect(first);
    world.run(Duration::from_secs(2));
    assert!(world.browsers[again].connected);
    assert_eq!(world.browsers[again].id, id);
    world.say(again, b"after");
    world.run(Duration::from_millis(20));
    let heard = world.browsers[second].received(allocated.audio);
    let payloads: Vec<&[u8]> = heard.iter().map(|packet| &packet.payload[..]).collect();
    assert_eq!(payloads, [&b"before"[..], b"after"]);
    assert_eq!(
        *heard[1].seq_no,
        *heard[0].seq_no + 1,
        "for the listener it is one stream"
    );
}

#[test]
fn a_browser_that_moves_is_followed_where_it_says() {
    let (mut world, first, second, client) = room();
    let stream = world.clients[client].audio;
    world.roam(second);
    world.run(Duration::from_secs(8));
    world.speak(client, b"still there?");
    world.run(Duration::from_millis(20));
    assert_eq!(
        world.browsers[second].payloads(stream),
        [b"still there?".to_vec()]
    );
    assert_eq!(world.browsers[first].payloads(stream), [b"still there?".to_vec()]);
}

#[test]
fn without_checks_nothing_is_sent_and_with_them_it_goes_on() {
    let config = CoreConfig {
        // str0m itself gives up before thirty seconds are over.
        timing: Timing {
            consent_for: Duration::from_secs(8),
            ..Timing::default()
        },
        ..browser_config()
    };
    let (mut world, first, second, client) = fill(World::with(config, 1, Conditions::PERFECT));
    let stream = world.clients[client].audio;
    world.run(Duration::from_secs(20));
    assert_eq!(world.events, [], "checks come all the time");
    world.browsers[second].mute_network = true;
    world.run(Duration::from_secs(11));
    let member = world.browsers[second].id;
    assert!(
        world.events.contains(&Event::MediaIdle { member }),
        "{:?}",
        world.events
    );
    let before = world.stats().sent;
    world.speak(client, b"to one");
    world.run(Duration::from_millis(5));
    assert_eq!(world.browsers[first].payloads(stream).len(), 1);
    assert_eq!(world.stats().sent - before, 1, "and to nobody else");
    world.browsers[second].mute_network = false;
    world.run(Duration::from_secs(10));
    assert!(world.events.contains(&Event::MediaResumed { member }));
    world.speak(client, b"to both");
    world.run(Duration::from_millis(20));
    assert_eq!(world.browsers[second].payloads(stream), [b"to both".to_vec()]);
}

#[test]
fn whatever_the_network_does_the_voice_comes_through() {
    let conditions = Conditions {
        latency: Duration::from_millis(30),
        jitter: Duration::from_millis(10),
        loss: 0.1,
        duplication: 0.05,
        ..Conditions::PERFECT
    };
    let mut world = World::for_browsers_with(7, conditions);
    let speaker = world.browse_with(&Manners::default());
    let hearer = world.browse_with(&Manners::default());
    world.run(Duration::from_secs(8));
    assert!(world.browsers[speaker].connected && world.browsers[hearer].connected);
    let stream: Ssrc = world.browsers[speaker].allocated.audio;
    world.browsers[hearer].expect(MediaKind::Audio, stream);
    world.announce(speaker);
    for _ in 0..500 {
        world.say(speaker, b"word");
        world.run(Duration::from_millis(20));
    }
    world.run(Duration::from_secs(1));
    let heard = world.browsers[hearer].received(stream).len();
    assert!((360..=450).contains(&heard), "two lossy ways: {heard} of 500");
}
