//! What members may do: roles and overwrites (gateway-and-calls, section 5).

use voxhall_protocol::ids::RoleId;
pub use voxhall_protocol::model::Permissions;

use crate::directory::{Channel, Guild, Member, Overwrite, OverwriteTarget};

/// What a member may do in a guild before any channel's overwrites.
pub(crate) fn guild_permissions(guild: &Guild, member: &Member) -> Permissions {
    if guild.owner_id == member.user_id {
        return Permissions::ALL;
    }
    let everyone = RoleId(guild.id.0);
    let of_role = |id: &RoleId| {
        guild
            .roles
            .get(id)
            .map_or(Permissions::NONE, |role| role.permissions)
    };
    let base = member
        .roles
        .iter()
        .map(of_role)
        .fold(of_role(&everyone), Permissions::union);
    if base.contains(Permissions::ADMINISTRATOR) {
        return Permissions::ALL;
    }
    base
}

/// What a member may do in a channel.
///
/// Without VIEW_CHANNEL nothing else counts, and in a voice channel nothing counts without CONNECT but seeing it.
pub(crate) fn channel_permissions(guild: &Guild, channel: &Channel, member: &Member) -> Permissions {
    let base = guild_permissions(guild, member);
    if base.contains(Permissions::ADMINISTRATOR) {
        return base;
    }
    let granted = with_overwrites(base, guild, channel, member);
    if !granted.contains(Permissions::VIEW_CHANNEL) {
        Permissions::NONE
    } else if channel.kind.is_voice() && !granted.contains(Permissions::CONNECT) {
        Permissions::VIEW_CHANNEL
    } else {
        granted
    }
}

/// What a time-out leaves of what a member may do. Administrators cannot be timed out.
pub(crate) fn left_by_time_out(granted: Permissions) -> Permissions {
    if granted.contains(Permissions::ADMINISTRATOR) {
        return granted;
    }
    granted.intersection(Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY)
}

/// @everyone's overwrite, then all role overwrites together, then the member's own; each takes, then gives.
fn with_overwrites(base: Permissions, guild: &Guild, channel: &Channel, member: &Member) -> Permissions {
    let everyone = RoleId(guild.id.0);
    let of_everyone = |it: &Overwrite| it.target == OverwriteTarget::Role(everyone);
    let of_roles =
        |it: &Overwrite| matches!(it.target, OverwriteTarget::Role(role) if member.roles.contains(&role));
    let of_member = |it: &Overwrite| it.target == OverwriteTarget::Member(member.user_id);
    let base = apply(base, channel.overwrites.iter().filter(|it| of_everyone(it)));
    let base = apply(base, channel.overwrites.iter().filter(|it| of_roles(it)));
    apply(base, channel.overwrites.iter().filter(|it| of_member(it)))
}

