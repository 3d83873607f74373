//! Padding that shows whether a link carries more than is sent.
//!
//! For a short while so much padding goes out between the media that a rate is reached, and the distances in which it
//! arrives show what the link carried. Failed probes are tried again more and more seldom.

use super::Bitrate;
use super::history::Sent;

/// Padding that is wanted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Bytes of datagrams to send at once.
    pub bytes: usize,
}

/// How long a probe takes: longer ones fill the queue that the voices go through too. It may take longer until there are
/// enough packets to tell anything, but not too long.
const LENGTH: u64 = 60_000;
const LONGEST: u64 = 400_000;
const ENOUGH_PACKETS: u32 = 8;
/// How often padding goes out meanwhile.
const STEP: u64 = 5_000;
/// So many bytes are waited for before padding goes out.
const SMALLEST: usize = 200;
/// A probe asks for no more than the estimate times this.
const BOLDNESS: f64 = 2.0;
/// The goal is passed by so much, or its rate would not quite be proven.
const MARGIN: f64 = 1.05;
/// How long a report on the last packets can take.
const PATIENCE: u64 = 1_000_000;
/// For so long after it a probe's queue can be felt.
const FELT: u64 = 700_000;
/// The time between probes: after one that reached its rate, and after one that did not, which doubles.
const NEXT: u64 = 300_000;
const RETRY: u64 = 3_000_000;
const LONGEST_RETRY: u64 = 24_000_000;
/// So much of a probe has to arrive for a conclusion.
const COMPLETE: f64 = 0.8;
const LEAST_PACKETS: u32 = 5;
/// Arrivals faster than sendings by this factor were bunched on the way and say nothing.
const BUNCHED: f64 = 2.0;
/// Arrivals slower than sendings by this factor show what the link carries; of that so much is believed.
const SLOWED: f64 = 0.9;
const BELIEVED: f64 = 0.95;

/// Decides when to probe, and concludes.
#[derive(Debug)]
pub(super) struct Prober {
    goal: Option<Bitrate>,
    earliest: u64,
    retry: u64,
    running: Option<Run>,
    felt_until: Option<u64>,
}

/// A probe under way.
#[derive(Debug, Clone, Copy)]
struct Run {
    rate: Bitrate,
    start: u64,
    next_step: u64,
    /// When everything was sent.
    ended: Option<u64>,
    sent: Tally,
    arrived: Tally,
}

/// Packets and when they passed.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    packets: u32,
    bytes: u64,
    /// Time and bytes of the first and of the last.
    first: Option<(u64, u64)>,
    last: Option<(u64, u64)>,
}

impl Prober {
    pub(super) const fn new() -> Self {
        Self {
            goal: None,
            earliest: 0,
            retry: RETRY,
            running: None,
            felt_until: None,
        }
    }

    /// Sets the rate that would be of use; `None` if nothing more is wanted.
    pub(super) fn set_goal(&mut self, goal: Option<Bitrate>) {
        self.goal = goal;
    }

    /// Whether a packet that is sent now belongs to a probe.
    pub(super) fn is_sending(&self) -> bool {
        self.running.is_some_and(|run| run.ended.is_none())
    }

    /// Whether a queue that grows now may be that of a probe.
    pub(super) fn is_felt(&self, now: u64) -> bool {
        self.is_sending() || self.felt_until.is_some_and(|until| now < until)
    }

    /// When [`poll`](Self::poll) has to be called again.
    pub(super) fn next(&self, estimate: Bitrate) -> Option<u64> {
        match self.running {
            Some(run) => Some(run.ended.map_or(run.next_step, |ended| ended + PATIENCE)),
            None => self.goal.filter(|goal| *goal > estimate).map(|_| self.earliest),
        }
    }

    /// The padding to send now. `calm` says whether a new probe may begin.
    pub(super) fn poll(&mut self, now: u64, estimate: Bitrate, calm: bool) -> Option<Probe> {
        let ended = self.running.and_then(|run| run.ended);
        if ended.is_some_and(|ended| now >= ended + PATIENCE) {
            self.running = None;
            self.fail(now);
        }
        if self.running.is_none() {
            let goal = self.wanted(now, estimate, calm)?;
            self.running = Some(Run {
                rate: goal.scaled(MARGIN).min(estimate.scaled(BOLDNESS)),
                start: now,
                next_step: now,
                ended: None,
                sent: Tally::default(),
                arrived: Tally::default(),
            });
        }
        let run = self.running.as_mut()?;
        let probe = run.step(now);
        if run.ended == Some(now) {
            self.felt_until = Some(now + FELT);
        }
        probe
    }

