//! What tests send and how they recognise it: tones, and packets that carry their own number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use voxhall_client::{OpusPacket, Subscription, VoiceConnection};
use voxhall_media::opus::{EncoderConfig, SILENCE};
use voxhall_media::pcm::Samples;
use voxhall_media::signal::{Tone, analysis};
use voxhall_media::source::{AudioFrame, AudioSource, PcmSource};
use voxhall_protocol::ids::UserId;

use crate::PATIENCE;

/// Peak of a tone, relative to full scale.
const AMPLITUDE: f32 = 0.37;
/// A tone at that peak, less what a codec and a short measurement take away.
const LOUD_DB: f32 = -20.0;
/// 20 ms of CELT, full band, stereo, one frame (RFC 6716, section 3.1).
const TOC: u8 = 0xFC;
/// Frames of a quarter of a second.
const LISTENED: usize = 12;

/// A tone without end.
///
/// # Panics
/// If there is no encoder.
#[must_use]
pub fn tone(hz: f32) -> impl AudioSource + 'static {
    let samples = Samples::new(Tone::new(hz, AMPLITUDE));
    PcmSource::new(samples, EncoderConfig::default()).expect("the defaults are good for an encoder")
}

/// Listens until a quarter of a second of `user` is this tone.
///
/// # Panics
/// If it never is.
pub async fn hear_tone(connection: &VoiceConnection, user: UserId, hz: f32) {
    let mut ticks = connection.pcm(64);
    let heard = tokio::time::timeout(PATIENCE, async {
        let mut samples = Vec::new();
        while let Some(tick) = ticks.recv().await {
            let voices = tick.speaking.iter().filter(|voice| voice.user == user);
            voices.for_each(|voice| samples.extend_from_slice(&voice.pcm));
            let wanted = LISTENED * voxhall_media::FRAME_LEN;
            if samples.len() >= wanted {
                let level = analysis::tone_level(&samples[samples.len() - wanted..], hz);
                if level > LOUD_DB {
                    return;
                }
            }
        }
        panic!("the connection ended before {user} was heard");
    });
    assert!(heard.await.is_ok(), "the tone of {hz} Hz of {user} was not heard");
}

/// Packets of 20 ms that carry their number, until it is told to end.
#[derive(Debug, Clone, Default)]
pub struct Numbered {
    next: u32,
    ended: Arc<AtomicBool>,
}

impl Numbered {
    /// Ends the source; what was read ahead is still sent.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl AudioSource for Numbered {
    fn next_frame(&mut self) -> voxhall_media::Result<Option<AudioFrame>> {
        if self.ended.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut packet = vec![TOC];
        packet.extend_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        Ok(Some(AudioFrame::new(packet.into())?))
    }
}

/// Follows one user's [`Numbered`] packets.
#[derive(Debug)]
pub struct Listener {
    packets: Subscription<OpusPacket>,
    user: UserId,
    last: Option<u32>,
}

impl Listener {
    /// Listens to `user` from now on.
    #[must_use]
    pub fn to(connection: &VoiceConnection, user: UserId) -> Self {
        Self {
            packets: connection.packets(4096),
            user,
            last: None,
        }
    }

    /// The number of the next packet, which must follow the one before.
    ///
    /// # Panics
    /// If one is missing, comes twice or out of order, or nothing comes any more.
    pub async fn next(&mut self) -> u32 {
        loop {
            let packet = tokio::time::timeout(PATIENCE, self.packets.recv()).await;
            let packet = packet.unwrap_or_else(|_| panic!("nothing of {} comes any more", self.user));
            let packet = packet.unwrap_or_else(|| panic!("the connection ended that heard {}", self.user));
            if packet.user != self.user || packet.payload == SILENCE[..] {
                continue;
            }
            let number = packet.payload.get(1..5).and_then(|number| number.try_into().ok());
            let number = u32::from_be_bytes(number.expect("every packet carries its number"));
            if let Some(last) = self.last {
                assert_eq!(number, last + 1, "the packets of {} have a gap", self.user);
            }
            self.last = Some(number);
            return number;
        }
    }

    /// Follows `count` packets without a gap.
    pub async fn follow(&mut self, count: usize) {
        for _ in 0..count {
            self.next().await;
        }
    }

    /// Follows what has come already, and at least one more.
    pub async fn catch_up(&mut self, to: u32) {
        while self.next().await < to {}
    }

    /// The number of the last packet; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.last.unwrap_or_default()
    }
}

/// Opus packets of random content: from 2 to 900 bytes, from 2.5 to 60 ms.
#[must_use]
pub fn random_packets(seed: u64, count: usize) -> Vec<Bytes> {
    /// Tables of contents with one frame each: CELT 2.5, 5, 10 and 20 ms, hybrid 20 ms, SILK 40 and 60 ms.
    const CONTENTS: [u8; 7] = [28 << 3, 29 << 3, 30 << 3, 31 << 3, 15 << 3, 10 << 3, 11 << 3];
    let mut random = StdRng::seed_from_u64(seed);
    let packet = |_| {
        let mut packet = vec![0; random.random_range(2..900)];
        random.fill_bytes(&mut packet);
        let stereo = u8::from(random.random::<bool>()) << 2;
        packet[0] = CONTENTS[random.random_range(0..CONTENTS.len())] | stereo;
        packet.into()
    };
    (0..count).map(packet).collect()
}
