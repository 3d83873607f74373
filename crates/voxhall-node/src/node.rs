//! The running node: its tasks, its sockets and its place on the switchboard.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::response::Response;
use axum::{Extension, Router};
use rand::TryRngCore;
use rand::rngs::OsRng;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use voxhall_live::NodeRecord;
use voxhall_protocol::voice::{EncryptionMode, VoiceVersion};
use voxhall_sfu::{DtlsIdentity, Event, WorkerHandle, WorkerStats};
use voxhall_switchboard::Switchboard;

use crate::core::{Input, NodeCore, Settings, WorkerIndex};
use crate::drops::{self, Drops};
use crate::follow::Following;
use crate::shared::{Shared, WorkerEvents, spawn_worker};
use crate::{Error, NodeConfig, links, registration};

/// How long draining waits for sockets to close.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a worker that failed is left alone, so that one that fails again and again does not take a whole core.
const REBUILD_PAUSE: Duration = Duration::from_millis(200);

/// A media node: voice-gateway sessions and rooms over SFU workers.
///
/// It stops when [`Node::drain`] is called; dropping it ends its tasks without telling anybody.
pub struct Node {
    config: NodeConfig,
    board: Arc<dyn Switchboard>,
    shared: Arc<Shared>,
    draining: AtomicBool,
    tasks: Mutex<JoinSet<()>>,
    link_writer: Mutex<Option<JoinHandle<()>>>,
}

/// A look at a node's load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Voice-gateway sockets, identified or not.
    pub connections: usize,
    /// Voice sessions, those waiting to be resumed included.
    pub sessions: usize,
    /// Rooms with at least one session.
    pub rooms: usize,
}

impl Node {
    /// Starts the workers, registers the node and follows the switchboard. Needs a Tokio runtime.
    ///
    /// # Errors
    /// A setting that cannot work, a port that is taken, or a switchboard that cannot be reached: see [`Error`].
    pub async fn start(config: NodeConfig, board: Arc<dyn Switchboard>) -> Result<Arc<Self>, Error> {
        config.check()?;
        let (events, worker_events) = mpsc::unbounded_channel();
        let (rebuilds, rebuild_requests) = mpsc::unbounded_channel();
        let (link_changes, links_to_write) = mpsc::unbounded_channel();
        let identity = DtlsIdentity::generate().map_err(Error::Worker)?;
        let workers = spawn_workers(&config, &identity, &events)?;
        let ports: Vec<u16> = workers.iter().map(|worker| worker.local_addr().port()).collect();
        let core = NodeCore::new(settings(&config, &identity), &ports, Box::new(OsRng.unwrap_err()));
        let shared = Arc::new(Shared::new(core, workers, link_changes, rebuilds));

        links::clear(&*board, &config.id).await?;
        let mut following = Following::begin(&*board, &config.id).await?;
        following.catch_up(&shared).await;
        registration::write(&*board, &config.id, &record(&config, NodeStats::default(), false)).await?;
        let link_writer = tokio::spawn(links::write_all(board.clone(), config.id.clone(), links_to_write));
        Ok(Arc::new_cyclic(|node| {
            let mut tasks = JoinSet::new();
            tasks.spawn(following.run(shared.clone()));
            tasks.spawn(keep_time(shared.clone()));
            tasks.spawn(take_worker_events(shared.clone(), worker_events));
            tasks.spawn(tell_drops(shared.clone()));
            tasks.spawn(rebuild_workers(
                shared.clone(),
                config.clone(),
                identity,
                events,
                rebuild_requests,
            ));
            tasks.spawn(keep_registered(node.clone()));
            Self {
                config,
                board,
                shared,
                draining: AtomicBool::new(false),
                tasks: Mutex::new(tasks),
                link_writer: Mutex::new(Some(link_writer)),
            }
        }))
    }

    /// The voice gateway: a WebSocket on every path, because endpoints carry none and clients add what they like.
    /// The version is the query's `v`; a missing or unserved one is answered by close code 4020 after the upgrade,
    /// because that reaches a program where an HTTP status often does not.
    ///
    /// The log names a peer that breaks the rules by axum's `ConnectInfo<SocketAddr>`, if requests carry it.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// The UDP ports of the workers.
    #[must_use]
    pub fn media_ports(&self) -> Vec<u16> {
        self.shared.media_ports()
    }

