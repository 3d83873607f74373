//! The tokens of accounts: made, used and revoked.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use sqlx::Row as _;
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;

use super::records::Standing;
use super::token::{self, TokenDigest, TokenId};
use super::{Directory, Pool, from_sql, to_sql};
use crate::Error;
use crate::passwords::PasswordHash;
use crate::wall::now_ms;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What is known of a token besides its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRecord {
    /// Whose it is.
    pub(crate) user: UserId,
    /// What its owner calls it.
    pub(crate) label: String,
    /// Unix milliseconds.
    pub(crate) created_at_ms: u64,
    /// The last day on which it was used, counted from 1 January 1970; `None` if it never was.
    pub(crate) last_used_day: Option<u64>,
}

/// All tokens, by digest.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tokens {
    known: HashMap<TokenDigest, TokenRecord>,
    revoked: HashSet<TokenDigest>,
}

impl Tokens {
    /// Reads them all.
    pub(super) async fn load(pool: &Pool) -> Result<Self, Error> {
        let mut tokens = Self::default();
        let digest = |row: &super::Row| -> Result<TokenDigest, Error> {
            let hex: String = row.try_get("digest")?;
            TokenDigest::from_hex(&hex).ok_or(Error::Corrupt { what: "token" })
        };
        for row in sqlx::query("SELECT digest, user_id, label, created_at_ms, last_used_day FROM tokens")
            .fetch_all(pool)
            .await?
        {
            let record = TokenRecord {
                user: UserId(from_sql(row.try_get("user_id")?)),
                label: row.try_get("label")?,
                created_at_ms: from_sql(row.try_get("created_at_ms")?),
                last_used_day: row.try_get::<Option<i64>, _>("last_used_day")?.map(from_sql),
            };
            tokens.known.insert(digest(&row)?, record);
        }
        for row in sqlx::query("SELECT digest FROM revoked_tokens")
            .fetch_all(pool)
            .await?
        {
            tokens.revoked.insert(digest(&row)?);
        }
        Ok(tokens)
    }

    /// Whose token this is.
    pub(super) fn owner(&self, digest: TokenDigest) -> Option<UserId> {
        self.known.get(&digest).map(|record| record.user)
    }

    /// Whether it was good once and shall never be again.
    pub(super) fn is_revoked(&self, digest: TokenDigest) -> bool {
        self.revoked.contains(&digest)
    }

    /// The tokens of an account, the oldest first.
    pub(super) fn of(&self, user: UserId) -> Vec<(TokenDigest, &TokenRecord)> {
        let mut tokens: Vec<_> = self
            .known
            .iter()
            .filter(|(_, record)| record.user == user)
            .map(|(digest, record)| (*digest, record))
            .collect();
        tokens.sort_unstable_by_key(|(digest, record)| (record.created_at_ms, digest.id()));
        tokens
    }

    fn revoke(&mut self, digest: TokenDigest, remember: bool) {
        self.known.remove(&digest);
        if remember {
            self.revoked.insert(digest);
        }
    }
}

