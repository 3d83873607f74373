//! The rate that the losses allow (draft-ietf-rmcat-gcc-02 section 6). Without transport-cc it is all there is, and
//! takes in what the receiver itself estimates.

use super::Bitrate;

/// Losses up to this share are no reason to send less.
const MUCH: f64 = 0.10;
/// Losses below this share are no reason not to send more.
pub(super) const LITTLE: f64 = 0.02;
const INCREASE: f64 = 1.08;
/// Losses are judged after so long at the soonest, and after so many packets.
const PERIOD: u64 = 500_000;
const LEAST_PACKETS: u32 = 20;
/// With fewer packets and no loss among them, after so long.
const QUIET_PERIOD: u64 = 1_000_000;
/// Growth is not made up for longer pauses between reports.
const LONGEST_STEP: u64 = 2_000_000;
/// A receiver report that comes so soon after a reduction speaks of the time before it, too.
const EFFECT: u64 = 1_500_000;
/// Losses are remembered for so long.
const MEMORY: u64 = 3_000_000;
/// A receiver whose own estimate is beyond what is sent by this factor has not seen its limit.
const UNPROVEN: f64 = 1.2;

/// The controller of the loss-based rate.
#[derive(Debug)]
pub(super) struct LossControl {
    /// `None` while no losses gave a reason for a bound.
    bound: Option<f64>,
    least: f64,
    expected: u32,
    received: u32,
    since: Option<u64>,
    /// What was sent before the last reduction says nothing about its effect.
    reduced_at: Option<u64>,
    /// The share lost when it was last judged.
    lost: f64,
}

/// What one report said about arrivals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    /// Packets that it covers and none before did.
    pub(super) expected: u32,
    /// Packets that arrived and were not known to have.
    pub(super) received: u32,
    /// When the newest of those was sent.
    pub(super) sent_at: u64,
}

impl LossControl {
    pub(super) const fn never_below(least: Bitrate) -> Self {
        Self {
            bound: None,
            least: least.0 as f64,
            expected: 0,
            received: 0,
            since: None,
            reduced_at: None,
            lost: 0.0,
        }
    }

    pub(super) fn bound(&self) -> Option<Bitrate> {
        self.bound.map(|bound| Bitrate(bound as u64))
    }

    /// Whether so little is lost that more may be sent. What was lost long ago is no reason any more.
    pub(super) fn is_quiet(&self, now: u64) -> bool {
        self.lost < LITTLE || self.since.is_none_or(|since| now.saturating_sub(since) > MEMORY)
    }

    /// Believes a rate that was measured, if it is higher.
    pub(super) fn raise_to(&mut self, rate: Bitrate) {
        self.bound = self.bound.map(|bound| bound.max(rate.0 as f64));
    }

    /// Counts the packets of a report. `current` is the rate to reduce, `limit` the most that the acknowledged rate
    /// supports. Returns the share lost, if it was time to judge.
    pub(super) fn count(
        &mut self,
        now: u64,
        reported: Reported,
        current: Bitrate,
        limit: Option<Bitrate>,
    ) -> Option<f64> {
        if self.reduced_at.is_some_and(|reduced| reported.sent_at < reduced) {
            return None;
        }
        self.reduced_at = None;
        self.expected = self.expected.saturating_add(reported.expected);
        self.received = self.received.saturating_add(reported.received);
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_sub(since);
        // Few packets do not show how much is lost, but after a while that nothing is.
        let is_enough = self.expected >= LEAST_PACKETS
            || (elapsed >= QUIET_PERIOD && self.expected > 0 && self.received >= self.expected);
        if elapsed < PERIOD || !is_enough {
            return None;
        }
        let lost = f64::from(self.expected.saturating_sub(self.received)) / f64::from(self.expected);
        (self.expected, self.received) = (0, 0);
        self.judge(now, lost, current, limit);
        Some(lost)
    }

    /// Takes the share lost since the last report, from a receiver that reports nothing better.
    pub(super) fn report(&mut self, now: u64, lost: f64, current: Bitrate) {
        self.since.get_or_insert(now);
        let shows_effect = self
            .reduced_at
            .is_none_or(|reduced| now.saturating_sub(reduced) >= EFFECT);
        if shows_effect {
            self.judge(now, lost, current, None);
        }
    }

