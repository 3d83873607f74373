//! The receiving half of video, without its socket: packets in, pictures to the viewers out, and feedback to the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use voxhall_media::assembly::VideoPacket;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::arrivals::Arrivals;
use voxhall_transport::rtcp::{RtcpWriter, SenderInfo};

use super::VideoFrame;
use super::shared::VideoShared;
use super::stream::VideoStream;

/// How often the server is told when packets arrived.
const ARRIVALS_EVERY: Duration = Duration::from_millis(100);

/// What is missing is asked for in pieces that fit into a datagram.
const MAX_FEEDBACK: usize = 1200;

/// Puts the video of one session together.
#[derive(Debug)]
pub(crate) struct VideoReceiver {
    shared: Arc<VideoShared>,
    streams: HashMap<Ssrc, (UserId, VideoStream)>,
    arrivals: Arrivals,
    origin: Instant,
    arrivals_due: Option<Instant>,
    statuses: Vec<Option<i16>>,
}

impl VideoReceiver {
    pub(crate) fn new(shared: Arc<VideoShared>, now: Instant) -> Self {
        Self {
            shared,
            streams: HashMap::new(),
            arrivals: Arrivals::default(),
            origin: now,
            arrivals_due: None,
            statuses: Vec::new(),
        }
    }

    /// Whether somebody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.shared.viewers.are_there()
    }

    /// Forgets viewers that left; whether one is still there.
    pub(crate) fn wants_ticks(&self) -> bool {
        self.shared.viewers.prune();
        self.shared.viewers.are_there()
    }

    /// A user left, or all did.
    pub(crate) fn forget(&mut self, user: Option<UserId>) {
        self.streams
            .retain(|_, (owner, _)| user.is_some_and(|user| *owner != user));
    }

    /// Notes the number that the server gave a packet on the transport.
    pub(crate) fn numbered(&mut self, now: Instant, number: SequenceNumber) {
        self.arrivals.reserve();
        if self.arrivals.note(number, now) {
            self.arrivals_due = Some(now + ARRIVALS_EVERY);
        }
    }

    /// Takes a packet of the source `ssrc`, from itself or repaired.
    pub(crate) fn packet(
        &mut self,
        now: Instant,
        ssrc: Ssrc,
        user: UserId,
        packet: VideoPacket,
        repaired: bool,
    ) {
        if repaired {
            self.shared
                .counters
                .packets_repaired
                .fetch_add(1, Ordering::Relaxed);
        }
        let (_, stream) = self
            .streams
            .entry(ssrc)
            .or_insert_with(|| (user, VideoStream::new(ssrc, now)));
        stream.packet(now, packet);
        self.deliver(now, ssrc);
    }

    /// Takes in how a source's clock stands.
    pub(crate) fn sender_report(&mut self, now: Instant, ssrc: Ssrc, user: UserId, info: &SenderInfo) {
        let (_, stream) = self
            .streams
            .entry(ssrc)
            .or_insert_with(|| (user, VideoStream::new(ssrc, now)));
        stream.sender_report(now, info);
    }

    fn deliver(&mut self, now: Instant, ssrc: Ssrc) {
        let Some((user, stream)) = self.streams.get_mut(&ssrc) else {
            return;
        };
        let lost = stream.lost();
        while let Some(frame) = stream.frame(now) {
            self.shared
                .counters
                .frames_received
                .fetch_add(1, Ordering::Relaxed);
            self.shared.viewers.publish(&VideoFrame {
                user: *user,
                ssrc,
                codec: frame.codec,
                timestamp: frame.timestamp,
                keyframe: frame.keyframe,
                data: frame.data,
                arrived: frame.arrived,
                captured: stream.clock.and_then(|clock| clock.captured(frame.timestamp)),
            });
        }
        let lost = stream.lost() - lost;
        self.shared
            .counters
            .frames_lost
            .fetch_add(lost, Ordering::Relaxed);
    }

    /// Gives up what is late, and hands what the server is to be told to `send`. `own` is our audio source.
    pub(crate) fn tick(&mut self, now: Instant, own: Ssrc, send: &mut dyn FnMut(Vec<u8>)) {
        let sources: Vec<Ssrc> = self.streams.keys().copied().collect();
        for ssrc in sources {
            self.deliver(now, ssrc);
            if let Some((_, stream)) = self.streams.get_mut(&ssrc) {
                let mut buffer = [0; MAX_FEEDBACK];
                let mut writer = RtcpWriter::new(&mut buffer);
                let asked = stream.feedback(now, own, &mut writer);
                self.shared
                    .counters
                    .packets_asked
                    .fetch_add(asked.packets as u64, Ordering::Relaxed);
                self.shared
                    .counters
                    .keyframes_requested
                    .fetch_add(u64::from(asked.keyframe), Ordering::Relaxed);
                if !writer.is_empty() {
                    send(writer.finish().to_vec());
                }
            }
        }
        if self.arrivals_due.is_some_and(|due| due <= now) {
            self.arrivals_due = None;
            self.report_arrivals(own, send);
        }
    }

    fn report_arrivals(&mut self, own: Ssrc, send: &mut dyn FnMut(Vec<u8>)) {
        // Some receivers look at whose packets are reported on; any of the transport's will do.
        let media = self.streams.keys().next().copied().unwrap_or(Ssrc::NONE);
        let report = self.arrivals.report(own, media, self.origin, &mut self.statuses);
        let Some(header) = report else {
            return;
        };
        let mut buffer = [0; MAX_FEEDBACK];
        let mut writer = RtcpWriter::new(&mut buffer);
        if writer.transport_feedback(&header, &self.statuses).is_ok() {
            send(writer.finish().to_vec());
        }
    }
}
