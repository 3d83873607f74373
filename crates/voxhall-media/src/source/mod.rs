//! What can be played: anything that yields Opus packets.
//!
//! [`open`] takes a file of any format that can be played. [`OggOpusSource`] passes packets through as they are;
//! `PcmSource` encodes; [`Clip`] is read once and played often.

mod clip;
mod ogg;
mod open;
#[cfg(feature = "opus-codec")]
mod pcm;
mod repeat;
#[cfg(feature = "opus-codec")]
mod volume;

use bytes::Bytes;

pub use clip::{Clip, ClipSource};
pub use ogg::OggOpusSource;
pub use open::{FileFormat, OpenOptions, duration, open};
#[cfg(feature = "opus-codec")]
pub use pcm::{PcmSource, WavSource, WavStream};
pub use repeat::Repeat;
#[cfg(feature = "opus-codec")]
pub use volume::VolumeSource;

use crate::Result;
use crate::opus::{PacketFault, PacketInfo};

/// One Opus packet and how long it lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    packet: Bytes,
    samples: u32,
}

impl AudioFrame {
    /// The frame of `packet`, with the duration its table of contents states.
    ///
    /// # Errors
    /// The rule of RFC 6716 that the bytes break.
    pub fn new(packet: Bytes) -> Result<Self, PacketFault> {
        let samples = PacketInfo::parse(&packet)?.samples();
        Ok(Self { packet, samples })
    }

    /// The bytes, as they go into the RTP payload.
    #[must_use]
    pub const fn packet(&self) -> &Bytes {
        &self.packet
    }

    /// The bytes, as they go into the RTP payload.
    #[must_use]
    pub fn into_packet(self) -> Bytes {
        self.packet
    }

    /// Samples per channel at 48 kHz: the step of the RTP timestamp and, in time, until the next frame is due.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.samples
    }
}

/// Something that can be played: yields Opus packets, one after the other, as fast as it is asked.
pub trait AudioSource: Send {
    /// The next packet; `None` when the source has ended, and ever after.
    ///
    /// # Errors
    /// What the source's origin runs into, such as a file that breaks off. The source has then ended.
    fn next_frame(&mut self) -> Result<Option<AudioFrame>>;
}

impl<S: AudioSource + ?Sized> AudioSource for Box<S> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        (**self).next_frame()
    }
}
