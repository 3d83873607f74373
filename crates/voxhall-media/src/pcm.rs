//! Streams of samples: where they come from, how loud they are, and how they are kept within bounds.

use std::fmt;
use std::sync::mpsc::{self, TryRecvError};

use crate::{CHANNELS, Result};

/// Something that yields 48 kHz stereo PCM, interleaved `f32`, nominally within ±1.
pub trait PcmStream: Send {
    /// Fills the front of `out` and returns how many values it wrote, always whole stereo samples.
    ///
    /// Zero means the stream has ended. Anything less than `out.len()` is only what was at hand.
    ///
    /// # Errors
    /// What the stream's origin runs into, such as a file that breaks off.
    fn read(&mut self, out: &mut [f32]) -> Result<usize>;
}

impl<P: PcmStream + ?Sized> PcmStream for Box<P> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        (**self).read(out)
    }
}

/// Stereo samples from an iterator: generated ones (see [`signal`](crate::signal)), or decoded ones from elsewhere.
///
/// ```
/// use voxhall_media::pcm::{PcmStream, Samples};
/// let mut stream = Samples::new([[0.5, -0.5], [0.25, -0.25]]);
/// let mut out = [0.0; 8];
/// assert_eq!(stream.read(&mut out)?, 4);
/// # Ok::<(), voxhall_media::Error>(())
/// ```
#[derive(Debug)]
pub struct Samples<I> {
    samples: I,
}

impl<I: Iterator<Item = [f32; CHANNELS]>> Samples<I> {
    /// The stream of these samples, each left and right.
    pub fn new(samples: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            samples: samples.into_iter(),
        }
    }
}

impl<I: Iterator<Item = [f32; CHANNELS]> + Send> PcmStream for Samples<I> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let mut written = 0;
        for (pair, sample) in out.chunks_exact_mut(CHANNELS).zip(&mut self.samples) {
            pair.copy_from_slice(&sample);
            written += CHANNELS;
        }
        Ok(written)
    }
}

/// A stream that another thread feeds as it goes, such as speech synthesis or a microphone.
///
/// `blocks` is how many blocks the feeder may be ahead before [`LiveInput::send`] waits. While nothing is at hand the
/// stream is silent; it ends when the input is dropped.
///
/// ```
/// use voxhall_media::pcm::{PcmStream, live};
/// let (input, mut stream) = live(4);
/// input.send(vec![0.5, -0.5]).expect("the stream is still here");
/// let mut out = [1.0; 4];
/// assert_eq!(stream.read(&mut out)?, 4);
/// assert_eq!(out, [0.5, -0.5, 0.0, 0.0]);
/// drop(input);
/// assert_eq!(stream.read(&mut out)?, 0);
/// # Ok::<(), voxhall_media::Error>(())
/// ```
#[must_use]
pub fn live(blocks: usize) -> (LiveInput, LiveStream) {
    let (sender, receiver) = mpsc::sync_channel(blocks);
    (
        LiveInput { sender },
        LiveStream {
            receiver,
            block: Vec::new(),
            taken: 0,
        },
    )
}

/// Where a live stream is fed; see [`live`].
#[derive(Debug, Clone)]
pub struct LiveInput {
    sender: mpsc::SyncSender<Vec<f32>>,
}

impl LiveInput {
    /// Hands over a block of interleaved stereo, waiting while the stream is far enough behind.
    ///
    /// # Errors
    /// The block itself, if nobody plays the stream any more.
    pub fn send(&self, pcm: Vec<f32>) -> Result<(), Vec<f32>> {
        self.sender.send(pcm).map_err(|refused| refused.0)
    }
}

/// The stream that a [`LiveInput`] feeds; see [`live`].
#[derive(Debug)]
pub struct LiveStream {
    receiver: mpsc::Receiver<Vec<f32>>,
    block: Vec<f32>,
    taken: usize,
}

impl PcmStream for LiveStream {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let wanted = out.len() - out.len() % CHANNELS;
        let mut written = 0;
        while written < wanted {
            if self.taken == self.block.len() {
                match self.receiver.try_recv() {
                    Ok(block) => self.block = block,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        // An odd sample at the very end is completed with silence.
                        let end = written.next_multiple_of(CHANNELS);
                        out[written..end].fill(0.0);
                        return Ok(end);
                    }
                }
                self.taken = 0;
            }
            let take = (wanted - written).min(self.block.len() - self.taken);
            out[written..written + take].copy_from_slice(&self.block[self.taken..self.taken + take]);
            self.taken += take;
            written += take;
        }
        out[written..wanted].fill(0.0);
        Ok(wanted)
    }
}

