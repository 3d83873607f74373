//! An Opus packet seen from outside: its table-of-contents byte and the frames it carries (RFC 6716, section 3).

/// The 20 ms packet that says "silence" (media transport, section 9.1). Five in a row end a talk spurt.
pub const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// Longest duration of one packet: 120 ms (RFC 6716, requirement R5).
pub const MAX_PACKET_SAMPLES: u32 = 5_760;

/// Longest frame inside a packet (RFC 6716, section 3.2.1).
const MAX_FRAME_BYTES: usize = 1_275;

/// Whether `packet` is the silence frame that marks pauses.
#[must_use]
pub fn is_silence(packet: &[u8]) -> bool {
    packet == SILENCE
}

/// The longest packet of silence that is no longer than `samples`, with its duration; `None` below 2.5 ms.
///
/// Recordings fill pauses with these, because players differ in what they make of a hole in the timestamps.
#[must_use]
pub fn silence_of(samples: u64) -> Option<([u8; 3], u32)> {
    // The full-band CELT configurations 31, 30, 29 and 28; the silence flag is the first bit of each.
    [(0xF8, 960), (0xF0, 480), (0xE8, 240), (0xE0, 120)]
        .into_iter()
        .find(|&(_, duration)| u64::from(duration) <= samples)
        .map(|(toc, duration)| ([toc, 0xFF, 0xFE], duration))
}

/// Which of the two codecs inside Opus coded a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Linear prediction, for speech at low rates.
    Silk,
    /// SILK below 8 kHz and CELT above.
    Hybrid,
    /// Transform coding, for music and for speech at high rates.
    Celt,
}

/// The audio band a packet covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bandwidth {
    /// Up to 4 kHz.
    Narrow,
    /// Up to 6 kHz.
    Medium,
    /// Up to 8 kHz.
    Wide,
    /// Up to 12 kHz.
    SuperWide,
    /// Up to 20 kHz.
    Full,
}

/// How many channels a packet or a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One channel; a stereo decoder plays it on both sides.
    Mono,
    /// Two interleaved channels, left first.
    Stereo,
}

impl Channels {
    /// One or two.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

/// Which rule of RFC 6716 a packet breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PacketFault {
    /// R1: a packet has at least one byte.
    #[error("an Opus packet needs at least one byte")]
    Empty,
    /// R2: no frame is longer than 1275 bytes.
    #[error("an Opus frame is longer than 1275 bytes")]
    FrameTooLong,
    /// R3: two frames of equal size need an even number of bytes.
    #[error("an Opus packet of two equal frames has an odd length")]
    UnevenPair,
    /// R4, R6, R7: the lengths inside the packet point past its end.
    #[error("the lengths inside an Opus packet point past its end")]
    Truncated,
    /// R5: a packet has at least one frame and lasts at most 120 ms.
    #[error("an Opus packet must carry between one frame and 120 ms")]
    BadDuration,
}

/// What a packet says of itself.
///
/// ```
/// use voxhall_media::opus::{PacketInfo, SILENCE};
/// let info = PacketInfo::parse(&SILENCE)?;
/// assert_eq!((info.samples(), info.frames()), (960, 1));
/// # Ok::<(), voxhall_media::opus::PacketFault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketInfo {
    config: u8,
    channels: Channels,
    frames: u8,
}

