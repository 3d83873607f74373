//! Go Live streams: what owners and viewers ask for (gateway-and-calls, section 8).

use voxhall_live::{LinkState, StreamEnd, StreamRecord, Viewer, VoiceRecord};
use voxhall_protocol::gateway::{StreamDeleteReason, StreamKey};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::Permissions;

use super::placement::{self, Wish};
use super::plan::{Plan, Step};
use super::rules::{Actor, Facts, TIME_TO_CONNECT};
use super::stream_seats::put_stream;
use super::timers::Timer;
use super::view::{StreamId, voice_key};

/// Why somebody gets no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StreamRefusal {
    /// The key cannot be read.
    #[error("that is no stream key, and no place for a stream")]
    NoKey,
    /// Only people of the room stream there and watch there.
    #[error("the session is not in that room")]
    NotInRoom,
    /// No STREAM, audience of a stage, or a room where nobody is heard.
    #[error("the account may not stream in this room")]
    Forbidden,
    /// Nobody streams under this key.
    #[error("there is no such stream")]
    NoStream,
    /// The room's limit.
    #[error("the room has all the streams that it may have")]
    TooManyStreams,
    /// The stream's limit.
    #[error("the stream has all the viewers that it may have")]
    TooManyViewers,
    /// All nodes are gone or drain.
    #[error("no media node takes a stream")]
    NoNode,
}

impl StreamRefusal {
    /// What the client is told; `None` where it is not to blame.
    pub(crate) const fn reason(self) -> Option<StreamDeleteReason> {
        match self {
            Self::NoKey => Some(StreamDeleteReason::ParseFailed),
            Self::NotInRoom => Some(StreamDeleteReason::InvalidChannel),
            Self::Forbidden => Some(StreamDeleteReason::Unauthorized),
            Self::NoStream => Some(StreamDeleteReason::StreamEnded),
            Self::TooManyStreams | Self::TooManyViewers => Some(StreamDeleteReason::StreamFull),
            Self::NoNode => None,
        }
    }
}

impl<'a> Facts<'a> {
    /// Op 18: begins a stream in the room in which the session is.
    pub(crate) fn create_stream(
        self,
        actor: Actor<'_>,
        guild: Option<GuildId>,
        channel: ChannelId,
        region: Option<&str>,
    ) -> Result<Plan, StreamRefusal> {
        let record = self.own_place(actor, guild, channel)?;
        if !self.may_stream(record) {
            return Err(StreamRefusal::Forbidden);
        }
        if let Some(running) = self.view.stream((channel, actor.user)) {
            return Ok(self.asked_again(running, record));
        }
        if !self.another_stream_fits(channel, actor.user) {
            return Err(StreamRefusal::TooManyStreams);
        }
        let stream = self
            .new_stream(record, channel, region)
            .ok_or(StreamRefusal::NoNode)?;
        let shown = VoiceRecord {
            self_stream: true,
            ..record.clone()
        };
        let mut plan = Plan::new();
        put_stream(&mut plan, self.view, &stream);
        self.put_stream_ticket(&mut plan, &stream, &shown);
        plan.put(self.view, voice_key(self.key_of(&shown)), &shown);
        Ok(plan)
    }

    /// Op 20: watches a stream in the room in which the session is.
    pub(crate) fn watch_stream(self, actor: Actor<'_>, key: StreamKey) -> Result<Plan, StreamRefusal> {
        let record = self.own_place(actor, key.guild(), key.channel())?;
        let stream = self.view.stream(id_of(key)).ok_or(StreamRefusal::NoStream)?;
        if stream.sessions().any(|session| session == actor.session) {
            return Ok(self.asked_again(stream, record));
        }
        if stream.viewers.len() >= self.limits.stream_viewers {
            return Err(StreamRefusal::TooManyViewers);
        }
        let mut watched = stream.clone();
        watched.viewers.push(Viewer {
            user_id: actor.user,
            session_id: actor.session.to_owned(),
        });
        let mut plan = Plan::new();
        put_stream(&mut plan, self.view, &watched);
        // A stream without a node waits for one; everybody will be told when it has one.
        if self.view.node(&stream.node).is_some() {
            self.put_stream_ticket(&mut plan, &watched, record);
        }
        Ok(plan)
    }

    /// Op 19: ends the session's own stream, or watches another no longer.
    pub(crate) fn delete_stream(self, actor: Actor<'_>, key: StreamKey) -> Option<Plan> {
        let stream = self.stream_of(key)?;
        let mut plan = Plan::new();
        if stream.session_id == actor.session {
            self.end_stream(&mut plan, stream, StreamEnd::Requested);
            let record = self.in_room(stream.channel_id, stream.owner)?;
            let hidden = VoiceRecord {
                self_stream: false,
                ..record.clone()
            };
            plan.put(self.view, voice_key(self.key_of(record)), &hidden);
            return Some(plan);
        }
        let watches = |viewer: &Viewer| viewer.session_id == actor.session;
        stream.viewers.iter().find(|viewer| watches(viewer))?;
        self.keep_viewers(&mut plan, stream, |viewer| !watches(viewer));
        Some(plan)
    }

