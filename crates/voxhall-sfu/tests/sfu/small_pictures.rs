//! A publisher of one layer sends a smaller picture where nobody can take the large one, and only there.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use voxhall_sfu::Command;
use voxhall_transport::rtcp::{self, RtcpPacket};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{PayloadType, SequenceNumber};

use crate::browser::{DELTA, KEYFRAME};
use crate::common::{Received, VP8};
use crate::stage::{SECOND, Stage, TICK, WIDE, narrow, rtp};

/// What the camera sends if nobody asks for less.
const WANTED: u64 = 1_200_000;
/// How long its encoder takes to change its rate.
const REACTION: Duration = Duration::from_millis(200);
/// A keyframe takes as much as so many other pictures, which are smaller for it.
const KEYFRAME_SIZE: f64 = 8.0;
/// How much faster than it is told our client's packets follow each other.
const PACE: f64 = 1.25;
const LARGEST_PACKET: f64 = 1_000.0;

/// The camera of a publisher that numbers its packets and obeys REMB.
struct Camera {
    /// What it does not exceed, and from when on.
    limits: Vec<(Instant, u64)>,
    read: usize,
    sequence: u16,
    /// Bytes that its rate allows and that were not sent, or were sent too much.
    owed: f64,
    wants_keyframe: bool,
    obeys: bool,
    /// What it shows if it does not encode by itself.
    movie: Option<Movie>,
}

/// A file whose pictures are as they are, as our client shows it: what does not fit is left out up to a keyframe, and
/// packets follow each other not much faster than it is told.
#[derive(Default)]
struct Movie {
    /// Packets: whether of a keyframe, whether the last of a picture.
    queue: VecDeque<(bool, bool)>,
    debt: f64,
    skipping: bool,
    credit: f64,
}

struct Call {
    stage: Stage,
    camera: Camera,
}

impl Call {
    fn new() -> Self {
        let stage = Stage::new(&[[0, 0]], &[100]);
        let camera = Camera {
            limits: vec![(stage.world.now, u64::MAX)],
            read: 0,
            sequence: 0,
            owed: 0.0,
            wants_keyframe: true,
            obeys: true,
            movie: None,
        };
        Self { stage, camera }
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            self.camera.listen(&self.stage);
            self.camera.film(&mut self.stage);
            self.stage.run(TICK);
        }
    }

    /// What a viewer gets during the next time, in kbit/s, and the longest time without a picture.
    fn watch(&mut self, viewer: usize, time: Duration) -> (u64, Duration) {
        let start = self.stage.world.clients[viewer].inbox.len();
        let mut before = self.stage.world.now;
        self.run(time);
        let layer = self.stage.layer(0);
        let bytes: usize = rtp(&self.stage.world, viewer, start)
            .filter(|packet| packet.ssrc() == layer)
            .map(|packet| packet.payload().len())
            .sum();
        let mut longest = Duration::ZERO;
        for (at, received) in &self.stage.world.clients[viewer].inbox[start..] {
            let Received::Rtp(bytes) = received else { continue };
            if bytes[8..12] == layer.0.to_be_bytes() {
                longest = longest.max(*at - before);
                before = *at;
            }
        }
        longest = longest.max(self.stage.world.now - before);
        (bytes as u64 * 8 / time.as_millis() as u64, longest)
    }
}

impl Camera {
    /// Takes what the server asks for.
    fn listen(&mut self, stage: &Stage) {
        let inbox = &stage.world.clients[stage.publisher].inbox;
        for (at, received) in &inbox[self.read..] {
            let Received::Rtcp(bytes) = received else { continue };
            for packet in rtcp::packets(bytes) {
                match packet.unwrap() {
                    RtcpPacket::ReceiverEstimatedBitrate(limit) if self.obeys => {
                        assert!(limit.media().eq([stage.layer(0)]));
                        self.limits.push((*at + REACTION, limit.bitrate));
                    }
                    RtcpPacket::PictureLossIndication(_) => self.wants_keyframe = true,
                    _ => {}
                }
            }
        }
        self.read = inbox.len();
    }

    /// What it may send.
    fn limit(&self, now: Instant) -> u64 {
        let limit = self.limits.iter().rfind(|(from, _)| *from <= now);
        limit.expect("it begins with one").1
    }

