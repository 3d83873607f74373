//! What the extensions say. Every reader takes the value as it stands in the block and returns `None` if it has not
//! the right length; a receiver then does as if the extension were absent.

use std::time::Duration;

use voxhall_protocol::voice::SpeakingFlags;

use crate::rtp::SequenceNumber;

/// How loud the audio of a packet is (RFC 6464).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender thinks that the packet contains speech.
    pub voice: bool,
    /// Loudness below the overload point in dB, 0–127: 0 is the loudest, 127 is silence.
    pub minus_dbov: u8,
}

impl AudioLevel {
    const VOICE_BIT: u8 = 0x80;
    /// The level of digital silence.
    pub const SILENT: u8 = 127;

    /// Reads the value.
    #[must_use]
    pub const fn from_bytes(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        Some(Self {
            voice: byte & Self::VOICE_BIT != 0,
            minus_dbov: byte & !Self::VOICE_BIT,
        })
    }

    /// Writes the value; a level beyond 127 becomes 127.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 1] {
        [self.minus_dbov.min(Self::SILENT) | if self.voice { Self::VOICE_BIT } else { 0 }]
    }
}

/// When a packet left its sender, in seconds modulo 64 as 24-bit fixed point with 18 fractional bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsoluteSendTime(u32);

impl AbsoluteSendTime {
    const FRACTION_BITS: u32 = 18;
    const MASK: u32 = 0x00FF_FFFF;

    /// The send time of a clock that counts from any point in the past.
    #[must_use]
    pub fn from_elapsed(elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << Self::FRACTION_BITS) / 1_000_000_000;
        let seconds = elapsed.as_secs() << Self::FRACTION_BITS;
        // The mask keeps 24 bits, so the cut to 32 loses nothing.
        Self((seconds | fraction) as u32 & Self::MASK)
    }

    /// Reads the value.
    #[must_use]
    pub const fn from_bytes(value: &[u8]) -> Option<Self> {
        let &[high, middle, low] = value else { return None };
        Some(Self(u32::from_be_bytes([0, high, middle, low])))
    }

    /// Writes the value.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, high, middle, low] = self.0.to_be_bytes();
        [high, middle, low]
    }

    /// Seconds modulo 64.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        f64::from(self.0) / f64::from(1 << Self::FRACTION_BITS)
    }
}

/// Reads the packet's number among all packets of its transport (transport-wide congestion control).
#[must_use]
pub const fn transport_sequence(value: &[u8]) -> Option<SequenceNumber> {
    let &[high, low] = value else { return None };
    Some(SequenceNumber(u16::from_be_bytes([high, low])))
}

/// Writes the packet's number among all packets of its transport.
#[must_use]
pub const fn transport_sequence_bytes(sequence: SequenceNumber) -> [u8; 2] {
    sequence.0.to_be_bytes()
}

/// How long a receiver may hold a frame back before it shows it, at least and at most; in steps of 10 ms up to
/// 40.95 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// At least.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

impl PlayoutDelay {
    const STEP: Duration = Duration::from_millis(10);
    const MAX_STEPS: u16 = 0x0FFF;
    /// Show every frame as soon as it is complete. The server adds it where a sender left the extension out.
    pub const IMMEDIATE: Self = Self {
        min: Duration::ZERO,
        max: Duration::ZERO,
    };

    /// Reads the value.
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Option<Self> {
        let &[high, middle, low] = value else { return None };
        let min = u16::from_be_bytes([high, middle]) >> 4;
        let max = u16::from_be_bytes([middle, low]) & Self::MAX_STEPS;
        Some(Self {
            min: Self::STEP * u32::from(min),
            max: Self::STEP * u32::from(max),
        })
    }

    /// Writes the value, rounded down to steps; a longer delay becomes the longest there is.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 3] {
        let steps = |delay: Duration| {
            let steps = delay.as_millis() / Self::STEP.as_millis();
            u16::try_from(steps).map_or(Self::MAX_STEPS, |steps| steps.min(Self::MAX_STEPS))
        };
        let [min_high, min_low] = (steps(self.min) << 4).to_be_bytes();
        let [max_high, max_low] = steps(self.max).to_be_bytes();
        [min_high, min_low | max_high, max_low]
    }
}

/// How far a receiver turns a picture clockwise before it shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// A quarter.
    Quarter,
    /// Upside down.
    Half,
    /// Three quarters.
    ThreeQuarters,
}

/// Where the camera looks and how it is held (3GPP TS 26.114 section 7.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoOrientation {
    /// The camera on the back, away from the user.
    pub back_camera: bool,
    /// The picture is mirrored.
    pub flipped: bool,
    /// How to turn it.
    pub rotation: Rotation,
}

impl VideoOrientation {
    const CAMERA_BIT: u8 = 0x08;
    const FLIP_BIT: u8 = 0x04;

    /// Reads the value.
    #[must_use]
    pub const fn from_bytes(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        let rotation = match byte & 0x03 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        let [back_camera, flipped] = [byte & Self::CAMERA_BIT != 0, byte & Self::FLIP_BIT != 0];
        Some(Self {
            back_camera,
            flipped,
            rotation,
        })
    }

