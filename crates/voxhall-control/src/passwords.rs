//! Passwords: argon2id, on threads for slow work, a few at a time.

use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use voxhall_protocol::{Password, Secret};

use crate::Error;

/// How hard a password is to try out: what OWASP recommends for argon2id at 19 MiB. A stored password is verified
/// with the parameters that it was stored with.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many passwords are worked on at once; each takes [`MEMORY_KIB`] and a thread.
const AT_ONCE: usize = 4;

/// A password as it is stored, a PHC string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(Secret<String>);

impl PasswordHash {
    /// What the database held.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// What the database shall hold.
    pub(crate) fn as_stored(&self) -> &str {
        self.0.expose()
    }
}

/// Hashes and verifies passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    free: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Passwords {
    /// Makes of a password what is stored.
    ///
    /// # Errors
    /// [`Error::Password`].
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, Error> {
        self.work(move || hash(&password)).await
    }

    /// Whether this is the password that was stored. Takes as long where none was, so that an answer's delay does not
    /// say which accounts there are.
    ///
    /// # Errors
    /// [`Error::Password`].
    pub(crate) async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<bool, Error> {
        self.work(move || match stored {
            Some(stored) => verify(&password, &stored),
            None => hash(&password).map(|_| false),
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let failed = |why: String| Error::Password { why };
        let permit = self.free.clone().acquire_owned().await;
        let permit = permit.map_err(|error| failed(error.to_string()))?;
        // The work goes on if nobody waits for it any more, and so must the permit.
        let worked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        worked.await.map_err(|error| failed(error.to_string()))?
    }
}

fn hash(password: &Password) -> Result<PasswordHash, Error> {
    let salt: [u8; 16] = rand::random();
    let hashed: Result<phc::PasswordHash, _> =
        argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
    let hashed = hashed.map_err(|error| Error::Password {
        why: error.to_string(),
    })?;
    Ok(PasswordHash(Secret::new(hashed.to_string())))
}

fn verify(password: &Password, stored: &PasswordHash) -> Result<bool, Error> {
    let parsed =
        phc::PasswordHash::new(stored.as_stored()).map_err(|_| Error::Corrupt { what: "password" })?;
    let verified = argon2()?.verify_password(password.expose().as_bytes(), &parsed);
    Ok(verified.is_ok())
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::Password {
        why: error.to_string(),
    })?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(
            stored.as_stored().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            stored.as_stored()
        );
        let again = passwords.hash("correct horse".into()).await.unwrap();
        assert_ne!(stored, again, "each has a salt of its own");
        for (given, stored, right) in [
            ("correct horse", Some(stored.clone()), true),
            ("Correct horse", Some(stored), false),
            ("correct horse", None, false),
        ] {
            assert_eq!(passwords.verify(given.into(), stored).await.unwrap(), right);
        }
    }

    #[tokio::test]
    async fn what_was_stored_with_other_parameters_still_holds() {
        // The test vector of the reference implementation, with its own parameters.
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let stored = PasswordHash::from_stored(stored.to_owned());
        assert!(
            Passwords::default()
                .verify("password".into(), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(!format!("{stored:?}").contains("argon2id"));
    }
}