    /// Sends one picture.
    fn film(&mut self, stage: &mut Stage) {
        let rate = self.limit(stage.world.now).min(WANTED);
        if self.movie.is_some() {
            return self.show(stage);
        }
        let share = rate as f64 / 8.0 * TICK.as_secs_f64();
        self.owed += share;
        let (kind, size) = if std::mem::take(&mut self.wants_keyframe) {
            (KEYFRAME, KEYFRAME_SIZE * share)
        } else {
            (DELTA, self.owed.clamp(0.2 * share, 2.0 * share))
        };
        self.owed -= size;
        let packets = (size / LARGEST_PACKET).ceil();
        for packet in 1..=packets as usize {
            let payload = [kind, &vec![0; (size / packets) as usize]].concat();
            self.send(stage, packet == packets as usize, &payload);
        }
    }

    /// Shows the next picture of the movie.
    fn show(&mut self, stage: &mut Stage) {
        let limit = self.limit(stage.world.now).clamp(100_000, 10 * WANTED) as f64 / 8.0;
        let tick = TICK.as_secs_f64();
        let Some(mut movie) = self.movie.take() else {
            return;
        };
        let keyframe = stage.tick.is_multiple_of(100);
        let packets = if keyframe { 9 } else { 3 };
        movie.debt = (movie.debt - limit * tick).max(0.0);
        movie.skipping = (movie.skipping && !keyframe) || movie.debt > limit;
        if !movie.skipping {
            movie.debt += f64::from(packets) * LARGEST_PACKET;
            movie
                .queue
                .extend((1..=packets).map(|packet| (keyframe, packet == packets)));
        }
        movie.credit = (movie.credit + PACE * limit * tick).min(PACE * limit * tick);
        while movie.credit > 0.0
            && let Some((keyframe, last)) = movie.queue.pop_front()
        {
            movie.credit -= LARGEST_PACKET;
            let kind = if keyframe { KEYFRAME } else { DELTA };
            let payload = [kind, &[0; LARGEST_PACKET as usize]].concat();
            self.send(stage, last, &payload);
        }
        self.movie = Some(movie);
    }

    fn send(&mut self, stage: &mut Stage, last: bool, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let ssrc = stage.layer(0);
        let header = RtpHeader {
            marker: last,
            payload_type: PayloadType::new(VP8).unwrap(),
            sequence_number: SequenceNumber(self.sequence),
            timestamp: stage.tick * 1_800,
            ssrc,
        };
        let [high, low] = self.sequence.to_be_bytes();
        let number = [0xbe, 0xde, 0, 1, 0x51, high, low, 0];
        let datagram = stage.world.clients[stage.publisher].seal(header, &number, payload);
        stage.world.send(stage.publisher, datagram);
    }
}

/// A call of two, which has gone on for a while.
fn call_of_two() -> (Call, usize) {
    let mut call = Call::new();
    let viewer = call.stage.viewer();
    call.run(5 * SECOND);
    let (rate, longest) = call.watch(viewer, 5 * SECOND);
    assert!(rate > 1_100 && longest < SECOND / 10, "{rate} {longest:?}");
    assert_eq!(call.camera.limit(call.stage.world.now), u64::MAX, "nobody asked");
    (call, viewer)
}

#[test]
fn in_a_call_of_two_the_picture_becomes_smaller_instead_of_pausing() {
    let (mut call, viewer) = call_of_two();
    call.stage.set_link_of(viewer, narrow(300));
    let (_, longest) = call.watch(viewer, 5 * SECOND);
    assert!(longest < 3 * SECOND / 2, "{longest:?} until it follows");
    let (start, first) = (call.stage.world.clients[viewer].inbox.len(), call.stage.tick);
    for _ in 0..12 {
        let (rate, longest) = call.watch(viewer, 5 * SECOND);
        assert!((90..270).contains(&rate), "{rate}");
        assert!(longest < SECOND / 2, "{longest:?} at {rate}");
    }
    call.stage.world.run(SECOND);
    let heard = call.stage.heard(viewer, start);
    let of_this_time = heard.iter().filter(|tick| **tick >= first).count();
    assert!(of_this_time >= 2_970, "{of_this_time} of 3000 words");
}

