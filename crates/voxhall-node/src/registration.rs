//! The node's registration on the switchboard: written again and again, so that a dead node vanishes by itself.

use std::time::Duration;

use bytes::Bytes;
use voxhall_live::{NodeId, NodeRecord, Record, key};
use voxhall_switchboard::{Error, Expect, Switchboard};

/// How often a node writes its registration.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// How long a registration outlives its last write.
const TTL: Duration = Duration::from_secs(6);

/// Writes the registration once.
pub(crate) async fn write(board: &dyn Switchboard, id: &NodeId, record: &NodeRecord) -> Result<(), Error> {
    let value = Bytes::from(record.encode());
    board
        .put(&key::node(id), value, Expect::Any, Some(TTL))
        .await
        .map(drop)
}

/// Takes the registration away: nothing new is placed here.
pub(crate) async fn remove(board: &dyn Switchboard, id: &NodeId) -> Result<(), Error> {
    board.delete(&key::node(id), Expect::Any).await.map(drop)
}
