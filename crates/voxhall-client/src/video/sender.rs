//! The sending half of video, without its socket: pictures are paced, lost packets sent again, reports written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use voxhall_media::video::{VIDEO_CLOCK, VideoCodec};
use voxhall_media::{SAMPLE_RATE, samples_in};
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{
    AbsoluteSendTime, ExtensionForm, ExtensionKind, ExtensionWriter, PlayoutDelay, transport_sequence_bytes,
};
use voxhall_transport::rtcp::{self, NtpTimestamp, RtcpPacket, RtcpWriter, SenderInfo};
use voxhall_transport::rtp::{FIXED_HEADER_LENGTH, RtpHeader};
use voxhall_transport::rtx::ORIGINAL_SEQUENCE_LENGTH;
use voxhall_transport::{PacketKind, SequenceNumber};

use super::bandwidth::Bandwidth;
use super::codecs::{payload_type, rtx_payload_type};
use super::history::{MOST_REPAIRS, SendHistory, VideoPayloadRef};
use super::shared::VideoCounters;
use super::track::{NextFrame, ReadyFrame, VideoTrack};
use crate::connection::LayerSources;

/// Packets that are sent at once, and when the next may follow.
const BURST: usize = 8;

/// Packets sent again at once.
const REPAIRS: usize = 8;

/// How much may be sent beyond the estimate, in seconds of it: a keyframe is larger than its share.
const CREDIT: f64 = 1.0;

/// How long a track is kept behind its last picture, time for a few requests to have it sent again.
const LINGER: Duration = Duration::from_millis(300);

/// How long pictures wait for the sound that belongs to them.
const SOUND_PATIENCE: Duration = Duration::from_millis(500);

/// Pictures that are later than this are not caught up with: their source stood still.
const MAX_LATENESS: u64 = VIDEO_CLOCK as u64;

/// How often a report is sent; the first goes with the first picture.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Room for the header and all extensions.
const MAX_HEADER: usize = 64;

/// The name of the only layer.
const RID: &[u8] = b"100";

/// The clocks of everything that one engine sends. Their origin is the same, so that reports put sound and pictures
/// together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaClock {
    pub(crate) origin: Instant,
    /// The wall clock at the origin, since 1970.
    pub(crate) wall: Duration,
}

impl MediaClock {
    /// Ticks of a clock since the origin.
    pub(crate) fn ticks(&self, now: Instant, rate: u32) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        if rate == SAMPLE_RATE {
            return samples_in(elapsed);
        }
        elapsed.as_secs() * u64::from(rate)
            + u64::from(elapsed.subsec_nanos()) * u64::from(rate) / 1_000_000_000
    }

    fn at(&self, ticks: u64) -> Instant {
        let rate = u64::from(VIDEO_CLOCK);
        self.origin
            + Duration::from_secs(ticks / rate)
            + Duration::from_nanos(ticks % rate * 1_000_000_000 / rate)
    }

    pub(crate) fn ntp(&self, now: Instant) -> NtpTimestamp {
        NtpTimestamp::from_unix(self.wall + now.saturating_duration_since(self.origin))
    }
}

/// What the sending half wants sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) kind: PacketKind,
    pub(crate) header: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Shows the pictures of one connection.
#[derive(Debug)]
pub(crate) struct VideoSender {
    sources: LayerSources,
    clock: MediaClock,
    counters: Arc<VideoCounters>,
    track: Option<Arc<VideoTrack>>,
    /// Ticks from the begin of the clock to that of the track.
    offset: Option<i64>,
    /// When the track's first picture was there.
    ready_since: Option<Instant>,
    sequence: SequenceNumber,
    rtx_sequence: SequenceNumber,
    transport_sequence: SequenceNumber,
    timestamp_base: u32,
    queue: VecDeque<VideoPayloadRef>,
    repairs: VecDeque<SequenceNumber>,
    history: SendHistory,
    bandwidth: Bandwidth,
    /// When more may be sent.
    next_burst: Option<Instant>,
    /// Bytes that were sent beyond what the estimate allows.
    debt: f64,
    debt_at: Instant,
    asked: u8,
    /// Nothing is shown before the next keyframe.
    skipping: bool,
    /// When the track that has no more pictures is over.
    linger_until: Option<Instant>,
    next_report: Option<Instant>,
    reports: u32,
    packets: u32,
    octets: u32,
}

/// Random starts (RFC 3550, section 5.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoStarts {
    pub(crate) sequence: u16,
    pub(crate) rtx_sequence: u16,
    pub(crate) timestamp: u32,
}

