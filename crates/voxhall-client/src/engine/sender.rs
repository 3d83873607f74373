use std::sync::Arc;

use mio::net::UdpSocket;
use voxhall_media::FRAME_SAMPLES;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::silence::{OPUS_SILENCE, SILENCE_FRAMES};
use voxhall_transport::{PacketKind, PayloadType, Sealer, SequenceNumber};

use super::counters::{LinkCounters, count};
use super::{LinkEvents, LinkKey};
use crate::track::{Player, Taken};

/// Samples per channel of one tick.
const TICK: u64 = FRAME_SAMPLES as u64;

/// Longest datagram that is built: well above what leaves room for tag and nonce in 1200 bytes of payload.
pub(super) const MAX_DATAGRAM: usize = 1500;

/// The sending half of one connection. The pacing thread owns it; nothing in it is shared but the player.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) key: LinkKey,
    socket: Arc<UdpSocket>,
    sealer: Sealer,
    player: Arc<Player>,
    counters: Arc<LinkCounters>,
    events: Arc<LinkEvents>,
    ssrc: Ssrc,
    sequence: SequenceNumber,
    /// Timestamp of sample 0 of the engine's clock.
    timestamp_base: u32,
    /// Place on the engine's clock where the next packet begins.
    next: u64,
    /// Silence frames still owed to the listeners' decoders.
    tail: u8,
}

/// What a sender is made of.
pub(super) struct SenderParts {
    pub(super) key: LinkKey,
    pub(super) socket: Arc<UdpSocket>,
    pub(super) sealer: Sealer,
    pub(super) player: Arc<Player>,
    pub(super) counters: Arc<LinkCounters>,
    pub(super) events: Arc<LinkEvents>,
    pub(super) ssrc: Ssrc,
    /// Random starts (RFC 3550, section 5.1).
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

/// Whether a sender has to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    GoesOn,
    /// Silent, tail included.
    Idle,
}

impl Sender {
    pub(super) fn new(parts: SenderParts) -> Self {
        Self {
            key: parts.key,
            socket: parts.socket,
            sealer: parts.sealer,
            player: parts.player,
            counters: parts.counters,
            events: parts.events,
            ssrc: parts.ssrc,
            sequence: SequenceNumber(parts.first_sequence),
            timestamp_base: parts.first_timestamp,
            next: 0,
            tail: 0,
        }
    }

    /// Sends what is due at `tick`, the number of 20 ms steps on the engine's clock.
    pub(super) fn tick(&mut self, tick: u64, datagram: &mut [u8; MAX_DATAGRAM]) -> Step {
        let clock = tick * TICK;
        if self.next > clock {
            // The last packet was longer than a tick.
            return Step::GoesOn;
        }
        if self.next + TICK < clock {
            // After a pause timestamps have run on with the clock, sequence numbers have not.
            self.next = clock;
        }
        while self.next <= clock {
            match self.player.take() {
                Taken::Frame(frame) => {
                    self.tail = SILENCE_FRAMES;
                    self.send(frame.packet(), frame.samples(), datagram);
                }
                Taken::NotReady => {
                    self.silence(datagram);
                    return Step::GoesOn;
                }
                Taken::Idle if self.tail == 0 => {
                    self.events.went_idle();
                    return Step::Idle;
                }
                Taken::Idle => self.silence(datagram),
            }
        }
        Step::GoesOn
    }

    /// One silence frame, if the last talk spurt is not closed by enough of them yet.
    fn silence(&mut self, datagram: &mut [u8; MAX_DATAGRAM]) {
        if self.tail > 0 {
            self.tail -= 1;
            self.send(&OPUS_SILENCE, FRAME_SAMPLES as u32, datagram);
        }
    }

    fn send(&mut self, payload: &[u8], samples: u32, datagram: &mut [u8; MAX_DATAGRAM]) {
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::OPUS,
            sequence_number: self.sequence,
            // Timestamps wrap: the low 32 bits are what counts.
            timestamp: self.timestamp_base.wrapping_add(self.next as u32),
            ssrc: self.ssrc,
        };
        self.next += u64::from(samples);
        let sealed = self
            .sealer
            .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, datagram);
        let length = match sealed {
            Ok(length) => length,
            Err(voxhall_transport::Error::NoncesExhausted) => return self.events.key_exhausted(),
            Err(_) => return count(&self.counters.frames_too_long),
        };
        self.sequence = SequenceNumber(self.sequence.0.wrapping_add(1));
        match self.socket.send(&datagram[..length]) {
            Ok(_) => count(&self.counters.packets_sent),
            Err(_) => count(&self.counters.packets_unsent),
        }
    }
}
