//! Estimators at work on a network in virtual time.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_sim::{Bottleneck, Conditions, Network, Random};
use voxhall_transport::SequenceNumber;
use voxhall_transport::rtcp::{self, FeedbackHeader, RtcpPacket, RtcpWriter};

use super::{Bitrate, Estimator};

mod longer_ways;

const SENDER: &str = "192.0.2.1:1";
const RECEIVER: &str = "10.0.0.1:1";
const FRAME: Duration = Duration::from_millis(33);
const REPORT_EVERY: Duration = Duration::from_millis(100);
const PACKET: usize = 1_000;

/// How much the sender has to send.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// As much as the estimate allows, up to so much.
    Adaptive(Bitrate),
    /// Always so much.
    Fixed(Bitrate),
}

/// Video that goes to one receiver, which reports its arrivals.
struct Link {
    now: Instant,
    start: Instant,
    network: Network,
    way_down: Conditions,
    estimator: Estimator,
    source: Source,
    /// Bytes that are due but less than a packet.
    owed: f64,
    next_frame: Instant,
    next_report: Instant,
    receiver: Receiver,
    /// What happens to the reports.
    way_up: Conditions,
}

/// The receiver's notes: which number came when, since the last report.
#[derive(Default)]
struct Receiver {
    arrived: Vec<(u16, Instant)>,
    next: u16,
    count: u8,
    /// What arrived, padding included.
    bytes: u64,
}

impl Link {
    fn new(seed: u64, way_down: Conditions, source: Source) -> Self {
        let now = Instant::now();
        let mut network = Network::new(seed, Conditions::PERFECT);
        network.set_last_link(address(RECEIVER), way_down);
        Self {
            now,
            start: now,
            network,
            way_down,
            estimator: Estimator::new(now),
            source,
            owed: 0.0,
            next_frame: now,
            next_report: now + REPORT_EVERY,
            receiver: Receiver::default(),
            way_up: Conditions {
                latency: Duration::from_millis(25),
                ..Conditions::PERFECT
            },
        }
    }

    fn set_way_down(&mut self, conditions: Conditions) {
        self.way_down = conditions;
        self.network.set_last_link(address(RECEIVER), conditions);
    }

    fn estimate(&self) -> u64 {
        self.estimator.estimate().map_or(0, |rate| rate.0 / 1_000)
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.network.set_last_link(address(SENDER), self.way_up);
        while let Some(at) = self.next_step().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// Runs and returns the estimates of each 100 ms.
    fn watch(&mut self, time: Duration) -> Vec<u64> {
        let steps = time.as_millis() / 100;
        (0..steps)
            .map(|_| {
                self.run(Duration::from_millis(100));
                self.estimate()
            })
            .collect()
    }

    fn next_step(&self) -> Option<Instant> {
        let timers = [Some(self.next_frame), Some(self.next_report)];
        let others = [self.network.next_delivery(), self.estimator.poll_timeout()];
        timers.into_iter().chain(others).flatten().min()
    }

    fn step(&mut self) {
        while let Some(datagram) = self.network.deliver(self.now) {
            if datagram.to == address(RECEIVER) {
                self.receiver.take(self.now, &datagram.payload);
            } else {
                self.take_report(&datagram.payload);
            }
        }
        if self.next_frame <= self.now {
            self.next_frame += FRAME;
            self.send_frame();
        }
        if self.next_report <= self.now {
            self.next_report += REPORT_EVERY;
            if let Some(report) = self.receiver.report(self.start) {
                self.network
                    .send(self.now, address(RECEIVER), address(SENDER), report);
            }
        }
        self.estimator.on_timeout(self.now);
        while let Some(probe) = self.estimator.probe(self.now, true) {
            for _ in 0..probe.bytes.div_ceil(280) {
                self.send(280);
            }
        }
    }

    fn send_frame(&mut self) {
        let rate = match self.source {
            Source::Adaptive(most) => self.estimator.estimate().unwrap_or(most).min(most),
            Source::Fixed(rate) => rate,
        };
        self.owed += rate.bytes_in(FRAME.as_micros() as u64) as f64;
        while self.owed >= PACKET as f64 {
            self.owed -= PACKET as f64;
            self.send(PACKET);
        }
    }

    fn send(&mut self, bytes: usize) {
        let mut payload = vec![0; bytes];
        payload[..2].copy_from_slice(&self.estimator.next_sequence().0.to_be_bytes());
        self.estimator.on_sent(self.now, bytes);
        self.network
            .send(self.now, address(SENDER), address(RECEIVER), payload);
    }

    fn take_report(&mut self, report: &[u8]) {
        for packet in rtcp::packets(report) {
            if let Ok(RtcpPacket::TransportFeedback(feedback)) = packet {
                self.estimator.on_feedback(self.now, &feedback);
            }
        }
    }
}

impl Receiver {
    fn take(&mut self, now: Instant, payload: &[u8]) {
        self.bytes += payload.len() as u64;
        self.arrived
            .push((u16::from_be_bytes([payload[0], payload[1]]), now));
    }

