//! Recording: packets kept as they are, several speakers on one timeline.

use std::time::{Duration, Instant};

use bytes::Bytes;
use voxhall_media::FRAME_DURATION;
use voxhall_media::ogg::{OggReader, OpusTags};
use voxhall_media::opus::SILENCE;
use voxhall_media::record::{OggTrack, Timeline};
use voxhall_media::source::AudioFrame;

const TONE: &[u8] = include_bytes!("data/tone.opus");

fn read(file: &[u8]) -> Vec<Bytes> {
    let mut reader = OggReader::new(file).unwrap();
    std::iter::from_fn(|| reader.next_packet().unwrap())
        .map(AudioFrame::into_packet)
        .collect()
}

fn samples(file: &[u8]) -> u64 {
    let mut reader = OggReader::new(file).unwrap();
    std::iter::from_fn(|| reader.next_packet().unwrap())
        .map(|frame| u64::from(frame.samples()))
        .sum()
}

#[test]
fn a_played_file_is_recorded_packet_for_packet_though_the_network_shuffles_and_doubles() {
    let packets = read(TONE);
    let start = Instant::now();
    let mut track = OggTrack::new(Vec::new(), Timeline::starting_at(start), &OpusTags::default(), 5).unwrap();
    let mut order: Vec<usize> = (0..packets.len()).collect();
    // The first one stays first: before it there is nothing to put in order.
    order[1..].chunks_mut(3).for_each(<[usize]>::reverse);
    for (tick, &index) in order.iter().enumerate() {
        for _ in 0..1 + index % 2 {
            let arrival = start + FRAME_DURATION * tick as u32;
            let (sequence, timestamp) = (
                65_530u16.wrapping_add(index as u16),
                (index as u32 * 960).wrapping_sub(5_000),
            );
            track
                .push(sequence, timestamp, packets[index].clone(), arrival)
                .unwrap();
        }
    }
    let file = track.finish(start).unwrap();
    assert_eq!(read(&file), packets);
}

#[test]
fn pauses_and_losses_become_silence_and_tracks_end_together() {
    let start = Instant::now();
    let timeline = Timeline::starting_at(start);
    let end = start + Duration::from_secs(10);
    let talk = |from_ms: u64, lost: u16| {
        let mut track = OggTrack::new(Vec::new(), timeline, &OpusTags::default(), 5).unwrap();
        for index in (0..50u16).filter(|index| *index != lost) {
            let arrival = start + Duration::from_millis(from_ms) + FRAME_DURATION * u32::from(index);
            track
                .push(
                    index,
                    u32::from(index) * 960,
                    Bytes::from_static(&[0xFC, 1, 2, 3]),
                    arrival,
                )
                .unwrap();
        }
        track.finish(end).unwrap()
    };
    for (from_ms, lost) in [(0, 99), (1_000, 99), (3_333, 20)] {
        let file = talk(from_ms, lost);
        assert!(samples(&file).abs_diff(480_000) < 120, "{}", samples(&file));
        let packets = read(&file);
        let before: u64 = packets.iter().take_while(|packet| packet.len() == 3).count() as u64;
        assert!(
            before.abs_diff(from_ms / 20) <= 3,
            "{before} packets before {from_ms} ms"
        );
        let voice = packets.iter().filter(|packet| packet.len() == 4).count();
        assert_eq!(voice, if lost < 50 { 49 } else { 50 });
        let first = packets.iter().position(|packet| packet.len() == 4).unwrap();
        if lost < 50 {
            assert_eq!(packets[first + usize::from(lost)], Bytes::from_static(&SILENCE));
        }
    }
}

#[cfg(feature = "opus-codec")]
mod mixed {
    use std::io::Cursor;

    use super::*;
    use voxhall_media::opus::EncoderConfig;
    use voxhall_media::pcm::Samples;
    use voxhall_media::record::MixRecorder;
    use voxhall_media::signal::{Tone, analysis};
    use voxhall_media::source::{AudioSource, PcmSource};
    use voxhall_media::wav::WavReader;

    fn speak(hz: f32, packets: usize) -> Vec<Bytes> {
        let stream = Samples::new(Tone::new(hz, 0.3).take(packets * 960));
        let mut source = PcmSource::new(stream, EncoderConfig::default()).unwrap();
        (0..packets)
            .map(|_| source.next_frame().unwrap().unwrap().into_packet())
            .collect()
    }

    #[test]
    fn two_speakers_are_heard_when_they_spoke() {
        let start = Instant::now();
        let mut mix = MixRecorder::new(Cursor::new(Vec::new()), Timeline::starting_at(start)).unwrap();
        let (alice, bob) = (speak(440.0, 100), speak(1_000.0, 100));
        // Alice from second 1 to 3, Bob from 2 to 4, with every tenth packet of his lost.
        for tick in 0..250u32 {
            let now = start + FRAME_DURATION * tick;
            if let Some(packet) = tick.checked_sub(50).and_then(|index| alice.get(index as usize)) {
                mix.push("alice", tick as u16, tick * 960, packet.clone(), now)
                    .unwrap();
            }
            let spoken = tick.checked_sub(100).filter(|index| index % 10 != 7);
            if let Some(packet) = spoken.and_then(|index| bob.get(index as usize)) {
                mix.push(
                    "bob",
                    tick as u16,
                    (tick * 960).wrapping_sub(7),
                    packet.clone(),
                    now,
                )
                .unwrap();
            }
            mix.advance(now).unwrap();
        }
        let file = mix.finish(start + Duration::from_secs(5)).unwrap().into_inner();
        let mut pcm = vec![0.0; 480_000];
        let mut reader = WavReader::new(&file[..]).unwrap();
        let mut read = 0;
        while let Ok(more @ 1..) = reader.read(&mut pcm[read..]) {
            read += more;
        }
        assert_eq!(read, 480_000);
        let heard = |second: usize, hz: f32| {
            let middle = second * 96_000 + 9_600;
            analysis::tone_level(&pcm[middle..middle + 76_800], hz) > -20.0
        };
        let table: Vec<(bool, bool)> = (0..5)
            .map(|second| (heard(second, 440.0), heard(second, 1_000.0)))
            .collect();
        assert_eq!(
            table,
            [
                (false, false),
                (true, false),
                (true, true),
                (false, true),
                (false, false)
            ]
        );
    }
}
