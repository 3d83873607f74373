//! A tune without end, for demonstrations: there is something to hear at once and nothing to license.

use std::f64::consts::TAU;

use crate::{CHANNELS, SAMPLE_RATE};

/// Samples of a sixteenth note at 96 beats per minute.
const SIXTEENTH: u64 = SAMPLE_RATE as u64 * 60 / 96 / 4;

/// Sixteenths of a bar.
const BAR: u64 = 16;

/// The chords, one bar each, as semitones above middle C: C, A minor, F, G, then with E minor for a change.
const CHORDS: [[i32; 3]; 8] = [
    [0, 4, 7],
    [-3, 0, 4],
    [-7, -3, 0],
    [-5, -1, 2],
    [0, 4, 7],
    [4, 7, 11],
    [-7, -3, 0],
    [-5, -1, 2],
];

/// Which note of the chord the arpeggio plays, and how many octaves up, through half a bar.
const ARPEGGIO: [(usize, i32); 8] = [(0, 1), (1, 1), (2, 1), (0, 2), (2, 1), (1, 1), (0, 2), (1, 1)];

/// Where the melody steps, in semitones above middle C: a pentatonic scale fits every chord.
const SCALE: [i32; 9] = [12, 14, 16, 19, 21, 24, 26, 28, 31];

/// Notes that sound at once; a new one silences the oldest.
const VOICES: usize = 24;

/// The tune: plucked arpeggio, bass, and a melody that wanders.
///
/// The same for the same seed. Stereo, with peaks below −3 dB of full scale.
///
/// ```
/// use voxhall_media::signal::Music;
/// let second: Vec<[f32; 2]> = Music::new(1).take(48_000).collect();
/// assert_eq!(second, Music::new(1).take(48_000).collect::<Vec<_>>());
/// ```
#[derive(Debug, Clone)]
pub struct Music {
    voices: [Pluck; VOICES],
    next_voice: usize,
    position: u64,
    random: u64,
    melody: usize,
}

impl Music {
    /// The tune of this seed; the seed decides the melody.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            voices: [Pluck::SILENT; VOICES],
            next_voice: 0,
            position: 0,
            random: seed,
            melody: SCALE.len() / 2,
        }
    }

    /// Starts the notes of the sixteenth `step` since the beginning.
    fn strike(&mut self, step: u64) {
        let chord = CHORDS[(step / BAR) as usize % CHORDS.len()];
        let (note, octave) = ARPEGGIO[step as usize % ARPEGGIO.len()];
        let pan = if step.is_multiple_of(2) { -0.5 } else { 0.5 };
        self.pluck(Note {
            semitone: chord[note] + 12 * octave,
            level: 0.18,
            seconds: 0.5,
            pan,
        });
        if matches!(step % BAR, 0 | 10) {
            self.pluck(Note {
                semitone: chord[0] - 12,
                level: 0.30,
                seconds: 1.2,
                pan: 0.0,
            });
        }
        if step.is_multiple_of(BAR) {
            for semitone in chord {
                self.pluck(Note {
                    semitone,
                    level: 0.09,
                    seconds: 3.0,
                    pan: 0.0,
                });
            }
        }
        // The melody rests in the first two bars, and now and then.
        if step >= 2 * BAR && step.is_multiple_of(4) && self.draw(4) > 0 {
            self.melody = (self.melody + self.draw(5))
                .saturating_sub(2)
                .min(SCALE.len() - 1);
            self.pluck(Note {
                semitone: SCALE[self.melody],
                level: 0.24,
                seconds: 0.9,
                pan: 0.15,
            });
        }
    }

    fn pluck(&mut self, note: Note) {
        self.voices[self.next_voice] = Pluck::new(note);
        self.next_voice = (self.next_voice + 1) % VOICES;
    }

    /// A number below `bound`, by a 64-bit linear congruential generator.
    fn draw(&mut self, bound: u64) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.random >> 33) % bound) as usize
    }
}

impl Iterator for Music {
    type Item = [f32; CHANNELS];