#[test]
fn the_picture_becomes_large_again_when_the_link_is_wide_again() {
    let (mut call, viewer) = call_of_two();
    call.stage.set_link_of(viewer, narrow(300));
    call.run(20 * SECOND);
    call.stage.set_link_of(viewer, WIDE);
    let (_, longest) = call.watch(viewer, 25 * SECOND);
    assert!(longest < SECOND / 2, "{longest:?}");
    let (rate, longest) = call.watch(viewer, 10 * SECOND);
    assert!(rate > 1_100 && longest < SECOND / 10, "{rate} {longest:?}");
    assert!(
        call.camera.limit(call.stage.world.now) > 10 * WANTED,
        "it is free again"
    );
    let told = call.camera.limits.len();
    call.run(10 * SECOND);
    assert_eq!(call.camera.limits.len(), told, "and told nothing any more");
}

#[test]
fn nobodys_good_link_suffers_from_anothers_narrow_one() {
    let (mut call, wide) = call_of_two();
    let other = call.stage.viewer();
    call.run(2 * SECOND);
    call.stage.set_link_of(other, narrow(300));
    let (rate, longest) = call.watch(wide, 40 * SECOND);
    assert!(rate > 1_150 && longest < SECOND / 10, "{rate} {longest:?}");
    assert_eq!(call.camera.limit(call.stage.world.now), u64::MAX, "nobody asked");
}

#[test]
fn of_two_narrow_links_the_wider_one_counts() {
    let (mut call, one) = call_of_two();
    let other = call.stage.viewer();
    call.run(2 * SECOND);
    call.stage.set_link_of(one, narrow(250));
    call.stage.set_link_of(other, narrow(800));
    call.run(20 * SECOND);
    let (rate, longest) = call.watch(other, 20 * SECOND);
    assert!((400..760).contains(&rate), "{rate}");
    assert!(longest < SECOND / 2, "{longest:?}");
    let member = call.stage.world.clients[other].id;
    call.stage.world.command(Command::RemoveMember { member });
    call.run(5 * SECOND);
    let (rate, longest) = call.watch(one, 20 * SECOND);
    assert!((80..230).contains(&rate), "{rate}");
    assert!(longest < SECOND / 2, "{longest:?}");
}

#[test]
fn who_joins_with_a_wide_link_gets_the_large_picture() {
    let (mut call, one) = call_of_two();
    call.stage.set_link_of(one, narrow(300));
    call.run(15 * SECOND);
    let other = call.stage.viewer();
    call.run(5 * SECOND);
    let (rate, longest) = call.watch(other, 5 * SECOND);
    assert!(rate > 1_150 && longest < SECOND / 10, "{rate} {longest:?}");
}

#[test]
fn a_publisher_that_does_not_follow_is_paused() {
    let (mut call, viewer) = call_of_two();
    call.camera.obeys = false;
    call.stage.set_link_of(viewer, narrow(300));
    call.run(10 * SECOND);
    let (rate, _) = call.watch(viewer, 20 * SECOND);
    assert!(rate < 60, "{rate}");
    call.stage.set_link_of(viewer, WIDE);
    call.run(40 * SECOND);
    assert!(call.watch(viewer, 5 * SECOND).0 > 1_100);
}

#[test]
fn of_a_movie_as_much_is_shown_as_fits_beside_the_voices() {
    let (mut call, viewer) = call_of_two();
    call.camera.movie = Some(Movie::default());
    call.run(5 * SECOND);
    call.stage.set_link_of(viewer, narrow(300));
    call.run(5 * SECOND);
    let (start, first) = (call.stage.world.clients[viewer].inbox.len(), call.stage.tick);
    let (rate, longest) = call.watch(viewer, 40 * SECOND);
    assert!((80..250).contains(&rate), "{rate}");
    assert!(longest < 2 * SECOND, "{longest:?}");
    call.stage.world.run(SECOND);
    let heard = call.stage.heard(viewer, start);
    let of_this_time = heard.iter().filter(|tick| **tick >= first).count();
    assert!(of_this_time >= 1_980, "{of_this_time} of 2000 words");
}