impl Directory {
    /// Makes a token for an account. This is the only time that it is seen.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub async fn create_token(&self, user: UserId) -> Result<Token, Error> {
        self.create_labelled_token(user, "").await
    }

    /// Makes a token with a label by which its owner knows it again.
    ///
    /// # Errors
    /// As [`Self::create_token`].
    pub async fn create_labelled_token(&self, user: UserId, label: &str) -> Result<Token, Error> {
        let token = token::shape(user, &rand::random());
        self.accept_token(user, &token, label).await?;
        Ok(token)
    }

    /// Makes a token for somebody who has just shown who it is; `None` if that holds no more: the account is not active,
    /// or its password is not the one that was `verified` any more. Whatever revokes tokens comes before or after.
    ///
    /// # Errors
    /// As [`Self::create_token`].
    pub(crate) async fn sign_in(
        &self,
        user: UserId,
        label: &str,
        verified: Option<&PasswordHash>,
    ) -> Result<Option<Token>, Error> {
        let token = token::shape(user, &rand::random());
        let _writing = self.writing.lock().await;
        let holds = {
            let world = self.read();
            let active = world
                .user(user)
                .is_some_and(|user| user.standing == Standing::Active);
            active && verified.is_none_or(|verified| world.password_of(user) == Some(verified))
        };
        if !holds {
            return Ok(None);
        }
        self.insert_token(user, &token, label).await?;
        Ok(Some(token))
    }

    /// The token that `seed` stands for: the same whenever it is asked for, until it is revoked; then another one.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn seeded_token(&self, user: UserId, seed: &str) -> Result<Token, Error> {
        let mut seed = seed.to_owned();
        let mut token = token::from_seed(user, &seed);
        while self.read().is_revoked(TokenDigest::of(token.expose())) {
            seed.push('+');
            token = token::from_seed(user, &seed);
        }
        self.accept_token(user, &token, "dev.json").await?;
        Ok(token)
    }

    /// Lets `token` log in as `user` from now on.
    pub(crate) async fn accept_token(&self, user: UserId, token: &Token, label: &str) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        self.require_user(user)?;
        if self.read().token_owner(TokenDigest::of(token.expose())) == Some(user) {
            return Ok(());
        }
        self.insert_token(user, token, label).await
    }

    /// Stores a new token; whoever calls holds `writing`.
    async fn insert_token(&self, user: UserId, token: &Token, label: &str) -> Result<(), Error> {
        let digest = TokenDigest::of(token.expose());
        let record = TokenRecord {
            user,
            label: label.to_owned(),
            created_at_ms: now_ms(),
            last_used_day: None,
        };
        sqlx::query("INSERT INTO tokens (digest, user_id, label, created_at_ms) VALUES ($1, $2, $3, $4)")
            .bind(digest.to_hex())
            .bind(to_sql(user.0))
            .bind(&record.label)
            .bind(to_sql(record.created_at_ms))
            .execute(&self.pool)
            .await?;
        self.world.write().tokens.known.insert(digest, record);
        Ok(())
    }

    /// Ends one token of an account, for ever.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a token, [`Error::Directory`].
    pub(crate) async fn revoke_token(&self, user: UserId, id: TokenId) -> Result<TokenDigest, Error> {
        let _writing = self.writing.lock().await;
        let found = {
            let world = self.read();
            let tokens = world.tokens_of(user);
            tokens
                .iter()
                .map(|(digest, _)| *digest)
                .find(|digest| digest.id() == id)
        };
        let digest = found.ok_or(Error::Unknown { what: "token" })?;
        self.revoke_all(&[digest]).await?;
        Ok(digest)
    }

    /// Ends every token of an account, for ever. Gives them, so that what logged in with them can be ended.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such an account, [`Error::Directory`].
    pub(crate) async fn revoke_tokens(&self, user: UserId) -> Result<Vec<TokenDigest>, Error> {
        let _writing = self.writing.lock().await;
        self.require_user(user)?;
        let digests: Vec<TokenDigest> = {
            let world = self.read();
            world
                .tokens_of(user)
                .into_iter()
                .map(|(digest, _)| digest)
                .collect()
        };
        self.revoke_all(&digests).await?;
        Ok(digests)
    }

    /// Ends tokens; whoever calls holds `writing`.
    async fn revoke_all(&self, digests: &[TokenDigest]) -> Result<(), Error> {
        let remember = self.remembers_revoked.load(Ordering::Relaxed);
        let mut transaction = self.pool.begin().await?;
        for digest in digests {
            sqlx::query("DELETE FROM tokens WHERE digest = $1")
                .bind(digest.to_hex())
                .execute(&mut *transaction)
                .await?;
            if !remember {
                continue;
            }
            sqlx::query("INSERT INTO revoked_tokens (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING")
                .bind(digest.to_hex())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        let mut world = self.world.write();
        for digest in digests {
            world.tokens.revoke(*digest, remember);
        }
        Ok(())
    }

    /// Remembers from now on no token that is revoked: it is unknown then, which is all that a server needs on which
    /// unknown tokens log nobody in. Otherwise every sign-out would be kept for ever.
    pub(crate) fn forget_revoked_tokens(&self) {
        self.remembers_revoked.store(false, Ordering::Relaxed);
    }

    /// Notes that a token was used today. Only the first use of a day is written.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn note_token_use(&self, digest: TokenDigest, now_ms: u64) -> Result<(), Error> {
        let today = now_ms / DAY_MS;
        let noted = |record: &TokenRecord| record.last_used_day == Some(today);
        if self.read().tokens.known.get(&digest).is_none_or(noted) {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        sqlx::query("UPDATE tokens SET last_used_day = $1 WHERE digest = $2")
            .bind(to_sql(today))
            .bind(digest.to_hex())
            .execute(&self.pool)
            .await?;
        if let Some(record) = self.world.write().tokens.known.get_mut(&digest) {
            record.last_used_day = Some(today);
        }
        Ok(())
    }

    /// A fresh seed for [`Self::seeded_token`].
    pub(crate) fn new_token_seed() -> String {
        token::new_seed()
    }

    /// A name for the bot that an unknown token stands for.
    pub(crate) fn name_for_token(token: &str) -> String {
        format!("bot-{}", TokenDigest::of(token).short())
    }
}

