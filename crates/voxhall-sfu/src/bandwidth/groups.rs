//! Packets that were sent in one burst, and how the distance between bursts changed on the way
//! (draft-ietf-rmcat-gcc-02 section 5.2).

/// Packets sent within this time are one burst: what they wait for each other says nothing about the link.
const BURST: u64 = 5_000;
/// After so long without packets the next one is compared with nothing.
const PAUSE: u64 = 2_000_000;

/// How the distance between two bursts changed, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variation {
    /// Between their sendings.
    pub(super) sent: u64,
    /// Between their arrivals.
    pub(super) arrived: u64,
    /// When the second one had arrived, on the receiver's clock.
    pub(super) at: u64,
}

/// The burst that is arriving and the one before it.
#[derive(Debug, Default)]
pub(super) struct ArrivalGroups {
    current: Option<Burst>,
    previous: Option<Burst>,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    first_sent: u64,
    last_sent: u64,
    first_arrived: u64,
    last_arrived: u64,
}

impl ArrivalGroups {
    /// Takes a packet that arrived. When it begins a new burst, the two before are compared.
    pub(super) fn push(&mut self, sent: u64, arrived: u64) -> Option<Variation> {
        let Some(current) = &mut self.current else {
            self.current = Some(Burst::new(sent, arrived));
            return None;
        };
        if sent < current.first_sent {
            // Overtaken by a later burst: it can no longer be compared.
            return None;
        }
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrived = current.last_arrived.max(arrived);
            return None;
        }
        let finished = *current;
        let is_pause = sent.saturating_sub(finished.last_sent) > PAUSE;
        *current = Burst::new(sent, arrived);
        let previous = self.previous.replace(finished);
        if is_pause {
            self.previous = None;
        }
        previous.and_then(|previous| finished.since(&previous))
    }

    /// Begins anew: the receiver's clock cannot be compared with what it was.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Burst {
    const fn new(sent: u64, arrived: u64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrived: arrived,
            last_arrived: arrived,
        }
    }

    /// Whether a packet belongs to the burst: it was sent with it, or caught up with it in a queue that then emptied at
    /// once.
    const fn takes(&self, sent: u64, arrived: u64) -> bool {
        if sent - self.first_sent <= BURST {
            return true;
        }
        let after_last = arrived.saturating_sub(self.last_arrived);
        let caught_up = after_last < sent.saturating_sub(self.last_sent);
        caught_up && after_last <= BURST && arrived.saturating_sub(self.first_arrived) < 100_000
    }

    /// Arrivals out of order cannot be compared.
    fn since(&self, previous: &Self) -> Option<Variation> {
        Some(Variation {
            sent: self.last_sent.checked_sub(previous.last_sent)?,
            arrived: self.last_arrived.checked_sub(previous.last_arrived)?,
            at: self.last_arrived,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_compared_by_their_last_packets() {
        let mut groups = ArrivalGroups::default();
        for (sent, arrived) in [(0, 50_000), (1_000, 52_000), (20_000, 80_000), (21_000, 81_000)] {
            assert_eq!(groups.push(sent, arrived), None);
        }
        assert_eq!(
            groups.push(40_000, 100_000),
            Some(Variation {
                sent: 20_000,
                arrived: 29_000,
                at: 81_000
            })
        );
    }

    #[test]
    fn what_a_queue_lets_go_at_once_is_one_burst() {
        let mut groups = ArrivalGroups::default();
        groups.push(0, 50_000);
        groups.push(20_000, 200_000);
        assert_eq!(groups.push(40_000, 200_500), None);
        assert_eq!(groups.push(60_000, 201_000), None);
        let variation = groups.push(220_000, 400_000).expect("two bursts before");
        assert_eq!((variation.sent, variation.arrived), (60_000, 151_000));
    }

    #[test]
    fn late_packets_and_pauses_are_not_compared() {
        let mut groups = ArrivalGroups::default();
        groups.push(100_000, 150_000);
        assert_eq!(groups.push(50_000, 151_000), None, "overtaken");
        assert_eq!(groups.push(120_000, 170_000), None);
        assert!(groups.push(140_000, 190_000).is_some());
        assert!(
            groups.push(5_000_000, 5_050_000).is_some(),
            "the two before the pause"
        );
        assert_eq!(
            groups.push(5_020_000, 5_070_000),
            None,
            "nothing across the pause"
        );
    }
}
