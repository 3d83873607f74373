//! Voices out: what the others in a room send, user by user, as Opus packets or as PCM.

use std::time::Instant;

use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::Ssrc;

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
    pub payload: Vec<u8>,
    /// When it arrived.
    pub arrived: Instant,
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
