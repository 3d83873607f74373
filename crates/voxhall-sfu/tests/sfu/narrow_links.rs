//! Who is behind a narrow link gets as good a picture as fits, and all the voices. Nobody else notices.

use voxhall_protocol::voice::{CodecName, Ssrc};
use voxhall_sfu::Wants;
use voxhall_transport::rtcp::ReportBlock;
use voxhall_transport::{RtpPacket, SequenceNumber};

use crate::common::{OPUS, ROOM, VP8_RTX, codec};
use crate::stage::{HIGH, HIGH_LAYER, LOW, MODE, SECOND, Stage, TICK, WIDE, longer, narrow, number, rtp};

#[test]
fn one_receiver_behind_a_narrow_link_steps_down_alone() {
    let mut stage = Stage::simulcast();
    let (one, other) = (stage.viewer(), stage.viewer());
    let [low, high] = stage.rates(one, 5);
    assert!(low == 0 && high > 1_150, "{low} {high}");
    stage.set_link_of(one, narrow(300));
    stage.run(5 * SECOND);
    let start = stage.world.clients[other].inbox.len();
    let [low, high] = stage.rates(one, 20);
    assert!(low > 140 && high < 60, "{low} {high}");
    let packets = rtp(&stage.world, other, start).filter(|packet| packet.ssrc() == stage.layer(HIGH_LAYER));
    assert_eq!(packets.count(), 20 * 50 * 3, "the other one gets everything");
}

#[test]
fn it_steps_up_again_when_its_link_is_wide_again() {
    let mut stage = Stage::simulcast();
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(300));
    stage.run(20 * SECOND);
    assert_eq!(stage.rates(viewer, 2)[1], 0);
    stage.set_link_of(viewer, WIDE);
    stage.run(40 * SECOND);
    let [low, high] = stage.rates(viewer, 5);
    assert!(low == 0 && high > 1_150, "{low} {high}");
    let stats = stage.world.stats();
    assert!(stats.layers_lowered >= 1 && stats.layers_raised >= 1, "{stats:?}");
    assert!((10..2_000).contains(&stats.padding), "{stats:?}");
}

#[test]
fn a_way_that_becomes_longer_and_loses_a_little_is_no_narrow_link() {
    for layers in [&[LOW, HIGH][..], &[HIGH]] {
        let mut stage = Stage::new(layers, &[50, 100][2 - layers.len()..]);
        let viewer = stage.viewer();
        stage.run(10 * SECOND);
        stage.set_link_of(viewer, longer(100, 0.02));
        for _ in 0..15 {
            let rates = stage.rates(viewer, 1);
            assert!(rates[layers.len() - 1] > 1_000, "{rates:?}");
        }
        stage.set_link_of(viewer, WIDE);
        stage.run(5 * SECOND);
        assert_eq!(stage.world.stats().layers_lowered, 0);
    }
}

#[test]
fn voices_are_never_held_back() {
    let mut stage = Stage::simulcast();
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(120));
    stage.run(8 * SECOND);
    let (start, first) = (stage.world.clients[viewer].inbox.len(), stage.tick);
    let [low, high] = stage.rates(viewer, 20);
    assert!(low + high < 90, "{low} {high}");
    stage.world.run(SECOND);
    let heard = stage.heard(viewer, start);
    let of_this_time = heard.iter().filter(|tick| **tick >= first).count();
    assert!(of_this_time >= 990, "{of_this_time} of 1000 words");
}

#[test]
fn loss_reports_cannot_take_the_room_of_voices() {
    let mut stage = Stage::simulcast();
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(300));
    stage.run(15 * SECOND);
    let (low, rtx) = (stage.layer(0), Ssrc(stage.layer(0).0 + 1));
    let (start, first) = (stage.world.clients[viewer].inbox.len(), stage.tick);
    for _ in 0..10 * 50 {
        let inbox = &stage.world.clients[viewer];
        let newest = inbox
            .sequences(low)
            .last()
            .copied()
            .expect("it gets the small layer");
        let all: Vec<SequenceNumber> = (0..100)
            .map(|back| SequenceNumber(newest.wrapping_sub(back)))
            .collect();
        let sender = inbox.audio;
        stage
            .world
            .control(viewer, |writer| writer.nack(sender, low, all).unwrap());
        stage.run(TICK);
    }
    let ticks = stage.tick - first;
    stage.world.run(SECOND);
    let again: usize = rtp(&stage.world, viewer, start)
        .filter(|packet| packet.ssrc() == rtx)
        .map(|packet| packet.payload().len())
        .sum();
    let rate = again as u64 * 8 / 1_000 / 10;
    assert!((20..90).contains(&rate), "{rate} kbit/s are sent again");
    let heard = stage.heard(viewer, start);
    let of_this_time = heard.iter().filter(|tick| **tick >= first).count();
    assert!(of_this_time >= 495, "{of_this_time} of {ticks} words");
    assert!(stage.world.stats().repairs_withheld > 400);
}

