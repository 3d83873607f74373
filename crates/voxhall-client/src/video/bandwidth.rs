//! How much the way to the server carries, told from when packets arrived there (transport-wide congestion control),
//! how many did not (receiver reports), and what the server says it takes (REMB).
//!
//! The estimate begins high, because most ways carry more than a video takes. It falls where packets come later and
//! later after each other than they were sent, or are lost; it rises again slowly.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use voxhall_transport::SequenceNumber;
use voxhall_transport::rtcp::TransportFeedback;

/// Bits per second.
const INITIAL: f64 = 10_000_000.0;
const LEAST: f64 = 100_000.0;
const MOST: f64 = 50_000_000.0;

/// Packets whose time of sending is remembered. A power of two, so that numbers wrap evenly.
const REMEMBERED: usize = 8192;

/// Packets sent within this time count as one group.
const GROUP: Duration = Duration::from_millis(5);

/// Groups over which the trend of delays is looked at.
const WINDOW: usize = 20;

/// A rise of the delay by this share of the time that passed is a queue that grows.
const GROWING: f64 = 0.06;
/// Delay beyond the least of the window, in seconds, that must be there as well: jitter is no queue.
const QUEUE: f64 = 0.015;
const JITTER: f64 = 0.1;
/// Groups that a trend takes at least.
const FEW: usize = 4;

/// How often the estimate may fall.
const FALL_EVERY: Duration = Duration::from_millis(300);
/// By how much it rises in a second.
const RISE: f64 = 1.08;
/// What is left of what arrived when a queue grows.
const BACK_OFF: f64 = 0.85;

/// Loss at which the estimate rises no more, and at which it falls.
const SOME_LOSS: f64 = 0.02;
const MUCH_LOSS: f64 = 0.10;

/// Packets go out so many times faster than the estimate, so that a picture does not take as long as it is shown.
const PACE: f64 = 2.5;
/// And faster than what the server takes, which may be all that a narrow link behind it carries, voices included: so
/// little more than what goes in a moment may go at once.
const PACE_OF_REMB: f64 = 1.25;
const MOMENT: f64 = 0.01;

/// How long a REMB holds.
const REMB_HOLDS: Duration = Duration::from_secs(5);

/// The estimate for one connection.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    estimate: f64,
    sent: Box<[Option<Sent>]>,
    groups: VecDeque<Group>,
    /// The group that grows, and the one before it.
    group: Option<PacketGroup>,
    whole: Option<PacketGroup>,
    /// What arrived, for the rate: when it was reported, and bytes.
    acknowledged: VecDeque<(Instant, usize)>,
    fell: Option<Instant>,
    rose: Option<Instant>,
    lost: u32,
    counted: u32,
    /// The share that was lost lately.
    loss: f64,
    remb: Option<(u64, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    sequence: SequenceNumber,
    at: Instant,
    bytes: usize,
}

/// Packets that were sent together: when they were sent, and when the last of them arrived.
#[derive(Debug, Clone, Copy)]
struct PacketGroup {
    first_sent: Instant,
    last_sent: Instant,
    arrived: f64,
}

/// How much later than it was sent a group came, than the group before it, summed up. In seconds.
#[derive(Debug, Clone, Copy)]
struct Group {
    arrived: f64,
    delay: f64,
}

impl Bandwidth {
    pub(crate) fn new() -> Self {
        Self {
            estimate: INITIAL,
            sent: vec![None; REMEMBERED].into(),
            groups: VecDeque::new(),
            group: None,
            whole: None,
            acknowledged: VecDeque::new(),
            fell: None,
            rose: None,
            lost: 0,
            counted: 0,
            loss: 0.0,
            remb: None,
        }
    }

    /// Bits per second.
    pub(crate) fn estimate(&self, now: Instant) -> u64 {
        let own = self.estimate as u64;
        self.limit(now).map_or(own, |limit| own.min(limit))
    }

    /// How fast packets may follow each other, in bits per second.
    pub(crate) fn pace(&self, now: Instant) -> f64 {
        let own = self.estimate * PACE;
        self.limit(now)
            .map_or(own, |limit| own.min(limit as f64 * PACE_OF_REMB))
    }

    /// After so many bytes no packet more may follow at once.
    pub(crate) fn burst(&self, now: Instant) -> usize {
        match self.limit(now) {
            Some(_) => (self.pace(now) / 8.0 * MOMENT) as usize,
            None => usize::MAX,
        }
    }

    /// What the server takes, if it said so lately.
    fn limit(&self, now: Instant) -> Option<u64> {
        let (remb, at) = self.remb?;
        (now.saturating_duration_since(at) < REMB_HOLDS).then_some(remb.max(LEAST as u64))
    }

