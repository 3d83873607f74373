//! Resume: an old session on a new socket (`voice-gateway.md` section 8).

use std::time::Instant;

use voxhall_live::{LinkState, TicketRecord};
use voxhall_protocol::ids::ServerId;
use voxhall_protocol::voice::{
    ClientDisconnect, Identify, Message, Resume, VoiceCloseCode, VoiceVersion, WireFrame,
};

use super::session::{Attachment, Session};
use super::{ConnectionId, NodeCore, TicketKey};

/// How a resumed client learns what it missed.
enum CatchUp {
    /// The very frames it missed, in their order.
    Replay(Vec<WireFrame>),
    /// Versions without sequence numbers: everything as it is now.
    Announce,
}

impl NodeCore {
    pub(super) fn resume(&mut self, now: Instant, connection: ConnectionId, resume: &Resume) {
        let Some(version) = self.connections.get(&connection).map(|resuming| resuming.version) else {
            return;
        };
        let resumed = self.tickets.find_resumed(version, resume).and_then(|key| {
            let session = self.session_mut(key)?;
            let catch_up = catch_up(session, version, resume)?;
            Some((key, catch_up))
        });
        let Some((key, catch_up)) = resumed else {
            if let Some(ticket) = self.beginning(version, resume) {
                return self.begin(now, connection, version, &ticket, &as_identify(&ticket));
            }
            let reason = "the session is over or too far behind; identify again";
            return self.fail(connection, VoiceCloseCode::SessionInvalid, reason);
        };
        if self.refuses_resume(key) {
            let reason = "the resume is refused by a fault that was set";
            return self.fail(connection, VoiceCloseCode::SessionInvalid, reason);
        }
        self.take_over(connection, version, key);
        self.carry(now, connection, key);
        self.outbox.message(connection, version, &Message::Resumed);
        match catch_up {
            CatchUp::Replay(frames) => {
                for frame in frames {
                    self.outbox.frame(connection, frame);
                }
            }
            CatchUp::Announce => self.announce_room(key),
        }
    }

    /// The ticket of a Resume that comes before there is anything to resume: the session begins with it, and the
    /// client is told so by Ready. To refuse it would drive a client away that was just given this very token.
    fn beginning(&mut self, version: VoiceVersion, resume: &Resume) -> Option<TicketRecord> {
        let ticket = self.tickets.find_unused(version, resume)?;
        let key = TicketKey {
            channel: ticket.channel_id,
            user: ticket.user_id,
        };
        (!self.settings.require_dave && !self.refuses_resume(key)).then_some(ticket)
    }

    fn take_over(&mut self, connection: ConnectionId, version: VoiceVersion, key: TicketKey) {
        let room = self.rooms.get_mut(&key.channel);
        let Some(session) = room.and_then(|room| room.sessions.get_mut(&key.user)) else {
            return;
        };
        let before = session.connection();
        session.version = version;
        session.attachment = Attachment::Attached(connection);
        self.outbox.link(key, session, LinkState::Connected);
        if let Some(before) = before {
            let reason = "the session was resumed on another socket";
            self.close(before, VoiceCloseCode::SessionInvalid, reason);
        }
    }

    /// Tells a client without replay who left while it was away, who is there, and what they send.
    fn announce_room(&mut self, key: TicketKey) {
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let kept = room.kept;
        let Some(session) = room
            .sessions
            .get_mut(&key.user)
            .filter(|session| session.is_described())
        else {
            return;
        };
        for user in std::mem::take(&mut session.missed_leaves) {
            session.tell(&mut self.outbox, kept, &ClientDisconnect::new(user).into());
        }
        if let Some(asked) = session
            .asked
            .clone()
            .filter(|_| session.version.has_media_sink_wants())
        {
            session.tell(&mut self.outbox, kept, &Message::from(*asked));
        }
        room.tell_roster(&mut self.outbox, key.user);
    }
}

/// What a client would have said that only resumes: nothing of video, nothing of end-to-end encryption.
fn as_identify(ticket: &TicketRecord) -> Identify {
    let server = ServerId(ticket.server_id);
    Identify::new(
        server,
        ticket.user_id,
        ticket.session_id.clone(),
        ticket.token.clone(),
    )
}

/// What the client missed; `None` if that cannot be told any more.
fn catch_up(session: &Session, version: VoiceVersion, resume: &Resume) -> Option<CatchUp> {
    if !session.version.has_seq() || !version.has_seq() {
        return Some(CatchUp::Announce);
    }
    let missed = session.replay.since(resume.seq_ack)?;
    Some(CatchUp::Replay(missed.cloned().collect()))
}
