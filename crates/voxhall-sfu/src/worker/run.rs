//! The thread's life: bind, start, loop, report the end.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, unbounded};
use rand::RngCore as _;

use super::outgoing::Outgoing;
use super::waker::Waker;
use super::{Instruction, Shared, WorkerHandle};
use crate::core::{Core, Outbox as _};
use crate::socket::{BatchSocket, ReceiveBatch, SendReport};
use crate::stats::SharedStats;
use crate::streams::{StreamEvent, Streams};
use crate::thread_clock::ThreadClock;
use crate::{CoreConfig, Error, Event, WorkerConfig, WorkerFailure};

/// Datagrams taken with one system call at most.
const RECEIVE_BATCH: usize = 64;

/// How long the thread waits for a datagram before it looks at its timers. The shortest interval of the core is of
/// this order, and while media flows, packets come more often than that.
const PATIENCE: Duration = Duration::from_millis(50);

/// How often the system is asked for a port that is free for UDP and TCP alike.
const FREE_PORT_TRIES: u32 = 16;

/// See [`Worker::spawn`](super::Worker::spawn).
pub(super) fn spawn(
    config: WorkerConfig,
    events: impl Fn(Event) + Send + 'static,
) -> Result<WorkerHandle, Error> {
    let (socket, waker, streams) = bind(&config)?;
    let local_addr = socket.local_addr();
    let stats = Arc::new(SharedStats::default());
    let (instructions, queue) = unbounded();
    let name = config.thread_name.clone();
    let (clock, started) = ThreadClock::pair();
    let life = Life {
        socket,
        streams: Cell::new(streams),
        queue,
        waker: Arc::clone(&waker),
        stats: Arc::clone(&stats),
        config,
    };
    let thread = thread::Builder::new()
        .name(name)
        .spawn(move || {
            started.start();
            life.live(&events);
        })
        .map_err(Error::Thread)?;
    let shared = Shared {
        instructions,
        waker,
        stats,
        clock,
        local_addr,
        thread: Mutex::new(Some(thread)),
    };
    Ok(WorkerHandle {
        shared: Arc::new(shared),
    })
}

/// Opens the ports: a UDP socket with its waker and, if TCP is served, a listener on the same number.
fn bind(config: &WorkerConfig) -> Result<(BatchSocket, Arc<Waker>, Option<Streams>), Error> {
    let failed = |source| Error::Bind {
        address: config.bind,
        source,
    };
    let mut tries = if config.bind.port() == 0 {
        FREE_PORT_TRIES
    } else {
        1
    };
    loop {
        let socket = BatchSocket::bind(config.bind, config.socket_buffer).map_err(failed)?;
        socket.set_receive_timeout(Some(PATIENCE)).map_err(failed)?;
        let waker = Arc::new(Waker::new(socket.local_addr()).map_err(failed)?);
        tries -= 1;
        match streams(config, socket.local_addr(), &waker) {
            Ok(streams) => return Ok((socket, waker, streams)),
            Err(error) if tries == 0 => return Err(error),
            // The system knows a free UDP port, but not that it is free for TCP as well.
            Err(_) => {}
        }
    }
}

/// The listener for WebRTC clients over TCP, if there is to be one.
fn streams(
    config: &WorkerConfig,
    local_addr: SocketAddr,
    waker: &Arc<Waker>,
) -> Result<Option<Streams>, Error> {
    if !config.tcp {
        return Ok(None);
    }
    let waker = Arc::clone(waker);
    let streams = Streams::listen(local_addr, &config.thread_name, move || waker.wake());
    streams.map(Some).map_err(|source| Error::BindTcp {
        address: local_addr,
        source,
    })
}

/// What the thread owns.
struct Life {
    socket: BatchSocket,
    /// Until the thread has taken it.
    streams: Cell<Option<Streams>>,
    queue: Receiver<Instruction>,
    waker: Arc<Waker>,
    stats: Arc<SharedStats>,
    config: WorkerConfig,
}

