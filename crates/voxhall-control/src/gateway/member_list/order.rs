//! Who stands where in a member list.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{ListedMember, MemberListGroup, MemberListItem};
use voxhall_protocol::ids::{RoleId, UserId};
use voxhall_protocol::model::Permissions;

use super::{Rows, list_id};
use crate::directory::{Channel, Guild, Member, World};
use crate::presence::Presences;
use crate::render;

/// In guilds of more members than this, those who are offline are not listed.
const MOST_WITH_OFFLINE: usize = 1000;

/// Under which heading somebody stands, in the order of the headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Heading {
    /// The highest of one's roles that stands out.
    Role(Reverse<i32>, RoleId),
    /// Online without such a role.
    Online,
    /// Offline, whatever the role.
    Offline,
}

impl Heading {
    fn id(self) -> String {
        match self {
            Self::Role(_, role) => role.to_string(),
            Self::Online => "online".to_owned(),
            Self::Offline => "offline".to_owned(),
        }
    }
}

/// A row before it is rendered.
#[derive(Debug, Clone, Copy)]
enum Row {
    Heading(usize),
    Member(UserId),
}

/// A whole list, in order.
pub(crate) struct Order<'a> {
    world: &'a World,
    presences: &'a Presences,
    guild: &'a Guild,
    rows: Vec<Row>,
    groups: Vec<MemberListGroup>,
    online: u64,
    members: u64,
}

impl<'a> Order<'a> {
    /// The list of a channel.
    pub(crate) fn of(
        world: &'a World,
        presences: &'a Presences,
        guild: &'a Guild,
        channel: &Channel,
    ) -> Self {
        let open = list_id::is_open(guild, channel);
        let sees =
            |user: UserId| open || (world.permissions(channel.id, user)).contains(Permissions::VIEW_CHANNEL);
        let with_offline = guild.members.len() <= MOST_WITH_OFFLINE;
        let mut headings: BTreeMap<Heading, Vec<(String, UserId)>> = BTreeMap::new();
        let (mut online, mut members) = (0, 0);
        for member in guild.members.values().filter(|member| sees(member.user_id)) {
            members += 1;
            let heading = heading(guild, member, presences.is_online(member.user_id));
            online += u64::from(heading != Heading::Offline);
            if heading != Heading::Offline || with_offline {
                let name = shown_name(world, member).to_lowercase();
                headings.entry(heading).or_default().push((name, member.user_id));
            }
        }
        let mut order = Self {
            world,
            presences,
            guild,
            rows: Vec::new(),
            groups: Vec::new(),
            online,
            members,
        };
        for (heading, mut people) in headings {
            people.sort_unstable();
            order.rows.push(Row::Heading(order.groups.len()));
            order.groups.push(MemberListGroup {
                id: heading.id(),
                count: people.len() as u64,
                extra: Extra::new(),
            });
            order
                .rows
                .extend(people.into_iter().map(|(_, user)| Row::Member(user)));
        }
        order
    }

    /// The rows of a range, as clients get them.
    pub(crate) fn rows(&self, range: Rows) -> Vec<MemberListItem> {
        let rows = range.of(&self.rows).iter();
        rows.filter_map(|row| self.render(*row)).collect()
    }

    fn render(&self, row: Row) -> Option<MemberListItem> {
        match row {
            Row::Heading(index) => self.groups.get(index).cloned().map(MemberListItem::Group),
            Row::Member(user) => Some(MemberListItem::Member(Box::new(ListedMember {
                presence: Some(self.presences.render(user)),
                member: render::member(self.world, self.guild.members.get(&user)?)?,
            }))),
        }
    }

    /// All headings.
    pub(crate) fn groups(&self) -> &[MemberListGroup] {
        &self.groups
    }

    /// How many who see the channel are online, and how many there are.
    pub(crate) const fn counts(&self) -> (u64, u64) {
        (self.online, self.members)
    }
}

fn heading(guild: &Guild, member: &Member, online: bool) -> Heading {
    if !online {
        return Heading::Offline;
    }
    let roles = member.roles.iter().filter_map(|role| guild.roles.get(role));
    let highest = roles
        .filter(|role| role.hoist)
        .map(|role| Heading::Role(Reverse(role.position), role.id))
        .min();
    highest.unwrap_or(Heading::Online)
}

/// The name that others see.
fn shown_name<'a>(world: &'a World, member: &'a Member) -> &'a str {
    let user = world.user(member.user_id);
    let of_account = || user.and_then(|user| user.global_name.as_deref().or(Some(&user.name)));
    member.nick.as_deref().or_else(of_account).unwrap_or_default()
}
