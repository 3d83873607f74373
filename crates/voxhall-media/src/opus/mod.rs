//! Opus: packets looked at without decoding them (RFC 6716, section 3), and the codec itself.
//!
//! Inspection needs no codec, so that a file can be played and a call recorded without one. `Encoder` and
//! `Decoder` need the feature `opus-codec`; they wrap the codec so that none of its types shows outside.

mod bitrate;
#[cfg(feature = "opus-codec")]
mod decoder;
#[cfg(feature = "opus-codec")]
mod encoder;
mod packet;

pub use bitrate::{Bitrate, PacketLoss};
#[cfg(feature = "opus-codec")]
pub use decoder::Decoder;
#[cfg(feature = "opus-codec")]
pub use encoder::{Application, Encoder, EncoderConfig};
pub use packet::{
    Bandwidth, Channels, MAX_PACKET_SAMPLES, Mode, PacketFault, PacketInfo, SILENCE, is_silence, silence_of,
};
