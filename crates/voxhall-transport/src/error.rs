//! What can be wrong with a packet, and who is to blame.

/// Why a packet was not read, written, opened or sealed.
///
/// For every variant that blames the packet the answer is the same: drop the datagram and count it. Nobody is told,
/// because whoever sent it may not be who it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The packet ends before its own length fields say. Drop it.
    #[error("the packet is shorter than its own fields say")]
    Truncated,
    /// The two version bits are not 2, so it is neither RTP nor RTCP. Drop it.
    #[error("the version of the RTP or RTCP packet is not 2")]
    Version,
    /// The padding count is zero or more than what there is to pad. Drop the packet.
    #[error("the padding count is zero or exceeds the packet")]
    Padding,
    /// A field of an RTCP packet contradicts another. Drop the packet; those before it in the compound are good.
    #[error("the RTCP packet contradicts itself")]
    MalformedRtcp,
    /// A STUN message is not of the kind that is expected here, contradicts itself, or its fingerprint is wrong. Drop
    /// it.
    #[error("the STUN message is malformed or not expected here")]
    MalformedStun,
    /// The packet was not sealed with this key, or was changed on its way. Drop it.
    #[error("the packet does not authenticate under the session's key")]
    Authentication,
    /// The very same packet came before, or an older one was replayed into a live stream. Drop it. When SRTP is
    /// sealed: a packet with this number was sealed before, and a second one would give the key away. Drop it too.
    #[error("a packet with this number was there before")]
    Replayed,
    /// The caller's buffer cannot hold what is to be written. Use one as long as the largest datagram.
    #[error("the buffer has {available} bytes, {needed} are needed")]
    BufferTooSmall {
        /// Bytes that the packet takes.
        needed: usize,
        /// Bytes that the buffer has.
        available: usize,
    },
    /// The nonce suffix has not the length that the mode asks for. Take it from the [`Sealer`](crate::Sealer) of
    /// the same mode.
    #[error("the nonce suffix has {given} bytes, the encryption mode takes {expected}")]
    NonceSuffix {
        /// Bytes that the mode takes.
        expected: usize,
        /// Bytes that were given.
        given: usize,
    },
    /// Every nonce of this key is used. Seal nothing more with it: the server closes with 4015 and refuses the
    /// resume, the client connects anew.
    #[error("every nonce of this session's key is used; the session needs a new key")]
    NoncesExhausted,
    /// SRTP keys have not the length that the profile asks for. Have DTLS export
    /// [`SrtpProfile::keying_length`](crate::srtp::SrtpProfile::keying_length) bytes.
    #[error("the SRTP keys have {given} bytes, the profile takes {expected}")]
    KeyingMaterial {
        /// Bytes that the profile takes.
        expected: usize,
        /// Bytes that were given.
        given: usize,
    },
    /// A header extension does not fit its form: one-byte ids are 1–14 with 1–16 bytes, two-byte ids 1–255 with at
    /// most 255 bytes. The caller's mistake.
    #[error("a header extension element does not fit the form of its block")]
    ExtensionElement,
    /// More was to be written than the format has room for: sources, report blocks, statuses, padding or the value of
    /// a STUN attribute. Split it over several packets where that is possible.
    #[error("too many items for one packet of this kind")]
    TooMany,
}

impl Error {
    /// Checks that `available` bytes hold `needed`.
    pub(crate) const fn check_room(needed: usize, available: usize) -> Result<(), Self> {
        if needed > available {
            Err(Self::BufferTooSmall { needed, available })
        } else {
            Ok(())
        }
    }
}
