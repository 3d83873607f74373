//! The core behind its lock, with what its outputs go to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc, oneshot};
use voxhall_protocol::voice::{VoiceCloseCode, WireFrame};
use voxhall_sfu::{DtlsIdentity, Event, Worker, WorkerConfig, WorkerHandle, WorkerStats};

use crate::core::{ConnectionId, Input, NodeCore, Output, TicketKey, WorkerIndex};
use crate::links::LinkChange;
use crate::{Error, NodeConfig, NodeStats};

/// What a socket's task is told.
#[derive(Debug)]
pub(crate) enum ToSocket {
    /// Send this.
    Frame(WireFrame),
    /// Close, and end.
    Close {
        /// Why, for the program at the other end.
        code: VoiceCloseCode,
        /// Why, for the human there.
        reason: Cow<'static, str>,
        /// Whose session it carried, if any; for the log.
        who: Option<TicketKey>,
    },
    /// End without a word.
    Cut,
}

/// The way to a socket's task.
struct ToTask {
    queue: mpsc::Sender<ToSocket>,
    /// How the socket is to end, where the queue has no room for it.
    last_word: oneshot::Sender<ToSocket>,
}

/// Events of the workers, on their way from the workers' threads.
pub(crate) type WorkerEvents = mpsc::UnboundedSender<(WorkerIndex, Event)>;

/// The state of a node, one short critical section at a time.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The next timeout has become earlier than the timer task knows.
    pub(crate) timer_changed: Notify,
    /// The last socket is gone.
    all_closed: Notify,
}

struct State {
    core: NodeCore,
    workers: Vec<WorkerHandle>,
    /// Where frames for each socket go, as long as there may be any.
    sockets: HashMap<ConnectionId, ToTask>,
    /// Sockets whose task runs, those included that only wait for the client to take the close frame.
    open_sockets: usize,
    links: Option<mpsc::UnboundedSender<LinkChange>>,
    rebuilds: mpsc::UnboundedSender<WorkerIndex>,
    next_connection: u64,
    /// What the timer task waits for.
    armed: Option<Instant>,
}

impl Shared {
    pub(crate) fn new(
        core: NodeCore,
        workers: Vec<WorkerHandle>,
        links: mpsc::UnboundedSender<LinkChange>,
        rebuilds: mpsc::UnboundedSender<WorkerIndex>,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                core,
                workers,
                sockets: HashMap::new(),
                open_sockets: 0,
                links: Some(links),
                rebuilds,
                next_connection: 1,
                armed: None,
            }),
            timer_changed: Notify::new(),
            all_closed: Notify::new(),
        }
    }

    /// Opens a socket for as long as the returned value lives.
    pub(crate) fn open(self: &Arc<Self>, version: Option<&str>, queue: usize) -> OpenSocket {
        let (queue, outgoing) = mpsc::channel(queue);
        let (last_word, end) = oneshot::channel();
        let connection = self.with(|state| {
            let connection = ConnectionId(state.next_connection);
            state.next_connection += 1;
            state.open_sockets += 1;
            state.sockets.insert(connection, ToTask { queue, last_word });
            state.handle(Input::Opened { connection, version });
            connection
        });
        OpenSocket {
            shared: self.clone(),
            connection,
            outgoing,
            end,
        }
    }

    /// Takes in what happened.
    pub(crate) fn handle(&self, input: Input<'_>) {
        self.with(|state| state.handle(input));
    }

    /// Puts a new worker in the place of a failed one, or gives the place up.
    pub(crate) fn replace_worker(&self, index: WorkerIndex, replacement: Option<WorkerHandle>) {
        self.with(|state| {
            let input = match (replacement, state.workers.get_mut(index.0)) {
                (Some(worker), Some(place)) => {
                    *place = worker;
                    Input::WorkerRebuilt(index)
                }
                _ => Input::WorkerLost(index),
            };
            state.handle(input);
        });
    }

    /// When the timer task has to come back.
    pub(crate) fn arm(&self) -> Option<Instant> {
        let mut state = self.lock();
        state.armed = state.core.next_timeout();
        state.armed
    }

    pub(crate) fn stats(&self) -> NodeStats {
        self.lock().core.stats()
    }

    pub(crate) fn media_ports(&self) -> Vec<u16> {
        self.lock()
            .workers
            .iter()
            .map(|worker| worker.local_addr().port())
            .collect()
    }

    pub(crate) fn worker_stats(&self) -> Vec<WorkerStats> {
        self.lock().workers.iter().map(WorkerHandle::stats).collect()
    }

    /// Ends every session; after this no link is written any more.
    pub(crate) fn drain(&self) -> Vec<WorkerHandle> {
        self.with(|state| state.handle(Input::Drain));
        let mut state = self.lock();
        state.links = None;
        state.workers.clone()
    }

    /// Waits until every socket is gone.
    pub(crate) async fn all_closed(&self) {
        while self.lock().open_sockets > 0 {
            self.all_closed.notified().await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        state.carry_out();
        let next = state.core.next_timeout();
        if next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            self.timer_changed.notify_one();
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The core does not panic on input; if it ever did, the sessions of others are worth going on for.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that is open, as its task sees it.
pub(crate) struct OpenSocket {
    shared: Arc<Shared>,
    connection: ConnectionId,
    /// What the client is to be told; closed when it takes its frames too slowly.
    pub(crate) outgoing: mpsc::Receiver<ToSocket>,
    end: oneshot::Receiver<ToSocket>,
}

impl OpenSocket {
    /// A text frame came.
    pub(crate) fn text(&self, text: &str) {
        let connection = self.connection;
        self.shared.handle(Input::Text { connection, text });
    }

    /// A binary frame came.
    pub(crate) fn binary(&self, bytes: &[u8]) {
        let connection = self.connection;
        self.shared.handle(Input::Binary { connection, bytes });
    }

    /// How the socket is to end, if its queue had no room for that.
    pub(crate) fn last_word(&mut self) -> Option<ToSocket> {
        self.end.try_recv().ok()
    }

    /// Nothing more comes from the client; `goodbye` if it closed with 1000.
    pub(crate) fn closed(&self, goodbye: bool) {
        let connection = self.connection;
        self.shared.with(|state| {
            state.sockets.remove(&connection);
            state.handle(Input::Closed { connection, goodbye });
        });
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        // The core ignores what it knows already; a task that was cut short has not told it.
        self.closed(false);
        let mut state = self.shared.lock();
        state.open_sockets -= 1;
        if state.open_sockets == 0 {
            self.shared.all_closed.notify_one();
        }
    }
}

impl State {
    fn handle(&mut self, input: Input<'_>) {
        self.core.handle(Instant::now(), input);
    }

    /// Does what the core asks for. Every queue this feeds is either unbounded or gives up at once.
    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Send { connection, frame } => self.post(connection, ToSocket::Frame(frame)),
                Output::Close {
                    connection,
                    code,
                    reason,
                    who,
                } => {
                    self.post(connection, ToSocket::Close { code, reason, who });
                }
                Output::Cut(connection) => self.post(connection, ToSocket::Cut),
                Output::Impair(index, impairment) => {
                    // As for commands.
                    let _ = self.workers[index.0].impair(impairment);
                }
                Output::CrashWorker(index) => {
                    // One that has stopped need not crash.
                    let _ = self.workers[index.0].crash();
                }
                Output::Command(index, command) => {
                    // A worker that has stopped says so in its last event; it is rebuilt from what the core knows.
                    let _ = self.workers[index.0].send(*command);
                }
                Output::RebuildWorker(index) => {
                    // The task at the other end lives as long as the node.
                    let _ = self.rebuilds.send(index);
                }
                Output::Link { key, link } => self.link(LinkChange::Write { key, link }),
                Output::LinkDeleted(key) => self.link(LinkChange::Delete { key }),
            }
        }
    }

    fn link(&self, change: LinkChange) {
        if let Some(links) = &self.links {
            // The writer ends only after this end is dropped.
            let _ = links.send(change);
        }
    }

    /// A socket that does not take its frames in time is dropped: its client can resume, unless the core ends the socket
    /// for another reason.
    fn post(&mut self, connection: ConnectionId, what: ToSocket) {
        let Some(socket) = self.sockets.get(&connection) else {
            return;
        };
        let Err(refused) = socket.queue.try_send(what) else {
            return;
        };
        tracing::debug!(?connection, "a client reads too slowly or is gone");
        if let (what @ (ToSocket::Close { .. } | ToSocket::Cut), Some(socket)) =
            (refused.into_inner(), self.sockets.remove(&connection))
        {
            // A task that has ended needs no last word; one that has not looks for it once the queue is closed.
            let _ = socket.last_word.send(what);
        }
        self.core.handle(
            Instant::now(),
            Input::Closed {
                connection,
                goodbye: false,
            },
        );
    }
}

