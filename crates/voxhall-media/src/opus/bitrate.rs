//! How many bits an encoder may spend, and how much loss it should expect.

use std::fmt;

/// The target rate of an Opus encoder, between 8 and 512 kbit/s.
///
/// ```
/// use voxhall_media::opus::Bitrate;
/// assert_eq!(Bitrate::from_bits_per_second(96_000).to_string(), "96 kbit/s");
/// assert_eq!(Bitrate::from_bits_per_second(1), Bitrate::MIN);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// The lowest rate a voice channel can be set to.
    pub const MIN: Self = Self(8_000);
    /// The highest rate that two channels of Opus make use of.
    pub const MAX: Self = Self(512_000);

    /// The rate nearest to `bits` per second within the limits: a channel's `bitrate` comes from a server, and an
    /// odd one is no reason not to speak.
    #[must_use]
    pub const fn from_bits_per_second(bits: u32) -> Self {
        if bits < Self::MIN.0 {
            Self::MIN
        } else if bits > Self::MAX.0 {
            Self::MAX
        } else {
            Self(bits)
        }
    }

    /// The rate in bits per second.
    #[must_use]
    pub const fn bits_per_second(self) -> u32 {
        self.0
    }
}

impl Default for Bitrate {
    /// 64 kbit/s, the default of a voice channel (media transport, section 9.1).
    fn default() -> Self {
        Self(64_000)
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} kbit/s", self.0 / 1_000)
    }
}

/// The share of packets an encoder should expect to get lost, in percent.
///
/// Anything above zero turns on in-band forward error correction: speech packets then carry a small copy of the
/// packet before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketLoss(u8);

impl PacketLoss {
    /// No loss expected, no forward error correction.
    pub const NONE: Self = Self(0);

    /// `percent` of the packets, 100 at most.
    #[must_use]
    pub const fn from_percent(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// The expected loss in percent.
    #[must_use]
    pub const fn percent(self) -> u8 {
        self.0
    }
}

impl Default for PacketLoss {
    /// 15 %, what voice clients commonly assume (media transport, section 9.1).
    fn default() -> Self {
        Self(15)
    }
}
