//! How a datagram of each mode is laid out: clear header, tag, ciphertext, nonce suffix.

use voxhall_protocol::voice::EncryptionMode;

use super::TAG_LENGTH;
use crate::Error;
use crate::rtp::{CSRC_LENGTH, EXTENSION_PREAMBLE_LENGTH, FIXED_HEADER_LENGTH};

/// Bytes of an RTCP datagram that stay clear in every mode: the header of the first packet and the sender's SSRC.
const RTCP_CLEAR_LENGTH: usize = 8;
/// Bytes of the suffix that is a counter.
pub(super) const COUNTER_LENGTH: usize = 4;
/// Bytes of the suffix that is a whole nonce.
pub(super) const RANDOM_LENGTH: usize = 24;

/// The most bytes that sealing adds in any mode.
pub const MAX_OVERHEAD: usize = TAG_LENGTH + RANDOM_LENGTH;

/// Which of the two protocols on the media socket a packet belongs to; they differ in what stays clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// RTP, retransmissions included.
    Rtp,
    /// RTCP, a compound of one or more packets.
    Rtcp,
}

/// Bytes of the nonce suffix behind each datagram: 0, 4 or 24.
#[must_use]
pub const fn suffix_length(mode: EncryptionMode) -> usize {
    match mode {
        EncryptionMode::Plain | EncryptionMode::Xsalsa20Poly1305 => 0,
        EncryptionMode::Xsalsa20Poly1305Suffix => RANDOM_LENGTH,
        EncryptionMode::AeadAes256GcmRtpsize
        | EncryptionMode::AeadXchacha20Poly1305Rtpsize
        | EncryptionMode::AeadAes256Gcm
        | EncryptionMode::Xsalsa20Poly1305LiteRtpsize
        | EncryptionMode::Xsalsa20Poly1305Lite => COUNTER_LENGTH,
    }
}

/// Bytes that sealing adds to a packet.
#[must_use]
pub const fn overhead(mode: EncryptionMode) -> usize {
    match mode {
        EncryptionMode::Plain => 0,
        _ => TAG_LENGTH + suffix_length(mode),
    }
}

/// Bytes at the front of `packet`, sealed or not, that stay clear: `H` of section 5.1. All of it in `plain`.
///
/// # Errors
///
/// [`Error::Truncated`] if the packet is shorter than that.
pub fn clear_length(mode: EncryptionMode, kind: PacketKind, packet: &[u8]) -> Result<usize, Error> {
    let length = match (mode, kind) {
        (EncryptionMode::Plain, _) => packet.len(),
        (_, PacketKind::Rtcp) => RTCP_CLEAR_LENGTH,
        (mode, PacketKind::Rtp) if is_rtpsize(mode) => rtpsize(*packet.first().ok_or(Error::Truncated)?),
        (_, PacketKind::Rtp) => FIXED_HEADER_LENGTH,
    };
    if length > packet.len() {
        Err(Error::Truncated)
    } else {
        Ok(length)
    }
}

const fn is_rtpsize(mode: EncryptionMode) -> bool {
    matches!(
        mode,
        EncryptionMode::AeadAes256GcmRtpsize
            | EncryptionMode::AeadXchacha20Poly1305Rtpsize
            | EncryptionMode::Xsalsa20Poly1305LiteRtpsize
    )
}

/// The header with CSRCs and extension preamble, but without the extension body (section 5.2).
fn rtpsize(first_byte: u8) -> usize {
    let preamble = if first_byte & 0x10 == 0 {
        0
    } else {
        EXTENSION_PREAMBLE_LENGTH
    };
    FIXED_HEADER_LENGTH + CSRC_LENGTH * usize::from(first_byte & 0x0F) + preamble
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overheads_are_those_of_the_protocol() {
        let of = |mode: &str| overhead(mode.parse().expect("a mode's name"));
        assert_eq!(of("plain"), 0);
        assert_eq!(of("xsalsa20_poly1305"), 16);
        assert_eq!(of("xsalsa20_poly1305_suffix"), 40);
        assert_eq!(of("xsalsa20_poly1305_lite"), 20);
        assert_eq!(of("aead_aes256_gcm_rtpsize"), 20);
        assert!(
            EncryptionMode::ALL
                .into_iter()
                .all(|mode| overhead(mode) <= MAX_OVERHEAD)
        );
    }

    #[test]
    fn a_header_that_is_cut_has_no_clear_length() {
        let mut packet = [0; 24];
        packet[0] = 0x92;
        let mode = EncryptionMode::AeadAes256GcmRtpsize;
        assert_eq!(clear_length(mode, PacketKind::Rtp, &packet), Ok(24));
        assert_eq!(
            clear_length(mode, PacketKind::Rtp, &packet[..23]),
            Err(Error::Truncated)
        );
        assert_eq!(clear_length(mode, PacketKind::Rtp, &[]), Err(Error::Truncated));
        assert_eq!(
            clear_length(EncryptionMode::AeadAes256Gcm, PacketKind::Rtp, &packet),
            Ok(12)
        );
        assert_eq!(
            clear_length(mode, PacketKind::Rtcp, &packet[..7]),
            Err(Error::Truncated)
        );
    }
}
