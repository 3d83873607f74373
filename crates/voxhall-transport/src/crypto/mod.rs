//! Transport encryption: the eight modes of `media-transport.md` section 5, in place and without allocation.
//!
//! A [`Cipher`] is a session's key, expanded once for its mode. A [`Sealer`] adds the nonce counter of one direction;
//! seal through it, because a nonce that is used twice under AES-GCM gives the key away. [`Cipher::open`] needs no
//! counter, because the nonce travels with the packet.

mod cipher;
mod key;
mod layout;
mod nonce;
mod sealer;
mod secretbox;
mod xchacha;

pub use cipher::{Cipher, Opened, PacketFingerprint};
pub use key::TransportKey;
pub use layout::{MAX_OVERHEAD, PacketKind, clear_length, overhead, suffix_length};
pub use nonce::{ClientNonces, NonceSuffix, RandomNonces, ServerNonces};
pub use sealer::Sealer;

/// Bytes of the authentication tag, the same in every mode that has one.
pub const TAG_LENGTH: usize = 16;
