//! Guilds: making, looking at, setting and deleting them, and leaving.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::Nullable;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{ChannelKind, GuildProfile, Permissions, VoiceRegion};
use voxhall_protocol::rest::{ApiErrorCode, GuildDraft};

use super::authority::Authority;
use super::caller::Caller;
use super::form::{Fault, Form};
use super::gateway::voice_regions;
use super::reason::Reason;
use super::reply::{Answer, Asked, Body, Created, Done, Failure, Json, Named};
use super::route::{Routes, delete, get, post};
use crate::control::Core;
use crate::directory::{Channel, Guild, GuildSettings, GuildWrite, World, new_guild};
use crate::{render, wall};

/// The guilds that one account may be in when it makes another.
const MOST_GUILDS: usize = 100;
/// The times that idle members may be given, in seconds.
const AFK_TIMEOUTS: [u32; 5] = [60, 300, 900, 1800, 3600];
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 300;

pub(super) fn api() -> Routes {
    Routes::new("guilds")
        .route("/guilds", post(create, "Makes a guild"))
        .route(
            "/guilds/{guild}",
            get(guild, "Gives a guild")
                .patch(edit, "Edits a guild")
                .delete(remove, "Deletes a guild"),
        )
        .route(
            "/guilds/{guild}/delete",
            post(remove, "Deletes a guild, in the way of user accounts"),
        )
        .route(
            "/guilds/{guild}/regions",
            get(regions, "Lists the voice regions of a guild"),
        )
        .route("/users/@me/guilds/{guild}", delete(leave, "Leaves a guild"))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Counts {
    #[serde(default)]
    with_counts: bool,
}

async fn guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
    Asked(counts): Asked<Counts>,
) -> Answer<Json<GuildProfile>> {
    let world = core.directory.read();
    caller.in_guild(&world, id)?;
    let guild = known(&world, id)?;
    let mut profile = render::guild_profile(guild);
    if counts.with_counts {
        let extra = &mut profile.0.extra;
        extra.insert("approximate_member_count", guild.members.len());
        extra.insert("approximate_presence_count", core.hub.present(guild).len());
    }
    Ok(Json(profile))
}

fn known(world: &World, id: GuildId) -> Answer<&Guild> {
    world
        .guild(id)
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownGuild))
}

fn profile(core: &Core, id: GuildId) -> Answer<GuildProfile> {
    known(&core.directory.read(), id).map(render::guild_profile)
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Body(draft): Body<GuildDraft>,
) -> Answer<Created<GuildProfile>> {
    let id = GuildId(core.directory.next_id());
    let channels = first_channels(&core, id);
    let author = reason.of(&caller);
    core.change_guild(id, &author, |world| -> Answer<_> {
        if world.guilds_of(caller.id()).count() >= MOST_GUILDS {
            return Err(Failure::bad_request(ApiErrorCode::TooManyGuilds));
        }
        let mut form = Form::default();
        let name = draft.name.as_deref();
        if name.is_none() {
            form.fault("name", &Fault::Required);
        }
        let system = channels.iter().find(|it| it.kind == ChannelKind::GuildText);
        let blank = GuildSettings {
            system_channel_id: system.map(|channel| channel.id),
            ..GuildSettings::default()
        };
        let (name, settings) = apply(&mut form, name.unwrap_or_default(), blank, &draft);
        form.finish()?;
        let mut writes = new_guild(id, &name, caller.id(), wall::now_ms());
        writes.push(GuildWrite::Head {
            name,
            owner_id: caller.id(),
            settings: Box::new(settings),
        });
        // The owner's membership tells of the guild, so it comes last.
        let (owner, mut rest): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .partition(|write| matches!(write, GuildWrite::PutMember(_)));
        rest.extend(
            channels
                .into_iter()
                .map(|it| GuildWrite::PutChannel(Box::new(it))),
        );
        rest.extend(owner);
        Ok(rest)
    })
    .await?;
    Ok(Created(profile(&core, id)?))
}

/// What a new guild has: a text and a voice channel, each under a heading.
fn first_channels(core: &Core, guild: GuildId) -> Vec<Channel> {
    let make = |kind, name, position, parent_id| Channel {
        position,
        parent_id,
        ..Channel::new(ChannelId(core.directory.next_id()), guild, kind, name)
    };
    let texts = make(ChannelKind::GuildCategory, "Text Channels", 0, None);
    let voices = make(ChannelKind::GuildCategory, "Voice Channels", 1, None);
    let text = make(ChannelKind::GuildText, "general", 0, Some(texts.id));
    let voice = make(ChannelKind::GuildVoice, "General", 0, Some(voices.id));
    vec![texts, voices, text, voice]
}

