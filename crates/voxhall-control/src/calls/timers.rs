//! What must happen later, as a table.

use std::collections::HashMap;
use std::time::Instant;

use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

/// Something that happens when its time comes, unless it is taken back or set anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Timer {
    /// Nobody answered: one recipient is no longer rung.
    Ringing(ChannelId, UserId),
    /// Somebody waited alone in a private call for too long.
    Waiting(ChannelId),
    /// Somebody repeated op 4 while its voice connection may have been on its way.
    Unconnected(ChannelId, UserId),
    /// Somebody who asked again was given a new voice server, and is told its voice state once more.
    Confirmation(ChannelId, UserId),
    /// A member's time-out ends.
    TimeOut(GuildId, UserId),
    /// A live stage has nobody in it.
    EmptyStage(ChannelId),
    /// It is time to look for idle members.
    Sweep,
    /// A session without a socket was not resumed in time.
    Resume(String),
}

/// The timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: HashMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, in place of one of the same name.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.due.insert(timer, at);
    }

    /// Sets a timer unless one of that name runs.
    pub(crate) fn begin(&mut self, timer: Timer, at: Instant) {
        self.due.entry(timer).or_insert(at);
    }

    /// Takes a timer back.
    pub(crate) fn clear(&mut self, timer: &Timer) {
        self.due.remove(timer);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// Takes out what is due, the oldest first.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Timer> {
        let mut due: Vec<(Timer, Instant)> = self.due.extract_if(|_, at| *at <= now).collect();
        due.sort_by_key(|(_, at)| *at);
        due.into_iter().map(|(timer, _)| timer).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timer_set_again_is_late_and_one_taken_back_never_comes() {
        let start = Instant::now();
        let second = |number| start + Duration::from_secs(number);
        let alone = |channel| Timer::Waiting(ChannelId(channel));
        let mut timers = Timers::default();
        timers.set(alone(1), second(1));
        timers.set(alone(2), second(2));
        timers.set(alone(3), second(3));
        timers.set(alone(1), second(4));
        timers.begin(alone(1), second(9));
        timers.clear(&alone(2));
        assert_eq!(timers.next(), Some(second(3)));
        assert_eq!(timers.expire(second(2)), []);
        assert_eq!(timers.expire(second(4)), [alone(3), alone(1)]);
        assert_eq!(timers.next(), None);
    }
}
