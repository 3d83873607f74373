//! Opus and encoded video: containers, packets, jitter buffers, signals and a mixer; knows nothing of calls.
//!
//! Everything here runs on what it is handed: readers and writers are generic over [`std::io::Read`] and
//! [`std::io::Write`], time is an [`Instant`](std::time::Instant) argument, and nothing starts a thread or a task.
//!
//! Voice is 48 kHz stereo in frames of 20 ms (media transport, section 9.1). PCM is interleaved `f32`, nominally
//! within ±1; a *sample count* is always per channel, at 48 kHz.
//!
//! | module | knows |
//! |---|---|
//! | [`opus`] | packets without decoding them; with the feature `opus-codec` also the encoder and the decoder |
//! | [`ogg`] | Ogg Opus files, read and written packet by packet |
//! | [`wav`] | WAV files |
//! | [`pcm`] | streams of samples, volume, levels |
//! | [`resample`] | any rate to 48 kHz |
//! | [`source`] | what can be played: anything that yields Opus packets |
//! | [`signal`] | generated tones and music, and their detection |
//! | [`jitter`] | the playout buffer of one RTP stream |
//! | [`mixer`] | several voices into one stream |
//! | [`record`] | several voices on one timeline |
//! | [`video`] | encoded pictures, told apart without decoding |
//! | [`ivf`], [`annexb`], [`matroska`], [`mp4`] | files of pictures, the latter two with sound |
//! | [`movie`] | what can be shown: a file of any of these formats |
//! | [`payload`] | video in RTP payloads and out of them |
//! | [`assembly`] | the packets of a video stream put together to frames |
//!
//! # Features
//!
//! `opus-codec` (default): encoding and decoding. Without it, files can still be played and recorded packet for
//! packet.

pub mod annexb;
pub mod assembly;
mod error;
mod filled;
pub mod ivf;
pub mod jitter;
pub mod matroska;
pub mod mixer;
pub mod movie;
pub mod mp4;
pub mod ogg;
pub mod opus;
pub mod payload;
pub mod pcm;
pub mod record;
pub mod resample;
mod sequence;
pub mod signal;
pub mod source;
pub mod video;
pub mod wav;

pub use error::{Error, Result};

use std::time::Duration;

/// Samples per second and channel: the clock of Opus and of its RTP timestamps (RFC 7587, section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;

/// Channels of every PCM stream inside Voxhall.
pub const CHANNELS: usize = 2;

/// Samples per channel of a 20 ms frame, the usual Opus packet.
pub const FRAME_SAMPLES: usize = 960;

/// Length of an interleaved stereo buffer that holds one 20 ms frame.
pub const FRAME_LEN: usize = FRAME_SAMPLES * CHANNELS;

/// How long one usual frame lasts.
pub const FRAME_DURATION: Duration = Duration::from_millis(20);

/// The time `samples` samples per channel take at 48 kHz.
#[must_use]
pub const fn duration_of(samples: u64) -> Duration {
    let seconds = samples / SAMPLE_RATE as u64;
    let rest = samples % SAMPLE_RATE as u64;
    Duration::new(seconds, (rest * 1_000_000_000 / SAMPLE_RATE as u64) as u32)
}

/// The samples per channel, rounded down, that fit into `duration` at 48 kHz.
#[must_use]
pub const fn samples_in(duration: Duration) -> u64 {
    duration.as_secs() * SAMPLE_RATE as u64
        + duration.subsec_nanos() as u64 * SAMPLE_RATE as u64 / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_samples_convert_both_ways() {
        assert_eq!(duration_of(960), FRAME_DURATION);
        assert_eq!(samples_in(FRAME_DURATION), FRAME_SAMPLES as u64);
        assert_eq!(samples_in(duration_of(48_000 * 3_600)), 48_000 * 3_600);
        assert_eq!(samples_in(Duration::from_micros(20)), 0);
    }
}
