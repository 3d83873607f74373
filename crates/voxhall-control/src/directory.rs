//! What lasts: accounts, guilds, channels and permissions, in SQL, with a whole copy in memory.
//!
//! Reads never wait for SQL: [`Directory::read`] gives the copy. A write goes to SQL first, then into the copy, so
//! that what is in the copy will still be there after a crash.

mod accounts;
mod call_log;
mod commands;
mod credentials;
mod database;
mod guild_rows;
mod guild_write;
mod guilds;
mod invites;
mod load;
mod location;
mod messages;
mod private;
mod records;
mod stages;
mod stays;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod username;
mod world;

use parking_lot::{RwLock, RwLockReadGuard};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use std::sync::atomic::AtomicBool;

pub(crate) use accounts::SignUp;
pub(crate) use call_log::CallMessage;
pub(crate) use commands::CommandChange;
pub(crate) use guild_write::{GuildWrite, delete_channel, delete_role};
pub(crate) use guilds::{new_guild, new_member};
pub(crate) use invites::{Admission, Invite, NewInvite, SignUpInvite, Used};
pub use location::Location;
pub(crate) use messages::{AnsweredInteraction, Page, StoredMessage};
pub(crate) use private::Opened;
pub use records::{
    Ban, Channel, Guild, GuildSettings, Member, NewUser, Overwrite, OverwriteTarget, PrivateChannel, Role,
    Standing, User,
};
pub(crate) use stages::Stage;
pub(crate) use token::TokenDigest;
pub(crate) use tokens::TokenRecord;
pub(crate) use username::Username;
pub(crate) use world::{Home, World};

use database::{Claim, Database};

use crate::Error;
use crate::wall::Snowflakes;

/// The database behind the directory.
type Pool = sqlx::AnyPool;

/// A connection to it, in a transaction or not.
type Connection = sqlx::AnyConnection;

/// A row of it. What it has for truth values differs, so a query reads them with `CAST(… AS INTEGER)`.
type Row = sqlx::any::AnyRow;

/// The tables, in the order in which they came to be.
const MIGRATIONS: [(i64, &str, &str); 6] = [
    (1, "directory", include_str!("../migrations/0001_directory.sql")),
    (3, "accounts", include_str!("../migrations/0003_accounts.sql")),
    (
        4,
        "guild details",
        include_str!("../migrations/0004_guild_details.sql"),
    ),
    (5, "messages", include_str!("../migrations/0005_messages.sql")),
    (6, "commands", include_str!("../migrations/0006_commands.sql")),
    (
        7,
        "stage instances",
        include_str!("../migrations/0007_stage_instances.sql"),
    ),
];

/// Accounts, guilds, channels and permissions.
#[derive(Debug)]
pub struct Directory {
    pool: Pool,
    /// Keeps other servers out.
    _claim: Claim,
    world: RwLock<World>,
    /// Held from the SQL write to the change of the copy, so that both see writes in one order.
    writing: tokio::sync::Mutex<()>,
    /// Whether tokens that are revoked are remembered.
    remembers_revoked: AtomicBool,
    snowflakes: Snowflakes,
}

impl Directory {
    /// Opens the directory, making the file of SQLite if it does not exist, and brings its tables up to date.
    ///
    /// # Errors
    /// [`Error::DirectoryInUse`] while another server has it; [`Error::NewerDirectory`], [`Error::Migrate`],
    /// [`Error::Corrupt`] if this program cannot read what is there. Of a file [`Error::OpenDirectory`],
    /// [`Error::NotADirectory`]; of a server [`Error::DatabaseUrl`], [`Error::DatabaseUnreachable`],
    /// [`Error::LoginRefused`], [`Error::DatabaseMissing`].
    pub async fn open(location: impl Into<Location>) -> Result<Self, Error> {
        Self::over(Database::open(&location.into()).await?).await
    }

    /// An empty directory that ends with the process, for tests and trials.
    ///
    /// # Errors
    /// [`Error::Directory`], [`Error::Migrate`].
    pub async fn in_memory() -> Result<Self, Error> {
        Self::over(Database::in_memory().await?).await
    }

    async fn over(database: Database) -> Result<Self, Error> {
        migrator()
            .run(&database.pool)
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(version) => Error::NewerDirectory { version },
                error => Error::Migrate(error),
            })?;
        let (pool, claim) = database.claim().await?;
        let world = load::world(&pool).await?;
        Ok(Self {
            pool,
            _claim: claim,
            world: RwLock::new(world),
            writing: tokio::sync::Mutex::new(()),
            remembers_revoked: AtomicBool::new(true),
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

    /// A new id, with the one after it.
    pub(crate) fn next_ids(&self) -> [u64; 2] {
        let first = self.snowflakes.next_pair(crate::wall::now_ms());
        [first, first + 1]
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
