//! INTERACTION_CREATE, as an application gets it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voxhall_protocol::gateway::{Event, InteractionCreate};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::model::{
    Channel, ChannelKind, Interaction, InteractionContext, Member, Message, Permissions,
};
use voxhall_protocol::{Extra, Token};

use super::allowed;
use crate::directory::World;
use crate::gateway::outgoing::Outgoing;
use crate::interactions::Running;
use crate::render;

/// The version of interactions.
const VERSION: u8 = 1;
/// The language of accounts, which say none here.
const LOCALE: &str = "en-US";
/// The largest file of an answer, in bytes: this server keeps none.
const ATTACHMENT_SIZE: u64 = 0;
/// The key of installs in guilds among the owners of an application's installs.
const GUILD_INSTALL: &str = "0";

/// The event for the application.
pub(super) fn interaction(
    world: &World,
    running: &Running,
    data: Value,
    message: Option<Message>,
    token: Token,
) -> Outgoing {
    let application = UserId(running.application.0);
    let guild = running.guild.and_then(|guild| world.guild(guild));
    let member = running.guild.and_then(|_| member(world, running));
    let mut extra = Extra::new();
    if let Some(guild) = guild {
        let locale = &guild.settings.preferred_locale;
        extra.insert("guild", json!({"id": guild.id, "locale": locale, "features": []}));
    }
    let owner = guild.map_or_else(|| "0".to_owned(), |guild| guild.id.to_string());
    let event = Interaction {
        id: running.id,
        application_id: running.application,
        kind: running.kind,
        token,
        version: VERSION,
        data,
        guild_id: running.guild,
        channel_id: Some(running.channel),
        channel: channel(world, running).map(Box::new),
        user: member.is_none().then(|| render::user_by_id(world, running.user)),
        member: member.map(Box::new),
        message: message.map(Box::new),
        app_permissions: allowed(world, running.channel, application),
        locale: Some(LOCALE.to_owned()),
        guild_locale: guild.map(|guild| guild.settings.preferred_locale.clone()),
        entitlements: Vec::new(),
        authorizing_integration_owners: BTreeMap::from([(GUILD_INSTALL.to_owned(), owner)]),
        context: Some(context(world, running)),
        attachment_size_limit: ATTACHMENT_SIZE,
        extra,
    };
    Outgoing::to_all(&Event::InteractionCreate(Box::new(InteractionCreate::Whole(
        Box::new(event),
    ))))
}

fn member(world: &World, running: &Running) -> Option<Member> {
    let mut member = render::member(world, world.member(running.guild?, running.user)?)?;
    let permissions: Permissions = allowed(world, running.channel, running.user);
    member.extra.insert("permissions", json!(permissions));
    Some(member)
}

fn channel(world: &World, running: &Running) -> Option<Channel> {
    let mut shown = match world.guild_channel(running.channel) {
        Some((_, channel)) => render::channel(channel),
        None => {
            let private = world.private(running.channel)?;
            render::private_channel(world, private, UserId(running.application.0))
        }
    };
    let permissions = allowed(world, running.channel, running.user);
    shown.extra.insert("permissions", json!(permissions));
    Some(shown)
}

fn context(world: &World, running: &Running) -> InteractionContext {
    match world.private(running.channel) {
        None => InteractionContext::Guild,
        Some(private) if private.kind == ChannelKind::Private => InteractionContext::BotPrivate,
        Some(_) => InteractionContext::PrivateChannel,
    }
}