impl TokenRecord {
    /// Unix milliseconds of the beginning of the last day of use.
    pub(crate) fn last_used_ms(&self) -> Option<u64> {
        self.last_used_day.map(|day| day * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::NewUser;

    #[tokio::test]
    async fn the_day_of_the_last_use_is_kept_and_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.db");
        let directory = Directory::open(&file).await.unwrap();
        let user = directory
            .create_user(NewUser {
                name: "ada".to_owned(),
                ..NewUser::default()
            })
            .await
            .unwrap();
        let token = directory.create_labelled_token(user.id, "laptop").await.unwrap();
        let digest = TokenDigest::of(token.expose());
        directory.note_token_use(digest, 3 * DAY_MS + 17).await.unwrap();
        drop(directory);
        let again = Directory::open(&file).await.unwrap();
        let world = again.read();
        let (_, record) = world.tokens_of(user.id)[0];
        assert_eq!(
            (record.label.as_str(), record.last_used_ms()),
            ("laptop", Some(3 * DAY_MS))
        );
    }

    #[tokio::test]
    async fn a_seed_whose_token_was_revoked_gives_another() {
        let directory = Directory::in_memory().await.unwrap();
        let user = directory.create_user(NewUser::default()).await.unwrap().id;
        let first = directory.seeded_token(user, "seed").await.unwrap();
        assert_eq!(directory.seeded_token(user, "seed").await.unwrap(), first);
        directory.revoke_tokens(user).await.unwrap();
        let second = directory.seeded_token(user, "seed").await.unwrap();
        assert_ne!(second, first);
        assert_eq!(directory.seeded_token(user, "seed").await.unwrap(), second);
    }

    #[tokio::test]
    async fn what_is_revoked_is_kept_only_where_it_matters() {
        let directory = Directory::in_memory().await.unwrap();
        let user = directory.create_user(NewUser::default()).await.unwrap().id;
        let kept = async || -> i64 {
            let count = sqlx::query_scalar("SELECT COUNT(*) FROM revoked_tokens");
            count.fetch_one(&directory.pool).await.unwrap()
        };
        let revoke = async || {
            let token = directory.create_token(user).await.unwrap();
            directory.revoke_tokens(user).await.unwrap();
            TokenDigest::of(token.expose())
        };
        let remembered = revoke().await;
        directory.forget_revoked_tokens();
        let forgotten = revoke().await;
        assert_eq!(kept().await, 1);
        let world = directory.read();
        assert!(world.is_revoked(remembered) && !world.is_revoked(forgotten));
        assert!(world.user_of_token(forgotten).is_none());
    }

    #[tokio::test]
    async fn whoever_showed_a_password_that_was_changed_since_gets_no_token() {
        let directory = Directory::in_memory().await.unwrap();
        let user = directory.create_user(NewUser::default()).await.unwrap().id;
        let [old, new] = ["old", "new"].map(|text| PasswordHash::from_stored(text.to_owned()));
        directory.set_password(user, old.clone()).await.unwrap();
        let verified = directory.read().password_of(user).cloned();
        assert!(
            directory
                .sign_in(user, "", verified.as_ref())
                .await
                .unwrap()
                .is_some()
        );

        directory.set_password(user, new.clone()).await.unwrap();
        directory.revoke_tokens(user).await.unwrap();
        assert_eq!(
            directory.sign_in(user, "", verified.as_ref()).await.unwrap(),
            None
        );
        assert!(directory.read().tokens_of(user).is_empty());

        let token = directory.sign_in(user, "", Some(&new)).await.unwrap();
        assert!(token.is_some());
        let disabled = directory.edit_user(user, |user| user.standing = Standing::Disabled);
        disabled.await.unwrap();
        for verified in [None, Some(&new)] {
            assert_eq!(directory.sign_in(user, "", verified).await.unwrap(), None);
        }
    }
}