    /// Op 22: the owner pauses its stream, or goes on.
    pub(crate) fn pause_stream(self, actor: Actor<'_>, key: StreamKey, paused: bool) -> Option<Plan> {
        let stream = self
            .stream_of(key)
            .filter(|stream| stream.session_id == actor.session && stream.paused != paused)?;
        let mut plan = Plan::new();
        let changed = StreamRecord {
            paused,
            ..stream.clone()
        };
        put_stream(&mut plan, self.view, &changed);
        Some(plan)
    }

    /// Op 21: gives a session a new way to a stream that it takes part in, where its connection is not alive.
    pub(crate) fn ping_stream(self, actor: Actor<'_>, key: StreamKey) -> Option<Plan> {
        let stream = self.stream_of(key)?;
        stream.sessions().find(|session| *session == actor.session)?;
        self.reconnect_to_stream(stream, actor.user)
    }

    /// Gives somebody a new right to connect to a stream, unless its connection is alive. A stream without a node
    /// waits for one.
    pub(super) fn reconnect_to_stream(self, stream: &StreamRecord, user: UserId) -> Option<Plan> {
        let record = self.in_room(stream.channel_id, user)?;
        let mut plan = Plan::new();
        let link = self.view.link_state(&stream.node, stream.rtc_channel_id, user);
        if link != Some(LinkState::Connected) && self.view.node(&stream.node).is_some() {
            self.put_stream_ticket(&mut plan, stream, record);
        }
        Some(plan)
    }

    /// Brings a stream to a region, or to wherever there is most room.
    pub(crate) fn move_stream(self, id: StreamId, region: Option<&str>) -> Option<Plan> {
        let stream = self.view.stream(id)?;
        let wish = Wish {
            region,
            preferred: &[],
        };
        let (node, registered) = placement::choose(self.view, wish)?;
        let moved = StreamRecord {
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            ..stream.clone()
        };
        let mut plan = Plan::new();
        if moved != *stream {
            put_stream(&mut plan, self.view, &moved);
            self.replace_stream_tickets(&mut plan, &moved);
        }
        Some(plan)
    }

    /// The voice state with which a session is in a room.
    fn own_place(
        self,
        actor: Actor<'_>,
        guild: Option<GuildId>,
        channel: ChannelId,
    ) -> Result<&'a VoiceRecord, StreamRefusal> {
        let there = |record: &&VoiceRecord| record.channel_id == Some(channel) && record.guild_id == guild;
        let mut held = self.view.voices_of_session(actor.session);
        held.find(there).ok_or(StreamRefusal::NotInRoom)
    }

    fn stream_of(self, key: StreamKey) -> Option<&'a StreamRecord> {
        let stream = self.view.stream(id_of(key))?;
        (stream.key() == key).then_some(stream)
    }

    /// Whether somebody in a room may show a stream there.
    pub(super) fn may_stream(self, record: &VoiceRecord) -> bool {
        let Some(channel) = record.channel_id else {
            return false;
        };
        let Some((guild, _)) = self.world.guild_channel(channel) else {
            return record.guild_id.is_none();
        };
        let granted = self.granted(channel, record.user_id);
        let audience = self.is_stage(channel) && record.suppress;
        granted.contains(Permissions::STREAM) && !audience && guild.settings.afk_channel_id != Some(channel)
    }

    fn another_stream_fits(self, channel: ChannelId, user: UserId) -> bool {
        let limit = self.picture_limit(channel, self.granted(channel, user));
        self.view.streams_in(channel).count() < limit
    }

    fn new_stream(
        self,
        record: &VoiceRecord,
        channel: ChannelId,
        region: Option<&str>,
    ) -> Option<StreamRecord> {
        let home = self.world.guild_channel(channel);
        let preferred: Vec<String> = region.map(str::to_owned).into_iter().collect();
        let wish = Wish {
            region: home.and_then(|(_, channel)| channel.rtc_region.as_deref()),
            preferred: &preferred,
        };
        let (node, registered) = placement::choose(self.view, wish)?;
        Some(StreamRecord {
            channel_id: channel,
            guild_id: record.guild_id,
            owner: record.user_id,
            session_id: record.session_id.clone(),
            rtc_server_id: self.fresh.rtc_server_id,
            rtc_channel_id: self.fresh.rtc_channel_id,
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            viewers: Vec::new(),
            paused: false,
            ended: None,
        })
    }

    /// Somebody asks for what it has already: it has lost its way, or is still on it.
    fn asked_again(self, stream: &StreamRecord, record: &VoiceRecord) -> Plan {
        let (room, user) = (stream.rtc_channel_id, record.user_id);
        let mut plan = Plan::new();
        let lost = match self.view.link_state(&stream.node, room, user) {
            Some(LinkState::Connected) => false,
            Some(LinkState::Detached | LinkState::Gone) => true,
            None => self.view.ticket(&stream.node, room, user).is_none(),
        };
        if !lost {
            plan.push(Step::BeginTimer(Timer::Unconnected(room, user), TIME_TO_CONNECT));
        } else if self.view.node(&stream.node).is_some() {
            self.put_stream_ticket(&mut plan, stream, record);
        }
        plan
    }

    /// The voice state of somebody in a room.
    fn in_room(self, channel: ChannelId, user: UserId) -> Option<&'a VoiceRecord> {
        self.view.room(channel).find(|record| record.user_id == user)
    }
}

/// Where the live state has the stream of a key.
pub(crate) const fn id_of(key: StreamKey) -> StreamId {
    (key.channel(), key.owner())
}
