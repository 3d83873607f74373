//! Sound and pictures of one sender, from the wire to a file, in virtual time: they stay together whatever their
//! clocks count from, and however the network shakes them.

use std::collections::VecDeque;
use std::io::Cursor;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use voxhall_media::assembly::AssembledFrame;
use voxhall_media::matroska::MatroskaReader;
use voxhall_media::payload::{Packetizer, PayloadList};
use voxhall_media::record::{MovieTrack, Taken, Timeline};
use voxhall_media::video::VideoCodec;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::rtcp::{NtpTimestamp, RtcpWriter, SenderInfo};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{PayloadType, Sealer, TransportKey};

use super::*;
use crate::subscription::channel;
use crate::video::VideoFrame;

const ALICE: UserId = UserId(2);
const SOUND: Ssrc = Ssrc(10);
const PICTURES: Ssrc = Ssrc(11);
/// How far apart they may be, in milliseconds.
const TOGETHER: f64 = 40.0;
/// What the network takes, and up to how much more, in milliseconds.
const DELAY: f64 = 20.0;
const JITTER: f64 = 30.0;
/// Pictures between keyframes.
const GROUP: u32 = 60;
/// How far the sender's clocks are from zero when it begins.
const SOUND_ORIGIN: u32 = u32::MAX - 100_000;
const PICTURE_ORIGIN: u32 = 1_234_567_890;

/// How a sender behaves; times in milliseconds.
#[derive(Clone, Copy)]
struct Sender {
    /// How long it sends.
    length: f64,
    /// How long sound and pictures take to leave.
    late: [f64; 2],
    /// How much faster the clock of its sound runs than its wall clock.
    drift: f64,
    /// Between reports on sound, and on pictures.
    reports: [f64; 2],
    /// When sound begins.
    sound_from: f64,
}

impl Sender {
    /// When the sound of that number is captured, by the wall clock.
    fn sound_at(self, index: u32) -> f64 {
        f64::from(index) * 20.0 / (1.0 + self.drift)
    }

    /// What the clock of its sound says at a time.
    fn sound_clock(self, at: f64) -> u32 {
        SOUND_ORIGIN.wrapping_add((at * 48.0 * (1.0 + self.drift)).round() as u32)
    }
}

fn picture_at(index: u32) -> f64 {
    f64::from(index) * 100.0 / 3.0
}

fn picture_clock(at: f64) -> u32 {
    PICTURE_ORIGIN.wrapping_add((at * 90.0).round() as u32)
}

/// VP8 whose last bytes are its number.
fn picture(index: u32) -> Vec<u8> {
    let (mut data, length) = if index.is_multiple_of(GROUP) {
        (vec![0x50, 1, 0, 0x9D, 1, 0x2A, 64, 1, 64, 1], 12_000)
    } else {
        (vec![0x51], 2_500)
    };
    data.resize(length, 7);
    data.extend(index.to_be_bytes());
    data
}

/// What is on the wire.
#[derive(Default)]
struct Wire {
    /// When it arrives, what it is, what of it is in the clear, and the rest.
    packets: Vec<(f64, PacketKind, Vec<u8>, Vec<u8>)>,
}

impl Wire {
    fn of(sender: Sender, random: &mut StdRng) -> Self {
        let mut wire = Self::default();
        let header = |ssrc, payload_type, sequence: u32, timestamp, marker| RtpHeader {
            marker,
            payload_type,
            sequence_number: SequenceNumber(sequence as u16),
            timestamp,
            ssrc,
        };
        let packets = |from: f64, step: f64| (from / step) as u32..(sender.length / step) as u32;
        for index in packets(sender.sound_from, 20.0) {
            let at = sender.sound_at(index) + sender.late[0];
            let timestamp = SOUND_ORIGIN.wrapping_add(index * 960);
            let header = header(SOUND, PayloadType::OPUS, index, timestamp, false);
            let mut payload = vec![0xFC];
            payload.extend(index.to_be_bytes());
            wire.send(
                at,
                PacketKind::Rtp,
                header.to_bytes(false).to_vec(),
                payload,
                random,
            );
        }
        let mut packetizer = Packetizer::new(VideoCodec::Vp8, 1_100, 0);
        let (mut payloads, mut sequence) = (PayloadList::default(), 0);
        for index in packets(0.0, picture_at(1)) {
            packetizer.packetize(&picture(index), &mut payloads);
            for (part, payload) in payloads.iter().enumerate() {
                let kind = codecs::payload_type(VideoCodec::Vp8);
                let (timestamp, last) = (picture_clock(picture_at(index)), part + 1 == payloads.len());
                let header = header(PICTURES, kind, sequence, timestamp, last);
                let at = picture_at(index) + sender.late[1] + part as f64;
                wire.send(
                    at,
                    PacketKind::Rtp,
                    header.to_bytes(false).to_vec(),
                    payload.to_vec(),
                    random,
                );
                sequence += 1;
            }
        }
        for (ssrc, every) in [SOUND, PICTURES].into_iter().zip(sender.reports) {
            let from = if ssrc == SOUND { sender.sound_from } else { 0.0 };
            for number in 1..=((sender.length - from) / every) as u32 {
                wire.report(ssrc, from + f64::from(number) * every, sender, random);
            }
        }
        wire.packets.sort_by(|one, other| one.0.total_cmp(&other.0));
        wire
    }

