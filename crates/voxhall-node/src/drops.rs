//! Tells the log how many datagrams the workers dropped, and why. There are too many of them, and their senders are
//! too easily invented, for a line each.

use std::time::Duration;

use voxhall_sfu::WorkerStats;

/// How often the log is told.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// What was counted when the log was told last.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    told: Vec<WorkerStats>,
}

impl Drops {
    /// Tells what was dropped since the last call; `stats` has one entry for each worker.
    pub(crate) fn tell(&mut self, stats: &[WorkerStats]) {
        self.told.resize(stats.len(), WorkerStats::default());
        for (worker, (told, now)) in self.told.iter_mut().zip(stats).enumerate() {
            // A worker that was started again counts from nothing.
            if now.received < told.received {
                *told = WorkerStats::default();
            }
            if let Some(news) = news(told, now) {
                tracing::info!(worker, "datagrams were dropped: {news}");
            }
            *told = *now;
        }
    }
}

/// What was dropped between two counts, in words.
fn news(before: &WorkerStats, now: &WorkerStats) -> Option<String> {
    let (before, now) = (reasons(before), reasons(now));
    let more: Vec<String> = now
        .iter()
        .zip(before)
        .filter(|((_, now), (_, before))| now > before)
        .map(|((reason, now), (_, before))| format!("{} {reason}", now - before))
        .collect();
    (!more.is_empty()).then(|| more.join(", "))
}

/// Why datagrams are dropped, and how many were.
const fn reasons(stats: &WorkerStats) -> [(&'static str, u64); 8] {
    [
        ("malformed", stats.dropped_malformed),
        ("of an SSRC nobody owns", stats.dropped_unknown_ssrc),
        ("before a key was agreed", stats.dropped_not_connected),
        ("forged", stats.dropped_forged),
        ("replayed or too late", stats.dropped_replayed),
        ("not permitted", stats.dropped_not_permitted),
        (
            "of a payload type that was not announced",
            stats.dropped_unknown_payload_type,
        ),
        ("from a source that forges", stats.dropped_rate_limited),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let before = WorkerStats {
            dropped_forged: 7,
            dropped_replayed: 2,
            ..WorkerStats::default()
        };
        assert_eq!(news(&before, &before), None);
        let now = WorkerStats {
            dropped_forged: 12,
            dropped_malformed: 1,
            received: 100,
            ..before
        };
        assert_eq!(news(&before, &now).as_deref(), Some("1 malformed, 5 forged"));
    }

    #[test]
    fn a_worker_that_was_started_again_counts_anew() {
        let mut drops = Drops::default();
        let many = WorkerStats {
            received: 100,
            dropped_forged: 50,
            ..WorkerStats::default()
        };
        drops.tell(&[many]);
        let few = WorkerStats {
            received: 10,
            dropped_forged: 3,
            ..WorkerStats::default()
        };
        drops.tell(&[few, many]);
        assert_eq!(drops.told, [few, many]);
    }
}
