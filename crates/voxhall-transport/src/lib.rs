//! RTP and RTCP packets, the eight transport encryption modes, SRTP, STUN, nonces and replay windows; opens no socket.
//!
//! Everything here works on byte slices that the caller owns. Nothing on the way of a packet allocates, and bytes from
//! the network can make nothing here panic.
//!
//! The way of a packet in: [`demux::classify`] → find the session by SSRC → [`Cipher::open`] →
//! [`RtpPacket::parse`] or [`rtcp::packets`] → [`replay::ReplayWindow::accept`]. The way out: [`rtp::RtpHeader::write`]
//! → [`Sealer::seal_parts`].
//!
//! WebRTC clients speak [`stun`] first, then DTLS, then [`srtp`] in place of the encryption modes.
//!
//! Not here: sockets, rooms, DTLS, packetisation of codecs.

pub mod arrivals;
pub mod crypto;
pub mod demux;
mod error;
pub mod extension;
pub mod losses;
pub mod reception;
pub mod replay;
pub mod rtcp;
pub mod rtp;
pub mod rtx;
pub mod silence;
pub mod srtp;
pub mod stun;

pub use crypto::{Cipher, NonceSuffix, Opened, PacketKind, Sealer, TransportKey};
pub use error::Error;
pub use rtp::{PayloadType, RtpPacket, RtpPacketMut, SequenceNumber};
