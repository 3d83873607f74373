//! Invites: to a guild, and the operator's to make an account.

use std::collections::BTreeMap;

use rand::Rng as _;
use sqlx::Row as _;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

use super::{Connection, Directory, Pool, World, from_sql, to_sql};
use crate::Error;

/// Characters of a code: some 59 bits of chance, so that nobody guesses one.
const CODE_LENGTH: usize = 10;
const CODE_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// How long an invite holds, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Unix milliseconds.
    pub(crate) created_at_ms: u64,
    /// Seconds; 0 is for ever.
    pub(crate) max_age_s: u32,
    /// 0 is without end.
    pub(crate) max_uses: u32,
    /// How often it was used.
    pub(crate) uses: u32,
}

impl Terms {
    /// Unix milliseconds; `None` is never.
    pub(crate) fn expires_at_ms(&self) -> Option<u64> {
        (self.max_age_s > 0).then(|| self.created_at_ms + u64::from(self.max_age_s) * 1000)
    }

    fn hold(&self, now_ms: u64) -> bool {
        self.expires_at_ms().is_none_or(|end| now_ms < end)
    }

    /// Whether one more use is the last.
    fn end_with_next_use(&self) -> bool {
        self.max_uses > 0 && self.uses + 1 >= self.max_uses
    }
}

/// An invite to a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invite {
    /// What to type.
    pub(crate) code: String,
    /// The guild.
    pub(crate) guild_id: GuildId,
    /// The channel to begin in.
    pub(crate) channel_id: ChannelId,
    /// Who made it; `None` is the operator.
    pub(crate) inviter: Option<UserId>,
    /// How long it holds, and how often.
    pub(crate) terms: Terms,
    /// Membership ends with the session, unless there is a role by then.
    pub(crate) temporary: bool,
}

/// What an invite is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewInvite {
    /// The guild.
    pub(crate) guild_id: GuildId,
    /// The channel to begin in.
    pub(crate) channel_id: ChannelId,
    /// Who makes it; `None` is the operator.
    pub(crate) inviter: Option<UserId>,
    /// Seconds; 0 is for ever.
    pub(crate) max_age_s: u32,
    /// 0 is without end.
    pub(crate) max_uses: u32,
    /// Membership ends with the session.
    pub(crate) temporary: bool,
}

/// An invite of the operator to make an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignUpInvite {
    /// What to type.
    pub(crate) code: String,
    /// How long it holds, and how often.
    pub(crate) terms: Terms,
}

/// By which right a stranger makes an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Everybody may.
    Open,
    /// The operator's invite with this code.
    SignUp(String),
    /// A guild's invite with this code.
    Guild(String),
}

/// A use of a guild's invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    /// The invite as it was before.
    pub(crate) invite: Invite,
    /// It was the last use: the invite is gone.
    pub(crate) spent: bool,
}

/// All invites, by code. Those that have ended are passed over, and go when their guild makes another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Invites {
    to_guilds: BTreeMap<String, Invite>,
    to_sign_up: BTreeMap<String, SignUpInvite>,
}

impl Invites {
    /// Reads them all.
    pub(super) async fn load(pool: &Pool) -> Result<Self, Error> {
        let mut invites = Self::default();
        let query = "SELECT code, guild_id, channel_id, inviter_id, created_at_ms, max_age_s, max_uses, uses, \
                     CAST(temporary AS INTEGER) AS temporary FROM invites";
        for row in sqlx::query(query).fetch_all(pool).await? {
            let invite = Invite {
                code: row.try_get("code")?,
                guild_id: GuildId(from_sql(row.try_get("guild_id")?)),
                channel_id: ChannelId(from_sql(row.try_get("channel_id")?)),
                inviter: row
                    .try_get::<Option<i64>, _>("inviter_id")?
                    .map(|id| UserId(from_sql(id))),
                terms: terms(&row)?,
                temporary: super::load::flag(&row, "temporary")?,
            };
            invites.to_guilds.insert(invite.code.clone(), invite);
        }
        for row in sqlx::query("SELECT code, created_at_ms, max_age_s, max_uses, uses FROM sign_up_invites")
            .fetch_all(pool)
            .await?
        {
            let invite = SignUpInvite {
                code: row.try_get("code")?,
                terms: terms(&row)?,
            };
            invites.to_sign_up.insert(invite.code.clone(), invite);
        }
        Ok(invites)
    }
}

fn terms(row: &super::Row) -> Result<Terms, Error> {
    let number = |column: &'static str| {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Corrupt { what: "invite" })
    };
    Ok(Terms {
        created_at_ms: from_sql(row.try_get("created_at_ms")?),
        max_age_s: number("max_age_s")?,
        max_uses: number("max_uses")?,
        uses: number("uses")?,
    })
}

