//! A switchboard on which another process is sometimes faster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use voxhall_switchboard::{Entry, Error, Expect, MemorySwitchboard, Revision, Switchboard, Watch};

#[derive(Debug, Default)]
pub struct Board {
    inner: MemorySwitchboard,
    overtaken: AtomicBool,
}

impl Board {
    /// The next write that expects its key to stand somewhere finds that somebody wrote it again just now. It counts
    /// for the first write only: whoever shares a decision's keys overtakes it before it begins.
    pub fn overtake_next(&self) {
        self.overtaken.store(true, Ordering::Relaxed);
    }

    /// Takes it back.
    pub fn overtake_no_more(&self) {
        self.overtaken.store(false, Ordering::Relaxed);
    }

    async fn overtake(&self, key: &str, expect: Expect) -> Result<(), Error> {
        if !self.overtaken.swap(false, Ordering::Relaxed) || !matches!(expect, Expect::At(_)) {
            return Ok(());
        }
        if let Some(entry) = self.inner.get(key).await? {
            self.inner.put(key, entry.value, Expect::Any, None).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Switchboard for Board {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.inner.get(key).await
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Revision, Error> {
        self.overtake(key, expect).await?;
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &str, expect: Expect) -> Result<Revision, Error> {
        self.overtake(key, expect).await?;
        self.inner.delete(key, expect).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        self.inner.list(prefix).await
    }

    async fn watch(&self, prefix: &str) -> Result<Watch, Error> {
        self.inner.watch(prefix).await
    }
}
