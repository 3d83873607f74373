//! Tones: one, several at once, and one that glides.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::{CHANNELS, SAMPLE_RATE, samples_in};

/// A sine of constant frequency, the same on both sides.
#[derive(Debug, Clone)]
pub struct Tone {
    turns: f64,
    per_sample: f64,
    amplitude: f32,
}

impl Tone {
    /// `hz` at `amplitude` of full scale.
    #[must_use]
    pub fn new(hz: f32, amplitude: f32) -> Self {
        Self {
            turns: 0.0,
            per_sample: f64::from(hz) / f64::from(SAMPLE_RATE),
            amplitude,
        }
    }

    fn advance(&mut self) -> f32 {
        let value = (self.turns * TAU).sin() as f32 * self.amplitude;
        self.turns = (self.turns + self.per_sample).fract();
        value
    }
}

impl Iterator for Tone {
    type Item = [f32; CHANNELS];

    fn next(&mut self) -> Option<Self::Item> {
        Some([self.advance(); CHANNELS])
    }
}

/// Several sines at once.
#[derive(Debug, Clone)]
pub struct Chord {
    tones: Vec<Tone>,
}

impl Chord {
    /// All of `hz`, sharing `amplitude` of full scale.
    #[must_use]
    pub fn new(hz: &[f32], amplitude: f32) -> Self {
        let share = amplitude / hz.len().max(1) as f32;
        Self {
            tones: hz.iter().map(|&hz| Tone::new(hz, share)).collect(),
        }
    }
}

impl Iterator for Chord {
    type Item = [f32; CHANNELS];

    fn next(&mut self) -> Option<Self::Item> {
        Some([self.tones.iter_mut().map(Tone::advance).sum(); CHANNELS])
    }
}

/// A sine that glides from one frequency to another, equally long in each octave, and then starts again.
#[derive(Debug, Clone)]
pub struct Sweep {
    tone: Tone,
    from: f64,
    /// Factor per sample.
    glide: f64,
    length: u64,
    position: u64,
}

impl Sweep {
    /// From one frequency to the other, both above zero, within `duration`.
    #[must_use]
    pub fn new(from_hz: f32, to_hz: f32, duration: Duration, amplitude: f32) -> Self {
        let length = samples_in(duration).max(1);
        let glide = (f64::from(to_hz) / f64::from(from_hz)).powf(1.0 / length as f64);
        let tone = Tone::new(from_hz, amplitude);
        Self {
            from: tone.per_sample,
            tone,
            glide,
            length,
            position: 0,
        }
    }
}

impl Iterator for Sweep {
    type Item = [f32; CHANNELS];

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.tone.advance();
        self.position += 1;
        self.tone.per_sample *= self.glide;
        if self.position == self.length {
            self.position = 0;
            self.tone.per_sample = self.from;
        }
        Some([value; CHANNELS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::analysis::{dominant_hz, tone_level};

    #[test]
    fn a_chord_has_its_tones_and_no_other() {
        let pcm: Vec<f32> = Chord::new(&[440.0, 660.0], 0.5).take(48_000).flatten().collect();
        for (hz, present) in [(440.0, true), (660.0, true), (550.0, false), (880.0, false)] {
            assert_eq!(tone_level(&pcm, hz) > -13.0, present, "{hz} Hz");
        }
    }

    #[test]
    fn a_sweep_passes_from_low_to_high_and_starts_again() {
        let pcm: Vec<f32> = Sweep::new(200.0, 3_200.0, Duration::from_secs(4), 0.5)
            .take(5 * 48_000)
            .flatten()
            .collect();
        let at = |second: f32| {
            let start = (second * 96_000.0) as usize;
            dominant_hz(&pcm[start..start + 4_800]).unwrap()
        };
        assert!((190.0..230.0).contains(&at(0.0)));
        assert!((780.0..850.0).contains(&at(2.0)), "{}", at(2.0));
        assert!((2_900.0..3_200.0).contains(&at(3.9)), "{}", at(3.9));
        assert!((190.0..230.0).contains(&at(4.0)));
    }
}
