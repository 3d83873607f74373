//! The server of a benchmark: the media node as `serve` runs it, with its tickets written in advance.
//!
//! It runs in a process of its own, so that the kernel's counters tell the server's share from the load generator's.
//! The control plane has no part in a running call; `bench connect` measures it with a whole server.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use voxhall_edge::{Limits, Listener, LocalAuthority, Sites};
use voxhall_live::{NodeId, Record as _, key};
use voxhall_node::{Node, NodeConfig};
use voxhall_switchboard::{Expect, MemorySwitchboard, Switchboard};

use super::process::Peer;
use super::world::Member;

/// What the server is to hold ready.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Rooms with tickets.
    #[arg(long)]
    pub rooms: u32,
    /// Tickets in each room.
    #[arg(long)]
    pub members: u32,
    /// SFU workers.
    #[arg(long)]
    pub workers: usize,
    /// Folder for the certificate authority.
    #[arg(long)]
    pub state: PathBuf,
}

/// Where the server is to be found; the one line it prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// `host:port` of the voice gateway.
    pub voice: String,
    /// The certificate that vouches for it.
    pub ca: PathBuf,
}

impl Args {
    /// Starts the server as a child process.
    pub fn start(&self) -> Result<(Peer, Address)> {
        let arguments = [
            "bench".to_owned(),
            "node".to_owned(),
            format!("--rooms={}", self.rooms),
            format!("--members={}", self.members),
            format!("--workers={}", self.workers),
            format!("--state={}", self.state.display()),
        ];
        let mut peer = Peer::start(&arguments)?;
        let address = peer.read()?;
        Ok((peer, address))
    }

    /// Runs the server until standard input is closed.
    pub async fn run(&self) -> Result<()> {
        let now = SystemTime::now();
        let authority = LocalAuthority::open(&self.state, now)?;
        let identity = authority.identity(&["127.0.0.1".to_owned()], now)?;
        let limits = Limits {
            connections: usize::MAX >> 4,
            ..Limits::default()
        };
        let listener = Listener::bind("127.0.0.1:0".parse()?, &identity, limits).await?;
        let voice = listener.address().to_string();

        let board: Arc<dyn Switchboard> = Arc::new(MemorySwitchboard::new());
        let config = NodeConfig {
            workers: self.workers,
            ..NodeConfig::new(NodeId("bench".into()), &voice)
        };
        self.write_tickets(&*board, &config.id, &voice).await?;
        let node = Node::start(config, board).await?;

        println!(
            "{}",
            serde_json::to_string(&Address {
                voice,
                ca: authority.certificate_file()
            })?
        );
        listener.serve(Sites::new(node.router()), input_closed()).await;
        node.drain().await;
        Ok(())
    }

    async fn write_tickets(&self, board: &dyn Switchboard, node: &NodeId, endpoint: &str) -> Result<()> {
        for member in Member::all(self.rooms, self.members) {
            if member.index == 0 {
                let call = member.call(node, endpoint).encode();
                board
                    .put(&key::call(member.channel()), call.into(), Expect::Any, None)
                    .await?;
            }
            let ticket = member.ticket(endpoint).encode();
            let name = key::ticket(node, member.channel(), member.user());
            board.put(&name, ticket.into(), Expect::Any, None).await?;
        }
        Ok(())
    }
}

/// Ends when the parent has closed our standard input, or is gone.
async fn input_closed() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error on reading means the same as the end: nobody is there any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = tell.send(());
    });
    let _ = told.await;
}
