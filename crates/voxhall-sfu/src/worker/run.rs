//! The thread's life: bind, start, loop, report the end.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, unbounded};

use super::waker::Waker;
use super::{Instruction, Shared, WorkerHandle};
use crate::stats::SharedStats;
use crate::{Error, Event, WorkerConfig};

/// See [`Worker::spawn`](super::Worker::spawn).
pub(super) fn spawn(
    config: WorkerConfig,
    events: impl Fn(Event) + Send + 'static,
) -> Result<WorkerHandle, Error> {
    let bind = |source| Error::Bind {
        address: config.bind,
        source,
    };
    let socket = UdpSocket::bind(config.bind).map_err(bind)?;
    let local_addr = socket.local_addr().map_err(bind)?;
    let waker = Arc::new(Waker::new(local_addr).map_err(bind)?);
    let stats = Arc::new(SharedStats::default());
    let (instructions, queue) = unbounded();
    let thread = thread::Builder::new()
        .name(config.thread_name.clone())
        .spawn(move || run(&queue, &events))
        .map_err(Error::Thread)?;
    let shared = Shared {
        instructions,
        waker,
        stats,
        local_addr,
        thread: Mutex::new(Some(thread)),
    };
    Ok(WorkerHandle {
        shared: Arc::new(shared),
    })
}

fn run(queue: &Receiver<Instruction>, events: &impl Fn(Event)) {
    while let Ok(Instruction::Command(_)) = queue.recv() {}
    events(Event::WorkerStopped {
        failure: None,
        nonces: Vec::new(),
    });
}
