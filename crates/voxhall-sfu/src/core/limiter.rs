//! Limits on what senders may cost: strangers, whose datagrams come from addresses that no session is bound to, and
//! members, whose packets go to everybody else.
//!
//! For strangers there is a fixed table, so that a flood from many addresses takes neither memory nor time; addresses may
//! share an entry.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const ENTRIES: usize = 4096;

/// What one address may send at once before it is slowed down. A client that connects needs fewer than ten.
const BURST: u32 = 100;

/// Time in which one more datagram is allowed.
const REFILL: Duration = Duration::from_millis(20);

/// Time for each packet of sound and reports that a member sends in the long run: 10,000 a second, more than any load
/// test of one room needs, where a voice takes 50.
const MEMBER_INTERVAL: Duration = Duration::from_micros(100);

/// How much of that at once, as of a client that makes up for the time it stood still: 1000 packets.
const MEMBER_BURST: Duration = Duration::from_millis(100);

/// A member's authentic packets of sound and reports. Those of video are bounded by what its viewers' links carry.
#[derive(Debug)]
pub(super) struct PacketLimit {
    /// Until when all packets so far would take, one behind the other.
    used_until: Instant,
}

impl PacketLimit {
    pub(super) fn new(now: Instant) -> Self {
        Self { used_until: now }
    }

    /// Takes note of a packet; false if it is one too many.
    #[inline]
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        let begin = self.used_until.max(now);
        let is_within = begin.saturating_duration_since(now) < MEMBER_BURST;
        if is_within {
            self.used_until = begin + MEMBER_INTERVAL;
        }
        is_within
    }
}

/// Token buckets by source address.
#[derive(Debug)]
pub(super) struct Limiter {
    entries: Box<[Entry]>,
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    spent: u32,
    refilled: Option<Instant>,
}

impl Limiter {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entries: vec![
                Entry {
                    spent: 0,
                    refilled: None
                };
                ENTRIES
            ]
            .into_boxed_slice(),
            seed,
        }
    }

    /// Charges a source for one datagram; false when it has spent all.
    pub(super) fn allow(&mut self, now: Instant, source: SocketAddr) -> bool {
        let index = self.index(source);
        let Some(entry) = self.entries.get_mut(index) else {
            return false;
        };
        entry.refill(now);
        if entry.spent == BURST {
            return false;
        }
        entry.spent += 1;
        true
    }

    /// Gives back the charge: the datagram was authentic.
    pub(super) fn refund(&mut self, source: SocketAddr) {
        let index = self.index(source);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.spent = entry.spent.saturating_sub(1);
        }
    }

    fn index(&self, source: SocketAddr) -> usize {
        let ip = match source.ip() {
            IpAddr::V4(ip) => u64::from(u32::from(ip)),
            IpAddr::V6(ip) => {
                let bits = u128::from(ip);
                (bits >> 64) as u64 ^ (bits as u64).rotate_left(17)
            }
        };
        let mixed = mix(mix(ip ^ self.seed) ^ u64::from(source.port()));
        mixed as usize % ENTRIES
    }
}

impl Entry {
    fn refill(&mut self, now: Instant) {
        let Some(refilled) = self.refilled else {
            self.refilled = Some(now);
            return;
        };
        let allowed = now.saturating_duration_since(refilled).as_millis() / REFILL.as_millis();
        if allowed > 0 {
            self.spent = self
                .spent
                .saturating_sub(u32::try_from(allowed).unwrap_or(u32::MAX));
            self.refilled = Some(now);
        }
    }
}

/// The finaliser of SplitMix64: every input bit reaches every output bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_recovers() {
        let now = Instant::now();
        let mut limiter = Limiter::new(7);
        let source = "198.51.100.7:4000".parse().unwrap();
        let other = "198.51.100.8:4000".parse().unwrap();
        let passed = (0..1000).filter(|_| limiter.allow(now, source)).count();
        assert_eq!(passed, BURST as usize);
        assert!(limiter.allow(now, other), "others are not touched");
        assert!(limiter.allow(now + REFILL, source));
        assert!(!limiter.allow(now + REFILL, source));
    }

    #[test]
    fn a_member_may_make_up_for_time_but_not_go_on_so() {
        let start = Instant::now();
        let mut limit = PacketLimit::new(start);
        let mut passed = |now| (0..5000).filter(|_| limit.allow(now)).count();
        assert_eq!(passed(start), 1000);
        assert_eq!(passed(start + Duration::from_millis(10)), 100);
        assert_eq!(passed(start + Duration::from_secs(60)), 1000);
    }

    #[test]
    fn authentic_datagrams_cost_nothing() {
        let now = Instant::now();
        let mut limiter = Limiter::new(7);
        let source = "[2001:db8::1]:4000".parse().unwrap();
        for _ in 0..1000 {
            assert!(limiter.allow(now, source));
            limiter.refund(source);
        }
    }
}
