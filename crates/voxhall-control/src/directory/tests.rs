//! The directory on SQLite and on PostgreSQL: whatever was written is there when it is opened again.

mod databases;
mod first_landing;
mod opening;
mod writes;

use tempfile::TempDir;
use voxhall_cluster::Cluster;

use super::{Directory, Location};

/// A database that is opened, closed and opened again.
struct Trial {
    location: Location,
    /// Where SQLite's file is.
    folder: TempDir,
}

impl Trial {
    fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            location: folder.path().join("directory.db").into(),
            folder,
        }
    }

    fn on_postgresql() -> Self {
        let url = Cluster::shared().database().unwrap();
        Self {
            location: (*url).into(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn open(&self) -> Directory {
        Directory::open(self.location.clone()).await.unwrap()
    }

    async fn refused(&self) -> crate::Error {
        Directory::open(self.location.clone()).await.unwrap_err()
    }

    /// Ends this directory, and holds what it had in memory against what a new one reads from SQL.
    async fn reopen(&self, directory: Directory) -> Directory {
        let before = std::mem::take(&mut *directory.world.write());
        drop(directory);
        let again = self.open().await;
        assert_eq!(*again.read(), before);
        again
    }
}

impl Directory {
    /// From now on every statement fails, as where the database has gone away.
    pub(crate) async fn lose_database(&self) {
        self.pool.close().await;
    }
}
