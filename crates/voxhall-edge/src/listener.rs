use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::connection::Shared;
use crate::{Error, Identity, Sites};

/// Who sent a request; an extension of every request that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Where it came from.
    pub address: SocketAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// What a client may take up, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections, WebSockets included; more wait in the system's queue.
    pub connections: usize,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// For a whole request head; also how long an idle connection is kept.
    pub head: Duration,
    /// For a whole request with its body, up to the head of its answer.
    pub request: Duration,
    /// Bytes of a request head.
    pub head_bytes: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// How long a client that was answered before it had said all may go on, to be thrown away.
    pub linger: Duration,
    /// How long requests that run at the end may still take.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            request: Duration::from_secs(30),
            head_bytes: 16 * 1024,
            body_bytes: 256 * 1024,
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(2),
        }
    }
}

/// A bound TCP port that serves TLS and plain text alike.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    identity: Identity,
    limits: Limits,
}

impl Listener {
    /// Binds a port; port 0 picks a free one. Connections queue up until [`serve`](Self::serve) is called.
    ///
    /// # Errors
    /// [`Error::PortInUse`], [`Error::Listen`].
    pub async fn bind(address: SocketAddr, identity: &Identity, limits: Limits) -> Result<Self, Error> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse(address),
            _ => Error::Listen { address, source },
        };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self {
            address: socket.local_addr().map_err(failed)?,
            socket,
            identity: identity.clone(),
            limits,
        })
    }

    /// Where it listens; the port is never 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves, then lets requests that are running end, for [`Limits::drain`] at most.
    ///
    /// WebSockets are not part of that: they belong to the router's handlers, which must end them.
    pub async fn serve(self, sites: Sites, stop: impl Future<Output = ()>) {
        let Self {
            socket,
            identity,
            limits,
            ..
        } = self;
        let slots = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let (stopping, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(identity.config),
            limits,
            sites: sites.map(|router| router.layer(DefaultBodyLimit::max(limits.body_bytes))),
            stopped,
        });
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, address, slot) = accept(&socket, &slots) => {
                    connections.spawn(shared.clone().serve(stream, address, slot));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(socket);
        let _ = stopping.send(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain, drained).await.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
    }
}

/// The next connection, once there is a slot for it.
async fn accept(
    socket: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    /// Errors of `accept` other than a lost connection (out of descriptors, of memory) last; do not spin on them.
    const PAUSE: Duration = Duration::from_millis(100);
    let slot = slots
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match socket.accept().await {
            Ok((stream, address)) => return (stream, address, slot),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; raise the limit of open files if it is reached");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
