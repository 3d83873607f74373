//! Faults on the way of chosen members' datagrams, between the socket and the core: loss, delay, duplicates, damage.
//!
//! A bot's author sets them to see what a bad network does to a bot. [`ImpairedLinks`] does no I/O: it takes datagrams
//! with the time, and gives back those that have arrived. A worker without faults has none of it, and pays one branch.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_sim::Network;

pub use voxhall_sim::{Bottleneck, Conditions};

use crate::MemberId;

/// Addresses of a member that are remembered; the core binds as many.
const MOST_ADDRESSES: usize = 4;

/// Which way a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the member to the server.
    Up,
    /// From the server to the member.
    Down,
}

/// What is to happen to a member's datagrams one way from now on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Whose datagrams.
    pub member: MemberId,
    /// Which way they go.
    pub direction: Direction,
    /// What happens to them; `None` lets everything pass again.
    pub link: Option<LinkConditions>,
}

/// What a link does to datagrams, the same again for the same seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkConditions {
    /// What happens.
    pub conditions: Conditions,
    /// Decides to which of them.
    pub seed: u64,
}

/// A datagram that has come through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Which way it goes.
    pub direction: Direction,
    /// The member's end: where it came from, or where it goes.
    pub peer: SocketAddr,
    /// What is in it.
    pub payload: Vec<u8>,
}

/// The members of a worker with a fault on their way.
#[derive(Debug, Default)]
pub struct ImpairedLinks {
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    member: MemberId,
    direction: Direction,
    addresses: Vec<SocketAddr>,
    network: Network,
    /// The fault is over; the link goes when nothing is on its way any more.
    healed: bool,
}

impl ImpairedLinks {
    /// Sets a fault in place of the one before, or ends it. What is on its way arrives when it would have.
    pub fn set(&mut self, impairment: Impairment) {
        let Impairment {
            member,
            direction,
            link: wanted,
        } = impairment;
        let known = self.links.iter().position(|link| link.is_of(member, direction));
        match (wanted, known) {
            (Some(wanted), known) => {
                let mut link = Link {
                    member,
                    direction,
                    addresses: Vec::new(),
                    network: Network::new(wanted.seed, wanted.conditions),
                    healed: false,
                };
                match known.map(|index| &mut self.links[index]) {
                    Some(before) => {
                        before.hand_over(&mut link);
                        *before = link;
                    }
                    None => self.links.push(link),
                }
            }
            (None, Some(index)) => {
                let link = &mut self.links[index];
                link.network.set_conditions(Conditions::PERFECT);
                link.healed = true;
            }
            (None, None) => {}
        }
        self.forget_healed();
    }

    /// Whether there is no fault, and nothing on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Learns where the members are. Those whom `addresses` does not know are gone, and their faults with them.
    pub fn locate<'a>(&mut self, addresses: impl Fn(MemberId) -> Option<&'a [SocketAddr]>) {
        self.links.retain_mut(|link| {
            let Some(known) = addresses(link.member) else {
                return false;
            };
            known.iter().for_each(|address| link.note(*address));
            true
        });
    }

    /// Takes a datagram that came from `member` at `source`. False if there is no fault on its way.
    pub fn take_up(&mut self, now: Instant, member: MemberId, source: SocketAddr, datagram: &[u8]) -> bool {
        let mut taken = false;
        for link in self.links.iter_mut().filter(|link| link.member == member) {
            // Answers go where requests came from, also before the core is sure of the address.
            link.note(source);
            if link.direction == Direction::Up {
                link.network.send(now, source, source, datagram.to_vec());
                taken = true;
            }
        }
        taken
    }

    /// Whether datagrams to `peer` are to be given to [`take_down`](Self::take_down).
    #[must_use]
    pub fn impairs(&self, peer: SocketAddr) -> bool {
        self.links.iter().any(|link| link.leads_to(peer))
    }

    /// Takes a datagram to a member at `peer`.
    pub fn take_down(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) {
        if let Some(link) = self.links.iter_mut().find(|link| link.leads_to(peer)) {
            link.network.send(now, peer, peer, datagram.to_vec());
        }
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.links
            .iter()
            .filter_map(|link| link.network.next_delivery())
            .min()
    }

    /// Takes out a datagram that has arrived by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Arrival> {
        let arrival = self.links.iter_mut().find_map(|link| {
            let datagram = link.network.deliver(now)?;
            Some(Arrival {
                direction: link.direction,
                peer: datagram.to,
                payload: datagram.payload,
            })
        });
        self.forget_healed();
        arrival
    }

    fn forget_healed(&mut self) {
        self.links
            .retain(|link| !link.healed || link.network.next_delivery().is_some());
    }
}

impl Link {
    fn is_of(&self, member: MemberId, direction: Direction) -> bool {
        self.member == member && self.direction == direction
    }

    fn leads_to(&self, peer: SocketAddr) -> bool {
        self.direction == Direction::Down && self.addresses.contains(&peer)
    }

