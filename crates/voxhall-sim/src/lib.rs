//! A deterministic network: latency, loss, reordering, duplication, damage and narrow places, seeded.
//!
//! Tests put it between two peers; the media worker puts it on the way of a member for whom a fault is set. It carries
//! datagrams between socket addresses in the time it is told and does nothing by itself: a test sends, asks when the
//! next datagram is due, moves its clock there and delivers. The same seed and the same calls give the same run.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use voxhall_sim::{Conditions, Network};
//!
//! let conditions = Conditions { latency: Duration::from_millis(20), loss: 0.1, ..Conditions::PERFECT };
//! let mut network = Network::new(7, conditions);
//! let (left, right) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
//! let now = Instant::now();
//! network.send(now, left, right, b"hello".to_vec());
//! while let Some(now) = network.next_delivery() {
//!     let datagram = network.deliver(now).unwrap();
//!     assert_eq!(datagram.to, right);
//! }
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod random;

pub use random::Random;

/// What the network does to datagrams. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// How long a datagram takes at least.
    pub latency: Duration,
    /// How much longer it takes at most; evenly spread, so that it reorders what is sent within that time.
    pub jitter: Duration,
    /// The share that is lost.
    pub loss: f64,
    /// The share that comes twice.
    pub duplication: f64,
    /// The share of which one bit is turned over.
    pub corruption: f64,
    /// The share that is held back by [`Conditions::hold_back`].
    pub reordering: f64,
    /// How long those are held back.
    pub hold_back: Duration,
    /// The narrowest place on the way, if it is narrow enough to matter.
    pub bottleneck: Option<Bottleneck>,
}

/// Where datagrams wait for each other: one after the other takes its time to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    /// Bits of payload that pass in a second.
    pub bits_per_second: u32,
    /// How long a datagram waits at most; one that would wait longer is lost.
    pub queue: Duration,
}

impl Bottleneck {
    /// How long a datagram of that many bytes takes to pass.
    fn time_to_pass(&self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 / f64::from(self.bits_per_second.max(1)))
    }
}

impl Conditions {
    /// Everything arrives at once, in order.
    pub const PERFECT: Self = Self {
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        duplication: 0.0,
        corruption: 0.0,
        reordering: 0.0,
        hold_back: Duration::ZERO,
        bottleneck: None,
    };

    /// A bad evening on a wireless network.
    pub const ROUGH: Self = Self {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        loss: 0.1,
        duplication: 0.05,
        corruption: 0.0,
        reordering: 0.1,
        hold_back: Duration::from_millis(45),
        bottleneck: None,
    };
}

/// A datagram on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it, as the receiver sees it.
    pub from: SocketAddr,
    /// Who gets it.
    pub to: SocketAddr,
    /// What is in it.
    pub payload: Vec<u8>,
}

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Given to the network.
    pub sent: u64,
    /// Thrown away by it, by chance or because they would have waited too long.
    pub lost: u64,
    /// Doubled by it.
    pub duplicated: u64,
    /// Damaged by it.
    pub corrupted: u64,
    /// Delivered.
    pub delivered: u64,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    random: Random,
    conditions: Conditions,
    /// Conditions of single senders, which go before the general ones.
    links: HashMap<SocketAddr, Conditions>,
    /// Conditions of single receivers, which go before those of senders.
    last_links: HashMap<SocketAddr, Conditions>,
    /// Until when each bottleneck is taken.
    occupied: HashMap<End, Instant>,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    serial: u64,
    counts: Counts,
}

/// Whose link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Sender(SocketAddr),
    Receiver(SocketAddr),
}

/// Ordered by time of arrival; what arrives at one time arrives in the order of sending.
#[derive(Debug, PartialEq, Eq)]
struct InFlight {
    due: Instant,
    serial: u64,
    datagram: Datagram,
}

impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.serial).cmp(&(other.due, other.serial))
    }
}

impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Network {
    /// A network without traffic.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            random: Random::new(seed),
            conditions,
            links: HashMap::new(),
            last_links: HashMap::new(),
            occupied: HashMap::new(),
            in_flight: BinaryHeap::new(),
            serial: 0,
            counts: Counts::default(),
        }
    }

    /// Changes what happens to datagrams sent from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Changes what happens to what one address sends from now on.
    pub fn set_link(&mut self, from: SocketAddr, conditions: Conditions) {
        self.links.insert(from, conditions);
    }

    /// Changes what happens to what is sent to one address from now on, by whomever.
    pub fn set_last_link(&mut self, to: SocketAddr, conditions: Conditions) {
        self.last_links.insert(to, conditions);
    }

    /// Takes a datagram.
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        let (end, conditions) = self.link(from, to);
        self.counts.sent += 1;
        if self.random.chance(conditions.loss) {
            self.counts.lost += 1;
            return;
        }
        let mut datagram = Datagram { from, to, payload };
        // Only drawn where it matters, so that it changes no run without it.
        if conditions.corruption > 0.0 && self.random.chance(conditions.corruption) {
            self.damage(&mut datagram.payload);
        }
        if self.random.chance(conditions.duplication) {
            self.counts.duplicated += 1;
            self.launch(now, end, &conditions, datagram.clone());
        }
        self.launch(now, end, &conditions, datagram);
    }

    /// The link that a datagram takes. Without conditions of their own, senders have a link each.
    fn link(&self, from: SocketAddr, to: SocketAddr) -> (End, Conditions) {
        if let Some(conditions) = self.last_links.get(&to) {
            return (End::Receiver(to), *conditions);
        }
        let conditions = self.links.get(&from).copied().unwrap_or(self.conditions);
        (End::Sender(from), conditions)
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_delivery(&self) -> Option<Instant> {
        self.in_flight.peek().map(|Reverse(next)| next.due)
    }

    /// Takes out the next datagram that has arrived by `now`.
    pub fn deliver(&mut self, now: Instant) -> Option<Datagram> {
        if self.next_delivery()? > now {
            return None;
        }
        let Reverse(next) = self.in_flight.pop()?;
        self.counts.delivered += 1;
        Some(next.datagram)
    }

    /// Takes over what is on its way in another network; it arrives when it would have arrived there.
    pub fn take_over(&mut self, other: &mut Self) {
        let mut waiting: Vec<InFlight> = other.in_flight.drain().map(|Reverse(waiting)| waiting).collect();
        waiting.sort_unstable();
        for waiting in waiting {
            self.serial += 1;
            self.in_flight.push(Reverse(InFlight {
                serial: self.serial,
                ..waiting
            }));
        }
    }

    /// What became of the datagrams so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn damage(&mut self, payload: &mut [u8]) {
        let bit = self.random.below(payload.len() * 8);
        if let Some(byte) = payload.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
            self.counts.corrupted += 1;
        }
    }

    fn launch(&mut self, now: Instant, end: End, conditions: &Conditions, datagram: Datagram) {
        let Some(passed) = self.pass(now, end, conditions, &datagram) else {
            self.counts.lost += 1;
            return;
        };
        let mut due = passed + conditions.latency + self.random.up_to(conditions.jitter);
        if self.random.chance(conditions.reordering) {
            due += conditions.hold_back;
        }
        self.serial += 1;
        self.in_flight.push(Reverse(InFlight {
            due,
            serial: self.serial,
            datagram,
        }));
    }

    /// When the datagram is through the bottleneck; `None` if it would wait too long in front of it.
    fn pass(
        &mut self,
        now: Instant,
        end: End,
        conditions: &Conditions,
        datagram: &Datagram,
    ) -> Option<Instant> {
        let Some(bottleneck) = conditions.bottleneck else {
            return Some(now);
        };
        let occupied = self.occupied.entry(end).or_insert(now);
        let start = now.max(*occupied);
        if start.saturating_duration_since(now) > bottleneck.queue {
            return None;
        }
        *occupied = start + bottleneck.time_to_pass(datagram.payload.len());
        Some(*occupied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, conditions: Conditions, datagrams: u32) -> (Vec<u32>, Counts) {
        let mut network = Network::new(seed, conditions);
        let (left, right) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        let start = Instant::now();
        for number in 0..datagrams {
            let at = start + Duration::from_millis(10) * number;
            network.send(at, left, right, number.to_be_bytes().to_vec());
        }
        let mut arrived = Vec::new();
        while let Some(now) = network.next_delivery() {
            let datagram = network.deliver(now).unwrap();
            arrived.push(u32::from_be_bytes(datagram.payload.try_into().unwrap()));
        }
        (arrived, network.counts())
    }

    #[test]
    fn a_perfect_network_keeps_order() {
        let (arrived, counts) = run(1, Conditions::PERFECT, 100);
        assert!(arrived.into_iter().eq(0..100));
        assert_eq!(
            counts,
            Counts {
                sent: 100,
                lost: 0,
                duplicated: 0,
                corrupted: 0,
                delivered: 100
            }
        );
    }

    #[test]
    fn a_rough_network_loses_doubles_and_reorders_about_as_told() {
        let (arrived, counts) = run(2, Conditions::ROUGH, 10_000);
        assert!((800..1200).contains(&counts.lost), "{counts:?}");
        assert!((300..600).contains(&counts.duplicated), "{counts:?}");
        assert_eq!(counts.delivered, counts.sent - counts.lost + counts.duplicated);
        let disordered = arrived.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(disordered > 500, "{disordered}");
    }

    #[test]
    fn damage_turns_one_bit_over_and_nothing_more() {
        let conditions = Conditions {
            corruption: 0.25,
            ..Conditions::PERFECT
        };
        let (arrived, counts) = run(8, conditions, 1000);
        assert!((200..300).contains(&counts.corrupted), "{counts:?}");
        let turned = arrived
            .iter()
            .zip(0..)
            .map(|(arrived, sent): (&u32, u32)| (arrived ^ sent).count_ones());
        let (damaged, worst) = turned.fold((0, 0), |(damaged, worst), bits| {
            (damaged + bits.min(1), worst.max(bits))
        });
        assert_eq!((u64::from(damaged), worst), (counts.corrupted, 1));
        let mut network = Network::new(
            8,
            Conditions {
                corruption: 1.0,
                ..conditions
            },
        );
        let address = "10.0.0.1:1".parse().unwrap();
        network.send(Instant::now(), address, address, Vec::new());
        assert_eq!(
            network.counts().corrupted,
            0,
            "there is no bit in an empty datagram"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        assert_eq!(run(3, Conditions::ROUGH, 1000), run(3, Conditions::ROUGH, 1000));
        assert_ne!(run(3, Conditions::ROUGH, 1000), run(4, Conditions::ROUGH, 1000));
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let conditions = Conditions {
            latency: Duration::from_millis(20),
            ..Conditions::PERFECT
        };
        let mut network = Network::new(5, conditions);
        let address: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let now = Instant::now();
        network.send(now, address, address, vec![1]);
        assert_eq!(network.deliver(now + Duration::from_millis(19)), None);
        assert!(network.deliver(now + Duration::from_millis(20)).is_some());
    }

    #[test]
    fn one_sender_can_be_cut_off() {
        let mut network = Network::new(6, Conditions::PERFECT);
        let (left, right): (SocketAddr, SocketAddr) =
            ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        network.set_link(
            left,
            Conditions {
                loss: 1.0,
                ..Conditions::PERFECT
            },
        );
        let now = Instant::now();
        network.send(now, left, right, vec![1]);
        network.send(now, right, left, vec![2]);
        assert_eq!(
            network.deliver(now).map(|datagram| datagram.payload),
            Some(vec![2])
        );
        assert_eq!(network.deliver(now), None);
    }

    #[test]
    fn a_bottleneck_lets_through_its_rate_and_loses_the_rest() {
        let mut network = Network::new(9, Conditions::PERFECT);
        let (from, slow, fast): (SocketAddr, SocketAddr, SocketAddr) = (
            "10.0.0.1:1".parse().unwrap(),
            "10.0.0.2:1".parse().unwrap(),
            "10.0.0.3:1".parse().unwrap(),
        );
        let narrow = Conditions {
            latency: Duration::from_millis(10),
            bottleneck: Some(Bottleneck {
                bits_per_second: 80_000,
                queue: Duration::from_millis(300),
            }),
            ..Conditions::PERFECT
        };
        network.set_last_link(slow, narrow);
        let start = Instant::now();
        for _ in 0..10 {
            network.send(start, from, slow, vec![0; 1000]);
            network.send(start, from, fast, vec![0; 1000]);
        }
        let mut arrivals = Vec::new();
        while let Some(now) = network.next_delivery() {
            let datagram = network.deliver(now).unwrap();
            if datagram.to == slow {
                arrivals.push((now - start).as_millis());
            } else {
                assert_eq!(now, start, "others have a way of their own");
            }
        }
        assert_eq!(
            arrivals,
            [110, 210, 310, 410],
            "100 ms each, and no more than 300 ms of waiting"
        );
        assert_eq!(network.counts().lost, 6);
        network.send(start + Duration::from_secs(1), from, slow, vec![0; 1000]);
        let after_a_pause = network.next_delivery().map(|at| (at - start).as_millis());
        assert_eq!(after_a_pause, Some(1110));
    }
}
