use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::LinkKey;
use super::batch::Batch;
use super::counters::{EngineStatistics, count};
use super::feeder::join;
use super::mailbox::Mailbox;
use super::sender::{Sender, Step};
use crate::video::sender::MediaClock;
use crate::video::track::VideoTrack;

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
    clock: MediaClock,
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
    Video(LinkKey, VideoCommand),
    Remove(LinkKey),
    Stop,
}

/// What concerns the video of one sender.
enum VideoCommand {
    /// Show these pictures, or none.
    Show(Option<Arc<VideoTrack>>),
    /// The pictures are wanted in this quality.
    Asked(u8),
    /// There are new pictures.
    Poke,
    /// The server said this about our packets.
    Control(Vec<u8>),
    /// Tell the server this about its packets.
    Feedback(Vec<u8>),
}

/// How the other threads, and what is shown, reach one sender.
#[derive(Clone)]
pub(crate) struct PacingLink {
    mailbox: Arc<Mailbox<Command>>,
    key: LinkKey,
}

impl PacingLink {
    /// There are pictures to be sent.
    pub(crate) fn poke(&self) {
        self.post(VideoCommand::Poke);
    }

    /// Shows these pictures, or none.
    pub(crate) fn show(&self, track: Option<Arc<VideoTrack>>) {
        self.post(VideoCommand::Show(track));
    }

    /// The pictures are wanted in this quality, 0–100.
    pub(crate) fn asked(&self, quality: u8) {
        self.post(VideoCommand::Asked(quality));
    }

    /// Takes in an opened RTCP compound about what we send.
    pub(crate) fn control(&self, compound: Vec<u8>) {
        self.post(VideoCommand::Control(compound));
    }

    /// Sends an RTCP compound.
    pub(crate) fn feedback(&self, compound: Vec<u8>) {
        self.post(VideoCommand::Feedback(compound));
    }

    fn post(&self, command: VideoCommand) {
        self.mailbox.post(Command::Video(self.key, command));
    }
}

impl fmt::Debug for PacingLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PacingLink").field(&self.key).finish()
    }
}

