//! Video in RTP payloads: the vectors of the protocol documents, and frames that survive whatever the network does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use voxhall_media::assembly::{AssembledFrame, AssemblyConfig, FrameAssembler, VideoPacket};
use voxhall_media::payload::{Depacketizer, MAX_PAYLOAD, Packetizer, PayloadList};
use voxhall_media::video::{VideoCodec, annex_b};

const VECTORS: &str = include_str!("../../voxhall-transport/tests/data/transport-vectors.json");

fn vector(id: &str) -> Value {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let found = vectors["packetization"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["id"] == id);
    found.unwrap_or_else(|| panic!("no vector {id}")).clone()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn all(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().unwrap().iter().map(hex).collect()
}

/// Cuts, compares with the vector, and puts together again.
fn check(id: &str, codec: VideoCodec, frame: &[u8], overhead: u64) {
    let vector = vector(id);
    let expected = all(&vector["payloads"]);
    let max = vector["fragment_size"]
        .as_u64()
        .map_or(MAX_PAYLOAD as u64, |size| size + overhead);
    let picture_id = vector["picture_id"].as_u64().unwrap_or(0) as u16;
    let mut payloads = PayloadList::default();
    Packetizer::new(codec, max as usize, picture_id).packetize(frame, &mut payloads);
    assert_eq!(payloads.iter().collect::<Vec<_>>(), expected, "{id}");
    assert_eq!(depacketized(codec, &payloads), frame, "{id}");
}

fn depacketized(codec: VideoCodec, payloads: &PayloadList) -> Bytes {
    let mut depacketizer = Depacketizer::new(codec);
    for payload in payloads.iter() {
        depacketizer.push(payload).unwrap();
    }
    depacketizer.finish().unwrap()
}

#[test]
fn the_vectors_of_the_protocol_documents() {
    let single = hex(&vector("h264-single")["nal"]);
    check("h264-single", VideoCodec::H264, &annex_b([&single[..]]), 0);
    let units = all(&vector("h264-stap-a")["nals"]);
    check(
        "h264-stap-a",
        VideoCodec::H264,
        &annex_b(units.iter().map(Vec::as_slice)),
        0,
    );
    let unit = hex(&vector("h264-fu-a")["nal"]);
    check("h264-fu-a", VideoCodec::H264, &annex_b([&unit[..]]), 2);
    let unit = hex(&vector("h265-fu")["nal"]);
    check("h265-fu", VideoCodec::H265, &annex_b([&unit[..]]), 3);
    let frame = hex(&vector("vp8-descriptor")["frame"]);
    check("vp8-descriptor", VideoCodec::Vp8, &frame, 4);
}

/// A frame in normal form, decodable or not, but with the begin that tells what it is.
fn frame(codec: VideoCodec, keyframe: bool, rng: &mut SmallRng) -> Bytes {
    let noise = |rng: &mut SmallRng, most: usize| -> Vec<u8> {
        let length = rng.random_range(1..=most);
        // Without zeros there is no start code; the last byte of a unit is never zero.
        (0..length).map(|_| rng.random_range(1..=255)).collect()
    };
    match codec {
        VideoCodec::H264 | VideoCodec::H265 => {
            let (sets, key, delta): (&[&[u8]], &[u8], &[u8]) = if codec == VideoCodec::H264 {
                (&[&[0x67, 0x42], &[0x68, 0xCE]], &[0x65, 0x88], &[0x41, 0x9A])
            } else {
                (
                    &[&[0x40, 1], &[0x42, 1], &[0x44, 1]],
                    &[0x26, 1, 0x80],
                    &[0x02, 1, 0x80],
                )
            };
            let mut units: Vec<Vec<u8>> = Vec::new();
            if keyframe {
                units.extend(sets.iter().map(|set| [set, &noise(rng, 30)[..]].concat()));
            }
            for _ in 0..rng.random_range(1..4) {
                let slice = if keyframe { key } else { delta };
                units.push([slice, &noise(rng, 4_000)[..]].concat());
            }
            annex_b(units.iter().map(Vec::as_slice))
        }
        VideoCodec::Vp8 => {
            let head: &[u8] = if keyframe {
                &[0x50, 1, 0, 0x9D, 1, 0x2A, 64, 1, 64, 1]
            } else {
                &[0x51, 1, 0]
            };
            [head, &noise(rng, 6_000)[..]].concat().into()
        }
        VideoCodec::Vp9 => {
            let head: &[u8] = if keyframe {
                &[0x82, 0x49, 0x83, 0x42, 0, 10, 240, 8, 246]
            } else {
                &[0x86, 1]
            };
            [head, &noise(rng, 6_000)[..]].concat().into()
        }
        VideoCodec::Av1 => {
            let mut unit = Vec::new();
            if keyframe {
                unit.extend([0x0A, 0x0B, 0, 0, 0, 3, 0xBD, 0x7C, 0x79, 0xB5, 0xF2, 0, 0x80]);
            }
            for _ in 0..rng.random_range(1..6) {
                let head = if keyframe { 0x10 } else { 0x30 };
                let payload = [&[head][..], &noise(rng, 2_000)[..]].concat();
                unit.push(0x32);
                let mut length = payload.len();
                while length >= 0x80 {
                    unit.push(length as u8 | 0x80);
                    length >>= 7;
                }
                unit.push(length as u8);
                unit.extend(payload);
            }
            unit.into()
        }
    }
}

/// Frames, every tenth a keyframe, and their packets.
struct Stream {
    frames: Vec<Bytes>,
    packets: Vec<VideoPacket>,
}

impl Stream {
    fn new(codec: VideoCodec, count: u32, rng: &mut SmallRng) -> Self {
        let mut packetizer = Packetizer::new(codec, rng.random_range(100..=MAX_PAYLOAD), rng.random());
        let (mut sequence, base): (u16, u32) = (rng.random(), rng.random());
        let mut stream = Self {
            frames: Vec::new(),
            packets: Vec::new(),
        };
        let mut payloads = PayloadList::default();
        for number in 0..count {
            let data = frame(codec, number % 10 == 0, rng);
            assert_eq!(codec.is_keyframe(&data), number % 10 == 0, "{codec}");
            assert_eq!(codec.normal_form(data.clone()), data, "{codec}");
            packetizer.packetize(&data, &mut payloads);
            let last = payloads.len() - 1;
            for (index, payload) in payloads.iter().enumerate() {
                stream.packets.push(VideoPacket {
                    sequence,
                    timestamp: base.wrapping_add(number * 3_000),
                    marker: index == last,
                    codec,
                    payload: Bytes::copy_from_slice(payload),
                });
                sequence = sequence.wrapping_add(1);
            }
            stream.frames.push(data);
        }
        stream
    }
}

/// Pushes packets a millisecond apart, and gives all frames that come out.
fn assembled(packets: impl IntoIterator<Item = VideoPacket>) -> (Vec<AssembledFrame>, FrameAssembler) {
    let mut assembler = FrameAssembler::new(AssemblyConfig::default());
    let mut now = Instant::now();
    let mut frames = Vec::new();
    for packet in packets {
        now += Duration::from_millis(1);
        assembler.push(now, packet);
        frames.extend(std::iter::from_fn(|| assembler.poll(now)));
    }
    (frames, assembler)
}

fn for_all_codecs(seeds: u64, test: impl Fn(VideoCodec, &mut SmallRng, &str)) {
    for codec in VideoCodec::ALL {
        for seed in 0..seeds {
            test(
                codec,
                &mut SmallRng::seed_from_u64(seed),
                &format!("{codec}, seed {seed}"),
            );
        }
    }
}

#[test]
fn payloads_are_within_their_limit_and_come_together_again() {
    for_all_codecs(40, |codec, rng, context| {
        for max in [16, 17, 50, 333, MAX_PAYLOAD] {
            let frame = frame(codec, rng.random(), rng);
            let mut payloads = PayloadList::default();
            Packetizer::new(codec, max, 7).packetize(&frame, &mut payloads);
            assert!(
                payloads
                    .iter()
                    .all(|payload| payload.len() <= max && !payload.is_empty()),
                "{context}"
            );
            assert_eq!(depacketized(codec, &payloads), frame, "{context}, {max}");
        }
    });
}

#[test]
fn every_frame_comes_out_in_order_however_packets_are_shuffled() {
    for_all_codecs(20, |codec, rng, context| {
        let stream = Stream::new(codec, 25, rng);
        let mut packets = stream.packets;
        // Packets overtake each other by up to 20 places, and some come twice.
        for group in packets.chunks_mut(20) {
            group.shuffle(rng);
        }
        let twice: Vec<_> = packets
            .iter()
            .flat_map(|packet| vec![packet.clone(); rng.random_range(1..3)])
            .collect();
        let (frames, assembler) = assembled(twice);
        let data: Vec<_> = frames.iter().map(|frame| frame.data.clone()).collect();
        assert_eq!(data, stream.frames, "{context}");
        assert!(
            frames
                .iter()
                .enumerate()
                .all(|(index, frame)| frame.keyframe == (index % 10 == 0)),
            "{context}"
        );
        assert_eq!(
            (assembler.stats().lost, assembler.stats().faulty),
            (0, 0),
            "{context}"
        );
    });
}

#[test]
fn after_a_loss_frames_go_on_at_a_keyframe_and_none_is_wrong() {
    for_all_codecs(20, |codec, rng, context| {
        let stream = Stream::new(codec, 400, rng);
        let places: BTreeMap<Bytes, usize> = stream
            .frames
            .iter()
            .cloned()
            .enumerate()
            .map(|(index, frame)| (frame, index))
            .collect();
        let kept = stream
            .packets
            .into_iter()
            .filter(|_| rng.random_range(0..1_000) != 0);
        let (frames, assembler) = assembled(kept);
        let mut last = None;
        for frame in &frames {
            let place = *places
                .get(&frame.data)
                .unwrap_or_else(|| panic!("{context}: a frame nobody sent"));
            assert!(last.is_none_or(|last| place > last), "{context}: out of order");
            let follows = last.is_some_and(|last| place == last + 1);
            assert!(follows || frame.keyframe, "{context}: a gap that is no keyframe");
            last = Some(place);
        }
        assert!(!frames.is_empty(), "{context}");
        assert_eq!(assembler.stats().faulty, 0, "{context}");
    });
}

#[test]
fn who_comes_in_the_middle_begins_at_a_keyframe() {
    for_all_codecs(20, |codec, rng, context| {
        let stream = Stream::new(codec, 30, rng);
        let from = rng.random_range(1..stream.packets.len() / 2);
        let (frames, _) = assembled(stream.packets.into_iter().skip(from));
        assert!(frames[0].keyframe, "{context}");
        let data: Vec<_> = frames.into_iter().map(|frame| frame.data).collect();
        let begin = stream.frames.len() - data.len();
        assert_eq!(data, stream.frames[begin..], "{context}");
        assert!(begin <= 20, "{context}: the next keyframe is taken");
    });
}

#[test]
fn a_packet_that_is_sent_again_in_time_saves_the_frame() {
    for_all_codecs(20, |codec, rng, context| {
        let stream = Stream::new(codec, 20, rng);
        let mut packets = stream.packets;
        let late = packets.remove(rng.random_range(1..packets.len() / 2));
        let back = packets
            .iter()
            .position(|packet| packet.sequence == late.sequence.wrapping_add(60));
        packets.insert(back.unwrap_or(packets.len()), late);
        let (frames, _) = assembled(packets);
        let data: Vec<_> = frames.into_iter().map(|frame| frame.data).collect();
        assert_eq!(data, stream.frames, "{context}");
    });
}

#[test]
fn what_waits_is_bounded() {
    let mut rng = SmallRng::seed_from_u64(1);
    let mut stream = Stream::new(VideoCodec::Vp8, 3_000, &mut rng);
    // The first keyframe never becomes whole, and no time passes.
    stream.packets.remove(1);
    let config = AssemblyConfig {
        max_packets: 500,
        max_bytes: 1 << 20,
        ..AssemblyConfig::default()
    };
    let mut assembler = FrameAssembler::new(config);
    let now = Instant::now();
    let mut frames = 0;
    for packet in stream.packets {
        assembler.push(now, packet);
        frames += std::iter::from_fn(|| assembler.poll(now)).count();
    }
    assert!(
        assembler.stats().lost >= 1 && frames > 2_000,
        "{:?}",
        assembler.stats()
    );
}

#[test]
fn a_jump_of_the_numbers_begins_anew() {
    let mut rng = SmallRng::seed_from_u64(2);
    let first = Stream::new(VideoCodec::H264, 12, &mut rng);
    let mut second = Stream::new(VideoCodec::H264, 12, &mut rng);
    let base = first.packets.last().unwrap().sequence.wrapping_add(20_000);
    for (packet, number) in second.packets.iter_mut().zip(0..) {
        packet.sequence = base.wrapping_add(number);
    }
    let (frames, _) = assembled(first.packets.into_iter().chain(second.packets));
    let data: Vec<_> = frames.into_iter().map(|frame| frame.data).collect();
    assert_eq!(data, [first.frames, second.frames].concat());
}

#[test]
fn mutated_packets_are_survived() {
    for_all_codecs(60, |codec, rng, _| {
        let stream = Stream::new(codec, 20, rng);
        let mutated = stream.packets.into_iter().map(|mut packet| {
            if rng.random_range(0..5) == 0 {
                let mut payload = packet.payload.to_vec();
                for _ in 0..rng.random_range(1..4) {
                    match rng.random_range(0..4) {
                        0 => payload.truncate(rng.random_range(0..=payload.len())),
                        1 => payload.insert(0, rng.random()),
                        _ => {
                            let reach = payload.len().min(12);
                            if reach > 0 {
                                payload[rng.random_range(0..reach)] = rng.random();
                            }
                        }
                    }
                }
                packet.payload = payload.into();
                packet.timestamp = packet.timestamp.wrapping_add(rng.random_range(0..2));
            }
            packet
        });
        let (frames, _) = assembled(mutated.collect::<Vec<_>>());
        assert!(frames.len() <= 400);
    });
}
