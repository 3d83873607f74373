//! What lasts: accounts, guilds, channels and permissions, in SQL, with a whole copy in memory.
//!
//! Reads never wait for SQL: [`Directory::read`] gives the copy. A write goes to SQL first, then into the copy, so
//! that what is in the copy will still be there after a crash.

mod accounts;
mod call_log;
mod guild_rows;
mod guild_write;
mod guilds;
mod load;
mod records;
mod token;
mod world;

use std::path::Path;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub(crate) use call_log::CallMessage;
pub(crate) use guild_write::{GuildWrite, delete_channel, delete_role};
pub(crate) use guilds::{new_guild, new_member};
pub use records::{
    Ban, Channel, Guild, GuildSettings, Member, NewUser, Overwrite, OverwriteTarget, PrivateChannel, Role,
    User,
};
pub(crate) use world::{Home, World};

use voxhall_edge::file::Access;

use crate::Error;
use crate::wall::Snowflakes;

/// The database behind the directory.
type Pool = sqlx::SqlitePool;
/// One connection to it.
type Connection = sqlx::SqliteConnection;

/// The tables, in the order in which they came to be.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "directory", include_str!("../migrations/0001_directory.sql")),
    (
        4,
        "guild details",
        include_str!("../migrations/0004_guild_details.sql"),
    ),
];

/// Accounts, guilds, channels and permissions.
#[derive(Debug)]
pub struct Directory {
    pool: Pool,
    world: RwLock<World>,
    /// Held from the SQL write to the change of the copy, so that both see writes in one order.
    writing: tokio::sync::Mutex<()>,
    snowflakes: Snowflakes,
}

impl Directory {
    /// Opens the directory in `file`, which is made if it does not exist, and brings its tables up to date.
    ///
    /// # Errors
    /// [`Error::OpenDirectory`], [`Error::Migrate`], [`Error::Corrupt`].
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        // The database would make it readable for everyone; it holds who is whose friend, and digests of tokens.
        voxhall_edge::file::touch(file, Access::Secret).map_err(|error| Error::OpenDirectory {
            path: file.to_owned(),
            source: error.into(),
        })?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| Error::OpenDirectory {
                path: file.to_owned(),
                source,
            })?;
        Self::over(pool).await
    }

    /// An empty directory that ends with the process, for tests and trials.
    ///
    /// # Errors
    /// [`Error::Directory`], [`Error::Migrate`].
    pub async fn in_memory() -> Result<Self, Error> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        // Each connection to an in-memory database is a database of its own, so there must be one, which never ends.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        Self::over(pool).await
    }

    async fn over(pool: Pool) -> Result<Self, Error> {
        migrator().run(&pool).await?;
        let world = load::world(&pool).await?;
        Ok(Self {
            pool,
            world: RwLock::new(world),
            writing: tokio::sync::Mutex::new(()),
            snowflakes: Snowflakes::new(rand::random()),
        })
    }

    /// The copy in memory. Never hold it across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, World> {
        self.world.read()
    }

    /// A fresh id for anything.
    pub(crate) fn next_id(&self) -> u64 {
        self.snowflakes.next(crate::wall::now_ms())
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into(), false)
    });
    Migrator {
        migrations: migrations.to_vec().into(),
        ..Migrator::DEFAULT
    }
}

/// A snowflake or bit set as SQL holds it.
fn to_sql(bits: u64) -> i64 {
    i64::from_ne_bytes(bits.to_ne_bytes())
}

/// A snowflake or bit set as SQL held it.
fn from_sql(stored: i64) -> u64 {
    u64::from_ne_bytes(stored.to_ne_bytes())
}
