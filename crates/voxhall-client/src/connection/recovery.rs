//! What follows a lost socket: resume, identify again, join again, wait, or stop (voice-gateway protocol, sections
//! 8.3, 12 and 14).

use std::time::Instant;

use voxhall_protocol::voice::{CloseAction, VoiceCloseCode};

use super::machine::{Attempt, CLOSE_ABANDONED, CLOSE_NORMAL, Phase, Socket};
use super::timer::Timer;
use super::{ConnectionMachine, ConnectionState, Reason};

/// Resumes in a row before a fresh token is asked for instead.
const MAX_RESUMES: u32 = 3;

impl ConnectionMachine {
    pub(super) fn socket_closed(&mut self, now: Instant, code: VoiceCloseCode) {
        if self.socket == Socket::None {
            return;
        }
        self.socket_gone();
        let reason = Reason::Closed(code);
        match code.action() {
            // An orderly goodbye is resumed once only.
            CloseAction::Resume if code == VoiceCloseCode::Normal && self.resumes > 0 => {
                self.rejoin(now, reason)
            }
            CloseAction::Resume => self.lost(now, reason),
            CloseAction::Rejoin => self.rejoin(now, reason),
            CloseAction::AwaitServerUpdate => {
                self.drop_session();
                self.server = None;
                self.wait_for_server(now, reason);
            }
            CloseAction::Stop => self.fail(reason),
        }
    }

    pub(super) fn dial_failed(&mut self, now: Instant, why: String) {
        if matches!(self.phase, Phase::Dialing(_)) {
            self.socket_gone();
            self.lost(now, Reason::Unreachable(why));
        }
    }

    /// The nonces of the key are used up: leave before any is used twice.
    pub(super) fn key_exhausted(&mut self, now: Instant) {
        if self.session.is_some() {
            self.drop_socket(CLOSE_NORMAL);
            self.rejoin(now, Reason::KeyExhausted);
        }
    }

    /// The socket is gone, the session may not be.
    ///
    /// Before Ready there is nothing a Resume could bring back, so the token is used for another Identify.
    pub(super) fn lost(&mut self, now: Instant, reason: Reason) {
        if self.session.is_none() {
            return self.retry(now, Attempt::Identify, reason);
        }
        if self.resumes >= MAX_RESUMES && self.config.has_gateway {
            return self.rejoin(now, reason);
        }
        self.resumes += 1;
        self.retry(now, Attempt::Resume, reason);
    }

    /// Asks the main Gateway for a fresh token, with all that belongs to the old one forgotten.
    pub(super) fn rejoin(&mut self, now: Instant, reason: Reason) {
        self.drop_socket(CLOSE_ABANDONED);
        self.drop_session();
        self.server = None;
        if !self.config.has_gateway {
            return self.fail(Reason::NeedsNewJoin(Box::new(reason)));
        }
        self.retry(now, Attempt::Join, reason);
    }

    fn retry(&mut self, now: Instant, attempt: Attempt, reason: Reason) {
        let Some(wait) = self.backoff.next(&mut self.rng) else {
            let tries = self.config.backoff.tries;
            let last = Box::new(reason);
            return self.fail(Reason::GaveUp { tries, last });
        };
        let number = self.backoff.attempt();
        self.reason = reason.clone();
        self.phase = Phase::Waiting(attempt);
        self.enter(match attempt {
            Attempt::Resume => ConnectionState::Resuming {
                attempt: number,
                reason,
            },
            Attempt::Identify | Attempt::Join => ConnectionState::Reconnecting {
                attempt: number,
                wait,
                reason,
            },
        });
        if wait.is_zero() {
            self.retry_due(now);
        } else {
            self.timers.set(Timer::Retry, now + wait);
        }
    }

    pub(super) fn retry_due(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting(Attempt::Join) => self.ask_to_join(now),
            Phase::Waiting(attempt) => self.dial(now, attempt),
            _ => {}
        }
    }
}
