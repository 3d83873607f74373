//! What workers say, and how a worker that failed is given its rooms again.

use voxhall_protocol::voice::VoiceCloseCode;
use voxhall_sfu::{Command, Event, MemberId, MemberPosition};

use super::session::{SelectedTransport, Session};
use super::{NodeCore, TicketKey, WorkerIndex, tickets, video, wants};

impl NodeCore {
    pub(super) fn worker_event(&mut self, worker: WorkerIndex, event: Event) {
        match event {
            Event::NonceExhausted { member } => self.nonces_exhausted(member),
            Event::WorkerStopped {
                failure: Some(failure),
                positions,
            } if !self.draining => {
                tracing::error!(
                    worker = worker.0,
                    ?failure,
                    "a media worker failed; starting it again"
                );
                self.remember_positions(worker, &positions);
                self.outbox.rebuild(worker);
            }
            Event::WorkerStopped { .. } => {}
            Event::Spoke { member } => self.spoke(member),
            Event::TransportFailed { member, failure } => self.transport_failed(member, failure),
            other => tracing::trace!(worker = worker.0, event = ?other, "media"),
        }
    }

    /// Gives a worker that knows nothing the members it had.
    pub(super) fn worker_rebuilt(&mut self, worker: WorkerIndex) {
        let mut given = Vec::new();
        for (&channel, room) in self.rooms.iter().filter(|(_, room)| room.worker == worker) {
            for session in room.sessions.values() {
                for command in rebuild_commands(room.id, session) {
                    self.outbox.command(worker, command);
                }
                given.push(TicketKey {
                    channel,
                    user: session.user,
                });
            }
        }
        for key in given {
            self.impair_again(key);
        }
    }

    /// Ends everything that lived on a worker.
    pub(super) fn worker_lost(&mut self, worker: WorkerIndex) {
        if let Some(lost) = self.workers.get_mut(worker.0) {
            lost.lost = true;
        }
        let rooms = self.rooms.iter().filter(|(_, room)| room.worker == worker);
        let members = rooms
            .flat_map(|(&channel, room)| room.sessions.keys().map(move |&user| TicketKey { channel, user }));
        for key in members.collect::<Vec<_>>() {
            self.crash_session(key, VoiceCloseCode::RtcWorkerCrashed, "the media worker crashed");
        }
    }

    /// A session whose half of the nonces is used up cannot go on, nor can it be resumed: its key must not be used
    /// again (`media-transport.md` section 5.4).
    fn nonces_exhausted(&mut self, member: MemberId) {
        if let Some(&key) = self.members.get(&member) {
            let reason = "the session's nonces are used up; join again";
            self.crash_session(key, VoiceCloseCode::VoiceServerCrashed, reason);
        }
    }

    pub(super) fn crash_session(&mut self, key: TicketKey, code: VoiceCloseCode, reason: &'static str) {
        if let Some(connection) = self.end_session(key).and_then(|session| session.connection()) {
            self.close(connection, code, reason);
        }
    }

    fn remember_positions(&mut self, worker: WorkerIndex, positions: &[MemberPosition]) {
        for position in positions {
            let Some(&key) = self.members.get(&position.member) else {
                continue;
            };
            if let Some(selected) = self
                .session_mut(key)
                .and_then(|session| session.selected.as_mut())
                && let SelectedTransport::Udp(transport) = &mut selected.transport
            {
                transport.first_nonce = position.next_nonce;
                transport.known = position.address;
            }
        }
        self.end_sessions_without_position(worker, positions);
    }

    /// Whose nonces are not known must not be given the same key again; and the keys of WebRTC members are gone with the
    /// worker.
    fn end_sessions_without_position(&mut self, worker: WorkerIndex, positions: &[MemberPosition]) {
        let known: std::collections::HashSet<MemberId> =
            positions.iter().map(|position| position.member).collect();
        let mut unknown = Vec::new();
        for (&channel, room) in self.rooms.iter().filter(|(_, room)| room.worker == worker) {
            let sessions = room.sessions.values();
            let lost = sessions.filter(|session| session.is_described() && !known.contains(&session.member));
            unknown.extend(lost.map(|session| TicketKey {
                channel,
                user: session.user,
            }));
        }
        for key in unknown {
            self.crash_session(key, VoiceCloseCode::RtcWorkerCrashed, "the media worker crashed");
        }
    }
}

/// Everything a worker has to know of one member.
fn rebuild_commands(room: voxhall_sfu::RoomId, session: &Session) -> Vec<Command> {
    let member = session.member;
    let mut commands = vec![
        Command::AddMember {
            member,
            room,
            ssrcs: session.ssrcs.clone(),
        },
        Command::SetPermissions {
            member,
            permissions: tickets::for_worker(session.permissions),
        },
    ];
    commands.extend(session.connect_command());
    if session.webrtc().is_some() {
        commands.push(Command::SetSources {
            member,
            sources: session.sources.clone(),
        });
    }
    commands.extend(session.video.as_ref().map(|said| Command::Publish {
        member,
        video: video::published(said),
    }));
    commands.extend(session.wants.as_ref().map(|said| Command::SetWants {
        member,
        wants: wants::for_worker(said),
    }));
    commands
}
