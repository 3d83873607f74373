//! What is in a signal: levels, tones, noise. All take interleaved stereo at 48 kHz and look at the mean of both sides.
//!
//! Levels are in decibels of full scale: a sine of full amplitude has a *tone level* of 0 and an *rms level* of −3.

use std::f64::consts::TAU;

use crate::{CHANNELS, SAMPLE_RATE};

/// What digital silence measures.
pub const SILENCE_DB: f32 = -120.0;

/// The frequencies in which [`dominant_hz`] looks.
const AUDIBLE: std::ops::Range<f32> = 40.0..12_000.0;

/// The root of the mean square of both channels.
#[must_use]
pub fn rms_db(pcm: &[f32]) -> f32 {
    if pcm.is_empty() {
        return SILENCE_DB;
    }
    let power: f64 = pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / pcm.len() as f64;
    decibels(power.sqrt())
}

/// The highest sample of either channel.
#[must_use]
pub fn peak_db(pcm: &[f32]) -> f32 {
    decibels(f64::from(
        pcm.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs())),
    ))
}

/// The level of the tone of `hz`, by Goertzel's algorithm under a Hann window.
///
/// Resolves about 200 Hz in 20 ms and 4 Hz in one second.
#[must_use]
pub fn tone_level(pcm: &[f32], hz: f32) -> f32 {
    decibels(tone_amplitude(&windowed(pcm), f64::from(hz)))
}

/// The strongest frequency between 40 Hz and 12 kHz; `None` if there is nothing above −60 dB.
#[must_use]
pub fn dominant_hz(pcm: &[f32]) -> Option<f32> {
    let samples = windowed(pcm);
    if samples.len() < 64 || rms_db(pcm) < -60.0 {
        return None;
    }
    // Two probes per line of the spectrum cannot miss a tone. The full resolution of a long signal would take long to
    // probe, so its first twentieth of a second says where to look closer.
    let glance = samples.len().min(SAMPLE_RATE as usize / 20);
    let coarse = windowed(&pcm[..glance * CHANNELS]);
    let step = f64::from(SAMPLE_RATE) / glance as f64 / 2.0;
    let (low, high) = strongest(&coarse, f64::from(AUDIBLE.start), f64::from(AUDIBLE.end), step);
    let step = f64::from(SAMPLE_RATE) / samples.len() as f64 / 2.0;
    let (low, high) = strongest(&samples, low, high, step);
    Some(top(&samples, low, high) as f32)
}

/// How far the tone of `hz` stands out of everything else, in decibels.
///
/// Phase and amplitude of the tone are found by least squares; what is left after taking it out is the noise.
#[must_use]
pub fn snr_db(pcm: &[f32], hz: f32) -> f32 {
    let samples = mono(pcm);
    let (sine, cosine) = fit(&samples, f64::from(hz));
    let step = TAU * f64::from(hz) / f64::from(SAMPLE_RATE);
    let (mut signal, mut noise) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let angle = step * index as f64;
        let tone = sine * angle.sin() + cosine * angle.cos();
        signal += tone * tone;
        noise += (sample - tone).powi(2);
    }
    (10.0 * (signal.max(1e-30) / noise.max(1e-30)).log10()) as f32
}

fn decibels(amplitude: f64) -> f32 {
    ((20.0 * amplitude.log10()) as f32).max(SILENCE_DB)
}

fn mono(pcm: &[f32]) -> Vec<f64> {
    pcm.chunks_exact(CHANNELS)
        .map(|pair| (f64::from(pair[0]) + f64::from(pair[1])) / 2.0)
        .collect()
}

/// The mono signal under a Hann window whose mean is one.
fn windowed(pcm: &[f32]) -> Vec<f64> {
    let mut samples = mono(pcm);
    let length = samples.len() as f64;
    for (index, sample) in samples.iter_mut().enumerate() {
        *sample *= 1.0 - (TAU * (index as f64 + 0.5) / length).cos();
    }
    samples
}

