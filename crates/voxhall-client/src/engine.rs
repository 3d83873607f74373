//! The media engine: one thread paces what all connections of the process send, one receives for all of them, and a
//! few read tracks ahead. Their number does not grow with the number of connections.
//!
//! While media flow, nothing but these threads runs: no task is woken and no message is sent per packet. Control
//! changes (a track begins, a connection comes or goes) are handed over in mailboxes.

mod batch;
mod counters;
mod feeder;
mod link;
mod mailbox;
mod pacer;
mod receiver;
mod sender;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

pub use counters::{EngineStatistics, LinkStatistics};
pub(crate) use counters::{LinkCounters, count};
pub(crate) use link::{Link, LinkEvents, LinkShared};
pub(crate) use pacer::PacingLink;

use crate::Error;
use crate::track::Track;
use crate::video::track::VideoTrack;

/// The threads that carry media. Clones share them; they end with the last clone and the last connection.
#[derive(Debug, Clone)]
pub struct MediaEngine(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    pacer: pacer::Pacer,
    receiver: receiver::Receiver,
    feeders: feeder::Feeders,
    next_key: AtomicU64,
}

/// Names one link of the engine; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LinkKey(u64);

static SHARED: Mutex<Weak<Threads>> = Mutex::new(Weak::new());

impl MediaEngine {
    /// The engine of this process, started if it does not run.
    ///
    /// # Errors
    /// [`Error::System`] if the threads cannot be started.
    pub fn shared() -> Result<Self, Error> {
        let mut shared = SHARED.lock();
        if let Some(threads) = shared.upgrade() {
            return Ok(Self(threads));
        }
        let engine = Self::start()?;
        *shared = Arc::downgrade(&engine.0);
        Ok(engine)
    }

    /// An engine of its own, for a program that wants to keep connections apart.
    ///
    /// # Errors
    /// [`Error::System`] if the threads cannot be started.
    pub fn start() -> Result<Self, Error> {
        Self::start_threads().map_err(Error::System)
    }

    fn start_threads() -> io::Result<Self> {
        Ok(Self(Arc::new(Threads {
            pacer: pacer::Pacer::start()?,
            receiver: receiver::Receiver::start_thread()?,
            feeders: feeder::Feeders::start()?,
            next_key: AtomicU64::new(0),
        })))
    }

    /// What the engine has done so far.
    #[must_use]
    pub fn statistics(&self) -> EngineStatistics {
        self.0.pacer.statistics()
    }

    /// Has a track read ahead until it is over.
    pub(crate) fn feed(&self, track: &Arc<Track>) {
        let track = Arc::clone(track);
        self.0.feeders.add(Box::new(move || track.feed()));
    }

    /// Has pictures read ahead until they are over.
    pub(crate) fn feed_video(&self, track: &Arc<VideoTrack>) {
        let track = Arc::clone(track);
        self.0.feeders.add(Box::new(move || track.feed()));
    }

    /// Has the receiving thread notice new listeners.
    pub(crate) fn listeners_changed(&self) {
        self.0.receiver.rescan();
    }

    fn next_key(&self) -> LinkKey {
        LinkKey(self.0.next_key.fetch_add(1, Ordering::Relaxed))
    }
}
