use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one connection has sent and received. Plain numbers, copied out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// RTP packets sent, silence frames included.
    pub packets_sent: u64,
    /// Packets that could not be sent: the socket was full, or the network unreachable.
    pub packets_unsent: u64,
    /// Frames too long for a packet; they were skipped.
    pub frames_too_long: u64,
    /// RTP and RTCP packets received.
    pub packets_received: u64,
    /// Received packets that could not be decrypted or read.
    pub packets_refused: u64,
    /// Received packets that came twice.
    pub packets_duplicate: u64,
    /// Received packets whose source nobody announced in time.
    pub packets_unclaimed: u64,
    /// Datagrams of control (pings, discovery) that came faster than they could be looked at.
    pub control_dropped: u64,
}

/// What the pacing thread has done since it was started. Plain numbers, copied out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineStatistics {
    /// How often a connection was looked at: once per connection that plays, every 20 ms.
    pub ticks: u64,
    /// Time spent on that.
    pub busy: Duration,
    /// How often the thread woke more than 100 ms late and let ticks go.
    pub stalls: u64,
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// The live numbers behind [`LinkStatistics`].
        #[derive(Debug, Default)]
        pub(crate) struct LinkCounters { $(pub(crate) $name: AtomicU64,)+ }

        impl LinkCounters {
            pub(crate) fn read(&self) -> LinkStatistics {
                LinkStatistics { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters!(
    packets_sent,
    packets_unsent,
    frames_too_long,
    packets_received,
    packets_refused,
    packets_duplicate,
    packets_unclaimed,
    control_dropped,
);

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds one to a counter that only the calling thread changes: cheaper, since nobody has to be kept out.
pub(crate) fn count_alone(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}
