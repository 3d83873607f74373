//! Channels: looking them up, editing what voice is about, the status line, and read markers.

use std::sync::Arc;

use axum::extract::State;
use voxhall_protocol::gateway::{ChannelNote, Event, Intents, MessageAck};
use voxhall_protocol::ids::{ChannelId, MessageId, RoleId, UserId};
use voxhall_protocol::model::{self, OverwriteKind, Permissions};
use voxhall_protocol::rest::{AckMessage, ApiErrorCode, PatchChannel, VoiceStatus};
use voxhall_protocol::{Extra, Nullable};

use super::caller::Caller;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post, put};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Channel, Home, Overwrite, OverwriteTarget};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::render;

/// The lowest bitrate, in bit/s.
const LOWEST_BITRATE: u32 = 8_000;
/// The highest bitrate of a stage, in bit/s.
const STAGE_BITRATE: u32 = 64_000;
/// The most people that a voice channel may be limited to.
const MOST_PEOPLE: u32 = 99;
/// The most people that a stage may be limited to.
const MOST_PEOPLE_IN_STAGE: u32 = 10_000;
/// The longest name of a channel, in characters.
const LONGEST_NAME: usize = 100;
/// The longest status line, in characters.
const LONGEST_STATUS: usize = 500;

pub(super) fn api() -> Routes {
    Routes::new("channels")
        .route(
            "/channels/{channel}",
            get(channel, "Gives a channel").patch(edit, "Edits a channel of a guild"),
        )
        .route(
            "/channels/{channel}/voice-status",
            put(set_status, "Sets the status line of a voice channel"),
        )
        .route(
            "/channels/{channel}/messages/{message}/ack",
            post(acknowledge, "Marks everything up to a message as read"),
        )
}

async fn channel(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
) -> Answer<Json<model::Channel>> {
    let world = core.directory.read();
    caller.sees(&world, id)?;
    let in_guild = world
        .guild_channel(id)
        .map(|(_, channel)| render::channel(channel));
    let private = || {
        world
            .private(id)
            .map(|channel| render::private_channel(&world, channel, caller.id()))
    };
    in_guild
        .or_else(private)
        .map(Json)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
}

/// A channel of a guild that the caller may see.
fn guild_channel(core: &Core, caller: &Caller, id: ChannelId) -> Answer<Channel> {
    let world = core.directory.read();
    match caller.sees(&world, id)? {
        Home::Guild(_) => {
            let channel = world.guild_channel(id).map(|(_, channel)| channel.clone());
            channel.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
        }
        Home::Private => Err(Failure::bad_request(ApiErrorCode::WrongChannelKind)),
    }
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<PatchChannel>,
) -> Answer<Json<model::Channel>> {
    let before = guild_channel(&core, &caller, id)?;
    {
        let world = core.directory.read();
        caller.may_in(&world, id, Permissions::MANAGE_CHANNELS)?;
        if request.permission_overwrites.is_some() {
            caller.may_in(&world, id, Permissions::MANAGE_ROLES)?;
        }
    }
    let after = apply(&core, before.clone(), request)?;
    if after != before {
        core.directory.put_channel(after.clone()).await?;
        tell_changed(&core, &after);
        follow(&core, &before, &after).await?;
    }
    Ok(Json(render::channel(&after)))
}

fn apply(core: &Core, mut channel: Channel, request: PatchChannel) -> Answer<Channel> {
    let stage = channel.kind == model::ChannelKind::GuildStage;
    if let Some(name) = request.name {
        let length = name.chars().count();
        channel.name = check(
            name,
            (1..=LONGEST_NAME).contains(&length),
            "name",
            "give 1 to 100 characters",
        )?;
    }
    if let Some(bitrate) = request.bitrate {
        let highest = if stage {
            STAGE_BITRATE
        } else {
            core.config.limits.max_bitrate
        };
        let fits = (LOWEST_BITRATE..=highest).contains(&bitrate);
        channel.bitrate = check(bitrate, fits, "bitrate", "the bitrate is out of range")?;
    }
    if let Some(limit) = request.user_limit {
        let most = if stage { MOST_PEOPLE_IN_STAGE } else { MOST_PEOPLE };
        channel.user_limit = check(limit, limit <= most, "user_limit", "the limit is out of range")?;
    }
    if let Some(mode) = request.video_quality_mode {
        let known = (1..=2).contains(&mode);
        channel.video_quality_mode = check(u32::from(mode), known, "video_quality_mode", "give 1 or 2")?;
    }
    match request.rtc_region {
        Nullable::Absent => {}
        Nullable::Null => channel.rtc_region = None,
        Nullable::Value(region) => {
            let known = core.config.regions.iter().any(|it| it.id == region);
            channel.rtc_region = Some(check(region, known, "rtc_region", "there is no such region")?);
        }
    }
    if let Some(overwrites) = request.permission_overwrites {
        channel.overwrites = overwrites.iter().map(overwrite).collect::<Answer<_>>()?;
    }
    Ok(channel)
}

