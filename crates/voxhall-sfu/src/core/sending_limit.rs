//! How much a publisher may send that does not number its packets on the transport, and so cannot find out by itself:
//! from what arrives and what is lost, in the manner of the loss-based half of Google's congestion control
//! (draft-ietf-rmcat-gcc section 6). `media-transport.md` section 8, REMB.

use std::time::Instant;

/// Where it begins, in bits per second.
const START: u64 = 1_000_000;

/// Never less: the lowest at which video is still one.
const LEAST: u64 = 100_000;

/// Never more: nobody sends so much.
const MOST: u64 = 10_000_000;

/// Loss, in 256ths, below which more is tried, and above which less is asked for: 2 % and 10 %.
const FEW_LOST: u8 = 5;
const MANY_LOST: u8 = 26;

/// What one publisher sends, and may send.
#[derive(Debug)]
pub(super) struct SendingLimit {
    bytes: u64,
    since: Option<Instant>,
    limit: u64,
    /// What it was told last.
    told: Option<u64>,
    /// It numbers its packets: reports of arrivals serve it better.
    numbered: bool,
}

impl Default for SendingLimit {
    fn default() -> Self {
        Self {
            bytes: 0,
            since: None,
            limit: START,
            told: None,
            numbered: false,
        }
    }
}

impl SendingLimit {
    /// A packet came.
    #[inline]
    pub(super) fn count(&mut self, bytes: usize, numbered: bool) {
        self.bytes += bytes as u64;
        self.numbered |= numbered;
    }

    /// What it may send from now on, in bits per second, if it has to be told; `fraction_lost` is of what it sent since
    /// the last time.
    pub(super) fn report(&mut self, now: Instant, fraction_lost: u8) -> Option<u64> {
        let since = self.since.replace(now);
        let bytes = std::mem::take(&mut self.bytes);
        let numbered = std::mem::take(&mut self.numbered);
        let elapsed = now.saturating_duration_since(since?).as_millis() as u64;
        if numbered {
            self.told = None;
        }
        if numbered || elapsed == 0 || bytes == 0 {
            return None;
        }
        let rate = bytes * 8_000 / elapsed;
        if fraction_lost >= MANY_LOST {
            self.limit -= self.limit * u64::from(fraction_lost) / 512;
        } else if fraction_lost < FEW_LOST {
            // Who does not use what it may is not told that it may more.
            let proved = rate * 3 / 2 + 10_000;
            self.limit = self.limit.max(proved.min(self.limit + self.limit / 12 + 1_000));
        }
        self.limit = self.limit.clamp(LEAST, MOST);
        self.told = Some(self.limit);
        self.told
    }

    /// What it was told last, if it has to be told.
    pub(super) const fn told(&self) -> Option<u64> {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sends at `rate` for some seconds and returns what it was told last.
    fn told(limit: &mut SendingLimit, now: &mut Instant, rate: u64, lost: u8, seconds: u32) -> Option<u64> {
        let mut last = None;
        for _ in 0..seconds {
            limit.count((rate / 8) as usize, false);
            *now += Duration::from_secs(1);
            last = limit.report(*now, lost);
        }
        last
    }

    #[test]
    fn it_rises_with_what_arrives_and_falls_with_loss() {
        let (mut limit, mut now) = (SendingLimit::default(), Instant::now());
        assert_eq!(
            told(&mut limit, &mut now, 800_000, 0, 1),
            None,
            "nothing to compare with"
        );
        let risen = told(&mut limit, &mut now, 2_000_000, 0, 20).unwrap();
        assert!((2_500_000..3_100_000).contains(&risen), "{risen}");
        assert_eq!(
            told(&mut limit, &mut now, 500_000, 0, 5),
            Some(risen),
            "it proves nothing new"
        );
        assert_eq!(
            told(&mut limit, &mut now, 500_000, 10, 5),
            Some(risen),
            "a little loss changes nothing"
        );
        let fallen = told(&mut limit, &mut now, 500_000, 51, 3).unwrap();
        assert!(fallen < risen * 3 / 4, "{fallen}");
        assert_eq!(told(&mut limit, &mut now, 500_000, 255, 30), Some(LEAST));
    }

    #[test]
    fn who_numbers_its_packets_is_told_nothing() {
        let mut limit = SendingLimit::default();
        let now = Instant::now();
        limit.report(now, 0);
        limit.count(1000, true);
        assert_eq!(limit.report(now + Duration::from_secs(1), 0), None);
    }
}
