//! Which session looks at which rows of which list, and what has been told of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    Event, MemberListGroup, MemberListItem, MemberListOp, MemberListUpdate, Subscription,
};
use voxhall_protocol::ids::{ChannelId, GuildId};

use super::changes::{self, Changes};
use super::order::Order;
use super::{Rows, list_id};
use crate::directory::{Guild, World};
use crate::gateway::hub::SessionCell;
use crate::gateway::outgoing::Outgoing;
use crate::presence::Presences;

/// Channels of one guild whose lists a session looks at; clients look at one.
const MOST_CHANNELS: usize = 5;

/// Guilds whose lists a session looks at.
const MOST_GUILDS: usize = 100;

/// Changes within this time are told together: a thousand who come at once are not a thousand lists.
pub(crate) const GATHER: Duration = Duration::from_millis(100);

/// All subscriptions to member lists.
#[derive(Default)]
pub(crate) struct MemberLists {
    guilds: Mutex<HashMap<GuildId, Looked>>,
    stale: Mutex<BTreeSet<GuildId>>,
    changed: Notify,
}

/// Who looks at the lists of a guild, and what they have been told.
#[derive(Default)]
struct Looked {
    sessions: BTreeMap<String, Looker>,
    told: HashMap<String, Told>,
}

/// A session and the rows it looks at.
struct Looker {
    cell: Arc<SessionCell>,
    channels: BTreeMap<ChannelId, View>,
}

impl Looker {
    /// The rows of a list that the session looks at, from whichever channel.
    fn ranges(&self, list: &str) -> Vec<Rows> {
        let views = self.channels.values().filter(|view| view.list == list);
        let ranges: Vec<[u32; 2]> = views
            .flat_map(|view| &view.ranges)
            .map(|range| range.bounds())
            .collect();
        Rows::all(&ranges)
    }
}

/// What a session looks at in one channel.
#[derive(Clone, PartialEq, Eq)]
struct View {
    list: String,
    ranges: Vec<Rows>,
}

/// What all who look at a list have been told of it.
#[derive(Default)]
struct Told {
    rows: BTreeMap<Rows, Vec<MemberListItem>>,
    groups: Vec<MemberListGroup>,
    counts: (u64, u64),
}

impl MemberLists {
    /// Something in a guild has changed that its lists may show.
    pub(crate) fn mark(&self, guild: GuildId) {
        if self.guilds.lock().contains_key(&guild) {
            self.stale.lock().insert(guild);
            self.changed.notify_one();
        }
    }

    /// Waits until lists have changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes the guilds whose lists have changed.
    pub(crate) fn take_stale(&self) -> BTreeSet<GuildId> {
        std::mem::take(&mut self.stale.lock())
    }

    /// A session is gone.
    pub(crate) fn forget(&self, session: &str) {
        self.guilds.lock().retain(|_, looked| {
            looked.sessions.remove(session);
            !looked.sessions.is_empty()
        });
    }

    /// A session looks at these rows from now on, and gets them.
    pub(crate) fn look(
        &self,
        world: &World,
        presences: &Presences,
        cell: &Arc<SessionCell>,
        guild: &Guild,
        asked: &Subscription,
    ) {
        let Some(channels) = asked.channels.as_ref().filter(|channels| !channels.is_empty()) else {
            return;
        };
        let mut guilds = self.guilds.lock();
        let held = guilds
            .values()
            .filter(|looked| looked.sessions.contains_key(&cell.id));
        if !guilds.contains_key(&guild.id) && held.count() >= MOST_GUILDS {
            return;
        }
        let looked = guilds.entry(guild.id).or_default();
        let views: BTreeMap<ChannelId, View> = (channels.iter().take(MOST_CHANNELS))
            .filter_map(|(channel, ranges)| {
                let view = view(world, guild, cell, *channel, Rows::all(ranges))?;
                Some((*channel, view))
            })
            .collect();
        // Those who look already must not miss what the newcomer is given.
        looked.refresh(world, presences, guild);
        let shown = views.clone();
        looked.sessions.insert(
            cell.id.clone(),
            Looker {
                cell: cell.clone(),
                channels: views,
            },
        );
        for (channel, view) in shown {
            looked.show(world, presences, guild, cell, channel, &view);
        }
    }

    /// Tells everybody who looks at lists of a guild what has changed in them.
    pub(crate) fn refresh(&self, world: &World, presences: &Presences, id: GuildId) {
        let mut guilds = self.guilds.lock();
        let Some(looked) = guilds.get_mut(&id) else {
            return;
        };
        match world.guild(id) {
            Some(guild) => looked.refresh(world, presences, guild),
            None => {
                guilds.remove(&id);
            }
        }
    }
}

/// What a session may look at in a channel; `None` if it may not see it.
fn view(
    world: &World,
    guild: &Guild,
    cell: &SessionCell,
    channel: ChannelId,
    ranges: Vec<Rows>,
) -> Option<View> {
    let found = guild.channels.get(&channel)?;
    let sees = world.may_view(channel, cell.profile.user);
    (sees && !ranges.is_empty()).then(|| View {
        list: list_id::of(guild, found),
        ranges,
    })
}

