use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;
use voxhall_media::video::{EncodedFrame, VideoSource};
use voxhall_transport::extension::transport_sequence;
use voxhall_transport::rtcp::{FeedbackHeader, FirEntry};
use voxhall_transport::rtx::RtxPayload;
use voxhall_transport::{PayloadType, RtpPacket};

use super::*;
use crate::track::TrackState;
use crate::video::track::{Companion, VideoInput};

const SOURCES: LayerSources = LayerSources {
    media: Ssrc(11),
    rtx: Ssrc(12),
};
const SERVER: Ssrc = Ssrc(1);
const FRAME: u64 = 3_000;

/// Pictures of VP8, `size` bytes each, every tenth a keyframe.
struct Pictures {
    next: u64,
    end: u64,
    size: usize,
}

impl VideoSource for Pictures {
    fn codec(&self) -> VideoCodec {
        VideoCodec::Vp8
    }

    fn next_frame(&mut self) -> voxhall_media::Result<Option<EncodedFrame>> {
        if self.next == self.end {
            return Ok(None);
        }
        let number = self.next;
        self.next += 1;
        let mut data: Vec<u8> = if number.is_multiple_of(10) {
            vec![0x50, 1, 0, 0x9D, 1, 0x2A, 64, 1, 64, 1]
        } else {
            vec![0x51, 1, 0]
        };
        data.resize(self.size, number as u8);
        Ok(Some(EncodedFrame::new(
            VideoCodec::Vp8,
            data.into(),
            number * FRAME,
        )))
    }
}

/// A sender and what it sent.
struct Stage {
    sender: VideoSender,
    track: Arc<VideoTrack>,
    counters: Arc<VideoCounters>,
    start: Instant,
    /// Times in milliseconds, and packets.
    sent: Vec<(u64, Bytes)>,
    reports: Vec<(u64, Bytes)>,
    /// When it wants to be called again.
    next: Option<Instant>,
}

impl Stage {
    fn new(pictures: u64, size: usize) -> Self {
        Self::with(pictures, size, None)
    }

    fn with(pictures: u64, size: usize, companion: Option<Arc<Companion>>) -> Self {
        let start = Instant::now();
        let clock = MediaClock {
            origin: start,
            wall: Duration::from_secs(1_000_000),
        };
        let starts = VideoStarts {
            sequence: 65_530,
            rtx_sequence: 7,
            timestamp: u32::MAX - 5,
        };
        let counters = Arc::new(VideoCounters::default());
        let mut sender = VideoSender::new(SOURCES, clock, starts, Arc::clone(&counters));
        let source = Pictures {
            next: 0,
            end: pictures,
            size,
        };
        let track = VideoTrack::of_source(Box::new(source), companion, 0, Box::new(|_| {}));
        sender.show(Some(Arc::clone(&track)));
        Self {
            sender,
            track,
            counters,
            start,
            sent: Vec::new(),
            reports: Vec::new(),
            next: Some(start),
        }
    }

    fn poll(&mut self, millis: u64) {
        self.track.feed();
        let now = self.start + Duration::from_millis(millis);
        let (sent, reports) = (&mut self.sent, &mut self.reports);
        self.next = self.sender.poll(now, &mut |outgoing| {
            let packet: Bytes = [outgoing.header, outgoing.body].concat().into();
            let length = packet.len();
            match outgoing.kind {
                PacketKind::Rtp => sent.push((millis, packet)),
                PacketKind::Rtcp => reports.push((millis, packet)),
            }
            Some(length)
        });
    }

    /// Lets time pass, calling only when the sender wants it.
    fn run(&mut self, from: u64, to: u64) {
        for millis in from..to {
            let now = self.start + Duration::from_millis(millis);
            if self.next.is_some_and(|next| next <= now) {
                self.poll(millis);
            }
        }
    }

