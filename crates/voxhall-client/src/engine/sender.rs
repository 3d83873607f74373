use std::hint::black_box;
use std::sync::Arc;

use mio::net::UdpSocket;
use voxhall_media::FRAME_SAMPLES;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::silence::{OPUS_SILENCE, SILENCE_FRAMES};
use voxhall_transport::{PacketKind, PayloadType, Sealer, SequenceNumber};

use super::batch::Batch;
use super::counters::{LinkCounters, count_alone};
use super::{LinkEvents, LinkKey};
use crate::track::{Player, Playhead, Taken};

/// Samples per channel of one tick.
const TICK: u64 = FRAME_SAMPLES as u64;

/// The sending half of one connection. The pacing thread owns it; nothing in it is shared but what plays.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) key: LinkKey,
    socket: Arc<UdpSocket>,
    sealer: Sealer,
    playhead: Playhead,
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
            playhead: Playhead::new(parts.player),
            counters: parts.counters,
            events: parts.events,
            ssrc: parts.ssrc,
            sequence: SequenceNumber(parts.first_sequence),
            timestamp_base: parts.first_timestamp,
            next: 0,
            tail: 0,
        }
    }

    /// Has the memory that the next tick needs brought near, without waiting for it.
    pub(super) fn touch(&self) {
        self.playhead.touch();
        black_box(Arc::strong_count(&self.socket));
    }

    /// Seals what is due at `tick`, the number of 20 ms steps on the engine's clock, into `batch`.
    pub(super) fn tick(&mut self, tick: u64, batch: &mut Batch) -> Step {
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
            match self.playhead.take() {
                Taken::Frame(frame) => {
                    self.tail = SILENCE_FRAMES;
                    self.seal(frame.packet(), frame.samples(), batch);
                }
                Taken::NotReady => {
                    self.silence(batch);
                    return Step::GoesOn;
                }
                Taken::Idle if self.tail == 0 => {
                    self.events.went_idle();
                    return Step::Idle;
                }
                Taken::Idle => self.silence(batch),
            }
        }
        Step::GoesOn
    }

    /// One silence frame, if the last talk spurt is not closed by enough of them yet.
    fn silence(&mut self, batch: &mut Batch) {
        if self.tail > 0 {
            self.tail -= 1;
            self.seal(&OPUS_SILENCE, FRAME_SAMPLES as u32, batch);
        }
    }

    fn seal(&mut self, payload: &[u8], samples: u32, batch: &mut Batch) {
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::OPUS,
            sequence_number: self.sequence,
            // Timestamps wrap: the low 32 bits are what counts.
            timestamp: self.timestamp_base.wrapping_add(self.next as u32),
            ssrc: self.ssrc,
        };
        self.next += u64::from(samples);
        let sealed = batch.push(|datagram| {
            self.sealer
                .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, datagram)
        });
        match sealed {
            Ok(()) => self.sequence = self.sequence.next(),
            Err(voxhall_transport::Error::NoncesExhausted) => self.events.key_exhausted(),
            Err(_) => count_alone(&self.counters.frames_too_long),
        }
    }

    /// Sends what [`Self::tick`] has sealed.
    pub(super) fn send(&self, datagram: &[u8]) {
        match self.socket.send(datagram) {
            Ok(_) => count_alone(&self.counters.packets_sent),
            Err(_) => count_alone(&self.counters.packets_unsent),
        }
    }
}