fn check<T>(value: T, valid: bool, field: &str, message: &str) -> Answer<T> {
    if valid {
        Ok(value)
    } else {
        Err(Failure::invalid_field(field, message))
    }
}

fn overwrite(wire: &model::PermissionOverwrite) -> Answer<Overwrite> {
    let target = match wire.kind {
        OverwriteKind::Role => OverwriteTarget::Role(RoleId(wire.id)),
        OverwriteKind::Member => OverwriteTarget::Member(UserId(wire.id)),
        OverwriteKind::Other(_) => {
            return Err(Failure::invalid_field(
                "permission_overwrites",
                "type is 0 for a role, 1 for a member",
            ));
        }
    };
    Ok(Overwrite {
        target,
        allow: wire.allow,
        deny: wire.deny,
    })
}

fn tell_changed(core: &Core, channel: &Channel) {
    let event = Event::ChannelUpdate(Box::new(render::channel(channel)));
    let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILDS));
    core.hub.deliver(
        &core.directory.read(),
        Dispatch::now(Audience::Viewers(channel.id), event),
    );
}

/// What a changed channel means for those who are in it.
async fn follow(core: &Core, before: &Channel, after: &Channel) -> Answer<()> {
    if before.rtc_region != after.rtc_region {
        let region = after.rtc_region.as_deref();
        core.calls
            .act(|facts| facts.change_region(after.id, region))
            .await?;
    }
    if before.overwrites != after.overwrites {
        let inside: Vec<_> = core
            .calls
            .view()
            .room(after.id)
            .map(|record| record.user_id)
            .collect();
        for user in inside {
            core.calls
                .act(|facts| facts.permissions_changed(facts.view.voice_in_guild(user, after.guild_id)?))
                .await?;
        }
    }
    Ok(())
}

async fn set_status(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<VoiceStatus>,
) -> Answer<Done> {
    let mut channel = guild_channel(&core, &caller, id)?;
    if !channel.kind.is_voice() {
        return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
    }
    {
        let world = core.directory.read();
        let inside = core
            .calls
            .view()
            .room(id)
            .any(|record| record.user_id == caller.id());
        let needed = Permissions::SET_VOICE_CHANNEL_STATUS;
        caller.may_in(
            &world,
            id,
            if inside {
                needed
            } else {
                needed | Permissions::MANAGE_CHANNELS
            },
        )?;
    }
    let status = request.status.filter(|status| !status.is_empty());
    let fits = status
        .as_ref()
        .is_none_or(|status| status.chars().count() <= LONGEST_STATUS);
    channel.status = check(status, fits, "status", "give at most 500 characters")?;
    core.directory.put_channel(channel.clone()).await?;
    let note = ChannelNote {
        id,
        guild_id: Some(channel.guild_id),
        status: channel.status.into(),
        voice_start_time: Nullable::Absent,
        extra: Extra::new(),
    };
    let event = Event::VoiceChannelStatusUpdate(note);
    let event = Outgoing::new(&event, Subscription::Intents(Intents::GUILDS));
    core.hub.deliver(
        &core.directory.read(),
        Dispatch::now(Audience::Viewers(id), event),
    );
    Ok(Done)
}

async fn acknowledge(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named((channel_id, message_id)): Named<(ChannelId, MessageId)>,
    _: Body<AckMessage>,
) -> Answer<Json<AckMessage>> {
    caller.person()?;
    caller.sees(&core.directory.read(), channel_id)?;
    let state = core
        .directory
        .acknowledge(caller.id(), channel_id, message_id)
        .await?;
    let event = Event::MessageAck(MessageAck {
        channel_id,
        message_id,
        version: state.version,
        extra: Extra::new(),
    });
    let event = Outgoing::new(&event, Subscription::Users);
    core.hub.deliver(
        &core.directory.read(),
        Dispatch::now(Audience::User(caller.id()), event),
    );
    Ok(Json(AckMessage::default()))
}
