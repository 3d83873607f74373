//! Who is behind a narrow link gets as good a picture as fits, and all the voices. Nobody else notices.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::media::MediaKind;
use voxhall_protocol::voice::{Codec, CodecName, EncryptionMode, Ssrc};
use voxhall_sfu::Wants;
use voxhall_sim::{Bottleneck, Conditions};
use voxhall_transport::extension::{ExtensionKind, transport_sequence};
use voxhall_transport::rtcp::{FeedbackHeader, ReportBlock, SERVER_SENDER};
use voxhall_transport::{RtpPacket, SequenceNumber};

use crate::browser::{DELTA, KEYFRAME, browser_config};
use crate::common::{OPUS, ROOM, Received, VP8, VP8_RTX, World, codec};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(20);
/// Ticks between keyframes.
const KEYFRAME_EVERY: u32 = 50;
/// Packets of a kilobyte in a tick: 150 kbit/s for the low layer, 1.2 Mbit/s for the high one.
const LOW: [usize; 2] = [375, 1];
const HIGH: [usize; 2] = [1_000, 3];
const HIGH_LAYER: usize = 1;

const WIDE: Conditions = Conditions {
    latency: Duration::from_millis(20),
    ..Conditions::PERFECT
};

const fn narrow(kilobits: u32) -> Conditions {
    Conditions {
        bottleneck: Some(Bottleneck {
            bits_per_second: kilobits * 1_000,
            queue: Duration::from_millis(300),
        }),
        ..WIDE
    }
}

/// A publisher who speaks and films, in as many layers as it announced, and who watches it.
struct Stage {
    world: World,
    publisher: usize,
    layers: Vec<[usize; 2]>,
    tick: u32,
    sequences: [u16; 2],
    reporters: Vec<Reporter>,
}

/// Notes of a UDP viewer that reports when video arrives.
struct Reporter {
    client: usize,
    read: usize,
    next: u16,
    count: u8,
    /// When its clock began.
    start: Instant,
}

impl Stage {
    fn new(layers: &[[usize; 2]], qualities: &[u8]) -> Self {
        let mut world = World::with(browser_config(), 3, WIDE);
        let publisher = world.join_with(ROOM, MODE, layers.len(), &codecs(), false);
        world.run(SECOND);
        world.publish(publisher, qualities);
        Self {
            world,
            publisher,
            layers: layers.to_vec(),
            tick: 0,
            sequences: [100, 200],
            reporters: Vec::new(),
        }
    }

    fn simulcast() -> Self {
        Self::new(&[LOW, HIGH], &[50, 100])
    }

    /// A UDP client that says nothing about what it gets.
    fn silent_viewer(&mut self) -> usize {
        let client = self.world.join_with(ROOM, MODE, 0, &codecs(), false);
        self.world.run(SECOND);
        client
    }

    /// A UDP client that reports arrivals.
    fn viewer(&mut self) -> usize {
        let client = self.silent_viewer();
        self.reporters.push(Reporter {
            client,
            read: 0,
            next: 0,
            count: 0,
            start: self.world.now,
        });
        client
    }

    fn browser(&mut self) -> usize {
        let browser = self.world.browse();
        for layer in &self.world.clients[self.publisher].layers {
            self.world.browsers[browser].expect(MediaKind::Video, *layer);
        }
        browser
    }

    fn layer(&self, layer: usize) -> Ssrc {
        self.world.clients[self.publisher].layers[layer]
    }

    fn set_link(&mut self, address: SocketAddr, conditions: Conditions) {
        self.world.network.set_last_link(address, conditions);
    }

