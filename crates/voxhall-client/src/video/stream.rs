//! One source of somebody's pictures, as it arrives.

use std::time::{Duration, Instant};

use voxhall_media::assembly::{AssembledFrame, AssemblyConfig, FrameAssembler, VideoPacket};
use voxhall_media::video::VIDEO_CLOCK;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::losses::{LossTiming, Losses};
use voxhall_transport::reception::Reception;
use voxhall_transport::rtcp::{NtpTimestamp, RtcpWriter, SenderInfo};

/// At most one keyframe is asked for in this time.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);

/// How often the sender is told how it is received.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A source of which nothing came for so long is not asked for anything.
const QUIET: Duration = Duration::from_secs(2);

/// Where the clock of a source stood by the sender's wall clock (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceClock {
    ntp: NtpTimestamp,
    rtp: u32,
    rate: u32,
}

impl SourceClock {
    pub(crate) const fn new(info: &SenderInfo, rate: u32) -> Self {
        Self {
            ntp: info.ntp,
            rtp: info.rtp_timestamp,
            rate,
        }
    }

    /// The sender's wall clock at a timestamp, since 1900.
    pub(crate) fn captured(&self, timestamp: u32) -> Option<Duration> {
        let nanoseconds = (u64::from(self.ntp.fraction) * 1_000_000_000) >> 32;
        let known = Duration::from_secs(u64::from(self.ntp.seconds)) + Duration::from_nanos(nanoseconds);
        let step = timestamp.wrapping_sub(self.rtp).cast_signed();
        let apart =
            Duration::from_nanos(u64::from(step.unsigned_abs()) * 1_000_000_000 / u64::from(self.rate));
        if step < 0 {
            known.checked_sub(apart)
        } else {
            known.checked_add(apart)
        }
    }
}

/// A layer of somebody's video.
#[derive(Debug)]
pub(crate) struct VideoStream {
    pub(crate) ssrc: Ssrc,
    assembler: FrameAssembler,
    losses: Losses,
    reception: Reception,
    origin: Instant,
    pub(crate) clock: Option<SourceClock>,
    last_packet: Option<Instant>,
    keyframe_asked: Option<Instant>,
    reported: Option<Instant>,
    heard_since_report: bool,
    due: Vec<SequenceNumber>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) packets: usize,
    pub(crate) keyframe: bool,
}

impl VideoStream {
    pub(crate) fn new(ssrc: Ssrc, now: Instant) -> Self {
        Self {
            ssrc,
            assembler: FrameAssembler::new(AssemblyConfig::default()),
            losses: Losses::new(LossTiming::default()),
            reception: Reception::default(),
            origin: now,
            clock: None,
            last_packet: None,
            keyframe_asked: None,
            reported: None,
            heard_since_report: false,
            due: Vec::new(),
        }
    }

    /// Takes a packet, from the source itself or repaired.
    pub(crate) fn packet(&mut self, now: Instant, packet: VideoPacket) {
        self.last_packet = Some(now);
        self.heard_since_report = true;
        let elapsed = now.saturating_duration_since(self.origin);
        let arrival = elapsed.as_micros() * u128::from(VIDEO_CLOCK) / 1_000_000;
        // Clocks wrap: the low 32 bits are what counts.
        self.reception
            .record(packet.sequence, packet.timestamp, arrival as u32);
        self.losses.received(now, SequenceNumber(packet.sequence));
        self.assembler.push(now, packet);
    }

    /// The next picture that is whole.
    pub(crate) fn frame(&mut self, now: Instant) -> Option<AssembledFrame> {
        let frame = self.assembler.poll(now);
        if let Some(fault) = self.assembler.take_fault() {
            tracing::debug!(ssrc = %self.ssrc, %fault, "a picture is none");
        }
        frame
    }

    /// Pictures that never became whole so far.
    pub(crate) const fn lost(&self) -> u64 {
        self.assembler.stats().lost + self.assembler.stats().faulty
    }

    pub(crate) fn sender_report(&mut self, now: Instant, info: &SenderInfo) {
        self.clock = Some(SourceClock::new(info, VIDEO_CLOCK));
        self.reception.record_sender_report(info.ntp.middle(), now);
    }

    /// Writes what the sender is to be told: what is missing, that a keyframe is needed, how it is received.
    pub(crate) fn feedback(&mut self, now: Instant, own: Ssrc, writer: &mut RtcpWriter<'_>) -> Asked {
        let mut asked = Asked::default();
        let is_quiet = self
            .last_packet
            .is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
        if is_quiet {
            self.losses.clear();
            return asked;
        }
        if self
            .reported
            .is_none_or(|at| now.saturating_duration_since(at) >= REPORT_EVERY)
            && self.heard_since_report
        {
            self.reported = Some(now);
            self.heard_since_report = false;
            if let Some(block) = self.reception.report(now, self.ssrc) {
                // A report that does not fit is left out; the next one says the same.
                let _ = writer.receiver_report(own, &[block]);
            }
        }
        self.losses.take_due(now, &mut self.due);
        if !self.due.is_empty() && writer.nack(own, self.ssrc, self.due.iter().copied()).is_ok() {
            asked.packets = self.due.len();
        }
        let may_ask = self
            .keyframe_asked
            .is_none_or(|at| now.saturating_duration_since(at) >= KEYFRAME_EVERY);
        if self.assembler.wants_keyframe()
            && may_ask
            && writer.picture_loss_indication(own, self.ssrc).is_ok()
        {
            self.keyframe_asked = Some(now);
            asked.keyframe = true;
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_become_the_senders_time() {
        let info = SenderInfo {
            ntp: NtpTimestamp {
                seconds: 100,
                fraction: 1 << 31,
            },
            rtp_timestamp: u32::MAX - 89_999,
            packet_count: 0,
            octet_count: 0,
        };
        let clock = SourceClock::new(&info, VIDEO_CLOCK);
        assert_eq!(
            clock.captured(info.rtp_timestamp),
            Some(Duration::from_millis(100_500))
        );
        assert_eq!(
            clock.captured(0),
            Some(Duration::from_millis(101_500)),
            "past the wrap"
        );
        let before = info.rtp_timestamp - 45_000;
        assert_eq!(clock.captured(before), Some(Duration::from_secs(100)));
    }
}