    fn control(&mut self, millis: u64, write: impl FnOnce(&mut RtcpWriter<'_>)) {
        let mut buffer = [0; 1_500];
        let mut writer = RtcpWriter::new(&mut buffer);
        write(&mut writer);
        let now = self.start + Duration::from_millis(millis);
        self.sender.control(now, writer.finish());
    }

    fn media(&self) -> Vec<(u64, RtpPacket<'_>)> {
        let packets = self.sent.iter();
        packets
            .map(|(millis, packet)| (*millis, RtpPacket::parse(packet).unwrap()))
            .collect()
    }
}

#[test]
fn pictures_go_out_at_their_times_in_small_bursts() {
    let mut stage = Stage::new(30, 30_000);
    stage.run(0, 1_000);
    let media = stage.media();
    let frames: Vec<_> = media.iter().filter(|(_, packet)| packet.marker()).collect();
    assert_eq!(frames.len(), 30);
    for (index, (millis, packet)) in frames.iter().enumerate() {
        let due = index as u64 * 1_000 / 30;
        assert!(
            (due..due + 33).contains(millis),
            "picture {index} ended at {millis}"
        );
        let timestamp = (u32::MAX - 5).wrapping_add(index as u32 * FRAME as u32);
        assert_eq!(packet.timestamp(), timestamp);
        assert_eq!(
            (packet.ssrc(), packet.payload_type()),
            (SOURCES.media, payload_type(VideoCodec::Vp8))
        );
    }
    let mut sequence = SequenceNumber(65_530);
    for (place, (_, packet)) in media.iter().enumerate() {
        assert_eq!(packet.sequence_number(), sequence);
        sequence = sequence.next();
        let block = packet.extensions().unwrap();
        let number = block
            .find(ExtensionKind::TransportSequence.native_id())
            .and_then(transport_sequence);
        assert_eq!(number, Some(SequenceNumber(place as u16)));
        assert_eq!(block.find(ExtensionKind::StreamId.native_id()), Some(RID));
        assert!(packet.payload().len() <= 1_180);
    }
    for millis in 0..1_000 {
        let at_once = media.iter().filter(|(at, _)| *at == millis).count();
        assert!(at_once <= BURST, "{at_once} packets at {millis}");
    }
    assert_eq!(
        *stage.track.state.borrow(),
        TrackState::Playing,
        "the last picture may be asked for"
    );
    stage.run(1_000, 1_400);
    assert_eq!(*stage.track.state.borrow(), TrackState::Finished);
}

#[test]
fn the_thread_is_woken_for_bursts_and_not_for_packets() {
    let mut stage = Stage::new(30, 8_000);
    let mut calls = 0;
    for millis in 0..1_000 {
        let now = stage.start + Duration::from_millis(millis);
        if stage.next.is_some_and(|next| next <= now) {
            stage.poll(millis);
            calls += 1;
        }
    }
    assert_eq!(stage.sent.len(), 30 * 7);
    assert!(calls <= 30 * 2 + 4, "{calls} calls");
}

#[test]
fn lost_packets_are_sent_again_on_their_own_source() {
    let mut stage = Stage::new(3, 3_000);
    stage.run(0, 20);
    let original = stage.sent[1].1.clone();
    let original = RtpPacket::parse(&original).unwrap();
    let lost = original.sequence_number();
    stage.control(20, |writer| {
        writer
            .nack(
                SERVER,
                SOURCES.media,
                [lost, SequenceNumber(lost.0.wrapping_add(500))],
            )
            .unwrap();
    });
    stage.poll(20);
    let (_, last) = stage.sent.last().unwrap();
    let again = RtpPacket::parse(last).unwrap();
    assert_eq!(
        (again.ssrc(), again.payload_type()),
        (SOURCES.rtx, rtx_payload_type(VideoCodec::Vp8))
    );
    assert_eq!(
        (again.timestamp(), again.marker()),
        (original.timestamp(), original.marker())
    );
    let carried = RtxPayload::parse(again.payload()).unwrap();
    assert_eq!(
        (carried.original_sequence, carried.original_payload),
        (lost, original.payload())
    );
    let block = again.extensions().unwrap();
    assert_eq!(block.find(ExtensionKind::RepairedStreamId.native_id()), Some(RID));
    assert_eq!(
        stage.counters.read().retransmitted,
        1,
        "what was never sent is not sent again"
    );
    // A request for somebody else's packets is none for ours.
    stage.control(60, |writer| writer.nack(SERVER, Ssrc(99), [lost]).unwrap());
    let before = stage.sent.len();
    stage.poll(60);
    let again = stage.media()[before..]
        .iter()
        .filter(|(_, packet)| packet.ssrc() == SOURCES.rtx)
        .count();
    assert_eq!(again, 0);
}

#[test]
fn nothing_is_sent_that_nobody_wants() {
    let mut stage = Stage::new(60, 2_000);
    stage.run(0, 500);
    let before = stage.sent.len();
    stage.sender.asked(0);
    stage.run(500, 1_050);
    assert_eq!(stage.sent.len(), before);
    stage.sender.asked(100);
    stage.run(1_050, 1_500);
    let media = stage.media();
    let (millis, first) = media[before];
    // The keyframe after number 31, at 1050 ms, is number 40.
    assert_eq!(millis, 1_334);
    assert_eq!(
        first.timestamp(),
        (u32::MAX - 5).wrapping_add(40 * FRAME as u32),
        "time has gone on"
    );
    assert_eq!(
        first.sequence_number().0,
        media[before - 1].1.sequence_number().0.wrapping_add(1),
        "without a gap"
    );
}

/// Whether a keyframe was asked for since the last question.
fn is_keyframe_wanted(input: &VideoInput) -> bool {
    let wanted = pin!(input.keyframe_wanted());
    wanted.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_track_that_begins_owes_a_keyframe_to_who_watches_already() {
    let mut stage = Stage::new(60, 2_000);
    let track = Arc::clone(&stage.track);
    let input = VideoInput::new(Arc::clone(&track));
    assert!(is_keyframe_wanted(&input));
    assert!(!is_keyframe_wanted(&input), "once");
    stage.sender.show(None);
    stage.sender.asked(0);
    stage.sender.show(Some(track));
    assert!(!is_keyframe_wanted(&input), "nobody watches");
    stage.sender.asked(100);
    assert!(is_keyframe_wanted(&input));
}

#[test]
fn pictures_that_do_not_fit_are_left_out_up_to_a_keyframe() {
    let mut stage = Stage::new(150, 20_000);
    // 4.8 Mbit/s, and the server takes a tenth of it.
    stage.run(0, 300);
    for second in 0..5 {
        let millis = 300 + second * 900;
        stage.control(millis, |writer| {
            writer
                .receiver_estimated_bitrate(SERVER, 480_000, &[SOURCES.media])
                .unwrap()
        });
        stage.run(millis, millis + 900);
    }
    let bytes: usize = stage
        .sent
        .iter()
        .filter(|(at, _)| *at >= 1_000)
        .map(|(_, packet)| packet.len())
        .sum();
    let rate = bytes as u64 * 8 / 3_800 * 1_000;
    assert!((200_000..900_000).contains(&rate), "{rate} bits a second");
    assert!(stage.counters.read().frames_withheld > 80);
    // Whatever is sent begins with a keyframe and goes on without a gap.
    let mut last: Option<u64> = None;
    for (_, packet) in stage.media().iter().filter(|(_, packet)| packet.marker()) {
        let number = u64::from(packet.timestamp().wrapping_sub(u32::MAX - 5)) / FRAME;
        assert!(
            number.is_multiple_of(10) || last == Some(number - 1),
            "picture {number} after {last:?}"
        );
        last = Some(number);
    }
}

#[test]
fn a_narrow_link_behind_the_server_is_sent_no_bursts() {
    const LIMIT: u64 = 480_000;
    let mut stage = Stage::new(60, 5_000);
    for millis in (0..2_000).step_by(900) {
        stage.control(millis, |writer| {
            writer
                .receiver_estimated_bitrate(SERVER, LIMIT, &[SOURCES.media])
                .unwrap()
        });
        stage.run(millis, millis + 900);
    }
    let sent = |from: u64, to: u64| -> u64 {
        let packets = stage.sent.iter().filter(|(at, _)| (from..to).contains(at));
        packets.map(|(_, packet)| packet.len() as u64).sum()
    };
    assert!(sent(0, 2_000) > 60_000, "{}", sent(0, 2_000));
    for begin in 0..1_900 {
        let bytes = sent(begin, begin + 100);
        assert!(
            bytes <= LIMIT / 80 * 5 / 4 + 1_300,
            "{bytes} bytes from {begin} on"
        );
    }
}

#[test]
fn keyframe_requests_reach_the_encoder() {
    let start = Instant::now();
    let mut stage = Stage::new(1, 100);
    stage.control(5, |writer| {
        writer.picture_loss_indication(SERVER, SOURCES.media).unwrap();
        let media = SOURCES.media;
        writer
            .full_intra_request(SERVER, &[FirEntry { media, command: 1 }])
            .unwrap();
        writer.picture_loss_indication(SERVER, Ssrc(99)).unwrap();
    });
    assert_eq!(stage.counters.read().keyframes_asked, 2);
    assert!(start <= stage.start);
}

#[test]
fn reports_tell_the_clock() {
    let mut stage = Stage::new(90, 1_000);
    stage.run(0, 3_000);
    let times: Vec<_> = stage.reports.iter().map(|(millis, _)| *millis).collect();
    assert_eq!(times, [0, 1_000, 2_000], "the first with the first picture");
    for (millis, compound) in &stage.reports {
        let Some(Ok(RtcpPacket::SenderReport(report))) = rtcp::packets(compound).next() else {
            panic!("a report");
        };
        assert_eq!(report.sender, SOURCES.media);
        let wall = Duration::from_secs(1_000_000) + Duration::from_millis(*millis);
        assert_eq!(report.info.ntp, NtpTimestamp::from_unix(wall));
        let ticks = (*millis * 90) as u32;
        assert_eq!(report.info.rtp_timestamp, (u32::MAX - 5).wrapping_add(ticks));
    }
}

#[test]
fn pictures_wait_for_their_sound_and_follow_it() {
    let companion = Companion::new();
    let mut stage = Stage::with(60, 1_000, Some(Arc::clone(&companion)));
    stage.run(0, 100);
    assert!(stage.sent.is_empty(), "the sound has not begun");
    // It begins at 100 ms, and is held up by 60 ms later on.
    companion.sounds(0, 4_800);
    stage.run(100, 600);
    companion.sounds(24_000, 24_000 + 4_800 + 2_880);
    stage.run(600, 1_200);
    let times: Vec<_> = stage
        .media()
        .iter()
        .map(|(millis, packet)| {
            let number = packet.timestamp().wrapping_sub(u32::MAX - 5);
            (*millis, number / 90)
        })
        .collect();
    assert_eq!(times[0], (100, 100));
    assert!(
        times
            .iter()
            .all(|(sent, captured)| (0..3).contains(&(*sent as i64 - i64::from(*captured)))),
        "{times:?}"
    );
    let gap = times.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap();
    assert!(
        (90..=95).contains(&gap),
        "the pictures were late with the sound: {gap}"
    );
}

#[test]
fn without_their_sound_pictures_begin_after_a_while() {
    let mut stage = Stage::with(3, 1_000, Some(Companion::new()));
    stage.run(0, 700);
    assert!((500..510).contains(&stage.sent[0].0), "{}", stage.sent[0].0);
}

#[test]
fn hostile_reports_are_survived() {
    let mut stage = Stage::new(30, 3_000);
    stage.run(0, 100);
    let header = FeedbackHeader {
        sender: SERVER,
        media: SOURCES.media,
        base_sequence: SequenceNumber(60_000),
        reference_time: -1,
        feedback_count: 0,
    };
    stage.control(100, |writer| {
        writer
            .transport_feedback(&header, &[Some(i16::MIN), None, Some(i16::MAX)])
            .unwrap();
        writer.receiver_estimated_bitrate(SERVER, 0, &[]).unwrap();
        writer
            .nack(SERVER, SOURCES.media, (0..600).map(SequenceNumber))
            .unwrap();
    });
    stage.sender.control(stage.start, &[0x80, 205, 0xFF, 0xFF, 1]);
    stage.run(100, 1_000);
    assert!(stage.sent.len() > 10);
    assert_eq!(PayloadType::OPUS.number(), 120);
}
