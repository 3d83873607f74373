use std::time::Instant;

/// What a connection waits for. One timer of each kind at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// Op 4 should have been answered.
    JoinAnswer,
    /// A new voice server should have been named.
    ServerWait,
    /// The step of the handshake should be done.
    Step,
    /// A heartbeat is due.
    Heartbeat,
    /// The discovery request should have been answered.
    Discovery,
    /// A UDP ping is due.
    Ping,
    /// The next try is due.
    Retry,
    /// The connection has held long enough to count as good.
    Stable,
}

impl Timer {
    const ALL: [Self; 8] = [
        Self::JoinAnswer,
        Self::ServerWait,
        Self::Step,
        Self::Heartbeat,
        Self::Discovery,
        Self::Ping,
        Self::Retry,
        Self::Stable,
    ];
}

/// When each timer goes off.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// The earliest.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes one timer that has gone off, the earliest first.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let due = |timer: &Timer| self.0[*timer as usize].is_some_and(|at| at <= now);
        let timer = Timer::ALL
            .into_iter()
            .filter(due)
            .min_by_key(|timer| self.0[*timer as usize])?;
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_go_off_in_order_and_once() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(Timer::Ping, start + Duration::from_secs(2));
        timers.set(Timer::Heartbeat, start + Duration::from_secs(1));
        timers.set(Timer::Stable, start + Duration::from_secs(9));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(timers.expired(start), None);
        let later = start + Duration::from_secs(3);
        assert_eq!(timers.expired(later), Some(Timer::Heartbeat));
        assert_eq!(timers.expired(later), Some(Timer::Ping));
        assert_eq!(timers.expired(later), None);
        assert_eq!(timers.next(), Some(start + Duration::from_secs(9)));
    }
}