    /// Notes a packet that was sent under a number of the transport.
    pub(crate) fn sent(&mut self, now: Instant, sequence: SequenceNumber, bytes: usize) {
        self.sent[usize::from(sequence.0) % REMEMBERED] = Some(Sent {
            sequence,
            at: now,
            bytes,
        });
    }

    /// The server says what it takes.
    pub(crate) fn remb(&mut self, now: Instant, bits_per_second: u64) {
        self.remb = Some((bits_per_second, now));
    }

    /// The server says when packets arrived.
    pub(crate) fn feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        const TICK: f64 = 0.000_25;
        const REFERENCE: f64 = 0.064;
        let mut arrived = f64::from(feedback.header.reference_time) * REFERENCE;
        let (mut reported, mut bytes) = (0_u32, 0);
        for arrival in feedback.arrivals() {
            arrived += f64::from(arrival.delta) * TICK;
            reported += 1;
            let place = &mut self.sent[usize::from(arrival.sequence.0) % REMEMBERED];
            let Some(sent) = place.take_if(|sent| sent.sequence == arrival.sequence) else {
                continue;
            };
            bytes += sent.bytes;
            self.arrived(&sent, arrived);
        }
        self.counted += u32::from(feedback.status_count);
        self.lost += u32::from(feedback.status_count).saturating_sub(reported);
        self.acknowledged.push_back((now, bytes));
        while self
            .acknowledged
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > Duration::from_secs(1))
        {
            self.acknowledged.pop_front();
        }
        self.adapt(now);
    }

    fn arrived(&mut self, sent: &Sent, arrived: f64) {
        if let Some(group) = &mut self.group
            && sent.at.saturating_duration_since(group.first_sent) < GROUP
        {
            group.last_sent = group.last_sent.max(sent.at);
            group.arrived = group.arrived.max(arrived);
            return;
        }
        let next = PacketGroup {
            first_sent: sent.at,
            last_sent: sent.at,
            arrived,
        };
        if let Some(whole) = self.group.replace(next) {
            if let Some(before) = self.whole {
                self.compare(&before, &whole);
            }
            self.whole = Some(whole);
        }
    }

    /// Notes by how much later than it was sent a group came, than the group before it.
    fn compare(&mut self, before: &PacketGroup, group: &PacketGroup) {
        let between_sent = group
            .last_sent
            .saturating_duration_since(before.last_sent)
            .as_secs_f64();
        let later = (group.arrived - before.arrived) - between_sent;
        // A clock that was set is no delay.
        let later = if later.abs() > 3.0 { 0.0 } else { later };
        let delay = self.groups.back().map_or(0.0, |group| group.delay) + later;
        self.groups.push_back(Group {
            arrived: group.arrived,
            delay,
        });
        if self.groups.len() > WINDOW {
            self.groups.pop_front();
        }
    }

    fn adapt(&mut self, now: Instant) {
        let may_fall = self
            .fell
            .is_none_or(|fell| now.saturating_duration_since(fell) >= FALL_EVERY);
        self.count_losses();
        if may_fall && self.is_queue_growing() {
            self.fall(now, self.acknowledged_rate(now) * BACK_OFF);
        } else if may_fall && self.loss > MUCH_LOSS {
            // What arrived is what was sent, less what was lost.
            let sent = self.acknowledged_rate(now) / (1.0 - self.loss).max(0.1);
            self.fall(now, sent.min(self.estimate) * (1.0 - self.loss / 2.0));
        } else if self.loss < SOME_LOSS {
            let passed = self
                .rose
                .map_or(Duration::ZERO, |rose| now.saturating_duration_since(rose));
            self.estimate = (self.estimate * RISE.powf(passed.as_secs_f64().min(1.0))).min(MOST);
        }
        self.rose = Some(now);
    }

    fn fall(&mut self, now: Instant, to: f64) {
        self.estimate = self.estimate.min(to).max(LEAST);
        self.fell = Some(now);
        self.groups.clear();
    }

    /// Counts the share of the packets that were lost, of at least so many that it means something.
    fn count_losses(&mut self) {
        const ENOUGH: u32 = 40;
        if self.counted >= ENOUGH {
            self.loss = f64::from(self.lost) / f64::from(self.counted);
            (self.lost, self.counted) = (0, 0);
        }
    }

    /// Bits per second that arrived within the last second.
    fn acknowledged_rate(&self, now: Instant) -> f64 {
        let bytes: usize = self.acknowledged.iter().map(|(_, bytes)| bytes).sum();
        let first = self.acknowledged.front().map_or(now, |(at, _)| *at);
        let passed = now.saturating_duration_since(first).as_secs_f64().max(0.2);
        bytes as f64 * 8.0 / passed
    }

    /// Whether delays rise steadily: the slope of the line through them, by least squares.
    fn is_queue_growing(&self) -> bool {
        if self.groups.len() < FEW {
            return false;
        }
        let count = self.groups.len() as f64;
        let mean_at = self.groups.iter().map(|group| group.arrived).sum::<f64>() / count;
        let mean_delay = self.groups.iter().map(|group| group.delay).sum::<f64>() / count;
        let (mut covariance, mut variance) = (0.0, 0.0);
        for group in &self.groups {
            let at = group.arrived - mean_at;
            covariance += at * (group.delay - mean_delay);
            variance += at * at;
        }
        let slope = if variance > 0.0 {
            covariance / variance
        } else {
            0.0
        };
        let least = self
            .groups
            .iter()
            .map(|group| group.delay)
            .fold(f64::MAX, f64::min);
        let latest = self.groups.back().map_or(least, |group| group.delay);
        // The fewer there are, the more of it may be jitter.
        slope > GROWING && latest - least > QUEUE + JITTER / count
    }
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::Ssrc;
    use voxhall_transport::arrivals::Arrivals;
    use voxhall_transport::rtcp::{RtcpPacket, RtcpWriter, packets};

    use super::*;

    /// Sends bursts of packets at `rate` bits a second over a link of `capacity`, for `seconds`; every `lose`th packet
    /// is lost. What the estimate is in the end.
    fn run(rate: u64, capacity: u64, seconds: u64, lose: Option<u32>) -> u64 {
        const BYTES: usize = 1_200;
        let start = Instant::now();
        let mut bandwidth = Bandwidth::new();
        let mut arrivals = Arrivals::default();
        let (mut link_free, mut sequence, mut owed) = (start, 0_u16, 0.0);
        let mut on_the_way: VecDeque<(Instant, u16)> = VecDeque::new();
        for millis in 0..seconds * 1_000 {
            let now = start + Duration::from_millis(millis);
            // The sender follows the estimate, if that is below its rate.
            let sending = rate.min(bandwidth.estimate(now));
            owed += sending as f64 / 8_000.0;
            if millis % 33 == 0 {
                while owed >= BYTES as f64 {
                    owed -= BYTES as f64;
                    bandwidth.sent(now, SequenceNumber(sequence), BYTES);
                    if lose.is_none_or(|lose| u32::from(sequence) % lose != 0) {
                        let takes = Duration::from_secs_f64(BYTES as f64 * 8.0 / capacity as f64);
                        link_free = link_free.max(now) + takes;
                        on_the_way.push_back((link_free + Duration::from_millis(20), sequence));
                    }
                    sequence = sequence.wrapping_add(1);
                }
            }
            arrivals.reserve();
            while let Some(&(at, number)) = on_the_way.front().filter(|(at, _)| *at <= now) {
                on_the_way.pop_front();
                arrivals.note(SequenceNumber(number), at);
            }
            if millis % 100 == 99 {
                let mut statuses = Vec::new();
                if let Some(header) = arrivals.report(Ssrc(1), Ssrc(2), start, &mut statuses) {
                    let mut buffer = [0; 2_000];
                    let mut writer = RtcpWriter::new(&mut buffer);
                    writer.transport_feedback(&header, &statuses).unwrap();
                    let Some(Ok(RtcpPacket::TransportFeedback(feedback))) = packets(writer.finish()).next()
                    else {
                        panic!("feedback");
                    };
                    bandwidth.feedback(now, &feedback);
                }
            }
        }
        bandwidth.estimate(start + Duration::from_secs(seconds))
    }

    #[test]
    fn a_wide_way_is_left_alone() {
        assert!(run(2_000_000, 20_000_000, 10, None) >= INITIAL as u64);
        assert!(
            run(2_000_000, 20_000_000, 10, Some(100)) >= INITIAL as u64,
            "1 % is lost everywhere"
        );
    }

    #[test]
    fn a_narrow_way_is_found() {
        for capacity in [300_000, 1_000_000, 3_000_000] {
            let found = run(5_000_000, capacity, 20, None);
            let share = found as f64 / capacity as f64;
            assert!((0.5..1.4).contains(&share), "{found} of {capacity}");
        }
    }

    #[test]
    fn much_loss_makes_it_fall() {
        let found = run(2_000_000, 20_000_000, 10, Some(4));
        assert!(found < 1_000_000, "{found}");
    }

    #[test]
    fn what_the_server_takes_holds_for_a_while() {
        let now = Instant::now();
        let mut bandwidth = Bandwidth::new();
        bandwidth.remb(now, 500_000);
        assert_eq!(bandwidth.estimate(now), 500_000);
        assert!(bandwidth.pace(now) < 1_000_000.0 && bandwidth.burst(now) < 1_000);
        assert_eq!(bandwidth.estimate(now + REMB_HOLDS), INITIAL as u64);
        assert!(bandwidth.pace(now + REMB_HOLDS) > 2.0 * INITIAL);
        assert_eq!(bandwidth.burst(now + REMB_HOLDS), usize::MAX);
    }
}