/// How much louder or softer something is played. 1 is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Volume(f32);

impl Volume {
    /// Nothing is heard.
    pub const MUTE: Self = Self(0.0);
    /// Unchanged.
    pub const FULL: Self = Self(1.0);
    /// Ten times the amplitude, the most there is.
    pub const MAX: Self = Self(10.0);

    /// `percent` of the amplitude, at most 1000.
    #[must_use]
    pub fn from_percent(percent: u16) -> Self {
        Self((f32::from(percent) / 100.0).min(Self::MAX.0))
    }

    /// A gain in decibels, at most +20.
    #[must_use]
    pub fn from_decibels(decibels: f32) -> Self {
        let factor = 10f32.powf(decibels / 20.0);
        Self(if factor.is_nan() {
            1.0
        } else {
            factor.min(Self::MAX.0)
        })
    }

    /// What samples are multiplied by.
    #[must_use]
    pub const fn factor(self) -> f32 {
        self.0
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self::FULL
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.0} %", self.0 * 100.0)
    }
}

/// A stream played at another volume.
#[derive(Debug)]
pub struct Amplified<P> {
    stream: P,
    volume: Volume,
}

impl<P: PcmStream> Amplified<P> {
    /// `stream`, `volume` times as loud.
    pub const fn new(stream: P, volume: Volume) -> Self {
        Self { stream, volume }
    }

    /// Changes the volume from the next read on.
    pub const fn set_volume(&mut self, volume: Volume) {
        self.volume = volume;
    }
}

impl<P: PcmStream> PcmStream for Amplified<P> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let written = self.stream.read(out)?;
        amplify(&mut out[..written], self.volume);
        Ok(written)
    }
}

/// Multiplies by the volume; what then exceeds ±1 is bent back softly.
pub fn amplify(pcm: &mut [f32], volume: Volume) {
    if volume == Volume::FULL {
        return;
    }
    for sample in pcm.iter_mut() {
        *sample *= volume.factor();
    }
    if volume > Volume::FULL {
        soft_clip(pcm);
    }
}

/// Bends what exceeds ±0.8 towards ±1, so that loud passages are compressed instead of crackling.
pub fn soft_clip(pcm: &mut [f32]) {
    const KNEE: f32 = 0.8;
    for sample in pcm.iter_mut() {
        let over = sample.abs() - KNEE;
        if over > 0.0 {
            *sample = (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(*sample);
        }
    }
}

/// The nearest 16-bit sample; beyond ±1 it saturates, and not-a-number is silence.
#[must_use]
pub fn to_i16(sample: f32) -> i16 {
    // A float-to-integer cast saturates.
    (sample * 32_768.0).round() as i16
}

/// A 16-bit sample as PCM within ±1.
#[must_use]
pub fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_sample_survives_the_round_trip() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(from_i16(sample)), sample);
        }
        assert_eq!(
            (to_i16(2.0), to_i16(-2.0), to_i16(f32::NAN)),
            (i16::MAX, i16::MIN, 0)
        );
    }

    #[test]
    fn soft_clip_is_monotonous_bounded_and_leaves_quiet_samples_alone() {
        let mut pcm: Vec<f32> = (-400..=400).map(|step| step as f32 / 100.0).collect();
        let before = pcm.clone();
        soft_clip(&mut pcm);
        assert!(pcm.is_sorted());
        assert!(pcm.iter().all(|sample| sample.abs() <= 1.0));
        assert!(
            before
                .iter()
                .zip(&pcm)
                .all(|(before, after)| before.abs() > 0.8 || before == after)
        );
    }

    #[test]
    fn volume_scales_and_never_exceeds_full_scale() {
        let mut out = [0.0; 4];
        let mut stream = Amplified::new(Samples::new([[0.4, -0.4], [0.9, -0.9]]), Volume::from_percent(50));
        assert_eq!(stream.read(&mut out).unwrap(), 4);
        assert_eq!(out, [0.2, -0.2, 0.45, -0.45]);
        let mut loud = [0.4, -0.9];
        amplify(&mut loud, Volume::from_decibels(20.0));
        assert!(loud.iter().all(|sample| sample.abs() <= 1.0));
        assert_eq!(Volume::from_percent(65_535), Volume::MAX);
        assert_eq!(Volume::from_percent(50).to_string(), "50 %");
    }
}
