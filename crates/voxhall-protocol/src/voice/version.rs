//! The nine versions of the voice gateway.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version of the voice gateway, `?v=` of its URL: a dialect of the control channel. Media do not depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct VoiceVersion(u8);

/// The number is not a version of the voice gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a voice gateway version; they run from 1 to 9")]
pub struct UnknownVersion(pub u8);

impl VoiceVersion {
    /// The first version.
    pub const V1: Self = Self(1);
    /// Heartbeats are acknowledged by op 6.
    pub const V2: Self = Self(2);
    /// Video; Hello in an envelope.
    pub const V3: Self = Self(3);
    /// `speaking` becomes a bit field. The oldest version the real service still takes.
    pub const V4: Self = Self(4);
    /// Media Sink Wants.
    pub const V5: Self = Self(5);
    /// Voice Backend Version.
    pub const V6: Self = Self(6);
    /// Channel Options Update.
    pub const V7: Self = Self(7);
    /// Buffered resume: sequence numbers.
    pub const V8: Self = Self(8);
    /// `channel_id` in Identify and Resume.
    pub const V9: Self = Self(9);
    /// The newest version.
    pub const LATEST: Self = Self::V9;
    /// All versions, oldest first.
    pub const ALL: [Self; 9] = [
        Self::V1,
        Self::V2,
        Self::V3,
        Self::V4,
        Self::V5,
        Self::V6,
        Self::V7,
        Self::V8,
        Self::V9,
    ];

    /// The version with this number.
    ///
    /// # Errors
    ///
    /// [`UnknownVersion`] outside 1–9.
    pub const fn new(number: u8) -> Result<Self, UnknownVersion> {
        match number {
            1..=9 => Ok(Self(number)),
            _ => Err(UnknownVersion(number)),
        }
    }

    /// The number, as in `?v=`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Versions 1–3, which the real service refuses since November 2024.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        self.0 <= 3
    }

    /// Hello is a bare object without `op` and `d` (1–2).
    #[must_use]
    pub const fn flat_hello(self) -> bool {
        self.0 <= 2
    }

    /// A heartbeat comes back as op 3 itself, there is no op 6 (1).
    #[must_use]
    pub const fn echoes_heartbeat(self) -> bool {
        self.0 == 1
    }

    /// `speaking` is true or false (1–3).
    #[must_use]
    pub const fn boolean_speaking(self) -> bool {
        self.0 <= 3
    }

    /// The server may send op 15 (from 5).
    #[must_use]
    pub const fn has_media_sink_wants(self) -> bool {
        self.0 >= 5
    }

    /// Op 16 exists (from 6).
    #[must_use]
    pub const fn has_backend_version(self) -> bool {
        self.0 >= 6
    }

    /// Messages carry sequence numbers, heartbeats are objects, a resume is replayed (from 8).
    #[must_use]
    pub const fn has_seq(self) -> bool {
        self.0 >= 8
    }

    /// Identify and Resume carry `channel_id` (9).
    #[must_use]
    pub const fn has_channel_id(self) -> bool {
        self.0 >= 9
    }
}

impl TryFrom<u8> for VoiceVersion {
    type Error = UnknownVersion;

    fn try_from(number: u8) -> Result<Self, UnknownVersion> {
        Self::new(number)
    }
}

impl From<VoiceVersion> for u8 {
    fn from(version: VoiceVersion) -> Self {
        version.0
    }
}

impl fmt::Display for VoiceVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}", self.0)
    }
}

impl fmt::Debug for VoiceVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
