//! What members say about their media: ops 5, 12, 14 and 15.

use voxhall_live::LinkState;
use voxhall_protocol::Extra;
use voxhall_protocol::voice::{MediaSinkWants, SessionUpdate, Speaking, Video, VoiceCloseCode};
use voxhall_sfu::{Command, MemberId, PayloadTypes};

use super::session::Attachment;
use super::{ConnectionId, NodeCore, TicketKey, codecs, video, wants};

impl NodeCore {
    /// Op 5. One that names a foreign SSRC is ignored; one that names none, or 0, speaks of the session's own. A WebRTC
    /// client says by it what its own is.
    pub(super) fn speaking(&mut self, connection: ConnectionId, key: TicketKey, said: &Speaking) {
        if !self.may_publish(key) {
            return;
        }
        let is_webrtc = self
            .session_mut(key)
            .is_some_and(|session| session.webrtc().is_some());
        if is_webrtc && !self.adopt_audio(connection, key, said) {
            return;
        }
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let named = said.ssrc.filter(|ssrc| !ssrc.is_none());
        let own = room.sessions.get(&key.user).map(|session| session.ssrcs.audio);
        if is_webrtc || named.is_none() || named == own {
            room.change(&mut self.outbox, key.user, |session| {
                session.speaking = Some(said.speaking)
            });
        }
    }

    /// Whether what a session says of media of its own is heard.
    fn may_publish(&mut self, key: TicketKey) -> bool {
        self.session_mut(key).is_some_and(|session| session.may_publish)
    }

    /// The worker hears a member. Who decides what idleness means learns of it through the link.
    pub(super) fn spoke(&mut self, member: MemberId) {
        let Some(&key) = self.members.get(&member) else {
            return;
        };
        let room = self.rooms.get_mut(&key.channel);
        let Some(session) = room.and_then(|room| room.sessions.get_mut(&key.user)) else {
            return;
        };
        session.spoke += 1;
        let state = match session.attachment {
            Attachment::Attached(_) => LinkState::Connected,
            Attachment::Detached { .. } => LinkState::Detached,
        };
        self.outbox.link(key, session, state);
    }

    /// Op 12. Foreign SSRCs in it are ignored, but a WebRTC client says by it what its own are.
    pub(super) fn video(&mut self, connection: ConnectionId, key: TicketKey, said: &Video) {
        if !self.may_publish(key) {
            return;
        }
        let is_webrtc = self
            .session_mut(key)
            .is_some_and(|session| session.webrtc().is_some());
        let adopted = is_webrtc.then(|| self.adopt_video(connection, key, said));
        let said = match &adopted {
            Some(Some(adopted)) => adopted,
            Some(None) => return,
            None => said,
        };
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        room.change(&mut self.outbox, key.user, |session| {
            session.video = Some(Box::new(video::own_video(said, session.user, &session.ssrcs)));
        });
    }

    /// Op 14 of a client: its codec list replaces the one of op 1.
    pub(super) fn session_update(&mut self, key: TicketKey, update: &SessionUpdate) {
        let (Some(listed), Some(room)) = (&update.codecs, self.rooms.get_mut(&key.channel)) else {
            return;
        };
        let Some(session) = room.sessions.get_mut(&key.user) else {
            return;
        };
        // Before op 1 there is no list to replace; op 1 brings one.
        let Some(selected) = &mut session.selected else {
            return;
        };
        selected.payload_types = PayloadTypes::from_codecs(listed);
        session.video_codecs = codecs::video_codecs(listed);
        let replace = Command::SetPayloadTypes {
            member: session.member,
            payload_types: selected.payload_types.clone(),
        };
        self.outbox.command(room.worker, replace);
        room.choose_codecs(&mut self.outbox);
    }

    /// Op 15 of a receiver. SSRCs nobody owns yet are kept: they may appear later.
    pub(super) fn media_sink_wants(
        &mut self,
        connection: ConnectionId,
        key: TicketKey,
        mut said: MediaSinkWants,
    ) {
        if wants::listed(&said) > self.settings.limits.listed_wants {
            return self.fail(
                connection,
                VoiceCloseCode::BadRequest,
                "too many SSRCs in Media Sink Wants",
            );
        }
        let Some(room) = self.rooms.get_mut(&key.channel) else {
            return;
        };
        let Some(session) = room.sessions.get_mut(&key.user) else {
            return;
        };
        if !session.version.has_media_sink_wants() {
            return;
        }
        // What is not understood would only take memory.
        said.extra = Extra::new();
        let set = Command::SetWants {
            member: session.member,
            wants: wants::for_worker(&said),
        };
        session.wants = Some(Box::new(said));
        self.outbox.command(room.worker, set);
        room.ask_publishers(&mut self.outbox);
    }
}