impl VideoSender {
    pub(crate) fn new(
        sources: LayerSources,
        clock: MediaClock,
        starts: VideoStarts,
        counters: Arc<VideoCounters>,
    ) -> Self {
        Self {
            sources,
            clock,
            counters,
            track: None,
            offset: None,
            ready_since: None,
            sequence: SequenceNumber(starts.sequence),
            rtx_sequence: SequenceNumber(starts.rtx_sequence),
            transport_sequence: SequenceNumber(0),
            timestamp_base: starts.timestamp,
            queue: VecDeque::new(),
            repairs: VecDeque::new(),
            history: SendHistory::new(),
            bandwidth: Bandwidth::new(),
            next_burst: None,
            debt: 0.0,
            debt_at: clock.origin,
            asked: 100,
            skipping: true,
            linger_until: None,
            next_report: None,
            reports: 0,
            packets: 0,
            octets: 0,
        }
    }

    /// Shows these pictures, or none.
    pub(crate) fn show(&mut self, track: Option<Arc<VideoTrack>>) {
        let same = match (&self.track, &track) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        self.track = track;
        self.offset = None;
        self.ready_since = None;
        self.linger_until = None;
        self.queue.clear();
        self.skipping = true;
        self.counters
            .asked
            .store(u64::from(self.asked), Ordering::Relaxed);
        if let Some(track) = &self.track {
            track.tell_asked(self.asked);
            // Whoever watched before the pictures began has asked for a keyframe too early to be heard.
            if self.asked > 0 {
                track.request_keyframe();
            }
        }
    }

    /// How good the pictures are wanted.
    pub(crate) fn asked(&mut self, quality: u8) {
        let begins = self.asked == 0 && quality > 0;
        self.asked = quality;
        self.counters.asked.store(u64::from(quality), Ordering::Relaxed);
        if quality == 0 {
            self.queue.clear();
            self.skipping = true;
        }
        if let Some(track) = &self.track {
            track.tell_asked(quality);
            if begins {
                track.request_keyframe();
            }
        }
    }

    /// Takes in what the server says about our packets.
    pub(crate) fn control(&mut self, now: Instant, compound: &[u8]) {
        let own = self.sources.media;
        for packet in rtcp::packets(compound).map_while(Result::ok) {
            match packet {
                RtcpPacket::Nack(nack) if nack.media == own => {
                    self.repairs.extend(nack.sequence_numbers().take(MOST_REPAIRS));
                    self.repairs.truncate(MOST_REPAIRS);
                }
                RtcpPacket::PictureLossIndication(request) if request.media == own => self.keyframe_asked(),
                RtcpPacket::FullIntraRequest(request)
                    if request.entries().any(|entry| entry.media == own) =>
                {
                    self.keyframe_asked();
                }
                RtcpPacket::TransportFeedback(feedback) => self.bandwidth.feedback(now, &feedback),
                RtcpPacket::ReceiverEstimatedBitrate(remb) => self.bandwidth.remb(now, remb.bitrate),
                // Reports on what arrived say no more than the feedback does, and say it later.
                _ => {}
            }
        }
        let estimate = self.bandwidth.estimate(now);
        self.counters.bandwidth.store(estimate, Ordering::Relaxed);
        if let Some(track) = &self.track {
            track.tell_bandwidth(estimate);
        }
    }

    fn keyframe_asked(&mut self) {
        self.counters.keyframes_asked.fetch_add(1, Ordering::Relaxed);
        if let Some(track) = &self.track {
            track.request_keyframe();
        }
    }