    /// Takes what a receiver estimates by itself, while `sent` goes to it.
    pub(super) fn receiver_estimate(&mut self, estimate: Bitrate, sent: Bitrate) {
        let estimate = (estimate.0 as f64).max(self.least);
        let proven = estimate < UNPROVEN * sent.0 as f64;
        self.bound = Some(match self.bound {
            Some(bound) if proven => bound.min(estimate),
            Some(bound) => bound.max(estimate),
            None => estimate,
        });
    }

    fn judge(&mut self, now: u64, lost: f64, current: Bitrate, limit: Option<Bitrate>) {
        let elapsed = self
            .since
            .map_or(0, |since| now.saturating_sub(since))
            .min(LONGEST_STEP);
        self.since = Some(now);
        self.lost = lost;
        if lost > MUCH {
            let current = self.bound.unwrap_or(f64::MAX).min(current.0 as f64);
            self.bound = Some((current * (1.0 - 0.5 * lost)).max(self.least));
            self.reduced_at = Some(now);
        } else if lost < LITTLE
            && let Some(bound) = &mut self.bound
        {
            let seconds = elapsed as f64 / 1e6;
            let grown = *bound * INCREASE.powf(seconds) + 1_000.0 * seconds;
            let limit = limit.map_or(f64::MAX, |limit| limit.0 as f64);
            *bound = bound.max(grown.min(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Bitrate = Bitrate::kilobits(1_000);

    fn control() -> LossControl {
        LossControl::never_below(Bitrate::kilobits(50))
    }

    #[test]
    fn much_loss_lowers_some_holds_and_little_lets_grow() {
        let mut control = control();
        control.report(0, 0.05, RATE);
        assert_eq!(control.bound(), None, "no reason yet");
        control.report(1_000_000, 0.2, RATE);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(900)));
        control.report(2_000_000, 0.9, RATE);
        assert_eq!(
            control.bound(),
            Some(Bitrate::kilobits(900)),
            "of the time before"
        );
        control.report(3_000_000, 0.05, RATE);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(900)));
        assert!(!control.is_quiet(3_500_000));
        assert!(control.is_quiet(7_000_000), "nobody was sent anything since");
        control.report(4_000_000, 0.01, RATE);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(973)));
        assert!(control.is_quiet(4_000_000));
        for second in 5..200 {
            control.report(second * 1_000_000, 0.9, RATE);
        }
        assert_eq!(control.bound(), Some(Bitrate::kilobits(50)), "and never less");
    }

    fn reported(expected: u32, received: u32, sent_at: u64) -> Reported {
        Reported {
            expected,
            received,
            sent_at,
        }
    }

    #[test]
    fn single_packets_are_no_judgement() {
        let mut control = control();
        for step in 0..4 {
            control.count(step * 100_000, reported(10, 5, step * 100_000), RATE, None);
            assert_eq!(control.bound(), None);
        }
        control.count(600_000, reported(10, 5, 600_000), RATE, None);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(750)));
    }

    #[test]
    fn the_effect_of_a_reduction_is_waited_for() {
        let mut control = control();
        control.count(0, reported(1, 1, 0), RATE, None);
        control.count(1_000_000, reported(100, 50, 500_000), RATE, None);
        let reduced = control.bound();
        control.count(1_900_000, reported(100, 20, 900_000), RATE, None);
        assert_eq!(control.bound(), reduced, "sent before");
        control.count(2_600_000, reported(100, 50, 1_500_000), RATE, None);
        assert!(control.bound() < reduced);
    }

    #[test]
    fn a_late_arrival_makes_up_for_its_loss() {
        let mut control = control();
        control.count(0, reported(40, 30, 0), RATE, None);
        control.count(600_000, reported(10, 20, 600_000), RATE, None);
        assert_eq!(control.bound(), None);
    }

    #[test]
    fn a_receivers_estimate_counts_where_it_has_seen_its_limit() {
        let mut control = control();
        control.receiver_estimate(Bitrate::kilobits(800), RATE);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(800)));
        control.receiver_estimate(Bitrate::kilobits(300), RATE);
        assert_eq!(control.bound(), Some(Bitrate::kilobits(300)));
        control.receiver_estimate(Bitrate::kilobits(250), Bitrate::kilobits(100));
        assert_eq!(
            control.bound(),
            Some(Bitrate::kilobits(300)),
            "it was only sent so little"
        );
    }
}
