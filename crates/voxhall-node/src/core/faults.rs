//! What goes wrong on purpose, for those who test a bot.

use std::time::Instant;

use voxhall_live::{FaultKey, FaultKind, FaultRecord, Impairment};
use voxhall_protocol::voice::VoiceCloseCode;
use voxhall_sfu::MemberId;
use voxhall_sfu::impairment::{self, Bottleneck, Conditions, Direction, LinkConditions};

use super::{NodeCore, TicketKey, WorkerIndex};

/// What stands for one member, whether it is there or not.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Faults {
    upstream: Option<Impairment>,
    downstream: Option<Impairment>,
    /// Heartbeats get no answer.
    withhold_acks: bool,
    /// Resumes that are still to be refused.
    refused_resumes: u32,
}

impl NodeCore {
    /// A fault was written.
    pub(super) fn fault(&mut self, now: Instant, key: FaultKey, fault: FaultRecord) {
        let member = ticket_key(key);
        tracing::info!(channel = %key.channel, user = %key.user, ?fault, "a fault is set");
        match (key.kind, fault) {
            (FaultKind::Upstream, FaultRecord::Datagrams(impairment)) => {
                self.faults.entry(member).or_default().upstream = Some(impairment);
                self.impair(member, Direction::Up, Some(impairment));
            }
            (FaultKind::Downstream, FaultRecord::Datagrams(impairment)) => {
                self.faults.entry(member).or_default().downstream = Some(impairment);
                self.impair(member, Direction::Down, Some(impairment));
            }
            (FaultKind::HeartbeatAcks, FaultRecord::HeartbeatAcks) => {
                self.faults.entry(member).or_default().withhold_acks = true;
            }
            (FaultKind::Resume, FaultRecord::Resume { times }) => {
                self.faults.entry(member).or_default().refused_resumes = times;
            }
            (FaultKind::Socket, FaultRecord::Socket { code, reason }) => {
                self.break_socket(now, member, code, reason);
            }
            (FaultKind::Worker, FaultRecord::Worker) => self.crash_worker_of(member),
            (kind, fault) => tracing::error!(?kind, ?fault, "a fault stands under the key of another kind"),
        }
    }

    /// A fault was taken back, or its time is over.
    pub(super) fn fault_ended(&mut self, key: FaultKey) {
        let member = ticket_key(key);
        let Some(faults) = self.faults.get_mut(&member) else {
            return;
        };
        match key.kind {
            FaultKind::Upstream => faults.upstream = None,
            FaultKind::Downstream => faults.downstream = None,
            FaultKind::HeartbeatAcks => faults.withhold_acks = false,
            FaultKind::Resume => faults.refused_resumes = 0,
            FaultKind::Socket | FaultKind::Worker => {}
        }
        if *faults == Faults::default() {
            self.faults.remove(&member);
        }
        match key.kind {
            FaultKind::Upstream => self.impair(member, Direction::Up, None),
            FaultKind::Downstream => self.impair(member, Direction::Down, None),
            _ => {}
        }
    }

    /// Tells a worker that has just been given a member what is to happen to its datagrams.
    pub(super) fn impair_again(&mut self, key: TicketKey) {
        let Some(faults) = self.faults.get(&key) else {
            return;
        };
        let (upstream, downstream) = (faults.upstream, faults.downstream);
        for (direction, impairment) in [(Direction::Up, upstream), (Direction::Down, downstream)] {
            if impairment.is_some() {
                self.impair(key, direction, impairment);
            }
        }
    }

    /// Whether a member's heartbeats get no answer.
    pub(super) fn withholds_acks(&self, key: TicketKey) -> bool {
        self.faults.get(&key).is_some_and(|faults| faults.withhold_acks)
    }

    /// Whether this resume is one of those to be refused; it then counts as refused.
    pub(super) fn refuses_resume(&mut self, key: TicketKey) -> bool {
        let Some(faults) = self
            .faults
            .get_mut(&key)
            .filter(|faults| faults.refused_resumes > 0)
        else {
            return false;
        };
        faults.refused_resumes -= 1;
        if *faults == Faults::default() {
            self.faults.remove(&key);
        }
        true
    }

    fn impair(&mut self, key: TicketKey, direction: Direction, wanted: Option<Impairment>) {
        if let Some((worker, member)) = self.seat(key) {
            let impairment = impairment::Impairment {
                member,
                direction,
                link: wanted.map(link_conditions),
            };
            self.outbox.impair(worker, impairment);
        }
    }

    /// Closes a voice socket as told. The session waits to be resumed, unless the code says that it is over.
    fn break_socket(&mut self, now: Instant, key: TicketKey, code: Option<u16>, reason: String) {
        let Some(connection) = self.session_mut(key).and_then(|session| session.connection()) else {
            return;
        };
        match code.map(VoiceCloseCode::from) {
            Some(code) => {
                self.close(connection, code, reason);
                if !code.may_resume() {
                    self.end_session(key);
                    return;
                }
            }
            None => {
                self.connections.remove(&connection);
                self.outbox.cut(connection);
            }
        }
        self.detach(now, key);
    }

    fn crash_worker_of(&mut self, key: TicketKey) {
        if let Some((worker, _)) = self.seat(key) {
            self.outbox.crash(worker);
        }
    }

    /// Where a member's media are.
    fn seat(&self, key: TicketKey) -> Option<(WorkerIndex, MemberId)> {
        let room = self.rooms.get(&key.channel)?;
        Some((room.worker, room.sessions.get(&key.user)?.member))
    }
}

const fn ticket_key(key: FaultKey) -> TicketKey {
    TicketKey {
        channel: key.channel,
        user: key.user,
    }
}

fn link_conditions(impairment: Impairment) -> LinkConditions {
    LinkConditions {
        conditions: Conditions {
            latency: impairment.delay,
            jitter: impairment.jitter,
            loss: impairment.drop,
            duplication: impairment.duplicate,
            corruption: impairment.corrupt,
            bottleneck: impairment.bottleneck.map(|narrow| Bottleneck {
                bits_per_second: narrow.bits_per_second,
                queue: narrow.queue,
            }),
            ..Conditions::PERFECT
        },
        seed: impairment.seed,
    }
}
