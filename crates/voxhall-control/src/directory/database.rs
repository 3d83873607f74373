//! Opening the directory's database, and keeping every other server out of it.
//!
//! A server answers from its copy in memory, so two servers that write to one database would each serve what the other
//! has changed long ago. The second one is refused. What refuses it ends with the process that holds it, however that
//! ends: a lock on a file beside SQLite's, an advisory lock of the one session on PostgreSQL.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{ConnectOptions as _, Executor as _};
use voxhall_edge::file::Access;

use super::location::{Kind, Location};
use super::{Connection, Pool};
use crate::Error;

/// Connections to a SQLite file: readers do not wait for the writer.
const FILE_CONNECTIONS: u32 = 4;
/// How long a write waits for a lost connection to PostgreSQL to come back.
const RECONNECT: Duration = Duration::from_secs(5);
/// The advisory lock on PostgreSQL; it counts within one database.
const LOCK: i64 = i64::from_be_bytes(*b"voxhall1");
/// What the holder of a PostgreSQL database is called in `settings`.
const HOLDER: &str = "holder";

/// SQLite waits for the disk at each commit, so that an acknowledged write outlives a power cut as well.
const SQLITE_SESSION: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
/// A server that starts again may meet the session of the one before, which PostgreSQL ends in a moment. The session
/// of a machine that has gone off the network ends within half a minute.
const POSTGRES_SESSION: &str = "SET lock_timeout = '2s'; SET tcp_keepalives_idle = 15; \
                                SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// A database that nobody else has.
pub(super) struct Database {
    pub(super) pool: Pool,
    claim: Claim,
}

/// What keeps others out; they may come when it is dropped.
#[derive(Debug)]
pub(super) enum Claim {
    /// Nobody else can see a database in memory.
    Private,
    /// The locked file beside SQLite's.
    File { _lock: File },
    /// The sessions of PostgreSQL hold the lock; here stands what the database must say if it has been ours all along.
    Session(Arc<OnceLock<String>>),
}

impl Database {
    pub(super) async fn open(location: &Location) -> Result<Self, Error> {
        install_default_drivers();
        match &location.0 {
            Kind::File(path) => file(path).await,
            Kind::Server(url) => server(url, location).await,
        }
    }

    /// A database that ends with its only connection.
    pub(super) async fn in_memory() -> Result<Self, Error> {
        install_default_drivers();
        let pool = lasting_connection()
            .min_connections(1)
            .connect_with(AnyConnectOptions::from_str("sqlite::memory:")?)
            .await?;
        let claim = Claim::Private;
        Ok(Self { pool, claim })
    }

    /// Writes down whose the database is now, once its tables are there.
    pub(super) async fn claim(self) -> Result<(Pool, Claim), Error> {
        if let Claim::Session(holder) = &self.claim {
            let name = format!("{:032x}", rand::random::<u128>());
            sqlx::query(
                "INSERT INTO settings (name, value) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(HOLDER)
            .bind(&name)
            .execute(&self.pool)
            .await?;
            holder.get_or_init(|| name);
        }
        Ok((self.pool, self.claim))
    }
}

/// One connection for good. The transactions of several would only wait for each other, and no two of them must ever
/// be open in one task.
fn lasting_connection() -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn file(path: &Path) -> Result<Database, Error> {
    let refused = |source| Error::OpenDirectory {
        path: path.to_owned(),
        source,
    };
    // Absolute, it cannot be one of the names that mean something to SQLite, such as `:memory:`.
    let path = &*std::path::absolute(path).map_err(|error| refused(error.into()))?;
    // The database would make it readable for everyone; it holds who is whose friend, and digests of tokens.
    voxhall_edge::file::touch(path, Access::Secret).map_err(|error| refused(error.into()))?;
    let claim = Claim::File { _lock: lock(path)? };
    let options = file_options(path).map_err(refused)?;
    // A pool would try again and again, and then not say why.
    let mut first = options.connect().await.map_err(refused)?;
    first
        .execute(SQLITE_SESSION)
        .await
        .map_err(|error| match code_of(&error).as_deref() {
            Some("26") => Error::NotADirectory {
                path: path.to_owned(),
            },
            _ => refused(error),
        })?;
    let pool = AnyPoolOptions::new()
        .max_connections(FILE_CONNECTIONS)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SQLITE_SESSION).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(refused)?;
    Ok(Database { pool, claim })
}

