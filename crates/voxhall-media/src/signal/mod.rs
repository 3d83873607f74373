//! Generated signals, and the means to find them again in what was received.
//!
//! Every signal is an endless iterator of stereo samples at 48 kHz; [`Samples`](crate::pcm::Samples) makes a stream
//! of it, and [`Iterator::take`] a finite one.
//!
//! ```
//! use voxhall_media::signal::{Tone, analysis};
//! let pcm: Vec<f32> = Tone::new(440.0, 0.5).take(48_000).flatten().collect();
//! assert!((analysis::dominant_hz(&pcm).unwrap() - 440.0).abs() < 1.0);
//! ```

pub mod analysis;
mod music;
mod oscillator;

pub use music::Music;
pub use oscillator::{Chord, Sweep, Tone};
