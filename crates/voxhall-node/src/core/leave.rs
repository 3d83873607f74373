//! How sessions wait, end, and are ended by what happens to their tickets.

use std::time::Instant;

use voxhall_live::{LinkState, TicketRecord};
use voxhall_protocol::voice::{ClientDisconnect, VoiceCloseCode};
use voxhall_sfu::{Command, MemberId};

use super::connection::Phase;
use super::handshake::client_flags;
use super::session::{Attachment, Session};
use super::timers::Timer;
use super::{NodeCore, TicketKey, tickets, video};

impl NodeCore {
    /// A ticket was written: what it changes for the session it belongs to.
    pub(super) fn ticket(&mut self, now: Instant, record: TicketRecord) {
        let key = TicketKey {
            channel: record.channel_id,
            user: record.user_id,
        };
        self.tickets.put(record.clone());
        self.follow_ticket(now, key, &record);
        self.admit_early(now, &record.token);
    }

    fn follow_ticket(&mut self, now: Instant, key: TicketKey, record: &TicketRecord) {
        let Some(session) = self.session_mut(key) else {
            return;
        };
        if let Some(end) = record.ended {
            self.leave(now, key, tickets::close_code(end));
        } else if session.token != record.token {
            self.leave(now, key, VoiceCloseCode::Disconnected);
        } else {
            self.permit(key, record);
        }
    }

    /// A ticket was deleted. Usually it had been marked as ended before.
    pub(super) fn ticket_deleted(&mut self, now: Instant, key: TicketKey) {
        self.tickets.delete(key);
        self.leave(now, key, VoiceCloseCode::Disconnected);
        self.outbox.link_deleted(key);
    }

    /// The socket is lost; media go on, and the client may resume.
    pub(super) fn detach(&mut self, now: Instant, key: TicketKey) {
        let until = now + self.settings.limits.resume_window;
        let Some(session) = self
            .rooms
            .get_mut(&key.channel)
            .and_then(|room| room.sessions.get_mut(&key.user))
        else {
            return;
        };
        session.attachment = Attachment::Detached { until };
        self.timers.set(until, Timer::Resume(session.member));
        self.outbox.link(key, session, LinkState::Detached);
    }

    pub(super) fn resume_overdue(&mut self, now: Instant, member: MemberId) {
        let Some(&key) = self.members.get(&member) else {
            return;
        };
        let attachment = self.session_mut(key).map(|session| session.attachment);
        // It may have been resumed, and even lost again, since the timer was set.
        if matches!(attachment, Some(Attachment::Detached { until }) if until <= now) {
            self.end_session(key);
        }
    }

    /// Ends a session for good: the others are told, its SSRCs are free, its link is gone. Its socket, if it still
    /// has one, is the caller's business.
    pub(super) fn end_session(&mut self, key: TicketKey) -> Option<Session> {
        let session = self.remove_session(key)?;
        self.outbox.link(key, &session, LinkState::Gone);
        Some(session)
    }

    /// Makes place for a new session of the same ticket: the newer one wins.
    pub(super) fn replace_session(&mut self, key: TicketKey) {
        let replaced = self.remove_session(key).and_then(|session| session.connection());
        if let Some(connection) = replaced {
            let reason = "a newer voice connection replaces this one";
            self.close(connection, VoiceCloseCode::SessionInvalid, reason);
        }
    }

    /// Takes a member out at once and gives its client a moment to leave by itself.
    ///
    /// Clients that are moved follow VOICE_SERVER_UPDATE and drop the old socket; closing it first would make some of
    /// them give up (`gateway-and-calls.md` section 4.5).
    fn leave(&mut self, now: Instant, key: TicketKey, code: VoiceCloseCode) {
        let Some(connection) = self.end_session(key).and_then(|session| session.connection()) else {
            return;
        };
        if let Some(leaving) = self.connections.get_mut(&connection) {
            leaving.phase = Phase::Leaving(code);
            self.timers
                .set(now + self.settings.limits.leave_grace, Timer::Leave(connection));
        }
    }

    /// The same ticket with other permissions or flags.
    fn permit(&mut self, key: TicketKey, ticket: &TicketRecord) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let Some(session) = room.sessions.get_mut(&key.user) else {
            return;
        };
        if session.permissions != ticket.permissions {
            let permit = Command::SetPermissions {
                member: session.member,
                permissions: tickets::for_worker(ticket.permissions),
            };
            self.outbox.command(room.worker, permit);
            room.change(&mut self.outbox, key.user, |session| {
                session.permissions = ticket.permissions
            });
        }
        let flags = client_flags(ticket);
        let Some(session) = room
            .sessions
            .get_mut(&key.user)
            .filter(|session| session.flags != flags)
        else {
            return;
        };
        session.flags = flags;
        let message = session.client_flags();
        room.tell_others(&mut self.outbox, key.user, &message);
    }

    fn remove_session(&mut self, key: TicketKey) -> Option<Session> {
        let room = self.rooms.get_mut(&key.channel)?;
        let session = room.sessions.remove(&key.user)?;
        tracing::debug!(channel = %key.channel, user = %key.user, "a voice session ends");
        self.members.remove(&session.member);
        self.outbox.command(
            room.worker,
            Command::RemoveMember {
                member: session.member,
            },
        );
        if let Some(worker) = self.workers.get_mut(room.worker.0) {
            worker.ssrcs.free(&session.ssrcs);
            video::all_sources(&session.sources).for_each(|ssrc| worker.ssrcs.retract(ssrc));
            worker.members = worker.members.saturating_sub(1);
        }
        if room.sessions.is_empty() {
            self.rooms.remove(&key.channel);
        } else {
            room.tell_others(
                &mut self.outbox,
                key.user,
                &ClientDisconnect::new(key.user).into(),
            );
            room.choose_codecs(&mut self.outbox);
            room.ask_publishers(&mut self.outbox);
        }
        Some(session)
    }
}
