//! RTCP that the SFU makes: receiver reports and arrival reports to publishers, sender reports to receivers.

use std::time::Duration;

use crate::common::{DELTA, H264, KEYFRAME, World};
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::MediaPermissions;
use voxhall_sim::Conditions;
use voxhall_transport::rtcp::{self, NtpTimestamp, ReportBlock, RtcpPacket, SERVER_SENDER, SenderInfo};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{PayloadType, SequenceNumber};

const VOICE: &[u8] = &[0x78, 0x9c, 0x1a];

fn blocks(world: &World, client: usize) -> Vec<ReportBlock> {
    let mut blocks = Vec::new();
    for bytes in world.clients[client].rtcp() {
        for packet in rtcp::packets(&bytes) {
            if let Ok(RtcpPacket::ReceiverReport(report)) = packet {
                assert_eq!(report.sender, SERVER_SENDER);
                blocks.extend(report.blocks());
            }
        }
    }
    blocks
}

#[test]
fn who_sends_is_told_about_once_a_second_how_it_arrives() {
    let mut world = World::new();
    let (speaker, listener) = (world.join(), world.join());
    for packet in 0..250 {
        if packet % 10 == 9 {
            // Lost on the way.
            world.audio_packet(speaker, VOICE);
        } else {
            world.speak(speaker, VOICE);
        }
        world.run(Duration::from_millis(20));
    }
    let told = blocks(&world, speaker);
    assert!((4..=5).contains(&told.len()), "{told:?}");
    assert!(
        told.iter()
            .all(|block| block.source == world.clients[speaker].audio)
    );
    let last = told.last().unwrap();
    assert!((20..=26).contains(&last.cumulative_lost), "{last:?}");
    assert!((20..=31).contains(&last.fraction_lost), "{last:?}");
    assert_eq!(last.last_sender_report, 0);
    assert_eq!(
        blocks(&world, listener).len(),
        0,
        "who says nothing is told nothing"
    );
    world.clear();
    world.run(Duration::from_secs(10));
    assert!(
        blocks(&world, speaker).len() <= 1,
        "after the last packet one more"
    );
}

#[test]
fn a_sender_report_is_answered_and_told_to_those_who_hear() {
    let mut world = World::new();
    let (speaker, listener, deaf) = (world.join(), world.join(), world.join());
    world.permit(
        deaf,
        MediaPermissions {
            hear: false,
            ..MediaPermissions::default()
        },
    );
    let audio = world.clients[speaker].audio;
    let ntp = NtpTimestamp {
        seconds: 0xeb1f_2a3c,
        fraction: 0x4000_0000,
    };
    let info = SenderInfo {
        ntp,
        rtp_timestamp: 76_800,
        packet_count: 4,
        octet_count: 72,
    };
    world.speak(speaker, VOICE);
    world.control(speaker, |writer| {
        writer.sender_report(audio, info, &[]).unwrap();
        writer.source_description(audio, "").unwrap();
    });
    world.settle();
    world.run(Duration::from_millis(1000));
    let heard = world.clients[listener].rtcp();
    assert_eq!(heard.len(), 1);
    match rtcp::packets(&heard[0]).next() {
        Some(Ok(RtcpPacket::SenderReport(report))) => assert_eq!((report.sender, report.info), (audio, info)),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.clients[deaf].rtcp().len(), 0);
    let told = blocks(&world, speaker);
    assert_eq!(told[0].last_sender_report, 0x2a3c_4000);
    assert_eq!(told[0].delay_since_last_sender_report, 65_536);
}

#[test]
fn a_datagram_full_of_sender_reports_is_passed_on_once() {
    let mut world = World::new();
    let (sender, listener) = (world.join(), world.join());
    world.publish(sender, &[100]);
    world.speak(sender, VOICE);
    world.film_in(H264, sender, 0, 1, true, KEYFRAME);
    world.settle();
    world.clear();
    let (audio, video) = (world.clients[sender].audio, world.clients[sender].layers[0]);
    let mut passed = Vec::new();
    // Two seconds, in which forty datagrams with forty reports come.
    for number in 0..40 {
        world.control(sender, |writer| {
            for _ in 0..20 {
                for ssrc in [audio, video] {
                    let info = SenderInfo {
                        ntp: NtpTimestamp::default(),
                        rtp_timestamp: number,
                        packet_count: 1,
                        octet_count: 1,
                    };
                    writer.sender_report(ssrc, info, &[]).unwrap();
                }
            }
        });
        world.run(Duration::from_millis(50));
    }
    for bytes in world.clients[listener].rtcp() {
        for packet in rtcp::packets(&bytes) {
            if let Ok(RtcpPacket::SenderReport(report)) = packet {
                passed.push((report.sender, report.info.rtp_timestamp));
            }
        }
    }
    let of = |ssrc: Ssrc| passed.iter().filter(|(sender, _)| *sender == ssrc).count();
    assert_eq!((of(audio), of(video)), (10, 10), "{passed:?}");
}

