//! What one receiver's link carries.

use std::ops::Range;
use std::time::{Duration, Instant};

use voxhall_transport::SequenceNumber;
use voxhall_transport::rtcp::TransportFeedback;

use super::Bitrate;
use super::aimd::{Observation, RateControl};
use super::groups::ArrivalGroups;
use super::history::{SendHistory, Sent};
use super::loss::{LITTLE, LossControl, Reported};
use super::meter::RateMeter;
use super::probe::{Probe, Prober};
use super::queue::QueueDelay;
use super::step::Steps;
use super::trend::{Trend, Usage};

/// What a link is believed to carry at least before anything is known.
const START: Bitrate = Bitrate::kilobits(1_000);
/// No link is believed to carry less, and none more.
const LEAST: Bitrate = Bitrate::kilobits(50);
const MOST: Bitrate = Bitrate::kilobits(50_000);
/// How far beyond the acknowledged rate the losses let the estimate grow.
const AHEAD: f64 = 1.5;
/// Windows of the meters, in milliseconds.
const ACKNOWLEDGED_WINDOW: u32 = 500;
const SENT_WINDOW: u32 = 1_000;
/// Microseconds of a delta and of a reference time in a report.
const DELTA_UNIT: i64 = 250;
const REFERENCE_UNIT: i64 = 64_000;
/// A receiver's clock that jumps so far has nothing to do with what it was.
const CLOCK_JUMP: i64 = 10_000_000;
/// Who sends less than this share of the estimate does not fill a queue without padding.
const LITTLE_SENT: f64 = 0.8;
/// Losses come from a queue that is full if packets wait for so long.
const STANDING_QUEUE: u64 = 30_000;
/// Reports are missed after so long without one, and then the estimate shrinks by so much at these intervals.
const SILENCE: u64 = 2_000_000;
const SHRINK: f64 = 0.8;
const SHRINK_EVERY: u64 = 1_000_000;
/// After so long a receiver is one that reports no arrivals (any more): what else it says counts again.
const GIVE_UP: u64 = 5_000_000;
/// So long a queue may take to empty after a reduction.
const SETTLING: u64 = 2_000_000;
/// So long after a reduction no probe begins.
const RECOVERY: u64 = 1_000_000;

/// Estimates what the link to one receiver carries.
#[derive(Debug)]
pub struct Estimator {
    origin: Instant,
    history: SendHistory,
    clock: ArrivalClock,
    groups: ArrivalGroups,
    steps: Steps,
    trend: Trend,
    queue: QueueDelay,
    acknowledged: RateMeter,
    sent: RateMeter,
    /// `None` for a receiver that reports no arrivals.
    delay: Option<RateControl>,
    loss: LossControl,
    prober: Prober,
    /// Microseconds there and back, smoothed.
    round_trip: u64,
    /// The number up to which losses are counted.
    counted: u32,
    reported_at: Option<u64>,
    /// When the first packet was sent on which no report came yet.
    unreported_since: Option<u64>,
    shrunk_at: u64,
}