    fn report(&mut self, start: Instant) -> Option<Vec<u8>> {
        let first = self.next;
        let newest = self
            .arrived
            .iter()
            .map(|(number, _)| number.wrapping_sub(first))
            .filter(|ahead| *ahead < 0x8000)
            .max()?;
        let (_, first_at) = *self.arrived.first()?;
        let reference = (first_at - start).as_micros() as i64 / 64_000;
        let mut last = reference * 64_000;
        let statuses: Vec<Option<i16>> = (0..=newest)
            .map(|ahead| {
                let number = first.wrapping_add(ahead);
                let (_, at) = self.arrived.iter().find(|(arrived, _)| *arrived == number)?;
                let delta = ((*at - start).as_micros() as i64 - last) / 250;
                last += delta * 250;
                i16::try_from(delta).ok()
            })
            .collect();
        self.arrived.clear();
        self.next = first.wrapping_add(newest).wrapping_add(1);
        let header = FeedbackHeader {
            sender: Ssrc(2),
            media: Ssrc(3),
            base_sequence: SequenceNumber(first),
            reference_time: reference as i32,
            feedback_count: self.count,
        };
        self.count = self.count.wrapping_add(1);
        let mut buffer = [0; 1_400];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.transport_feedback(&header, &statuses).expect("it fits");
        Some(writer.finish().to_vec())
    }
}

fn address(text: &str) -> std::net::SocketAddr {
    text.parse().expect("an address")
}

const fn wire(latency: u64) -> Conditions {
    Conditions {
        latency: Duration::from_millis(latency),
        jitter: Duration::from_millis(1),
        ..Conditions::PERFECT
    }
}

const fn bottleneck(kilobits: u32, queue: u64) -> Conditions {
    Conditions {
        bottleneck: Some(Bottleneck {
            bits_per_second: kilobits * 1_000,
            queue: Duration::from_millis(queue),
        }),
        ..wire(20)
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn mean(estimates: &[u64]) -> u64 {
    estimates.iter().sum::<u64>() / estimates.len() as u64
}

/// A link of more than two megabits, whose estimate has got there.
fn wide_link(seed: u64) -> Link {
    let mut link = Link::new(seed, wire(20), Source::Adaptive(Bitrate::kilobits(2_000)));
    link.estimator.set_goal(Some(Bitrate::kilobits(2_000)));
    link.run(20 * SECOND);
    assert!(link.estimate() >= 2_000, "{}", link.estimate());
    link
}

#[test]
fn it_finds_a_bottleneck_within_seconds_and_what_comes_after_it() {
    for (seed, queue) in [(1, 100), (2, 200), (3, 500), (4, 1_000)] {
        let mut link = wide_link(seed);
        link.set_way_down(bottleneck(300, queue));
        link.run(5 * SECOND);
        let found = link.watch(15 * SECOND);
        let context = format!("seed {seed}, queue of {queue} ms: {found:?}");
        assert!(
            (240..=300).contains(&mean(&found)),
            "mean {}, {context}",
            mean(&found)
        );
        assert!(found.iter().all(|rate| (150..=345).contains(rate)), "{context}");
        link.set_way_down(wire(20));
        let wide = link.watch(30 * SECOND);
        assert!(
            wide.last() >= Some(&2_000),
            "seed {seed}, queue of {queue} ms: {wide:?}"
        );
    }
}

#[test]
fn what_it_begins_with_is_corrected_within_seconds() {
    let mut link = Link::new(
        5,
        bottleneck(150, 300),
        Source::Adaptive(Bitrate::kilobits(2_000)),
    );
    link.run(6 * SECOND);
    let found = link.watch(10 * SECOND);
    assert!((100..=160).contains(&mean(&found)), "{found:?}");
}

#[test]
fn the_queue_stays_short_so_that_voices_are_not_late() {
    let mut link = wide_link(6);
    link.set_way_down(bottleneck(300, 1_000));
    link.run(10 * SECOND);
    let mut waits = Vec::new();
    for _ in 0..200 {
        link.run(Duration::from_millis(50));
        waits.push(link.estimator.waiting().as_millis() as u64);
    }
    assert!(mean(&waits) < 150, "{waits:?}");
}

/// Layers are taken away when the estimate falls, and voices bear no numbers: then next to nothing arrives.
#[test]
fn what_is_sent_less_after_a_reduction_is_no_reason_for_another() {
    for seed in 20..40 {
        let mut link = Link::new(seed, wire(20), Source::Fixed(Bitrate::kilobits(400)));
        link.run(5 * SECOND);
        link.set_way_down(bottleneck(300, 1_000));
        let mut waited = Duration::ZERO;
        while link.estimate() > 300 {
            assert!(waited < 5 * SECOND, "seed {seed}: {}", link.estimate());
            link.run(Duration::from_millis(20));
            waited += Duration::from_millis(20);
        }
        link.source = Source::Fixed(Bitrate::kilobits(30));
        let after = link.watch(5 * SECOND);
        assert!(after.iter().all(|rate| *rate > 150), "seed {seed}: {after:?}");
    }
}

#[test]
fn random_losses_count_by_their_share() {
    let after_ten_seconds = |loss| {
        let way = Conditions { loss, ..wire(20) };
        let mut link = Link::new(7, way, Source::Fixed(Bitrate::kilobits(1_000)));
        link.run(10 * SECOND);
        link.estimate()
    };
    assert!(after_ten_seconds(0.0) >= 1_000);
    assert!(after_ten_seconds(0.02) >= 1_000);
    assert!(after_ten_seconds(0.2) <= 500);
}

/// A link whose estimate a bottleneck has taken to a third of a megabit, and that is wide again since, while only
/// 150 kbit/s are there to send.
fn application_limited(seed: u64) -> Link {
    let mut link = wide_link(seed);
    link.estimator.set_goal(None);
    link.set_way_down(bottleneck(300, 200));
    link.run(5 * SECOND);
    link.source = Source::Fixed(Bitrate::kilobits(150));
    link.set_way_down(wire(20));
    link
}

#[test]
fn who_sends_little_learns_nothing_about_the_rest() {
    let mut link = application_limited(8);
    let limited = link.watch(60 * SECOND);
    assert!(limited.iter().all(|rate| *rate < 400), "{limited:?}");
}

#[test]
fn a_probe_shows_room_with_little_padding() {
    let mut link = application_limited(9);
    link.run(SECOND);
    let before = link.receiver.bytes;
    link.estimator.set_goal(Some(Bitrate::kilobits(800)));
    link.run(5 * SECOND);
    assert!(link.estimate() >= 800, "{}", link.estimate());
    let padding = (link.receiver.bytes - before).saturating_sub(150 * 1_000 / 8 * 5);
    assert!(padding < 30_000, "{padding} bytes");
}

#[test]
fn probes_that_fail_do_no_harm_and_become_seldom() {
    let mut link = application_limited(10);
    link.set_way_down(bottleneck(300, 500));
    link.run(SECOND);
    link.estimator.set_goal(Some(Bitrate::kilobits(800)));
    link.run(10 * SECOND);
    let before = link.receiver.bytes;
    let limited = link.watch(60 * SECOND);
    assert!(
        limited.iter().all(|rate| (150..400).contains(rate)),
        "{limited:?}"
    );
    let padding = (link.receiver.bytes - before).saturating_sub(150 * 1_000 / 8 * 60);
    assert!(padding < 30_000, "{padding} bytes");
}

#[test]
fn reports_may_be_lost_doubled_and_out_of_order() {
    let bad_way = Conditions {
        loss: 0.3,
        duplication: 0.2,
        reordering: 0.2,
        hold_back: Duration::from_millis(250),
        ..wire(25)
    };
    for seed in 11..15 {
        let mut link = wide_link(seed);
        link.way_up = bad_way;
        link.run(10 * SECOND);
        assert!(link.estimate() >= 1_500, "seed {seed}: {}", link.estimate());
        link.set_way_down(bottleneck(300, 300));
        link.run(8 * SECOND);
        let found = link.watch(15 * SECOND);
        assert!((200..=310).contains(&mean(&found)), "seed {seed}: {found:?}");
    }
}

#[test]
fn without_reports_the_estimate_shrinks_until_they_come_again() {
    let mut link = wide_link(15);
    let good_way = link.way_up;
    link.way_up.loss = 1.0;
    link.run(2 * SECOND);
    assert!(link.estimate() >= 2_000, "a moment is no reason");
    link.run(8 * SECOND);
    assert!(link.estimate() < 1_000, "{}", link.estimate());
    link.run(60 * SECOND);
    assert_eq!(link.estimate(), 50, "and not below what a call needs to go on");
    link.way_up = good_way;
    link.run(30 * SECOND);
    assert!(link.estimate() >= 2_000, "{}", link.estimate());
}

#[test]
fn who_reports_no_arrivals_is_judged_by_what_else_it_says() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    let mut now = start;
    let mut send_for = |estimator: &mut Estimator, millis: u32| {
        for _ in 0..millis / 10 {
            now += Duration::from_millis(10);
            estimator.on_sent(now, 1_000);
            estimator.on_timeout(now);
        }
        now
    };
    let at = send_for(&mut estimator, 6_000);
    assert_eq!(estimator.estimate(), None, "nothing is known");
    estimator.on_loss_report(at, 0.01);
    assert_eq!(estimator.estimate(), None, "no reason for a limit");
    estimator.on_loss_report(at, 0.5);
    let lowered = estimator.estimate().expect("a reason");
    assert!((580..=620).contains(&(lowered.0 / 1_000)), "{lowered}");
    let at = send_for(&mut estimator, 2_000);
    estimator.on_loss_report(at, 0.0);
    assert!(estimator.estimate() > Some(lowered));
    estimator.on_remb(at, Bitrate::kilobits(400));
    assert_eq!(estimator.estimate(), Some(Bitrate::kilobits(400)));
    estimator.set_goal(Some(Bitrate::kilobits(700)));
    assert_eq!(estimator.probe(at, true), None, "nobody would report on it");
    assert_eq!(
        estimator.estimate(),
        Some(Bitrate::kilobits(700)),
        "so it is tried"
    );
    estimator.on_remb(at, Bitrate::kilobits(400));
    assert_eq!(estimator.probe(at + SECOND, true), None);
    assert_eq!(
        estimator.estimate(),
        Some(Bitrate::kilobits(400)),
        "but not again at once"
    );
}

#[test]
fn who_was_sent_nothing_for_long_is_probed_all_the_same() {
    let mut link = application_limited(17);
    link.source = Source::Fixed(Bitrate::ZERO);
    link.run(60 * SECOND);
    link.estimator.set_goal(Some(Bitrate::kilobits(800)));
    link.run(5 * SECOND);
    assert!(link.estimate() >= 800, "{}", link.estimate());
}

#[test]
fn any_report_is_taken() {
    let start = Instant::now();
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut estimator = Estimator::new(start);
        estimator.set_goal(Some(Bitrate(u64::MAX)));
        let mut now = start;
        for _ in 0..200 {
            now += random.up_to(Duration::from_millis(300));
            for _ in 0..random.below(20) {
                estimator.on_sent(now, random.below(1_500));
            }
            let header = FeedbackHeader {
                sender: Ssrc(2),
                media: Ssrc(3),
                base_sequence: SequenceNumber(
                    estimator.next_sequence().0.wrapping_sub(random.below(40) as u16),
                ),
                reference_time: random.bits() as i32 >> 8 >> random.below(24),
                feedback_count: random.bits() as u8,
            };
            let statuses: Vec<Option<i16>> = (0..random.below(60))
                .map(|_| random.chance(0.7).then(|| random.bits() as i16))
                .collect();
            let mut buffer = [0; 1_400];
            let mut writer = RtcpWriter::new(&mut buffer);
            if writer.transport_feedback(&header, &statuses).is_ok() {
                let packet = rtcp::packets(writer.finish()).next();
                if let Some(Ok(RtcpPacket::TransportFeedback(feedback))) = packet {
                    estimator.on_feedback(now, &feedback);
                }
            }
            estimator.on_remb(now, Bitrate(random.bits()));
            estimator.on_loss_report(now, f64::from_bits(random.bits()));
            estimator.on_timeout(now);
            estimator.probe(now, seed % 2 == 0);
            if let Some(estimate) = estimator.estimate() {
                assert!(
                    (50_000..=50_000_000).contains(&estimate.0),
                    "seed {seed}: {estimate}"
                );
            }
        }
    }
}

#[test]
fn an_estimator_allocates_nothing_once_it_is_made() {
    let mut link = wide_link(16);
    let mut report = Vec::new();
    for _ in 0..10 {
        link.send(1_000);
        link.receiver
            .arrived
            .push((link.estimator.next_sequence().0.wrapping_sub(1), link.now));
    }
    report.extend(link.receiver.report(link.start).expect("something arrived"));
    let counted = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            link.estimator.on_sent(link.now, 1_000);
        }
        link.take_report(&report);
        link.estimator.on_timeout(link.now + 10 * SECOND);
        link.estimator.probe(link.now + 10 * SECOND, true);
    });
    assert_eq!(counted.count_total, 0);
}
