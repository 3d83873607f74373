//! The world that every sequence begins in: who there is, which guilds, channels and private channels.

use std::collections::BTreeSet;

/// How many people there are; accounts from here on are bots.
pub const PEOPLE: usize = 20;
/// How many bots there are.
pub const BOTS: usize = 3;
/// How many sessions one account may have side by side.
pub const SLOTS: usize = 3;

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// For text: nobody can join it.
    Text,
    Voice,
    Stage,
    /// Where idle members of the guild are carried.
    Afk,
    /// Between these people.
    Private(&'static [usize]),
}

/// A channel. Actions name it by its place in [`ROOMS`].
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The place of its guild in [`GUILDS`]; `None` for a private one.
    pub guild: Option<usize>,
    pub kind: Kind,
    /// How many may be in it; 0 for no limit.
    pub limit: usize,
}

const fn in_guild(guild: usize, kind: Kind, limit: usize) -> Room {
    let guild = Some(guild);
    Room { guild, kind, limit }
}

const fn private(people: &'static [usize]) -> Room {
    Room {
        guild: None,
        kind: Kind::Private(people),
        limit: 0,
    }
}

pub const ROOMS: [Room; 14] = [
    in_guild(0, Kind::Voice, 0),
    in_guild(0, Kind::Voice, 2),
    in_guild(0, Kind::Stage, 0),
    in_guild(0, Kind::Afk, 0),
    in_guild(0, Kind::Text, 0),
    in_guild(1, Kind::Voice, 0),
    in_guild(1, Kind::Voice, 3),
    in_guild(1, Kind::Text, 0),
    private(&[0, 1]),
    private(&[1, 2]),
    private(&[3, 12]),
    private(&[0, 12]),
    private(&[0, 2, 4, 6]),
    private(&[1, 3, 5, 7, 9, 11, 13, 15, 17, 19]),
];

/// A guild: its owner, one moderator, and who is in it.
#[derive(Debug, Clone)]
pub struct Guild {
    pub owner: usize,
    pub moderator: usize,
    pub people: std::ops::Range<usize>,
    pub bots: usize,
}

pub const GUILDS: [Guild; 2] = [
    Guild {
        owner: 0,
        moderator: 1,
        people: 0..13,
        bots: 3,
    },
    Guild {
        owner: 12,
        moderator: 13,
        people: 10..20,
        bots: 2,
    },
];

impl Guild {
    /// Everybody in it at the beginning.
    pub fn members(&self) -> BTreeSet<usize> {
        let bots = PEOPLE..PEOPLE + self.bots;
        self.people.clone().chain(bots).collect()
    }
}

/// Seconds until a member of the first guild counts as idle.
pub const AFK_SECONDS: u32 = 60;

/// The regions, each with one media node.
pub const REGIONS: [&str; 2] = ["rotterdam", "oslo"];

pub fn is_bot(who: usize) -> bool {
    who >= PEOPLE
}

pub fn user_id(who: usize) -> u64 {
    900_000_000_000_000_000 + who as u64
}

pub fn guild_id(guild: usize) -> u64 {
    910_000_000_000_000_000 + guild as u64
}

pub fn channel_id(room: usize) -> u64 {
    920_000_000_000_000_000 + room as u64
}

/// The role of a guild's moderator.
pub fn moderators_id(guild: usize) -> u64 {
    930_000_000_000_000_000 + guild as u64
}

/// A role that anybody may be given and whose rights change.
pub fn crowd_id(guild: usize) -> u64 {
    940_000_000_000_000_000 + guild as u64
}

pub fn who_of(user: u64) -> usize {
    usize::try_from(user - user_id(0)).expect("an account of the town")
}

pub fn guild_of(id: u64) -> usize {
    usize::try_from(id - guild_id(0)).expect("a guild of the town")
}

pub fn room_of(id: u64) -> usize {
    usize::try_from(id - channel_id(0)).expect("a channel of the town")
}
