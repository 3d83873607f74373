//! What people sign in with: names, addresses and passwords.

use std::collections::HashMap;

use sqlx::Row as _;
use voxhall_protocol::ids::UserId;

use super::records::{Standing, User};
use super::{Connection, Directory, Pool, World, from_sql, to_sql};
use crate::Error;
use crate::passwords::PasswordHash;

/// Who signs in under which name, with which password.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Credentials {
    names: HashMap<String, UserId>,
    addresses: HashMap<String, UserId>,
    passwords: HashMap<UserId, PasswordHash>,
}

impl Credentials {
    /// Reads the passwords; names and addresses come with the accounts.
    pub(super) async fn load(pool: &Pool) -> Result<Self, Error> {
        let mut credentials = Self::default();
        for row in sqlx::query("SELECT user_id, password FROM credentials")
            .fetch_all(pool)
            .await?
        {
            let user = UserId(from_sql(row.try_get("user_id")?));
            let password = PasswordHash::from_stored(row.try_get("password")?);
            credentials.passwords.insert(user, password);
        }
        Ok(credentials)
    }

    /// Knows an account under its name and address, and no longer under those of `before`.
    pub(super) fn index(&mut self, before: Option<&User>, user: &User) {
        if let Some(before) = before {
            forget(&mut self.names, &name_key(&before.name), user.id);
            forget(
                &mut self.addresses,
                before.email.as_deref().unwrap_or_default(),
                user.id,
            );
        }
        if user.bot || user.standing == Standing::Deleted {
            return;
        }
        // Accounts of earlier days may share a name; then the first keeps it.
        self.names.entry(name_key(&user.name)).or_insert(user.id);
        if let Some(address) = &user.email {
            self.addresses.insert(address.clone(), user.id);
        }
    }
}

fn forget(index: &mut HashMap<String, UserId>, key: &str, user: UserId) {
    if index.get(key) == Some(&user) {
        index.remove(key);
    }
}

fn name_key(name: &str) -> String {
    name.to_lowercase()
}

impl World {
    /// The person who signs in under this name or address.
    pub(crate) fn user_of_login(&self, login: &str) -> Option<&User> {
        let key = name_key(login.trim());
        let credentials = &self.credentials;
        let user = credentials
            .names
            .get(&key)
            .or_else(|| credentials.addresses.get(&key))?;
        self.user(*user)
    }

    /// The password of an account, hashed; `None` if it cannot sign in.
    pub(crate) fn password_of(&self, user: UserId) -> Option<&PasswordHash> {
        self.credentials.passwords.get(&user)
    }

    pub(super) fn forget_password(&mut self, user: UserId) {
        self.credentials.passwords.remove(&user);
    }

    pub(super) fn remember_password(&mut self, user: UserId, password: PasswordHash) {
        self.credentials.passwords.insert(user, password);
    }

    /// Adds or replaces an account.
    pub(super) fn insert_user(&mut self, user: User) {
        let before = self.users.insert(user.id, user.clone());
        self.credentials.index(before.as_ref(), &user);
    }

    /// Whether name and address of an account are its own.
    pub(super) fn require_free(&self, user: &User) -> Result<(), Error> {
        let other = |owner: Option<&UserId>| owner.is_some_and(|owner| *owner != user.id);
        if user.bot || user.standing == Standing::Deleted {
            return Ok(());
        }
        if other(self.credentials.names.get(&name_key(&user.name))) {
            return Err(Error::Taken { what: "name" });
        }
        let address = user.email.as_ref();
        if other(address.and_then(|address| self.credentials.addresses.get(address))) {
            return Err(Error::Taken { what: "address" });
        }
        Ok(())
    }
}

impl Directory {
    /// Gives an account the password to sign in with.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn set_password(&self, user: UserId, password: PasswordHash) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_user(user)?;
        let mut connection = self.pool.acquire().await?;
        store_password(&mut connection, user, &password).await?;
        self.world.write().remember_password(user, password);
        Ok(())
    }
}

pub(super) async fn store_password(
    connection: &mut Connection,
    user: UserId,
    password: &PasswordHash,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO credentials (user_id, password) VALUES ($1, $2) \
         ON CONFLICT (user_id) DO UPDATE SET password = excluded.password",
    )
    .bind(to_sql(user.0))
    .bind(password.as_stored())
    .execute(connection)
    .await?;
    Ok(())
}
