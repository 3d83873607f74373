//! Sources that encode: any PCM, and WAV files.

use std::io::Read;

use super::{AudioFrame, AudioSource};
use crate::opus::{Channels, Encoder, EncoderConfig};
use crate::pcm::PcmStream;
use crate::resample::Resampler;
use crate::wav::WavReader;
use crate::{CHANNELS, FRAME_LEN, Result, SAMPLE_RATE};

/// Encodes any stream of PCM in packets of 20 ms.
///
/// The last packet is completed with silence, and one more follows if the codec's delay needs it to get everything
/// out.
#[derive(Debug)]
pub struct PcmSource<P> {
    stream: P,
    encoder: Encoder,
    frame: Box<[f32; FRAME_LEN]>,
    /// Values of silence still to be encoded behind the end; `None` before it is reached.
    tail: Option<usize>,
}

impl<P: PcmStream> PcmSource<P> {
    /// Encodes `stream` with these settings, of which the channels are always two.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub fn new(stream: P, config: EncoderConfig) -> Result<Self> {
        let encoder = Encoder::new(EncoderConfig {
            channels: Channels::Stereo,
            ..config
        })?;
        Ok(Self {
            stream,
            encoder,
            frame: Box::new([0.0; FRAME_LEN]),
            tail: None,
        })
    }

    /// The encoder, to change its rate on the way.
    pub const fn encoder_mut(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// The stream underneath.
    pub const fn stream_mut(&mut self) -> &mut P {
        &mut self.stream
    }

    /// Fills the frame, and says how much of it is not yet the silence behind the end.
    fn fill(&mut self) -> Result<usize> {
        let mut filled = 0;
        while filled < FRAME_LEN && self.tail.is_none() {
            match self.stream.read(&mut self.frame[filled..])? {
                0 => self.tail = Some(usize::from(self.encoder.lookahead()) * CHANNELS),
                read => filled += read,
            }
        }
        self.frame[filled..].fill(0.0);
        Ok(filled)
    }
}

impl<P: PcmStream> AudioSource for PcmSource<P> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        let filled = self.fill()?;
        if let Some(tail) = &mut self.tail {
            if filled == 0 && *tail == 0 {
                return Ok(None);
            }
            *tail = tail.saturating_sub(FRAME_LEN - filled);
        }
        Ok(Some(AudioFrame::new(self.encoder.encode(&self.frame[..])?)?))
    }
}

/// The samples of a WAV file at 48 kHz.
#[derive(Debug)]
pub struct WavStream<R> {
    reader: WavReader<R>,
    resampler: Option<Resampler>,
    block: Vec<f32>,
    /// Resampled and not yet handed out, from `taken` on.
    ready: Vec<f32>,
    taken: usize,
    ended: bool,
}

impl<R: Read> WavStream<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`WavReader::new`].
    pub fn new(reader: R) -> Result<Self> {
        let reader = WavReader::new(reader)?;
        let resampler = (reader.sample_rate() != SAMPLE_RATE).then(|| Resampler::new(reader.sample_rate()));
        let block = vec![0.0; FRAME_LEN];
        Ok(Self {
            reader,
            resampler,
            block,
            ready: Vec::new(),
            taken: 0,
            ended: false,
        })
    }

    /// Replaces the used-up `ready` by what the next block of the file gives.
    fn resample(resampler: &mut Resampler, pcm: &[f32], ready: &mut Vec<f32>) {
        ready.clear();
        if pcm.is_empty() {
            resampler.finish(ready);
        } else {
            resampler.process(pcm, ready);
        }
    }
}

impl<R: Read + Send> PcmStream for WavStream<R> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let Some(resampler) = &mut self.resampler else {
            return self.reader.read(out);
        };
        while self.taken == self.ready.len() && !self.ended {
            let read = self.reader.read(&mut self.block)?;
            self.ended = read == 0;
            Self::resample(resampler, &self.block[..read], &mut self.ready);
            self.taken = 0;
        }
        let take = (out.len() - out.len() % CHANNELS).min(self.ready.len() - self.taken);
        out[..take].copy_from_slice(&self.ready[self.taken..self.taken + take]);
        self.taken += take;
        Ok(take)
    }
}

/// Plays a WAV file: decoded, resampled, encoded.
pub type WavSource<R> = PcmSource<WavStream<R>>;

impl<R: Read + Send> WavSource<R> {
    /// Reads the header of a WAV file.
    ///
    /// # Errors
    /// As [`WavReader::new`] and [`PcmSource::new`].
    pub fn from_wav(reader: R, config: EncoderConfig) -> Result<Self> {
        Self::new(WavStream::new(reader)?, config)
    }
}
