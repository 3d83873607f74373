//! The running node: its tasks, its sockets and its place on the switchboard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use tokio::task::JoinHandle;
use voxhall_live::NodeRecord;
use voxhall_switchboard::Switchboard;

use crate::{Error, NodeConfig, registration};

/// A media node: voice-gateway sessions and rooms over SFU workers.
pub struct Node {
    config: NodeConfig,
    board: Arc<dyn Switchboard>,
    draining: AtomicBool,
    registration: JoinHandle<()>,
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
    /// Starts the workers, registers the node and follows the switchboard.
    ///
    /// # Errors
    /// A setting that cannot work, or a switchboard that cannot be reached: see [`Error`].
    pub async fn start(config: NodeConfig, board: Arc<dyn Switchboard>) -> Result<Arc<Self>, Error> {
        config.check()?;
        registration::write(&*board, &config.id, &record(&config, NodeStats::default(), false)).await?;
        Ok(Arc::new_cyclic(|node: &std::sync::Weak<Self>| Self {
            registration: tokio::spawn(keep_registered(node.clone())),
            config,
            board,
            draining: AtomicBool::new(false),
        }))
    }

    /// The voice gateway: a WebSocket on every path, because endpoints carry none and clients add what they like.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
    }

    /// The UDP ports of the workers.
    #[must_use]
    pub fn media_ports(&self) -> Vec<u16> {
        (0..self.config.workers)
            .map(|index| self.config.worker_port(index))
            .collect()
    }

    /// The node's load now.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        NodeStats::default()
    }

    /// Ends everything in order: takes nothing new, tells every session (close 1001), cleans the node's records
    /// from the switchboard and stops the workers. Returns when that is done.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.registration.abort();
        if let Err(error) = registration::remove(&*self.board, &self.config.id).await {
            tracing::warn!(%error, "the registration stays until it expires");
        }
    }

    async fn register(&self) {
        let record = record(&self.config, self.stats(), self.draining.load(Ordering::Relaxed));
        if let Err(error) = registration::write(&*self.board, &self.config.id, &record).await {
            tracing::warn!(%error, "cannot renew the node's registration");
        }
    }
}

fn record(config: &NodeConfig, stats: NodeStats, draining: bool) -> NodeRecord {
    NodeRecord {
        endpoint: config.endpoint.clone(),
        region: config.region.clone(),
        members: stats.sessions as u64,
        draining,
    }
}

async fn keep_registered(node: std::sync::Weak<Node>) {
    loop {
        tokio::time::sleep(registration::INTERVAL).await;
        let Some(node) = node.upgrade() else { return };
        node.register().await;
    }
}
