//! The sessions of one call, and what they are told of each other (`voice-gateway.md` section 13).

use std::collections::BTreeMap;

use voxhall_protocol::Extra;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{ClientsConnect, CodecName, Message, SessionUpdate, Video};
use voxhall_sfu::{Command, RoomId};

use super::codecs::Decoders;
use super::output::Outbox;
use super::session::Session;
use super::{WorkerIndex, video, wants};

/// One call.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) worker: WorkerIndex,
    pub(super) media_session_id: String,
    /// How many numbered messages each session keeps.
    pub(super) kept: usize,
    pub(super) sessions: BTreeMap<UserId, Session>,
}

impl Room {
    /// Tells everyone but `except`.
    pub(super) fn tell_others(&mut self, outbox: &mut Outbox, except: UserId, message: &Message) {
        for session in self.sessions.values_mut() {
            if session.user != except && session.is_described() {
                session.tell(outbox, self.kept, message);
            }
        }
    }

    /// Tells everyone else what a member's video is, each in the SSRCs that it will see.
    fn tell_video(&mut self, outbox: &mut Outbox, of: UserId, video: &Video) {
        let Some(ssrcs) = self.sessions.get(&of).map(|session| session.ssrcs.clone()) else {
            return;
        };
        for session in self.sessions.values_mut() {
            if session.user != of && session.is_described() {
                let video = session.view_of(video, &ssrcs);
                session.tell(outbox, self.kept, &video.into());
            }
        }
    }

    /// Tells one member who else is there and what they send: op 11, then for each op 18, 20, 5 and 12.
    pub(super) fn tell_roster(&mut self, outbox: &mut Outbox, to: UserId) {
        let others = || self.sessions.values().filter(|session| session.user != to);
        let user_ids: Vec<UserId> = others().map(|session| session.user).collect();
        if user_ids.is_empty() {
            return;
        }
        let present = ClientsConnect {
            user_ids,
            extra: Extra::new(),
        };
        let mut roster = vec![Message::from(present)];
        let Some(receiver) = self.sessions.get(&to) else {
            return;
        };
        roster.extend(others().flat_map(|other| other.introduction(receiver)));
        if let Some(session) = self.sessions.get_mut(&to) {
            for message in &roster {
                session.tell(outbox, self.kept, message);
            }
        }
    }

    /// Changes a session and tells the others what they can see of it.
    pub(super) fn change(&mut self, outbox: &mut Outbox, user: UserId, change: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(&user) else {
            return;
        };
        let (speaking, video) = (session.announced_speaking(), session.seen_video());
        let published = session.video.as_deref().map(video::published);
        change(session);
        let now_published = session.video.as_deref().map(video::published);
        if published != now_published {
            let publish = Command::Publish {
                member: session.member,
                video: now_published.unwrap_or_default(),
            };
            outbox.command(self.worker, publish);
        }
        let (now_speaking, now_video) = (session.announced_speaking(), session.seen_video());
        if let Some(now_speaking) = now_speaking.filter(|now| speaking.as_ref() != Some(now)) {
            self.tell_others(outbox, user, &now_speaking.into());
        }
        if video != now_video {
            self.tell_video(outbox, user, &now_video);
            self.ask_publisher(outbox, user);
        }
    }

    /// Asks every publisher for what the receivers together want, where that has changed.
    pub(super) fn ask_publishers(&mut self, outbox: &mut Outbox) {
        let publishing =
            |session: &&Session| session.video.as_ref().is_some_and(|video| video.is_publishing());
        let publishers: Vec<UserId> = self
            .sessions
            .values()
            .filter(publishing)
            .map(|session| session.user)
            .collect();
        for user in publishers {
            self.ask_publisher(outbox, user);
        }
    }

    fn ask_publisher(&mut self, outbox: &mut Outbox, user: UserId) {
        let Some(publisher) = self.sessions.get(&user) else {
            return;
        };
        let video = publisher.seen_video();
        let ready = publisher.version.has_media_sink_wants() && publisher.is_described();
        if !ready || !video.is_publishing() {
            return;
        }
        let receivers = self
            .sessions
            .values()
            .filter(|session| session.user != user && session.is_described());
        let receivers = receivers.map(|session| wants::Receiver {
            wants: session.wants.as_deref(),
            sees: session.webrtc().and(video::shown(&publisher.ssrcs)),
        });
        let Some(asked) = wants::aggregate(&video, receivers) else {
            return;
        };
        let Some(publisher) = self.sessions.get_mut(&user) else {
            return;
        };
        if publisher.asked.as_deref() != Some(&asked) {
            publisher.tell(outbox, self.kept, &asked.clone().into());
            publisher.asked = Some(Box::new(asked));
        }
    }

    /// The video codec one member should send.
    pub(super) fn codec_for(&self, user: UserId) -> Option<CodecName> {
        let session = self.sessions.get(&user)?;
        self.decoders().choose(&session.video_codecs)
    }

    /// Chooses what each member sends anew, and tells those for whom it changed (op 14).
    pub(super) fn choose_codecs(&mut self, outbox: &mut Outbox) {
        let decoders = self.decoders();
        for session in self
            .sessions
            .values_mut()
            .filter(|session| session.is_described())
        {
            let chosen = decoders.choose(&session.video_codecs);
            if chosen == session.send_codec {
                continue;
            }
            session.send_codec.clone_from(&chosen);
            // Who encodes no video any more need not be told what to send.
            if chosen.is_some() {
                let update = SessionUpdate {
                    video_codec: chosen,
                    ..SessionUpdate::default()
                };
                session.tell(outbox, self.kept, &update.into());
            }
        }
    }

    fn decoders(&self) -> Decoders {
        let mut decoders = Decoders::default();
        for session in self.sessions.values() {
            decoders.add(&session.video_codecs);
        }
        decoders
    }
}
