//! A cable between a client and a server that can be cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Leads TCP connections to a server. Bytes go through as they are, TLS or not.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    /// Counts the cuts; a connection lives as long as the count does not change.
    cuts: watch::Sender<usize>,
    /// Connections made so far.
    connections: AtomicUsize,
    /// The first connection ends after the server has spoken this often.
    first_breaks_after: usize,
}

impl Cable {
    /// Leads to `target`.
    ///
    /// # Errors
    /// No port can be opened here.
    pub async fn to(target: &str) -> Result<Self> {
        Self::breaking_after(target, usize::MAX).await
    }

    /// Leads to `target`; the first connection breaks once the server has spoken `reads` times on it.
    ///
    /// # Errors
    /// No port can be opened here.
    pub async fn breaking_after(target: &str, reads: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            cuts: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            first_breaks_after: reads,
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Where clients dial.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Breaks every connection there is; new ones are led on.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let first = shared.connections.fetch_add(1, Ordering::Relaxed) == 0;
        let reads = if first {
            shared.first_breaks_after
        } else {
            usize::MAX
        };
        let mut cuts = shared.cuts.subscribe();
        let target = shared.target.clone();
        tokio::spawn(async move {
            tokio::select! {
                // Either side may end it; both see the end, which is all there is to tell.
                _ = lead(client, &target, reads) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn lead(client: TcpStream, target: &str, reads: usize) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        for _ in 0..reads {
            match from_server.read(&mut buffer).await? {
                0 => return Ok(()),
                length => to_client.write_all(&buffer[..length]).await?,
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}
