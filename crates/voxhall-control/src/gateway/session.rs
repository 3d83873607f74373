//! A Gateway session: what outlives its socket.
//!
//! Every dispatch is numbered and kept, and the socket reads from what is kept. So a slow socket holds nothing that a
//! resume would not hold as well, and a session costs the same with a socket or without one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outgoing::Outgoing;
use crate::calls::reaction::Subject;

/// The pause between a voice state and the server update that belongs to it: some clients lose the second if both
/// come in one read (gateway-and-calls, section 4.2).
const SERVER_UPDATE_PAUSE: Duration = Duration::from_millis(10);

/// How much of the past a session keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayLimits {
    /// Dispatches.
    pub(crate) events: usize,
    /// Bytes of their payloads.
    pub(crate) bytes: usize,
}

/// Why a session cannot go on from where a client says it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// The client claims dispatches that were never sent.
    Ahead,
    /// Dispatches that the client lacks are no longer kept.
    Lost,
}

/// Dispatches were dropped before the socket took them: the client reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overrun;

/// The numbered dispatches of a session.
#[derive(Debug)]
pub(crate) struct Session {
    limits: ReplayLimits,
    /// The number of the last dispatch; they count from 1 and never repeat.
    last: u64,
    /// The last dispatch that the socket has taken.
    taken: u64,
    /// The last dispatch of those that the session began with.
    greeting: u64,
    /// Those of them that the socket has not taken. A bot of many guilds begins with more than is kept of anything else,
    /// so they do not count.
    owed: Share,
    /// Kept dispatches; the last of them is number `last`.
    kept: VecDeque<Arc<Outgoing>>,
    kept_bytes: usize,
    held_back: VecDeque<HeldBack>,
}

/// Some of the kept dispatches.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    events: usize,
    bytes: usize,
}

/// A dispatch that must not come in one read with those before it.
#[derive(Debug)]
struct HeldBack {
    event: Arc<Outgoing>,
    /// What it is about, if it can be taken back.
    subject: Option<Subject>,
    /// The dispatch that must have been written before.
    after: u64,
    /// When it may go; `None` until `after` was written.
    due: Option<Instant>,
}

impl Session {
    pub(crate) fn new(limits: ReplayLimits) -> Self {
        Self {
            limits,
            last: 0,
            taken: 0,
            greeting: 0,
            owed: Share::default(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            held_back: VecDeque::new(),
        }
    }

    /// Adds a dispatch.
    pub(crate) fn push(&mut self, event: Arc<Outgoing>) {
        self.last += 1;
        self.kept_bytes += event.len();
        self.kept.push_back(event);
        self.trim();
    }

    /// Adds a dispatch that the session begins with.
    pub(crate) fn greet(&mut self, event: Arc<Outgoing>) {
        self.greeting = self.last + 1;
        self.owed.events += 1;
        self.owed.bytes += event.len();
        self.push(event);
    }

    /// Adds a dispatch that goes out a pause after everything that is here now; what comes later may pass it.
    pub(crate) fn push_after_pause(&mut self, event: Arc<Outgoing>, subject: Subject) {
        self.held_back.push_back(HeldBack {
            event,
            subject: Some(subject),
            after: self.last,
            due: None,
        });
    }

    /// Adds a dispatch that goes out at a time; what comes before then passes it.
    pub(crate) fn push_at(&mut self, due: Instant, event: Arc<Outgoing>) {
        self.held_back.push_back(HeldBack {
            event,
            subject: None,
            after: self.last,
            due: Some(due),
        });
    }

    /// Forgets what was to go out a pause after something else and has not gone out.
    pub(crate) fn take_back(&mut self, subject: Subject) {
        self.held_back.retain(|held| held.subject != Some(subject));
    }

    /// The next dispatch for the socket, with its number.
    ///
    /// # Errors
    /// [`Overrun`] if it is no longer kept.
    pub(crate) fn take(&mut self, now: Instant) -> Result<Option<(u64, Arc<Outgoing>)>, Overrun> {
        self.release(now);
        if self.taken == self.last {
            return Ok(None);
        }
        let index = self.index_of(self.taken + 1).ok_or(Overrun)?;
        let event = self.kept.get(index).cloned();
        self.settle(index);
        self.taken += 1;
        self.trim();
        Ok(event.map(|event| (self.taken, event)))
    }

    /// Tells that everything taken so far was written to the socket.
    pub(crate) fn written(&mut self, now: Instant) {
        for held in &mut self.held_back {
            if held.due.is_none() && held.after <= self.taken {
                held.due = Some(now + SERVER_UPDATE_PAUSE);
            }
        }
    }

    /// When [`Self::take`] has something new without a push.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.held_back.iter().filter_map(|held| held.due).min()
    }

