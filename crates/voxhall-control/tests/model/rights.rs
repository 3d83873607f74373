//! Who may do what, written down from the protocol's table of permissions.

use std::collections::BTreeMap;

use crate::actions::Target;
use crate::town::{GUILDS, Kind, ROOMS};

pub const KICK_MEMBERS: u64 = 1 << 1;
pub const BAN_MEMBERS: u64 = 1 << 2;
pub const STREAM: u64 = 1 << 9;
pub const VIEW_CHANNEL: u64 = 1 << 10;
pub const CONNECT: u64 = 1 << 20;
pub const SPEAK: u64 = 1 << 21;
pub const MUTE_MEMBERS: u64 = 1 << 22;
pub const DEAFEN_MEMBERS: u64 = 1 << 23;
pub const MOVE_MEMBERS: u64 = 1 << 24;

/// What everybody may do at the beginning.
pub const EVERYONE: u64 = VIEW_CHANNEL | CONNECT | SPEAK | STREAM;
/// What moderators may do.
pub const MODERATORS: u64 = KICK_MEMBERS | BAN_MEMBERS | MUTE_MEMBERS | DEAFEN_MEMBERS | MOVE_MEMBERS;

/// A member of a guild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Member {
    pub mute: bool,
    pub deaf: bool,
    pub moderator: bool,
    pub crowd: bool,
}

/// A guild's people and rights.
#[derive(Debug, Clone)]
pub struct Guild {
    owner: usize,
    pub members: BTreeMap<usize, Member>,
    pub everyone: u64,
    pub crowd: u64,
    /// Allowed and denied, by channel and target.
    pub exceptions: BTreeMap<(usize, Target), (u64, u64)>,
}

impl Guild {
    pub fn new(guild: usize) -> Self {
        let town = &GUILDS[guild];
        let member = |who| Member {
            moderator: who == town.moderator,
            ..Member::default()
        };
        // The channel for the idle is seen by everybody, so that nobody is carried to where it cannot be.
        let afk = (0..ROOMS.len())
            .filter(|room| ROOMS[*room].guild == Some(guild) && ROOMS[*room].kind == Kind::Afk);
        Self {
            owner: town.owner,
            members: town.members().into_iter().map(|who| (who, member(who))).collect(),
            everyone: EVERYONE,
            crowd: 0,
            exceptions: afk
                .map(|room| ((room, Target::Everyone), (VIEW_CHANNEL, 0)))
                .collect(),
        }
    }

    pub fn may(&self, who: usize, needed: u64) -> bool {
        self.granted(who) & needed == needed
    }

    fn granted(&self, who: usize) -> u64 {
        let Some(member) = self.members.get(&who) else {
            return 0;
        };
        if who == self.owner {
            return u64::MAX;
        }
        let moderator = if member.moderator { MODERATORS } else { 0 };
        let crowd = if member.crowd { self.crowd } else { 0 };
        self.everyone | moderator | crowd
    }

    pub fn may_in(&self, room: usize, who: usize, needed: u64) -> bool {
        self.granted_in(room, who) & needed == needed
    }

    fn granted_in(&self, room: usize, who: usize) -> u64 {
        let mut granted = self.granted(who);
        if granted == u64::MAX {
            return granted;
        }
        let in_crowd = self.members.get(&who).is_some_and(|member| member.crowd);
        let targets = [
            Some(Target::Everyone),
            in_crowd.then_some(Target::Crowd),
            Some(Target::Member(who)),
        ];
        for target in targets.into_iter().flatten() {
            if let Some((allow, deny)) = self.exceptions.get(&(room, target)) {
                granted = granted & !deny | allow;
            }
        }
        if granted & VIEW_CHANNEL == 0 || !self.members.contains_key(&who) {
            return 0;
        }
        let voice = ROOMS[room].kind != Kind::Text;
        if voice && granted & CONNECT == 0 {
            VIEW_CHANNEL
        } else {
            granted
        }
    }

    /// Whether one may throw the other out.
    pub fn stands_above(&self, who: usize, other: usize) -> bool {
        let rank = |who: usize| match self.members.get(&who) {
            _ if who == self.owner => 4,
            Some(member) if member.moderator => 3,
            Some(member) if member.crowd => 2,
            Some(_) => 1,
            None => 0,
        };
        rank(who) > rank(other)
    }
}
