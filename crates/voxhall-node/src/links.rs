//! Writes on the switchboard how each member's voice connection stands.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use voxhall_live::{LinkRecord, LinkState, NodeId, Record, key};
use voxhall_switchboard::{Error, Expect, Switchboard};

use crate::core::TicketKey;

/// One change of one link.
#[derive(Debug)]
pub(crate) enum LinkChange {
    /// The connection stands differently.
    Write { key: TicketKey, link: LinkRecord },
    /// The ticket is gone, and the link with it.
    Delete { key: TicketKey },
}

/// Carries out changes in their order until nobody can make any more.
pub(crate) async fn write_all(
    board: Arc<dyn Switchboard>,
    node: NodeId,
    mut changes: mpsc::UnboundedReceiver<LinkChange>,
) {
    let name = |key: TicketKey| key::link(&node, key.channel, key.user);
    while let Some(change) = changes.recv().await {
        let done = match change {
            LinkChange::Write { key, link } => write(&*board, &name(key), &link).await,
            LinkChange::Delete { key } => board.delete(&name(key), Expect::Any).await.map(drop),
        };
        if let Err(error) = done {
            // Losing the switchboard stops joins and moves, never a call that runs.
            tracing::warn!(%error, "cannot write how a voice connection stands");
        }
    }
}

/// Tells of every link of the node that is still written that it is gone, and deletes it: what an earlier process of
/// this node left behind, or what draining leaves.
pub(crate) async fn clear(board: &dyn Switchboard, node: &NodeId) -> Result<(), Error> {
    for entry in board.list(&format!("link.{}.", node.0)).await? {
        match LinkRecord::decode(&entry.key, &entry.value) {
            Ok(LinkRecord {
                state: LinkState::Gone,
                ..
            }) => {}
            Ok(record) => {
                let gone = LinkRecord {
                    state: LinkState::Gone,
                    ..record
                };
                write(board, &entry.key, &gone).await?;
            }
            Err(error) => tracing::warn!(%error, "deleting a link nobody can read"),
        }
        board.delete(&entry.key, Expect::Any).await?;
    }
    Ok(())
}

async fn write(board: &dyn Switchboard, key: &str, record: &LinkRecord) -> Result<(), Error> {
    board
        .put(key, Bytes::from(record.encode()), Expect::Any, None)
        .await
        .map(drop)
}