    /// Writes the value.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 1] {
        let camera = if self.back_camera { Self::CAMERA_BIT } else { 0 };
        let flip = if self.flipped { Self::FLIP_BIT } else { 0 };
        [camera | flip | self.rotation as u8]
    }
}

/// Reads a name: the mid, the rid or the repaired rid. `None` for an empty name or one that is not ASCII
/// alphanumeric, `-` or `_` (RFC 8851 and RFC 8853).
#[must_use]
pub fn stream_name(value: &[u8]) -> Option<&str> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if value.is_empty() || !value.iter().all(legal) {
        None
    } else {
        str::from_utf8(value).ok()
    }
}

const SPEAKER_PRIORITY_BIT: u8 = 0x01;

/// The speaker byte of the Gateway's speaking flags.
#[must_use]
pub const fn speaker_byte(flags: SpeakingFlags) -> [u8; 1] {
    // The mask keeps three bits, so the cut to a byte loses nothing.
    let bits = (flags.bits() & SpeakingFlags::ALL.bits()) as u8;
    [(bits & 3) << 1 | bits >> 2]
}

/// What a packet says about its speaker: `value` is the speaker extension, if there is one, `silence` whether the
/// payload is the silence frame.
///
/// A packet that carries sound is voice unless it says otherwise; priority implies voice; silence clears everything.
#[must_use]
pub fn speaking_flags(value: Option<&[u8]>, silence: bool) -> SpeakingFlags {
    if silence {
        return SpeakingFlags::NONE;
    }
    let byte = value.and_then(|value| value.first()).copied().unwrap_or(0);
    let priority = byte & SPEAKER_PRIORITY_BIT != 0;
    let flags = SpeakingFlags::from_bits(u32::from(byte >> 1 & 3));
    if priority {
        return flags | SpeakingFlags::PRIORITY | SpeakingFlags::VOICE;
    }
    if flags.is_empty() {
        SpeakingFlags::VOICE
    } else {
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_another_length_are_no_values() {
        assert_eq!(AudioLevel::from_bytes(&[]), None);
        assert_eq!(AbsoluteSendTime::from_bytes(&[1, 2]), None);
        assert_eq!(transport_sequence(&[1]), None);
        assert_eq!(PlayoutDelay::from_bytes(&[0; 4]), None);
        assert_eq!(VideoOrientation::from_bytes(&[0, 0]), None);
    }

    #[test]
    fn the_send_time_wraps_every_64_seconds() {
        let at = |millis| AbsoluteSendTime::from_elapsed(Duration::from_millis(millis));
        assert_eq!(at(500).to_bytes(), [0x02, 0x00, 0x00]);
        assert_eq!(at(63_000).to_bytes(), [0xFC, 0x00, 0x00]);
        assert_eq!(at(64_500), at(500));
        assert!((at(22_250).as_seconds() - 22.25).abs() < 1e-5);
    }

    #[test]
    fn a_playout_delay_is_cut_to_what_fits() {
        let delay = PlayoutDelay {
            min: Duration::from_millis(105),
            max: Duration::from_secs(60),
        };
        let read = PlayoutDelay::from_bytes(&delay.to_bytes()).expect("three bytes");
        assert_eq!(
            read,
            PlayoutDelay {
                min: Duration::from_millis(100),
                max: Duration::from_millis(40_950)
            }
        );
    }

    #[test]
    fn an_orientation_survives_the_way_through_the_byte() {
        for byte in 0..16 {
            let orientation = VideoOrientation::from_bytes(&[byte]).expect("one byte");
            assert_eq!(orientation.to_bytes(), [byte]);
        }
    }

    #[test]
    fn a_level_below_silence_is_silence() {
        assert_eq!(
            AudioLevel {
                voice: true,
                minus_dbov: 200
            }
            .to_bytes(),
            [0xFF]
        );
    }

    #[test]
    fn names_are_plain_text() {
        assert_eq!(stream_name(b"100"), Some("100"));
        assert_eq!(stream_name(b""), None);
        assert_eq!(stream_name(b"a b"), None);
        assert_eq!(stream_name(&[0xFF]), None);
    }

    #[test]
    fn the_receive_rule_of_the_speaker_byte() {
        assert_eq!(speaking_flags(None, false), SpeakingFlags::VOICE);
        assert_eq!(speaking_flags(Some(&[0]), false), SpeakingFlags::VOICE);
        assert_eq!(speaking_flags(Some(&[4]), false), SpeakingFlags::SOUNDSHARE);
        assert_eq!(
            speaking_flags(Some(&[1]), false),
            SpeakingFlags::PRIORITY | SpeakingFlags::VOICE
        );
        assert_eq!(speaking_flags(Some(&[5]), false), SpeakingFlags::ALL);
        assert_eq!(speaking_flags(Some(&[2]), true), SpeakingFlags::NONE);
    }
}
