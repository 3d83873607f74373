//! The Opus decoder.

use super::{Channels, MAX_PACKET_SAMPLES, PacketInfo};
use crate::{Error, Result, SAMPLE_RATE};

/// Turns Opus packets into 48 kHz PCM. Holds the signal's history: one decoder per sender.
pub struct Decoder {
    inner: opus_pure::OpusDecoder,
    channels: Channels,
}

impl Decoder {
    /// A decoder that yields `channels`, whatever the packets carry.
    ///
    /// # Errors
    /// [`Error::Decode`] if the codec cannot be set up.
    pub fn new(channels: Channels) -> Result<Self> {
        let inner = opus_pure::OpusDecoder::new(SAMPLE_RATE as i32, channels.count())
            .map_err(|fault| Error::Decode(fault.to_string()))?;
        Ok(Self { inner, channels })
    }

    /// Decodes a packet, or conceals a lost one (`None`), into interleaved `pcm`; returns samples per channel.
    ///
    /// A packet takes what it needs of `pcm`, at most [`MAX_PACKET_SAMPLES`] per channel. Concealment fills all of
    /// `pcm`, which must then hold a multiple of 2.5 ms. Values may slightly exceed ±1.
    ///
    /// # Errors
    /// [`Error::Packet`] for bytes that are no Opus packet, [`Error::BufferTooSmall`], and [`Error::Decode`] for
    /// what the codec refuses. The decoder stays usable: go on with the next packet.
    pub fn decode(&mut self, packet: Option<&[u8]>, pcm: &mut [f32]) -> Result<usize> {
        let samples = match packet {
            Some(packet) => PacketInfo::parse(packet)?.samples() as usize,
            None => (pcm.len() / self.channels.count()).min(MAX_PACKET_SAMPLES as usize),
        };
        let out = self.room(pcm, samples)?;
        self.inner
            .decode(packet.unwrap_or_default(), samples, out)
            .map_err(|fault| Error::Decode(fault.to_string()))
    }

    /// Restores the `samples` per channel that were lost *before* `next` from the copy in it, into interleaved `pcm`.
    ///
    /// Falls back to concealment if `next` carries no copy. Decode `next` itself afterwards.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_fec(&mut self, next: &[u8], samples: usize, pcm: &mut [f32]) -> Result<usize> {
        PacketInfo::parse(next)?;
        let out = self.room(pcm, samples)?;
        self.inner
            .decode_fec(next, samples, out)
            .map_err(|fault| Error::Decode(fault.to_string()))
    }

    /// Forgets the signal's history, for a sender that started over.
    ///
    /// # Errors
    /// [`Error::Decode`] if the codec fails to start over.
    pub fn reset(&mut self) -> Result<()> {
        self.inner
            .reset_state()
            .map_err(|fault| Error::Decode(fault.to_string()))
    }

    /// Channels of the PCM it yields.
    #[must_use]
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    fn room<'a>(&self, pcm: &'a mut [f32], samples: usize) -> Result<&'a mut [f32]> {
        let provided = pcm.len() / self.channels.count();
        pcm.get_mut(..samples * self.channels.count())
            .ok_or(Error::BufferTooSmall {
                needed: samples,
                provided,
            })
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}