#[test]
fn a_sender_report_of_a_muted_member_or_for_anothers_stream_stays_here() {
    let mut world = World::new();
    let (speaker, listener, liar) = (world.join(), world.join(), world.join());
    world.permit(
        speaker,
        MediaPermissions {
            speak: false,
            ..MediaPermissions::default()
        },
    );
    let audio = world.clients[speaker].audio;
    let info = SenderInfo {
        ntp: NtpTimestamp::default(),
        rtp_timestamp: 1,
        packet_count: 1,
        octet_count: 1,
    };
    world.control(speaker, |writer| writer.sender_report(audio, info, &[]).unwrap());
    let own = world.clients[liar].audio;
    world.control(liar, |writer| {
        writer.receiver_report(own, &[]).unwrap();
        writer.sender_report(audio, info, &[]).unwrap();
    });
    world.settle();
    assert_eq!(world.clients[listener].rtcp().len(), 0);
    assert_eq!(world.stats().rtcp, 2);
}

#[test]
fn control_packets_from_an_ssrc_of_the_clients_own_are_known_by_their_address() {
    let mut world = World::new();
    let (publisher, viewer) = (world.join(), world.join());
    world.publish(publisher, &[100]);
    world.film(publisher, 0, 1, true, KEYFRAME);
    world.run(Duration::from_secs(2));
    world.clear();
    let media = world.clients[publisher].layers[0];
    world.control(viewer, |writer| {
        writer.picture_loss_indication(Ssrc(1), media).unwrap()
    });
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(media), 1);
}

#[test]
fn a_publisher_that_numbers_its_packets_is_told_when_they_came() {
    let mut world = World::new();
    let publisher = world.join();
    world.join();
    world.publish(publisher, &[100]);
    for number in [500_u16, 501, 503, 504] {
        let sender = &mut world.clients[publisher];
        let header = RtpHeader {
            marker: true,
            payload_type: PayloadType::new(H264).unwrap(),
            sequence_number: SequenceNumber(number),
            timestamp: 1,
            ssrc: sender.layers[0],
        };
        let [high, low] = number.to_be_bytes();
        let datagram = sender.seal(header, &[0xbe, 0xde, 0, 1, 0x51, high, low, 0], DELTA);
        world.send(publisher, datagram);
        world.run(Duration::from_millis(10));
    }
    world.run(Duration::from_millis(100));
    let reports = world.clients[publisher].rtcp();
    let feedback = reports
        .iter()
        .find_map(|bytes| match rtcp::packets(bytes).next() {
            Some(Ok(RtcpPacket::TransportFeedback(feedback))) => Some(feedback),
            _ => None,
        });
    let feedback = feedback.expect("a report of arrivals");
    assert_eq!(feedback.header.base_sequence, SequenceNumber(500));
    assert_eq!(feedback.status_count, 5);
    let media = world.clients[publisher].layers[0];
    assert_eq!(
        feedback.header.media, media,
        "browsers pass over one of no stream of theirs"
    );
    let arrivals: Vec<(u16, i16)> = feedback
        .arrivals()
        .map(|arrival| (arrival.sequence.0, arrival.delta))
        .collect();
    assert_eq!(
        arrivals,
        [(500, 0), (501, 40), (503, 40), (504, 40)],
        "10 ms in steps of 250 us"
    );
}

#[test]
fn a_publisher_that_numbers_nothing_is_told_how_much_it_may_send() {
    let mut world = World::new();
    let publisher = world.join();
    world.publish(publisher, &[100]);
    let film = |world: &mut World, seconds: u16, first: u16| {
        for packet in 0..seconds * 100 {
            world.film(publisher, 0, first + packet, true, &[0x41; 1000]);
            world.run(Duration::from_millis(10));
        }
    };
    film(&mut world, 3, 0);
    let limits = |world: &World| -> Vec<(u64, Vec<Ssrc>)> {
        let reports = world.clients[publisher].rtcp();
        reports
            .iter()
            .flat_map(|bytes| rtcp::packets(bytes))
            .filter_map(|packet| match packet {
                Ok(RtcpPacket::ReceiverEstimatedBitrate(limit)) => {
                    Some((limit.bitrate, limit.media().collect()))
                }
                _ => None,
            })
            .collect()
    };
    let told = limits(&world);
    let media = world.clients[publisher].layers[0];
    assert!(
        !told.is_empty()
            && told
                .iter()
                .all(|(rate, named)| *rate >= 800_000 && *named == [media])
    );
    world.network.set_conditions(Conditions {
        loss: 0.3,
        ..Conditions::PERFECT
    });
    film(&mut world, 5, 300);
    assert!(
        limits(&world).last().unwrap().0 < told[0].0,
        "a third of it does not arrive"
    );
}
