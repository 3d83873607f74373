//! A decision about live state, as the writes that carry it out.
//!
//! Rules read the view and the directory and give a [`Plan`]; they write nothing themselves. Each write expects the
//! key to stand where the rule saw it, so a decision that another process overtook is taken again.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use voxhall_live::Record;
use voxhall_protocol::ids::{ChannelId, MessageId, UserId};
use voxhall_switchboard::Revision;

use super::timers::Timer;
use super::view::LiveView;
use crate::directory::CallMessage;

/// How long after a new voice server its owner is told its voice state once more; well after VOICE_SERVER_UPDATE,
/// which waits a pause itself.
const TIME_TO_CONFIRM: Duration = Duration::from_millis(50);

/// Where a write expects its key to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Where the view had it; `None` for absence.
    InView(Option<Revision>),
    /// Where an earlier step of the same plan left it.
    OwnWrite,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write a record.
    Put {
        /// Its key.
        key: String,
        /// Its bytes.
        value: Bytes,
        /// Where the key must stand.
        seen: Seen,
    },
    /// Delete a record.
    Delete {
        /// Its key.
        key: String,
        /// Where the key must stand.
        seen: Seen,
    },
    /// Store the message of a call that begins. Comes before the write that tells people of it.
    LogCall(CallMessage),
    /// Note that somebody joined a call.
    LogParticipant(MessageId, UserId),
    /// Note that a call ended.
    LogCallEnd(MessageId, u64),
    /// Set a timer, in place of one of the same name.
    SetTimer(Timer, Duration),
    /// Set a timer unless one of that name runs.
    BeginTimer(Timer, Duration),
    /// Take a timer back.
    ClearTimer(Timer),
}

/// Steps to be done in their order, which is the order of the events that follow from them.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    written: HashSet<String>,
}

impl Plan {
    /// A plan to do nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Writes a record.
    pub(crate) fn put(&mut self, view: &LiveView, key: String, record: &impl Record) {
        let seen = self.seen(view, &key);
        let value = record.encode().into();
        self.steps.push(Step::Put { key, value, seen });
    }

    /// Deletes a record that exists, or that an earlier step writes.
    pub(crate) fn delete(&mut self, view: &LiveView, key: String) {
        let seen = self.seen(view, &key);
        self.steps.push(Step::Delete { key, seen });
    }

    /// Adds a step that is no write to the switchboard.
    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Sets the timer for a room.
    pub(crate) fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.steps.push(Step::SetTimer(timer, after));
    }

    /// After somebody who asked again was given a new voice server: lets its voice state be told once more.
    pub(crate) fn confirm_later(&mut self, channel: ChannelId, user: UserId) {
        self.steps
            .push(Step::ClearTimer(Timer::Unconnected(channel, user)));
        self.set_timer(Timer::Confirmation(channel, user), TIME_TO_CONFIRM);
    }

    /// Takes back the timer that ends a call in which somebody waits alone.
    pub(crate) fn clear_alone(&mut self, channel: ChannelId) {
        self.steps.push(Step::ClearTimer(Timer::Waiting(channel)));
    }

    /// The steps.
    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    fn seen(&mut self, view: &LiveView, key: &str) -> Seen {
        if self.written.insert(key.to_owned()) {
            Seen::InView(view.revision(key))
        } else {
            Seen::OwnWrite
        }
    }
}