    /// Hands what is to be sent now to `send`, which returns the bytes of the datagram. Returns when to be called
    /// again; `None`: not before something happens.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>,
    ) -> Option<Instant> {
        self.repair(now, send);
        let next_frame = self.take_frames(now);
        if self.next_burst.is_none_or(|at| at <= now) {
            self.send_burst(now, send);
        }
        let burst = self
            .next_burst
            .filter(|_| !self.queue.is_empty() || !self.repairs.is_empty());
        let report = self.report(now, send);
        [next_frame, burst, report].into_iter().flatten().min()
    }

    /// Takes the pictures that are due. Returns when the next one is.
    fn take_frames(&mut self, now: Instant) -> Option<Instant> {
        let track = Arc::clone(self.track.as_ref()?);
        let now_ticks = self.clock.ticks(now, VIDEO_CLOCK);
        loop {
            let timestamp = match track.peek() {
                NextFrame::At(timestamp) => timestamp,
                NextFrame::NotReady => return None,
                NextFrame::Ended => return self.linger(&track, now),
                NextFrame::Over => {
                    self.track = None;
                    return None;
                }
            };
            let Some(due) = self.due(&track, timestamp, now, now_ticks) else {
                // The sound is about to begin.
                return Some(now + Duration::from_millis(2));
            };
            if due > now_ticks && !track.is_live {
                return Some(self.clock.at(due));
            }
            let frame = track.take()?;
            track.begins();
            self.frame(&frame, due, now, track.codec);
        }
    }

    /// All pictures are taken: what is on its way may still have to be sent again.
    fn linger(&mut self, track: &VideoTrack, now: Instant) -> Option<Instant> {
        if !self.queue.is_empty() {
            return Some(now + Duration::from_millis(5));
        }
        let until = *self.linger_until.get_or_insert(now + LINGER);
        if until > now {
            return Some(until);
        }
        track.finish();
        self.track = None;
        None
    }

    /// The place of a picture on the clock; `None` while it is not known.
    fn due(&mut self, track: &VideoTrack, timestamp: u64, now: Instant, now_ticks: u64) -> Option<u64> {
        let ready_since = *self.ready_since.get_or_insert(now);
        if let Some(companion) = &track.companion {
            match companion.offset() {
                // Ticks of the video clock are 15/8 of those of the sound's.
                Some(samples) => {
                    self.offset =
                        Some(samples * i64::from(VIDEO_CLOCK / 6_000) / i64::from(SAMPLE_RATE / 6_000));
                }
                None if now.saturating_duration_since(ready_since) < SOUND_PATIENCE => return None,
                None => {}
            }
        }
        let starting_now = now_ticks.cast_signed() - timestamp.cast_signed();
        let offset = *self.offset.get_or_insert(starting_now);
        let due = timestamp.saturating_add_signed(offset);
        let is_lost =
            now_ticks.saturating_sub(due) > MAX_LATENESS && !track.is_live && track.companion.is_none();
        if is_lost {
            self.offset = Some(starting_now);
            return Some(now_ticks);
        }
        Some(due)
    }

    /// Queues a picture, or leaves it out.
    fn frame(&mut self, frame: &ReadyFrame, due: u64, now: Instant, codec: VideoCodec) {
        let estimate = self.bandwidth.estimate(now) as f64 / 8.0;
        let passed = now.saturating_duration_since(self.debt_at).as_secs_f64();
        self.debt = (self.debt - passed * estimate).max(0.0);
        self.debt_at = now;
        let is_too_much = self.debt > CREDIT * estimate;
        self.skipping = (self.skipping && !frame.keyframe) || is_too_much || self.asked == 0;
        if self.skipping {
            self.counters.frames_withheld.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.debt += frame.payloads.bytes() as f64;
        // Timestamps wrap: the low 32 bits are what counts.
        let timestamp = self.timestamp_base.wrapping_add(due as u32);
        self.queue
            .extend((0..frame.payloads.len()).map(|index| VideoPayloadRef {
                payloads: Arc::clone(&frame.payloads),
                index,
                codec,
                timestamp,
            }));
        self.counters.frames_sent.fetch_add(1, Ordering::Relaxed);
    }

    fn send_burst(&mut self, now: Instant, send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>) {
        let (mut bytes, most) = (0, self.bandwidth.burst(now));
        for _ in 0..BURST {
            if bytes > most {
                break;
            }
            let Some(packet) = self.queue.pop_front() else {
                break;
            };
            let header = RtpHeader {
                marker: packet.is_last(),
                payload_type: payload_type(packet.codec),
                sequence_number: self.sequence,
                timestamp: packet.timestamp,
                ssrc: self.sources.media,
            };
            bytes += self.send(now, header, None, packet.payload(), send);
            self.counters.packets_sent.fetch_add(1, Ordering::Relaxed);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(packet.payload().len() as u32);
            self.history.keep(now, self.sequence, packet);
            self.sequence = self.sequence.next();
        }
        if bytes > 0 {
            self.rest(now, bytes);
        }
    }

    /// Sends packets again that the server lost.
    fn repair(&mut self, now: Instant, send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>) {
        if self.next_burst.is_some_and(|at| at > now) {
            return;
        }
        let (mut bytes, most) = (0, self.bandwidth.burst(now));
        for _ in 0..REPAIRS {
            if bytes > most {
                break;
            }
            let Some(lost) = self.repairs.pop_front() else {
                break;
            };
            let Some(packet) = self.history.take_again(now, lost) else {
                continue;
            };
            let header = RtpHeader {
                marker: packet.is_last(),
                payload_type: rtx_payload_type(packet.codec),
                sequence_number: self.rtx_sequence,
                timestamp: packet.timestamp,
                ssrc: self.sources.rtx,
            };
            bytes += self.send(now, header, Some(lost), packet.payload(), send);
            self.rtx_sequence = self.rtx_sequence.next();
            self.counters.retransmitted.fetch_add(1, Ordering::Relaxed);
        }
        if bytes > 0 {
            self.debt += bytes as f64;
            self.rest(now, bytes);
        }
    }

    /// Nothing more is sent until what was sent had its time.
    fn rest(&mut self, now: Instant, bytes: usize) {
        let pace = self.bandwidth.pace(now) / 8.0;
        let wait = Duration::from_secs_f64(bytes as f64 / pace);
        self.next_burst = Some(now + wait);
    }

    /// Sends a packet with its extensions; the bytes of its datagram. A retransmission has the number of the packet that
    /// was lost before its payload (RFC 4588).
    fn send(
        &mut self,
        now: Instant,
        header: RtpHeader,
        lost: Option<SequenceNumber>,
        payload: &[u8],
        send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>,
    ) -> usize {
        let mut bytes = [0; MAX_HEADER];
        let (fixed, behind) = bytes.split_at_mut(FIXED_HEADER_LENGTH);
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, behind);
        let elapsed = now.saturating_duration_since(self.clock.origin);
        let name = if lost.is_some() {
            ExtensionKind::RepairedStreamId
        } else {
            ExtensionKind::StreamId
        };
        let extensions: [(ExtensionKind, &[u8]); 4] = [
            (
                ExtensionKind::AbsoluteSendTime,
                &AbsoluteSendTime::from_elapsed(elapsed).to_bytes(),
            ),
            (
                ExtensionKind::TransportSequence,
                &transport_sequence_bytes(self.transport_sequence),
            ),
            (ExtensionKind::PlayoutDelay, &PlayoutDelay::IMMEDIATE.to_bytes()),
            (name, RID),
        ];
        let written = extensions
            .iter()
            .try_for_each(|(kind, value)| writer.push(kind.native_id(), value))
            .and_then(|()| writer.finish().map(<[u8]>::len));
        fixed.copy_from_slice(&header.to_bytes(true));
        let mut length = FIXED_HEADER_LENGTH + written.expect("the extensions fit");
        if let Some(lost) = lost {
            bytes[length..length + ORIGINAL_SEQUENCE_LENGTH].copy_from_slice(&lost.0.to_be_bytes());
            length += ORIGINAL_SEQUENCE_LENGTH;
        }
        let sent = send(&Outgoing {
            kind: PacketKind::Rtp,
            header: &bytes[..length],
            body: payload,
        });
        let sent = sent.unwrap_or(0);
        self.bandwidth.sent(now, self.transport_sequence, sent);
        self.transport_sequence = self.transport_sequence.next();
        sent
    }

    /// Tells how the stream's clock and the wall clock belong together. Returns when it is due again.
    fn report(
        &mut self,
        now: Instant,
        send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>,
    ) -> Option<Instant> {
        self.track.as_ref().filter(|_| self.packets > 0)?;
        if let Some(due) = self.next_report.filter(|due| *due > now) {
            return Some(due);
        }
        let ticks = self.clock.ticks(now, VIDEO_CLOCK);
        let info = SenderInfo {
            ntp: self.clock.ntp(now),
            rtp_timestamp: self.timestamp_base.wrapping_add(ticks as u32),
            packet_count: self.packets,
            octet_count: self.octets,
        };
        send_report(self.sources.media, info, send);
        self.reports = self.reports.wrapping_add(1);
        let next = now + REPORT_EVERY;
        self.next_report = Some(next);
        Some(next)
    }

    /// How many reports went out. Whoever sends sound as well reports on it as often.
    pub(crate) const fn reports(&self) -> u32 {
        self.reports
    }
}

/// Sends a sender report with an empty name, as native clients do.
pub(crate) fn send_report(
    source: Ssrc,
    info: SenderInfo,
    send: &mut dyn FnMut(&Outgoing<'_>) -> Option<usize>,
) {
    /// Bytes of RTCP that stay in the clear.
    const CLEAR: usize = 8;
    let mut buffer = [0; 64];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer
        .sender_report(source, info, &[])
        .and_then(|()| writer.source_description(source, ""))
        .expect("a report takes 40 bytes");
    let (header, body) = writer.finish().split_at(CLEAR);
    send(&Outgoing {
        kind: PacketKind::Rtcp,
        header,
        body,
    });
}

#[cfg(test)]
mod tests;
