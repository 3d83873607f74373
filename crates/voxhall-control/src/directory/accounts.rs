//! Accounts and their tokens.

use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;

use super::records::{NewUser, User};
use super::token::{self, Digest};
use super::{Directory, to_sql};
use crate::Error;

impl Directory {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::Directory`], also where the id is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<User, Error> {
        let user = User {
            id: new.id.unwrap_or_else(|| UserId(self.next_id())),
            bot: new.bot,
            name: new.name,
            discriminator: new.discriminator.unwrap_or_else(|| "0".to_owned()),
            global_name: None,
            avatar: new.avatar,
            public_flags: 0,
            privileged_intents: new.privileged_intents,
        };
        let _writing = self.writing.lock().await;
        sqlx::query(
            "INSERT INTO users (id, bot, name, discriminator, global_name, avatar, public_flags, privileged_intents) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(to_sql(user.id.0))
        .bind(user.bot)
        .bind(&user.name)
        .bind(&user.discriminator)
        .bind(&user.global_name)
        .bind(&user.avatar)
        .bind(to_sql(user.public_flags))
        .bind(user.privileged_intents)
        .execute(&self.pool)
        .await?;
        self.world.write().users.insert(user.id, user.clone());
        Ok(user)
    }

    /// Makes a token for an account. This is the only time that it is seen.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn create_token(&self, user: UserId) -> Result<Token, Error> {
        let token = token::shape(user, &rand::random());
        self.accept_token(user, &token).await?;
        Ok(token)
    }

    /// The token that `seed` stands for: the same whenever it is asked for.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn seeded_token(&self, user: UserId, seed: &str) -> Result<Token, Error> {
        let token = token::from_seed(user, seed);
        self.accept_token(user, &token).await?;
        Ok(token)
    }

    /// Lets `token` log in as `user` from now on.
    pub(crate) async fn accept_token(&self, user: UserId, token: &Token) -> Result<(), Error> {
        let digest = Digest::of(token.expose());
        let _writing = self.writing.lock().await;
        if self.read().user(user).is_none() {
            return Err(Error::Unknown { what: "account" });
        }
        sqlx::query(
            "INSERT INTO tokens (digest, user_id, created_at_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (digest) DO UPDATE SET user_id = excluded.user_id",
        )
        .bind(digest.to_hex())
        .bind(to_sql(user.0))
        .bind(to_sql(crate::wall::now_ms()))
        .execute(&self.pool)
        .await?;
        self.world.write().tokens.insert(digest, user);
        Ok(())
    }

    /// Ends every token of an account; sessions that are open go on. Returns how many there were.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn revoke_tokens(&self, user: UserId) -> Result<usize, Error> {
        let _writing = self.writing.lock().await;
        if self.read().user(user).is_none() {
            return Err(Error::Unknown { what: "account" });
        }
        sqlx::query("DELETE FROM tokens WHERE user_id = $1")
            .bind(to_sql(user.0))
            .execute(&self.pool)
            .await?;
        let mut world = self.world.write();
        let before = world.tokens.len();
        world.tokens.retain(|_, owner| *owner != user);
        Ok(before - world.tokens.len())
    }

    /// A fresh seed for [`Self::seeded_token`].
    pub(crate) fn new_token_seed() -> String {
        token::new_seed()
    }

    /// A name for the bot that an unknown token stands for.
    pub(crate) fn name_for_token(token: &str) -> String {
        format!("bot-{}", Digest::of(token).short())
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
