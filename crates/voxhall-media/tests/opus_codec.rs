//! Encoding and decoding: what goes in comes out, also through loss and damage.
#![cfg(feature = "opus-codec")]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use voxhall_media::opus::{
    Application, Bitrate, Channels, Decoder, Encoder, EncoderConfig, PacketInfo, PacketLoss, SILENCE,
};
use voxhall_media::signal::{Music, Tone, analysis};
use voxhall_media::{CHANNELS, Error, FRAME_LEN};

const TONE: &[u8] = include_bytes!("data/tone.opus");

fn tone(hz: f32, seconds: usize) -> Vec<f32> {
    Tone::new(hz, 0.5).take(48_000 * seconds).flatten().collect()
}

fn encode(pcm: &[f32], config: EncoderConfig, samples: usize) -> Vec<bytes::Bytes> {
    let mut encoder = Encoder::new(config).unwrap();
    let channels = config.channels.count();
    pcm.chunks_exact(samples * channels)
        .map(|frame| encoder.encode(frame).unwrap())
        .collect()
}

fn decode(packets: &[bytes::Bytes]) -> Vec<f32> {
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let mut out = Vec::new();
    let mut pcm = [0.0; 5_760 * CHANNELS];
    for packet in packets {
        let samples = decoder.decode(Some(packet), &mut pcm).unwrap();
        out.extend_from_slice(&pcm[..samples * CHANNELS]);
    }
    out
}

#[test]
fn a_tone_survives_at_every_rate_and_duration() {
    for (kbits, snr) in [(24, 15.0), (64, 25.0), (128, 30.0), (512, 40.0)] {
        for samples in [480, 960, 2_880] {
            let bitrate = Bitrate::from_bits_per_second(kbits * 1_000);
            let packets = encode(
                &tone(440.0, 1),
                EncoderConfig {
                    bitrate,
                    ..Default::default()
                },
                samples,
            );
            let durations = packets
                .iter()
                .map(|packet| PacketInfo::parse(packet).unwrap().samples());
            assert!(durations.into_iter().all(|duration| duration as usize == samples));
            let pcm = decode(&packets);
            // The first packets find the tone.
            let found = analysis::snr_db(&pcm[19_200..], 440.0);
            assert!(found > snr, "{kbits} kbit/s, {samples} samples: {found:.1} dB");
        }
    }
}

#[test]
fn the_rate_is_kept() {
    let pcm: Vec<f32> = Music::new(1).take(48_000 * 4).flatten().collect();
    for kbits in [16, 64, 256] {
        let bitrate = Bitrate::from_bits_per_second(kbits * 1_000);
        let packets = encode(
            &pcm,
            EncoderConfig {
                bitrate,
                ..Default::default()
            },
            960,
        );
        let measured = packets.iter().map(|packet| packet.len()).sum::<usize>() as f64 * 8.0 / 4_000.0;
        assert!(
            (0.6..1.4).contains(&(measured / f64::from(kbits))),
            "{kbits} kbit/s: {measured:.1}"
        );
    }
}

#[test]
fn a_mono_encoder_is_heard_on_both_sides() {
    let pcm: Vec<f32> = Tone::new(440.0, 0.5).take(48_000).map(|[left, _]| left).collect();
    let config = EncoderConfig {
        channels: Channels::Mono,
        application: Application::Voice,
        ..Default::default()
    };
    let out = decode(&encode(&pcm, config, 960));
    assert!(
        out[19_200..]
            .chunks_exact(2)
            .all(|pair| (pair[0] - pair[1]).abs() < 1e-3)
    );
    assert!(analysis::snr_db(&out[19_200..], 440.0) > 15.0);
}

/// Something like speech: every 60 ms another tone, so that what was lost cannot be guessed from what was before.
fn syllables(seconds: usize) -> Vec<f32> {
    let mut rng = SmallRng::seed_from_u64(3);
    let mut pcm = Vec::new();
    while pcm.len() < 48_000 * seconds {
        let tone = Tone::new(rng.random_range(150.0..900.0), 0.4);
        pcm.extend(tone.take(2_880).map(|[left, _]| left));
    }
    pcm
}

