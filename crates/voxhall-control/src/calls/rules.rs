//! What op 4 and moderators may do, and what follows (gateway-and-calls, sections 4 to 6).
//!
//! A rule reads the live view and the directory and gives a [`Plan`]; `None` means silence, which is how the protocol
//! refuses. The order of a plan's writes is the order of the events that clients see.

use std::time::Duration;

use voxhall_live::{LinkState, Platform, TicketEnd, TicketRecord, VoiceRecord, key};
use voxhall_protocol::Token;
use voxhall_protocol::gateway::VoiceStateUpdate;
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, ServerId, UserId};
use voxhall_protocol::model::{ChannelKind, Permissions};

use super::plan::{Plan, Step};
use super::stream_seats::Changes;
use super::timers::Timer;
use super::view::{LiveView, VoiceKey, voice_key};
use crate::Limits;
use crate::directory::{Home, World};

/// How many cameras, and how many streams, one voice channel carries (`max_video_channel_users`).
const VIDEO_LIMIT: usize = 25;

/// How many cameras, and how many streams, one stage carries.
const STAGE_VIDEO_LIMIT: usize = 50;

/// What makes a moderator of a stage.
pub(crate) const STAGE_MODERATOR: Permissions = Permissions::MANAGE_CHANNELS
    .union(Permissions::MUTE_MEMBERS)
    .union(Permissions::MOVE_MEMBERS);

/// How long a voice connection may take before a client that asks again is believed to have failed.
pub(super) const TIME_TO_CONNECT: Duration = Duration::from_secs(1);

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    /// The account.
    pub(crate) user: UserId,
    /// Bots have one room per guild, people one in all.
    pub(crate) bot: bool,
    /// The main-Gateway session.
    pub(crate) session: &'a str,
    /// What kind of client that session is.
    pub(crate) platform: Platform,
}

/// Values that a plan may need and must not make itself.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    /// Unix milliseconds.
    pub(crate) now_ms: u64,
    /// For a call that begins.
    pub(crate) message_id: MessageId,
    /// 32 hex digits, for a call that begins.
    pub(crate) media_session_id: String,
    /// The room of its own, for a stream that begins.
    pub(crate) rtc_channel_id: ChannelId,
    /// For a stream that begins: the next id after its room's. End-to-end encryption takes the one before this for
    /// the name of its group.
    pub(crate) rtc_server_id: ServerId,
    /// Where tokens come from: 16 hex digits each.
    pub(crate) token: fn() -> Token,
}

/// All that rules read.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) view: &'a LiveView,
    pub(crate) world: &'a World,
    pub(crate) limits: &'a Limits,
    pub(crate) fresh: &'a Fresh,
}

/// A room that somebody may know of.
pub(super) struct Room<'a> {
    pub(super) channel: ChannelId,
    pub(super) guild: Option<GuildId>,
    /// Where it must be.
    pub(super) region: Option<&'a str>,
    /// What the one who comes may do there.
    pub(super) permissions: Permissions,
}

/// Why a join is refused. The protocol has no words for it, so only the operator learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("no such voice channel in that guild, or none that the account may see")]
    UnknownRoom,
    #[error("the account lacks CONNECT in this channel")]
    NoConnect,
    #[error("the channel is full, and the account lacks MOVE_MEMBERS")]
    Full,
    #[error("the account is timed out in this guild")]
    TimedOut,
    #[error("the channel has all the cameras it may have")]
    CamerasFull,
}

impl Refusal {
    /// Says it in the log; the client gets the silence that the protocol asks for.
    fn log(self, actor: Actor<'_>, channel: ChannelId) -> Option<Plan> {
        tracing::info!(user = %actor.user, %channel, reason = %self, "a join is refused");
        None
    }
}

impl<'a> Facts<'a> {
    /// Op 4: join, move, leave, or change flags.
    pub(crate) fn voice_state_update(self, actor: Actor<'_>, request: &VoiceStateUpdate) -> Option<Plan> {
        let Some(channel) = request.channel_id else {
            return self.leave_request(actor, request);
        };
        let Some(room) = self.room(actor, request.guild_id, channel) else {
            return Refusal::UnknownRoom.log(actor, channel);
        };
        let key = self.voice_key(actor, room.guild);
        let current = self.view.voice(key);
        let inside = current.is_some_and(|record| record.channel_id == Some(channel));
        if !inside && let Err(refusal) = self.may_enter(&room, actor.user) {
            return refusal.log(actor, channel);
        }
        let record = self.desired(actor, &room, request, current.filter(|_| inside));
        if record.self_video && !current.is_some_and(|it| inside && it.self_video) && !self.camera_fits(&room)
        {
            return Refusal::CamerasFull.log(actor, channel);
        }
        let preferred = preferred_regions(request);
        let mut plan = Plan::new();
        match current {
            Some(current) if inside => self.stay(&mut plan, current, record)?,
            Some(current) => self.go(&mut plan, current, record, &room, &preferred)?,
            None => self.enter(&mut plan, record, &room, &preferred)?,
        }
        Some(plan)
    }

