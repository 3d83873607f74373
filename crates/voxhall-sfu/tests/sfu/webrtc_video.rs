//! Browsers and UDP clients see each other.

use std::time::Duration;

use str0m::media::{KeyframeRequestKind, MediaKind};
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::{Command, Wants};
use voxhall_sim::Conditions;
use voxhall_transport::SequenceNumber;
use voxhall_transport::rtcp::SERVER_SENDER;

use crate::browser::{DELTA, KEYFRAME, VP8};
use crate::common::{self, World};

const FRAME: Duration = Duration::from_millis(33);

/// Two browsers with their cameras on, and a UDP client that announced its camera.
fn room() -> (World, usize, usize, usize) {
    let mut world = World::for_browsers();
    let client = world.join();
    let first = world.browse();
    let second = world.browse();
    let streams = [
        world.clients[client].layers[0],
        world.browsers[first].allocated.streams[0].ssrc,
        world.browsers[second].allocated.streams[0].ssrc,
    ];
    world.publish(client, &[100]);
    for (browser, own) in [(first, streams[1]), (second, streams[2])] {
        for &stream in streams.iter().filter(|&&stream| stream != own) {
            world.browsers[browser].expect(MediaKind::Video, stream);
        }
        world.announce(browser);
    }
    world.run(Duration::from_secs(1));
    world.clear();
    (world, first, second, client)
}

fn picture_of(world: &World, browser: usize) -> Ssrc {
    world.browsers[browser].allocated.streams[0].ssrc
}

#[test]
fn everybody_sees_everybody_else() {
    let (mut world, first, second, client) = room();
    for number in 0..30_u8 {
        let picture = |who: u8| [DELTA, &[who, number]].concat();
        world.show(first, &picture(1));
        world.show(second, &picture(2));
        world.film_in(common::VP8, client, 0, u16::from(number), true, &picture(3));
        world.run(FRAME);
    }
    let of = |who: u8| {
        (0..30_u8)
            .map(|n| [DELTA, &[who, n]].concat())
            .collect::<Vec<_>>()
    };
    let (one, two) = (picture_of(&world, first), picture_of(&world, second));
    let three = world.clients[client].layers[0];
    assert_eq!(world.browsers[first].payloads(two), of(2));
    assert_eq!(world.browsers[first].payloads(three), of(3));
    assert_eq!(world.browsers[second].payloads(one), of(1));
    assert_eq!(world.clients[client].payloads(one), of(1));
    assert_eq!(world.clients[client].payloads(two), of(2));
    let seen = world.browsers[first].received(three)[0];
    assert_eq!(*seen.header.payload_type, VP8);
    assert!(seen.header.marker);
    let delay = seen.header.ext_vals.play_delay_min.unwrap();
    assert_eq!(
        delay.as_micros(),
        0,
        "browsers get the playout delay too, by their number"
    );
    let packets = world.clients[client].rtp();
    assert!(
        packets
            .iter()
            .all(|packet| packet.payload_type().number() == common::VP8)
    );
}

#[test]
fn pictures_whose_first_packets_got_lost_open_also_beyond_the_wrap() {
    let (mut world, first, _, client) = room();
    let stream = world.clients[client].layers[0];
    let film = |world: &mut World, begin: u16| {
        for number in 0..10_u8 {
            let sequence = begin.wrapping_add(u16::from(number));
            let picture = [DELTA, &[number]].concat();
            world.film_in(common::VP8, client, 0, sequence, true, &picture);
            world.run(FRAME);
        }
    };
    let after_three: Vec<_> = (3..10_u8).map(|number| [DELTA, &[number]].concat()).collect();
    world.browsers[first].lose_next = 3;
    film(&mut world, 65_534);
    assert_eq!(world.browsers[first].payloads(stream), after_three);

    // The numbers of the connection before, of which there are many, do not count for the key of another one.
    for sequence in 8..40_000 {
        world.film_in(common::VP8, client, 0, sequence, true, DELTA);
        world.run(Duration::from_millis(1));
    }
    let again = world.reconnect(first);
    world.run(Duration::from_secs(2));
    world.browsers[again].expect(MediaKind::Video, stream);
    world.browsers[again].lose_next = 3;
    film(&mut world, 40_000);
    assert_eq!(world.browsers[again].payloads(stream), after_three);
    let numbers: Vec<u64> = world.browsers[again]
        .received(stream)
        .iter()
        .map(|packet| *packet.seq_no)
        .collect();
    assert!(numbers.iter().all(|&number| number < 1 << 15), "{numbers:?}");
}