    /// The goal, if it is time to find out about it.
    fn wanted(&mut self, now: u64, estimate: Bitrate, calm: bool) -> Option<Bitrate> {
        let goal = self
            .goal
            .filter(|goal| now >= self.earliest && *goal > estimate)?;
        if calm {
            return Some(goal);
        }
        self.earliest = now + NEXT;
        None
    }

    /// The rate to believe in without a probe, for a receiver that takes no padding: what is sent then will show.
    pub(super) fn try_goal(&mut self, now: u64, estimate: Bitrate, calm: bool) -> Option<Bitrate> {
        let goal = self.wanted(now, estimate, calm)?;
        self.fail(now);
        Some(goal)
    }

    /// A packet of the probe was sent.
    pub(super) fn sent(&mut self, now: u64, bytes: usize) {
        if let Some(run) = &mut self.running {
            run.sent.add(now, bytes as u64);
        }
    }

    /// A packet of the probe arrived. Returns the rate that is shown by that, once it is.
    pub(super) fn arrived(&mut self, now: u64, sent: &Sent, at: u64) -> Option<Bitrate> {
        let run = self.running.as_mut().filter(|run| sent.at >= run.start)?;
        run.arrived.add(at, u64::from(sent.bytes));
        if run.ended.is_none() || run.arrived.packets < run.sent.packets {
            return None;
        }
        self.conclude(now)
    }

    /// Concludes from what arrived, if the report went beyond the probe and enough of it arrived.
    pub(super) fn reported_beyond(&mut self, now: u64) -> Option<Bitrate> {
        let run = self.running.filter(|run| run.ended.is_some())?;
        let complete = f64::from(run.arrived.packets) >= COMPLETE * f64::from(run.sent.packets);
        if complete { self.conclude(now) } else { None }
    }

    fn conclude(&mut self, now: u64) -> Option<Bitrate> {
        let run = self.running.take()?;
        let shown = run.shown();
        if shown.is_some_and(|shown| shown >= run.rate.scaled(SLOWED)) {
            self.earliest = now + NEXT;
            self.retry = RETRY;
        } else {
            self.fail(now);
        }
        shown
    }

    fn fail(&mut self, now: u64) {
        self.earliest = now + self.retry;
        self.retry = (2 * self.retry).min(LONGEST_RETRY);
    }
}

impl Run {
    /// The padding to send in a step, or the end.
    fn step(&mut self, now: u64) -> Option<Probe> {
        let elapsed = now - self.start;
        let is_enough = elapsed >= LENGTH && self.sent.packets >= ENOUGH_PACKETS;
        if is_enough || elapsed >= LONGEST {
            self.ended.get_or_insert(now);
        }
        if self.ended.is_some() {
            return None;
        }
        self.next_step = now + STEP;
        let due = self.rate.bytes_in(elapsed + STEP);
        let bytes = due.saturating_sub(self.sent.bytes) as usize;
        (bytes >= SMALLEST).then_some(Probe { bytes })
    }

    fn shown(&self) -> Option<Bitrate> {
        if self.arrived.packets < LEAST_PACKETS {
            return None;
        }
        let sent = self.sent.rate_to_last()?;
        let arrived = self.arrived.rate_from_first()?;
        let ratio = arrived.0 as f64 / sent.0.max(1) as f64;
        if ratio > BUNCHED {
            None
        } else if ratio < SLOWED {
            Some(arrived.scaled(BELIEVED))
        } else {
            Some(arrived.min(sent).min(self.rate))
        }
    }
}

impl Tally {
    fn add(&mut self, at: u64, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
        if self.first.is_none_or(|(first, _)| at < first) {
            self.first = Some((at, bytes));
        }
        if self.last.is_none_or(|(last, _)| at >= last) {
            self.last = Some((at, bytes));
        }
    }

    /// What was on its way between the first sending and the last; the last packet was sent after that time.
    fn rate_to_last(&self) -> Option<Bitrate> {
        let ((first, _), (last, bytes)) = (self.first?, self.last?);
        Bitrate::of(self.bytes - bytes, last - first)
    }

    /// What arrived between the first arrival and the last; the first packet had arrived before that time.
    fn rate_from_first(&self) -> Option<Bitrate> {
        let ((first, bytes), (last, _)) = (self.first?, self.last?);
        Bitrate::of(self.bytes - bytes, last - first)
    }
}
