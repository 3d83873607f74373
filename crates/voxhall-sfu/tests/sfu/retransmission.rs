//! Lost video packets: sent again to viewers from what is kept, and taken from publishers that send theirs again.

use std::time::Duration;

use crate::common::{DELTA, H264_RTX, KEYFRAME, World};
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::rtx::RtxPayload;

fn stage() -> (World, usize, usize, Ssrc) {
    let mut world = World::new();
    let (publisher, viewer) = (world.join(), world.join());
    world.publish(publisher, &[100]);
    for sequence in 1..=5 {
        world.film(
            publisher,
            0,
            sequence,
            false,
            if sequence == 1 { KEYFRAME } else { DELTA },
        );
    }
    world.settle();
    let ssrc = world.clients[publisher].layers[0];
    (world, publisher, viewer, ssrc)
}

fn report_lost(world: &mut World, viewer: usize, ssrc: Ssrc, lost: &[u16]) {
    let sender = world.clients[viewer].audio;
    let lost = lost
        .iter()
        .map(|&number| SequenceNumber(number))
        .collect::<Vec<_>>();
    world.control(viewer, |writer| writer.nack(sender, ssrc, lost).unwrap());
    world.settle();
}

#[test]
fn a_viewer_gets_again_what_it_lost() {
    let (mut world, _, viewer, ssrc) = stage();
    report_lost(&mut world, viewer, ssrc, &[2, 4]);
    let rtx = Ssrc(ssrc.0 + 1);
    let packets = world.clients[viewer].rtp();
    let again: Vec<_> = packets.iter().filter(|packet| packet.ssrc() == rtx).collect();
    assert_eq!(again.len(), 2);
    for (packet, original) in again.iter().zip([2_u16, 4]) {
        let carried = RtxPayload::parse(packet.payload()).unwrap();
        assert_eq!(packet.payload_type().number(), H264_RTX);
        assert_eq!(carried.original_sequence, SequenceNumber(original));
        assert_eq!(carried.original_payload, DELTA);
        assert_eq!(packet.timestamp(), u32::from(original) * 3000);
    }
    assert_eq!(
        again[1].sequence_number(),
        again[0].sequence_number().next(),
        "a stream of its own"
    );
    assert_eq!(world.stats().retransmitted, 2);
}

#[test]
fn numbers_are_the_viewers_after_a_pause() {
    let (mut world, publisher, viewer, ssrc) = stage();
    world.want(viewer, voxhall_sfu::Wants::any(0));
    world.film(publisher, 0, 6, false, DELTA);
    world.settle();
    world.want(viewer, voxhall_sfu::Wants::any(100));
    world.film(publisher, 0, 7, true, KEYFRAME);
    world.settle();
    assert_eq!(world.clients[viewer].sequences(ssrc), [1, 2, 3, 4, 5, 6]);
    report_lost(&mut world, viewer, ssrc, &[6]);
    let packets = world.clients[viewer].rtp();
    let carried = RtxPayload::parse(packets.last().unwrap().payload()).unwrap();
    assert_eq!(
        (carried.original_sequence, carried.original_payload),
        (SequenceNumber(6), KEYFRAME)
    );
}

#[test]
fn what_is_a_second_old_or_never_came_is_not_sent() {
    let (mut world, _, viewer, ssrc) = stage();
    report_lost(&mut world, viewer, ssrc, &[6, 7, 600, 65_535]);
    assert_eq!(world.stats().retransmitted, 0);
    world.run(Duration::from_millis(1100));
    report_lost(&mut world, viewer, ssrc, &[2]);
    assert_eq!(world.stats().retransmitted, 0);
}

#[test]
fn a_loss_report_cannot_ask_for_a_flood() {
    let (mut world, publisher, viewer, ssrc) = stage();
    for sequence in 6..=500 {
        world.film(publisher, 0, sequence, false, DELTA);
    }
    world.settle();
    let all: Vec<u16> = (1..=500).collect();
    for _ in 0..20 {
        report_lost(&mut world, viewer, ssrc, &all);
    }
    let flood = world.stats().retransmitted;
    assert!((100..=300).contains(&flood), "{flood}");
}

#[test]
fn a_publishers_retransmission_fills_the_gap_once() {
    let (mut world, publisher, viewer, ssrc) = stage();
    world.film(publisher, 0, 7, true, DELTA);
    world.repair(publisher, 0, 100, 6, KEYFRAME);
    world.repair(publisher, 0, 101, 6, KEYFRAME);
    world.repair(publisher, 0, 102, 3, KEYFRAME);
    world.settle();
    assert_eq!(world.clients[viewer].sequences(ssrc), [1, 2, 3, 4, 5, 7, 6]);
    let packets = world.clients[viewer].rtp();
    let repaired = packets.last().unwrap();
    assert_eq!(repaired.payload(), KEYFRAME);
    assert_eq!(repaired.payload_type().number(), crate::common::H264);
    assert_eq!(world.stats().dropped_replayed, 2, "those were there already");
    report_lost(&mut world, viewer, ssrc, &[6]);
    assert_eq!(world.stats().retransmitted, 1, "and it is kept like any other");
}

#[test]
fn probes_are_counted_and_not_forwarded() {
    let (mut world, publisher, viewer, ssrc) = stage();
    let before = world.clients[viewer].rtp().len();
    world.repair(publisher, 0, 100, 0, &[]);
    for payload_type in [96_u8, crate::common::H264] {
        let mut packet = vec![0xa0, payload_type, 1, payload_type, 0, 0, 0, 0];
        packet.extend(ssrc.0.to_be_bytes());
        packet.extend([0; 99]);
        packet.push(100);
        let datagram = world.clients[publisher].seal_bytes(voxhall_transport::PacketKind::Rtp, &packet);
        world.send(publisher, datagram);
    }
    world.settle();
    assert_eq!(world.clients[viewer].rtp().len(), before);
    assert_eq!(world.stats().probes, 3);
}