    fn set_link_of(&mut self, client: usize, conditions: Conditions) {
        self.set_link(self.world.clients[client].address, conditions);
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            self.film();
            let word = self.tick.to_be_bytes();
            self.world
                .speak(self.publisher, &[&[0x78], &word[..], &[0; 75]].concat());
            self.tick += 1;
            self.world.run(TICK);
            if self.tick.is_multiple_of(5) {
                for reporter in &mut self.reporters {
                    reporter.report(&mut self.world);
                }
            }
        }
    }

    fn film(&mut self) {
        let picture = if self.tick.is_multiple_of(KEYFRAME_EVERY) {
            KEYFRAME
        } else {
            DELTA
        };
        for (layer, &[bytes, packets]) in self.layers.iter().enumerate() {
            let payload = [picture, &vec![layer as u8; bytes - picture.len()]].concat();
            for packet in 1..=packets {
                let sequence = &mut self.sequences[layer];
                *sequence = sequence.wrapping_add(1);
                let (last, sequence) = (packet == packets, *sequence);
                self.world
                    .film_in(VP8, self.publisher, layer, sequence, last, &payload);
            }
        }
    }

    /// What a UDP client gets of each layer during the next seconds, in kbit/s.
    fn rates(&mut self, client: usize, seconds: u32) -> [u64; 2] {
        let start = self.world.clients[client].inbox.len();
        self.run(seconds * SECOND);
        [0, 1].map(|layer| {
            let ssrc = self.world.clients[self.publisher].layers.get(layer).copied();
            let packets = rtp(&self.world, client, start);
            let bytes = packets
                .filter(|packet| Some(packet.ssrc()) == ssrc)
                .map(|packet| packet.payload().len());
            bytes.sum::<usize>() as u64 * 8 / 1_000 / u64::from(seconds)
        })
    }

    /// The ticks whose words a UDP client heard from the packet `start` of its inbox on.
    fn heard(&self, client: usize, start: usize) -> Vec<u32> {
        let audio = self.world.clients[self.publisher].audio;
        let packets = rtp(&self.world, client, start).filter(|packet| packet.ssrc() == audio);
        packets
            .map(|packet| u32::from_be_bytes(packet.payload()[1..5].try_into().unwrap()))
            .collect()
    }
}

impl Reporter {
    fn report(&mut self, world: &mut World) {
        let start = self.start;
        let inbox = &world.clients[self.client].inbox;
        let arrivals: Vec<(u16, u64)> = inbox[self.read..]
            .iter()
            .filter_map(|(at, received)| match received {
                Received::Rtp(bytes) => {
                    let number = number(&RtpPacket::parse(bytes).unwrap())?.0;
                    Some((number, (*at - start).as_micros() as u64))
                }
                _ => None,
            })
            .collect();
        self.read = inbox.len();
        let newest = arrivals
            .iter()
            .map(|(number, _)| number.wrapping_sub(self.next))
            .filter(|ahead| *ahead < 0x8000)
            .max();
        let (Some(newest), Some(&(_, first_at))) = (newest, arrivals.first()) else {
            return;
        };
        let reference = first_at / 64_000;
        let mut last = reference * 64_000;
        let statuses: Vec<Option<i16>> = (0..=newest)
            .map(|ahead| {
                let number = self.next.wrapping_add(ahead);
                let (_, at) = arrivals.iter().find(|(arrived, _)| *arrived == number)?;
                let delta = (*at as i64 - last as i64) / 250;
                last = last.saturating_add_signed(delta * 250);
                i16::try_from(delta).ok()
            })
            .collect();
        let header = FeedbackHeader {
            sender: world.clients[self.client].audio,
            media: SERVER_SENDER,
            base_sequence: SequenceNumber(self.next),
            reference_time: reference as i32,
            feedback_count: self.count,
        };
        self.count = self.count.wrapping_add(1);
        self.next = self.next.wrapping_add(newest).wrapping_add(1);
        world.control(self.client, |writer| {
            writer.transport_feedback(&header, &statuses).unwrap()
        });
    }
}

fn codecs() -> [Codec; 2] {
    [
        codec(CodecName::Opus, OPUS, None),
        codec(CodecName::Vp8, VP8, Some(VP8_RTX)),
    ]
}

/// The RTP packets that a client got, from the packet `start` of its inbox on.
fn rtp(world: &World, client: usize, start: usize) -> impl Iterator<Item = RtpPacket<'_>> {
    world.clients[client].inbox[start..]
        .iter()
        .filter_map(|(_, received)| match received {
            Received::Rtp(bytes) => Some(RtpPacket::parse(bytes).unwrap()),
            _ => None,
        })
}

/// The number that a packet has on the way down.
fn number(packet: &RtpPacket<'_>) -> Option<SequenceNumber> {
    let id = ExtensionKind::TransportSequence.native_id();
    transport_sequence(packet.extensions()?.find(id)?)
}

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
