//! One member's voice session: it outlives the sockets that carry it.

use std::time::Instant;

use voxhall_live::MediaPermissions;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{
    ClientFlags, ClientFlagsUpdate, ClientsConnect, Codec, CodecName, MediaSinkWants, Message, Platform,
    PlatformUpdate, Speaking, SpeakingFlags, Ssrc, Video, VoiceVersion, encode_server,
};
use voxhall_protocol::{Extra, Nullable, Token};
use voxhall_sfu::{
    ClientSources, Command, MemberId, MemberSsrcs, PayloadTypes, Transport, UdpTransport, WebRtcTransport,
};

use super::output::Outbox;
use super::replay::Replay;
use super::{ConnectionId, video};

/// A voice session, from Identify until its end.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: UserId,
    pub(super) member: MemberId,
    pub(super) version: VoiceVersion,
    pub(super) attachment: Attachment,
    pub(super) token: Token,
    pub(super) flags: ClientFlags,
    pub(super) platform: voxhall_live::Platform,
    pub(super) permissions: MediaPermissions,
    /// Whether its ops 5 and 12 count: those of who only watches a stream do not.
    pub(super) may_publish: bool,
    pub(super) ssrcs: MemberSsrcs,
    /// The names of its video layers, in the order of their SSRCs.
    pub(super) rids: Vec<Option<String>>,
    /// What it calls its streams itself, if it uses WebRTC.
    pub(super) sources: ClientSources,
    /// Identify spoke of video or offered streams.
    pub(super) sends_video: bool,
    /// Set once op 1 was answered; until then the client is told nothing of others.
    pub(super) selected: Option<Box<Selected>>,
    /// What op 5 said last.
    pub(super) speaking: Option<SpeakingFlags>,
    /// What op 12 said last, reduced to the session's own SSRCs.
    pub(super) video: Option<Box<Video>>,
    /// What op 15 said last.
    pub(super) wants: Option<Box<MediaSinkWants>>,
    /// What the session was asked to send last.
    pub(super) asked: Option<Box<MediaSinkWants>>,
    /// Of op 1 or op 14, most liked first.
    pub(super) video_codecs: Box<[Codec]>,
    /// What op 4 or op 14 told the session to send.
    pub(super) send_codec: Option<CodecName>,
    pub(super) replay: Replay,
    /// Who left while the session was detached, if its version has no replay.
    pub(super) missed_leaves: Vec<UserId>,
    /// How often the worker noted that the member speaks.
    pub(super) spoke: u64,
}

/// Whether a socket carries the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attachment {
    Attached(ConnectionId),
    /// The socket was lost.
    Detached {
        /// When the session ends unless it is resumed.
        until: Instant,
    },
}

/// The answer to op 1.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) payload_types: PayloadTypes,
    pub(super) transport: SelectedTransport,
}

/// How the session's media travels.
#[derive(Debug)]
pub(super) enum SelectedTransport {
    /// Once its worker failed, with what that left: where the nonce counter stood, and where the client was found.
    Udp(UdpTransport),
    WebRtc(Box<WebRtcTransport>),
}