impl Life {
    /// Runs until told to stop. A panic ends the thread, but not without a word: the node gets the reason and how far
    /// the nonces were used.
    fn live(self, events: &impl Fn(Event)) {
        let config = CoreConfig {
            legacy_discovery: self.config.legacy_discovery,
            timing: self.config.timing,
            identity: self.config.identity.clone(),
        };
        let entropy = Box::new(|bytes: &mut [u8]| rand::rng().fill_bytes(bytes));
        let mut core = Core::new(Instant::now(), config, entropy);
        // The core is only asked for its counters afterwards, which are plain numbers.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| self.work(&mut core, events)));
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(WorkerFailure::Socket(error.to_string())),
            Err(panic) => Some(WorkerFailure::Panic(message_of(panic.as_ref()))),
        };
        events(Event::WorkerStopped {
            failure,
            positions: core.positions(),
        });
    }

    fn work(&self, core: &mut Core, events: &impl Fn(Event)) -> io::Result<()> {
        let mut incoming = ReceiveBatch::new(RECEIVE_BATCH);
        let mut outgoing = Outgoing::new(&self.socket, self.streams.take());
        let (mut wakeups, mut patience) = (0, PATIENCE);
        loop {
            let received = self.socket.receive(&mut incoming)?;
            let now = Instant::now();
            // Before the packets: the command that lets one in was queued before its client could send it.
            let stop = self.obey(core, &mut outgoing, now);
            if outgoing.is_impaired() {
                outgoing.locate(core, now);
            }
            let mut sources = Sources::default();
            for (source, datagram) in incoming.datagrams() {
                if source == self.waker.address() {
                    continue;
                }
                if sources.seen_before(source) {
                    outgoing.burst();
                }
                if outgoing.is_impaired() && outgoing.holds(core, source, datagram) {
                    continue;
                }
                core.handle_datagram(now, source, datagram, &mut outgoing);
            }
            while let Some(event) = outgoing.next_stream_event() {
                take_stream_event(core, now, event, &mut outgoing);
            }
            if core.poll_timeout().is_some_and(|due| due <= now) {
                core.handle_timeout(now, &mut outgoing);
            }
            if outgoing.is_impaired() {
                outgoing.deliver(core);
            }
            outgoing.flush();
            while let Some(event) = core.poll_event() {
                events(event);
            }
            wakeups += u64::from(received > 0);
            self.publish(core, wakeups, &outgoing.report());
            if stop {
                return Ok(());
            }
            let wanted = outgoing.patience(PATIENCE);
            if wanted != patience {
                self.socket.set_receive_timeout(Some(wanted))?;
                patience = wanted;
            }
        }
    }

    /// Carries out the commands that wait. True if the thread is to end.
    fn obey(&self, core: &mut Core, outgoing: &mut Outgoing<'_>, now: Instant) -> bool {
        if !self.waker.rearm() {
            return false;
        }
        loop {
            match self.queue.try_recv() {
                Ok(Instruction::Command(command)) => core.handle_command(now, command),
                Ok(Instruction::Impair(impairment)) => outgoing.impair(impairment),
                Ok(Instruction::Crash) => panic!("the worker was told to crash"),
                Ok(Instruction::Shutdown) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    fn publish(&self, core: &Core, wakeups: u64, report: &SendReport) {
        let mut stats = *core.stats();
        stats.sent = report.sent;
        stats.sent_bytes = report.sent_bytes;
        stats.send_failed = report.failed;
        stats.wakeups = wakeups;
        self.stats.publish(&stats);
    }
}

/// Tells the core what a TCP connection brought.
fn take_stream_event(core: &mut Core, now: Instant, event: StreamEvent, outgoing: &mut Outgoing<'_>) {
    match event {
        StreamEvent::Opened { address, peer } => core.open_stream(address, peer),
        StreamEvent::Datagram {
            address, mut bytes, ..
        } => {
            if !(outgoing.is_impaired() && outgoing.holds(core, address, &bytes)) {
                core.handle_datagram(now, address, &mut bytes, outgoing);
            }
        }
        StreamEvent::Closed { address } => core.close_stream(address),
    }
}

/// Where the packets of one batch came from, roughly: what several packets of one speaker become goes to the same
/// listeners and can be gathered.
#[derive(Debug, Default)]
struct Sources {
    /// A bit for each of the ports, modulo their number.
    ports: [u64; 16],
}

impl Sources {
    /// Whether a packet of this source came before in the batch. At times true for a source that is new, which costs
    /// a little sorting.
    #[inline]
    fn seen_before(&mut self, source: SocketAddr) -> bool {
        let port = usize::from(source.port()) % (16 * 64);
        let (word, bit) = (&mut self.ports[port / 64], 1 << (port % 64));
        let seen = *word & bit != 0;
        *word |= bit;
        seen
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
