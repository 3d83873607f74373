//! Members who have been idle for too long are carried to the channel for the idle.
//!
//! Idle is who neither speaks nor changes anything about its voice state. Speech is noted by the node, now and again
//! as long as it goes on. Nobody in a stage is idle: an audience is there to listen. Nor is who streams, or watches a
//! stream.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use voxhall_live::VoiceRecord;
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::model::ChannelKind;

use super::plan::Plan;
use super::rules::Facts;
use super::view::{LiveView, VoiceKey};
use crate::directory::World;

/// How late speech may be noted: somebody may have spoken this long after it was noted last.
const SPEECH_NOTED_EVERY: Duration = Duration::from_secs(30);

/// How often the idle are looked for.
pub(crate) const SWEEP: Duration = Duration::from_secs(15);

/// When each member of a room was last seen to do something.
#[derive(Debug, Default)]
pub(super) struct Activity {
    seen: HashMap<VoiceKey, Instant>,
}

impl Activity {
    /// Somebody did something.
    pub(super) fn seen(&mut self, voice: VoiceKey, now: Instant) {
        self.seen.insert(voice, now);
    }

    /// Somebody is in no room any more.
    pub(super) fn gone(&mut self, voice: VoiceKey) {
        self.seen.remove(&voice);
    }

    /// Whether anybody is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Who has been idle for too long.
    pub(super) fn idle(&self, now: Instant, view: &LiveView, world: &World) -> Vec<VoiceKey> {
        let idle = self.seen.iter().filter(|(voice, seen)| {
            let wait = view
                .voice(**voice)
                .and_then(|record| destination(world, view, record));
            wait.is_some_and(|(_, patience)| now.saturating_duration_since(**seen) >= patience)
        });
        idle.map(|(voice, _)| *voice).collect()
    }
}

/// Where somebody is carried when idle, and after how long; `None` for those who may be idle where they are.
fn destination(world: &World, view: &LiveView, record: &VoiceRecord) -> Option<(ChannelId, Duration)> {
    let (guild, channel) = world.guild_channel(record.channel_id?)?;
    let mut streams = view.streams_in(channel.id);
    if streams.any(|stream| stream.people().any(|user| user == record.user_id)) {
        return None;
    }
    let afk = guild.settings.afk_channel_id?;
    let patience = Duration::from_secs(u64::from(guild.settings.afk_timeout)) + SPEECH_NOTED_EVERY;
    (channel.kind == ChannelKind::GuildVoice && channel.id != afk).then_some((afk, patience))
}

impl Facts<'_> {
    /// Somebody has been idle for too long.
    pub(crate) fn idle_ended(self, voice: VoiceKey) -> Option<Plan> {
        let record = self.view.voice(voice)?;
        let (afk, _) = destination(self.world, self.view, record)?;
        self.move_member(record, afk)
    }
}
