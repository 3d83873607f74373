//! From packets on a bad network to PCM, one frame per tick.
#![cfg(feature = "opus-codec")]

use std::time::Instant;

use bytes::Bytes;
use voxhall_media::jitter::{Heard, JitterConfig, Playback};
use voxhall_media::opus::{EncoderConfig, SILENCE};
use voxhall_media::pcm::Samples;
use voxhall_media::signal::{Tone, analysis};
use voxhall_media::source::{AudioFrame, AudioSource, PcmSource};
use voxhall_media::{FRAME_DURATION, FRAME_LEN};

/// Two seconds of 440 Hz in packets of 20 ms, then five of silence.
fn speech() -> Vec<AudioFrame> {
    let stream = Samples::new(Tone::new(440.0, 0.5).take(96_000));
    let mut source = PcmSource::new(stream, EncoderConfig::default()).unwrap();
    let mut frames: Vec<_> = (0..100).map(|_| source.next_frame().unwrap().unwrap()).collect();
    frames.resize(105, AudioFrame::new(Bytes::from_static(&SILENCE)).unwrap());
    frames
}

/// Plays frames that arrive on time, without those `lost` names.
fn play(frames: &[AudioFrame], lost: impl Fn(usize) -> bool) -> (Vec<f32>, Vec<Heard>) {
    let mut playback = Playback::new(JitterConfig::default());
    let start = Instant::now();
    let mut arrivals = frames.iter().enumerate().peekable();
    let (mut pcm, mut heard, mut sent) = (Vec::new(), Vec::new(), 0u32);
    for tick in 0..120u32 {
        while let Some((index, frame)) = arrivals.next_if(|_| sent <= tick * 960) {
            if !lost(index) {
                let now = start + FRAME_DURATION * tick;
                playback.insert(index as u16, sent, frame.packet().clone(), now);
            }
            sent += frame.samples();
        }
        let mut out = [0.0; FRAME_LEN];
        heard.push(playback.next_frame(&mut out).unwrap());
        pcm.extend_from_slice(&out);
    }
    (pcm, heard)
}

#[test]
fn speech_is_heard_as_spoken_and_then_silence() {
    let (pcm, heard) = play(&speech(), |_| false);
    assert!(analysis::snr_db(&pcm[19_200..153_600], 440.0) > 25.0);
    assert!(!heard.contains(&Heard::Concealed));
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::Voice).count(), 105);
    assert_eq!(heard.last(), Some(&Heard::Silence));
    assert_eq!(
        analysis::rms_db(&pcm[pcm.len() - FRAME_LEN..]),
        analysis::SILENCE_DB
    );
}

#[test]
fn lost_packets_leave_no_hole() {
    let (pcm, heard) = play(&speech(), |index| index % 10 == 5);
    assert_eq!(
        heard.iter().filter(|heard| **heard == Heard::Concealed).count(),
        10
    );
    for frame in pcm[19_200..153_600].chunks_exact(FRAME_LEN) {
        assert!(analysis::rms_db(frame) > -25.0);
    }
}

#[test]
fn packets_of_other_durations_are_cut_to_ticks() {
    for per_packet in [480, 2_880] {
        let mut encoder = voxhall_media::opus::Encoder::new(EncoderConfig::default()).unwrap();
        let tone: Vec<f32> = Tone::new(440.0, 0.5).take(96_000).flatten().collect();
        let frames: Vec<AudioFrame> = tone
            .chunks_exact(per_packet * 2)
            .map(|pcm| AudioFrame::new(encoder.encode(pcm).unwrap()).unwrap())
            .collect();
        let (pcm, _) = play(&frames, |_| false);
        let snr = analysis::snr_db(&pcm[28_800..153_600], 440.0);
        assert!(snr > 20.0, "{per_packet}: {snr:.1} dB");
    }
}

#[test]
fn packets_that_cannot_be_decoded_are_concealed() {
    let mut frames = speech();
    for frame in frames.iter_mut().skip(50).step_by(7) {
        // Says SILK of 60 ms but holds noise: refused or garbled, never a panic.
        *frame = AudioFrame::new(Bytes::from_static(&[0x5B, 0x01, 0xFF, 0x13, 0x37])).unwrap();
    }
    let (pcm, heard) = play(&frames, |_| false);
    assert_eq!(heard.len(), 120);
    assert!(pcm.iter().all(|sample| sample.is_finite()));
}