    fn note(&mut self, address: SocketAddr) {
        if !self.addresses.contains(&address) {
            self.addresses.insert(0, address);
            self.addresses.truncate(MOST_ADDRESSES);
        }
    }

    /// Gives what is on its way, and what is known of the member, to the link that takes this one's place.
    fn hand_over(&mut self, to: &mut Self) {
        to.addresses = std::mem::take(&mut self.addresses);
        to.network.take_over(&mut self.network);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MEMBER: MemberId = MemberId(7);
    const OTHER: MemberId = MemberId(8);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn fault(direction: Direction, conditions: Conditions) -> Impairment {
        Impairment {
            member: MEMBER,
            direction,
            link: Some(LinkConditions { conditions, seed: 1 }),
        }
    }

    fn healed(direction: Direction) -> Impairment {
        Impairment {
            link: None,
            ..fault(direction, Conditions::PERFECT)
        }
    }

    fn with(direction: Direction, conditions: Conditions) -> ImpairedLinks {
        let mut links = ImpairedLinks::default();
        links.set(fault(direction, conditions));
        links.locate(|_| Some(&[]));
        links
    }

    fn payloads(links: &mut ImpairedLinks, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| links.deliver(now))
            .map(|arrival| arrival.payload[0])
            .collect()
    }

    #[test]
    fn only_the_member_is_impaired_and_only_the_way_that_was_named() {
        let now = Instant::now();
        let loss = Conditions {
            loss: 1.0,
            ..Conditions::PERFECT
        };
        let mut links = with(Direction::Up, loss);
        assert!(links.take_up(now, MEMBER, address(1), b"lost"));
        assert_eq!(links.deliver(now), None);
        assert!(!links.take_up(now, OTHER, address(2), b"not mine"));
        assert!(!links.impairs(address(1)), "what goes down passes");

        let mut links = with(Direction::Down, loss);
        assert!(!links.take_up(now, MEMBER, address(1), b"passes"));
        assert!(links.impairs(address(1)), "where requests come from, answers go");
        assert!(!links.impairs(address(2)));
        links.take_down(now, address(1), b"lost");
        assert_eq!(links.deliver(now), None);
    }

    #[test]
    fn a_member_that_only_listens_is_found_by_what_the_core_knows() {
        let mut links = with(Direction::Down, Conditions::PERFECT);
        let known = [address(4)];
        links.locate(|member| (member == MEMBER).then_some(&known[..]));
        assert!(links.impairs(address(4)));
        links.locate(|_| None);
        assert!(links.is_empty(), "who is gone needs no faults");
    }

    #[test]
    fn a_share_is_lost_the_same_for_the_same_seed() {
        let loss = Conditions {
            loss: 0.2,
            ..Conditions::PERFECT
        };
        let run = || {
            let (mut links, now) = (with(Direction::Up, loss), Instant::now());
            for number in 0..200 {
                assert!(links.take_up(now, MEMBER, address(1), &[number]));
            }
            payloads(&mut links, now)
        };
        let arrived = run();
        assert!((140..180).contains(&arrived.len()), "{}", arrived.len());
        assert_eq!(arrived, run());
    }

    #[test]
    fn what_is_delayed_comes_when_it_is_due() {
        let (now, later) = (Instant::now(), Duration::from_millis(80));
        let mut links = with(
            Direction::Down,
            Conditions {
                latency: later,
                duplication: 1.0,
                ..Conditions::PERFECT
            },
        );
        links.take_up(now, MEMBER, address(1), b"where it is");
        links.take_down(now, address(1), b"x");
        assert_eq!(links.next_arrival(), Some(now + later));
        assert_eq!(links.deliver(now + later - Duration::from_millis(1)), None);
        let arrival = links.deliver(now + later).unwrap();
        assert_eq!((arrival.direction, arrival.peer), (Direction::Down, address(1)));
        assert_eq!(links.deliver(now + later), Some(arrival), "and once more");
        assert_eq!(links.next_arrival(), None);
    }

    #[test]
    fn what_is_on_its_way_arrives_though_the_fault_ends_or_changes() {
        let (now, later) = (Instant::now(), Duration::from_millis(80));
        let slow = Conditions {
            latency: later,
            ..Conditions::PERFECT
        };
        let mut links = with(Direction::Up, slow);
        links.take_up(now, MEMBER, address(1), &[1]);
        links.set(fault(
            Direction::Up,
            Conditions {
                loss: 1.0,
                ..Conditions::PERFECT
            },
        ));
        links.take_up(now, MEMBER, address(1), &[2]);
        links.set(healed(Direction::Up));
        assert!(!links.is_empty());
        links.take_up(now, MEMBER, address(1), &[3]);
        assert_eq!(payloads(&mut links, now), [3]);
        assert_eq!(payloads(&mut links, now + later), [1]);
        assert!(links.is_empty());
        assert!(!links.take_up(now, MEMBER, address(1), &[4]));
    }
}