impl Pacer {
    pub(super) fn start() -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let counters = Arc::new(Counters::default());
        let (inbox, numbers) = (Arc::clone(&mailbox), Arc::clone(&counters));
        let clock = MediaClock {
            origin: Instant::now(),
            // A clock before 1970 tells receivers nothing, but harms nobody.
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        let thread = thread::Builder::new()
            .name("voxhall-pace".to_owned())
            .spawn(move || Schedule::new(numbers, clock.origin).run(&inbox))?;
        Ok(Self {
            mailbox,
            counters,
            clock,
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

    /// How to reach the sender of this key.
    pub(super) fn link(&self, key: LinkKey) -> PacingLink {
        PacingLink {
            mailbox: Arc::clone(&self.mailbox),
            key,
        }
    }

    /// The clock of everything that is sent.
    pub(super) const fn clock(&self) -> MediaClock {
        self.clock
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
    /// Those that show pictures: few, so they need not be spread.
    filming: Vec<Filming>,
    batch: Batch,
    /// Whose the datagrams in `batch` are, as places in the slot that runs.
    senders: Vec<usize>,
    /// Places in the slot that runs of those who went idle.
    went_idle: Vec<usize>,
}

/// A sender that shows pictures, and plays sound as well if it has a phase.
struct Filming {
    sender: Sender,
    phase: Option<usize>,
    /// When its pictures want to be looked at.
    due: Option<Instant>,
}

impl Schedule {
    fn new(counters: Arc<Counters>, started: Instant) -> Self {
        Self {
            counters,
            started,
            slot: 0,
            phases: Default::default(),
            idle: HashMap::new(),
            filming: Vec::new(),
            batch: Batch::new(),
            senders: Vec::new(),
            went_idle: Vec::new(),
        }
    }

    fn run(&mut self, inbox: &Mailbox<Command>) {
        let mut commands = Vec::new();
        loop {
            inbox.take(self.next_due(), &mut commands);
            // Nothing was due while nobody played.
            if self.phases.iter().all(Vec::is_empty) && self.filming.iter().all(|film| film.phase.is_none()) {
                self.slot = self.slot_at(Instant::now());
            }
            for command in commands.drain(..) {
                match command {
                    Command::Insert(sender) => self.insert(*sender),
                    Command::Resume(key) => self.resume(key),
                    Command::Video(key, command) => self.video(key, command),
                    Command::Remove(key) => drop(self.remove(key)),
                    Command::Stop => return,
                }
            }
            self.run_due(Instant::now());
            self.film_due(Instant::now());
        }
    }

    fn insert(&mut self, sender: Sender) {
        self.remove(sender.key);
        self.idle.insert(sender.key, sender);
    }

    fn resume(&mut self, key: LinkKey) {
        let emptiest = self.emptiest_phase();
        if let Some(film) = self.filming.iter_mut().find(|film| film.sender.key == key) {
            film.phase.get_or_insert(emptiest);
        } else if let Some(sender) = self.idle.remove(&key) {
            self.phases[emptiest].push(sender);
        }
    }

    /// Of several empty phases the one that is due soonest, so that a first packet does not wait for its turn.
    fn emptiest_phase(&self) -> usize {
        let soonest_first = (self.slot..self.slot + PHASES).map(|slot| (slot % PHASES) as usize);
        soonest_first
            .min_by_key(|&phase| self.phases[phase].len())
            .unwrap_or(0)
    }

    fn remove(&mut self, key: LinkKey) -> Option<Sender> {
        if let Some(sender) = self.idle.remove(&key) {
            return Some(sender);
        }
        if let Some(at) = self.filming.iter().position(|film| film.sender.key == key) {
            return Some(self.filming.swap_remove(at).sender);
        }
        self.phases.iter_mut().find_map(|phase| {
            let at = phase.iter().position(|sender| sender.key == key)?;
            Some(phase.swap_remove(at))
        })
    }

    /// Where a sender is, whatever it does.
    fn find(&mut self, key: LinkKey) -> Option<&mut Sender> {
        let filming = self.filming.iter_mut().map(|film| &mut film.sender);
        let playing = self.phases.iter_mut().flatten();
        let mut others = filming.chain(playing);
        match self.idle.get_mut(&key) {
            Some(sender) => Some(sender),
            None => others.find(|sender| sender.key == key),
        }
    }

    fn video(&mut self, key: LinkKey, command: VideoCommand) {
        let now = Instant::now();
        match command {
            VideoCommand::Show(track) => self.show(key, track),
            VideoCommand::Feedback(compound) => {
                if let Some(sender) = self.find(key) {
                    sender.feedback(&compound);
                }
            }
            VideoCommand::Asked(quality) => {
                if let Some(video) = self.find(key).and_then(Sender::video) {
                    video.asked(quality);
                }
                self.look_again(key, now);
            }
            VideoCommand::Control(compound) => {
                if let Some(video) = self.find(key).and_then(Sender::video) {
                    video.control(now, &compound);
                }
                self.look_again(key, now);
            }
            VideoCommand::Poke => self.look_again(key, now),
        }
    }

    /// Has the pictures of a sender looked at now.
    fn look_again(&mut self, key: LinkKey, now: Instant) {
        if let Some(film) = self.filming.iter_mut().find(|film| film.sender.key == key) {
            film.due = Some(now);
        }
    }

    /// Moves a sender to those that show pictures, or back.
    fn show(&mut self, key: LinkKey, track: Option<Arc<VideoTrack>>) {
        let is_playing = self
            .phases
            .iter()
            .position(|phase| phase.iter().any(|sender| sender.key == key));
        let was_filming = self.filming.iter().find(|film| film.sender.key == key);
        let phase = is_playing.or(was_filming.and_then(|film| film.phase));
        let Some(mut sender) = self.remove(key) else {
            return;
        };
        let shows = track.is_some() && sender.video().is_some();
        if let Some(video) = sender.video() {
            video.show(track);
        }
        match phase {
            _ if shows => self.filming.push(Filming {
                sender,
                phase,
                due: Some(Instant::now()),
            }),
            Some(phase) => self.phases[phase].push(sender),
            None => drop(self.idle.insert(key, sender)),
        }
    }

    /// The slot that `now` falls into.
    fn slot_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn time_of(&self, slot: u64) -> Instant {
        self.started + Duration::from_millis(slot)
    }

    /// When the next slot with somebody in it, or a picture, is due.
    fn next_due(&self) -> Option<Instant> {
        let is_played = |phase: usize| {
            !self.phases[phase].is_empty() || self.filming.iter().any(|film| film.phase == Some(phase))
        };
        let sound = (self.slot..self.slot + PHASES)
            .find(|slot| is_played((slot % PHASES) as usize))
            .map(|slot| self.time_of(slot));
        let pictures = self.filming.iter().filter_map(|film| film.due).min();
        [sound, pictures].into_iter().flatten().min()
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
        looked_at + self.play_of_filming(tick, phase)
    }

    /// Plays the sound of those that show pictures.
    fn play_of_filming(&mut self, tick: u64, phase: usize) -> u64 {
        let mut looked_at = 0;
        for film in self.filming.iter_mut().filter(|film| film.phase == Some(phase)) {
            looked_at += 1;
            if film.sender.tick(tick, &mut self.batch) == Step::Idle {
                film.phase = None;
            }
            self.batch.iter().for_each(|datagram| film.sender.send(datagram));
            self.batch.clear();
        }
        looked_at
    }

    /// Sends the pictures that are due.
    fn film_due(&mut self, now: Instant) {
        for film in self
            .filming
            .iter_mut()
            .filter(|film| film.due.is_some_and(|due| due <= now))
        {
            film.due = film.sender.film(now, &mut self.batch);
            self.batch.iter().for_each(|datagram| film.sender.send(datagram));
            self.batch.clear();
        }
    }

    fn send_batch(&mut self, phase: usize) {
        for (datagram, place) in self.batch.iter().zip(&self.senders) {
            self.phases[phase][*place].send(datagram);
        }
        self.batch.clear();
        self.senders.clear();
    }
}