impl Estimator {
    /// An estimator for a receiver of which nothing is known: it is believed to take everything until it says otherwise.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            origin: now,
            history: SendHistory::new(),
            clock: ArrivalClock::default(),
            groups: ArrivalGroups::default(),
            steps: Steps::default(),
            trend: Trend::new(),
            queue: QueueDelay::default(),
            acknowledged: RateMeter::over_millis(ACKNOWLEDGED_WINDOW),
            sent: RateMeter::over_millis(SENT_WINDOW),
            delay: None,
            loss: LossControl::never_below(LEAST),
            prober: Prober::new(),
            round_trip: 0,
            counted: 0,
            reported_at: None,
            unreported_since: None,
            shrunk_at: 0,
        }
    }

    /// What the link carries at least, as far as is known; `None` while nothing gives a reason for a limit.
    #[must_use]
    pub fn estimate(&self) -> Option<Bitrate> {
        let delay = self.delay.as_ref().map(RateControl::rate);
        let rate = delay.into_iter().chain(self.loss.bound()).min()?;
        Some(rate.clamp(LEAST, MOST))
    }

    /// Whether the receiver tells when packets arrive.
    #[must_use]
    pub const fn hears_of_arrivals(&self) -> bool {
        self.delay.is_some()
    }

    /// How long packets wait on the way, as far as reports tell.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        Duration::from_micros(self.queue.waiting())
    }

    /// The number that the next packet has to carry.
    #[must_use]
    pub const fn next_sequence(&self) -> SequenceNumber {
        self.history.next()
    }

    /// A packet of so many bytes was sent with the [next number](Self::next_sequence).
    pub fn on_sent(&mut self, now: Instant, bytes: usize) {
        let now = self.micros(now);
        let probing = self.prober.is_sending();
        self.history.push(now, bytes, probing);
        self.sent.record(now, bytes);
        self.unreported_since.get_or_insert(now);
        if probing {
            self.prober.sent(now, bytes);
        }
    }

    /// A packet was sent without a number. It counts where the receiver's own estimate is judged.
    pub fn on_sent_unnumbered(&mut self, now: Instant, bytes: usize) {
        let now = self.micros(now);
        self.sent.record(now, bytes);
    }

    /// The receiver says when packets arrived. Reports may be missing, come twice or out of order.
    pub fn on_feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        let now = self.micros(now);
        let Some(first) = self.history.number_of(feedback.header.base_sequence) else {
            return;
        };
        let start = self.arrival_time(feedback.header.reference_time);
        let missed = self.counted..first;
        let expected = self.count_expected(first, feedback.status_count);
        let (reported, shown) = self.take_arrivals(now, start, expected, feedback);
        if reported.expected == 0 && reported.received == 0 {
            return;
        }
        self.guess_missed(missed, start, &reported);
        if let Some(by) = self.steps.conclude(&reported) {
            self.queue.lengthen(by);
        }
        self.reported_at = Some(now);
        self.unreported_since = None;
        let Some(current) = self.estimate().or_else(|| self.first_rate(now)) else {
            return;
        };
        let usage = self.judge_losses(now, &reported, current);
        let delay = self
            .delay
            .get_or_insert_with(|| RateControl::starting_at(current));
        delay.observe(&Observation {
            now,
            usage,
            acknowledged: self.acknowledged.rate(0),
            round_trip: self.round_trip,
        });
        if let Some(shown) = shown.or_else(|| self.prober.reported_beyond(now)) {
            self.believe(shown);
        }
    }

    /// The receiver estimates by itself what its link carries (REMB). Counts where it reports no arrivals.
    pub fn on_remb(&mut self, now: Instant, estimate: Bitrate) {
        let now = self.micros(now);
        if !self.is_reported(now) {
            let sent = self.sent.rate(now).unwrap_or_default();
            self.loss.receiver_estimate(estimate, sent);
        }
    }

    /// The receiver says which share of the packets was lost since its last report, from 0 to 1. Counts where it
    /// reports no arrivals.
    pub fn on_loss_report(&mut self, now: Instant, lost: f64) {
        let now = self.micros(now);
        if !self.is_reported(now) {
            let sent = self.sent.rate(now).unwrap_or(START);
            let current = self
                .estimate()
                .map_or(sent, |estimate| estimate.min(sent.max(LEAST)));
            self.loss.report(now, lost.clamp(0.0, 1.0), current);
        }
    }

    /// Sets the rate that would be of use, so that [`probe`](Self::probe) can find out whether the link carries it.
    pub fn set_goal(&mut self, goal: Option<Bitrate>) {
        self.prober.set_goal(goal.map(|goal| goal.min(MOST)));
    }

    /// The padding to send now, as numbered packets like all others. To be asked whenever
    /// [`poll_timeout`](Self::poll_timeout) has come. Where there can be no padding, or nobody would report on it, the
    /// goal is believed in from time to time, until what is sent then shows something else.
    pub fn probe(&mut self, now: Instant, takes_padding: bool) -> Option<Probe> {
        let now = self.micros(now);
        let estimate = self.estimate()?;
        let calm = self.is_calm(now);
        if takes_padding && self.delay.is_some() {
            return self.prober.poll(now, estimate, calm);
        }
        if let Some(goal) = self.prober.try_goal(now, estimate, calm) {
            self.believe(goal);
        }
        None
    }

    /// When [`on_timeout`](Self::on_timeout) and [`probe`](Self::probe) are to be called next, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let probe = self.estimate().and_then(|estimate| self.prober.next(estimate));
        let silence = self.unreported_since.filter(|_| self.delay.is_some());
        let silence = silence.map(|since| (since + SILENCE).max(self.shrunk_at + SHRINK_EVERY));
        let next = [probe, silence].into_iter().flatten().min()?;
        Some(self.origin + Duration::from_micros(next))
    }

    /// Lets the estimate shrink while reports are missing.
    pub fn on_timeout(&mut self, now: Instant) {
        let now = self.micros(now);
        if self.unreported_since.is_none_or(|since| now < since + SILENCE) {
            return;
        }
        if let Some(delay) = self
            .delay
            .as_mut()
            .filter(|_| now >= self.shrunk_at + SHRINK_EVERY)
        {
            self.shrunk_at = now;
            delay.lower_to(delay.rate().scaled(SHRINK).max(LEAST));
        }
    }

    /// Counts the packets that a report covers and none before did.
    fn count_expected(&mut self, first: u32, status_count: u16) -> u32 {
        let end = first
            .saturating_add(u32::from(status_count))
            .min(self.history.end());
        let expected = end.saturating_sub(first.max(self.counted));
        self.counted = self.counted.max(end);
        expected
    }

    /// Of the packets on which a report was lost, as many are believed to have arrived as of those on which this one
    /// came. Otherwise the link would seem to carry less than it does.
    fn guess_missed(&mut self, missed: Range<u32>, at: u64, reported: &Reported) {
        if missed.start == 0 || missed.is_empty() {
            return;
        }
        let bytes = self.history.give_up(missed);
        let arrived =
            bytes * u64::from(reported.received.min(reported.expected)) / u64::from(reported.expected.max(1));
        self.acknowledged.record(at, arrived as usize);
    }

    /// Takes the arrivals of a report: what was news in it, and what a probe has shown by that.
    fn take_arrivals(
        &mut self,
        now: u64,
        start: u64,
        expected: u32,
        feedback: &TransportFeedback<'_>,
    ) -> (Reported, Option<Bitrate>) {
        let mut reported = Reported {
            expected,
            received: 0,
            sent_at: 0,
        };
        let (mut at, mut shown) = (start, None);
        for arrival in feedback.arrivals() {
            at = at.saturating_add_signed(i64::from(arrival.delta) * DELTA_UNIT);
            if let Some(sent) = self.history.acknowledge(arrival.sequence) {
                reported.received += 1;
                reported.sent_at = reported.sent_at.max(sent.at);
                shown = self.take_arrival(now, &sent, at).or(shown);
            }
        }
        (reported, shown)
    }

    fn take_arrival(&mut self, now: u64, sent: &Sent, at: u64) -> Option<Bitrate> {
        let round_trip = now.saturating_sub(sent.at);
        self.round_trip = if self.round_trip == 0 {
            round_trip
        } else {
            (7 * self.round_trip + round_trip) / 8
        };
        self.acknowledged.record(at, usize::from(sent.bytes));
        self.queue.push(sent.at, at);
        if let Some(variation) = self.groups.push(sent.at, at) {
            self.trend.push(self.steps.push(variation));
        }
        if sent.probing {
            self.prober.arrived(now, sent, at)
        } else {
            None
        }
    }

    /// The time of a reference on the receiver's clock. After a jump nothing is compared with what was before.
    fn arrival_time(&mut self, reference_time: i32) -> u64 {
        let (time, jumped) = self.clock.read(reference_time);
        if jumped {
            self.groups.reset();
            self.steps = Steps::default();
            self.trend = Trend::new();
            self.queue = QueueDelay::default();
            self.acknowledged = RateMeter::over_millis(ACKNOWLEDGED_WINDOW);
        }
        time
    }

    /// What to begin with, once it is known what is sent: nothing speaks against that.
    fn first_rate(&self, now: u64) -> Option<Bitrate> {
        let sent = self.sent.rate(now)?;
        Some(sent.scaled(AHEAD).max(START))
    }

    /// Counts what a report says of losses, and returns what it says of the link's use.
    fn judge_losses(&mut self, now: u64, reported: &Reported, current: Bitrate) -> Usage {
        let acknowledged = self.acknowledged.rate(0);
        let limit = acknowledged.map(|rate| rate.scaled(AHEAD).plus(Bitrate::kilobits(10)));
        let reduced_at = self.delay.as_ref().and_then(RateControl::reduced_at).unwrap_or(0);
        // What was sent before the last reduction does not show its effect.
        let shows_effect = reported.sent_at >= reduced_at;
        let lost = if shows_effect {
            self.loss.count(now, *reported, current, limit)
        } else {
            None
        };
        // A full queue grows no longer, but throws away what is too much.
        let is_waiting = self.queue.waiting() > STANDING_QUEUE && !self.steps.is_pending();
        if is_waiting && lost.is_some_and(|lost| lost >= LITTLE) {
            return Usage::Over;
        }
        match self.trend.usage() {
            // A queue that empties after a reduction is no reason for another, and while little is sent, what arrives
            // does not show what the link carries.
            Usage::Over if !shows_effect || (self.is_settling(now) && self.sends_little(now, current)) => {
                Usage::Under
            }
            // What a probe did is no reason to send less than before it.
            Usage::Over if self.prober.is_felt(now) && self.sends_little(now, current) => Usage::Under,
            usage => usage,
        }
    }

    /// Whether a queue may still be emptying after the last reduction.
    fn is_settling(&self, now: u64) -> bool {
        let reduced_at = self.delay.as_ref().and_then(RateControl::reduced_at);
        reduced_at.is_some_and(|last| now.saturating_sub(last) < SETTLING)
    }

    /// Whether much less is sent than the link is believed to carry.
    fn sends_little(&self, now: u64, current: Bitrate) -> bool {
        self.sent.rate(now).unwrap_or_default() < current.scaled(LITTLE_SENT)
    }

    /// Believes that the link carries a rate.
    fn believe(&mut self, rate: Bitrate) {
        if let Some(delay) = &mut self.delay {
            delay.raise_to(rate);
        }
        self.loss.raise_to(rate);
    }

    /// Whether the receiver reports arrivals, so that what else it says adds nothing.
    fn is_reported(&self, now: u64) -> bool {
        self.reported_at
            .is_some_and(|last| now.saturating_sub(last) < GIVE_UP)
    }

    /// Whether nothing speaks against sending more.
    fn is_calm(&self, now: u64) -> bool {
        let reduced_at = self.delay.as_ref().and_then(RateControl::reduced_at);
        let recovered = reduced_at.is_none_or(|last| now.saturating_sub(last) >= RECOVERY);
        let reported_lately = self
            .reported_at
            .is_some_and(|last| now.saturating_sub(last) < RECOVERY);
        let in_use = reported_lately && self.trend.usage() != Usage::Normal;
        recovered && !in_use && self.loss.is_quiet(now)
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_micros() as u64
    }
}

/// The receiver's clock, counted on past its 24 bits.
#[derive(Debug, Default)]
struct ArrivalClock {
    /// The last reference as it came, and the time that was made of it.
    last: Option<(i32, u64)>,
}

impl ArrivalClock {
    /// Where the clock begins: deltas may lead back from there.
    const START: u64 = 1 << 40;

    /// The time of a reference in microseconds, and whether the clock jumped.
    fn read(&mut self, reference: i32) -> (u64, bool) {
        let Some((last, time)) = self.last else {
            self.last = Some((reference, Self::START));
            return (Self::START, false);
        };
        // The short way round: 24 bits with sign.
        let steps = reference.wrapping_sub(last).wrapping_shl(8) >> 8;
        let moved = i64::from(steps) * REFERENCE_UNIT;
        if moved.abs() > CLOCK_JUMP {
            self.last = Some((reference, Self::START));
            return (Self::START, true);
        }
        let time = time.saturating_add_signed(moved);
        self.last = Some((reference, time));
        (time, false)
    }
}