impl World {
    /// A guild's invite that holds.
    pub(crate) fn invite(&self, code: &str, now_ms: u64) -> Option<&Invite> {
        let invite = self.invites.to_guilds.get(code)?;
        self.holds(invite, now_ms).then_some(invite)
    }

    /// The invites to a guild that hold, by code.
    pub(crate) fn invites_of(&self, guild: GuildId, now_ms: u64) -> impl Iterator<Item = &Invite> {
        let all = self.invites.to_guilds.values();
        all.filter(move |it| it.guild_id == guild && self.holds(it, now_ms))
    }

    /// An invite ends with its channel as well.
    fn holds(&self, invite: &Invite, now_ms: u64) -> bool {
        let home = self.guild_channel(invite.channel_id);
        invite.terms.hold(now_ms) && home.is_some_and(|(guild, _)| guild.id == invite.guild_id)
    }

    /// An invite to make an account that holds.
    pub(crate) fn sign_up_invite(&self, code: &str, now_ms: u64) -> Option<&SignUpInvite> {
        let invite = self.invites.to_sign_up.get(code)?;
        invite.terms.hold(now_ms).then_some(invite)
    }

    /// The invites to make an account that hold, by code.
    pub(crate) fn sign_up_invites(&self, now_ms: u64) -> impl Iterator<Item = &SignUpInvite> {
        let all = self.invites.to_sign_up.values();
        all.filter(move |it| it.terms.hold(now_ms))
    }

    /// Notes that an admission was used; gives the guild's invite.
    pub(super) fn admitted(&mut self, admission: &Admission) -> Option<Used> {
        match admission {
            Admission::Open => None,
            Admission::SignUp(code) => {
                let invite = self.invites.to_sign_up.get_mut(code)?;
                if invite.terms.end_with_next_use() {
                    self.invites.to_sign_up.remove(code);
                } else {
                    invite.terms.uses += 1;
                }
                None
            }
            Admission::Guild(code) => {
                let invite = self.invites.to_guilds.get_mut(code)?;
                let used = Used {
                    invite: invite.clone(),
                    spent: invite.terms.end_with_next_use(),
                };
                if used.spent {
                    self.invites.to_guilds.remove(code);
                } else {
                    invite.terms.uses += 1;
                }
                Some(used)
            }
        }
    }
}

