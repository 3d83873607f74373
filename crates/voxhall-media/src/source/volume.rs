//! A source at another volume.

use std::collections::VecDeque;

use super::{AudioFrame, AudioSource};
use crate::opus::{Channels, Decoder, Encoder, EncoderConfig, MAX_PACKET_SAMPLES};
use crate::pcm::{Volume, amplify};
use crate::{CHANNELS, Result};

/// The pieces in which a packet is encoded again, longest first; together they make up every legal duration.
const PIECES: [usize; 4] = [960, 480, 240, 120];

/// Plays another source louder or softer, which means decoding and encoding it again.
///
/// At [`Volume::FULL`] packets pass through untouched. Otherwise packets longer than 20 ms come out in pieces.
#[derive(Debug)]
pub struct VolumeSource<S> {
    source: S,
    volume: Volume,
    decoder: Decoder,
    encoder: Encoder,
    pcm: Vec<f32>,
    ready: VecDeque<AudioFrame>,
}

impl<S: AudioSource> VolumeSource<S> {
    /// `source`, `volume` times as loud.
    ///
    /// # Errors
    /// As [`Encoder::new`] and [`Decoder::new`].
    pub fn new(source: S, volume: Volume, config: EncoderConfig) -> Result<Self> {
        Ok(Self {
            source,
            volume,
            decoder: Decoder::new(Channels::Stereo)?,
            encoder: Encoder::new(EncoderConfig {
                channels: Channels::Stereo,
                ..config
            })?,
            pcm: vec![0.0; MAX_PACKET_SAMPLES as usize * CHANNELS],
            ready: VecDeque::new(),
        })
    }

    /// Changes the volume from the next packet on.
    pub const fn set_volume(&mut self, volume: Volume) {
        self.volume = volume;
    }

    fn reencode(&mut self, frame: &AudioFrame) -> Result<()> {
        let samples = self.decoder.decode(Some(frame.packet()), &mut self.pcm)?;
        let mut pcm = &mut self.pcm[..samples * CHANNELS];
        amplify(pcm, self.volume);
        while let Some(piece) = PIECES.into_iter().find(|piece| piece * CHANNELS <= pcm.len()) {
            let (front, rest) = pcm.split_at_mut(piece * CHANNELS);
            self.ready
                .push_back(AudioFrame::new(self.encoder.encode(front)?)?);
            pcm = rest;
        }
        Ok(())
    }
}

impl<S: AudioSource> AudioSource for VolumeSource<S> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        if let Some(frame) = self.ready.pop_front() {
            return Ok(Some(frame));
        }
        let Some(frame) = self.source.next_frame()? else {
            return Ok(None);
        };
        if self.volume == Volume::FULL {
            return Ok(Some(frame));
        }
        self.reencode(&frame)?;
        Ok(self.ready.pop_front())
    }
}
