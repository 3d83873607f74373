//! Which packets of a stream did not come, and when to ask for them (RFC 4585, `media-transport.md` section 8).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rtp::{ExtendedSequence, SequenceNumber, SequenceUnwrapper};

/// A gap longer than this is no loss but a pause; only a keyframe helps.
const MAX_GAP: u64 = 300;

/// When packets are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossTiming {
    /// How long a missing packet may only be late; default 5 ms.
    pub reorder: Duration,
    /// How long an answer is waited for before the packet is asked for again; default 60 ms. It grows with each try.
    pub retry: Duration,
    /// How long a packet is of use; default 700 ms.
    pub give_up: Duration,
}

impl Default for LossTiming {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(5),
            retry: Duration::from_millis(60),
            give_up: Duration::from_millis(700),
        }
    }
}

/// Notes the gaps in one stream.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    timing: LossTiming,
    unwrapper: SequenceUnwrapper,
    missing: BTreeMap<ExtendedSequence, Missing>,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Instant,
    /// When it is to be asked for next.
    due: Instant,
    tries: u32,
}

impl Losses {
    /// A stream of which nothing came yet.
    #[must_use]
    pub fn new(timing: LossTiming) -> Self {
        Self {
            timing,
            ..Self::default()
        }
    }

    /// Notes a packet that came, by itself or because it was asked for.
    pub fn received(&mut self, now: Instant, sequence: SequenceNumber) {
        let before = self.unwrapper.highest();
        let place = self.unwrapper.unwrap(sequence);
        let Some(before) = before else { return };
        if place <= before {
            self.missing.remove(&place);
            return;
        }
        if place.0 - before.0 > MAX_GAP {
            self.missing.clear();
            return;
        }
        for lost in before.0 + 1..place.0 {
            let missing = Missing {
                since: now,
                due: now + self.timing.reorder,
                tries: 0,
            };
            self.missing.insert(ExtendedSequence(lost), missing);
        }
    }

    /// Puts the packets that are to be asked for now into `due`, in rising order.
    pub fn take_due(&mut self, now: Instant, due: &mut Vec<SequenceNumber>) {
        due.clear();
        let timing = self.timing;
        self.missing
            .retain(|_, missing| now.saturating_duration_since(missing.since) < timing.give_up);
        for (place, missing) in &mut self.missing {
            if missing.due <= now {
                missing.tries += 1;
                missing.due = now + timing.retry * missing.tries;
                due.push(place.sequence());
            }
        }
    }

    /// When [`Self::take_due`] has something to take, if nothing comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.values().map(|missing| missing.due).min()
    }

    /// Asks for nothing any more of what is missing now.
    pub fn clear(&mut self) {
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [u16; 0] = [];

    fn due(losses: &mut Losses, now: Instant) -> Vec<u16> {
        let mut due = Vec::new();
        losses.take_due(now, &mut due);
        due.iter().map(|sequence| sequence.0).collect()
    }

    #[test]
    fn gaps_are_asked_for_until_they_are_filled_or_useless() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut losses = Losses::new(LossTiming::default());
        for (millis, sequence) in [(0, 65_533), (1, 65_535), (2, 2)] {
            losses.received(at(millis), SequenceNumber(sequence));
        }
        assert_eq!(due(&mut losses, at(3)), NOTHING, "it may only be late");
        assert_eq!(due(&mut losses, at(8)), [65_534, 0, 1]);
        assert_eq!(due(&mut losses, at(20)), NOTHING, "the answer is on its way");
        losses.received(at(30), SequenceNumber(0));
        assert_eq!(losses.poll_timeout(), Some(at(68)));
        assert_eq!(due(&mut losses, at(70)), [65_534, 1]);
        assert_eq!(due(&mut losses, at(140)), NOTHING, "later each time");
        assert_eq!(due(&mut losses, at(190)), [65_534, 1]);
        assert_eq!(due(&mut losses, at(702)), NOTHING, "of no use any more");
        assert_eq!(losses.poll_timeout(), None);
    }

    #[test]
    fn a_pause_is_no_loss() {
        let now = Instant::now();
        let mut losses = Losses::new(LossTiming::default());
        losses.received(now, SequenceNumber(1));
        losses.received(now, SequenceNumber(3));
        losses.received(now, SequenceNumber(9_000));
        assert_eq!(due(&mut losses, now + Duration::from_millis(50)), NOTHING);
        losses.received(now, SequenceNumber(9_002));
        assert_eq!(due(&mut losses, now + Duration::from_millis(50)), [9_001]);
    }
}
