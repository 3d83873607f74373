//! Who may send how many requests: the counting, without a clock or a socket.
//!
//! Every request counts for its caller as a whole, and in the bucket of its route. What is refused for who sent it
//! counts for the address it came from: whoever asks in vain too often is not heard for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use voxhall_protocol::ids::UserId;

use crate::config::{Rate, RestLimits};

/// How many windows are kept before those that have ended are looked for, at the earliest.
const FIRST_SWEEP: usize = 1024;

/// The most windows of one kind. Whoever comes when so many are open is not counted, and so not refused.
const MOST_WINDOWS: usize = 200_000;

/// For whom requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// An account.
    Account(UserId),
    /// Whoever sends from an address without a valid token.
    Address(IpAddr),
}

/// Which requests share a count: those of one route on one guild, channel or webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    /// The route; the same in all versions of the API and in every process.
    pub(super) route: u64,
    /// The guild, channel or webhook; 0 for routes without one.
    pub(super) major: u64,
}

/// A count over a window that begins with the first request in it.
#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Instant,
    used: u32,
}

impl Window {
    fn new(now: Instant, rate: Rate) -> Self {
        Self {
            ends: now + rate.per,
            used: 0,
        }
    }

    /// Counts one; false if the window is full.
    fn take(&mut self, now: Instant, rate: Rate) -> bool {
        if now >= self.ends {
            *self = Self::new(now, rate);
        }
        let free = self.used < rate.requests;
        self.used += u32::from(free);
        free
    }
}

/// Windows of one kind, those that have ended left out from time to time.
#[derive(Debug)]
struct Windows<K> {
    open: HashMap<K, Window>,
    sweep_at: usize,
}

impl<K: Eq + std::hash::Hash> Windows<K> {
    fn new() -> Self {
        Self {
            open: HashMap::new(),
            sweep_at: FIRST_SWEEP,
        }
    }

    /// The window of `key`; `None` if there are too many others.
    fn of(&mut self, key: K, now: Instant, rate: Rate) -> Option<&mut Window> {
        if self.open.len() >= self.sweep_at {
            self.open.retain(|_, window| window.ends > now);
            // So many more must come before it is worth looking again.
            self.sweep_at = (self.open.len() * 2).clamp(FIRST_SWEEP, MOST_WINDOWS);
        }
        if self.open.len() >= MOST_WINDOWS && !self.open.contains_key(&key) {
            return None;
        }
        Some(self.open.entry(key).or_insert_with(|| Window::new(now, rate)))
    }
}

/// How a bucket stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Requests in a window.
    pub(super) limit: u32,
    /// How many of them are left.
    pub(super) remaining: u32,
    /// Until they are all there again.
    pub(super) reset_after: Duration,
}

/// Whether a request is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is; `None` where nothing is counted for its route.
    Heard(Option<Standing>),
    /// Its bucket is empty.
    BucketEmpty(Standing),
    /// The caller sends too much as a whole, or asked in vain too often; how long it is not heard.
    NotHeard(Duration),
}

/// Counts requests.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: RestLimits,
    callers: Windows<Who>,
    buckets: Windows<(Who, Bucket)>,
    refused: Windows<IpAddr>,
}

impl Limiter {
    pub(super) fn new(limits: RestLimits) -> Self {
        Self {
            limits,
            callers: Windows::new(),
            buckets: Windows::new(),
            refused: Windows::new(),
        }
    }