impl Looked {
    /// Gives a session all rows that it looks at in a channel.
    fn show(
        &mut self,
        world: &World,
        presences: &Presences,
        guild: &Guild,
        cell: &SessionCell,
        channel: ChannelId,
        view: &View,
    ) {
        let Some(channel) = guild.channels.get(&channel) else {
            return;
        };
        let order = Order::of(world, presences, guild, channel);
        let told = self.told.entry(view.list.clone()).or_default();
        told.take(&order);
        let ops = view.ranges.iter().map(|range| {
            let rows = told.rows.entry(*range).or_insert_with(|| order.rows(*range));
            changes::sync(*range, rows)
        });
        let ops = ops.collect();
        cell.push(Arc::new(told.update(guild.id, &view.list, ops)));
    }

    /// Tells everybody what has changed since they were last told.
    fn refresh(&mut self, world: &World, presences: &Presences, guild: &Guild) {
        let moved = self.review(world, guild);
        let mut channels: BTreeMap<String, (ChannelId, BTreeSet<Rows>)> = BTreeMap::new();
        for (channel, view) in self.sessions.values().flat_map(|looker| &looker.channels) {
            let (_, ranges) = channels
                .entry(view.list.clone())
                .or_insert_with(|| (*channel, BTreeSet::new()));
            ranges.extend(view.ranges.iter().copied());
        }
        self.told.retain(|list, _| channels.contains_key(list));
        for (list, (channel, ranges)) in channels {
            let Some(channel) = guild.channels.get(&channel) else {
                continue;
            };
            let order = Order::of(world, presences, guild, channel);
            self.tell_list(guild.id, &list, &order, &ranges);
        }
        for (session, channel, view) in moved {
            if let Some(cell) = self.sessions.get(&session).map(|looker| looker.cell.clone()) {
                self.show(world, presences, guild, &cell, channel, &view);
            }
        }
    }

    /// Tells those who look at a list what has changed in it.
    fn tell_list(&mut self, guild: GuildId, list: &str, order: &Order<'_>, ranges: &BTreeSet<Rows>) {
        let told = self.told.entry(list.to_owned()).or_default();
        let counted = told.take(order);
        told.rows.retain(|range, _| ranges.contains(range));
        let mut changes = Changes::default();
        for (range, old) in &mut told.rows {
            let new = order.rows(*range);
            changes.add(*range, old, &new);
            *old = new;
        }
        // Those who look at the same rows get the same event.
        let mut events: HashMap<Vec<Rows>, Option<Arc<Outgoing>>> = HashMap::new();
        for looker in self.sessions.values() {
            let ranges = looker.ranges(list);
            if ranges.is_empty() {
                continue;
            }
            let event = events.entry(ranges).or_insert_with_key(|ranges| {
                let ops = changes.of(ranges);
                (counted || !ops.is_empty()).then(|| Arc::new(told.update(guild, list, ops)))
            });
            if let Some(event) = event {
                looker.cell.push(event.clone());
            }
        }
    }

    /// Looks whether everybody may still see what they look at. What they no longer may is taken from them; what has
    /// moved to another list is given back, to be shown anew.
    fn review(&mut self, world: &World, guild: &Guild) -> Vec<(String, ChannelId, View)> {
        let mut moved = Vec::new();
        for (session, looker) in &mut self.sessions {
            for (channel, old) in std::mem::take(&mut looker.channels) {
                let new = view(world, guild, &looker.cell, channel, old.ranges.clone());
                if new.as_ref() != Some(&old) {
                    looker.cell.push(Arc::new(invalidation(guild.id, &old)));
                    moved.extend(new.clone().map(|new| (session.clone(), channel, new)));
                }
                if let Some(new) = new {
                    looker.channels.insert(channel, new);
                }
            }
        }
        moved
    }
}

impl Told {
    /// Takes headings and counts; says whether they are others than before.
    fn take(&mut self, order: &Order<'_>) -> bool {
        let changed = self.groups != order.groups() || self.counts != order.counts();
        if changed {
            self.groups = order.groups().to_vec();
            self.counts = order.counts();
        }
        changed
    }

    fn update(&self, guild_id: GuildId, list: &str, ops: Vec<MemberListOp>) -> Outgoing {
        let (online_count, member_count) = self.counts;
        Outgoing::to_all(&Event::GuildMemberListUpdate(Box::new(MemberListUpdate {
            guild_id,
            id: list.to_owned(),
            ops,
            groups: self.groups.clone(),
            online_count,
            member_count,
            extra: Extra::new(),
        })))
    }
}

/// Takes from a session the rows that it looked at.
fn invalidation(guild: GuildId, view: &View) -> Outgoing {
    let ops = view.ranges.iter().map(|range| MemberListOp::Invalidate {
        range: range.bounds(),
    });
    Told::default().update(guild, &view.list, ops.collect())
}