    fn leave_request(self, actor: Actor<'_>, request: &VoiceStateUpdate) -> Option<Plan> {
        let mut plan = Plan::new();
        let mut left = false;
        for record in self.view.voices_of_session(actor.session) {
            // Null for the guild means everything that this session holds.
            if request.guild_id.is_none() || record.guild_id == request.guild_id {
                let leaving = VoiceRecord {
                    self_mute: request.self_mute,
                    self_deaf: request.self_deaf,
                    ..record.clone()
                };
                self.leave(&mut plan, &leaving, TicketEnd::Disconnected);
                left = true;
            }
        }
        left.then_some(plan)
    }

    /// The room, if the actor may know of it.
    fn room(self, actor: Actor<'_>, guild: Option<GuildId>, channel: ChannelId) -> Option<Room<'a>> {
        match self.world.home(channel)? {
            Home::Private => {
                let private = self.world.private(channel)?;
                let may = !actor.bot && guild.is_none() && private.recipients.contains(&actor.user);
                may.then_some(Room {
                    channel,
                    guild: None,
                    region: None,
                    permissions: Permissions::ALL,
                })
            }
            Home::Guild(home) => {
                let (_, record) = self.world.guild_channel(channel)?;
                let permissions = self.granted(channel, actor.user);
                let may = guild == Some(home)
                    && record.kind.is_voice()
                    && permissions.contains(Permissions::VIEW_CHANNEL);
                may.then_some(Room {
                    channel,
                    guild: Some(home),
                    region: record.rtc_region.as_deref(),
                    permissions,
                })
            }
        }
    }

    fn voice_key(self, actor: Actor<'_>, guild: Option<GuildId>) -> VoiceKey {
        (actor.user, guild.filter(|_| actor.bot))
    }

    fn may_enter(self, room: &Room<'_>, user: UserId) -> Result<(), Refusal> {
        let Some((guild, channel)) = self.world.guild_channel(room.channel) else {
            return Ok(());
        };
        let full =
            channel.user_limit != 0 && self.view.room_size(room.channel) >= channel.user_limit as usize;
        let member = guild.members.get(&user);
        if member.is_some_and(|member| member.is_timed_out(self.fresh.now_ms))
            && !room.permissions.contains(Permissions::ADMINISTRATOR)
        {
            return Err(Refusal::TimedOut);
        }
        if !room.permissions.contains(Permissions::CONNECT) {
            return Err(Refusal::NoConnect);
        }
        if full && !room.permissions.contains(Permissions::MOVE_MEMBERS) {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// What somebody may do in a guild's channel at this moment.
    pub(super) fn granted(self, channel: ChannelId, user: UserId) -> Permissions {
        self.world.permissions_at(channel, user, self.fresh.now_ms)
    }

    fn camera_fits(self, room: &Room<'_>) -> bool {
        let cameras = self.view.room(room.channel).filter(|record| record.self_video);
        cameras.count() < self.picture_limit(room.channel, room.permissions)
    }

    /// How many cameras, and how many streams, a room may have for somebody to add one.
    pub(super) fn picture_limit(self, channel: ChannelId, permissions: Permissions) -> usize {
        let Some((_, record)) = self.world.guild_channel(channel) else {
            return VIDEO_LIMIT;
        };
        let extra = usize::from(permissions.contains(Permissions::MANAGE_CHANNELS));
        extra
            + if record.kind == ChannelKind::GuildStage {
                STAGE_VIDEO_LIMIT
            } else {
                VIDEO_LIMIT
            }
    }

    /// The voice state that the request leads to.
    fn desired(
        self,
        actor: Actor<'_>,
        room: &Room<'_>,
        request: &VoiceStateUpdate,
        inside: Option<&VoiceRecord>,
    ) -> VoiceRecord {
        let member = room.guild.and_then(|guild| self.world.member(guild, actor.user));
        let may_stream = room.guild.is_none() || room.permissions.contains(Permissions::STREAM);
        VoiceRecord {
            user_id: actor.user,
            guild_id: room.guild,
            channel_id: Some(room.channel),
            session_id: actor.session.to_owned(),
            mute: member.is_some_and(|member| member.mute),
            deaf: member.is_some_and(|member| member.deaf),
            self_mute: request.self_mute,
            self_deaf: request.self_deaf,
            self_video: request.self_video.unwrap_or(false) && may_stream,
            // A stream is its session's: whoever takes the voice state over does not take that over.
            self_stream: inside
                .is_some_and(|record| record.self_stream && record.session_id == actor.session),
            suppress: match inside {
                Some(record) if self.is_stage(room.channel) => record.suppress,
                _ => self.suppressed(room.channel, actor.user),
            },
            flags: request.flags.value().map_or(0, |flags| u64::from(flags.bits())),
            platform: actor.platform,
            request_to_speak_timestamp: inside.and_then(|record| record.request_to_speak_timestamp.clone()),
            connected_at_ms: inside.map_or(self.fresh.now_ms, |record| record.connected_at_ms),
        }
    }

    pub(super) fn is_stage(self, channel: ChannelId) -> bool {
        let kind = self.world.guild_channel(channel).map(|(_, channel)| channel.kind);
        kind == Some(ChannelKind::GuildStage)
    }

    /// Whether somebody who enters may not speak: no SPEAK, timed out, audience of a stage, or among the idle.
    pub(super) fn suppressed(self, channel: ChannelId, user: UserId) -> bool {
        let Some((guild, record)) = self.world.guild_channel(channel) else {
            return false;
        };
        if guild.settings.afk_channel_id == Some(channel) {
            return true;
        }
        let needed = if record.kind == ChannelKind::GuildStage {
            STAGE_MODERATOR
        } else {
            Permissions::SPEAK
        };
        !self.granted(channel, user).contains(needed)
    }

    /// Whether somebody who is in a room may still not speak, now that permissions have changed. Whoever was made a
    /// speaker in a stage stays one, unless it is timed out.
    pub(super) fn suppression_after_change(self, record: &VoiceRecord, channel: ChannelId) -> bool {
        if self.is_stage(channel) {
            let member = self
                .world
                .guild_channel(channel)
                .and_then(|(guild, _)| guild.members.get(&record.user_id));
            let timed_out = member.is_some_and(|member| member.is_timed_out(self.fresh.now_ms));
            let exempt = self
                .granted(channel, record.user_id)
                .contains(Permissions::ADMINISTRATOR);
            record.suppress || timed_out && !exempt
        } else {
            self.suppressed(channel, record.user_id)
        }
    }

    /// The same room again (the table of section 4.3).
    fn stay(self, plan: &mut Plan, current: &VoiceRecord, record: VoiceRecord) -> Option<()> {
        let channel = record.channel_id?;
        let call = self.view.call(channel)?;
        let ticket = self.view.ticket(&call.node, channel, record.user_id);
        let link = self.view.link_state(&call.node, channel, record.user_id);
        let unchanged = *current == record;
        let taken_over = current.session_id != record.session_id;
        let lost = match link {
            Some(LinkState::Connected) => false,
            Some(LinkState::Detached | LinkState::Gone) => true,
            None => ticket.is_none(),
        };
        if !lost && unchanged && !taken_over {
            // A client that repeats itself asks for a way in, but may be on its way or have just arrived; or what it
            // has lost is not known here yet.
            let doubt = Timer::Unconnected(channel, record.user_id);
            plan.push(Step::BeginTimer(doubt, TIME_TO_CONNECT));
        }
        plan.put(self.view, voice_key(self.key_of(&record)), &record);
        self.streams_follow(plan, channel, &Changes::from([(record.user_id, Some(&record))]));
        if self.view.node(&call.node).is_none() {
            // The call waits for a node; everybody in it will be told when it has one.
            return Some(());
        }
        let key = key::ticket(&call.node, channel, record.user_id);
        match ticket {
            Some(ticket) if !lost && !taken_over => {
                let changed = TicketRecord {
                    permissions: self.media_permissions(&record),
                    flags: record.flags,
                    platform: record.platform,
                    ..ticket.clone()
                };
                if changed != *ticket {
                    plan.put(self.view, key, &changed);
                }
            }
            Some(ticket) => {
                if taken_over {
                    let ended = TicketRecord {
                        ended: Some(TicketEnd::Disconnected),
                        ..ticket.clone()
                    };
                    plan.put(self.view, key.clone(), &ended);
                }
                plan.put(self.view, key, &self.ticket(&record, call)?);
                if !taken_over {
                    plan.confirm_later(channel, record.user_id);
                }
            }
            None => plan.put(self.view, key, &self.ticket(&record, call)?),
        }
        Some(())
    }

    /// Tells somebody its voice state once more after VOICE_SERVER_UPDATE; `None` if it is not in the room any more.
    ///
    /// discord.py believes to be connected when it asks again after 4015: it ignores the state that comes first, begins
    /// with the server, and then waits for a state.
    pub(crate) fn confirm(self, channel: ChannelId, user: UserId) -> Option<Plan> {
        let mut plan = Plan::new();
        let record = self.view.room(channel).find(|record| record.user_id == user)?;
        plan.put(self.view, voice_key(self.key_of(record)), record);
        Some(plan)
    }
}

fn preferred_regions(request: &VoiceStateUpdate) -> Vec<String> {
    let several = request.preferred_regions.value().cloned().unwrap_or_default();
    request
        .preferred_region
        .value()
        .cloned()
        .into_iter()
        .chain(several)
        .collect()
}
