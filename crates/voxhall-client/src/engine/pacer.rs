use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::LinkKey;
use super::batch::Batch;
use super::counters::{EngineStatistics, count};
use super::feeder::join;
use super::mailbox::Mailbox;
use super::sender::{Sender, Step};

/// Connections are spread over the 20 ms of a tick in slots of one millisecond, so that a thousand of them do not send
/// in one burst.
const PHASES: u64 = 20;

/// A thread that wakes later than this lets the missed ticks go instead of sending them in a burst.
const STALL: Duration = Duration::from_millis(100);

/// The one thread that paces all senders.
#[derive(Debug)]
pub(super) struct Pacer {
    mailbox: Arc<Mailbox<Command>>,
    counters: Arc<Counters>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Counters {
    ticks: AtomicU64,
    busy_ns: AtomicU64,
    stalls: AtomicU64,
}

enum Command {
    /// Takes the place of the sender with the same key.
    Insert(Box<Sender>),
    Resume(LinkKey),
    Remove(LinkKey),
    Stop,
}

impl Pacer {
    pub(super) fn start() -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let counters = Arc::new(Counters::default());
        let (inbox, numbers) = (Arc::clone(&mailbox), Arc::clone(&counters));
        let thread = thread::Builder::new()
            .name("voxhall-pace".to_owned())
            .spawn(move || Schedule::new(numbers).run(&inbox))?;
        Ok(Self {
            mailbox,
            counters,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn insert(&self, sender: Sender) {
        self.mailbox.post(Command::Insert(Box::new(sender)));
    }

    /// Looks at a sender again that went idle.
    pub(super) fn resume(&self, key: LinkKey) {
        self.mailbox.post(Command::Resume(key));
    }

    pub(super) fn remove(&self, key: LinkKey) {
        self.mailbox.post(Command::Remove(key));
    }

    pub(super) fn statistics(&self) -> EngineStatistics {
        EngineStatistics {
            ticks: self.counters.ticks.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.counters.busy_ns.load(Ordering::Relaxed)),
            stalls: self.counters.stalls.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.mailbox.post(Command::Stop);
        join(self.thread.lock().take());
    }
}

/// Who sends when.
struct Schedule {
    counters: Arc<Counters>,
    started: Instant,
    /// The slot that is due next, counted from the start.
    slot: u64,
    phases: [Vec<Sender>; PHASES as usize],
    idle: HashMap<LinkKey, Sender>,
    batch: Batch,
    /// Whose the datagrams in `batch` are, as places in the slot that runs.
    senders: Vec<usize>,
    /// Places in the slot that runs of those who went idle.
    went_idle: Vec<usize>,
}

impl Schedule {
    fn new(counters: Arc<Counters>) -> Self {
        Self {
            counters,
            started: Instant::now(),
            slot: 0,
            phases: Default::default(),
            idle: HashMap::new(),
            batch: Batch::new(),
            senders: Vec::new(),
            went_idle: Vec::new(),
        }
    }

    fn run(&mut self, inbox: &Mailbox<Command>) {
        let mut commands = Vec::new();
        loop {
            inbox.take(self.next_due(), &mut commands);
            // Nothing was due while nobody sent.
            if self.phases.iter().all(Vec::is_empty) {
                self.slot = self.slot_at(Instant::now());
            }
            for command in commands.drain(..) {
                match command {
                    Command::Insert(sender) => self.insert(*sender),
                    Command::Resume(key) => self.resume(key),
                    Command::Remove(key) => drop(self.remove(key)),
                    Command::Stop => return,
                }
            }
            self.run_due(Instant::now());
        }
    }

    fn insert(&mut self, sender: Sender) {
        self.remove(sender.key);
        self.idle.insert(sender.key, sender);
    }

    fn resume(&mut self, key: LinkKey) {
        let Some(sender) = self.idle.remove(&key) else {
            return;
        };
        // Of several empty phases the one that is due soonest, so that a first packet does not wait for its turn.
        let soonest_first = (self.slot..self.slot + PHASES).map(|slot| (slot % PHASES) as usize);
        if let Some(emptiest) = soonest_first.min_by_key(|&phase| self.phases[phase].len()) {
            self.phases[emptiest].push(sender);
        }
    }

    fn remove(&mut self, key: LinkKey) -> Option<Sender> {
        if let Some(sender) = self.idle.remove(&key) {
            return Some(sender);
        }
        self.phases.iter_mut().find_map(|phase| {
            let at = phase.iter().position(|sender| sender.key == key)?;
            Some(phase.swap_remove(at))
        })
    }

    /// The slot that `now` falls into.
    fn slot_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn time_of(&self, slot: u64) -> Instant {
        self.started + Duration::from_millis(slot)
    }

    /// When the next slot with somebody in it is due.
    fn next_due(&self) -> Option<Instant> {
        (self.slot..self.slot + PHASES)
            .find(|slot| !self.phases[(slot % PHASES) as usize].is_empty())
            .map(|slot| self.time_of(slot))
    }

    /// Runs all slots up to `now`.
    fn run_due(&mut self, now: Instant) {
        let current = self.slot_at(now);
        if u128::from(current.saturating_sub(self.slot)) > STALL.as_millis() {
            count(&self.counters.stalls);
            self.slot = current;
        }
        let mut ticks = 0;
        while self.slot <= current {
            ticks += self.run_slot();
            self.slot += 1;
        }
        if ticks > 0 {
            let busy = u64::try_from(now.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.counters.ticks.fetch_add(ticks, Ordering::Relaxed);
            self.counters.busy_ns.fetch_add(busy, Ordering::Relaxed);
        }
    }

    fn run_slot(&mut self) -> u64 {
        let tick = self.slot / PHASES;
        let phase = (self.slot % PHASES) as usize;
        self.phases[phase].iter().for_each(Sender::touch);
        for place in 0..self.phases[phase].len() {
            if self.batch.is_full() {
                self.send_batch(phase);
            }
            if self.phases[phase][place].tick(tick, &mut self.batch) == Step::Idle {
                self.went_idle.push(place);
            }
            self.senders.resize(self.batch.len(), place);
        }
        self.send_batch(phase);
        let looked_at = self.phases[phase].len() as u64;
        // From the last one on, so that the places of the others stay true.
        while let Some(place) = self.went_idle.pop() {
            let sender = self.phases[phase].swap_remove(place);
            self.idle.insert(sender.key, sender);
        }
        looked_at
    }

    fn send_batch(&mut self, phase: usize) {
        for (datagram, place) in self.batch.iter().zip(&self.senders) {
            self.phases[phase][*place].send(datagram);
        }
        self.batch.clear();
        self.senders.clear();
    }
}
