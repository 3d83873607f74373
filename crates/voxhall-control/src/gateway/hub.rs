//! All sessions of this process, with or without a socket.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::Notify;
use voxhall_live::Platform;
use voxhall_protocol::gateway::{Capabilities, GatewayCloseCode, Intents};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

use super::faults::{CloseOrder, Fate, GatewayFaults};
use super::member_list::subscriptions::MemberLists;
use super::outgoing::{Outgoing, Subscription};
use super::session::{ReplayLimits, ResumeError, Session};
use crate::calls::reaction::{Audience, Dispatch, Pace, Subject};
use crate::clock;
use crate::directory::{Guild, Home, TokenDigest, World};

/// What a client said about itself in Identify.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// The account.
    pub(crate) user: UserId,
    /// What it logged in with.
    pub(crate) token: TokenDigest,
    /// What kind of account.
    pub(crate) bot: bool,
    /// What a bot subscribes to.
    pub(crate) intents: Intents,
    /// What a user account's client can take.
    pub(crate) capabilities: Capabilities,
    /// Number and count of shards.
    pub(crate) shard: Option<[u32; 2]>,
    /// What kind of client it is.
    pub(crate) platform: Platform,
    /// From how many members on a guild is large.
    pub(crate) large_threshold: u32,
}

impl Profile {
    /// Whether this session gets the events of a guild (sharding).
    pub(crate) fn holds_guild(&self, guild: GuildId) -> bool {
        match self.shard {
            Some([number, count]) if count > 0 => (guild.0 >> 22) % u64::from(count) == u64::from(number),
            _ => true,
        }
    }

    /// Whether this session gets the events of private channels: of a bot's shards, the first one does.
    fn holds_private(&self) -> bool {
        self.shard.is_none_or(|[number, _]| number == 0)
    }

    /// Whether this session may read a message that is for `privy` in any case.
    fn reads(&self, privy: &[UserId]) -> bool {
        !self.bot || self.intents.contains(Intents::MESSAGE_CONTENT) || privy.contains(&self.user)
    }

    fn takes(&self, subscription: Subscription) -> bool {
        match subscription {
            Subscription::Everyone => true,
            Subscription::Intents(intents) => !self.bot || self.intents.contains(intents),
            Subscription::Users => !self.bot,
        }
    }
}

/// A session that sockets and events share.
pub(crate) struct SessionCell {
    /// 32 hex digits; `session_id` on everything about voice.
    pub(crate) id: String,
    /// What the client said about itself.
    pub(crate) profile: Profile,
    state: Mutex<Held>,
}

/// A session and which socket has it.
pub(crate) struct Held {
    /// The dispatches.
    pub(crate) session: Session,
    /// The one socket that may send.
    seat: Arc<Seat>,
    attached: bool,
    /// Whose presences its person asked for, by guild.
    watched: HashMap<GuildId, BTreeSet<UserId>>,
    closing: Option<GatewayCloseCode>,
}

/// A socket's place at a session. Whoever holds the session's current one may send.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// There is something new to send, or another socket has taken the session.
    pub(crate) wake: Notify,
    close: Mutex<Option<Box<CloseOrder>>>,
}

impl Seat {
    /// Has the socket closed, whatever its connection thinks of it.
    pub(crate) fn order_close(&self, order: CloseOrder) {
        *self.close.lock() = Some(Box::new(order));
        self.wake.notify_one();
    }

    /// How the socket is to be closed, if it was ordered to be.
    pub(crate) fn take_close_order(&self) -> Option<Box<CloseOrder>> {
        self.close.lock().take()
    }
}

impl Held {
    /// The code with which the socket must be closed, if it must.
    pub(crate) fn closing(&self) -> Option<GatewayCloseCode> {
        self.closing
    }

    /// Whether this is the socket that may send.
    pub(crate) fn is_at(&self, seat: &Arc<Seat>) -> bool {
        Arc::ptr_eq(&self.seat, seat)
    }
}