    /// The node's load now.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        self.shared.stats()
    }

    /// What the workers counted, in the order of [`Self::media_ports`].
    #[must_use]
    pub fn worker_stats(&self) -> Vec<WorkerStats> {
        self.shared.worker_stats()
    }

    /// Ends everything in order: takes nothing new, tells every session (close 1001), cleans the node's records
    /// from the switchboard and stops the workers. Returns when that is done.
    ///
    /// 1001 is what the protocol has for a shutdown: clients try to resume, find nobody, and ask the main Gateway
    /// again, which by then knows another node or is gone itself. 4014 would make discord.py and many discord.js
    /// programs leave for good; 4015 promises a server that comes back.
    pub async fn drain(&self) {
        if self.draining.swap(true, Ordering::Relaxed) {
            return;
        }
        self.register().await;
        let workers = self.shared.drain();
        // Who has not taken its close frame by then will find the connection gone.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, self.shared.all_closed()).await;
        let link_writer = self
            .link_writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(link_writer) = link_writer {
            // It ends when the last link is written; a panic in it is already in the log.
            let _ = link_writer.await;
        }
        if let Err(error) = links::clear(&*self.board, &self.config.id).await {
            tracing::warn!(%error, "the node's links stay on the switchboard");
        }
        if let Err(error) = registration::remove(&*self.board, &self.config.id).await {
            tracing::warn!(%error, "the registration stays until it expires");
        }
        stop_workers(workers).await;
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }

    async fn register(&self) {
        let record = record(&self.config, self.stats(), self.draining.load(Ordering::Relaxed));
        if let Err(error) = registration::write(&*self.board, &self.config.id, &record).await {
            tracing::warn!(%error, "cannot renew the node's registration");
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Node")
            .field("config", &self.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

async fn answer(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
    request: WebSocketUpgrade,
) -> Response {
    // Whatever else clients put there (`encoding`, …) means nothing to the voice gateway.
    let version = query.and_then(|query| {
        Some(
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix("v="))?
                .to_owned(),
        )
    });
    crate::socket::upgrade(
        request,
        node.shared.clone(),
        version,
        address.map(|Extension(ConnectInfo(address))| address),
        node.config.limits.queued_frames,
    )
}

fn settings(config: &NodeConfig, identity: &DtlsIdentity) -> Settings {
    let mut modes = EncryptionMode::CURRENT.to_vec();
    if config.legacy_modes {
        modes.extend(EncryptionMode::ALL.into_iter().filter(|mode| mode.is_legacy()));
    }
    Settings {
        media_addresses: config.media_addresses.clone(),
        media_tcp: config.media_tcp,
        fingerprint: identity.fingerprint(),
        modes,
        oldest_version: if config.legacy_versions {
            VoiceVersion::V1
        } else {
            VoiceVersion::V4
        },
        require_dave: config.require_dave,
        limits: config.limits,
    }
}

fn spawn_workers(
    config: &NodeConfig,
    identity: &DtlsIdentity,
    events: &WorkerEvents,
) -> Result<Vec<WorkerHandle>, Error> {
    (0..config.workers)
        .map(|index| {
            spawn_worker(
                config,
                identity,
                WorkerIndex(index),
                config.worker_port(index),
                events.clone(),
            )
        })
        .collect()
}

async fn stop_workers(workers: Vec<WorkerHandle>) {
    let joined = tokio::task::spawn_blocking(move || {
        workers.iter().for_each(WorkerHandle::shutdown);
        workers.iter().for_each(WorkerHandle::join);
    });
    // Joining a thread does not panic.
    let _ = joined.await;
}

fn record(config: &NodeConfig, stats: NodeStats, draining: bool) -> NodeRecord {
    NodeRecord {
        endpoint: config.endpoint.clone(),
        region: config.region.clone(),
        members: stats.sessions as u64,
        draining,
    }
}

/// Wakes the core when something is due.
async fn keep_time(shared: Arc<Shared>) {
    loop {
        match shared.arm() {
            Some(at) if at <= Instant::now() => shared.handle(Input::Timeout),
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                () = shared.timer_changed.notified() => {}
            },
            None => shared.timer_changed.notified().await,
        }
    }
}

async fn take_worker_events(shared: Arc<Shared>, mut events: mpsc::UnboundedReceiver<(WorkerIndex, Event)>) {
    while let Some((worker, event)) = events.recv().await {
        shared.handle(Input::Worker(worker, event));
    }
}

async fn tell_drops(shared: Arc<Shared>) {
    let mut drops = Drops::default();
    loop {
        tokio::time::sleep(drops::INTERVAL).await;
        drops.tell(&shared.worker_stats());
    }
}

/// Starts workers again that failed, on their old ports, which their clients know.
async fn rebuild_workers(
    shared: Arc<Shared>,
    config: NodeConfig,
    identity: DtlsIdentity,
    events: WorkerEvents,
    mut requests: mpsc::UnboundedReceiver<WorkerIndex>,
) {
    while let Some(index) = requests.recv().await {
        tokio::time::sleep(REBUILD_PAUSE).await;
        let Some(&port) = shared.media_ports().get(index.0) else {
            continue;
        };
        let worker = spawn_worker(&config, &identity, index, port, events.clone());
        if let Err(error) = &worker {
            tracing::error!(worker = index.0, %error, "the media worker cannot be started again; its calls end");
        }
        shared.replace_worker(index, worker.ok());
    }
}

async fn keep_registered(node: Weak<Node>) {
    loop {
        tokio::time::sleep(registration::INTERVAL).await;
        let Some(node) = node.upgrade() else { return };
        if !node.draining.load(Ordering::Relaxed) {
            node.register().await;
        }
    }
}
