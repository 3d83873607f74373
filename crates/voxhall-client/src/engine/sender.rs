use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use mio::net::UdpSocket;
use voxhall_media::{FRAME_SAMPLES, SAMPLE_RATE};
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtcp::SenderInfo;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::silence::{OPUS_SILENCE, SILENCE_FRAMES};
use voxhall_transport::{PacketKind, PayloadType, Sealer, SequenceNumber};

use super::batch::Batch;
use super::counters::{LinkCounters, count_alone};
use super::{LinkEvents, LinkKey};
use crate::track::{Player, Playhead, Taken};
use crate::video::sender::{MediaClock, Outgoing, VideoSender, send_report};

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
    /// What was sent, for reports.
    packets: u32,
    octets: u32,
    clock: MediaClock,
    video: Option<VideoSender>,
}

/// Bytes of RTCP that stay in the clear (media transport, section 5.3).
const CLEAR_RTCP: usize = 8;

/// Room for any feedback and its encryption.
const MAX_FEEDBACK: usize = 1500;

/// Seals what the video wants sent; the bytes of the datagram.
fn seal_into(
    batch: &mut Batch,
    sealer: &mut Sealer,
    events: &LinkEvents,
    outgoing: &Outgoing<'_>,
) -> Option<usize> {
    let mut length = 0;
    let sealed = batch.push(|datagram| {
        length = sealer.seal_parts(outgoing.kind, outgoing.header, outgoing.body, datagram)?;
        Ok(length)
    });
    match sealed {
        Ok(()) => Some(length),
        Err(voxhall_transport::Error::NoncesExhausted) => {
            events.key_exhausted();
            None
        }
        Err(_) => None,
    }
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
    pub(super) clock: MediaClock,
    pub(super) video: Option<VideoSender>,
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
            packets: 0,
            octets: 0,
            clock: parts.clock,
            video: parts.video,
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
            match self.playhead.take(self.next) {
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
            Ok(()) => {
                self.sequence = self.sequence.next();
                self.packets = self.packets.wrapping_add(1);
                self.octets = self.octets.wrapping_add(payload.len() as u32);
            }
            Err(voxhall_transport::Error::NoncesExhausted) => self.events.key_exhausted(),
            Err(_) => count_alone(&self.counters.frames_too_long),
        }
    }

    /// The sending half of video, if the session has one.
    pub(super) const fn video(&mut self) -> Option<&mut VideoSender> {
        self.video.as_mut()
    }

    /// Seals the pictures that are due into `batch`. Returns when to be called again.
    pub(super) fn film(&mut self, now: Instant, batch: &mut Batch) -> Option<Instant> {
        let Self {
            sealer,
            video,
            events,
            ..
        } = self;
        let video = video.as_mut()?;
        let reports = video.reports();
        let mut send = |outgoing: &Outgoing<'_>| seal_into(batch, sealer, events, outgoing);
        let next = video.poll(now, &mut send);
        if video.reports() != reports && self.packets > 0 {
            let ticks = self.clock.ticks(now, SAMPLE_RATE);
            let info = SenderInfo {
                ntp: self.clock.ntp(now),
                rtp_timestamp: self.timestamp_base.wrapping_add(ticks as u32),
                packet_count: self.packets,
                octet_count: self.octets,
            };
            send_report(self.ssrc, info, &mut send);
        }
        next
    }

    /// Sends what the server is to be told of its packets.
    pub(super) fn feedback(&mut self, compound: &[u8]) {
        let Some((header, body)) = compound.split_at_checked(CLEAR_RTCP) else {
            return;
        };
        let mut datagram = [0; MAX_FEEDBACK];
        match self
            .sealer
            .seal_parts(PacketKind::Rtcp, header, body, &mut datagram)
        {
            Ok(length) => {
                // A lost one is made good by the next.
                let _ = self.socket.send(&datagram[..length]);
            }
            Err(voxhall_transport::Error::NoncesExhausted) => self.events.key_exhausted(),
            Err(error) => tracing::debug!(%error, "feedback was not sealed"),
        }
    }

    /// Sends what [`Self::tick`] and [`Self::film`] have sealed.
    pub(super) fn send(&self, datagram: &[u8]) {
        match self.socket.send(datagram) {
            Ok(_) => count_alone(&self.counters.packets_sent),
            Err(_) => count_alone(&self.counters.packets_unsent),
        }
    }
}