impl SessionCell {
    /// The dispatches. Never hold it across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.state.lock()
    }

    /// Adds an event that goes out at once.
    pub(crate) fn push(&self, event: Arc<Outgoing>) {
        let mut held = self.lock();
        held.session.push(event);
        held.seat.wake.notify_one();
    }

    /// Closes the socket that has the session, if one does.
    pub(crate) fn close(&self, code: GatewayCloseCode) {
        let mut held = self.lock();
        held.closing = Some(code);
        held.seat.wake.notify_one();
    }

    /// The place of the socket that has the session.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        self.lock().seat.clone()
    }

    /// Gives the session to another socket, behind `seq`; a socket that still has it must close.
    ///
    /// # Errors
    /// [`ResumeError`]; the session stays as it was.
    pub(crate) fn take_over(&self, seq: u64) -> Result<Arc<Seat>, ResumeError> {
        let mut held = self.lock();
        held.session.resume(seq)?;
        let seat = Arc::new(Seat::default());
        let before = std::mem::replace(&mut held.seat, seat.clone());
        held.attached = true;
        before.wake.notify_one();
        Ok(seat)
    }

    /// The socket is gone; says whether the session is without a socket now.
    pub(crate) fn detach(&self, seat: &Arc<Seat>) -> bool {
        let mut held = self.lock();
        let mine = held.is_at(seat);
        if mine {
            held.attached = false;
        }
        mine
    }

    /// Whether a socket has the session.
    pub(crate) fn is_attached(&self) -> bool {
        self.lock().attached
    }
}

/// All sessions of this process.
#[derive(Default)]
pub(crate) struct Hub {
    /// What goes wrong on purpose.
    pub(crate) faults: GatewayFaults,
    /// Who looks at which member lists.
    pub(crate) lists: MemberLists,
    registry: RwLock<Registry>,
}

#[derive(Default)]
struct Registry {
    by_id: HashMap<String, Arc<SessionCell>>,
    by_user: HashMap<UserId, Vec<Arc<SessionCell>>>,
    /// The sessions that watch anybody's presence: few, where presences change all the time.
    watchers: HashMap<String, Arc<SessionCell>>,
}

impl Hub {
    /// Begins a session. `greet` writes what it begins with before any event can reach it.
    pub(crate) fn open(
        &self,
        profile: Profile,
        replay: ReplayLimits,
        greet: impl FnOnce(&str, &mut Session),
    ) -> Arc<SessionCell> {
        let id = format!("{:032x}", rand::random::<u128>());
        let user = profile.user;
        let cell = Arc::new(SessionCell {
            id: id.clone(),
            profile,
            state: Mutex::new(Held {
                session: Session::new(replay),
                seat: Arc::default(),
                attached: true,
                watched: HashMap::new(),
                closing: None,
            }),
        });
        let mut held = cell.lock();
        let mut registry = self.registry.write();
        if cell.profile.bot && cell.profile.intents.contains(Intents::GUILD_PRESENCES) {
            registry.watchers.insert(id.clone(), cell.clone());
        }
        registry.by_id.insert(id, cell.clone());
        registry.by_user.entry(user).or_default().push(cell.clone());
        drop(registry);
        greet(&cell.id, &mut held.session);
        drop(held);
        cell
    }

    /// A person's session watches exactly these members of a guild.
    pub(crate) fn watch(&self, cell: &Arc<SessionCell>, guild: GuildId, members: BTreeSet<UserId>) {
        cell.lock().watched.insert(guild, members);
        let mut registry = self.registry.write();
        if registry.by_id.contains_key(&cell.id) {
            registry.watchers.insert(cell.id.clone(), cell.clone());
        }
    }

    /// Forgets a session; gives it back if it was there.
    pub(crate) fn close(&self, id: &str) -> Option<Arc<SessionCell>> {
        let mut registry = self.registry.write();
        let cell = registry.by_id.remove(id)?;
        registry.watchers.remove(id);
        if let Some(sessions) = registry.by_user.get_mut(&cell.profile.user) {
            sessions.retain(|it| it.id != id);
            if sessions.is_empty() {
                registry.by_user.remove(&cell.profile.user);
            }
        }
        drop(registry);
        self.lists.forget(id);
        Some(cell)
    }

    /// A session.
    pub(crate) fn session(&self, id: &str) -> Option<Arc<SessionCell>> {
        self.registry.read().by_id.get(id).cloned()
    }

    /// The sessions of an account.
    pub(crate) fn sessions(&self, user: UserId) -> Vec<Arc<SessionCell>> {
        self.registry.read().of(user).cloned().collect()
    }

    /// The sessions that logged in with one of these tokens.
    pub(crate) fn logged_in_with(&self, tokens: &[TokenDigest]) -> Vec<Arc<SessionCell>> {
        let registry = self.registry.read();
        let sessions = registry.by_id.values();
        let meant = sessions.filter(|cell| tokens.contains(&cell.profile.token));
        meant.cloned().collect()
    }

