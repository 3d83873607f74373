//! Any sample rate to 48 kHz, by a windowed sinc.
//!
//! Each output sample is a weighted sum of the input around its instant; the weights are a sinc, cut off below both
//! Nyquist limits and windowed by Kaiser. They are tabulated at 256 offsets between two input samples and
//! interpolated linearly in between, so that any ratio of rates works alike. Images and aliases stay about 80 dB down.

use std::f64::consts::PI;

use crate::{CHANNELS, SAMPLE_RATE};

/// Zero crossings of the sinc on either side.
const CROSSINGS: f64 = 48.0;

/// Tabulated offsets between two input samples.
const PHASES: usize = 256;

/// Shape of the window: about 80 dB of attenuation.
const KAISER_BETA: f64 = 8.0;

/// The cut-off against the lower Nyquist limit; the slope fits above it.
const CUT_OFF: f64 = 0.945;

/// Weights that are applied side by side.
const LANES: usize = 8;

/// Converts interleaved stereo from one rate to 48 kHz, block by block.
#[derive(Debug)]
pub struct Resampler {
    rate: u32,
    /// Input samples on either side that an output sample is made of.
    half: usize,
    /// `PHASES + 1` rows of `2 * half` weights.
    weights: Vec<f32>,
    /// Input that is still needed, interleaved.
    input: Vec<f32>,
    /// The input sample, per channel, at or before the next output sample.
    at: usize,
    /// How far the next output sample is beyond it, in 1/48000 of the distance to the next one.
    beyond: u32,
}

impl Resampler {
    /// From `rate` samples per second; at least 1.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(1);
        let stretch = (f64::from(rate) / f64::from(SAMPLE_RATE)).max(1.0);
        let half = ((CROSSINGS * stretch).ceil() as usize).next_multiple_of(LANES / 2);
        let cut_off = CUT_OFF / stretch;
        let mut weights = Vec::with_capacity((PHASES + 1) * 2 * half);
        for phase in 0..=PHASES {
            let offset = phase as f64 / PHASES as f64;
            let row = (0..2 * half)
                .map(|tap| weight(tap as f64 + 1.0 - half as f64 - offset, half as f64, cut_off));
            let row: Vec<f64> = row.collect();
            // Each row sums to one, or a constant input would ripple.
            let sum: f64 = row.iter().sum();
            weights.extend(row.iter().map(|value| (value / sum) as f32));
        }
        // Before the beginning there was silence.
        let input = vec![0.0; (half - 1) * CHANNELS];
        Self {
            rate,
            half,
            weights,
            input,
            at: half - 1,
            beyond: 0,
        }
    }

    /// Takes interleaved stereo and appends to `out` what can be computed from it.
    pub fn process(&mut self, pcm: &[f32], out: &mut Vec<f32>) {
        self.input.extend_from_slice(pcm);
        let available = self.input.len() / CHANNELS;
        while self.at + self.half < available {
            out.extend_from_slice(&self.sample());
            let next = u64::from(self.beyond) + u64::from(self.rate);
            self.at += (next / u64::from(SAMPLE_RATE)) as usize;
            self.beyond = (next % u64::from(SAMPLE_RATE)) as u32;
        }
        let used = (self.at + 1 - self.half).min(available);
        self.input.drain(..used * CHANNELS);
        self.at -= used;
    }

    /// Appends what is still to come when the input has ended.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let silence = vec![0.0; self.half * CHANNELS];
        self.process(&silence, out);
    }

    fn sample(&self) -> [f32; CHANNELS] {
        let position = self.beyond as f32 * (PHASES as f32 / SAMPLE_RATE as f32);
        let phase = (position as usize).min(PHASES - 1);
        let mix = position - phase as f32;
        let taps = 2 * self.half;
        let rows = &self.weights[phase * taps..(phase + 2) * taps];
        let (row, next) = rows.split_at(taps);
        let window = &self.input[(self.at + 1 - self.half) * CHANNELS..];
        // Sums that do not wait for each other, so that the compiler can compute them side by side.
        let mut sums = [0.0; LANES * CHANNELS];
        let inputs = window.as_chunks::<{ LANES * CHANNELS }>().0;
        let weights = row.as_chunks::<LANES>().0.iter().zip(next.as_chunks::<LANES>().0);
        for (input, (row, next)) in inputs.iter().zip(weights) {
            for lane in 0..LANES {
                let weight = row[lane] + (next[lane] - row[lane]) * mix;
                sums[2 * lane] += input[2 * lane] * weight;
                sums[2 * lane + 1] += input[2 * lane + 1] * weight;
            }
        }
        let side = |first: usize| sums.iter().skip(first).step_by(CHANNELS).sum();
        [side(0), side(1)]
    }
}

/// The weight of an input sample that lies `distance` samples from the output sample.
fn weight(distance: f64, half: f64, cut_off: f64) -> f64 {
    let relative = distance / half;
    if relative.abs() >= 1.0 {
        return 0.0;
    }
    let window = bessel_i0(KAISER_BETA * (1.0 - relative * relative).sqrt()) / bessel_i0(KAISER_BETA);
    let angle = PI * cut_off * distance;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    cut_off * sinc * window
}

/// The modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut term = 1.0;
    for k in 1..32 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Tone, analysis};

    fn resampled(rate: u32, hz: f32, block: usize) -> Vec<f32> {
        let step = f64::from(hz) / f64::from(rate);
        let input: Vec<f32> = (0..rate)
            .map(|index| (2.0 * PI * step * f64::from(index)).sin() as f32 * 0.5)
            .flat_map(|sample| [sample; CHANNELS])
            .collect();
        let mut resampler = Resampler::new(rate);
        let mut out = Vec::new();
        for block in input.chunks(block * CHANNELS) {
            resampler.process(block, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_comes_out_clean_and_as_long_as_it_went_in() {
        for rate in [
            8_000, 11_025, 22_050, 32_000, 44_100, 44_101, 88_200, 96_000, 192_000,
        ] {
            let out = resampled(rate, 1_000.0, 777);
            assert!(
                out.len().abs_diff(96_000) <= 2 * 7,
                "{rate}: {} values",
                out.len()
            );
            let middle = &out[9_600..86_400];
            let snr = analysis::snr_db(middle, 1_000.0);
            assert!(snr > 75.0, "{rate}: {snr:.1} dB");
            let level = analysis::tone_level(middle, 1_000.0);
            assert!((level - -6.02).abs() < 0.1, "{rate}: {level:.2} dBFS");
        }
    }

    #[test]
    fn what_lies_above_the_output_band_is_removed() {
        let out = resampled(96_000, 30_000.0, 960);
        assert!(analysis::rms_db(&out[9_600..86_400]) < -75.0);
    }

    #[test]
    fn blocks_of_any_size_give_the_same_result() {
        assert_eq!(resampled(44_100, 440.0, 1), resampled(44_100, 440.0, 10_000));
    }

    #[test]
    fn left_stays_left() {
        let mut resampler = Resampler::new(24_000);
        let input: Vec<f32> = Tone::new(500.0, 0.5)
            .take(2_400)
            .flat_map(|[left, _]| [left, 0.0])
            .collect();
        let mut out = Vec::new();
        resampler.process(&input, &mut out);
        assert!(out.chunks_exact(2).all(|pair| pair[1] == 0.0));
        assert!(out.chunks_exact(2).any(|pair| pair[0] > 0.4));
    }
}
