//! Writes on the switchboard how each member's voice connection stands.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use voxhall_live::{LinkRecord, LinkState, NodeId, Record, key};
use voxhall_protocol::Token;
use voxhall_switchboard::{Error, Expect, Switchboard};

use crate::core::TicketKey;

/// One change of one link.
#[derive(Debug)]
pub(crate) struct LinkChange {
    pub(crate) key: TicketKey,
    pub(crate) token: Token,
    pub(crate) state: LinkState,
}

/// Writes changes in their order until nobody can make any more.
pub(crate) async fn write_all(
    board: Arc<dyn Switchboard>,
    node: NodeId,
    mut changes: mpsc::UnboundedReceiver<LinkChange>,
) {
    while let Some(change) = changes.recv().await {
        let key = key::link(&node, change.key.channel, change.key.user);
        if let Err(error) = write(&*board, &key, change).await {
            // Losing the switchboard stops joins and moves, never a call that runs.
            tracing::warn!(key, %error, "cannot write how a voice connection stands");
        }
    }
}

/// Deletes the links that an earlier process of this node left behind.
pub(crate) async fn remove_stale(board: &dyn Switchboard, node: &NodeId) -> Result<(), Error> {
    for entry in board.list(&format!("link.{}.", node.0)).await? {
        board.delete(&entry.key, Expect::Any).await?;
    }
    Ok(())
}

async fn write(board: &dyn Switchboard, key: &str, change: LinkChange) -> Result<(), Error> {
    let record = LinkRecord {
        token: change.token.into_inner(),
        state: change.state,
    };
    board
        .put(key, Bytes::from(record.encode()), Expect::Any, None)
        .await?;
    // A link that is gone has been told to whoever watches; nothing else needs to be kept of it.
    if change.state == LinkState::Gone {
        board.delete(key, Expect::Any).await?;
    }
    Ok(())
}