#[test]
fn losses_of_ten_percent_are_made_up_for() {
    let mut stage = Stage::new(&[HIGH], &[100]);
    let browser = stage.browser();
    stage.run(5 * SECOND);
    let address = stage.world.browsers[browser].address;
    stage.set_link(address, longer(0, 0.1));
    let ssrc = stage.layer(0);
    let before = stage.world.browsers[browser].received(ssrc).len();
    stage.run(20 * SECOND);
    stage.set_link(address, WIDE);
    stage.world.run(SECOND);
    let got = stage.world.browsers[browser].received(ssrc).len() - before;
    assert!(got > 20 * 50 * 3 * 99 / 100, "{got} of 3000 packets");
    let stats = stage.world.stats();
    assert!(
        stats.retransmitted > 250 && stats.repairs_withheld == 0,
        "{stats:?}"
    );
}

#[test]
fn a_stream_for_which_there_is_no_room_pauses_and_comes_back() {
    let mut stage = Stage::new(&[HIGH], &[100]);
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(300));
    stage.run(10 * SECOND);
    assert!(stage.rates(viewer, 5)[0] < 100);
    stage.set_link_of(viewer, WIDE);
    stage.run(40 * SECOND);
    assert!(stage.rates(viewer, 5)[0] > 1_150);
}

#[test]
fn what_comes_after_a_pause_begins_with_a_keyframe() {
    let mut stage = Stage::new(&[HIGH], &[100]);
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(300));
    stage.run(10 * SECOND);
    stage.set_link_of(viewer, WIDE);
    let asked = stage.world.clients[stage.publisher].keyframe_requests(stage.layer(0));
    stage.run(40 * SECOND);
    let asked_since = stage.world.clients[stage.publisher].keyframe_requests(stage.layer(0)) - asked;
    assert!(asked_since >= 1, "the publisher is asked for one");
}

#[test]
fn who_reports_nothing_is_sent_what_it_wants() {
    let mut stage = Stage::simulcast();
    let viewer = stage.silent_viewer();
    stage.set_link_of(viewer, narrow(2_000));
    stage.run(10 * SECOND);
    let [low, high] = stage.rates(viewer, 10);
    assert!(low == 0 && high > 1_150, "{low} {high}");
    assert_eq!(stage.world.stats().padding, 0);
}

#[test]
fn loss_reports_and_a_receivers_own_estimate_count_where_there_is_nothing_better() {
    let mut stage = Stage::simulcast();
    let (losing, estimating) = (stage.silent_viewer(), stage.silent_viewer());
    stage.run(5 * SECOND);
    let high = stage.layer(HIGH_LAYER);
    let sender = stage.world.clients[losing].audio;
    let block = ReportBlock {
        source: high,
        fraction_lost: 128,
        cumulative_lost: 9,
        extended_highest_sequence: 0,
        jitter: 0,
        last_sender_report: 0,
        delay_since_last_sender_report: 0,
    };
    stage
        .world
        .control(losing, |writer| writer.receiver_report(sender, &[block]).unwrap());
    let sender = stage.world.clients[estimating].audio;
    stage.world.control(estimating, |writer| {
        writer
            .receiver_estimated_bitrate(sender, 400_000, &[high])
            .unwrap();
    });
    stage.run(2 * SECOND);
    for viewer in [losing, estimating] {
        let start = stage.world.clients[viewer].inbox.len();
        stage.run(SECOND);
        let last: Vec<Ssrc> = rtp(&stage.world, viewer, start)
            .map(|packet| packet.ssrc())
            .collect();
        assert!(
            last.contains(&stage.layer(0)) && !last.contains(&high),
            "viewer {viewer}"
        );
    }
}