impl Directory {
    /// Makes an invite to a guild; unless it must be `unique`, one that is alike is given again. Says as well whether
    /// it is new.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn create_invite(
        &self,
        new: NewInvite,
        unique: bool,
        now_ms: u64,
    ) -> Result<(Invite, bool), Error> {
        let _writing = self.writing.lock().await;
        let alike = |it: &&Invite| {
            it.channel_id == new.channel_id
                && it.inviter == new.inviter
                && it.terms.max_age_s == new.max_age_s
                && it.terms.max_uses == new.max_uses
                && it.temporary == new.temporary
        };
        let known = self.read().invites_of(new.guild_id, now_ms).find(alike).cloned();
        if let Some(known) = known.filter(|_| !unique) {
            return Ok((known, false));
        }
        let invite = Invite {
            code: new_code(),
            guild_id: new.guild_id,
            channel_id: new.channel_id,
            inviter: new.inviter,
            terms: Terms {
                created_at_ms: now_ms,
                max_age_s: new.max_age_s,
                max_uses: new.max_uses,
                uses: 0,
            },
            temporary: new.temporary,
        };
        let ended = self.ended_invites(new.guild_id, now_ms);
        let mut transaction = self.pool.begin().await?;
        for code in &ended {
            run(&mut transaction, DELETE_INVITE, code).await?;
        }
        insert_invite(&mut transaction, &invite).await?;
        transaction.commit().await?;
        let invites = &mut self.world.write().invites.to_guilds;
        invites.retain(|code, _| !ended.contains(code));
        invites.insert(invite.code.clone(), invite.clone());
        Ok((invite, true))
    }

    fn ended_invites(&self, guild: GuildId, now_ms: u64) -> Vec<String> {
        let world = self.read();
        let of_guild = world.invites.to_guilds.values().filter(|it| it.guild_id == guild);
        let ended = of_guild.filter(|it| !world.holds(it, now_ms));
        ended.map(|it| it.code.clone()).collect()
    }

    /// Uses a guild's invite once; `None` if there is none that holds.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn use_invite(&self, code: &str, now_ms: u64) -> Result<Option<Used>, Error> {
        let _writing = self.writing.lock().await;
        let admission = Admission::Guild(code.to_owned());
        let mut connection = self.pool.acquire().await?;
        match self.admit(&mut connection, &admission, now_ms).await {
            Ok(()) => Ok(self.world.write().admitted(&admission)),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes that an admission is used; whoever calls holds `writing`, and says so to the copy with
    /// [`World::admitted`].
    ///
    /// # Errors
    /// [`Error::Unknown`] if it does not hold, [`Error::Directory`].
    pub(super) async fn admit(
        &self,
        connection: &mut Connection,
        admission: &Admission,
        now_ms: u64,
    ) -> Result<(), Error> {
        let unknown = Error::Unknown { what: "invite" };
        let (terms, code, count, remove) = match admission {
            Admission::Open => return Ok(()),
            Admission::SignUp(code) => {
                let terms = self.read().sign_up_invite(code, now_ms).map(|it| it.terms);
                (terms, code, COUNT_SIGN_UP, DELETE_SIGN_UP)
            }
            Admission::Guild(code) => {
                let terms = self.read().invite(code, now_ms).map(|it| it.terms);
                (terms, code, COUNT_INVITE, DELETE_INVITE)
            }
        };
        if terms.ok_or(unknown)?.end_with_next_use() {
            run(connection, remove, code).await
        } else {
            run(connection, count, code).await
        }
    }

    /// Ends a guild's invite; gives it if it was there.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn delete_invite(&self, code: &str) -> Result<Option<Invite>, Error> {
        let _writing = self.writing.lock().await;
        run(&mut *self.pool.acquire().await?, DELETE_INVITE, code).await?;
        Ok(self.world.write().invites.to_guilds.remove(code))
    }

    /// Makes an invite to make an account.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn create_sign_up_invite(
        &self,
        max_age_s: u32,
        max_uses: u32,
        now_ms: u64,
    ) -> Result<SignUpInvite, Error> {
        let invite = SignUpInvite {
            code: new_code(),
            terms: Terms {
                created_at_ms: now_ms,
                max_age_s,
                max_uses,
                uses: 0,
            },
        };
        let _writing = self.writing.lock().await;
        sqlx::query(
            "INSERT INTO sign_up_invites (code, created_at_ms, max_age_s, max_uses, uses) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&invite.code)
        .bind(to_sql(now_ms))
        .bind(i64::from(max_age_s))
        .bind(i64::from(max_uses))
        .bind(0_i64)
        .execute(&self.pool)
        .await?;
        let invites = &mut self.world.write().invites.to_sign_up;
        invites.insert(invite.code.clone(), invite.clone());
        Ok(invite)
    }

    /// Ends an invite to make an account; says whether it was there.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn delete_sign_up_invite(&self, code: &str) -> Result<bool, Error> {
        let _writing = self.writing.lock().await;
        run(&mut *self.pool.acquire().await?, DELETE_SIGN_UP, code).await?;
        Ok(self.world.write().invites.to_sign_up.remove(code).is_some())
    }
}

const COUNT_INVITE: &str = "UPDATE invites SET uses = uses + 1 WHERE code = $1";
const COUNT_SIGN_UP: &str = "UPDATE sign_up_invites SET uses = uses + 1 WHERE code = $1";
const DELETE_INVITE: &str = "DELETE FROM invites WHERE code = $1";
const DELETE_SIGN_UP: &str = "DELETE FROM sign_up_invites WHERE code = $1";

/// Carries out a statement about one code.
async fn run(connection: &mut Connection, statement: &'static str, code: &str) -> Result<(), Error> {
    sqlx::query(statement).bind(code).execute(connection).await?;
    Ok(())
}

async fn insert_invite(connection: &mut Connection, invite: &Invite) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO invites (code, guild_id, channel_id, inviter_id, created_at_ms, max_age_s, max_uses, uses, \
         temporary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&invite.code)
    .bind(to_sql(invite.guild_id.0))
    .bind(to_sql(invite.channel_id.0))
    .bind(invite.inviter.map(|id| to_sql(id.0)))
    .bind(to_sql(invite.terms.created_at_ms))
    .bind(i64::from(invite.terms.max_age_s))
    .bind(i64::from(invite.terms.max_uses))
    .bind(i64::from(invite.terms.uses))
    .bind(invite.temporary)
    .execute(connection)
    .await?;
    Ok(())
}

fn new_code() -> String {
    let mut random = rand::rng();
    let letter = |_| char::from(CODE_LETTERS[random.random_range(0..CODE_LETTERS.len())]);
    (0..CODE_LENGTH).map(letter).collect()
}