/// Starts worker `index` on `port`.
pub(crate) fn spawn_worker(
    config: &NodeConfig,
    identity: &DtlsIdentity,
    index: WorkerIndex,
    port: u16,
    events: WorkerEvents,
) -> Result<WorkerHandle, Error> {
    let worker = WorkerConfig {
        legacy_discovery: config.legacy_modes,
        identity: Some(identity.clone()),
        tcp: config.media_tcp,
        thread_name: format!("sfu-{}", index.0),
        ..WorkerConfig::new(SocketAddr::new(config.media_bind, port))
    };
    // Nobody listens any more when the node is gone, and then nobody needs to.
    Worker::spawn(worker, move |event| drop(events.send((index, event)))).map_err(Error::Worker)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use voxhall_protocol::sdp::Fingerprint;
    use voxhall_protocol::voice::{EncryptionMode, VoiceVersion};

    use super::*;
    use crate::Limits;
    use crate::core::Settings;

    #[tokio::test]
    async fn why_a_socket_is_closed_is_told_though_its_queue_is_full() {
        let core = NodeCore::new(settings(), &[], Box::new(StdRng::seed_from_u64(1)));
        let (links, _written) = mpsc::unbounded_channel();
        let (rebuilds, _asked) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(core, Vec::new(), links, rebuilds));
        // Hello fills the queue.
        let mut open = shared.open(Some("8"), 1);
        assert!(open.last_word().is_none());
        shared.drain();
        assert!(matches!(open.outgoing.recv().await, Some(ToSocket::Frame(_))));
        assert!(open.outgoing.recv().await.is_none());
        let end = open.last_word();
        assert!(
            matches!(
                end,
                Some(ToSocket::Close {
                    code: VoiceCloseCode::GoingAway,
                    ..
                })
            ),
            "{end:?}"
        );
    }

    fn settings() -> Settings {
        Settings {
            media_addresses: Vec::new(),
            media_tcp: false,
            fingerprint: Fingerprint([0; 32]),
            modes: EncryptionMode::CURRENT.to_vec(),
            oldest_version: VoiceVersion::V1,
            require_dave: false,
            limits: Limits::default(),
        }
    }
}
