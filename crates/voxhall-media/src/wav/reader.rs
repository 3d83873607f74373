//! Reading WAV.

use std::io::Read;
use std::time::Duration;

use super::format::Format;
use super::{SampleFormat, WavFault};
use crate::filled::fill;
use crate::{CHANNELS, Result};

/// Frames read at a time.
const BLOCK_FRAMES: usize = 1_024;

/// The longest header chunk that is read rather than skipped.
const MAX_FORMAT: u32 = 1_024;

/// Yields the samples of a WAV file as stereo at the file's own rate.
///
/// Mono goes to both sides; more than two channels are mixed down. A file that was cut short, or whose lengths were
/// never filled in because the recorder was killed, yields what is there.
#[derive(Debug)]
pub struct WavReader<R> {
    reader: R,
    format: Format,
    /// Bytes of samples left by the header's account; `None` where the header does not know.
    left: Option<u64>,
    block: Vec<u8>,
}

impl<R: Read> WavReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Wav`](crate::Error::Wav) with what is wrong with it, or the reader's own error.
    pub fn new(mut reader: R) -> Result<Self> {
        let mut riff = [0; 12];
        read_header(&mut reader, &mut riff)?;
        if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
            return Err(WavFault::NotWav.into());
        }
        let mut format = None;
        loop {
            let mut chunk = [0; 8];
            read_header(&mut reader, &mut chunk)?;
            let [i0, i1, i2, i3, l0, l1, l2, l3] = chunk;
            let length = u32::from_le_bytes([l0, l1, l2, l3]);
            match (&[i0, i1, i2, i3], format) {
                (b"fmt ", _) => format = Some(read_format(&mut reader, length)?),
                (b"data", Some(format)) => {
                    // Recorders that cannot seek, or were killed, leave these.
                    let left = (length != 0 && length != u32::MAX).then_some(u64::from(length));
                    return Ok(Self {
                        reader,
                        format,
                        left,
                        block: Vec::new(),
                    });
                }
                (b"data", None) => return Err(WavFault::BadHeader.into()),
                _ => skip(&mut reader, u64::from(length) + u64::from(length % 2))?,
            }
        }
    }

    /// Fills the front of `out` with interleaved stereo and returns how many values it wrote; zero at the end.
    ///
    /// # Errors
    /// The reader's own.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let frame = self.format.frame_bytes();
        let mut wanted = (out.len() / CHANNELS).min(BLOCK_FRAMES) * frame;
        if let Some(left) = self.left {
            wanted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.block.resize(wanted, 0);
        let read = fill(&mut self.reader, &mut self.block)?;
        self.left = self.left.map(|left| left - read as u64);
        let frames = self.block[..read].chunks_exact(frame);
        let written = frames.len() * CHANNELS;
        for (frame, out) in frames.zip(out.chunks_exact_mut(CHANNELS)) {
            mix_down(self.format.sample, frame, out);
        }
        Ok(written)
    }

    /// How long the rest of the file lasts by its header's account; `None` if the header does not know.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let frames = self.left? / self.format.frame_bytes() as u64;
        Some(Duration::from_secs_f64(
            frames as f64 / f64::from(self.format.sample_rate),
        ))
    }

    /// Samples per second and channel.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.format.sample_rate
    }

    /// Channels of the file, before they are mixed to two.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.format.channels
    }

    /// How the file stores its samples.
    #[must_use]
    pub const fn sample_format(&self) -> SampleFormat {
        self.format.sample
    }
}

/// One sample of every channel to left and right.
fn mix_down(format: SampleFormat, frame: &[u8], out: &mut [f32]) {
    let mut samples = [0.0; 8];
    let mut channels = 0;
    for (sample, bytes) in samples.iter_mut().zip(frame.chunks_exact(format.bytes())) {
        *sample = format.decode(bytes);
        channels += 1;
    }
    let [left, right, third, fourth, ..] = samples;
    let (left, right) = match channels {
        1 => (left, left),
        2 => (left, right),
        3 => mix(left, right, third, 0.0, 0.0),
        4 => mix(left, right, 0.0, third, fourth),
        // Front left and right, centre, low frequencies (left out, as usual), then the surrounds.
        _ => {
            let [_, _, _, _, s0, s1, s2, s3] = samples;
            mix(left, right, third, s0 + s2, s1 + s3)
        }
    };
    out.copy_from_slice(&[left, right]);
}

/// Front, centre and surround at the weights of ITU-R BS.775, scaled so that full level in all does not clip.
fn mix(left: f32, right: f32, centre: f32, surround_left: f32, surround_right: f32) -> (f32, f32) {
    const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const SCALE: f32 = 1.0 / (1.0 + 2.0 * HALF_POWER);
    let side = |front: f32, surround: f32| SCALE * (front + HALF_POWER * (centre + surround));
    (side(left, surround_left), side(right, surround_right))
}

fn read_format(reader: &mut impl Read, length: u32) -> Result<Format> {
    if length > MAX_FORMAT {
        return Err(WavFault::BadHeader.into());
    }
    let mut chunk = vec![0; (length + length % 2) as usize];
    read_header(reader, &mut chunk)?;
    Ok(Format::parse(&chunk[..length as usize])?)
}

fn read_header(reader: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    if fill(reader, buffer)? == buffer.len() {
        Ok(())
    } else {
        Err(WavFault::Truncated.into())
    }
}

fn skip(reader: &mut impl Read, length: u64) -> Result<()> {
    let skipped = std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    if skipped == length {
        Ok(())
    } else {
        Err(WavFault::Truncated.into())
    }
}
