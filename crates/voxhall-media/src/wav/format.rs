//! The `fmt ` chunk and the samples it describes.

use super::WavFault;

/// Format tags of the `fmt ` chunk.
const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// What follows the format tag in the GUID of an extensible format.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

/// How a sample is stored, always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// Unsigned, with silence at 128.
    Pcm8,
    /// Signed 16 bits.
    Pcm16,
    /// Signed 24 bits in three bytes.
    Pcm24,
    /// Signed 32 bits.
    Pcm32,
    /// IEEE 754, nominally within ±1.
    Float32,
}

impl SampleFormat {
    /// Bytes of one sample.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Pcm8 => 1,
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm32 | Self::Float32 => 4,
        }
    }

    /// The value of a stored sample; `bytes` are as many as [`SampleFormat::bytes`] says. Not-a-number is silence.
    pub(super) fn decode(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::Pcm8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::Pcm16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::Pcm24, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
            (Self::Pcm32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::Float32, &[a, b, c, d]) => {
                let value = f32::from_le_bytes([a, b, c, d]);
                if value.is_finite() { value } else { 0.0 }
            }
            _ => 0.0,
        }
    }
}

/// The `fmt ` chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub sample: SampleFormat,
    pub channels: u16,
    pub sample_rate: u32,
}

impl Format {
    /// Most channels that are mixed down: 7.1.
    const MAX_CHANNELS: u16 = 8;

    pub(super) fn parse(chunk: &[u8]) -> Result<Self, WavFault> {
        let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, a0, a1, b0, b1, ..] = chunk else {
            return Err(WavFault::BadHeader);
        };
        let channels = u16::from_le_bytes([c0, c1]);
        let sample_rate = u32::from_le_bytes([r0, r1, r2, r3]);
        let tag = match u16::from_le_bytes([t0, t1]) {
            TAG_EXTENSIBLE => extensible_tag(chunk)?,
            tag => tag,
        };
        let sample = match (tag, u16::from_le_bytes([b0, b1])) {
            (TAG_PCM, 8) => SampleFormat::Pcm8,
            (TAG_PCM, 16) => SampleFormat::Pcm16,
            (TAG_PCM, 24) => SampleFormat::Pcm24,
            (TAG_PCM, 32) => SampleFormat::Pcm32,
            (TAG_FLOAT, 32) => SampleFormat::Float32,
            _ => return Err(WavFault::Coding),
        };
        if !(1..=Self::MAX_CHANNELS).contains(&channels) {
            return Err(WavFault::Channels);
        }
        if !(8_000..=192_000).contains(&sample_rate) {
            return Err(WavFault::SampleRate);
        }
        let format = Self {
            sample,
            channels,
            sample_rate,
        };
        if usize::from(u16::from_le_bytes([a0, a1])) != format.frame_bytes() {
            return Err(WavFault::BadHeader);
        }
        Ok(format)
    }

    /// The chunk's 16 bytes.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let tag = if self.sample == SampleFormat::Float32 {
            TAG_FLOAT
        } else {
            TAG_PCM
        };
        // At most eight channels of four bytes.
        let frame = self.frame_bytes() as u16;
        let mut chunk = Vec::with_capacity(16);
        chunk.extend_from_slice(&tag.to_le_bytes());
        chunk.extend_from_slice(&self.channels.to_le_bytes());
        chunk.extend_from_slice(&self.sample_rate.to_le_bytes());
        chunk.extend_from_slice(&(self.sample_rate * u32::from(frame)).to_le_bytes());
        chunk.extend_from_slice(&frame.to_le_bytes());
        chunk.extend_from_slice(&(self.sample.bytes() as u16 * 8).to_le_bytes());
        chunk
    }

    /// Bytes of one sample of every channel.
    pub(super) fn frame_bytes(self) -> usize {
        self.sample.bytes() * usize::from(self.channels)
    }
}

/// The format tag inside an extensible format.
fn extensible_tag(chunk: &[u8]) -> Result<u16, WavFault> {
    let guid = chunk.get(24..40).ok_or(WavFault::BadHeader)?;
    if guid[2..] == GUID_TAIL {
        Ok(u16::from_le_bytes([guid[0], guid[1]]))
    } else {
        Err(WavFault::Coding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_every_format_scale_to_one() {
        let cases: [(SampleFormat, &[u8], f32); 9] = [
            (SampleFormat::Pcm8, &[0], -1.0),
            (SampleFormat::Pcm8, &[128], 0.0),
            (SampleFormat::Pcm16, &[0, 0x80], -1.0),
            (SampleFormat::Pcm16, &[0, 0x40], 0.5),
            (SampleFormat::Pcm24, &[0, 0, 0x80], -1.0),
            (SampleFormat::Pcm24, &[0, 0, 0x40], 0.5),
            (SampleFormat::Pcm32, &[0, 0, 0, 0xC0], -0.5),
            (SampleFormat::Float32, &0.25f32.to_le_bytes(), 0.25),
            (SampleFormat::Float32, &f32::NAN.to_le_bytes(), 0.0),
        ];
        for (format, bytes, value) in cases {
            assert_eq!(format.decode(bytes), value, "{format:?} {bytes:?}");
        }
    }

    #[test]
    fn formats_survive_the_round_trip() {
        for sample in [SampleFormat::Pcm16, SampleFormat::Float32] {
            let format = Format {
                sample,
                channels: 2,
                sample_rate: 48_000,
            };
            assert_eq!(Format::parse(&format.to_bytes()), Ok(format));
        }
    }

    #[test]
    fn impossible_formats_are_refused_one_by_one() {
        let good = Format {
            sample: SampleFormat::Pcm16,
            channels: 2,
            sample_rate: 44_100,
        }
        .to_bytes();
        let with = |at: usize, value: u8| {
            let mut chunk = good.clone();
            chunk[at] = value;
            Format::parse(&chunk).unwrap_err()
        };
        assert_eq!(Format::parse(&good[..15]), Err(WavFault::BadHeader));
        assert_eq!(with(0, 2), WavFault::Coding);
        assert_eq!(with(2, 0), WavFault::Channels);
        assert_eq!(with(2, 9), WavFault::Channels);
        assert_eq!(with(6, 255), WavFault::SampleRate);
        assert_eq!(with(12, 3), WavFault::BadHeader);
        assert_eq!(with(14, 12), WavFault::Coding);
        let mut extensible = good.clone();
        extensible[..2].copy_from_slice(&TAG_EXTENSIBLE.to_le_bytes());
        assert_eq!(Format::parse(&extensible), Err(WavFault::BadHeader));
        extensible.extend_from_slice(&[22, 0, 16, 0, 3, 0, 0, 0, 1, 0]);
        extensible.extend_from_slice(&GUID_TAIL);
        assert_eq!(
            Format::parse(&extensible).map(|format| format.sample),
            Ok(SampleFormat::Pcm16)
        );
        extensible[30] = 9;
        assert_eq!(Format::parse(&extensible), Err(WavFault::Coding));
    }
}
