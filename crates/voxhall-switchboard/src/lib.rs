//! The versioned key-value store with watch that carries live state.
//!
//! All live state of a deployment (which node carries which call, who is in which room, who may connect where) is
//! keys and values here. A change is one write with an expected [`Revision`]; every reaction to it comes from
//! *watching* the key. Revisions are global: one counter for all keys, so a watcher sees changes of different keys
//! in the order in which they were made.
//!
//! [`MemorySwitchboard`] serves one process. A shared engine (NATS JetStream KV) fits behind the same trait: one
//! bucket is one stream, which has the same global order.

mod memory;

pub use memory::MemorySwitchboard;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Position of a write in the global order of writes. Grows by at least one per write; never zero for a real write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// What must be true of a key for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Write whatever stands there.
    Any,
    /// Write only if the key does not exist.
    Absent,
    /// Write only if the key's last write was this one.
    At(Revision),
}

/// A key with its value, as it stood after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Dot-separated key, for example `voice.138397087229280257.934828556603764816`.
    pub key: String,
    /// The stored bytes; the switchboard does not look into them.
    pub value: Bytes,
    /// The write that stored this value.
    pub revision: Revision,
}

/// One change seen by a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key was written.
    Put(Entry),
    /// The key was deleted, or its time to live ran out.
    Delete {
        /// The key that is gone.
        key: String,
        /// The revision of the deletion.
        revision: Revision,
    },
    /// Everything that existed when the watch began has been reported; what follows is new.
    SnapshotEnd,
}

/// Why a call on the switchboard failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else wrote the key first: read it again and decide anew.
    #[error("key {key} was changed by somebody else (it is at revision {actual:?}); read it again and retry")]
    Conflict {
        /// The contested key.
        key: String,
        /// Where the key stands now; `None` if it does not exist.
        actual: Option<Revision>,
    },
    /// The engine cannot be reached; running calls go on, joins and moves must wait.
    #[error("the switchboard is unavailable: {0}")]
    Unavailable(String),
}

/// A stream of changes below one prefix: first everything that exists, then [`Change::SnapshotEnd`], then what is new.
#[derive(Debug)]
pub struct Watch {
    pub(crate) changes: mpsc::UnboundedReceiver<Change>,
}

impl Watch {
    /// The next change; `None` when the switchboard has gone away.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// The next change if one is already here.
    pub fn try_next(&mut self) -> Option<Change> {
        self.changes.try_recv().ok()
    }
}

/// The store. Cheap to share as `Arc<dyn Switchboard>`.
#[async_trait]
pub trait Switchboard: Send + Sync + 'static {
    /// Reads one key.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error>;

    /// Writes one key; with `ttl`, the key is deleted that long after its last write.
    ///
    /// # Errors
    /// [`Error::Conflict`] if `expect` does not hold, [`Error::Unavailable`].
    async fn put(
        &self,
        key: &str,
        value: Bytes,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Revision, Error>;

    /// Deletes one key; deleting a key that does not exist succeeds if `expect` is not [`Expect::At`].
    ///
    /// # Errors
    /// [`Error::Conflict`] if `expect` does not hold, [`Error::Unavailable`].
    async fn delete(&self, key: &str, expect: Expect) -> Result<Revision, Error>;

    /// Everything whose key begins with `prefix`, in key order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error>;

    /// Watches every key that begins with `prefix`, from a consistent snapshot on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn watch(&self, prefix: &str) -> Result<Watch, Error>;
}
