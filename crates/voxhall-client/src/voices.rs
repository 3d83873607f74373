//! Voices out: what the others in a room send, user by user, as Opus packets or as PCM.

mod receiver;
mod waiting;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::Ssrc;

pub(crate) use receiver::VoiceReceiver;

use crate::subscription::{Audience, Publisher};

/// The rhythm of [`VoiceTick`] and of everything that is noticed by its absence.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// One Opus packet of one user, as it was sent.
#[derive(Debug, Clone)]
pub struct OpusPacket {
    /// Who sent it.
    pub user: UserId,
    /// The source it came from.
    pub ssrc: Ssrc,
    /// RTP sequence number; gaps are losses (RFC 3550, section 5.1).
    pub sequence: u16,
    /// RTP timestamp, in samples at 48 kHz (RFC 7587, section 4.1).
    pub timestamp: u32,
    /// The Opus packet, without header extensions and padding.
    pub payload: Bytes,
    /// When it arrived.
    pub arrived: Instant,
    /// When it was captured by the sender's clock, since 1900, if the sender's reports told (RFC 3550, section 6.4.1).
    /// The pictures of the same user have the same clock.
    pub captured: Option<Duration>,
}

/// Someone begins or stops to speak, told from packets and silence frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeakingChange {
    /// The first packet after silence arrived.
    Started(UserId),
    /// Five silence frames arrived, or nothing for a while, or the user left.
    Stopped(UserId),
}

/// 20 ms of a room.
#[cfg(feature = "opus-codec")]
#[derive(Debug, Clone)]
pub struct VoiceTick {
    /// Counts ticks from the subscription on; one is 20 ms.
    pub number: u64,
    /// Everyone who spoke, with 20 ms of 48 kHz stereo PCM, interleaved, nominally within ±1.
    pub speaking: Vec<SpeakerPcm>,
    /// Everyone known to be in the room who did not.
    pub silent: Vec<UserId>,
}

/// What one user said within one tick.
#[cfg(feature = "opus-codec")]
#[derive(Debug, Clone)]
pub struct SpeakerPcm {
    /// Who.
    pub user: UserId,
    /// 960 stereo samples.
    pub pcm: std::sync::Arc<[f32]>,
}

/// Who listens to a connection. Belongs to the connection; outlives its links.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    /// How many listeners there are, so that a packet nobody wants costs no lock.
    listeners: AtomicUsize,
    audiences: Mutex<Audiences>,
}

#[derive(Debug, Default)]
pub(crate) struct Audiences {
    packets: Audience<OpusPacket>,
    speaking: Audience<SpeakingChange>,
    #[cfg(feature = "opus-codec")]
    pcm: Audience<VoiceTick>,
}

impl Audiences {
    fn len(&self) -> usize {
        #[cfg(feature = "opus-codec")]
        let pcm = self.pcm.len();
        #[cfg(not(feature = "opus-codec"))]
        let pcm = 0;
        self.packets.len() + self.speaking.len() + pcm
    }
}

impl Voices {
    pub(crate) fn listen_to_packets(&self, publisher: Publisher<OpusPacket>) {
        self.change(|audiences| audiences.packets.add(publisher));
    }

    pub(crate) fn listen_to_speaking(&self, publisher: Publisher<SpeakingChange>) {
        self.change(|audiences| audiences.speaking.add(publisher));
    }

    #[cfg(feature = "opus-codec")]
    pub(crate) fn listen_to_pcm(&self, publisher: Publisher<VoiceTick>) {
        self.change(|audiences| audiences.pcm.add(publisher));
    }

    /// Ends all subscriptions: the connection is over.
    pub(crate) fn close(&self) {
        self.change(|audiences| *audiences = Audiences::default());
    }

    fn is_heard(&self) -> bool {
        self.listeners.load(Ordering::Acquire) > 0
    }

    /// Works on the audiences and counts them anew.
    fn change<T>(&self, work: impl FnOnce(&mut Audiences) -> T) -> T {
        let mut audiences = self.audiences.lock();
        let result = work(&mut audiences);
        self.listeners.store(audiences.len(), Ordering::Release);
        result
    }
}
