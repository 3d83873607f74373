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
        if let Err(error) = write(&*board, &key, change.token, change.state).await {
            // Losing the switchboard stops joins and moves, never a call that runs.
            tracing::warn!(key, %error, "cannot write how a voice connection stands");
        }
    }
}

/// Tells of the links that an earlier process of this node left behind that they are gone, as they are.
pub(crate) async fn remove_stale(board: &dyn Switchboard, node: &NodeId) -> Result<(), Error> {
    for entry in board.list(&format!("link.{}.", node.0)).await? {
        match LinkRecord::decode(&entry.key, &entry.value) {
            Ok(record) => write(board, &entry.key, record.token.into(), LinkState::Gone).await?,
            Err(error) => {
                tracing::warn!(%error, "deleting a link nobody can read");
                board.delete(&entry.key, Expect::Any).await?;
            }
        }
    }
    Ok(())
}

async fn write(board: &dyn Switchboard, key: &str, token: Token, state: LinkState) -> Result<(), Error> {
    let record = LinkRecord {
        token: token.into_inner(),
        state,
    };
    board
        .put(key, Bytes::from(record.encode()), Expect::Any, None)
        .await?;
    // A link that is gone has been told to whoever watches; nothing else needs to be kept of it.
    if state == LinkState::Gone {
        board.delete(key, Expect::Any).await?;
    }
    Ok(())
}