    /// The client has everything up to `seq`: it will never ask for that again.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        while self.index_of(seq.min(self.taken)).is_some() {
            self.drop_oldest();
        }
    }

    /// Begins anew behind `seq` on another socket.
    ///
    /// # Errors
    /// [`ResumeError`]; the session stays as it was.
    pub(crate) fn resume(&mut self, seq: u64) -> Result<(), ResumeError> {
        if seq > self.last {
            return Err(ResumeError::Ahead);
        }
        if seq < self.last && self.index_of(seq + 1).is_none() {
            return Err(ResumeError::Lost);
        }
        self.taken = seq;
        self.owed = self.count_owed();
        for held in &mut self.held_back {
            held.due = None;
        }
        Ok(())
    }

    /// Where a dispatch stands in `kept`, if it does.
    fn index_of(&self, seq: u64) -> Option<usize> {
        let index = seq.checked_sub(self.oldest())?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < self.kept.len())
    }

    /// Drops the oldest dispatches until the rest is within the limits.
    fn trim(&mut self) {
        let full = |it: &Self| {
            it.kept.len() - it.owed.events > it.limits.events
                || it.kept_bytes - it.owed.bytes > it.limits.bytes && it.kept.len() - it.owed.events > 1
        };
        while full(self) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        self.settle(0);
        if let Some(event) = self.kept.pop_front() {
            self.kept_bytes -= event.len();
        }
    }

    /// A kept dispatch is about to be taken or dropped: it is no longer owed.
    fn settle(&mut self, index: usize) {
        if self.is_owed(index)
            && let Some(event) = self.kept.get(index)
        {
            self.owed.events -= 1;
            self.owed.bytes -= event.len();
        }
    }

    /// Whether a kept dispatch is of those that the session begins with, and still has to be taken.
    fn is_owed(&self, index: usize) -> bool {
        let seq = self.oldest() + index as u64;
        seq > self.taken && seq <= self.greeting
    }

    fn count_owed(&self) -> Share {
        let owed = self
            .kept
            .iter()
            .enumerate()
            .filter(|(index, _)| self.is_owed(*index));
        owed.fold(Share::default(), |share, (_, event)| Share {
            events: share.events + 1,
            bytes: share.bytes + event.len(),
        })
    }

    /// The number of the oldest dispatch that is kept, or of the next one if none is.
    fn oldest(&self) -> u64 {
        self.last - self.kept.len() as u64 + 1
    }

    fn release(&mut self, now: Instant) {
        while let Some(index) = self
            .held_back
            .iter()
            .position(|held| held.due.is_some_and(|due| due <= now))
        {
            if let Some(held) = self.held_back.remove(index) {
                self.push(held.event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voxhall_protocol::gateway::Event;
    use voxhall_protocol::ids::GuildId;

    const LIMITS: ReplayLimits = ReplayLimits {
        events: 3,
        bytes: 1000,
    };
    const ABOUT: Subject = Subject::Voice(None);

    fn event(size: usize) -> Arc<Outgoing> {
        let data = "x".repeat(size).into();
        let name = "X".to_owned();
        Arc::new(Outgoing::to_all(&Event::Unknown { name, data }))
    }

    fn numbers(session: &mut Session, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| session.take(now).unwrap().map(|(seq, _)| seq)).collect()
    }

    #[test]
    fn a_resume_replays_what_came_after() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        for _ in 0..3 {
            session.push(event(1));
        }
        assert_eq!(numbers(&mut session, now), [1, 2, 3]);
        assert_eq!(session.resume(1), Ok(()));
        assert_eq!(numbers(&mut session, now), [2, 3]);
        assert_eq!(session.resume(3), Ok(()));
        assert_eq!(numbers(&mut session, now), [0; 0]);
        assert_eq!(session.resume(4), Err(ResumeError::Ahead));
        session.push(event(1));
        assert_eq!(
            session.resume(0),
            Err(ResumeError::Lost),
            "the first was dropped for the fourth"
        );
    }

    #[test]
    fn a_socket_that_does_not_read_is_cut_off_not_fed_with_gaps() {
        let mut session = Session::new(LIMITS);
        for _ in 0..4 {
            session.push(event(1));
        }
        assert_eq!(session.take(Instant::now()).err(), Some(Overrun));
    }

    #[test]
    fn what_a_session_begins_with_waits_for_the_socket_whatever_its_size() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        for _ in 0..10 {
            session.greet(event(500));
        }
        session.push(event(1));
        assert_eq!(numbers(&mut session, now), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(
            session.resume(7),
            Err(ResumeError::Lost),
            "taken, it is kept as anything else"
        );
        assert_eq!(session.resume(9), Ok(()));
        for _ in 0..4 {
            session.push(event(1));
        }
        assert_eq!(
            session.take(now).err(),
            Some(Overrun),
            "what came later than it is bounded"
        );
    }

    #[test]
    fn bytes_are_bounded_and_the_newest_is_kept_whatever_its_size() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        session.push(event(10));
        session.push(event(5000));
        assert_eq!(session.resume(0), Err(ResumeError::Lost));
        assert_eq!(session.resume(1), Ok(()));
        assert_eq!(numbers(&mut session, now), [2]);
    }

    #[test]
    fn what_the_client_has_is_forgotten() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        session.push(event(1));
        session.push(event(1));
        session.push(event(1));
        assert_eq!(session.take(now).unwrap().unwrap().0, 1);
        session.acknowledge(u64::MAX);
        assert_eq!(session.resume(0), Err(ResumeError::Lost));
        assert_eq!(
            numbers(&mut session, now),
            [2, 3],
            "what the socket has not taken stays"
        );
    }

    #[test]
    fn a_server_update_waits_until_the_state_was_written_and_a_pause_more() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        session.push(event(1));
        session.push_after_pause(event(2), ABOUT);
        assert_eq!(numbers(&mut session, now), [1]);
        assert_eq!(session.poll_timeout(), None, "not written yet");
        session.written(now);
        assert_eq!(session.poll_timeout(), Some(now + SERVER_UPDATE_PAUSE));
        session.push(event(3));
        assert_eq!(numbers(&mut session, now), [2], "a later event passes");
        let late = now + SERVER_UPDATE_PAUSE;
        let (seq, update) = session.take(late).unwrap().unwrap();
        assert_eq!((seq, update.len()), (3, event(2).len()));
    }

    #[test]
    fn a_resume_keeps_the_pause() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        session.push(event(1));
        session.push_after_pause(event(1), ABOUT);
        numbers(&mut session, now);
        session.written(now);
        session.resume(0).unwrap();
        let late = now + SERVER_UPDATE_PAUSE;
        assert_eq!(numbers(&mut session, late), [1]);
        session.written(late);
        assert_eq!(numbers(&mut session, late + SERVER_UPDATE_PAUSE), [2]);
    }

    #[test]
    fn what_waits_can_be_taken_back_by_what_it_is_about() {
        let now = Instant::now();
        let mut session = Session::new(LIMITS);
        session.push_after_pause(event(1), ABOUT);
        session.push_after_pause(event(2), Subject::Voice(Some(GuildId(1))));
        session.take_back(ABOUT);
        session.written(now);
        let late = now + SERVER_UPDATE_PAUSE;
        let (_, left) = session.take(late).unwrap().unwrap();
        assert_eq!(left.len(), event(2).len());
        assert_eq!(session.take(late), Ok(None));
    }
}