    /// The session of an application that hears of an interaction: of those that hold the guild, or private channels,
    /// the newest that has a socket, else the newest that may still be resumed.
    pub(crate) fn session_for(&self, bot: UserId, guild: Option<GuildId>) -> Option<Arc<SessionCell>> {
        let registry = self.registry.read();
        let fitting = registry.of(bot).filter(|cell| match guild {
            Some(guild) => cell.profile.holds_guild(guild),
            None => cell.profile.holds_private(),
        });
        let fitting: Vec<Arc<SessionCell>> = fitting.cloned().collect();
        drop(registry);
        let attached = fitting.iter().rev().find(|cell| cell.is_attached());
        attached.or(fitting.last()).cloned()
    }

    /// How many sessions an account has.
    pub(crate) fn sessions_of(&self, user: UserId) -> usize {
        self.registry.read().by_user.get(&user).map_or(0, Vec::len)
    }

    /// The members of a guild who have sessions.
    pub(crate) fn present(&self, guild: &Guild) -> Vec<UserId> {
        let registry = self.registry.read();
        let users = registry.by_user.keys().copied();
        users.filter(|user| guild.members.contains_key(user)).collect()
    }

    /// Gives an event to every session that it concerns.
    pub(crate) fn deliver(&self, world: &World, dispatch: Dispatch) {
        let Dispatch {
            audience,
            event,
            pace,
        } = dispatch;
        if let Some(guild) = listed_in(world, &audience, event.event().name()) {
            self.lists.mark(guild);
        }
        let event = Arc::new(event);
        // Sessions are collected first: a session that begins holds its own lock while it waits for the registry.
        for cell in self.audience(world, &audience, event.subscription()) {
            let fate = self.faults.fate_of(cell.profile.user, event.event().name());
            let mut held = cell.lock();
            match (fate, pace) {
                (Some(Fate::Dropped), _) => continue,
                (Some(Fate::Delayed(delay)), _) => {
                    held.session.push_at(clock::now() + delay, event.clone());
                }
                (None, Pace::Now) => held.session.push(event.clone()),
                (None, Pace::AfterPause(subject)) => {
                    held.session.push_after_pause(event.clone(), subject);
                }
            }
            held.seat.wake.notify_one();
        }
    }

    /// Takes back what a session was to be told a pause after something else, and has not been told yet.
    pub(crate) fn take_back(&self, session: &str, subject: Subject) {
        let cell = self.registry.read().by_id.get(session).cloned();
        if let Some(cell) = cell {
            cell.lock().session.take_back(subject);
        }
    }

    fn audience(
        &self,
        world: &World,
        audience: &Audience,
        subscription: Subscription,
    ) -> Vec<Arc<SessionCell>> {
        let registry = self.registry.read();
        let of = |user: UserId| registry.of(user);
        // Of a bot's shards, only the one that holds the channel hears of it.
        let own = |channel: ChannelId, user: UserId| {
            let home = world.home(channel);
            of(user).filter(move |cell| match home {
                Some(Home::Guild(guild)) => cell.profile.holds_guild(guild),
                _ => cell.profile.holds_private(),
            })
        };
        let viewers = |channel: ChannelId| registry.viewers(world, channel, subscription);
        match audience {
            Audience::Session(id) => registry.by_id.get(id).cloned().into_iter().collect(),
            Audience::Sessions(ids) => ids
                .iter()
                .filter_map(|id| registry.by_id.get(id))
                .cloned()
                .collect(),
            Audience::User(user) => of(*user).cloned().collect(),
            Audience::Guild(guild) => registry.holding(world, *guild, subscription).cloned().collect(),
            Audience::GuildExcept(guild, user) => {
                let holding = registry.holding(world, *guild, subscription);
                let others = holding.filter(|cell| cell.profile.user != *user);
                others.cloned().collect()
            }
            Audience::Members(guild, users) => {
                let sessions = users.iter().flat_map(|user| of(*user));
                let holds = |cell: &&Arc<SessionCell>| {
                    cell.profile.takes(subscription) && cell.profile.holds_guild(*guild)
                };
                sessions.filter(holds).cloned().collect()
            }
            Audience::Watchers(guild, user) => registry.watching(world, *guild, *user).cloned().collect(),
            Audience::Permitted(channel, needed) => {
                let Some(Home::Guild(guild)) = world.home(*channel) else {
                    return Vec::new();
                };
                let may = |cell: &&Arc<SessionCell>| {
                    world.permissions(*channel, cell.profile.user).contains(*needed)
                };
                let holding = registry.holding(world, guild, subscription);
                holding.filter(may).cloned().collect()
            }
            Audience::Viewers(channel) => viewers(*channel).cloned().collect(),
            Audience::Readers(channel, privy) => {
                let reads = |cell: &&Arc<SessionCell>| cell.profile.reads(privy);
                viewers(*channel).filter(reads).cloned().collect()
            }
            Audience::Onlookers(channel, privy) => {
                let looks_on = |cell: &&Arc<SessionCell>| !cell.profile.reads(privy);
                viewers(*channel).filter(looks_on).cloned().collect()
            }
            Audience::ViewersAnd(channel, user) => {
                let others = viewers(*channel).filter(|cell| cell.profile.user != *user);
                own(*channel, *user).chain(others).cloned().collect()
            }
            Audience::ViewersOfOnly(channel, unless, user) => {
                let others = viewers(*channel).filter(|cell| cell.profile.user != *user);
                let blind = |cell: &&Arc<SessionCell>| !world.may_view(*unless, cell.profile.user);
                others.filter(blind).cloned().collect()
            }
        }
    }
}

