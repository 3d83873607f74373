//! The thread that drives a core: one UDP socket, batched both ways, and a queue of commands.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::impairment::Impairment;
use crate::stats::SharedStats;
use crate::thread_clock::ThreadClock;
use crate::{Command, Error, Event, WorkerConfig, WorkerStats};

mod outgoing;
mod run;
mod waker;

use waker::Waker;

/// Starts workers.
#[derive(Debug)]
pub struct Worker;

impl Worker {
    /// Binds the socket and starts the thread. `events` is called on that thread, between packets: it must not block.
    /// The last event is always [`Event::WorkerStopped`].
    ///
    /// # Errors
    /// The address cannot be bound, or no thread can be started.
    pub fn spawn(
        config: WorkerConfig,
        events: impl Fn(Event) + Send + 'static,
    ) -> Result<WorkerHandle, Error> {
        run::spawn(config, events)
    }
}

/// The node's end of a worker. Clones speak to the same worker, which stops when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    instructions: Sender<Instruction>,
    waker: Arc<Waker>,
    stats: Arc<SharedStats>,
    clock: ThreadClock,
    local_addr: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What travels to the thread.
#[derive(Debug)]
enum Instruction {
    Command(Command),
    Impair(Impairment),
    Crash,
    Shutdown,
}

impl WorkerHandle {
    /// Queues a command and wakes the worker. Never blocks.
    ///
    /// # Errors
    /// The worker has stopped.
    pub fn send(&self, command: Command) -> Result<(), Error> {
        self.instruct(Instruction::Command(command))
    }

    /// Sets a fault on the way of a member's datagrams, or ends it; for those who test what a bad network does. One for
    /// an unknown member is ignored, and a member that leaves takes its faults along.
    ///
    /// # Errors
    /// The worker has stopped.
    pub fn impair(&self, impairment: Impairment) -> Result<(), Error> {
        self.instruct(Instruction::Impair(impairment))
    }

    /// Makes the thread panic, as a bug would; for those who test what follows from that.
    ///
    /// # Errors
    /// The worker has stopped.
    pub fn crash(&self) -> Result<(), Error> {
        self.instruct(Instruction::Crash)
    }

    /// Where the socket is bound, the port filled in.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr
    }

    /// What the worker counted until its last wake-up.
    #[must_use]
    pub fn stats(&self) -> WorkerStats {
        self.shared.stats.read()
    }

    /// CPU time the thread used until now; `None` if it ended or the system does not tell.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        self.shared.clock.read()
    }

    /// Whether the thread still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Asks the thread to end after the commands queued so far. Returns at once; does nothing if it has ended.
    pub fn shutdown(&self) {
        // A worker that has stopped is what was asked for.
        let _ = self.instruct(Instruction::Shutdown);
    }

    /// Waits until the thread has ended, which it does after [`WorkerHandle::shutdown`].
    pub fn join(&self) {
        let thread = self
            .shared
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread catches panics of the core and reports them in its last event.
            let _ = thread.join();
        }
    }

    fn instruct(&self, instruction: Instruction) -> Result<(), Error> {
        self.shared
            .instructions
            .send(instruction)
            .map_err(|_| Error::Stopped)?;
        self.shared.waker.wake();
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Nobody can give commands any more. The channel closes with this struct, after this; so say it.
        let _ = self.instructions.send(Instruction::Shutdown);
        self.waker.wake();
    }
}