impl PacketInfo {
    /// Reads the table of contents and checks the lengths of all frames.
    ///
    /// # Errors
    /// The first rule of RFC 6716, section 3.4, that the packet breaks.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketFault> {
        let (&toc, body) = packet.split_first().ok_or(PacketFault::Empty)?;
        let frames = match toc & 0b11 {
            0 => one_frame(body)?,
            1 => equal_pair(body)?,
            2 => unequal_pair(body)?,
            _ => many_frames(body)?,
        };
        let channels = if toc & 0b100 == 0 {
            Channels::Mono
        } else {
            Channels::Stereo
        };
        let info = Self {
            config: toc >> 3,
            channels,
            frames,
        };
        if frames == 0 || info.samples() > MAX_PACKET_SAMPLES {
            return Err(PacketFault::BadDuration);
        }
        Ok(info)
    }

    /// Samples per channel at 48 kHz that the whole packet lasts: 120 (2.5 ms) to 5760 (120 ms).
    #[must_use]
    pub const fn samples(self) -> u32 {
        self.samples_per_frame() * self.frames as u32
    }

    /// Samples per channel at 48 kHz of each of its frames.
    #[must_use]
    pub const fn samples_per_frame(self) -> u32 {
        match self.config {
            0..=11 => match self.config % 4 {
                0 => 480,
                1 => 960,
                2 => 1_920,
                _ => 2_880,
            },
            12..=15 => 480 << (self.config % 2),
            _ => 120 << (self.config % 4),
        }
    }

    /// How many frames are packed together: 1 to 48.
    #[must_use]
    pub const fn frames(self) -> u8 {
        self.frames
    }

    /// Channels that are coded; a decoder for two plays a mono packet as well.
    #[must_use]
    pub const fn channels(self) -> Channels {
        self.channels
    }

    /// The codec inside Opus.
    #[must_use]
    pub const fn mode(self) -> Mode {
        match self.config {
            0..=11 => Mode::Silk,
            12..=15 => Mode::Hybrid,
            _ => Mode::Celt,
        }
    }

    /// The audio band.
    #[must_use]
    pub const fn bandwidth(self) -> Bandwidth {
        match self.config {
            0..=3 | 16..=19 => Bandwidth::Narrow,
            4..=7 => Bandwidth::Medium,
            8..=11 | 20..=23 => Bandwidth::Wide,
            12..=13 | 24..=27 => Bandwidth::SuperWide,
            _ => Bandwidth::Full,
        }
    }
}

/// Code 0: the rest is one frame.
fn one_frame(body: &[u8]) -> Result<u8, PacketFault> {
    if body.len() > MAX_FRAME_BYTES {
        Err(PacketFault::FrameTooLong)
    } else {
        Ok(1)
    }
}

/// Code 1: two frames of equal size.
fn equal_pair(body: &[u8]) -> Result<u8, PacketFault> {
    if !body.len().is_multiple_of(2) {
        return Err(PacketFault::UnevenPair);
    }
    one_frame(&body[..body.len() / 2])?;
    Ok(2)
}

/// Code 2: the length of the first frame, then both.
fn unequal_pair(body: &[u8]) -> Result<u8, PacketFault> {
    let (first, rest) = frame_length(body)?;
    let second = rest.len().checked_sub(first).ok_or(PacketFault::Truncated)?;
    if second > MAX_FRAME_BYTES {
        return Err(PacketFault::FrameTooLong);
    }
    Ok(2)
}

/// Code 3: a count byte, optional padding, and lengths if the frames differ in size.
fn many_frames(body: &[u8]) -> Result<u8, PacketFault> {
    let (&head, mut rest) = body.split_first().ok_or(PacketFault::Truncated)?;
    let (variable, padded, frames) = (head & 0x80 != 0, head & 0x40 != 0, head & 0x3F);
    if frames == 0 {
        return Err(PacketFault::BadDuration);
    }
    if padded {
        let (padding, after) = padding_length(rest)?;
        let kept = after.len().checked_sub(padding).ok_or(PacketFault::Truncated)?;
        rest = &after[..kept];
    }
    if !variable {
        if !rest.len().is_multiple_of(usize::from(frames)) {
            return Err(PacketFault::Truncated);
        }
        one_frame(&rest[..rest.len() / usize::from(frames)])?;
        return Ok(frames);
    }
    let mut sum = 0;
    for _ in 1..frames {
        let (length, after) = frame_length(rest)?;
        sum += length;
        rest = after;
    }
    let last = rest.len().checked_sub(sum).ok_or(PacketFault::Truncated)?;
    if last > MAX_FRAME_BYTES {
        return Err(PacketFault::FrameTooLong);
    }
    Ok(frames)
}

/// One or two bytes of frame length (RFC 6716, section 3.2.1).
fn frame_length(bytes: &[u8]) -> Result<(usize, &[u8]), PacketFault> {
    match bytes {
        [short @ 0..=251, rest @ ..] => Ok((usize::from(*short), rest)),
        [first, second, rest @ ..] => Ok((usize::from(*second) * 4 + usize::from(*first), rest)),
        _ => Err(PacketFault::Truncated),
    }
}

