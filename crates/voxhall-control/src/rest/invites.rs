//! Invites to guilds.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::gateway::{Event, Intents};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{Permissions, Timestamp};
use voxhall_protocol::rest::{
    AcceptInvite, ApiErrorCode, CreateInvite, InviteChannel, InviteCreated, InviteDeleted, InviteGuild,
    InviteKind, InviteMetadata,
};
use voxhall_protocol::{Extra, rest as wire};

use super::caller::Caller;
use super::reply::{Answer, Asked, Body, Failure, Json, Named};
use super::route::{Routes, get};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::{Home, Invite, NewInvite, Used, World};
use crate::gateway::outgoing::{Outgoing, Subscription};
use crate::membership::{Bans, Entry, Stay};
use crate::{Error, render, wall};

/// How long an invite holds if nobody says, in seconds.
const DEFAULT_AGE_S: u32 = 24 * 60 * 60;
/// The longest that an invite holds that does not hold for ever, in seconds.
const LONGEST_AGE_S: u32 = 7 * 24 * 60 * 60;
/// How often an invite may be used that has an end.
const MOST_USES: u32 = 100;
/// The most invites of one guild.
const MOST_INVITES: usize = 1000;

pub(super) fn api() -> Routes {
    Routes::new("invites")
        .route(
            "/channels/{channel}/invites",
            get(of_channel, "Lists the invites to a channel").post(create, "Makes an invite"),
        )
        .route(
            "/guilds/{guild}/invites",
            get(of_guild, "Lists the invites to a guild"),
        )
        .route(
            "/invites/{code}",
            get(look_up, "Gives an invite")
                .post(accept, "Joins a guild by an invite")
                .delete(remove, "Ends an invite"),
        )
}

async fn create(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(request): Body<CreateInvite>,
) -> Answer<Json<wire::Invite>> {
    let guild = {
        let world = core.directory.read();
        let Home::Guild(guild) = caller.sees(&world, channel)? else {
            return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
        };
        caller.may_in(&world, channel, Permissions::CREATE_INSTANT_INVITE)?;
        guild
    };
    let wish = Wish::read(&request)?;
    let new = wish.invite(guild, channel, Some(caller.id()));
    let invite = core.invite(new, request.unique.unwrap_or(false)).await?;
    let world = core.directory.read();
    Ok(Json(with_metadata(&world, &invite)))
}

/// How long and how often an invite shall hold, checked.
pub(super) struct Wish {
    max_age_s: u32,
    max_uses: u32,
    temporary: bool,
}

impl Wish {
    pub(super) fn read(request: &CreateInvite) -> Answer<Self> {
        let wish = Self {
            max_age_s: request.max_age.unwrap_or(DEFAULT_AGE_S),
            max_uses: request.max_uses.unwrap_or(0),
            temporary: request.temporary.unwrap_or(false),
        };
        if wish.max_age_s > LONGEST_AGE_S {
            return Err(Failure::invalid_field(
                "max_age",
                "give 0 for ever, or up to 604800 seconds",
            ));
        }
        if wish.max_uses > MOST_USES {
            return Err(Failure::invalid_field(
                "max_uses",
                "give 0 for no end, or up to 100",
            ));
        }
        Ok(wish)
    }

    pub(super) fn invite(
        self,
        guild_id: GuildId,
        channel_id: ChannelId,
        inviter: Option<UserId>,
    ) -> NewInvite {
        NewInvite {
            guild_id,
            channel_id,
            inviter,
            max_age_s: self.max_age_s,
            max_uses: self.max_uses,
            temporary: self.temporary,
        }
    }
}

async fn of_channel(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
) -> Answer<Json<Vec<wire::Invite>>> {
    let world = core.directory.read();
    let Home::Guild(guild) = caller.sees(&world, channel)? else {
        return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
    };
    caller.may_in(&world, channel, Permissions::MANAGE_CHANNELS)?;
    let invites = world.invites_of(guild, wall::now_ms());
    let here = invites.filter(|invite| invite.channel_id == channel);
    Ok(Json(here.map(|invite| with_metadata(&world, invite)).collect()))
}