/// The guild whose member lists may show what an event tells.
fn listed_in(world: &World, audience: &Audience, name: &str) -> Option<GuildId> {
    let guild = match audience {
        Audience::Watchers(guild, _)
        | Audience::Guild(guild)
        | Audience::GuildExcept(guild, _)
        | Audience::Members(guild, _) => *guild,
        Audience::Viewers(channel) => match world.home(*channel)? {
            Home::Guild(guild) => guild,
            Home::Private => return None,
        },
        _ => return None,
    };
    let listed = name == "PRESENCE_UPDATE"
        || [
            "GUILD_MEMBER_",
            "GUILD_ROLE_",
            "CHANNEL_",
            "GUILD_UPDATE",
            "GUILD_DELETE",
        ]
        .iter()
        .any(|beginning| name.starts_with(beginning));
    listed.then_some(guild)
}

impl Registry {
    /// The sessions of an account.
    fn of(&self, user: UserId) -> impl Iterator<Item = &Arc<SessionCell>> {
        self.by_user.get(&user).into_iter().flatten()
    }

    /// The sessions of a guild's members that take such events of it.
    ///
    /// They are found from the fewer of the two, members or sessions: an index of sessions by guild would be a second
    /// record of who is a member, which can differ from the directory's.
    fn holding<'a>(
        &'a self,
        world: &'a World,
        guild: GuildId,
        subscription: Subscription,
    ) -> Box<dyn Iterator<Item = &'a Arc<SessionCell>> + 'a> {
        let Some(members) = world.guild(guild).map(|guild| &guild.members) else {
            return Box::new(std::iter::empty());
        };
        let holds = move |cell: &&Arc<SessionCell>| {
            cell.profile.takes(subscription) && cell.profile.holds_guild(guild)
        };
        if members.len() < self.by_id.len() {
            Box::new(members.keys().flat_map(|user| self.of(*user)).filter(holds))
        } else {
            let inside = |cell: &&Arc<SessionCell>| members.contains_key(&cell.profile.user);
            Box::new(self.by_id.values().filter(holds).filter(inside))
        }
    }

    /// The sessions that watch how available somebody in a guild is.
    fn watching<'a>(
        &'a self,
        world: &'a World,
        guild: GuildId,
        user: UserId,
    ) -> impl Iterator<Item = &'a Arc<SessionCell>> {
        let asked = move |cell: &SessionCell| {
            let held = cell.lock();
            held.watched
                .get(&guild)
                .is_some_and(|members| members.contains(&user))
        };
        self.watchers.values().filter(move |cell| {
            let profile = &cell.profile;
            profile.holds_guild(guild)
                && world.member(guild, profile.user).is_some()
                && (profile.bot || asked(cell))
        })
    }

    /// The sessions that take what happens in a channel.
    fn viewers<'a>(
        &'a self,
        world: &'a World,
        channel: ChannelId,
        subscription: Subscription,
    ) -> Box<dyn Iterator<Item = &'a Arc<SessionCell>> + 'a> {
        match world.home(channel) {
            Some(Home::Guild(guild)) => {
                let sees = move |cell: &&Arc<SessionCell>| world.may_view(channel, cell.profile.user);
                Box::new(self.holding(world, guild, subscription).filter(sees))
            }
            Some(Home::Private) => {
                let people = world.private(channel).into_iter().flat_map(|it| &it.recipients);
                let takes = move |cell: &&Arc<SessionCell>| {
                    cell.profile.takes(subscription) && cell.profile.holds_private()
                };
                Box::new(people.flat_map(|user| self.of(*user)).filter(takes))
            }
            None => Box::new(std::iter::empty()),
        }
    }
}
