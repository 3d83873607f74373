//! Writing WAV.

use std::io::{Seek, SeekFrom, Write};

use super::format::Format;
use super::{SampleFormat, WavFault};
use crate::{CHANNELS, Result, SAMPLE_RATE};

/// Bytes before the samples: RIFF header, `fmt ` chunk, head of the `data` chunk.
const HEADER: u32 = 44;

/// Values after which the lengths in the header are brought up to date: five seconds.
const PATCH_AFTER: usize = 5 * SAMPLE_RATE as usize * CHANNELS;

/// Writes 48 kHz stereo to a WAV file.
///
/// The lengths in the header are filled in every few seconds and by [`WavWriter::finish`], so that a recording whose
/// program was killed can be opened.
#[derive(Debug)]
pub struct WavWriter<W> {
    writer: W,
    format: Format,
    /// Bytes of samples written.
    written: u32,
    unpatched: usize,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Begins a file of 16-bit samples.
    ///
    /// # Errors
    /// The writer's own.
    pub fn pcm16(writer: W) -> Result<Self> {
        Self::new(writer, SampleFormat::Pcm16)
    }

    /// Begins a file of floating-point samples, which keeps what exceeds ±1.
    ///
    /// # Errors
    /// The writer's own.
    pub fn float(writer: W) -> Result<Self> {
        Self::new(writer, SampleFormat::Float32)
    }

    /// Appends interleaved stereo.
    ///
    /// # Errors
    /// [`WavFault::TooLarge`] before the file would exceed 4 GiB, or the writer's own.
    pub fn write(&mut self, pcm: &[f32]) -> Result<()> {
        self.bytes.clear();
        match self.format.sample {
            SampleFormat::Pcm16 => {
                self.bytes.extend(
                    pcm.iter()
                        .flat_map(|&sample| crate::pcm::to_i16(sample).to_le_bytes()),
                );
            }
            _ => self
                .bytes
                .extend(pcm.iter().flat_map(|sample| sample.to_le_bytes())),
        }
        let written = u32::try_from(self.bytes.len())
            .ok()
            .and_then(|length| self.written.checked_add(length))
            .filter(|&written| written < u32::MAX - HEADER)
            .ok_or(WavFault::TooLarge)?;
        self.writer.write_all(&self.bytes)?;
        self.written = written;
        self.unpatched += pcm.len();
        if self.unpatched >= PATCH_AFTER {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Brings the lengths in the header up to date, as is done every few seconds anyway.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self) -> Result<()> {
        self.unpatched = 0;
        self.patch(4, HEADER - 8 + self.written)?;
        self.patch(u64::from(HEADER) - 4, self.written)?;
        self.writer.seek(SeekFrom::End(0))?;
        Ok(self.writer.flush()?)
    }

    /// Fills in the lengths and hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self) -> Result<W> {
        self.flush()?;
        Ok(self.writer)
    }

    /// Samples per channel written so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        u64::from(self.written) / self.format.frame_bytes() as u64
    }

    fn new(mut writer: W, sample: SampleFormat) -> Result<Self> {
        let format = Format {
            sample,
            channels: CHANNELS as u16,
            sample_rate: SAMPLE_RATE,
        };
        let chunk = format.to_bytes();
        let mut header = Vec::with_capacity(HEADER as usize);
        header.extend_from_slice(b"RIFF");
        header.extend_from_slice(&(HEADER - 8).to_le_bytes());
        header.extend_from_slice(b"WAVEfmt ");
        header.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        header.extend_from_slice(&chunk);
        header.extend_from_slice(b"data");
        header.extend_from_slice(&0u32.to_le_bytes());
        writer.write_all(&header)?;
        writer.flush()?;
        Ok(Self {
            writer,
            format,
            written: 0,
            unpatched: 0,
            bytes: Vec::new(),
        })
    }

    fn patch(&mut self, at: u64, value: u32) -> Result<()> {
        self.writer.seek(SeekFrom::Start(at))?;
        Ok(self.writer.write_all(&value.to_le_bytes())?)
    }
}
