//! Accounts: made, changed, disabled and deleted.

use voxhall_protocol::ids::UserId;

use super::credentials::store_password;
use super::invites::{Admission, Used};
use super::records::{NewUser, Standing, User};
use super::username::Username;
use super::{Connection, Directory, to_sql};
use crate::Error;
use crate::passwords::PasswordHash;

/// What a stranger makes an account of.
#[derive(Debug)]
pub(crate) struct SignUp {
    /// The unique name.
    pub(crate) name: Username,
    /// The name shown, if another one.
    pub(crate) global_name: Option<String>,
    /// Where mail goes, in lower case.
    pub(crate) email: Option<String>,
    /// What to sign in with.
    pub(crate) password: PasswordHash,
}

impl Directory {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::Taken`] where a person has the name, [`Error::Directory`], also where the id is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<User, Error> {
        let user = User {
            id: new.id.unwrap_or_else(|| UserId(self.next_id())),
            bot: new.bot,
            name: new.name,
            discriminator: new.discriminator.unwrap_or_else(|| "0".to_owned()),
            global_name: new.global_name,
            avatar: new.avatar,
            public_flags: 0,
            privileged_intents: new.privileged_intents,
            email: None,
            standing: Standing::Active,
        };
        let _writing = self.writing.lock().await;
        self.read().require_free(&user)?;
        let mut connection = self.pool.acquire().await?;
        insert_user(&mut connection, &user).await?;
        self.world.write().insert_user(user.clone());
        Ok(user)
    }

    /// Makes a person's account with a password, and uses the invite that admits it; gives the guild's invite.
    ///
    /// # Errors
    /// [`Error::Taken`], [`Error::Unknown`] if the invite no longer holds, [`Error::Directory`].
    pub(crate) async fn sign_up(
        &self,
        new: SignUp,
        admission: &Admission,
        now_ms: u64,
    ) -> Result<(User, Option<Used>), Error> {
        let user = User {
            id: UserId(self.next_id()),
            bot: false,
            name: new.name.as_str().to_owned(),
            discriminator: "0".to_owned(),
            global_name: new.global_name,
            avatar: None,
            public_flags: 0,
            privileged_intents: false,
            email: new.email,
            standing: Standing::Active,
        };
        let _writing = self.writing.lock().await;
        self.read().require_free(&user)?;
        let mut transaction = self.pool.begin().await?;
        self.admit(&mut transaction, admission, now_ms).await?;
        insert_user(&mut transaction, &user).await?;
        store_password(&mut transaction, user.id, &new.password).await?;
        transaction.commit().await?;
        let mut world = self.world.write();
        world.insert_user(user.clone());
        world.remember_password(user.id, new.password);
        Ok((user, world.admitted(admission)))
    }

    /// Changes an account; gives it as it is then.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Taken`] where another has the name or the address,
    /// [`Error::Directory`].
    pub(crate) async fn edit_user(
        &self,
        id: UserId,
        edit: impl FnOnce(&mut User) + Send,
    ) -> Result<User, Error> {
        let _writing = self.writing.lock().await;
        self.require_user(id)?;
        let known = self.read().user(id).cloned();
        let mut user = known.ok_or(Error::Unknown { what: "account" })?;
        edit(&mut user);
        self.read().require_free(&user)?;
        let mut connection = self.pool.acquire().await?;
        update_user(&mut connection, &user).await?;
        self.world.write().insert_user(user.clone());
        Ok(user)
    }

    /// Takes from an account all but its id, which messages may name: name, address, password, read markers. Tokens
    /// and memberships must be gone already.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn bury_user(&self, id: UserId) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_user(id)?;
        let known = self.read().user(id).cloned();
        let mut user = known.ok_or(Error::Unknown { what: "account" })?;
        user.name = format!("deleted_user_{id}");
        (user.global_name, user.avatar, user.email) = (None, None, None);
        user.standing = Standing::Deleted;
        let mut transaction = self.pool.begin().await?;
        for statement in [
            "DELETE FROM credentials WHERE user_id = $1",
            "DELETE FROM read_states WHERE user_id = $1",
        ] {
            sqlx::query(statement)
                .bind(to_sql(id.0))
                .execute(&mut *transaction)
                .await?;
        }
        update_user(&mut transaction, &user).await?;
        transaction.commit().await?;
        let mut world = self.world.write();
        world.insert_user(user);
        world.forget_password(id);
        world.read_states.remove(&id);
        Ok(())
    }

    /// A named value of the deployment, made with `make` when it is first asked for.
    pub(crate) async fn setting(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, Error> {
        let _writing = self.writing.lock().await;
        sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(make())
            .execute(&self.pool)
            .await?;
        let value = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        Ok(value)
    }
}

/// The standing that a number stands for in the database.
pub(super) fn standing(stored: i64) -> Result<Standing, Error> {
    match stored {
        0 => Ok(Standing::Active),
        1 => Ok(Standing::Disabled),
        2 => Ok(Standing::Deleted),
        _ => Err(Error::Corrupt { what: "standing" }),
    }
}

fn stored(standing: Standing) -> i64 {
    match standing {
        Standing::Active => 0,
        Standing::Disabled => 1,
        Standing::Deleted => 2,
    }
}

async fn insert_user(connection: &mut Connection, user: &User) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO users (id, bot, name, discriminator, global_name, avatar, public_flags, privileged_intents, \
         email, standing) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(to_sql(user.id.0))
    .bind(user.bot)
    .bind(&user.name)
    .bind(&user.discriminator)
    .bind(&user.global_name)
    .bind(&user.avatar)
    .bind(to_sql(user.public_flags))
    .bind(user.privileged_intents)
    .bind(&user.email)
    .bind(stored(user.standing))
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_user(connection: &mut Connection, user: &User) -> Result<(), Error> {
    sqlx::query(
        "UPDATE users SET name = $2, discriminator = $3, global_name = $4, avatar = $5, public_flags = $6, \
         privileged_intents = $7, email = $8, standing = $9 WHERE id = $1",
    )
    .bind(to_sql(user.id.0))
    .bind(&user.name)
    .bind(&user.discriminator)
    .bind(&user.global_name)
    .bind(&user.avatar)
    .bind(to_sql(user.public_flags))
    .bind(user.privileged_intents)
    .bind(&user.email)
    .bind(stored(user.standing))
    .execute(connection)
    .await?;
    Ok(())
}
