//! A room with people who come, go, vanish, return and are thrown out at random: nobody becomes a ghost, and everyone
//! knows at every moment who is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use voxhall_live::{LinkState, TicketEnd};
use voxhall_node::NodeStats;
use voxhall_node::core::{ConnectionId, Input, TicketKey};
use voxhall_protocol::ids::UserId;
use voxhall_sfu::Command;

use crate::world::{CHANNEL, World, identify, select};

const USERS: u64 = 6;
const STEPS: usize = 200;
const RESUME_WINDOW: Duration = Duration::from_secs(60);

/// One person, as the test knows it.
struct Person {
    user: UserId,
    socket: Option<ConnectionId>,
    /// When the socket was lost; a session without it is over.
    lost_at: Option<Instant>,
    /// Who this person believes to be there.
    sees: BTreeSet<UserId>,
    last_seq: i64,
}

impl Person {
    fn is_present(&self) -> bool {
        self.socket.is_some() || self.lost_at.is_some()
    }

    fn leave(&mut self) {
        self.socket = None;
        self.lost_at = None;
    }
}

struct Crowd {
    world: World,
    people: Vec<Person>,
    random: StdRng,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let person = |number| Person {
            user: UserId(number),
            socket: None,
            lost_at: None,
            sees: BTreeSet::new(),
            last_seq: -1,
        };
        Self {
            world: World::new(),
            people: (1..=USERS).map(person).collect(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn step(&mut self) {
        let action = self.random.random_range(0..8);
        let seconds = self.random.random_range(1..15);
        let index = self.random.random_range(0..self.people.len());
        let person = &mut self.people[index];
        let world = &mut self.world;
        match (action, person.socket) {
            (0..=2, _) => come(world, person),
            (3, Some(socket)) => {
                world.lose(socket);
                person.socket = None;
                person.lost_at = Some(world.now);
            }
            (4, Some(socket)) => {
                let connection = socket;
                world.input(Input::Closed {
                    connection,
                    goodbye: true,
                });
                person.leave();
            }
            (5, _) => {
                world.end_ticket(person.user, TicketEnd::Disconnected);
                person.leave();
            }
            (6, None) if person.lost_at.is_some() => come_back(world, person),
            _ => self.pass(Duration::from_secs(seconds)),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.world.pass(time);
        for person in &mut self.people {
            if let Some(socket) = person.socket {
                let beat = json!({"t": 1, "seq_ack": person.last_seq});
                self.world.send(socket, 3, beat);
            }
            person.lost_at = person.lost_at.filter(|&at| at + RESUME_WINDOW > self.world.now);
        }
    }

    /// Everybody reads what has come, and must then see exactly those who are there.
    fn check(&mut self, what: &str) {
        let present: BTreeSet<UserId> = self
            .people
            .iter()
            .filter(|person| person.is_present())
            .map(|person| person.user)
            .collect();
        assert_eq!(self.world.core.stats().sessions, present.len(), "{what}");
        for person in &mut self.people {
            let Some(socket) = person.socket else { continue };
            assert_eq!(self.world.close_code(socket), None, "{what}: {}", person.user);
            read(&mut self.world, person, socket);
            let mut others = present.clone();
            others.remove(&person.user);
            assert_eq!(person.sees, others, "{what}: {} is mistaken", person.user);
        }
    }

    fn everybody_leaves(&mut self) {
        for person in &mut self.people {
            let key = TicketKey {
                channel: CHANNEL,
                user: person.user,
            };
            self.world.input(Input::TicketDeleted(key));
        }
        self.world.pass(Duration::from_secs(100));
    }
}

/// A new session, in place of the old one if there is any.
fn come(world: &mut World, person: &mut Person) {
    world.issue(person.user);
    let socket = world.open("8");
    world.send(socket, 0, identify(person.user));
    world.send(socket, 1, select());
    *person = Person {
        user: person.user,
        socket: Some(socket),
        lost_at: None,
        sees: BTreeSet::new(),
        last_seq: -1,
    };
}

fn come_back(world: &mut World, person: &mut Person) {
    person.socket = Some(world.resume("8", person.user, person.last_seq));
    person.lost_at = None;
}

fn read(world: &mut World, person: &mut Person, socket: ConnectionId) {
    for frame in world.received(socket) {
        if let Some(seq) = frame["seq"].as_i64() {
            assert_eq!(seq, person.last_seq + 1, "a gap or a repetition");
            person.last_seq = seq;
        }
        let id = |value: &serde_json::Value| UserId(value.as_str().unwrap().parse().unwrap());
        match frame["op"].as_u64() {
            Some(11) => person
                .sees
                .extend(frame["d"]["user_ids"].as_array().unwrap().iter().map(id)),
            Some(13) => drop(person.sees.remove(&id(&frame["d"]["user_id"]))),
            _ => {}
        }
    }
}

/// How often each member was added to the worker, minus how often it was removed.
fn balance(commands: &[Command]) -> BTreeMap<u64, i32> {
    let mut balance = BTreeMap::new();
    for command in commands {
        match command {
            Command::AddMember { member, .. } => *balance.entry(member.0).or_default() += 1,
            Command::RemoveMember { member } => *balance.entry(member.0).or_default() -= 1,
            _ => {}
        }
    }
    balance
}

#[test]
fn everyone_knows_who_is_there_and_nobody_becomes_a_ghost() {
    for seed in 0..12 {
        let mut crowd = Crowd::new(seed);
        for step in 0..STEPS {
            crowd.step();
            crowd.check(&format!("seed {seed}, step {step}"));
        }
        crowd.everybody_leaves();
        let world = &crowd.world;
        assert_eq!(world.core.stats(), NodeStats::default(), "seed {seed}");
        assert_eq!(world.core.next_timeout(), None, "seed {seed}: a timer is left");
        let commands: Vec<Command> = world
            .commands
            .iter()
            .map(|(_, command)| command.clone())
            .collect();
        assert!(
            balance(&commands).values().all(|&times| times == 0),
            "seed {seed}: the worker keeps a ghost"
        );
        let links: BTreeMap<TicketKey, Option<LinkState>> = world.links.iter().copied().collect();
        assert!(links.values().all(Option::is_none), "seed {seed}: a link is left");
    }
}
