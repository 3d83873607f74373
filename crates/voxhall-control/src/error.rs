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
    /// The directory's file is something else.
    #[error("{path} is no SQLite database; name another file, or restore this one from a backup")]
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// Another server uses the directory; each of them would miss what the other writes.
    #[error(
        "another server uses the directory {place}; stop that one first, or give this one a directory of its own"
    )]
    DirectoryInUse {
        /// Where it is.
        place: String,
    },
    /// The URL of a database cannot be read.
    #[error(
        "the database {place} cannot be looked for ({source}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
         with %-escapes for special characters"
    )]
    DatabaseUrl {
        /// Where it should be, without the password.
        place: String,
        /// What is wrong.
        source: sqlx::Error,
    },
    /// The database server does not answer.
    #[error(
        "the database {place} cannot be reached ({source}); check host and port, and that PostgreSQL runs there"
    )]
    DatabaseUnreachable {
        /// Where it should be, without the password.
        place: String,
        /// What happened.
        source: sqlx::Error,
    },
    /// The database server does not accept user and password.
    #[error(
        "the database {place} refuses the login ({source}); check user, password and the server's pg_hba.conf"
    )]
    LoginRefused {
        /// Where it is, without the password.
        place: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error("the server has no database {place}; make it with `createdb --owner USER DATABASE`")]
    DatabaseMissing {
        /// Where it should be, without the password.
        place: String,
    },
    /// The directory was written by a newer program.
    #[error(
        "the directory was written by a newer version (its tables are at {version}); start that version, or restore \
         the backup from before the upgrade"
    )]
    NewerDirectory {
        /// The migration that this program does not know.
        version: i64,
    },
    /// The tables cannot be brought up to date.
    #[error(
        "the directory's tables cannot be brought up to date ({0}); restore it from a backup if its disk is not full"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A query failed.
    #[error("the directory failed ({0}); is its disk full, or its server stopped?")]
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
    /// Somebody else has it already.
    #[error("this {what} is taken; choose another")]
    Taken {
        /// What is unique.
        what: &'static str,
    },
    /// An account that guilds would be left behind by.
    #[error("the account owns guilds ({names}); give them another owner or delete them first")]
    OwnsGuilds {
        /// Their names.
        names: String,
    },
    /// A password could not be worked on.
    #[error("a password cannot be hashed ({why}); is there memory left?")]
    Password {
        /// What failed.
        why: String,
    },
    /// The switchboard failed.
    #[error(transparent)]
    Switchboard(#[from] voxhall_switchboard::Error),
    /// A record on the switchboard cannot be read.
    #[error(transparent)]
    Record(#[from] voxhall_live::Error),
}