fn apply<'a>(base: Permissions, overwrites: impl Iterator<Item = &'a Overwrite>) -> Permissions {
    let (allow, deny) = overwrites.fold((Permissions::NONE, Permissions::NONE), |(allow, deny), it| {
        (allow | it.allow, deny | it.deny)
    });
    base.difference(deny) | allow
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
    use voxhall_protocol::model::ChannelKind;

    use super::*;
    use crate::directory::{GuildSettings, Role};

    const GUILD: GuildId = GuildId(1);
    const OWNER: UserId = UserId(10);
    const MEMBER: UserId = UserId(11);
    const SINGERS: RoleId = RoleId(2);
    const ADMINS: RoleId = RoleId(3);
    const VOICE: Permissions = Permissions::CONNECT.union(Permissions::SPEAK);
    const EVERYONE: Permissions = Permissions::VIEW_CHANNEL.union(VOICE);

    fn guild() -> Guild {
        let role = |id: RoleId, permissions| (id, Role::new(id, id.to_string(), permissions));
        Guild {
            id: GUILD,
            name: "g".to_owned(),
            owner_id: OWNER,
            settings: GuildSettings::default(),
            roles: BTreeMap::from([
                role(RoleId(GUILD.0), EVERYONE),
                role(SINGERS, Permissions::STREAM),
                role(ADMINS, Permissions::ADMINISTRATOR),
            ]),
            channels: BTreeMap::new(),
            members: Default::default(),
            bans: BTreeMap::new(),
        }
    }

    fn channel(overwrites: &[Overwrite]) -> Channel {
        Channel {
            overwrites: overwrites.to_vec(),
            ..Channel::new(ChannelId(5), GUILD, ChannelKind::GuildVoice, "v")
        }
    }

    fn member(user_id: UserId, roles: &[RoleId]) -> Member {
        Member {
            user_id,
            nick: None,
            roles: roles.iter().copied().collect(),
            joined_at_ms: 0,
            mute: false,
            deaf: false,
            timed_out_until_ms: None,
        }
    }

    fn overwrite(target: OverwriteTarget, allow: Permissions, deny: Permissions) -> Overwrite {
        Overwrite { target, allow, deny }
    }

    #[test]
    fn roles_add_up_and_owner_and_administrator_have_all() {
        let guild = guild();
        assert_eq!(guild_permissions(&guild, &member(MEMBER, &[])), EVERYONE);
        assert_eq!(
            guild_permissions(&guild, &member(MEMBER, &[SINGERS])),
            EVERYONE | Permissions::STREAM
        );
        assert_eq!(
            guild_permissions(&guild, &member(MEMBER, &[ADMINS])),
            Permissions::ALL
        );
        assert_eq!(guild_permissions(&guild, &member(OWNER, &[])), Permissions::ALL);
    }

    #[test]
    fn overwrites_apply_from_the_widest_to_the_narrowest() {
        let guild = guild();
        let everyone = OverwriteTarget::Role(RoleId(GUILD.0));
        let none = Permissions::NONE;
        let table: [(&[Overwrite], Permissions); 4] = [
            (
                &[overwrite(everyone, none, Permissions::SPEAK)],
                EVERYONE.difference(Permissions::SPEAK),
            ),
            (
                &[
                    overwrite(everyone, none, Permissions::SPEAK),
                    overwrite(OverwriteTarget::Role(SINGERS), Permissions::SPEAK, none),
                ],
                EVERYONE,
            ),
            (
                &[
                    overwrite(OverwriteTarget::Role(SINGERS), Permissions::SPEAK, none),
                    overwrite(OverwriteTarget::Member(MEMBER), none, Permissions::SPEAK),
                ],
                EVERYONE.difference(Permissions::SPEAK),
            ),
            (
                &[overwrite(OverwriteTarget::Role(ADMINS), none, Permissions::SPEAK)],
                EVERYONE,
            ),
        ];
        for (overwrites, expected) in table {
            let got = channel_permissions(&guild, &channel(overwrites), &member(MEMBER, &[SINGERS]));
            assert_eq!(got.difference(Permissions::STREAM), expected, "{overwrites:?}");
        }
    }

    #[test]
    fn without_view_nothing_counts_and_without_connect_only_seeing() {
        let guild = guild();
        let everyone = OverwriteTarget::Role(RoleId(GUILD.0));
        let hidden = channel(&[overwrite(everyone, Permissions::NONE, Permissions::VIEW_CHANNEL)]);
        let closed = channel(&[overwrite(everyone, Permissions::NONE, Permissions::CONNECT)]);
        let plain = member(MEMBER, &[]);
        assert_eq!(channel_permissions(&guild, &hidden, &plain), Permissions::NONE);
        assert_eq!(
            channel_permissions(&guild, &closed, &plain),
            Permissions::VIEW_CHANNEL
        );
        assert_eq!(
            channel_permissions(&guild, &closed, &member(MEMBER, &[ADMINS])),
            Permissions::ALL
        );
        assert_eq!(
            channel_permissions(&guild, &hidden, &member(OWNER, &[])),
            Permissions::ALL
        );
    }
}
