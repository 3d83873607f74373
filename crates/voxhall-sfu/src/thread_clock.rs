//! The CPU time of one thread, as the scheduler counts it, to be read from any other thread.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Reads the CPU time of a thread.
#[derive(Debug, Clone)]
pub(crate) struct ThreadClock {
    statistics: Arc<OnceLock<PathBuf>>,
}

/// The end of the clock that goes to the thread.
#[derive(Debug)]
pub(crate) struct ThreadClockStarter {
    statistics: Arc<OnceLock<PathBuf>>,
}

impl ThreadClock {
    /// A clock, and what the thread starts it with.
    pub(crate) fn pair() -> (Self, ThreadClockStarter) {
        let statistics = Arc::new(OnceLock::new());
        (
            Self {
                statistics: Arc::clone(&statistics),
            },
            ThreadClockStarter { statistics },
        )
    }

    /// The thread's CPU time; `None` before it started, after it ended, and where the kernel does not tell.
    pub(crate) fn read(&self) -> Option<Duration> {
        let text = fs::read_to_string(self.statistics.get()?).ok()?;
        let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}

impl ThreadClockStarter {
    /// Names the calling thread as the one to be read.
    pub(crate) fn start(self) {
        if let Ok(thread) = fs::read_link("/proc/thread-self") {
            // Set once, because this is consumed.
            let _ = self
                .statistics
                .set(PathBuf::from("/proc").join(thread).join("schedstat"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_work_of_its_thread() {
        let (clock, starter) = ThreadClock::pair();
        assert_eq!(clock.read(), None);
        starter.start();
        let before = clock.read().unwrap();
        // The scheduler counts by its ticks, so work until it did; 10^10 rounds are far more than a tick.
        let moved = (0..10_000_u64).any(|seed| {
            let sum = (0..1_000_000_u64).fold(seed, |sum, number| sum.wrapping_mul(31) ^ number);
            sum != 1 && clock.read().unwrap() > before
        });
        assert!(moved);
    }
}
