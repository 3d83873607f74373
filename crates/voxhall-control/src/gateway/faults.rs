//! What goes wrong on the main Gateway on purpose, for those who test a bot; set below `/dev`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use voxhall_protocol::gateway::Resume;
use voxhall_protocol::ids::UserId;

use super::connection::Refusal;
use super::hub::{Seat, SessionCell};
use crate::clock;
use crate::control::Core;

/// How long a fault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until it is taken back.
    Cleared,
    /// Until then at the latest.
    At(Instant),
}

impl Until {
    /// From now on for a time, or until it is taken back.
    pub(crate) fn after(time: Option<Duration>) -> Self {
        time.map_or(Self::Cleared, |time| Self::At(clock::now() + time))
    }

    fn stands(self) -> bool {
        match self {
            Self::Cleared => true,
            Self::At(at) => clock::now() < at,
        }
    }
}

/// What becomes of a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is never sent.
    Dropped,
    /// It is sent so much later; what comes after it may pass it.
    Delayed(Duration),
}

/// How a socket is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseOrder {
    /// With this code; `None` breaks the connection without a close frame.
    pub(crate) code: Option<u16>,
    /// What the close frame tells people.
    pub(crate) reason: String,
}

/// The faults of all accounts.
#[derive(Debug, Default)]
pub(crate) struct GatewayFaults {
    /// Whether there ever was one: as long as not, nothing is looked up.
    any: AtomicBool,
    of: Mutex<HashMap<UserId, AccountFaults>>,
}

#[derive(Debug, Default)]
struct AccountFaults {
    withheld_acks: Option<Until>,
    refused_resumes: u32,
    expired_token: Option<Until>,
    /// By the name of the event, with how often.
    fates: HashMap<String, (Fate, u32)>,
}

impl GatewayFaults {
    /// Answers no heartbeat of an account; `None` answers them again.
    pub(crate) fn withhold_acks(&self, user: UserId, until: Option<Until>) {
        self.change(user, |faults| faults.withheld_acks = until);
    }

    /// Refuses the next resumes of an account.
    pub(crate) fn refuse_resumes(&self, user: UserId, times: u32) {
        self.change(user, |faults| faults.refused_resumes = times);
    }

    /// Takes the tokens of an account for wrong; `None` takes them for right again.
    pub(crate) fn expire_token(&self, user: UserId, until: Option<Until>) {
        self.change(user, |faults| faults.expired_token = until);
    }

    /// Drops or delays the next events of a name to an account; `None` lets them pass again.
    pub(crate) fn divert(&self, user: UserId, event: String, fate: Option<(Fate, u32)>) {
        self.change(user, |faults| match fate {
            Some(fate) => drop(faults.fates.insert(event, fate)),
            None => drop(faults.fates.remove(&event)),
        });
    }

    /// Ends all faults of an account.
    pub(crate) fn clear(&self, user: UserId) {
        self.of.lock().remove(&user);
    }

    /// Whether heartbeats of an account get no answer now.
    pub(crate) fn withholds_acks(&self, user: UserId) -> bool {
        self.ask(user, |faults| faults.withheld_acks.is_some_and(Until::stands))
            .unwrap_or(false)
    }

    /// Whether tokens of an account are taken for wrong now.
    pub(crate) fn has_expired(&self, user: UserId) -> bool {
        self.ask(user, |faults| faults.expired_token.is_some_and(Until::stands))
            .unwrap_or(false)
    }

    /// What becomes of an event to an account, if it does not go its usual way; counts it.
    pub(crate) fn fate_of(&self, user: UserId, event: &str) -> Option<Fate> {
        self.ask(user, |faults| {
            let (fate, left) = faults.fates.get_mut(event)?;
            let fate = *fate;
            *left -= 1;
            if *left == 0 {
                faults.fates.remove(event);
            }
            Some(fate)
        })?
    }

    fn refuses_resume(&self, user: UserId) -> bool {
        let refuses = |faults: &mut AccountFaults| {
            let refuses = faults.refused_resumes > 0;
            faults.refused_resumes = faults.refused_resumes.saturating_sub(1);
            refuses
        };
        self.ask(user, refuses).unwrap_or(false)
    }

    fn change(&self, user: UserId, change: impl FnOnce(&mut AccountFaults)) {
        change(self.of.lock().entry(user).or_default());
        self.any.store(true, Ordering::Release);
    }

    fn ask<T>(&self, user: UserId, question: impl FnOnce(&mut AccountFaults) -> T) -> Option<T> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.of.lock().get_mut(&user).map(question)
    }
}

impl Core {
    /// Op 6, unless a fault refuses it. What a refused client had is over, as it would be if the server had lost it.
    pub(crate) async fn resume_or_refuse(
        &self,
        resume: &Resume,
    ) -> Result<(Arc<SessionCell>, Arc<Seat>), Refusal> {
        let refused = self.hub.session(&resume.session_id);
        if refused.is_some_and(|cell| self.hub.faults.refuses_resume(cell.profile.user)) {
            self.end_session(&resume.session_id).await;
            return Err(Refusal::InvalidSession);
        }
        self.resume(resume)
    }
}
