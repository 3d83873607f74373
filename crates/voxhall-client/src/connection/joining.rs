//! The half of the machine that talks to the main Gateway: join, move, leave, and the two events that answer.

use std::time::Instant;

use voxhall_protocol::Token;
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::voice::VoiceCloseCode;

use super::machine::{Attempt, CLOSE_NORMAL, Phase, Socket, VoiceServer};
use super::timer::Timer;
use super::{ConnectionMachine, ConnectionState, Output, Reason};

impl ConnectionMachine {
    pub(super) fn join(&mut self, now: Instant, channel: ChannelId) {
        if self.phase == Phase::Over {
            self.session_id = None;
            self.backoff.reset();
            self.resumes = 0;
        }
        match self.phase {
            Phase::Idle | Phase::Over => {
                self.channel = Some(channel);
                self.reason = Reason::Requested;
                self.ask_to_join(now);
            }
            _ => self.move_to(now, channel),
        }
    }

    /// Moving keeps the present connection until the server names the next one.
    pub(super) fn move_to(&mut self, now: Instant, channel: ChannelId) {
        match self.phase {
            Phase::Idle | Phase::Over => self.join(now, channel),
            Phase::Joining | Phase::WaitingForServer | Phase::Waiting(Attempt::Join) => {
                self.channel = Some(channel);
                self.reason = Reason::Requested;
                self.ask_to_join(now);
            }
            _ => self.tell_gateway(Some(channel)),
        }
    }

    /// Sends op 4 for the wanted channel and waits for the answer.
    pub(super) fn ask_to_join(&mut self, now: Instant) {
        let Some(channel) = self.channel else {
            return;
        };
        self.server = None;
        self.timers.clear(Timer::Retry);
        self.timers.clear(Timer::ServerWait);
        self.timers.set(Timer::JoinAnswer, now + self.config.join_timeout);
        self.phase = Phase::Joining;
        self.tell_gateway(Some(channel));
        self.enter(ConnectionState::Joining {
            channel,
            reason: self.reason.clone(),
        });
    }

    pub(super) fn request_sent(&mut self, now: Instant) {
        if self.phase == Phase::Joining {
            self.timers.set(Timer::JoinAnswer, now + self.config.join_timeout);
        }
    }

    /// The socket is closed first, then op 4 is sent: the order of the captures.
    pub(super) fn leave(&mut self) {
        if self.phase == Phase::Over {
            return;
        }
        self.drop_socket(CLOSE_NORMAL);
        if self.phase != Phase::Idle {
            self.tell_gateway(None);
        }
        self.finish(ConnectionState::Left {
            reason: Reason::Requested,
        });
    }

    pub(super) fn voice_state(&mut self, now: Instant, session_id: &str, channel: Option<ChannelId>) {
        let joining = matches!(self.phase, Phase::Joining | Phase::Idle);
        match (self.phase, channel) {
            // While joining, "in no channel" is the echo of an earlier leave.
            (Phase::Over, _) | (Phase::Joining | Phase::Idle | Phase::Waiting(Attempt::Join), None) => return,
            (_, None) => {
                return self.finish(ConnectionState::Left {
                    reason: Reason::Removed,
                });
            }
            (_, Some(_)) => {}
        }
        let same_session = self.session_id.as_deref().is_none_or(|known| known == session_id);
        if !joining && !same_session {
            return self.finish(ConnectionState::Left {
                reason: Reason::TakenOver,
            });
        }
        self.channel = channel;
        self.session_id = Some(session_id.to_owned());
        if joining {
            self.dial_if_complete(now);
        }
    }

    pub(super) fn voice_server(&mut self, now: Instant, token: &Token, endpoint: Option<&str>) {
        if self.phase == Phase::Over {
            return;
        }
        let Some(endpoint) = endpoint else {
            return self.server_gone(now);
        };
        let named = VoiceServer {
            endpoint: endpoint.to_owned(),
            token: token.clone(),
        };
        if self.server.as_ref() == Some(&named) && self.socket != Socket::None {
            return;
        }
        if self.phase != Phase::Joining {
            self.reason = Reason::ServerUpdate;
        }
        self.server = Some(named);
        self.dial_if_complete(now);
    }

    /// Both events are there: whatever connection there was is replaced.
    fn dial_if_complete(&mut self, now: Instant) {
        if self.server.is_none() || self.session_id.is_none() {
            return;
        }
        for timer in [Timer::JoinAnswer, Timer::ServerWait, Timer::Retry] {
            self.timers.clear(timer);
        }
        self.drop_socket(CLOSE_NORMAL);
        self.drop_session();
        self.dial(now, Attempt::Identify);
    }

    /// `endpoint: null`: stay disconnected until the next server is named.
    fn server_gone(&mut self, now: Instant) {
        self.server = None;
        self.drop_socket(CLOSE_NORMAL);
        self.drop_session();
        self.timers.clear(Timer::JoinAnswer);
        self.timers.clear(Timer::Retry);
        self.wait_for_server(now, Reason::ServerGone);
    }

    /// Waits for a server; longer if the main Gateway promised one than after being put out.
    pub(super) fn wait_for_server(&mut self, now: Instant, reason: Reason) {
        let wait = match reason {
            Reason::ServerGone => self.config.join_timeout,
            _ => self.config.server_wait,
        };
        self.reason = reason.clone();
        self.phase = Phase::WaitingForServer;
        self.timers.set(Timer::ServerWait, now + wait);
        self.enter(ConnectionState::WaitingForServer { reason });
    }

    pub(super) fn server_wait_over(&mut self, now: Instant) {
        match self.reason.clone() {
            Reason::ServerGone => self.rejoin(now, Reason::NoServer(self.config.join_timeout)),
            Reason::Closed(VoiceCloseCode::ServerNotFound) => self.fail(self.reason.clone()),
            reason => {
                self.tell_gateway(None);
                self.finish(ConnectionState::Left { reason });
            }
        }
    }

    pub(super) fn join_unanswered(&mut self) {
        self.fail(Reason::NoAnswer(self.config.join_timeout));
    }

    /// There is nothing to be connected to any more, nor anybody to be told that we leave.
    pub(super) fn room_gone(&mut self, reason: Reason) {
        if self.phase != Phase::Over {
            self.finish(ConnectionState::Left { reason });
        }
    }

    /// The voice state went with the old main session: join anew, media or not.
    pub(super) fn gateway_session_lost(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Idle | Phase::Over) {
            return;
        }
        self.drop_socket(CLOSE_NORMAL);
        self.drop_session();
        self.session_id = None;
        self.reason = Reason::GatewaySessionLost;
        self.ask_to_join(now);
    }

    /// Opens the socket for an Identify or a Resume.
    pub(super) fn dial(&mut self, now: Instant, attempt: Attempt) {
        let Some(server) = &self.server else {
            return;
        };
        let endpoint = server.endpoint.clone();
        self.phase = Phase::Dialing(attempt);
        self.socket = Socket::Dialing;
        self.timers.set(Timer::Step, now + self.config.step_timeout);
        if attempt == Attempt::Identify {
            self.enter(ConnectionState::Dialing {
                endpoint: endpoint.clone(),
                reason: self.reason.clone(),
            });
        }
        self.outputs.push_back(Output::Dial {
            endpoint,
            version: self.config.version,
        });
    }
}
