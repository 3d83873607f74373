//! The switchboard of one process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Change, Entry, Error, Expect, Revision, Switchboard, Watch};

/// Keeps everything in memory; changes reach the watchers before the write returns.
#[derive(Debug, Clone, Default)]
pub struct MemorySwitchboard {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    last: Revision,
    entries: BTreeMap<String, Entry>,
    watchers: Vec<Watcher>,
}

#[derive(Debug)]
struct Watcher {
    prefix: String,
    changes: mpsc::UnboundedSender<Change>,
}

impl MemorySwitchboard {
    /// An empty switchboard.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave a half-done write: every method changes the map last.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, key: &str, expect: Expect) -> Result<(), Error> {
        let actual = self.entries.get(key).map(|entry| entry.revision);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => actual.is_none(),
            Expect::At(revision) => actual == Some(revision),
        };
        if holds {
            Ok(())
        } else {
            Err(Error::Conflict {
                key: key.to_owned(),
                actual,
            })
        }
    }

    fn next_revision(&mut self) -> Revision {
        self.last.0 += 1;
        self.last
    }

    fn tell(&mut self, key: &str, change: &Change) {
        self.watchers.retain(|watcher| {
            !key.starts_with(&watcher.prefix) || watcher.changes.send(change.clone()).is_ok()
        });
    }

    fn delete(&mut self, key: &str) -> Revision {
        if self.entries.remove(key).is_none() {
            return self.last;
        }
        let revision = self.next_revision();
        self.tell(
            key,
            &Change::Delete {
                key: key.to_owned(),
                revision,
            },
        );
        revision
    }
}

/// Deletes `key` after `ttl` unless it has been written again; ends early when the switchboard is gone.
fn expire_later(state: Weak<Mutex<State>>, key: String, revision: Revision, ttl: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(ttl).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.check(&key, Expect::At(revision)).is_ok() {
            state.delete(&key);
        }
    });
}

#[async_trait]
impl Switchboard for MemorySwitchboard {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.lock().entries.get(key).cloned())
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Revision, Error> {
        let mut state = self.lock();
        state.check(key, expect)?;
        let revision = state.next_revision();
        let entry = Entry {
            key: key.to_owned(),
            value,
            revision,
        };
        state.entries.insert(key.to_owned(), entry.clone());
        state.tell(key, &Change::Put(entry));
        drop(state);
        if let Some(ttl) = ttl {
            expire_later(Arc::downgrade(&self.state), key.to_owned(), revision, ttl);
        }
        Ok(revision)
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Revision, Error> {
        let mut state = self.lock();
        state.check(key, expect)?;
        Ok(state.delete(key))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        Ok(self
            .lock()
            .entries
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut state = self.lock();
        let existing = state
            .entries
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        for (_, entry) in existing {
            // The receiver lives in this function until it is returned, so these sends cannot fail.
            let _ = sender.send(Change::Put(entry.clone()));
        }
        let _ = sender.send(Change::SnapshotEnd);
        state.watchers.push(Watcher {
            prefix: prefix.to_owned(),
            changes: sender,
        });
        Ok(Watch { changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_with_a_stale_revision_is_refused() {
        let board = MemorySwitchboard::new();
        let first = board
            .put("a", Bytes::from_static(b"1"), Expect::Absent, None)
            .await
            .unwrap();
        let second = board
            .put("a", Bytes::from_static(b"2"), Expect::At(first), None)
            .await
            .unwrap();
        let refused = board
            .put("a", Bytes::from_static(b"3"), Expect::At(first), None)
            .await;
        assert!(matches!(refused, Err(Error::Conflict { actual: Some(at), .. }) if at == second));
        assert_eq!(
            board.get("a").await.unwrap().unwrap().value,
            Bytes::from_static(b"2")
        );
    }

    #[tokio::test]
    async fn a_watch_begins_with_a_snapshot_and_keeps_the_global_order() {
        let board = MemorySwitchboard::new();
        board.put("x.1", Bytes::new(), Expect::Any, None).await.unwrap();
        board.put("y.1", Bytes::new(), Expect::Any, None).await.unwrap();
        let mut watch = board.watch("x.").await.unwrap();
        board.put("x.2", Bytes::new(), Expect::Any, None).await.unwrap();
        board.put("y.2", Bytes::new(), Expect::Any, None).await.unwrap();
        board.delete("x.1", Expect::Any).await.unwrap();

        let mut seen = Vec::new();
        while let Some(change) = watch.try_next() {
            seen.push(match change {
                Change::Put(entry) => format!("put {}", entry.key),
                Change::Delete { key, .. } => format!("delete {key}"),
                Change::SnapshotEnd => "snapshot end".to_owned(),
            });
        }
        assert_eq!(seen, ["put x.1", "snapshot end", "put x.2", "delete x.1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_expires_unless_it_is_written_again() {
        let board = MemorySwitchboard::new();
        let ttl = Some(Duration::from_secs(6));
        board.put("node.a", Bytes::new(), Expect::Any, ttl).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        board.put("node.a", Bytes::new(), Expect::Any, ttl).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(board.get("node.a").await.unwrap().is_some());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(board.get("node.a").await.unwrap().is_none());
    }
}
