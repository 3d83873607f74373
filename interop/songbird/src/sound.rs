//! What the bots play, and how they recognise what they hear.

use std::f64::consts::TAU;
use std::io::Cursor;

use songbird::input::{Input, RawAdapter};

pub const RATE: usize = 48_000;

/// Interleaved stereo samples of a sine wave, as little-endian 32-bit floats.
pub fn tone(hz: f64, seconds: usize) -> Input {
    let wave = (0..seconds * RATE).flat_map(|i| {
        let sample = (0.37 * (TAU * hz * i as f64 / RATE as f64).sin()) as f32;
        [sample, sample]
    });
    let bytes: Vec<u8> = wave.flat_map(f32::to_le_bytes).collect();
    RawAdapter::new(Cursor::new(bytes), RATE as u32, 2).into()
}

/// Level of one frequency in dBFS (Goertzel).
pub fn level(samples: &[f64], hz: f64) -> f64 {
    let step = 2.0 * (TAU * hz / RATE as f64).cos();
    let (mut a, mut b) = (0.0, 0.0);
    for sample in samples {
        (a, b) = (sample + step * a - b, a);
    }
    let amplitude = 2.0 * (a * a + b * b - step * a * b).max(0.0).sqrt() / samples.len() as f64;
    20.0 * amplitude.max(1e-9).log10()
}
