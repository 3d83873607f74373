//! A publisher who speaks and films, and those who watch it behind links of their own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::media::MediaKind;
use voxhall_protocol::voice::{Codec, CodecName, EncryptionMode, Ssrc};
use voxhall_sim::{Bottleneck, Conditions};
use voxhall_transport::extension::{ExtensionKind, transport_sequence};
use voxhall_transport::rtcp::{FeedbackHeader, SERVER_SENDER};
use voxhall_transport::{RtpPacket, SequenceNumber};

use crate::browser::{DELTA, KEYFRAME, browser_config};
use crate::common::{OPUS, ROOM, Received, VP8, VP8_RTX, World, codec};

pub const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
pub const SECOND: Duration = Duration::from_secs(1);
pub const TICK: Duration = Duration::from_millis(20);
/// Ticks between keyframes.
pub const KEYFRAME_EVERY: u32 = 50;
/// Packets of a kilobyte in a tick: 150 kbit/s for the low layer, 1.2 Mbit/s for the high one.
pub const LOW: [usize; 2] = [375, 1];
pub const HIGH: [usize; 2] = [1_000, 3];
pub const HIGH_LAYER: usize = 1;

pub const WIDE: Conditions = Conditions {
    latency: Duration::from_millis(20),
    ..Conditions::PERFECT
};

pub const fn narrow(kilobits: u32) -> Conditions {
    Conditions {
        bottleneck: Some(Bottleneck {
            bits_per_second: kilobits * 1_000,
            queue: Duration::from_millis(300),
        }),
        ..WIDE
    }
}

/// A wide link that takes so many milliseconds longer, and loses a share.
pub fn longer(millis: u64, loss: f64) -> Conditions {
    Conditions {
        latency: WIDE.latency + Duration::from_millis(millis),
        loss,
        ..WIDE
    }
}

/// A publisher who speaks and films, in as many layers as it announced, and who watches it.
pub struct Stage {
    pub world: World,
    pub publisher: usize,
    pub layers: Vec<[usize; 2]>,
    pub tick: u32,
    pub sequences: [u16; 2],
    pub reporters: Vec<Reporter>,
}

/// Notes of a UDP viewer that reports when video arrives.
pub struct Reporter {
    pub client: usize,
    pub read: usize,
    pub next: u16,
    pub count: u8,
    /// When its clock began.
    pub start: Instant,
}

impl Stage {
    pub fn new(layers: &[[usize; 2]], qualities: &[u8]) -> Self {
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

    pub fn simulcast() -> Self {
        Self::new(&[LOW, HIGH], &[50, 100])
    }

    /// A UDP client that says nothing about what it gets.
    pub fn silent_viewer(&mut self) -> usize {
        let client = self.world.join_with(ROOM, MODE, 0, &codecs(), false);
        self.world.run(SECOND);
        client
    }

    /// A UDP client that reports arrivals.
    pub fn viewer(&mut self) -> usize {
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

    pub fn browser(&mut self) -> usize {
        let browser = self.world.browse();
        for layer in &self.world.clients[self.publisher].layers {
            self.world.browsers[browser].expect(MediaKind::Video, *layer);
        }
        browser
    }

    pub fn layer(&self, layer: usize) -> Ssrc {
        self.world.clients[self.publisher].layers[layer]
    }

    pub fn set_link(&mut self, address: SocketAddr, conditions: Conditions) {
        self.world.network.set_last_link(address, conditions);
    }

    pub fn set_link_of(&mut self, client: usize, conditions: Conditions) {
        self.set_link(self.world.clients[client].address, conditions);
    }

    pub fn run(&mut self, time: Duration) {
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

    pub fn film(&mut self) {
        let picture = if self.tick.is_multiple_of(KEYFRAME_EVERY) {
            KEYFRAME
        } else {
            DELTA
        };
        for (layer, &[bytes, packets]) in self.layers.iter().enumerate() {
            let payload = [picture, &vec![layer as u8; bytes.saturating_sub(picture.len())]].concat();
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
    pub fn rates(&mut self, client: usize, seconds: u32) -> [u64; 2] {
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
    pub fn heard(&self, client: usize, start: usize) -> Vec<u32> {
        let audio = self.world.clients[self.publisher].audio;
        let packets = rtp(&self.world, client, start).filter(|packet| packet.ssrc() == audio);
        packets
            .map(|packet| u32::from_be_bytes(packet.payload()[1..5].try_into().unwrap()))
            .collect()
    }
}

impl Reporter {
    pub fn report(&mut self, world: &mut World) {
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

pub fn codecs() -> [Codec; 2] {
    [
        codec(CodecName::Opus, OPUS, None),
        codec(CodecName::Vp8, VP8, Some(VP8_RTX)),
    ]
}

/// The RTP packets that a client got, from the packet `start` of its inbox on.
pub fn rtp(world: &World, client: usize, start: usize) -> impl Iterator<Item = RtpPacket<'_>> {
    world.clients[client].inbox[start..]
        .iter()
        .filter_map(|(_, received)| match received {
            Received::Rtp(bytes) => Some(RtpPacket::parse(bytes).unwrap()),
            _ => None,
        })
}

/// The number that a packet has on the way down.
pub fn number(packet: &RtpPacket<'_>) -> Option<SequenceNumber> {
    let id = ExtensionKind::TransportSequence.native_id();
    transport_sequence(packet.extensions()?.find(id)?)
}
