//! The protection profiles and their lengths.

use crate::crypto::{PacketKind, TAG_LENGTH};

use super::RTCP_INDEX_LENGTH;

/// Bytes of an HMAC-SHA1 tag cut to 80 bits.
pub(super) const SHORT_TAG_LENGTH: usize = 10;

/// The most bytes that protection adds in any profile, to RTP or RTCP.
pub const SRTP_MAX_OVERHEAD: usize = TAG_LENGTH + RTCP_INDEX_LENGTH;

/// Which algorithms protect the media; DTLS agrees on one (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// AES-128 in GCM with 16-byte tags.
    AeadAes128Gcm,
    /// AES-256 in GCM with 16-byte tags.
    AeadAes256Gcm,
    /// AES-128 in counter mode with 10 bytes of HMAC-SHA1. Every WebRTC client has it.
    Aes128CmHmacSha1_80,
}

impl SrtpProfile {
    /// Every profile, the fastest first: the order in which to prefer them.
    pub const ALL: [Self; 3] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::Aes128CmHmacSha1_80,
    ];

    /// Bytes of a master key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmHmacSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of a master salt.
    #[must_use]
    pub const fn salt_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmHmacSha1_80 => 14,
        }
    }

    /// Bytes that the DTLS exporter has to give: key and salt of both directions.
    #[must_use]
    pub const fn keying_length(self) -> usize {
        2 * (self.key_length() + self.salt_length())
    }

    /// The number in the `use_srtp` extension of DTLS.
    #[must_use]
    pub const fn dtls_number(self) -> u16 {
        match self {
            Self::Aes128CmHmacSha1_80 => 0x0001,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// The profile with that number in `use_srtp`, if it is one of these.
    #[must_use]
    pub fn from_dtls_number(number: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.dtls_number() == number)
    }

    /// Bytes that protection adds to a packet.
    #[must_use]
    pub const fn overhead(self, kind: PacketKind) -> usize {
        let index = match kind {
            PacketKind::Rtp => 0,
            PacketKind::Rtcp => RTCP_INDEX_LENGTH,
        };
        self.tag_length() + index
    }

    /// Bytes of an authentication tag.
    pub(super) const fn tag_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => TAG_LENGTH,
            Self::Aes128CmHmacSha1_80 => SHORT_TAG_LENGTH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_standards() {
        let keying = SrtpProfile::ALL.map(SrtpProfile::keying_length);
        assert_eq!(keying, [56, 88, 60]);
        for profile in SrtpProfile::ALL {
            assert!(profile.overhead(PacketKind::Rtcp) <= SRTP_MAX_OVERHEAD);
            assert_eq!(
                SrtpProfile::from_dtls_number(profile.dtls_number()),
                Some(profile)
            );
        }
        assert_eq!(SrtpProfile::Aes128CmHmacSha1_80.overhead(PacketKind::Rtp), 10);
        assert_eq!(
            SrtpProfile::from_dtls_number(2),
            None,
            "32-bit tags are not taken"
        );
    }
}
