//! What can happen, and sequences of it made from a seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::rights::{CONNECT, MOVE_MEMBERS, SPEAK, STREAM, VIEW_CHANNEL};
use crate::town::{BOTS, GUILDS, Kind, PEOPLE, REGIONS, ROOMS, SLOTS};

/// One of the sessions that an account may have.
pub type Device = (usize, usize);

/// What a client says of itself with op 4.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    pub mute: bool,
    pub deaf: bool,
    pub video: bool,
}

/// Whom an exception to roles in a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Everyone,
    Crowd,
    Member(usize),
}

/// What a moderator does to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Mute(bool),
    Deafen(bool),
    Disconnect,
    Kick,
    Ban,
}

/// Something that happens. What makes no sense where it stands does nothing, so any part of a sequence is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A session begins.
    Connect(Device),
    /// It ends with code 1000.
    Close(Device),
    /// Its socket dies without a goodbye.
    Die(Device),
    /// It is taken up again, also while its socket seems alive.
    Resume(Device),
    /// Op 4 into a room.
    Join(Device, usize, Flags),
    /// Op 4 into a room with another guild's id.
    JoinWrongly(Device, usize),
    /// Op 4 out of one guild, or of everything.
    Leave(Device, Option<usize>),
    /// Op 18 in a room, or without one wherever the session is.
    GoLive(Device, Option<usize>),
    /// Op 20 of somebody's stream in a room, or of one where the session is.
    Watch(Device, Option<(usize, usize)>),
    /// Op 19 of somebody's stream in a room, or of one in which the session takes part.
    StopStream(Device, Option<(usize, usize)>),
    /// Op 22 of one in which the session takes part.
    PauseStream(Device, bool),
    /// Op 13.
    CallConnect(Device, usize),
    /// Rings one, or all others.
    Ring(usize, usize, Option<usize>),
    /// Rings one no longer; without one, declines.
    StopRinging(usize, usize, Option<usize>),
    /// A private call goes to another region.
    CallRegion(usize, usize, usize),
    /// A channel's region is set.
    ChannelRegion(usize, Option<usize>),
    /// Somebody moderates a member of a guild.
    Moderate(usize, usize, usize, Deed),
    /// Somebody carries a member to a room.
    Move(usize, usize, usize),
    /// A moderator or the owner lets a member of a stage speak, or not.
    Suppress(usize, bool),
    /// The operator brings somebody into a guild.
    Rejoin(usize, usize),
    /// The owner makes an exception in a channel: allowed, denied.
    Except(usize, Target, u64, u64),
    /// The owner gives or takes the crowd's role.
    Crowd(usize, usize, bool),
    /// The owner sets what everybody, or the crowd, may do.
    Rights(usize, bool, u64),
    /// The owner sets a room's limit.
    Limit(usize, usize),
    /// The owner deletes a channel.
    Delete(usize),
    /// A media node is lost.
    NodeLost(usize),
    /// It is back.
    NodeBack(usize),
    /// The voice connection of everybody in a room comes, or goes.
    Links(usize, bool),
    /// Another process writes first when the next decision is carried out.
    Overtake,
    /// Time passes, in seconds.
    Pass(u64),
}

/// The sequence of a seed.
pub fn sequence(seed: u64) -> Vec<Action> {
    let mut dice = StdRng::seed_from_u64(seed);
    let cast = Cast::choose(&mut dice);
    let length = dice.random_range(10..45);
    let mut actions: Vec<Action> = cast.devices.iter().copied().map(Action::Connect).collect();
    actions.extend((0..length).map(|_| cast.action(&mut dice)));
    actions
}

/// Who takes part, and where. Few who meet often find more than many who never do.
struct Cast {
    people: Vec<usize>,
    devices: Vec<Device>,
    rooms: Vec<usize>,
}

impl Cast {
    fn choose(dice: &mut StdRng) -> Self {
        let count = *[2, 3, 4, 6, 9, 20].choose(dice).expect("a choice");
        let all: Vec<usize> = (0..PEOPLE + BOTS).collect();
        let people: Vec<usize> = all.choose_multiple(dice, count).copied().collect();
        let devices = people
            .iter()
            .flat_map(|who| (0..dice.random_range(1..=2)).map(|slot| (*who, slot)))
            .collect();
        let known = |room: &usize| match ROOMS[*room].kind {
            Kind::Private(recipients) => recipients.iter().any(|who| people.contains(who)),
            _ => true,
        };
        let rooms: Vec<usize> = (0..ROOMS.len()).filter(known).collect();
        let count = dice.random_range(2..=rooms.len());
        let rooms = rooms.choose_multiple(dice, count).copied().collect();
        Self {
            people,
            devices,
            rooms,
        }
    }

