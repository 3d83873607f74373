//! What clients of a session ask for (the table of gateway-and-calls, section 2).

use std::collections::BTreeSet;
use std::sync::Arc;

use voxhall_protocol::gateway::{
    CallConnect, ChannelNote, ChannelNotes, ClientMessage, Event, RequestChannels, RequestGuildMembers,
    SoundboardSounds, Subscription, VoiceStateUpdate,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::{Extra, Nullable};

use super::hub::SessionCell;
use super::members;
use super::outgoing::Outgoing;
use crate::calls::reaction;
use crate::calls::rules::Actor;
use crate::control::Core;
use crate::directory::{Guild, World};
use crate::render;

/// Members of one guild whose presences a session watches.
const MOST_WATCHED: usize = 1000;

/// Guilds that one op 37 may name.
const MOST_SUBSCRIPTIONS: usize = 100;

impl Core {
    /// Does what a client asks for. Refusals are silent, as the protocol has it.
    pub(crate) async fn command(&self, cell: &Arc<SessionCell>, command: ClientMessage) {
        match command {
            ClientMessage::VoiceStateUpdate(request) => self.voice_state_update(cell, &request).await,
            ClientMessage::PresenceUpdate(update) => self.announce(cell, Some(&update)).await,
            ClientMessage::VoiceServerPing => self.voice_server_ping(cell).await,
            ClientMessage::RequestGuildMembers(request) => {
                self.answer(cell, |core| core.members(cell, &request))
            }
            ClientMessage::CallConnect(request) => {
                self.answer(cell, |core| core.call_connect(cell, &request))
            }
            ClientMessage::GuildSubscriptions(request) => {
                self.subscribe(cell, request.guild_id, &request.subscription);
            }
            ClientMessage::GuildSubscriptionsBulk(bulk) => {
                for (guild, subscription) in bulk.subscriptions.iter().take(MOST_SUBSCRIPTIONS) {
                    self.subscribe(cell, *guild, subscription);
                }
            }
            ClientMessage::RequestSoundboardSounds(request) => {
                self.answer(cell, |core| core.sounds(cell, &request.guild_ids));
            }
            ClientMessage::RequestChannelStatuses(request) => {
                self.answer(cell, |core| {
                    core.channel_notes(cell, &request).map(Event::ChannelStatuses)
                });
            }
            ClientMessage::RequestChannelInfo(request) => {
                self.answer(cell, |core| {
                    core.channel_notes(cell, &request).map(Event::ChannelInfo)
                });
            }
            ClientMessage::StreamCreate(request) => self.stream_create(cell, &request).await,
            ClientMessage::StreamDelete(request) => self.stream_delete(cell, &request.stream_key).await,
            ClientMessage::StreamWatch(request) => self.stream_watch(cell, &request.stream_key).await,
            ClientMessage::StreamPing(request) => self.stream_ping(cell, &request.stream_key).await,
            ClientMessage::StreamSetPaused(request) => self.stream_set_paused(cell, &request).await,
            // The rest needs no answer.
            _ => {}
        }
    }

    fn answer<I: IntoIterator<Item = Event>>(&self, cell: &SessionCell, events: impl FnOnce(&Self) -> I) {
        for event in events(self) {
            cell.push(Arc::new(Outgoing::to_all(&event)));
        }
    }

    async fn voice_state_update(&self, cell: &SessionCell, request: &VoiceStateUpdate) {
        let actor = actor(cell);
        match self
            .calls
            .act(|facts| facts.voice_state_update(actor, request))
            .await
        {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!(user = %actor.user, channel = ?request.channel_id, "op 4 leads to nothing");
            }
            Err(error) => tracing::error!(%error, user = %actor.user, "op 4 cannot be carried out"),
        }
    }

    async fn voice_server_ping(&self, cell: &SessionCell) {
        if let Err(error) = self.calls.act(|facts| facts.reallocate(&cell.id)).await {
            tracing::error!(%error, user = %cell.profile.user, "op 5 cannot be carried out");
        }
    }

    fn members(&self, cell: &SessionCell, request: &RequestGuildMembers) -> Vec<Event> {
        let world = self.directory.read();
        let guilds = request.guild_id.as_slice().iter();
        let known = guilds.filter_map(|id| guild_of(&world, *id, cell.profile.user));
        let view = self.calls.view();
        let chunks = |guild| members::chunks(&world, view.presences(), guild, &cell.profile, request);
        known.flat_map(chunks).collect()
    }

    fn call_connect(&self, cell: &SessionCell, request: &CallConnect) -> Option<Event> {
        let channel = request.channel_id;
        if cell.profile.bot || !self.directory.read().may_view(channel, cell.profile.user) {
            return None;
        }
        let view = self.calls.view();
        // A call that lost its server is unavailable; everybody is told when it is back.
        let call = view
            .call(channel)
            .filter(|call| view.node(&call.node).is_some())?;
        reaction::call_create(call, view.room(channel).collect())
    }

    /// Subscribes to parts of a guild's member list. Bots have no lists.
    fn subscribe(&self, cell: &Arc<SessionCell>, guild: GuildId, asked: &Subscription) {
        if cell.profile.bot {
            return;
        }
        let world = self.directory.read();
        let Some(guild) = guild_of(&world, guild, cell.profile.user) else {
            return;
        };
        let view = self.calls.view();
        if let Some(members) = &asked.members {
            let known = members.iter().filter(|user| guild.members.contains_key(user));
            let watched: BTreeSet<UserId> = known.take(MOST_WATCHED).copied().collect();
            self.hub.watch(cell, guild.id, watched);
        }
        self.hub.lists.look(&world, view.presences(), cell, guild, asked);
        // A session that ended meanwhile would be remembered for ever.
        if self.hub.session(&cell.id).is_none() {
            self.hub.lists.forget(&cell.id);
        }
    }

    fn sounds(&self, cell: &SessionCell, guilds: &[GuildId]) -> Vec<Event> {
        let world = self.directory.read();
        let known = guilds
            .iter()
            .filter(|id| guild_of(&world, **id, cell.profile.user).is_some());
        let empty = |guild_id| {
            Event::SoundboardSounds(SoundboardSounds {
                guild_id,
                soundboard_sounds: Vec::new(),
                extra: Extra::new(),
            })
        };
        known.copied().map(empty).collect()
    }

    fn channel_notes(&self, cell: &SessionCell, request: &RequestChannels) -> Option<ChannelNotes> {
        let world = self.directory.read();
        let guild = guild_of(&world, request.guild_id, cell.profile.user)?;
        let wants = |field: &str| {
            request
                .fields
                .as_ref()
                .is_none_or(|fields| fields.iter().any(|it| it == field))
        };
        let asked_for_times = request.fields.is_some() && wants("voice_start_time");
        let visible = render::visible_channels(&world, guild, cell.profile.user);
        let voice = visible.filter(|channel| channel.kind.is_voice());
        let notes = voice.filter_map(|channel| {
            let status = channel.status.clone().filter(|_| wants("status"));
            let since = self.voice_start_time(channel.id).filter(|_| asked_for_times);
            (status.is_some() || since.is_some()).then(|| ChannelNote {
                id: channel.id,
                guild_id: None,
                status: status.map_or(Nullable::Absent, Nullable::Value),
                voice_start_time: since.map_or(Nullable::Absent, Nullable::Value),
                extra: Extra::new(),
            })
        });
        Some(ChannelNotes {
            guild_id: guild.id,
            channels: notes.collect(),
            extra: Extra::new(),
        })
    }

    /// Unix seconds since when somebody is in a room: as long as the one who is there longest.
    fn voice_start_time(&self, channel: ChannelId) -> Option<u64> {
        let view = self.calls.view();
        view.room(channel)
            .map(|record| record.connected_at_ms / 1000)
            .min()
    }
}

/// Who acts with a session.
pub(super) fn actor(cell: &SessionCell) -> Actor<'_> {
    Actor {
        user: cell.profile.user,
        bot: cell.profile.bot,
        session: &cell.id,
        platform: cell.profile.platform,
    }
}

/// A guild, if the account is in it.
fn guild_of(world: &World, guild: GuildId, user: UserId) -> Option<&Guild> {
    world
        .guild(guild)
        .filter(|guild| guild.members.contains_key(&user))
}