async fn of_guild(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(guild): Named<GuildId>,
) -> Answer<Json<Vec<wire::Invite>>> {
    let world = core.directory.read();
    caller.in_guild(&world, guild)?;
    caller.may(&world, guild, Permissions::MANAGE_GUILD)?;
    Ok(Json(all_of(&world, guild)))
}

/// All invites to a guild, as its managers see them.
pub(super) fn all_of(world: &World, guild: GuildId) -> Vec<wire::Invite> {
    let invites = world.invites_of(guild, wall::now_ms());
    invites.map(|invite| with_metadata(world, invite)).collect()
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Look {
    #[serde(default)]
    with_counts: bool,
}

/// Whoever has a code may see where it leads; no token is needed, since there may be no account yet.
async fn look_up(
    State(core): State<Arc<Core>>,
    Named(code): Named<String>,
    Asked(look): Asked<Look>,
) -> Answer<Json<wire::Invite>> {
    let world = core.directory.read();
    let invite = world.invite(&code, wall::now_ms()).ok_or_else(unknown)?;
    let mut rendered = rendered(&world, invite);
    if look.with_counts {
        let guild = world.guild(invite.guild_id);
        rendered.approximate_member_count = guild.map(|guild| guild.members.len() as u64);
        rendered.approximate_presence_count = guild.map(|guild| core.hub.present(guild).len() as u64);
    }
    Ok(Json(rendered))
}

fn unknown() -> Failure {
    Failure::unknown(ApiErrorCode::UnknownInvite)
}

async fn accept(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(code): Named<String>,
    _: Body<AcceptInvite>,
) -> Answer<Json<wire::Invite>> {
    caller.person()?;
    let invite = {
        let world = core.directory.read();
        let invite = world.invite(&code, wall::now_ms()).ok_or_else(unknown)?;
        let guild = world.guild(invite.guild_id).ok_or_else(unknown)?;
        if guild.bans.contains_key(&caller.id()) {
            return Err(Failure::forbidden(ApiErrorCode::BannedFromGuild));
        }
        invite.clone()
    };
    let member = |core: &Core| {
        core.directory
            .read()
            .member(invite.guild_id, caller.id())
            .is_some()
    };
    // Whoever is in already uses nothing up.
    let new = !member(&core);
    if new {
        let used = core.directory.use_invite(&code, wall::now_ms()).await?;
        let entry = core.welcome(&used.ok_or_else(unknown)?, caller.id()).await?;
        if entry == Entry::Banned {
            return Err(Failure::forbidden(ApiErrorCode::BannedFromGuild));
        }
    }
    let answer = wire::Invite {
        new_member: Some(new),
        ..rendered(&core.directory.read(), &invite)
    };
    Ok(Json(answer))
}

async fn remove(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(code): Named<String>,
) -> Answer<Json<wire::Invite>> {
    let answer = {
        let world = core.directory.read();
        let invite = world.invite(&code, wall::now_ms()).ok_or_else(unknown)?;
        // Who manages the guild, or the channel.
        caller
            .may(&world, invite.guild_id, Permissions::MANAGE_GUILD)
            .or_else(|_| caller.may_in(&world, invite.channel_id, Permissions::MANAGE_CHANNELS))?;
        rendered(&world, invite)
    };
    core.revoke_invite(&code).await?;
    Ok(Json(answer))
}

impl Core {
    /// Makes an invite, and tells those who manage invites.
    pub(super) async fn invite(&self, new: NewInvite, unique: bool) -> Answer<Invite> {
        let now = wall::now_ms();
        let known = self.directory.read().invites_of(new.guild_id, now).count();
        if known >= MOST_INVITES {
            return Err(Failure::bad_request(ApiErrorCode::TooManyInvites));
        }
        let (invite, is_new) = self.directory.create_invite(new, unique, now).await?;
        if is_new {
            self.tell_invite(&invite);
        }
        Ok(invite)
    }

    /// Ends an invite; says whether it was there.
    pub(super) async fn revoke_invite(&self, code: &str) -> Answer<bool> {
        let gone = self.directory.delete_invite(code).await?;
        if let Some(invite) = &gone {
            self.tell_invite_gone(invite);
        }
        Ok(gone.is_some())
    }

    /// Brings somebody in who has used an invite, unless it is banned.
    pub(super) async fn welcome(&self, used: &Used, user: UserId) -> Result<Entry, Error> {
        let invite = &used.invite;
        let stay = if invite.temporary {
            Stay::Temporary
        } else {
            Stay::Lasting
        };
        let entry = self.bring_in(invite.guild_id, user, stay, Bans::Hold).await?;
        if used.spent {
            self.tell_invite_gone(invite);
        }
        Ok(entry)
    }

    fn tell_invite(&self, invite: &Invite) {
        let world = self.directory.read();
        let event = Event::InviteCreate(Box::new(InviteCreated {
            guild_id: Some(invite.guild_id),
            channel_id: invite.channel_id,
            code: invite.code.clone(),
            inviter: invite.inviter.map(|user| render::user_by_id(&world, user)),
            expires_at: invite.terms.expires_at_ms().map(Timestamp::from_unix_ms),
            kind: InviteKind::Guild,
            metadata: metadata(invite),
            extra: Extra::new(),
        }));
        self.tell_managers(&world, invite, &event);
    }

    fn tell_invite_gone(&self, invite: &Invite) {
        let event = Event::InviteDelete(InviteDeleted {
            guild_id: Some(invite.guild_id),
            channel_id: invite.channel_id,
            code: invite.code.clone(),
            extra: Extra::new(),
        });
        self.tell_managers(&self.directory.read(), invite, &event);
    }

    /// Codes let people in, so only those learn of them who could list them.
    fn tell_managers(&self, world: &World, invite: &Invite, event: &Event) {
        let audience = Audience::Permitted(invite.channel_id, Permissions::MANAGE_CHANNELS);
        let event = Outgoing::new(event, Subscription::Intents(Intents::GUILD_INVITES));
        self.hub.deliver(world, Dispatch::now(audience, event));
    }
}

/// An invite as everybody sees it.
fn rendered(world: &World, invite: &Invite) -> wire::Invite {
    let channel = world.guild_channel(invite.channel_id);
    wire::Invite {
        kind: InviteKind::Guild,
        code: invite.code.clone(),
        guild: world
            .guild(invite.guild_id)
            .map(|guild| InviteGuild::new(guild.id, guild.name.clone())),
        guild_id: Some(invite.guild_id),
        channel: channel.map(|(_, channel)| InviteChannel {
            id: channel.id,
            name: Some(channel.name.clone()),
            kind: channel.kind,
            extra: Extra::new(),
        }),
        inviter: invite.inviter.map(|user| render::user_by_id(world, user)),
        expires_at: invite.terms.expires_at_ms().map(Timestamp::from_unix_ms).into(),
        approximate_member_count: None,
        approximate_presence_count: None,
        new_member: None,
        metadata: None,
        extra: Extra::new(),
    }
}

/// An invite as those see it who manage it.
pub(super) fn with_metadata(world: &World, invite: &Invite) -> wire::Invite {
    wire::Invite {
        metadata: Some(metadata(invite)),
        ..rendered(world, invite)
    }
}

fn metadata(invite: &Invite) -> InviteMetadata {
    InviteMetadata {
        uses: invite.terms.uses,
        max_uses: invite.terms.max_uses,
        max_age: invite.terms.max_age_s,
        temporary: invite.temporary,
        created_at: Timestamp::from_unix_ms(invite.terms.created_at_ms),
    }
}