    fn action(&self, dice: &mut StdRng) -> Action {
        let who = *self.people.choose(dice).expect("people");
        let other = *self.people.choose(dice).expect("people");
        let device = match dice.random_range(0..10) {
            0 => (who, dice.random_range(0..SLOTS)),
            _ => *self.devices.choose(dice).expect("devices"),
        };
        let room = *self.rooms.choose(dice).expect("rooms");
        let guild = dice.random_range(0..GUILDS.len());
        let yes = dice.random();
        match dice.random_range(0..126) {
            0..5 => Action::Connect(device),
            5..8 => Action::Close(device),
            8..12 => Action::Die(device),
            12..17 => Action::Resume(device),
            17..42 => Action::Join(device, self.room_for(dice, device.0, room), flags(dice)),
            42 => Action::JoinWrongly(device, room),
            43..47 => Action::Leave(device, dice.random_bool(0.5).then_some(guild)),
            47..49 => Action::CallConnect(device, room),
            49..55 => self.call_action(dice, who, other),
            55..59 => Action::Moderate(judge(dice, guild, who), guild, other, deed(dice)),
            59..63 => Action::Move(judge(dice, ROOMS[room].guild.unwrap_or(guild), who), other, room),
            63..65 => Action::Suppress(other, yes),
            65..67 => Action::Rejoin(guild, other),
            67..73 => except(dice, room, other),
            73..76 => Action::Crowd(guild, other, yes),
            76..79 => Action::Rights(
                guild,
                yes,
                rights(dice) | (VIEW_CHANNEL * u64::from(dice.random_bool(0.7))),
            ),
            79 => Action::Limit(room, dice.random_range(0..4)),
            80 => Action::Delete(room),
            81 => Action::ChannelRegion(room, dice.random_bool(0.5).then_some(guild)),
            82..85 => Action::NodeLost(guild),
            85..89 => Action::NodeBack(guild),
            89..91 => Action::Links(room, yes),
            91..94 => Action::Overtake,
            100..112 => Action::GoLive(device, dice.random_bool(0.2).then_some(room)),
            112..120 => Action::Watch(device, dice.random_bool(0.2).then_some((room, other))),
            120..123 => Action::StopStream(device, dice.random_bool(0.2).then_some((room, other))),
            123..126 => Action::PauseStream(device, yes),
            _ => Action::Pass(*[3, 10, 29, 31, 58, 62, 100, 301].choose(dice).expect("a time")),
        }
    }

    /// Mostly a room that makes sense for this one.
    fn room_for(&self, dice: &mut StdRng, who: usize, room: usize) -> usize {
        let fits = |room: &&usize| match ROOMS[**room].kind {
            Kind::Private(recipients) => recipients.contains(&who),
            _ => true,
        };
        let fitting: Vec<&usize> = self.rooms.iter().filter(fits).collect();
        match fitting.choose(dice) {
            Some(fitting) if dice.random_bool(0.9) => **fitting,
            _ => room,
        }
    }

    fn call_action(&self, dice: &mut StdRng, who: usize, other: usize) -> Action {
        let private: Vec<usize> = (0..ROOMS.len())
            .filter(
                |room| matches!(ROOMS[*room].kind, Kind::Private(recipients) if recipients.contains(&who)),
            )
            .collect();
        let room = private.choose(dice).copied().unwrap_or(0);
        match dice.random_range(0..7) {
            0..3 => Action::Ring(who, room, dice.random_bool(0.4).then_some(other)),
            3..6 => Action::StopRinging(who, room, dice.random_bool(0.4).then_some(other)),
            _ => Action::CallRegion(who, room, dice.random_range(0..REGIONS.len())),
        }
    }
}

/// Mostly somebody who may moderate.
fn judge(dice: &mut StdRng, guild: usize, who: usize) -> usize {
    match dice.random_range(0..5) {
        0 => who,
        1 => GUILDS[guild].moderator,
        _ => GUILDS[guild].owner,
    }
}

fn deed(dice: &mut StdRng) -> Deed {
    match dice.random_range(0..9) {
        0..3 => Deed::Mute(dice.random()),
        3..5 => Deed::Deafen(dice.random()),
        5..7 => Deed::Disconnect,
        7 => Deed::Kick,
        _ => Deed::Ban,
    }
}

fn flags(dice: &mut StdRng) -> Flags {
    Flags {
        mute: dice.random_bool(0.2),
        deaf: dice.random_bool(0.2),
        video: dice.random_bool(0.2),
    }
}

fn rights(dice: &mut StdRng) -> u64 {
    let all = [(CONNECT, 0.7), (SPEAK, 0.6), (STREAM, 0.6), (MOVE_MEMBERS, 0.2)];
    all.iter()
        .filter(|(_, chance)| dice.random_bool(*chance))
        .fold(0, |rights, (right, _)| rights | right)
}

fn except(dice: &mut StdRng, room: usize, other: usize) -> Action {
    let target = match dice.random_range(0..3) {
        0 => Target::Everyone,
        1 => Target::Crowd,
        _ => Target::Member(other),
    };
    let kinds = [VIEW_CHANNEL, CONNECT, SPEAK, STREAM];
    let bits = kinds
        .iter()
        .fold(0, |bits, kind| bits | (kind * u64::from(dice.random_bool(0.35))));
    let allowed = kinds
        .iter()
        .fold(0, |bits, kind| bits | (kind * u64::from(dice.random_bool(0.5))));
    Action::Except(room, target, bits & allowed, bits & !allowed)
}
