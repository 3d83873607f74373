//! The packet path allocates nothing, once a room is set up.

use std::net::SocketAddr;
use std::time::Duration;

use crate::browser;
use crate::common::{self, DELTA, KEYFRAME, ROOM, World, native_codecs};
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::MAX_DATAGRAM;
use voxhall_sfu::core::Outbox;
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};
use voxhall_transport::rtcp::FeedbackHeader;

/// Counts datagrams and forgets them.
struct Sink {
    buffer: [u8; MAX_DATAGRAM],
    datagrams: u64,
}

impl Outbox for Sink {
    fn datagram(&mut self, _: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        self.datagrams += u64::from(write(&mut self.buffer).is_some());
    }
}

#[test]
fn packets_pass_without_allocation() {
    let mut world = World::new();
    let members: Vec<usize> = EncryptionMode::ALL
        .iter()
        .map(|&mode| world.join_with(ROOM, mode, 1, &native_codecs(), false))
        .collect();
    world.publish(0, &[100]);
    world.settle();
    let mut datagrams = Vec::new();
    for round in 0..200_u16 {
        for &member in &members {
            datagrams.push((
                world.clients[member].address,
                world.audio_packet(member, b"some words"),
            ));
        }
        world.film(0, 0, round, true, if round == 0 { KEYFRAME } else { DELTA });
        let from = world.clients[0].address;
        while let Some(datagram) = world.network.deliver(world.now) {
            datagrams.push((from, datagram.payload));
        }
        world.control(1, |writer| {
            let media = voxhall_protocol::voice::Ssrc(1001);
            writer
                .nack(
                    voxhall_protocol::voice::Ssrc(1016),
                    media,
                    [voxhall_transport::SequenceNumber(round)],
                )
                .unwrap();
            let header = FeedbackHeader {
                sender: voxhall_protocol::voice::Ssrc(1016),
                media,
                base_sequence: voxhall_transport::SequenceNumber(round),
                reference_time: i32::from(round),
                feedback_count: round as u8,
            };
            writer.transport_feedback(&header, &[Some(4)]).unwrap();
        });
        let from = world.clients[1].address;
        while let Some(datagram) = world.network.deliver(world.now) {
            datagrams.push((from, datagram.payload));
        }
    }
    let mut sink = Sink {
        buffer: [0; MAX_DATAGRAM],
        datagrams: 0,
    };
    // The first packets of each member are events to the node, which may take memory.
    let (first, rest) = datagrams.split_at_mut(20);
    let (core, mut now) = (&mut world.core, world.now);
    for (from, datagram) in first {
        core.handle_datagram(now, *from, datagram, &mut sink);
    }
    while core.poll_event().is_some() {}
    let counted = allocation_counter::measure(|| {
        for (from, datagram) in rest {
            now += Duration::from_millis(2);
            core.handle_datagram(now, *from, datagram, &mut sink);
            if core.poll_timeout().is_some_and(|due| due <= now) {
                core.handle_timeout(now, &mut sink);
            }
        }
    });
    assert!(sink.datagrams > 200 * 8 * 7, "{}", sink.datagrams);
    assert!(core.stats().retransmitted > 100, "{:?}", core.stats());
    assert!(core.stats().transport_feedback > 100, "{:?}", core.stats());
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn packets_of_browsers_pass_without_allocation() {
    let mut world = World::for_browsers();
    let client = world.join();
    let first = world.browse();
    let second = world.browse();
    for browser in [first, second] {
        world.announce(browser);
    }
    world.publish(client, &[100]);
    world.run(Duration::from_secs(1));
    let mut datagrams = Vec::new();
    for round in 0..200_u16 {
        for browser in [first, second] {
            world.say(browser, b"some words");
            world.show(browser, browser::DELTA);
        }
        world.speak(client, b"some words");
        world.film_in(common::VP8, client, 0, round, true, browser::DELTA);
        world.now += Duration::from_millis(20);
        for browser in &mut world.browsers {
            browser.wake(world.now);
            browser.flush(world.now, &mut world.network);
        }
        while let Some(datagram) = world.network.deliver(world.now) {
            // Checks and reports come seldom; what is measured is media.
            let is_media = matches!(
                demux::classify(&datagram.payload, LegacyDiscovery::Refused),
                Datagram::Rtp(_)
            );
            if datagram.to == world.server && is_media {
                datagrams.push((datagram.from, datagram.payload));
            }
        }
    }
    let mut sink = Sink {
        buffer: [0; MAX_DATAGRAM],
        datagrams: 0,
    };
    let (first, rest) = datagrams.split_at_mut(60);
    let (core, mut now) = (&mut world.core, world.now);
    for (from, datagram) in first {
        core.handle_datagram(now, *from, datagram, &mut sink);
    }
    while core.poll_event().is_some() {}
    let sent = sink.datagrams;
    let counted = allocation_counter::measure(|| {
        for (from, datagram) in rest {
            now += Duration::from_millis(2);
            core.handle_datagram(now, *from, datagram, &mut sink);
            if core.poll_timeout().is_some_and(|due| due <= now) {
                core.handle_timeout(now, &mut sink);
            }
        }
    });
    assert!(sink.datagrams - sent > 190 * 6 * 2, "{}", sink.datagrams);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