#[test]
fn wants_go_before_what_a_link_carries() {
    let mut stage = Stage::simulcast();
    let viewer = stage.viewer();
    stage
        .world
        .want(viewer, Wants::any(100).with_quality(stage.layer(HIGH_LAYER), 0));
    stage.run(5 * SECOND);
    let [low, high] = stage.rates(viewer, 5);
    assert!(low > 140 && high == 0, "{low} {high}");
    stage.world.want(viewer, Wants::any(0));
    stage.run(SECOND);
    assert_eq!(stage.rates(viewer, 5), [0, 0]);
    assert_eq!(stage.world.stats().padding, 0, "nothing more is wanted");
}

#[test]
fn video_is_numbered_for_each_receiver_and_voices_are_not() {
    let mut stage = Stage::simulcast();
    let (early, late) = (stage.viewer(), {
        stage.run(SECOND);
        stage.viewer()
    });
    stage.run(3 * SECOND);
    for viewer in [early, late] {
        let audio = stage.world.clients[stage.publisher].audio;
        let (voices, video): (Vec<RtpPacket<'_>>, Vec<RtpPacket<'_>>) =
            rtp(&stage.world, viewer, 0).partition(|packet| packet.ssrc() == audio);
        assert!(!voices.is_empty() && voices.iter().all(|packet| number(packet).is_none()));
        let numbers: Vec<u16> = video.iter().map(|packet| number(packet).unwrap().0).collect();
        assert!(
            numbers.iter().copied().eq(0..numbers.len() as u16),
            "from 0 on, without a gap"
        );
    }
}

#[test]
fn padding_is_nothing_but_padding() {
    let mut stage = Stage::simulcast();
    let viewer = stage.viewer();
    stage.set_link_of(viewer, narrow(300));
    stage.run(20 * SECOND);
    stage.set_link_of(viewer, WIDE);
    stage.run(10 * SECOND);
    let names = [0, 1].map(|layer| Ssrc(stage.layer(layer).0 + 1));
    let padding: Vec<RtpPacket<'_>> = rtp(&stage.world, viewer, 0)
        .filter(|packet| names.contains(&packet.ssrc()))
        .collect();
    assert!(!padding.is_empty());
    for packet in &padding {
        assert_eq!(packet.payload_type().number(), VP8_RTX);
        assert_eq!((packet.payload().len(), packet.padding_length()), (0, 255));
        assert!(number(packet).is_some());
    }
}

#[test]
fn who_decodes_no_video_costs_nothing() {
    let mut stage = Stage::simulcast();
    let listener = stage
        .world
        .join_with(ROOM, MODE, 0, &[codec(CodecName::Opus, OPUS, None)], false);
    let start = stage.world.clients[listener].inbox.len();
    stage.run(5 * SECOND);
    assert_eq!(stage.heard(listener, start).len(), 250 - 1, "one is on its way");
    assert_eq!(stage.world.core.watching(), 0);
    let viewer = stage.viewer();
    assert_eq!(stage.world.core.watching(), 1);
    stage.world.want(viewer, Wants::any(0));
    assert_eq!(stage.world.core.watching(), 0);
}

#[test]
fn a_browser_behind_a_narrow_link_steps_down_alone_and_up_again() {
    let mut stage = Stage::simulcast();
    let (one, other) = (stage.browser(), stage.browser());
    stage.run(5 * SECOND);
    let address = stage.world.browsers[one].address;
    stage.set_link(address, narrow(300));
    stage.run(8 * SECOND);
    let high = stage.layer(HIGH_LAYER);
    let layers = |stage: &Stage, browser: usize, start: usize| {
        let seen = &stage.world.browsers[browser].packets[start..];
        let of_layer = |layer: u8| {
            seen.iter()
                .filter(|(_, packet)| *packet.header.ssrc == high.0 && packet.payload[10] == layer)
                .count()
        };
        [of_layer(0), of_layer(1)]
    };
    let count = |stage: &Stage, browser: usize| stage.world.browsers[browser].packets.len();
    let starts = [count(&stage, one), count(&stage, other)];
    stage.run(15 * SECOND);
    let [low, high] = layers(&stage, one, starts[0]);
    assert!(low > 600 && high < 150, "{low} {high}");
    let [low, high] = layers(&stage, other, starts[1]);
    assert!(low == 0 && high > 15 * 50 * 3 - 20, "{low} {high}");
    stage.set_link(address, WIDE);
    stage.run(40 * SECOND);
    let start = count(&stage, one);
    stage.run(5 * SECOND);
    let [low, high] = layers(&stage, one, start);
    assert!(low == 0 && high > 5 * 50 * 3 - 20, "{low} {high}");
}
