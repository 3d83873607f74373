//! A jitter buffer with its decoder: one sender's packets in, one PCM frame per tick out.

use std::time::Instant;

use bytes::Bytes;

use super::{Inserted, JitterBuffer, JitterConfig, Playout};
use crate::opus::{Channels, Decoder, MAX_PACKET_SAMPLES};
use crate::{CHANNELS, FRAME_LEN, Result};

/// What one tick of [`Playback`] was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// At least partly of packets.
    Voice,
    /// Of concealment for lost packets.
    Concealed,
    /// Of nothing.
    Silence,
}

/// Plays one sender: buffers, decodes, conceals.
///
/// A decoder takes some tens of kilobytes, so it is made when the first packet comes to be played.
#[derive(Debug)]
pub struct Playback {
    buffer: JitterBuffer,
    decoder: Option<Decoder>,
    /// Decoded samples that the next ticks take: packets may be longer or shorter than a tick.
    decoded: Vec<f32>,
    /// How much of the front of `decoded` is played.
    played: usize,
}

impl Playback {
    /// For a sender of whom nothing is known yet.
    #[must_use]
    pub fn new(config: JitterConfig) -> Self {
        Self {
            buffer: JitterBuffer::new(config),
            decoder: None,
            decoded: Vec::new(),
            played: 0,
        }
    }

    /// Takes a packet; see [`JitterBuffer::insert`].
    pub fn insert(&mut self, sequence: u16, timestamp: u32, payload: Bytes, now: Instant) -> Inserted {
        self.buffer.insert(sequence, timestamp, payload, now)
    }

    /// Fills `out` with the next 20 ms, interleaved stereo.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode) if no decoder can be made. A packet that the decoder refuses is
    /// concealed instead.
    pub fn next_frame(&mut self, out: &mut [f32; FRAME_LEN]) -> Result<Heard> {
        let mut heard = Heard::Silence;
        let mut filled = 0;
        while filled < FRAME_LEN {
            if self.played == self.decoded.len() {
                let part = self.decode_next()?;
                if heard != Heard::Voice && part != Heard::Silence {
                    heard = part;
                }
            } else if heard == Heard::Silence
                && self.decoded[self.played..].iter().any(|sample| *sample != 0.0)
            {
                heard = Heard::Voice;
            }
            let take = (FRAME_LEN - filled).min(self.decoded.len() - self.played);
            out[filled..filled + take].copy_from_slice(&self.decoded[self.played..self.played + take]);
            self.played += take;
            filled += take;
        }
        Ok(heard)
    }

    /// The buffer, for its delay and statistics.
    #[must_use]
    pub const fn buffer(&self) -> &JitterBuffer {
        &self.buffer
    }

    /// Replaces the used-up `decoded` by what is to be played next, which is never empty.
    fn decode_next(&mut self) -> Result<Heard> {
        let playout = self.buffer.pull();
        let length = playout.samples().min(MAX_PACKET_SAMPLES) as usize * CHANNELS;
        self.played = 0;
        self.decoded.clear();
        self.decoded.resize(length, 0.0);
        let (packet, next) = match playout {
            Playout::Silence { .. } => return Ok(Heard::Silence),
            Playout::Lost { next, .. } => (None, next),
            Playout::Packet { frame, .. } => (Some(frame.into_packet()), None),
        };
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(Channels::Stereo)?),
        };
        let samples = length / CHANNELS;
        let done = match (&packet, next) {
            (Some(packet), _) => decoder.decode(Some(packet), &mut self.decoded),
            (None, Some(next)) => decoder.decode_fec(&next, samples, &mut self.decoded),
            (None, None) => decoder.decode(None, &mut self.decoded),
        };
        if packet.is_some() && done.is_ok() {
            return Ok(Heard::Voice);
        }
        if done.is_err() {
            // Refused bytes sound like lost ones; should even that fail, like nothing.
            self.decoded.fill(0.0);
        }
        Ok(Heard::Concealed)
    }
}