async fn edit(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
    Body(draft): Body<GuildDraft>,
) -> Answer<Json<GuildProfile>> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        let authority = Authority::in_guild(world, &caller, id)?;
        authority.needs(Permissions::MANAGE_GUILD)?;
        let guild = authority.guild;
        let mut form = Form::default();
        let owner_id = match draft.owner_id.filter(|owner| *owner != guild.owner_id) {
            Some(owner) => {
                authority.owns()?;
                let person = world.user(owner).is_some_and(|user| !user.bot);
                let fits = person && guild.members.contains_key(&owner);
                form.ensure("owner_id", fits, "name a person who is a member");
                owner
            }
            None => guild.owner_id,
        };
        channels_fit(&mut form, guild, &draft);
        let (name, settings) = apply(&mut form, &guild.name, guild.settings.clone(), &draft);
        form.finish()?;
        Ok(vec![GuildWrite::Head {
            name,
            owner_id,
            settings: Box::new(settings),
        }])
    })
    .await?;
    profile(&core, id).map(Json)
}

/// Checks that the channels a guild is set to are channels of it, and of the right kind.
fn channels_fit(form: &mut Form, guild: &Guild, draft: &GuildDraft) {
    let kind = |id: &ChannelId| guild.channels.get(id).map(|channel| channel.kind);
    if let Nullable::Value(id) = &draft.afk_channel_id {
        let voice = kind(id) == Some(ChannelKind::GuildVoice);
        form.ensure("afk_channel_id", voice, "name a voice channel of this guild");
    }
    if let Nullable::Value(id) = &draft.system_channel_id {
        let text = kind(id) == Some(ChannelKind::GuildText);
        form.ensure("system_channel_id", text, "name a text channel of this guild");
    }
}

/// What a guild is called and how it is set after `draft`.
fn apply(
    form: &mut Form,
    name: &str,
    settings: GuildSettings,
    draft: &GuildDraft,
) -> (String, GuildSettings) {
    let name = draft.name.as_deref().unwrap_or(name).trim();
    form.text("name", name, 2..=100);
    let timeout = draft.afk_timeout.unwrap_or(settings.afk_timeout);
    let known = AFK_TIMEOUTS.contains(&timeout);
    form.ensure("afk_timeout", known, "give 60, 300, 900, 1800 or 3600");
    let mut level = |field, value: &Nullable<u8>, before, highest| {
        let level = or_default(value, before, 0);
        form.number(field, level, 0..=highest);
        level
    };
    let before = &settings;
    let settings = GuildSettings {
        verification_level: level(
            "verification_level",
            &draft.verification_level,
            before.verification_level,
            4,
        ),
        default_message_notifications: level(
            "default_message_notifications",
            &draft.default_message_notifications,
            before.default_message_notifications,
            1,
        ),
        explicit_content_filter: level(
            "explicit_content_filter",
            &draft.explicit_content_filter,
            before.explicit_content_filter,
            2,
        ),
        description: optional(&draft.description, before.description.as_ref()),
        afk_channel_id: optional(&draft.afk_channel_id, before.afk_channel_id.as_ref()),
        afk_timeout: timeout,
        system_channel_id: optional(&draft.system_channel_id, before.system_channel_id.as_ref()),
        system_channel_flags: draft.system_channel_flags.unwrap_or(before.system_channel_flags),
        preferred_locale: or_default(
            &draft.preferred_locale,
            before.preferred_locale.clone(),
            GuildSettings::default().preferred_locale,
        ),
    };
    form.text(
        "description",
        settings.description.as_deref().unwrap_or_default(),
        0..=LONGEST_DESCRIPTION,
    );
    form.text("preferred_locale", &settings.preferred_locale, 2..=10);
    (name.to_owned(), settings)
}

/// A field as a draft leaves it: absent keeps it, null takes it away.
pub(super) fn optional<T: Clone>(draft: &Nullable<T>, before: Option<&T>) -> Option<T> {
    match draft {
        Nullable::Absent => before.cloned(),
        Nullable::Null => None,
        Nullable::Value(value) => Some(value.clone()),
    }
}

/// A field as a draft leaves it: absent keeps it, null sets it back.
pub(super) fn or_default<T: Clone>(draft: &Nullable<T>, before: T, default: T) -> T {
    match draft {
        Nullable::Absent => before,
        Nullable::Null => default,
        Nullable::Value(value) => value.clone(),
    }
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
) -> Answer<Done> {
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        Authority::in_guild(world, &caller, id)?.owns()?;
        Ok(vec![GuildWrite::Delete])
    })
    .await?;
    Ok(Done)
}

async fn leave(
    State(core): State<Arc<Core>>,
    caller: Caller,
    reason: Reason,
    Named(id): Named<GuildId>,
) -> Answer<Done> {
    let user: UserId = caller.id();
    core.change_guild(id, &reason.of(&caller), |world| -> Answer<_> {
        caller.in_guild(world, id)?;
        if known(world, id)?.owner_id == user {
            return Err(Failure::bad_request(ApiErrorCode::InvalidGuild));
        }
        Ok(vec![GuildWrite::RemoveMember(user)])
    })
    .await?;
    Ok(Done)
}

async fn regions(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<GuildId>,
) -> Answer<Json<Vec<VoiceRegion>>> {
    caller.in_guild(&core.directory.read(), id)?;
    Ok(Json(voice_regions(&core.config.regions)))
}
