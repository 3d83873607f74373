//! What rooms that fill and empty mean for stages and status lines.

use std::time::Duration;

use voxhall_protocol::gateway::{ChannelNote, Event, Intents};
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::{Extra, Nullable};

use super::reaction::{Audience, Dispatch};
use super::timers::Timer;
use crate::Error;
use crate::control::Core;
use crate::directory::Stage;
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// How long a stage stays live with nobody there: time to come, and to come back after a restart.
const EMPTY_STAGE: Duration = Duration::from_secs(300);

/// What became of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageEvent {
    /// It is live.
    Began,
    /// It has another topic.
    Changed,
    /// It is live no more.
    Ended,
}

impl Core {
    /// Tells those who see the stage what became of it.
    pub(crate) fn tell_stage(&self, what: StageEvent, guild: GuildId, stage: &Stage) {
        let shown = render::stage(guild, stage);
        let event = match what {
            StageEvent::Began => Event::StageInstanceCreate(shown),
            StageEvent::Changed => Event::StageInstanceUpdate(shown),
            StageEvent::Ended => Event::StageInstanceDelete(shown),
        };
        let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILDS));
        let audience = Audience::Viewers(stage.channel_id);
        self.hub
            .deliver(&self.directory.read(), Dispatch::now(audience, event));
    }

    /// Ends a stage that stays empty.
    pub(crate) fn watch_stage(&self, channel: ChannelId) {
        if self.calls.view().room_size(channel) == 0 {
            self.calls.set_timer(Timer::EmptyStage(channel), EMPTY_STAGE);
        }
    }

    /// Nobody has come to a live stage.
    pub(crate) async fn stage_stayed_empty(&self, channel: ChannelId) -> Result<(), Error> {
        if self.calls.view().room_size(channel) == 0 {
            self.end_stage(channel).await?;
        }
        Ok(())
    }

    /// Ends a stage, if it is live.
    pub(crate) async fn end_stage(&self, channel: ChannelId) -> Result<(), Error> {
        self.calls.clear_timer(&Timer::EmptyStage(channel));
        let guild = self
            .directory
            .read()
            .guild_channel(channel)
            .map(|(guild, _)| guild.id);
        if let (Some(stage), Some(guild)) = (self.directory.end_stage(channel).await?, guild) {
            self.tell_stage(StageEvent::Ended, guild, &stage);
        }
        Ok(())
    }

    /// The last one has left a guild's room: what was said about the gathering there holds no more.
    pub(crate) async fn room_emptied(&self, channel: ChannelId) -> Result<(), Error> {
        // Who comes and says something about the room waits for this; who deletes the room has done so or will.
        let _changing = self.changing_guilds.lock().await;
        if self.calls.view().room_size(channel) > 0 {
            return Ok(());
        }
        let (live, described) = {
            let world = self.directory.read();
            let described = world
                .guild_channel(channel)
                .is_some_and(|(_, channel)| channel.status.is_some());
            (world.stage(channel).is_some(), described)
        };
        if live {
            self.end_stage(channel).await?;
        }
        if described {
            self.write_channel_status(channel, None).await?;
        }
        Ok(())
    }

    /// Writes a voice channel's status line and tells those who see the channel; says whether there is such a channel.
    pub(crate) async fn set_channel_status(
        &self,
        channel: ChannelId,
        status: Option<String>,
    ) -> Result<bool, Error> {
        let _changing = self.changing_guilds.lock().await;
        self.write_channel_status(channel, status).await
    }

    /// The same for whoever holds `changing_guilds`: a change of the channel writes the line that it has found.
    async fn write_channel_status(&self, channel: ChannelId, status: Option<String>) -> Result<bool, Error> {
        let written = self.directory.set_channel_status(channel, status.clone()).await?;
        let Some(guild_id) = written else {
            return Ok(false);
        };
        let note = ChannelNote {
            id: channel,
            guild_id: Some(guild_id),
            status: status.into(),
            voice_start_time: Nullable::Absent,
            extra: Extra::new(),
        };
        let event = Event::VoiceChannelStatusUpdate(note);
        let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILDS));
        let audience = Audience::Viewers(channel);
        self.hub
            .deliver(&self.directory.read(), Dispatch::now(audience, event));
        Ok(true)
    }
}