fn file_options(path: &Path) -> Result<AnyConnectOptions, sqlx::Error> {
    // With every byte escaped, nothing in a path is taken for a part of the URL.
    let escaped = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    AnyConnectOptions::from_str(&format!("sqlite:{escaped}"))
}

/// A connection to a file of SQLite as it is.
#[cfg(test)]
pub(super) async fn connect_to_file(path: &Path) -> Result<Connection, sqlx::Error> {
    install_default_drivers();
    file_options(path)?.connect().await
}

/// Locks a file beside the database, not the database itself: SQLite loses its own locks on a file when anybody else in
/// the process closes it.
fn lock(path: &Path) -> Result<File, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let beside: PathBuf = path.with_file_name(name);
    let locked = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&beside)
        .map_err(TryLockError::Error)
        .and_then(|file| file.try_lock().map(|()| file));
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => Error::DirectoryInUse {
            place: path.display().to_string(),
        },
        TryLockError::Error(source) => Error::OpenDirectory {
            path: beside,
            source: source.into(),
        },
    })
}

async fn server(url: &str, location: &Location) -> Result<Database, Error> {
    let refused = |source| refused_by_server(location, source);
    let options = AnyConnectOptions::from_str(url).map_err(refused)?;
    // A pool would try again and again, and then not say why.
    let mut first = options.connect().await.map_err(refused)?;
    take(&mut first, None).await.map_err(refused)?;
    sqlx::Connection::close(first).await.map_err(refused)?;
    let holder = Arc::new(OnceLock::new());
    let known = holder.clone();
    let pool = lasting_connection()
        .acquire_timeout(RECONNECT)
        .after_connect(move |connection, _| {
            let known = known.clone();
            Box::pin(async move { take(connection, known.get()).await })
        })
        .connect_with(options)
        .await
        .map_err(refused)?;
    let claim = Claim::Session(holder);
    Ok(Database { pool, claim })
}

/// Takes the lock for this session. If the database was `ours` before the last session was lost, it must still be: what
/// another server has written meanwhile is not in the copy.
async fn take(connection: &mut Connection, ours: Option<&String>) -> Result<(), sqlx::Error> {
    connection.execute(POSTGRES_SESSION).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut *connection)
        .await?;
    connection.execute("RESET lock_timeout").await?;
    let Some(ours) = ours else { return Ok(()) };
    let holder: String = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
        .bind(HOLDER)
        .fetch_one(&mut *connection)
        .await?;
    if holder == *ours {
        return Ok(());
    }
    Err(sqlx::Error::Configuration(
        "another server has used the database meanwhile, start this one again".into(),
    ))
}

/// Says what to do about a server that does not let us in. The codes are PostgreSQL's (appendix A of its manual).
fn refused_by_server(location: &Location, source: sqlx::Error) -> Error {
    let place = location.to_string();
    match code_of(&source).as_deref() {
        Some("28000" | "28P01") => return Error::LoginRefused { place, source },
        Some("3D000") => return Error::DatabaseMissing { place },
        Some("55P03") => return Error::DirectoryInUse { place },
        _ => {}
    }
    match source {
        // The first connection had the lock; whoever took it in between has the database now.
        sqlx::Error::PoolTimedOut => Error::DirectoryInUse { place },
        sqlx::Error::Configuration(_) => Error::DatabaseUrl { place, source },
        _ => Error::DatabaseUnreachable { place, source },
    }
}

/// The database's own code of an error.
fn code_of(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