#[test]
fn a_viewer_that_lost_a_packet_gets_it_again() {
    let (mut world, first, second, _) = room();
    let stream = picture_of(&world, first);
    for number in 0..60_u8 {
        world.show(first, &[DELTA, &[number]].concat());
        // The second browser's way down loses every tenth datagram.
        world.browsers[second].lose_next = u32::from(number % 10 == 5);
        world.run(FRAME);
    }
    world.run(Duration::from_secs(1));
    let mut numbers: Vec<u8> = world.browsers[second]
        .payloads(stream)
        .iter()
        .map(|payload| payload[DELTA.len()])
        .collect();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (0..60).collect::<Vec<u8>>(),
        "RTX restored what was lost"
    );
    assert_eq!(world.stats().retransmitted, 6);
}

#[test]
fn a_udp_viewer_gets_a_browsers_packet_again() {
    let (mut world, first, _, client) = room();
    let stream = picture_of(&world, first);
    for number in 0..5_u8 {
        world.show(first, &[DELTA, &[number]].concat());
        world.run(FRAME);
    }
    let lost = world.clients[client].sequences(stream)[2];
    world.clear();
    world.control(client, |writer| {
        writer
            .nack(SERVER_SENDER, stream, [SequenceNumber(lost)])
            .unwrap();
    });
    world.run(FRAME);
    let again = world.clients[client].payloads(Ssrc(stream.0 + 1));
    let expected = [&lost.to_be_bytes()[..], DELTA, &[2]].concat();
    assert_eq!(again, [expected]);
}

#[test]
fn keyframe_requests_reach_a_browser_under_its_own_name() {
    let (mut world, first, second, client) = room();
    let stream = picture_of(&world, first);
    world.show(first, KEYFRAME);
    world.run(Duration::from_secs(1));
    let before = world.browsers[first].keyframe_requests;
    world.browsers[second].request_keyframe(stream, KeyframeRequestKind::Pli);
    world.run(Duration::from_secs(1));
    assert_eq!(world.browsers[first].keyframe_requests, before + 1);
    world.control(client, |writer| {
        writer.picture_loss_indication(SERVER_SENDER, stream).unwrap();
    });
    world.run(Duration::from_secs(1));
    assert_eq!(world.browsers[first].keyframe_requests, before + 2);
}

#[test]
fn a_browser_asks_a_udp_client_for_a_keyframe() {
    let (mut world, first, _, client) = room();
    let stream = world.clients[client].layers[0];
    world.film_in(common::VP8, client, 0, 1, true, KEYFRAME);
    world.run(Duration::from_secs(1));
    world.clear();
    for kind in [KeyframeRequestKind::Pli, KeyframeRequestKind::Fir] {
        world.browsers[first].request_keyframe(stream, kind);
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.clients[client].keyframe_requests(stream), 2);
}

#[test]
fn a_browser_on_a_good_network_finds_that_it_may_send_more() {
    let mut world = World::for_browsers();
    let browser = world.browse_estimating();
    world.announce(browser);
    for number in 0..600_u32 {
        let payload = [DELTA, &vec![number as u8; 1100]].concat();
        for _ in 0..3 {
            world.show(browser, &payload);
        }
        world.say(browser, b"word");
        world.run(Duration::from_millis(20));
    }
    let estimates = &world.browsers[browser].estimates;
    assert!(estimates.last().unwrap() > &1_300_000, "{estimates:?}");
}

