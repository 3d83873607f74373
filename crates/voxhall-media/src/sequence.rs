//! Where a packet belongs: RTP sequence numbers and timestamps unwrapped, duplicates, latecomers and restarts told
//! apart (RFC 3550, appendix A.1, adapted to receivers that reorder).

/// How far a sequence number may run ahead of the newest one: a minute of lost packets.
const MAX_AHEAD: i64 = 3_000;

/// How far it may lag behind.
const MAX_BEHIND: i64 = 1_000;

/// Packets in sequence, far from all others, that prove a restart.
const FAR_RUN: u32 = 2;

/// Packets in sequence, never seen before but late, that prove a restart: reordering does not do that.
const LATE_RUN: u32 = 8;

/// How many of the newest sequence numbers are remembered one by one.
const REMEMBERED: i64 = 128;

/// Where a packet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Here; the numbers are unwrapped.
    At { sequence: i64, timestamp: i64 },
    /// It was here before.
    Duplicate,
    /// Before what is due.
    Late,
    /// Far from everything.
    Stray,
    /// The sender counts anew from here.
    Restart { sequence: i64, timestamp: i64 },
}

/// Unwraps the numbers of one stream.
#[derive(Debug, Default)]
pub(crate) struct SequenceTracker {
    newest: Option<Newest>,
    astray: Option<Astray>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: i64,
    timestamp: i64,
    /// Bit n: the packet n before the newest one was received.
    seen: u128,
    /// The RTP timestamps of those packets, by sequence number.
    times: [u32; REMEMBERED as usize],
}

/// A run of packets that belong nowhere.
#[derive(Debug, Clone, Copy)]
struct Astray {
    next: u16,
    count: u32,
}

impl SequenceTracker {
    /// Finds the place of a packet, given the first sequence number whose turn has not passed.
    pub(crate) fn place(&mut self, sequence: u16, timestamp: u32, due: Option<i64>) -> Order {
        let Some(newest) = self.newest else {
            return self.begin(sequence, timestamp, |sequence, timestamp| Order::At {
                sequence,
                timestamp,
            });
        };
        let extended = newest.sequence + i64::from(sequence.wrapping_sub(newest.sequence as u16) as i16);
        let time = newest.timestamp + i64::from(timestamp.wrapping_sub(newest.timestamp as u32) as i32);
        let ahead = extended - newest.sequence;
        if !(-MAX_BEHIND..=MAX_AHEAD).contains(&ahead) {
            return self.stray(sequence, timestamp, FAR_RUN, Order::Stray);
        }
        if let Some(time) = newest.time_of(extended) {
            // The same number with another time is another packet: the sender has started over nearby.
            return if time == timestamp {
                Order::Duplicate
            } else {
                self.stray(sequence, timestamp, FAR_RUN, Order::Stray)
            };
        }
        if due.is_some_and(|due| extended < due) {
            return self.stray(sequence, timestamp, LATE_RUN, Order::Late);
        }
        if (ahead > 0 && time < newest.timestamp) || (ahead < 0 && time > newest.timestamp) {
            // The order of sending and the order of time disagree: the media clock was set back.
            return self.begin(sequence, timestamp, |sequence, timestamp| Order::Restart {
                sequence,
                timestamp,
            });
        }
        self.astray = None;
        self.newest = Some(newest.with(extended, time));
        Order::At {
            sequence: extended,
            timestamp: time,
        }
    }

    fn stray(&mut self, sequence: u16, timestamp: u32, proof: u32, verdict: Order) -> Order {
        let count = match self.astray {
            Some(astray) if astray.next == sequence => astray.count + 1,
            _ => 1,
        };
        if count >= proof {
            return self.begin(sequence, timestamp, |sequence, timestamp| Order::Restart {
                sequence,
                timestamp,
            });
        }
        self.astray = Some(Astray {
            next: sequence.wrapping_add(1),
            count,
        });
        verdict
    }

    fn begin(&mut self, sequence: u16, timestamp: u32, order: impl Fn(i64, i64) -> Order) -> Order {
        let (sequence, timestamp) = (i64::from(sequence), i64::from(timestamp));
        self.astray = None;
        let before = Newest {
            sequence,
            timestamp,
            seen: 0,
            times: [0; REMEMBERED as usize],
        };
        self.newest = Some(before.with(sequence, timestamp));
        order(sequence, timestamp)
    }
}

impl Newest {
    /// The timestamp of the packet `sequence`, if it was received lately.
    fn time_of(&self, sequence: i64) -> Option<u32> {
        let behind = self.sequence - sequence;
        let seen = (0..REMEMBERED).contains(&behind) && self.seen >> behind & 1 == 1;
        seen.then(|| self.times[Self::slot(sequence)])
    }

    fn with(mut self, sequence: i64, timestamp: i64) -> Self {
        let ahead = sequence - self.sequence;
        if ahead > 0 {
            self.seen = if ahead < REMEMBERED { self.seen << ahead } else { 0 };
            self.sequence = sequence;
            self.timestamp = timestamp;
        }
        let behind = self.sequence - sequence;
        if behind < REMEMBERED {
            self.seen |= 1 << behind;
            // The low bits of the extended timestamp are those of the header.
            self.times[Self::slot(sequence)] = timestamp as u32;
        }
        self
    }

    fn slot(sequence: i64) -> usize {
        sequence.rem_euclid(REMEMBERED) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_unwrap() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(
            tracker.place(65_535, u32::MAX - 959, None),
            Order::At {
                sequence: 65_535,
                timestamp: i64::from(u32::MAX) - 959
            }
        );
        let wrapped = Order::At {
            sequence: 65_536,
            timestamp: 1 << 32,
        };
        assert_eq!(tracker.place(0, 0, None), wrapped);
        assert_eq!(tracker.place(0, 0, None), Order::Duplicate);
        assert_eq!(tracker.place(65_535, u32::MAX - 959, None), Order::Duplicate);
    }

    #[test]
    fn two_packets_far_away_prove_a_restart_one_does_not() {
        let mut tracker = SequenceTracker::default();
        tracker.place(100, 0, None);
        assert_eq!(tracker.place(40_000, 7, None), Order::Stray);
        assert!(matches!(tracker.place(101, 960, None), Order::At { .. }));
        assert_eq!(tracker.place(40_001, 967, None), Order::Stray);
        assert_eq!(
            tracker.place(40_002, 1_927, None),
            Order::Restart {
                sequence: 40_002,
                timestamp: 1_927
            }
        );
    }

    #[test]
    fn a_restart_a_little_behind_is_noticed_too() {
        let mut tracker = SequenceTracker::default();
        for index in 0..500u16 {
            tracker.place(index, u32::from(index) * 960, Some(i64::from(index)));
        }
        let mut verdicts =
            (0..20u16).map(|index| tracker.place(index, 7 + u32::from(index) * 960, Some(500)));
        let first = verdicts.position(|verdict| matches!(verdict, Order::Restart { .. }));
        assert_eq!(first, Some(LATE_RUN as usize - 1));
    }

    #[test]
    fn a_media_clock_set_back_is_a_restart() {
        let mut tracker = SequenceTracker::default();
        tracker.place(1, 96_000, None);
        assert_eq!(
            tracker.place(2, 0, None),
            Order::Restart {
                sequence: 2,
                timestamp: 0
            }
        );
    }
}
