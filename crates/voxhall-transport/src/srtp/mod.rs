//! SRTP and SRTCP (RFC 3711, RFC 7714), which protect the media of WebRTC clients, in place and without allocation.
//!
//! DTLS exports the keys ([`SrtpKeys::from_exported`]). A [`SrtpSealer`] protects what goes to the peer, a
//! [`SrtpOpener`] opens what comes from it; both keep the rollover counter of each SSRC, because the packet carries
//! only the lower 16 bits of the index that the nonce is made of.
//!
//! Not here: unencrypted SRTCP (a cleared E bit is refused), MKIs, key derivation rates, other profiles.

mod cipher;
mod keys;
mod opener;
mod profile;
mod sealer;
mod streams;

pub use keys::{DtlsRole, SrtpKeys, SrtpMaster};
pub use opener::{INBOUND_STREAMS, SrtpOpener};
pub use profile::{SRTP_MAX_OVERHEAD, SrtpProfile};
pub use sealer::{OUTBOUND_STREAMS, SrtpSealer};

use voxhall_protocol::voice::Ssrc;

use crate::Error;
use crate::crypto::PacketKind;
use crate::rtp::{self, SequenceNumber};

/// Bytes of an SRTCP packet that stay clear: the header of the first packet and the sender's SSRC.
const RTCP_CLEAR_LENGTH: usize = 8;
/// Bytes behind an SRTCP packet that hold its index and the E bit.
const RTCP_INDEX_LENGTH: usize = 4;
/// Says that the SRTCP packet is encrypted.
const ENCRYPTED_FLAG: u32 = 1 << 31;

/// What the nonce of a packet is made of: its stream, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PacketIndex {
    ssrc: u32,
    /// SRTP: rollover counter and sequence number, 48 bits. SRTCP: the 31-bit index.
    index: u64,
}

/// Bytes at the front of `packet`, protected or not, that stay clear: all of the RTP header, or 8 bytes of RTCP.
fn clear_length(kind: PacketKind, packet: &[u8]) -> Result<usize, Error> {
    match kind {
        PacketKind::Rtp => rtp::header_length(packet),
        PacketKind::Rtcp if packet.len() < RTCP_CLEAR_LENGTH => Err(Error::Truncated),
        PacketKind::Rtcp => Ok(RTCP_CLEAR_LENGTH),
    }
}

/// The SSRC and sequence number in a header whose [`clear_length`] was found.
fn rtp_identity(header: &[u8]) -> (Ssrc, SequenceNumber) {
    let fixed = header
        .first_chunk::<{ rtp::FIXED_HEADER_LENGTH }>()
        .expect("an RTP header has 12 bytes at least");
    let [.., a, b, c, d] = *fixed;
    (
        Ssrc(u32::from_be_bytes([a, b, c, d])),
        SequenceNumber(u16::from_be_bytes([fixed[2], fixed[3]])),
    )
}

/// The sender's SSRC in the clear part of an RTCP packet.
fn rtcp_sender(header: &[u8]) -> Ssrc {
    let clear = header
        .first_chunk::<RTCP_CLEAR_LENGTH>()
        .expect("the clear part has 8 bytes");
    let [.., a, b, c, d] = *clear;
    Ssrc(u32::from_be_bytes([a, b, c, d]))
}
