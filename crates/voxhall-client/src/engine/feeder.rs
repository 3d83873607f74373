use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::mailbox::Mailbox;

/// Reads a track ahead; false when there is nothing more to read.
pub(super) type Feed = Box<dyn FnMut() -> bool + Send>;
/// How often tracks are read ahead: a third of what is kept ready.
const PERIOD: Duration = Duration::from_millis(100);

/// No more feeding threads than this, on however many cores.
const MAX_THREADS: usize = 4;

/// The threads that read tracks ahead: files, encoders, whatever takes longer than the pacing thread can wait.
#[derive(Debug)]
pub(super) struct Feeders {
    threads: Vec<Feeder>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Feeder {
    mailbox: Arc<Mailbox<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Command {
    Feed(Feed),
    Stop,
}

impl Feeders {
    pub(super) fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores.min(MAX_THREADS))
            .map(|_| {
                let mailbox = Arc::new(Mailbox::default());
                let inbox = Arc::clone(&mailbox);
                let thread = thread::Builder::new()
                    .name("voxhall-feed".to_owned())
                    .spawn(move || run(&inbox))?;
                Ok(Feeder {
                    mailbox,
                    thread: Mutex::new(Some(thread)),
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            threads,
            next: AtomicUsize::new(0),
        })
    }

    pub(super) fn add(&self, track: Feed) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        self.threads[next].mailbox.post(Command::Feed(track));
    }
}

impl Drop for Feeders {
    fn drop(&mut self) {
        for feeder in &self.threads {
            feeder.mailbox.post(Command::Stop);
        }
        for feeder in &self.threads {
            join(feeder.thread.lock().take());
        }
    }
}

/// Waits for a thread's end, unless this is that very thread: the last owner of an engine may be a track it holds.
pub(super) fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
        && thread.join().is_err()
    {
        tracing::error!("a media thread has panicked");
    }
}

fn run(inbox: &Mailbox<Command>) {
    let mut tracks: Vec<Feed> = Vec::new();
    let mut commands = Vec::new();
    let mut due = None;
    loop {
        inbox.take(due, &mut commands);
        for command in commands.drain(..) {
            match command {
                Command::Stop => return,
                // A new track is read at once, so that it can begin.
                Command::Feed(mut track) => {
                    if track() {
                        tracks.push(track);
                    }
                }
            }
        }
        let now = Instant::now();
        if due.is_none_or(|due| due <= now) {
            tracks.retain_mut(|track| track());
            due = Some(now + PERIOD);
        }
        if tracks.is_empty() {
            due = None;
        }
    }
}