    fn report(&mut self, ssrc: Ssrc, at: f64, sender: Sender, random: &mut StdRng) {
        let wall = Duration::from_secs(1_700_000_000) + Duration::from_secs_f64(at / 1e3);
        let rtp_timestamp = if ssrc == SOUND {
            sender.sound_clock(at)
        } else {
            picture_clock(at)
        };
        let info = SenderInfo {
            ntp: NtpTimestamp::from_unix(wall),
            rtp_timestamp,
            packet_count: 0,
            octet_count: 0,
        };
        let mut buffer = [0; 100];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.sender_report(ssrc, info, &[]).unwrap();
        let (clear, rest) = writer.finish().split_at(8);
        self.send(at, PacketKind::Rtcp, clear.to_vec(), rest.to_vec(), random);
    }

    fn send(&mut self, at: f64, kind: PacketKind, clear: Vec<u8>, rest: Vec<u8>, random: &mut StdRng) {
        let arrival = at + DELAY + random.random_range(0.0..JITTER);
        self.packets.push((arrival, kind, clear, rest));
    }
}

/// Writes down what a receiver hands out, as `voxhall record --video` does.
#[derive(Default)]
struct Recorder {
    track: Option<MovieTrack<Cursor<Vec<u8>>>>,
    recent: VecDeque<OpusPacket>,
}

impl Recorder {
    fn sound(&mut self, packet: OpusPacket) {
        let Some(track) = &mut self.track else {
            self.recent.push_back(packet);
            return;
        };
        let OpusPacket {
            sequence,
            timestamp,
            payload,
            arrived,
            captured,
            ..
        } = packet;
        track
            .push_sound(sequence, timestamp, payload, arrived, captured)
            .unwrap();
    }

    fn picture(&mut self, frame: VideoFrame, timeline: Timeline) {
        let captured = frame.captured;
        let frame = AssembledFrame {
            codec: frame.codec,
            timestamp: frame.timestamp,
            keyframe: frame.keyframe,
            data: frame.data,
            arrived: frame.arrived,
        };
        if let Some(track) = &mut self.track {
            assert_eq!(track.push_picture(&frame, captured).unwrap(), Taken::Written);
            return;
        }
        let file = Cursor::new(Vec::new());
        self.track = Some(MovieTrack::new(file, timeline, &frame, captured, "test").unwrap());
        for packet in std::mem::take(&mut self.recent) {
            self.sound(packet);
        }
    }
}

/// Records what the sender sends. The file.
fn record(sender: Sender, seed: u64) -> Vec<u8> {
    let cipher = || Cipher::new(EncryptionMode::AeadAes256GcmRtpsize, &TransportKey::from([7; 32]));
    let start = Instant::now();
    let mut receiver = VoiceReceiver::new(&LinkShared::default(), None, start);
    receiver.start(cipher(), Ssrc(1));
    let mut sealer = Sealer::server(cipher(), 0, [0; 24]);
    let (publisher, mut packets) = channel(64);
    receiver.voices.listen_to_packets(publisher);
    let (publisher, mut frames) = channel(64);
    receiver.video_shared.viewers.watch(publisher);
    for (ssrc, kind) in [(SOUND, SourceKind::Audio), (PICTURES, SourceKind::Video)] {
        receiver.roster(
            start,
            RosterChange::Source {
                ssrc,
                user: ALICE,
                kind,
            },
        );
    }
    let (timeline, mut recorder) = (Timeline::starting_at(start), Recorder::default());
    let mut next_tick = 0.0;
    for (arrival, kind, clear, rest) in Wire::of(sender, &mut StdRng::seed_from_u64(seed)).packets {
        let at = |milliseconds: f64| start + Duration::from_secs_f64(milliseconds / 1e3);
        while next_tick < arrival {
            receiver.tick(at(next_tick));
            if let Some(track) = &mut recorder.track {
                track.flush(at(next_tick)).unwrap();
            }
            next_tick += 20.0;
        }
        let mut datagram = [0; 1500];
        let length = sealer.seal_parts(kind, &clear, &rest, &mut datagram).unwrap();
        receiver.datagram(at(arrival), kind, &mut datagram[..length]);
        while let Some(packet) = packets.try_recv() {
            recorder.sound(packet);
        }
        while let Some(frame) = frames.try_recv() {
            recorder.picture(frame, timeline);
        }
    }
    recorder.track.unwrap().finish().unwrap().into_inner()
}

