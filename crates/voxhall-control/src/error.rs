//! Why the control plane could not do something.

use std::path::PathBuf;

/// Why the directory or the control plane failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory's file cannot be opened or made.
    #[error(
        "the directory {path} cannot be opened ({source}); check that the folder exists and can be written"
    )]
    OpenDirectory {
        /// Where it should be.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The directory was written by a newer program, or is damaged.
    #[error("the directory's tables cannot be brought up to date ({0}); was it written by a newer version?")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A query failed.
    #[error("the directory failed ({0}); is its disk full?")]
    Directory(#[from] sqlx::Error),
    /// A row that this program would not have written.
    #[error("the directory holds a {what} that cannot be read; restore it from a backup")]
    Corrupt {
        /// Which kind of row.
        what: &'static str,
    },
    /// Something that was named does not exist.
    #[error("there is no such {what}")]
    Unknown {
        /// Which kind of thing.
        what: &'static str,
    },
    /// The switchboard failed.
    #[error(transparent)]
    Switchboard(#[from] voxhall_switchboard::Error),
    /// A record on the switchboard cannot be read.
    #[error(transparent)]
    Record(#[from] voxhall_live::Error),
}