impl Session {
    /// The socket that carries the session, if there is one.
    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self.attachment {
            Attachment::Attached(connection) => Some(connection),
            Attachment::Detached { .. } => None,
        }
    }

    /// Whether the session is told what happens to others: from its first op 4 on.
    pub(super) const fn is_described(&self) -> bool {
        self.selected.is_some()
    }

    /// The WebRTC transport that op 1 chose, if it did.
    pub(super) fn webrtc(&self) -> Option<&WebRtcTransport> {
        match &self.selected.as_ref()?.transport {
            SelectedTransport::WebRtc(transport) => Some(transport),
            SelectedTransport::Udp(_) => None,
        }
    }

    /// Whether the session has this name in connectivity checks.
    pub(super) fn is_called(&self, ufrag: &str) -> bool {
        self.webrtc()
            .is_some_and(|transport| transport.local_ufrag == ufrag)
    }

    /// Whether an SSRC is one that Ready gave the session.
    pub(super) fn owns(&self, ssrc: Ssrc) -> bool {
        let mut streams = self.ssrcs.streams.iter();
        self.ssrcs.audio == ssrc || streams.any(|stream| stream.ssrc == ssrc || stream.rtx == ssrc)
    }

    /// Sends a message, numbered and kept for a resume where the version does so.
    pub(super) fn tell(&mut self, outbox: &mut Outbox, kept: usize, message: &Message) {
        let seq = (self.version.has_seq() && message.is_numbered()).then(|| self.replay.next_seq());
        let frame = encode_server(self.version, message, seq);
        match (seq, self.connection()) {
            (Some(_), Some(connection)) => {
                self.replay.push(frame.clone(), kept);
                outbox.frame(connection, frame);
            }
            (Some(_), None) => self.replay.push(frame, kept),
            (None, Some(connection)) => outbox.frame(connection, frame),
            (None, None) => self.remember_leave(message, kept),
        }
    }

    /// What others were told of the session's audio, once it has said anything.
    pub(super) fn announced_speaking(&self) -> Option<Speaking> {
        self.speaking.map(|_| self.seen_speaking())
    }

    /// What others are told of the session's audio.
    fn seen_speaking(&self) -> Speaking {
        let allowed = if self.permissions.priority {
            SpeakingFlags::ALL
        } else {
            SpeakingFlags::ALL.difference(SpeakingFlags::PRIORITY)
        };
        let speaking = self.speaking.unwrap_or_default().intersection(allowed);
        Speaking::from_server(self.user, speaking, self.ssrcs.audio)
    }

    /// What others are told of the session's video.
    pub(super) fn seen_video(&self) -> Video {
        match &self.video {
            Some(video) if self.permissions.video => video.as_ref().clone(),
            _ => video::no_video(self.user, &self.ssrcs),
        }
    }

    /// Op 11 for this session alone, op 18 and op 20: how others learn of a newcomer.
    pub(super) fn arrival(&self) -> [Message; 3] {
        let arrival = ClientsConnect {
            user_ids: vec![self.user],
            extra: Extra::new(),
        };
        [arrival.into(), self.client_flags(), self.platform()]
    }

    /// Another's video, in the SSRCs under which this session gets it: a WebRTC client has one stream for each
    /// publisher, whatever its layers are.
    pub(super) fn view_of(&self, video: &Video, ssrcs: &MemberSsrcs) -> Video {
        if self.webrtc().is_some() {
            video::merged(video, ssrcs)
        } else {
            video.clone()
        }
    }

    /// Op 18, 20, 5 and, if there is any video, 12: how a newcomer learns of this session.
    pub(super) fn introduction(&self, newcomer: &Self) -> impl Iterator<Item = Message> {
        let video = newcomer.view_of(&self.seen_video(), &self.ssrcs);
        let video = (!video.video_ssrc.is_none()).then_some(video);
        [self.client_flags(), self.platform(), self.seen_speaking().into()]
            .into_iter()
            .chain(video.map(Message::from))
    }

    /// Op 18.
    pub(super) fn client_flags(&self) -> Message {
        let flags = ClientFlagsUpdate {
            user_id: self.user,
            flags: Nullable::Value(self.flags),
            extra: Extra::new(),
        };
        flags.into()
    }

    /// Op 20. It has no word for browsers, which run on computers if they do not say otherwise.
    fn platform(&self) -> Message {
        let platform = match self.platform {
            voxhall_live::Platform::Mobile => Platform::Mobile,
            voxhall_live::Platform::Desktop | voxhall_live::Platform::Web => Platform::Desktop,
        };
        let platform = PlatformUpdate {
            user_id: self.user,
            platform: Nullable::Value(platform),
            extra: Extra::new(),
        };
        platform.into()
    }

    /// The command that opens the session's media, once op 1 was answered.
    pub(super) fn connect_command(&self) -> Option<Command> {
        let selected = self.selected.as_ref()?;
        Some(Command::Connect {
            member: self.member,
            transport: match &selected.transport {
                SelectedTransport::Udp(transport) => Transport::Udp(transport.clone()),
                SelectedTransport::WebRtc(transport) => Transport::WebRtc(transport.clone()),
            },
            payload_types: selected.payload_types.clone(),
            dave: false,
        })
    }

    /// Below version 8 nothing is replayed; all that a new announcement of the room cannot say is who left.
    fn remember_leave(&mut self, message: &Message, kept: usize) {
        if let Message::ClientDisconnect(left) = message
            && self.missed_leaves.len() < kept
        {
            self.missed_leaves.push(left.user_id);
        }
    }
}
