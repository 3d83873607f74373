//! Files as sources: passed through, encoded, repeated, at another volume, and refused.
#![cfg(feature = "opus-codec")]

use std::io::Cursor;
use std::time::Duration;

use voxhall_media::opus::{Bitrate, Channels, Decoder, EncoderConfig};
use voxhall_media::pcm::{Samples, Volume};
use voxhall_media::signal::{Tone, analysis};
use voxhall_media::source::{
    AudioFrame, AudioSource, Clip, OggOpusSource, OpenOptions, PcmSource, Repeat, VolumeSource, WavSource,
    duration, open,
};
use voxhall_media::wav::WavWriter;
use voxhall_media::{CHANNELS, Error, Result};

const TONE: &[u8] = include_bytes!("data/tone.opus");
const LONG_PACKETS: &[u8] = include_bytes!("data/long-packets.opus");

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn play(mut source: impl AudioSource) -> Result<Vec<AudioFrame>> {
    std::iter::from_fn(|| source.next_frame().transpose()).collect()
}

fn hear(frames: &[AudioFrame]) -> Vec<f32> {
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let mut pcm = [0.0; 5_760 * CHANNELS];
    let mut out = Vec::new();
    for frame in frames {
        let samples = decoder.decode(Some(frame.packet()), &mut pcm).unwrap();
        assert_eq!(samples, frame.samples() as usize);
        out.extend_from_slice(&pcm[..samples * CHANNELS]);
    }
    out
}

fn wav(hz: f32, samples: usize) -> Vec<u8> {
    let mut writer = WavWriter::pcm16(Cursor::new(Vec::new())).unwrap();
    writer
        .write(&Tone::new(hz, 0.5).take(samples).flatten().collect::<Vec<_>>())
        .unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn ogg_passes_through_untouched() {
    let opened = play(open(data("tone.opus"), OpenOptions::default()).unwrap()).unwrap();
    let frames = play(OggOpusSource::new(TONE).unwrap()).unwrap();
    assert_eq!(opened, frames);
    for frame in &frames {
        let packet = frame.packet();
        assert!(TONE.windows(packet.len()).any(|bytes| bytes == packet));
    }
}

#[test]
fn wav_is_encoded_whole() {
    let frames =
        play(WavSource::from_wav(&wav(1_000.0, 48_000)[..], EncoderConfig::default()).unwrap()).unwrap();
    // One second, and the 6.5 ms the codec lags behind.
    assert_eq!(frames.len(), 51);
    let pcm = hear(&frames);
    assert!(analysis::snr_db(&pcm[9_600..90_000], 1_000.0) > 25.0);
    let lag = 312 * CHANNELS;
    assert!(
        analysis::rms_db(&pcm[lag + 94_000..lag + 96_000]) > -12.0,
        "the end is missing"
    );
}

#[test]
fn wav_at_another_rate_keeps_its_pitch_and_length() {
    // The same bytes said to be at 24 kHz play an octave lower and twice as long.
    let mut file = wav(1_000.0, 48_000);
    file[24..28].copy_from_slice(&24_000u32.to_le_bytes());
    let frames = play(WavSource::from_wav(&file[..], EncoderConfig::default()).unwrap()).unwrap();
    assert!((100..=102).contains(&frames.len()), "{}", frames.len());
    assert!((analysis::dominant_hz(&hear(&frames)[9_600..]).unwrap() - 500.0).abs() < 1.0);
}

#[test]
fn any_iterator_of_samples_can_be_played() {
    let config = EncoderConfig {
        bitrate: Bitrate::from_bits_per_second(128_000),
        ..Default::default()
    };
    let frames =
        play(PcmSource::new(Samples::new(Tone::new(440.0, 0.5).take(24_000)), config).unwrap()).unwrap();
    assert_eq!(frames.len(), 26);
    assert!(
        play(PcmSource::new(Samples::new([]), config).unwrap())
            .unwrap()
            .len()
            <= 1
    );
}

#[test]
fn repeating_plays_on_without_a_seam() {
    let once = play(OggOpusSource::new(TONE).unwrap()).unwrap();
    let mut repeated = open(
        data("tone.opus"),
        OpenOptions {
            repeat: true,
            ..Default::default()
        },
    )
    .unwrap();
    for index in 0..once.len() * 3 {
        let frame = repeated.next_frame().unwrap().unwrap();
        assert_eq!(frame, once[index % once.len()]);
    }
}

#[test]
fn repeating_nothing_ends() {
    let empty = || Ok(Clip::load(OggOpusSource::new(TONE)?)?.play());
    let mut source = Repeat::new(empty).unwrap();
    assert!(source.next_frame().unwrap().is_some());
    let nothing = || PcmSource::new(Samples::new([]), EncoderConfig::default()).and_then(Clip::load);
    let clip = nothing().unwrap();
    let mut silent = clip.play_repeated();
    for _ in 0..10 {
        silent.next_frame().unwrap();
    }
    struct Nothing;
    impl AudioSource for Nothing {
        fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
            Ok(None)
        }
    }
    assert!(
        Repeat::new(|| Ok(Nothing))
            .unwrap()
            .next_frame()
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_clip_shares_its_packets() {
    let clip = Clip::load(OggOpusSource::new(TONE).unwrap()).unwrap();
    let (a, b) = (play(clip.play()).unwrap(), play(clip.play()).unwrap());
    assert_eq!(a, b);
    assert_eq!(a[0].packet().as_ptr(), b[0].packet().as_ptr());
    assert_eq!(clip.duration(), Duration::from_millis(20 * a.len() as u64));
    let mut repeated = clip.play_repeated();
    assert!((0..a.len() * 2 + 1).all(|_| repeated.next_frame().unwrap().is_some()));
}

#[test]
fn half_the_volume_is_six_decibels_less() {
    for (file, hz) in [(TONE, 440.0), (LONG_PACKETS, 300.0)] {
        let level = |frames: &[AudioFrame]| analysis::tone_level(&hear(frames)[9_600..48_000], hz);
        let original = play(OggOpusSource::new(file).unwrap()).unwrap();
        let config = EncoderConfig::default();
        let at = |volume| {
            play(VolumeSource::new(OggOpusSource::new(file).unwrap(), volume, config).unwrap()).unwrap()
        };
        assert_eq!(at(Volume::FULL), original);
        let half = at(Volume::from_percent(50));
        let total = |frames: &[AudioFrame]| frames.iter().map(AudioFrame::samples).sum::<u32>();
        assert_eq!(total(&half), total(&original));
        let difference = level(&original) - level(&half);
        assert!((difference - 6.02).abs() < 0.7, "{difference:.2} dB");
    }
}

#[test]
fn durations_are_known_beforehand() {
    assert_eq!(
        duration(data("tone.opus")).unwrap(),
        Some(Duration::from_millis(700))
    );
    assert_eq!(
        duration(data("long-packets.opus")).unwrap(),
        Some(Duration::from_millis(600))
    );
}

#[test]
fn what_cannot_be_played_is_refused_with_one_sentence() {
    let refuse = |name: &str| match open(data(name), OpenOptions::default()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{name} was opened"),
    };
    assert!(refuse("README.md").ends_with("convert it with `ffmpeg -i IN -c:a libopus OUT.opus`"));
    assert!(refuse("vorbis.ogg").contains("carries Vorbis, not Opus"));
    assert!(refuse("nothing.opus").contains("nothing.opus"));
    assert!(matches!(duration(data("README.md")), Err(Error::File { .. })));
    for name in ["README.md", "vorbis.ogg", "nothing.opus"] {
        assert!(!refuse(name).contains('\n'));
    }
}
