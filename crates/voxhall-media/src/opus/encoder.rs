//! The Opus encoder.

use bytes::Bytes;

use super::{Bitrate, Channels, PacketLoss};
use crate::{Error, Result, SAMPLE_RATE};

/// Room for the largest packet of up to 60 ms at the highest rate.
const PACKET_ROOM: usize = 4_000;

/// What the encoder optimises for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Application {
    /// Music and mixed content: fidelity first.
    #[default]
    Audio,
    /// Speech: intelligibility first, and the only one that makes much use of forward error correction.
    Voice,
    /// 2.5 ms of algorithmic delay instead of 6.5, at some cost in quality.
    LowDelay,
}

/// The settings of an [`Encoder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Channels of the PCM that is handed in. Default: stereo.
    pub channels: Channels,
    /// What to optimise for. Default: music.
    pub application: Application,
    /// Target rate. Default: 64 kbit/s.
    pub bitrate: Bitrate,
    /// Expected loss; above zero turns forward error correction on. Default: 15 %.
    pub packet_loss: PacketLoss,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            channels: Channels::Stereo,
            application: Application::default(),
            bitrate: Bitrate::default(),
            packet_loss: PacketLoss::default(),
        }
    }
}

/// Turns 48 kHz PCM into Opus packets. Holds the signal's history: one encoder per stream.
pub struct Encoder {
    inner: opus_pure::OpusEncoder,
    config: EncoderConfig,
    packet: Box<[u8; PACKET_ROOM]>,
}

impl Encoder {
    /// An encoder with these settings.
    ///
    /// # Errors
    /// [`Error::Encode`] if the codec refuses them, which no value of [`EncoderConfig`] is known to cause.
    pub fn new(config: EncoderConfig) -> Result<Self> {
        let application = match config.application {
            Application::Audio => opus_pure::Application::Audio,
            Application::Voice => opus_pure::Application::Voip,
            Application::LowDelay => opus_pure::Application::RestrictedLowDelay,
        };
        let inner = opus_pure::OpusEncoder::new(SAMPLE_RATE as i32, config.channels.count(), application)
            .map_err(|fault| Error::Encode(fault.to_string()))?;
        let mut encoder = Self {
            inner,
            config,
            packet: Box::new([0; PACKET_ROOM]),
        };
        encoder.set_bitrate(config.bitrate);
        encoder.set_packet_loss(config.packet_loss);
        Ok(encoder)
    }

    /// Encodes one packet from interleaved PCM.
    ///
    /// The length of `pcm` sets the packet's duration: 2.5, 5, 10, 20, 40 or 60 ms, so 120 to 2880 samples per channel.
    ///
    /// # Errors
    /// [`Error::FrameLength`] for any other length.
    pub fn encode(&mut self, pcm: &[f32]) -> Result<Bytes> {
        let channels = self.config.channels.count();
        let samples = pcm.len() / channels;
        if !pcm.len().is_multiple_of(channels) || !matches!(samples, 120 | 240 | 480 | 960 | 1_920 | 2_880) {
            return Err(Error::FrameLength { samples });
        }
        let length = self
            .inner
            .encode(pcm, samples, &mut self.packet[..])
            .map_err(|fault| Error::Encode(fault.to_string()))?;
        Ok(Bytes::copy_from_slice(&self.packet[..length]))
    }

    /// Changes the target rate from the next packet on, as when the channel's `bitrate` changes.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) {
        self.config.bitrate = bitrate;
        // At most 512 000, far inside i32.
        self.inner.bitrate_bps = bitrate.bits_per_second() as i32;
    }

    /// Changes the expected loss from the next packet on.
    pub fn set_packet_loss(&mut self, loss: PacketLoss) {
        self.config.packet_loss = loss;
        self.inner.use_inband_fec = loss > PacketLoss::NONE;
        self.inner.packet_loss_perc = i32::from(loss.percent());
    }

    /// Forgets the signal's history, for a new stream with the same settings.
    ///
    /// # Errors
    /// [`Error::Encode`] if the codec fails to start over.
    pub fn reset(&mut self) -> Result<()> {
        self.inner
            .reset_state()
            .map_err(|fault| Error::Encode(fault.to_string()))
    }

    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> EncoderConfig {
        self.config
    }

    /// Samples per channel by which the output lags the input: the pre-skip of a file (RFC 7845, section 4.2).
    #[must_use]
    pub fn lookahead(&self) -> u16 {
        u16::try_from(self.inner.lookahead()).unwrap_or(u16::MAX)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Encoder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
