//! Mutated files: an error or audio, but no panic, no hang and no more memory than the file is large.

use std::io::Cursor;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use voxhall_media::movie::{self, MovieOptions};
use voxhall_media::ogg::OggReader;
use voxhall_media::wav::WavReader;

const TONE: &[u8] = include_bytes!("data/tone.opus");
const LONG_PACKETS: &[u8] = include_bytes!("data/long-packets.opus");

/// Corrects the checksum of every page that is whole, so that mutations get past it.
fn mend(file: &mut [u8]) {
    let mut at = 0;
    while let Some(page) = file
        .get_mut(at..)
        .filter(|rest| rest.len() >= 27 && rest.starts_with(b"OggS"))
    {
        let segments = usize::from(page[26]);
        let Some(lacing) = page.get(27..27 + segments) else {
            return;
        };
        let length = 27 + segments + lacing.iter().map(|&length| usize::from(length)).sum::<usize>();
        let Some(page) = page.get_mut(..length) else {
            return;
        };
        page[22..26].fill(0);
        let mut sum = 0u32;
        for &byte in page.iter() {
            sum ^= u32::from(byte) << 24;
            for _ in 0..8 {
                sum = if sum >> 31 == 1 {
                    sum << 1 ^ 0x04C1_1DB7
                } else {
                    sum << 1
                };
            }
        }
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at += length;
    }
}

fn mutate(file: &mut Vec<u8>, rng: &mut SmallRng) {
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..file.len());
        match rng.random_range(0..4) {
            0 => file[at] = rng.random(),
            1 => file[at] ^= 1 << rng.random_range(0..8),
            2 => file.truncate(at.max(1)),
            _ => {
                let from = rng.random_range(0..file.len());
                let piece: Vec<u8> = file[from..].iter().copied().take(300).collect();
                file.splice(at..at, piece);
            }
        }
    }
}

#[test]
fn mutated_ogg_files_are_survived() {
    for seed in 0..1_500 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut file = if seed % 2 == 0 { TONE } else { LONG_PACKETS }.to_vec();
        mutate(&mut file, &mut rng);
        mend(&mut file);
        let Ok(mut reader) = OggReader::new(&file[..]) else {
            continue;
        };
        let mut packets = 0;
        let mut bytes = 0;
        while let Ok(Some(frame)) = reader.next_packet() {
            packets += 1;
            bytes += frame.packet().len();
        }
        assert!(packets <= file.len() && bytes <= file.len(), "seed {seed}");
        assert!(
            reader.next_packet().unwrap().is_none(),
            "seed {seed}: an error does not end the file"
        );
    }
}

/// One file of each format and codec.
const MOVIES: [&[u8]; 9] = [
    include_bytes!("data/pattern.h264"),
    include_bytes!("data/pattern.h265"),
    include_bytes!("data/pattern-vp8.ivf"),
    include_bytes!("data/pattern-av1.ivf"),
    include_bytes!("data/pattern-vp9.webm"),
    include_bytes!("data/pattern-h265.mkv"),
    include_bytes!("data/pattern-h264.mp4"),
    include_bytes!("data/pattern-h264-fragmented.mp4"),
    include_bytes!("data/pattern-av1.mp4"),
];

/// Shows a file to its end, and says how many pictures and bytes of them there were.
fn show(file: &'static [u8], context: &str) {
    let Ok(mut movie) = movie::open_with(move || Ok(Cursor::new(file)), MovieOptions::default()) else {
        return;
    };
    let (mut pictures, mut bytes) = (0, 0);
    while let Ok(Some(frame)) = movie.pictures.next_frame() {
        pictures += 1;
        bytes += frame.data.len();
        // A table of samples may name the same bytes over and over.
        assert!(pictures <= file.len() && bytes <= 64 << 20, "{context}");
    }
    assert!(movie.pictures.next_frame().unwrap().is_none(), "{context}");
    let mut frames = 0;
    while let Some(Ok(Some(_))) = movie.sound.as_mut().map(|sound| sound.next_frame()) {
        frames += 1;
        // Holes are filled with silence, of an hour at most each.
        if frames > 100_000 {
            break;
        }
    }
}

#[test]
fn mutated_movies_are_survived() {
    for (index, original) in MOVIES.iter().enumerate() {
        for seed in 0..400 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut file = original.to_vec();
            mutate(&mut file, &mut rng);
            show(file.leak(), &format!("file {index}, seed {seed}"));
        }
    }
}

#[test]
fn movies_that_break_off_are_survived() {
    for (index, original) in MOVIES.iter().enumerate() {
        for end in (0..original.len()).step_by(7) {
            show(&original[..end], &format!("file {index} cut at {end}"));
        }
    }
}

#[test]
fn mutated_wav_files_are_survived() {
    let mut original =
        b"RIFF\x64\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x80\xBB\0\0\0\xEE\x02\0\x04\0\x10\0data\x40\0\0\0"
            .to_vec();
    original.resize(44 + 64, 0x11);
    for seed in 0..5_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut file = original.clone();
        mutate(&mut file, &mut rng);
        let Ok(mut reader) = WavReader::new(&file[..]) else {
            continue;
        };
        let mut block = [0.0; 64];
        let mut values = 0;
        while let Ok(read @ 1..) = reader.read(&mut block) {
            assert!(
                block[..read].iter().all(|sample| sample.is_finite()),
                "seed {seed}"
            );
            values += read;
        }
        assert!(values <= file.len() * 2, "seed {seed}");
    }
}

#[test]
fn noise_is_no_file() {
    for seed in 0..500 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let noise: Vec<u8> = (0..rng.random_range(0..400)).map(|_| rng.random()).collect();
        assert!(OggReader::new(&noise[..]).is_err());
        assert!(WavReader::new(&noise[..]).is_err());
    }
}