/// When something is in the file, and when it was captured, in milliseconds.
type Place = (f64, f64);

/// The places of pictures and of sound.
fn places(file: &[u8], sender: Sender) -> (Vec<Place>, Vec<Place>) {
    let mut reader = MatroskaReader::new(file).unwrap();
    let (mut pictures, mut sound) = (Vec::new(), Vec::new());
    while let Some(packet) = reader.next_packet().unwrap() {
        let time = packet.time as f64 / 1e6;
        let index = u32::from_be_bytes(*packet.data.last_chunk().unwrap());
        if packet.track == 1 {
            pictures.push((time, picture_at(index)));
        } else {
            sound.push((time, sender.sound_at(index)));
        }
    }
    (pictures, sound)
}

/// The farthest that sound is from its pictures, in milliseconds.
fn apart(pictures: &[Place], sound: &[Place]) -> f64 {
    let shift = |(time, captured): Place| time - captured;
    let apart = |&heard: &Place| {
        let behind = pictures.partition_point(|(time, _)| *time < heard.0);
        let nearest = pictures[behind.min(pictures.len() - 1)];
        (shift(heard) - shift(nearest)).abs()
    };
    sound.iter().map(apart).fold(0.0, f64::max)
}

/// Records what the sender sends, and checks that all of it is together that was captured from some time on.
fn check_from(from: f64, sender: Sender) {
    for seed in 0..3 {
        let (pictures, sound) = places(&record(sender, seed), sender);
        for lane in [&pictures, &sound] {
            let is_forward = lane.is_sorted_by(|one, next| one.0 < next.0);
            assert!(is_forward, "seed {seed}: times go back");
        }
        let due = (sender.length - sender.sound_from) / 20.0;
        let found = sound.len() as f64;
        assert!(found > due - 20.0, "seed {seed}: {found} of {due} packets");
        let behind = sound.partition_point(|(_, captured)| *captured < from);
        let apart = apart(&pictures, &sound[behind..]);
        assert!(apart < TOGETHER, "seed {seed}: {apart} ms apart");
    }
}

fn check(sender: Sender) {
    check_from(0.0, sender);
}

const SENDER: Sender = Sender {
    length: 30_000.0,
    late: [0.0, 130.0],
    drift: 0.0,
    reports: [1_000.0, 1_000.0],
    sound_from: 0.0,
};
/// Longer than any recording here.
const NEVER: f64 = 1e9;

#[test]
fn with_a_report_each_second() {
    check(SENDER);
}

#[test]
fn with_a_report_every_five_seconds() {
    for reports in [[5_000.0, 5_000.0], [5_000.0, 1_000.0], [1_000.0, 5_000.0]] {
        for late in [[0.0, 130.0], [130.0, 0.0]] {
            check(Sender {
                reports,
                late,
                ..SENDER
            });
        }
    }
}

#[test]
fn when_a_clock_runs_fast() {
    check(Sender {
        length: 120_000.0,
        drift: 500e-6,
        reports: [5_000.0, 5_000.0],
        ..SENDER
    });
}

#[test]
fn when_sound_begins_later() {
    check(Sender {
        sound_from: 12_100.0,
        reports: [5_000.0, 1_000.0],
        ..SENDER
    });
}

#[test]
fn without_any_report_as_far_as_they_arrive_together() {
    check(Sender {
        late: [0.0, 0.0],
        reports: [NEVER, NEVER],
        ..SENDER
    });
}

#[test]
fn from_a_report_on_that_comes_too_late() {
    for late in [[0.0, 130.0], [130.0, 0.0]] {
        let sender = Sender {
            late,
            reports: [10_000.0, 10_000.0],
            ..SENDER
        };
        check_from(10_500.0, sender);
    }
}