/// The padding length of code 3: each 255 stands for 254 and "more follows".
fn padding_length(mut bytes: &[u8]) -> Result<(usize, &[u8]), PacketFault> {
    let mut padding = 0;
    loop {
        let (&byte, rest) = bytes.split_first().ok_or(PacketFault::Truncated)?;
        bytes = rest;
        if byte < 255 {
            return Ok((padding + usize::from(byte), bytes));
        }
        padding += 254;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_has_its_duration() {
        let expected: [u32; 32] = [
            480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 480, 960, 120, 240,
            480, 960, 120, 240, 480, 960, 120, 240, 480, 960, 120, 240, 480, 960,
        ];
        for (config, samples) in expected.into_iter().enumerate() {
            let info = PacketInfo::parse(&[(config as u8) << 3, 0]).unwrap();
            assert_eq!(info.samples(), samples, "config {config}");
        }
    }

    #[test]
    fn the_silence_frame_is_mono_full_band_celt() {
        let info = PacketInfo::parse(&SILENCE).unwrap();
        assert_eq!(
            (info.mode(), info.bandwidth(), info.channels()),
            (Mode::Celt, Bandwidth::Full, Channels::Mono)
        );
        assert!(is_silence(&SILENCE));
        assert!(!is_silence(&SILENCE[..2]));
    }

    #[test]
    fn silence_fills_gaps_greedily() {
        assert_eq!(silence_of(5_000), Some((SILENCE, 960)));
        assert_eq!(silence_of(959).map(|(_, samples)| samples), Some(480));
        assert_eq!(silence_of(120).map(|(_, samples)| samples), Some(120));
        assert_eq!(silence_of(119), None);
        for samples in [960, 480, 240, 120] {
            let (packet, duration) = silence_of(samples).unwrap();
            assert_eq!(PacketInfo::parse(&packet).unwrap().samples(), duration);
        }
    }

    #[test]
    fn frame_packing_is_counted_and_checked() {
        let parse = |bytes: &[u8]| PacketInfo::parse(bytes).map(|info| (info.frames(), info.samples()));
        assert_eq!(parse(&[]), Err(PacketFault::Empty));
        assert_eq!(parse(&[0xF9, 1, 2]), Ok((2, 1_920)));
        assert_eq!(parse(&[0xF9, 1, 2, 3]), Err(PacketFault::UnevenPair));
        assert_eq!(parse(&[0xFA, 2, 1, 1, 9]), Ok((2, 1_920)));
        assert_eq!(parse(&[0xFA, 9, 1, 1, 9]), Err(PacketFault::Truncated));
        assert_eq!(parse(&[0xFA, 252]), Err(PacketFault::Truncated));
        assert_eq!(parse(&[0xFB, 0x03, 1, 2, 3]), Ok((3, 2_880)));
        assert_eq!(parse(&[0xFB, 0x03, 1, 2]), Err(PacketFault::Truncated));
        assert_eq!(
            parse(&[0xFB, 0x07, 1, 2, 3, 4, 5, 6, 7]),
            Err(PacketFault::BadDuration)
        );
        assert_eq!(parse(&[0xFB, 0x00]), Err(PacketFault::BadDuration));
        assert_eq!(parse(&[0xFB]), Err(PacketFault::Truncated));
        assert_eq!(parse(&[0xFB, 0x41, 2, 7, 0, 0]), Ok((1, 960)));
        assert_eq!(parse(&[0xFB, 0x41, 4, 7, 0, 0]), Err(PacketFault::Truncated));
        assert_eq!(parse(&[0xFB, 0x41, 255, 255]), Err(PacketFault::Truncated));
        assert_eq!(parse(&[0xFB, 0x82, 1, 7, 7, 7]), Ok((2, 1_920)));
        assert_eq!(parse(&[0xFB, 0x82, 4, 7, 7, 7]), Err(PacketFault::Truncated));
        let long = [&[0xF8][..], &[0; 1_276]].concat();
        assert_eq!(parse(&long), Err(PacketFault::FrameTooLong));
    }
}
