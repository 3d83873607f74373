//! What clients of a session ask for (the table of gateway-and-calls, section 2).

use std::sync::Arc;

use serde_json::{Value, json};
use voxhall_protocol::gateway::{
    CallConnect, ChannelNote, ChannelNotes, ClientMessage, Event, GuildMembersChunk, GuildSubscriptions,
    GuildSubscriptionsBulk, MemberListUpdate, OneOrMany, RequestChannels, RequestGuildMembers,
    SoundboardSounds, VoiceStateUpdate,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model;
use voxhall_protocol::{Extra, Nullable};

use super::hub::SessionCell;
use super::outgoing::Outgoing;
use crate::calls::reaction;
use crate::calls::rules::Actor;
use crate::control::Core;
use crate::directory::{Guild, World};
use crate::render;

/// The most members in one chunk.
const CHUNK: usize = 1000;

/// The most rows of a member list that are sent.
const LIST_ROWS: usize = 100;

/// The most users that one request may name.
const MOST_NAMED_USERS: usize = 100;

impl Core {
    /// Does what a client asks for. Refusals are silent, as the protocol has it.
    pub(crate) async fn command(&self, cell: &Arc<SessionCell>, command: ClientMessage) {
        match command {
            ClientMessage::VoiceStateUpdate(request) => self.voice_state_update(cell, &request).await,
            ClientMessage::VoiceServerPing => self.voice_server_ping(cell).await,
            ClientMessage::RequestGuildMembers(request) => {
                self.answer(cell, |core| core.members(cell, &request))
            }
            ClientMessage::CallConnect(request) => {
                self.answer(cell, |core| core.call_connect(cell, &request))
            }
            ClientMessage::GuildSubscriptions(request) => {
                self.answer(cell, |core| core.member_lists(cell, &request))
            }
            ClientMessage::GuildSubscriptionsBulk(bulk) => {
                self.answer(cell, |core| core.bulk_lists(cell, bulk))
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
            // Streams come with a later issue; the rest needs no answer.
            _ => {}
        }
    }

    fn answer<I: IntoIterator<Item = Event>>(&self, cell: &SessionCell, events: impl FnOnce(&Self) -> I) {
        for event in events(self) {
            cell.push(Arc::new(Outgoing::to_all(&event)));
        }
    }

    async fn voice_state_update(&self, cell: &SessionCell, request: &VoiceStateUpdate) {
        let actor = Actor {
            user: cell.profile.user,
            bot: cell.profile.bot,
            session: &cell.id,
        };
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
        known.flat_map(|guild| chunks(&world, guild, request)).collect()
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

    fn member_lists(&self, cell: &SessionCell, request: &GuildSubscriptions) -> Option<Event> {
        // A subscription to single members alone is taken without an answer.
        request
            .subscription
            .channels
            .as_ref()
            .filter(|channels| !channels.is_empty())?;
        let world = self.directory.read();
        Some(member_list(
            &world,
            guild_of(&world, request.guild_id, cell.profile.user)?,
        ))
    }

    fn bulk_lists(&self, cell: &SessionCell, bulk: GuildSubscriptionsBulk) -> Vec<Event> {
        let each = bulk
            .subscriptions
            .into_iter()
            .map(|(guild_id, subscription)| GuildSubscriptions {
                guild_id,
                subscription,
            });
        each.filter_map(|request| self.member_lists(cell, &request))
            .collect()
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

/// A guild, if the account is in it.
fn guild_of(world: &World, guild: GuildId, user: UserId) -> Option<&Guild> {
    world
        .guild(guild)
        .filter(|guild| guild.members.contains_key(&user))
}

fn chunks(world: &World, guild: &Guild, request: &RequestGuildMembers) -> Vec<Event> {
    let (found, not_found) = match &request.user_ids {
        Some(users) => named_members(guild, users),
        None => (members_by_name(world, guild, request), Vec::new()),
    };
    let members: Vec<model::Member> = found
        .into_iter()
        .filter_map(|user| render::member(world, guild.members.get(&user)?))
        .collect();
    let chunk_count = members.len().div_ceil(CHUNK).max(1);
    let mut rest = members.into_iter();
    (0..chunk_count)
        .map(|index| {
            Event::GuildMembersChunk(Box::new(GuildMembersChunk {
                guild_id: guild.id,
                members: rest.by_ref().take(CHUNK).collect(),
                chunk_index: u32::try_from(index).unwrap_or(u32::MAX),
                chunk_count: u32::try_from(chunk_count).unwrap_or(u32::MAX),
                not_found: (!not_found.is_empty())
                    .then(|| not_found.iter().map(|user| json!(user)).collect()),
                presences: request.presences.unwrap_or(false).then(Vec::new),
                nonce: request.nonce.clone(),
                extra: Extra::new(),
            }))
        })
        .collect()
}

fn named_members(guild: &Guild, users: &OneOrMany<UserId>) -> (Vec<UserId>, Vec<UserId>) {
    let named = users.as_slice().iter().take(MOST_NAMED_USERS);
    named.partition(|user| guild.members.contains_key(user))
}

fn members_by_name(world: &World, guild: &Guild, request: &RequestGuildMembers) -> Vec<UserId> {
    let prefix = request.query.as_deref().unwrap_or_default().to_lowercase();
    let begins = |name: &str| name.to_lowercase().starts_with(&prefix);
    let mut found: Vec<UserId> = guild
        .members
        .values()
        .filter(|member| {
            let name = world
                .user(member.user_id)
                .map(|user| user.name.as_str())
                .unwrap_or_default();
            begins(name) || member.nick.as_deref().is_some_and(begins)
        })
        .map(|member| member.user_id)
        .collect();
    found.sort_unstable();
    if let Some(limit) = request.limit.filter(|limit| *limit > 0) {
        found.truncate(limit as usize);
    }
    found
}

/// The first rows of the one list that every channel here shares: nobody's presence is known, so all stand under one
/// heading.
fn member_list(world: &World, guild: &Guild) -> Event {
    let count = guild.members.len();
    let heading = json!({"id": "online", "count": count});
    let mut users: Vec<UserId> = guild.members.keys().copied().collect();
    users.sort_unstable();
    let rows = users.iter().take(LIST_ROWS - 1).filter_map(|user| {
        let member = render::member(world, guild.members.get(user)?)?;
        Some(json!({"member": member}))
    });
    let items: Vec<Value> = std::iter::once(json!({"group": heading})).chain(rows).collect();
    Event::GuildMemberListUpdate(Box::new(MemberListUpdate {
        guild_id: guild.id,
        id: "everyone".to_owned(),
        ops: vec![json!({"op": "SYNC", "range": [0, LIST_ROWS - 1], "items": items})],
        groups: vec![heading],
        online_count: count as u64,
        member_count: count as u64,
        extra: Extra::new(),
    }))
}