#[test]
fn what_gets_lost_on_the_way_in_is_asked_for() {
    let conditions = Conditions {
        latency: Duration::from_millis(20),
        loss: 0.05,
        ..Conditions::PERFECT
    };
    let mut world = World::for_browsers();
    let client = world.join();
    let browser = world.browse();
    world.announce(browser);
    let stream = picture_of(&world, browser);
    world.network.set_conditions(conditions);
    for number in 0..300_u16 {
        world.show(browser, &[DELTA, &number.to_be_bytes()].concat());
        world.run(FRAME);
    }
    world.network.set_conditions(Conditions::PERFECT);
    world.run(Duration::from_secs(1));
    // What gets lost on the way down, the client does not ask for.
    let seen = world.clients[client].payloads(stream).len();
    let stats = world.stats();
    assert!(stats.repairs_requested >= 5, "{stats:?}");
    assert!(seen >= 275, "{seen} of 300 after one lossy way");
}

#[test]
fn all_layers_are_one_stream_to_a_browser() {
    let mut world = World::for_browsers();
    let mode = EncryptionMode::AeadAes256GcmRtpsize;
    let client = world.join_with(common::ROOM, mode, 2, &common::native_codecs(), false);
    let browser = world.browse();
    let [low, high] = world.clients[client].layers[..] else {
        panic!("two layers")
    };
    world.browsers[browser].expect(MediaKind::Video, high);
    world.publish(client, &[50, 100]);
    let member = world.browsers[browser].id;
    let want = |world: &mut World, quality| {
        let wants = Wants::any(0).with_quality(high, quality);
        world.command(Command::SetWants { member, wants });
    };
    let film = |world: &mut World, frames: std::ops::Range<u16>| {
        for frame in frames {
            // Each layer has numbers and times of its own, and a keyframe every ten.
            let picture = if frame.is_multiple_of(10) { KEYFRAME } else { DELTA };
            let payload = |layer: u8| [picture, &[layer, frame as u8]].concat();
            world.film_in(common::VP8, client, 0, 7_000 + frame, true, &payload(0));
            world.film_in(common::VP8, client, 1, 50_000 + frame, true, &payload(1));
            world.run(FRAME);
        }
    };
    film(&mut world, 0..20);
    want(&mut world, 50);
    film(&mut world, 20..45);
    want(&mut world, 100);
    film(&mut world, 45..60);
    assert!(world.browsers[browser].received(low).is_empty());
    let seen = world.browsers[browser].received(high);
    let layers: Vec<u8> = seen.iter().map(|packet| packet.payload[KEYFRAME.len()]).collect();
    // Of the frame at which it changes back it gets both.
    let expected = [[1; 20].as_slice(), &[0; 31], &[1; 10]].concat();
    assert_eq!(layers, expected, "it changes at keyframes");
    for pair in seen.windows(2) {
        assert_eq!(*pair[1].seq_no, *pair[0].seq_no + 1);
        let step = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert!(step < 3_300, "a frame follows a frame: {step}");
    }
}

#[test]
fn what_a_browser_lost_of_a_layer_comes_again_in_its_numbers() {
    let mut world = World::for_browsers();
    let mode = EncryptionMode::AeadAes256GcmRtpsize;
    let client = world.join_with(common::ROOM, mode, 2, &common::native_codecs(), false);
    let browser = world.browse();
    let high = world.clients[client].layers[1];
    world.browsers[browser].expect(MediaKind::Video, high);
    world.publish(client, &[50, 0]);
    for frame in 0..40_u16 {
        world.browsers[browser].lose_next = u32::from(frame == 20);
        world.film_in(
            common::VP8,
            client,
            0,
            100 + frame,
            true,
            &[DELTA, &[frame as u8]].concat(),
        );
        world.run(FRAME);
    }
    world.run(Duration::from_millis(500));
    let mut frames: Vec<u8> = world.browsers[browser]
        .payloads(high)
        .iter()
        .map(|payload| payload[DELTA.len()])
        .collect();
    frames.sort_unstable();
    assert_eq!(frames, (0..40).collect::<Vec<u8>>());
    assert_eq!(world.stats().retransmitted, 1);
}