fn tone_amplitude(samples: &[f64], hz: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let angle = TAU * hz / f64::from(SAMPLE_RATE);
    let twice = 2.0 * angle.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (sample + twice * last - before, last);
    }
    let power = (last * last + before * before - twice * last * before).max(0.0);
    2.0 * power.sqrt() / samples.len() as f64
}

/// The range around the strongest of the frequencies from `low` to `high`, `step` apart.
fn strongest(samples: &[f64], low: f64, high: f64, step: f64) -> (f64, f64) {
    let probes = ((high - low) / step).ceil() as usize;
    let probed = (0..=probes)
        .map(|probe| low + probe as f64 * step)
        .map(|hz| (hz, tone_amplitude(samples, hz)));
    let (hz, _) = probed.fold(
        (low, 0.0),
        |best, probe| if probe.1 > best.1 { probe } else { best },
    );
    (hz - step, hz + step)
}

/// The top between two frequencies, where there is only one.
fn top(samples: &[f64], mut low: f64, mut high: f64) -> f64 {
    while high - low > 0.01 {
        let third = (high - low) / 3.0;
        if tone_amplitude(samples, low + third) < tone_amplitude(samples, high - third) {
            low += third;
        } else {
            high -= third;
        }
    }
    (low + high) / 2.0
}

/// The weights of sine and cosine of `hz` that come closest to the signal.
fn fit(samples: &[f64], hz: f64) -> (f64, f64) {
    let step = TAU * hz / f64::from(SAMPLE_RATE);
    let (mut ss, mut cc, mut sc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let (sine, cosine) = (step * index as f64).sin_cos();
        ss += sine * sine;
        cc += cosine * cosine;
        sc += sine * cosine;
        xs += sample * sine;
        xc += sample * cosine;
    }
    let determinant = ss * cc - sc * sc;
    if determinant.abs() < 1e-9 {
        return (0.0, 0.0);
    }
    (
        (xs * cc - xc * sc) / determinant,
        (xc * ss - xs * sc) / determinant,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Tone;

    fn tone(hz: f32, amplitude: f32, samples: usize) -> Vec<f32> {
        Tone::new(hz, amplitude).take(samples).flatten().collect()
    }

    #[test]
    fn levels_are_relative_to_full_scale() {
        let pcm = tone(1_000.0, 0.5, 48_000);
        assert!((rms_db(&pcm) - -9.03).abs() < 0.01);
        assert!((peak_db(&pcm) - -6.02).abs() < 0.01);
        assert!((tone_level(&pcm, 1_000.0) - -6.02).abs() < 0.01);
        assert!(tone_level(&pcm, 1_100.0) < -80.0);
        for level in [
            rms_db(&[]),
            peak_db(&[]),
            tone_level(&[], 440.0),
            rms_db(&[0.0; 64]),
        ] {
            assert_eq!(level, SILENCE_DB);
        }
    }

    #[test]
    fn the_strongest_tone_is_found() {
        for hz in [50.0, 123.4, 440.0, 1_000.0, 9_876.5] {
            let pcm: Vec<f32> = tone(hz, 0.3, 24_000)
                .iter()
                .zip(tone(700.0, 0.1, 24_000))
                .map(|(a, b)| a + b)
                .collect();
            let found = dominant_hz(&pcm).unwrap();
            assert!((found - hz).abs() < 1.0, "{found} instead of {hz}");
        }
        assert_eq!(dominant_hz(&[0.0; 9_600]), None);
        assert_eq!(dominant_hz(&[]), None);
    }

    #[test]
    fn noise_is_what_the_tone_does_not_explain() {
        let pcm: Vec<f32> = tone(440.0, 0.5, 48_000)
            .iter()
            .zip(tone(3_000.0, 0.05, 48_000))
            .map(|(a, b)| a + b)
            .collect();
        assert!((snr_db(&pcm, 440.0) - 20.0).abs() < 0.1);
        assert!(snr_db(&tone(440.0, 0.5, 48_000), 440.0) > 100.0);
    }
}