    fn next(&mut self) -> Option<Self::Item> {
        if self.position.is_multiple_of(SIXTEENTH) {
            self.strike(self.position / SIXTEENTH);
        }
        self.position += 1;
        let mut sum = [0.0; CHANNELS];
        for voice in &mut self.voices {
            let value = voice.advance();
            sum[0] += value * voice.left;
            sum[1] += value * voice.right;
        }
        Some(sum.map(|value| value as f32))
    }
}

/// A note to be played.
struct Note {
    /// Above middle C.
    semitone: i32,
    /// Amplitude of the fundamental.
    level: f64,
    /// Time after which it has faded by 60 dB.
    seconds: f64,
    /// −1 is left, 1 is right.
    pan: f64,
}

/// A plucked string: three partials, the higher the faster gone.
#[derive(Debug, Clone, Copy)]
struct Pluck {
    partials: [Ring; 3],
    left: f64,
    right: f64,
}

impl Pluck {
    const SILENT: Self = Self {
        partials: [Ring::SILENT; 3],
        left: 0.0,
        right: 0.0,
    };

    fn new(note: Note) -> Self {
        let hz = 261.625_565 * (f64::from(note.semitone) / 12.0).exp2();
        let partial = |order: f64| Ring::new(hz * order, note.level / order.powf(1.5), note.seconds / order);
        Self {
            partials: [partial(1.0), partial(2.0), partial(3.0)],
            left: ((1.0 - note.pan) / 2.0).sqrt(),
            right: ((1.0 + note.pan) / 2.0).sqrt(),
        }
    }

    fn advance(&mut self) -> f64 {
        self.partials.iter_mut().map(Ring::advance).sum()
    }
}

/// A sine that fades: the impulse response of a two-pole resonator, so that a sample costs two multiplications.
#[derive(Debug, Clone, Copy)]
struct Ring {
    last: f64,
    before: f64,
    feedback: f64,
    damping: f64,
}

impl Ring {
    const SILENT: Self = Self {
        last: 0.0,
        before: 0.0,
        feedback: 0.0,
        damping: 0.0,
    };

    fn new(hz: f64, amplitude: f64, seconds: f64) -> Self {
        let angle = TAU * hz / f64::from(SAMPLE_RATE);
        let decay = 10f64.powf(-3.0 / (seconds * f64::from(SAMPLE_RATE)));
        // Begins at zero, so that no click is heard.
        Self {
            last: 0.0,
            before: -amplitude * angle.sin() / decay,
            feedback: 2.0 * decay * angle.cos(),
            damping: decay * decay,
        }
    }

    fn advance(&mut self) -> f64 {
        let value = self.feedback * self.last - self.damping * self.before;
        self.before = self.last;
        self.last = value;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::analysis::{peak_db, rms_db, tone_level};

    fn play(seed: u64, seconds: usize) -> Vec<f32> {
        Music::new(seed).take(seconds * 48_000).flatten().collect()
    }

    #[test]
    fn it_is_neither_silent_nor_clipped_at_any_time() {
        for seed in 0..2 {
            let pcm = play(seed, 12);
            assert!(peak_db(&pcm) < -3.0, "seed {seed}: {}", peak_db(&pcm));
            for second in pcm.chunks_exact(96_000) {
                assert!(rms_db(second) > -30.0, "seed {seed}: {}", rms_db(second));
            }
        }
    }

    #[test]
    fn the_first_bar_is_c_major_in_stereo() {
        let pcm = play(7, 2);
        let expected = tone_level(&pcm, 523.25);
        assert!(
            expected > tone_level(&pcm, 493.88) + 20.0,
            "no C above the B beside it"
        );
        assert!(pcm.chunks_exact(2).any(|pair| (pair[0] - pair[1]).abs() > 0.05));
    }

    #[test]
    fn seeds_differ_in_the_melody() {
        assert_eq!(play(1, 2), play(2, 2));
        assert_ne!(play(1, 8), play(2, 8));
    }
}
