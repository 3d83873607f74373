//! Whom a message notifies: those its text names, as far as its author may and wants to.

use std::collections::BTreeSet;

use voxhall_protocol::ids::{RoleId, UserId};
use voxhall_protocol::model::Permissions;
use voxhall_protocol::rest::AllowedMentions;

use super::super::reply::{Answer, Failure};
use crate::directory::{StoredMessage, World};

/// Whom a text names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    users: Vec<UserId>,
    roles: Vec<RoleId>,
    everyone: bool,
}

/// `<@1>`, `<@!1>`, `<@&1>`, `@everyone`, `@here`.
fn named(text: &str) -> Named {
    let mut named = Named {
        everyone: text.contains("@everyone") || text.contains("@here"),
        ..Named::default()
    };
    for piece in text.split("<@").skip(1) {
        let Some((inner, _)) = piece.split_once('>') else {
            continue;
        };
        if let Some(role) = inner.strip_prefix('&') {
            named.roles.extend(role.parse::<RoleId>());
        } else {
            let user = inner.strip_prefix('!').unwrap_or(inner);
            named.users.extend(user.parse::<UserId>());
        }
    }
    named
}

/// Notes in a message whom it notifies. `answered` wrote the message that it replies to.
pub(in crate::rest) fn note(
    world: &World,
    message: &mut StoredMessage,
    allowed: Option<&AllowedMentions>,
    answered: Option<UserId>,
) -> Answer<()> {
    if let Some(allowed) = allowed {
        check(allowed)?;
    }
    let named = named(&message.content);
    let permissions = world.permissions(message.channel_id, message.author);
    let guild = world.guild_channel(message.channel_id).map(|(guild, _)| guild);
    let all = permissions.contains(Permissions::MENTION_EVERYONE);
    let lets = |kind: &str| match allowed {
        None => true,
        Some(allowed) => allowed
            .parse
            .as_ref()
            .is_some_and(|kinds| kinds.iter().any(|it| it == kind)),
    };
    let picked_user =
        |user: &UserId| allowed.is_some_and(|it| it.users.as_ref().is_some_and(|users| users.contains(user)));
    let picked_role =
        |role: &RoleId| allowed.is_some_and(|it| it.roles.as_ref().is_some_and(|roles| roles.contains(role)));

    let known = |user: &UserId| world.user(*user).is_some();
    let pinged = allowed.is_none_or(|allowed| allowed.replied_user.unwrap_or(false));
    let users = named
        .users
        .into_iter()
        .filter(|user| known(user) && (lets("users") || picked_user(user)))
        .chain(answered.filter(|_| pinged));
    let mut seen = BTreeSet::new();
    message.details.mentions = users.filter(|user| seen.insert(*user)).collect();

    let may_notify = |role: &RoleId| {
        let role = guild.and_then(|guild| guild.roles.get(role));
        role.is_some_and(|role| role.mentionable || all)
    };
    let mut seen = BTreeSet::new();
    let roles = named.roles.into_iter();
    message.details.mention_roles = roles
        .filter(|role| may_notify(role) && (lets("roles") || picked_role(role)) && seen.insert(*role))
        .collect();
    message.details.mention_everyone = named.everyone && all && lets("everyone");
    Ok(())
}

/// Nobody can be both picked and among all.
fn check(allowed: &AllowedMentions) -> Answer<()> {
    let both = |kind: &str, picked: bool| {
        let all = allowed.parse.as_ref();
        picked && all.is_some_and(|kinds| kinds.iter().any(|it| it == kind))
    };
    let users = allowed.users.as_ref().is_some_and(|users| !users.is_empty());
    let roles = allowed.roles.as_ref().is_some_and(|roles| !roles.is_empty());
    if both("users", users) || both("roles", roles) {
        return Err(Failure::invalid_field(
            "allowed_mentions",
            "name them in parse or one by one, not both",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_text() {
        let found = named("<@1> and <@!2><@&3>, @here <@x> <@4 <@>");
        let expected = Named {
            users: vec![UserId(1), UserId(2)],
            roles: vec![RoleId(3)],
            everyone: true,
        };
        assert_eq!(found, expected);
        assert_eq!(named("mail@example <3"), Named::default());
    }
}