    /// Counts a request of `who` from `address`; `bucket` is that of its route with its rate. Without `who`, only
    /// whether the address is heard at all matters.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        who: Option<Who>,
        address: IpAddr,
        bucket: Option<(Bucket, Rate)>,
    ) -> Verdict {
        if let Some(window) = self.refused.open.get(&address)
            && window.used >= self.limits.refused.requests
            && window.ends > now
        {
            return Verdict::NotHeard(window.ends - now);
        }
        let Some(who) = who else {
            return Verdict::Heard(None);
        };
        let global = self.limits.global;
        if let Some(window) = self.callers.of(who, now, global)
            && !window.take(now, global)
        {
            return Verdict::NotHeard(window.ends - now);
        }
        let Some((bucket, rate)) = bucket else {
            return Verdict::Heard(None);
        };
        let rate = rate.times(self.limits.factor);
        let Some(window) = self.buckets.of((who, bucket), now, rate) else {
            return Verdict::Heard(None);
        };
        let free = window.take(now, rate);
        let standing = Standing {
            limit: rate.requests,
            remaining: rate.requests - window.used,
            reset_after: window.ends - now,
        };
        if free {
            Verdict::Heard(Some(standing))
        } else {
            Verdict::BucketEmpty(standing)
        }
    }

    /// A request from `address` was refused for who sent it or how often.
    pub(super) fn count_refused(&mut self, now: Instant, address: IpAddr) {
        let rate = self.limits.refused;
        if let Some(window) = self.refused.of(address, now, rate) {
            window.take(now, rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const BOT: Option<Who> = Some(Who::Account(UserId(1)));
    const RATE: Rate = Rate::new(5, 5);

    fn bucket(major: u64) -> Option<(Bucket, Rate)> {
        Some((Bucket { route: 7, major }, RATE))
    }

    fn limits(global: Rate, refused: Rate) -> RestLimits {
        RestLimits {
            global,
            refused,
            factor: 1,
        }
    }

    #[test]
    fn a_bucket_empties_and_fills_at_once() {
        let mut limiter = Limiter::new(RestLimits::strict());
        let start = Instant::now();
        for left in (0..5).rev() {
            let now = start + Duration::from_millis(100 * (4 - u64::from(left)));
            let Verdict::Heard(Some(standing)) = limiter.admit(now, BOT, HOME, bucket(1)) else {
                panic!("{left} were left");
            };
            assert_eq!((standing.limit, standing.remaining), (5, left));
            assert_eq!(standing.reset_after, start + Duration::from_secs(5) - now);
        }
        let now = start + Duration::from_secs(1);
        let Verdict::BucketEmpty(standing) = limiter.admit(now, BOT, HOME, bucket(1)) else {
            panic!("the sixth was heard");
        };
        assert_eq!(
            (standing.remaining, standing.reset_after),
            (0, Duration::from_secs(4))
        );
        let heard = |verdict| matches!(verdict, Verdict::Heard(Some(_)));
        assert!(heard(limiter.admit(now, BOT, HOME, bucket(2))), "another channel");
        let other = Some(Who::Account(UserId(2)));
        assert!(
            heard(limiter.admit(now, other, HOME, bucket(1))),
            "another caller"
        );
        let now = start + Duration::from_secs(5);
        assert!(
            heard(limiter.admit(now, BOT, HOME, bucket(1))),
            "the window is over"
        );
    }

    #[test]
    fn a_caller_as_a_whole() {
        let mut limiter = Limiter::new(limits(Rate::new(50, 1), Rate::new(100, 60)));
        let start = Instant::now();
        for major in 0..50 {
            assert!(matches!(
                limiter.admit(start, BOT, HOME, bucket(major)),
                Verdict::Heard(_)
            ));
        }
        let now = start + Duration::from_millis(600);
        let verdict = limiter.admit(now, BOT, HOME, bucket(50));
        assert_eq!(verdict, Verdict::NotHeard(Duration::from_millis(400)));
        let nobody = Some(Who::Address(HOME));
        assert_eq!(limiter.admit(now, nobody, HOME, None), Verdict::Heard(None));
        let now = start + Duration::from_secs(1);
        assert!(matches!(
            limiter.admit(now, BOT, HOME, bucket(50)),
            Verdict::Heard(_)
        ));
    }

    #[test]
    fn an_address_that_asks_in_vain() {
        let mut limiter = Limiter::new(limits(Rate::new(50, 1), Rate::new(3, 600)));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.admit(start, BOT, HOME, None), Verdict::Heard(None));
            limiter.count_refused(start, HOME);
        }
        let now = start + Duration::from_secs(60);
        assert_eq!(
            limiter.admit(now, BOT, HOME, None),
            Verdict::NotHeard(Duration::from_secs(540))
        );
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(limiter.admit(now, BOT, elsewhere, None), Verdict::Heard(None));
        let now = start + Duration::from_secs(600);
        assert_eq!(limiter.admit(now, BOT, HOME, None), Verdict::Heard(None));
    }

    #[test]
    fn windows_that_ended_are_forgotten() {
        let mut limiter = Limiter::new(limits(Rate::new(u32::MAX, 1), Rate::new(3, 600)));
        let mut now = Instant::now();
        for major in 0..100_000 {
            now += Duration::from_millis(10);
            assert!(matches!(
                limiter.admit(now, BOT, HOME, bucket(major)),
                Verdict::Heard(_)
            ));
        }
        // 500 are open at a time.
        assert!(
            limiter.buckets.open.len() <= FIRST_SWEEP,
            "{}",
            limiter.buckets.open.len()
        );
    }

    #[test]
    fn there_is_no_end_of_memory() {
        let mut limiter = Limiter::new(limits(Rate::new(u32::MAX, 1), Rate::new(3, 600)));
        let now = Instant::now();
        for major in 0..MOST_WINDOWS as u64 + 10 {
            limiter.admit(now, BOT, HOME, bucket(major));
        }
        assert_eq!(limiter.buckets.open.len(), MOST_WINDOWS);
        assert_eq!(
            limiter.admit(now, BOT, HOME, bucket(u64::MAX)),
            Verdict::Heard(None)
        );
        assert!(matches!(
            limiter.admit(now, BOT, HOME, bucket(0)),
            Verdict::Heard(Some(_))
        ));
    }
}