#[test]
fn lost_packets_are_concealed_and_better_so_with_redundancy() {
    let config = EncoderConfig {
        channels: Channels::Mono,
        application: Application::Voice,
        bitrate: Bitrate::from_bits_per_second(24_000),
        packet_loss: PacketLoss::from_percent(25),
    };
    let packets = encode(&syllables(4), config, 960);
    let whole = decode(&packets);
    let error_with = |redundancy: bool| {
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let mut frame = [0.0; FRAME_LEN];
        let mut error = 0.0;
        for (index, pair) in packets.windows(2).enumerate() {
            let lost = index % 5 == 3;
            let samples = match (lost, redundancy) {
                (true, true) => decoder.decode_fec(&pair[1], 960, &mut frame),
                (true, false) => decoder.decode(None, &mut frame),
                (false, _) => decoder.decode(Some(&pair[0]), &mut frame),
            };
            assert_eq!(samples.unwrap(), 960);
            let original = &whole[index * FRAME_LEN..(index + 1) * FRAME_LEN];
            if lost {
                error += frame
                    .iter()
                    .zip(original)
                    .map(|(a, b)| (a - b).powi(2))
                    .sum::<f32>();
                assert!(analysis::rms_db(&frame) > -30.0, "packet {index} is silent");
            }
        }
        error
    };
    let (with, without) = (error_with(true), error_with(false));
    assert!(
        with * 2.0 < without,
        "error with redundancy {with}, without {without}"
    );
}

#[test]
fn the_silence_frame_is_silent() {
    let out = decode(&vec![bytes::Bytes::from_static(&SILENCE); 10]);
    assert_eq!(analysis::rms_db(&out), analysis::SILENCE_DB);
}

#[test]
fn a_file_of_the_reference_encoder_sounds_as_it_should() {
    let mut reader = voxhall_media::ogg::OggReader::new(TONE).unwrap();
    let packets: Vec<_> = std::iter::from_fn(|| reader.next_packet().unwrap())
        .map(voxhall_media::source::AudioFrame::into_packet)
        .collect();
    let out = decode(&packets);
    let middle = &out[9_600..57_600];
    assert!((analysis::dominant_hz(middle).unwrap() - 440.0).abs() < 1.0);
    // Made at one eighth of full scale in mono, so 3 dB less on each of two sides.
    assert!((analysis::tone_level(middle, 440.0) - -21.07).abs() < 0.5);
    assert!(analysis::snr_db(middle, 440.0) > 25.0);
}

#[test]
fn wrong_sizes_are_errors() {
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    assert!(matches!(
        encoder.encode(&[0.0; 1_000]),
        Err(Error::FrameLength { samples: 500 })
    ));
    assert!(matches!(
        encoder.encode(&[0.0; 1_921]),
        Err(Error::FrameLength { samples: 960 })
    ));
    assert!(matches!(
        encoder.encode(&[]),
        Err(Error::FrameLength { samples: 0 })
    ));
    let mut decoder = Decoder::new(Channels::Stereo).unwrap();
    let small = decoder.decode(Some(&SILENCE), &mut [0.0; 100]);
    assert!(matches!(
        small,
        Err(Error::BufferTooSmall {
            needed: 960,
            provided: 50
        })
    ));
    assert!(matches!(
        decoder.decode(Some(&[]), &mut [0.0; FRAME_LEN]),
        Err(Error::Packet(_))
    ));
    assert!(matches!(
        decoder.decode_fec(&[], 960, &mut [0.0; FRAME_LEN]),
        Err(Error::Packet(_))
    ));
}

#[test]
fn settings_change_on_the_way() {
    let pcm: Vec<f32> = Music::new(1).take(48_000 * 3).flatten().collect();
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    let mut sizes = [0; 3];
    for (index, frame) in pcm.chunks_exact(FRAME_LEN).enumerate() {
        if index == 50 {
            encoder.set_bitrate(Bitrate::MIN);
        }
        sizes[index / 50] += encoder.encode(frame).unwrap().len();
    }
    assert!(sizes[2] * 4 < sizes[0], "{sizes:?}");
    assert_eq!(encoder.config().bitrate, Bitrate::MIN);
}

#[test]
fn hostile_packets_never_panic() {
    let genuine = encode(&tone(440.0, 1), EncoderConfig::default(), 960);
    for seed in 0..8 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let mut pcm = vec![0.0; 5_760 * CHANNELS];
        for _ in 0..400 {
            let mut packet = if rng.random_bool(0.5) {
                (0..rng.random_range(0..200)).map(|_| rng.random()).collect()
            } else {
                genuine[rng.random_range(0..genuine.len())].to_vec()
            };
            if let Some(at) = packet.len().checked_sub(1) {
                let at = rng.random_range(0..=at);
                packet[at] = rng.random();
            }
            // Refused or decoded, but never more than an Opus packet can last.
            if let Ok(samples) = decoder.decode(Some(&packet), &mut pcm) {
                assert!(samples <= 5_760, "seed {seed}");
            }
            if rng.random_bool(0.1) {
                let _ = decoder.decode_fec(&packet, 960, &mut pcm);
            }
            assert!(decoder.decode(None, &mut pcm[..FRAME_LEN]).is_ok(), "seed {seed}");
            assert!(pcm.iter().all(|sample| sample.is_finite()), "seed {seed}");
        }
    }
}
