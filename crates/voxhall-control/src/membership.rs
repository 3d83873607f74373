//! Who comes into a guild and who goes, and for how long.

use voxhall_protocol::ids::{GuildId, UserId};

use crate::control::Core;
use crate::directory::{GuildWrite, new_member};
use crate::guilds::Author;
use crate::{Error, wall};

/// How long a membership lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until the member goes or is sent away.
    Lasting,
    /// Until the account's last session ends, unless the member has a role by then.
    Temporary,
}

/// Whether a ban keeps an account out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bans {
    /// It does.
    Hold,
    /// It does not: the operator brings the account in.
    Overruled,
}

/// What became of somebody who was to be made a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It is one now.
    New,
    /// It was one before.
    Member,
    /// It is banned, and none.
    Banned,
}

impl Core {
    /// Makes an account a member of a guild.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a guild or account; those of directory and switchboard.
    pub(crate) async fn bring_in(
        &self,
        guild: GuildId,
        user: UserId,
        stay: Stay,
        bans: Bans,
    ) -> Result<Entry, Error> {
        let mut entry = Entry::Member;
        self.change_guild(guild, &by(user), |world| -> Result<_, Error> {
            let banned = world
                .guild(guild)
                .is_some_and(|guild| guild.bans.contains_key(&user));
            if world.member(guild, user).is_some() {
                return Ok(Vec::new());
            }
            if banned && bans == Bans::Hold {
                entry = Entry::Banned;
                return Ok(Vec::new());
            }
            entry = Entry::New;
            let member = new_member(user, wall::now_ms());
            Ok(vec![GuildWrite::PutMember(Box::new(member))])
        })
        .await?;
        if entry == Entry::New {
            self.directory
                .set_temporary(guild, user, stay == Stay::Temporary)
                .await?;
        }
        Ok(entry)
    }

    /// Takes a member out of a guild and out of its rooms; says whether it was one.
    ///
    /// # Errors
    /// Those of directory and switchboard.
    pub(crate) async fn take_out(&self, guild: GuildId, user: UserId) -> Result<bool, Error> {
        let mut known = false;
        self.change_guild(guild, &by(user), |world| -> Result<_, Error> {
            known = world.member(guild, user).is_some();
            Ok(known
                .then_some(GuildWrite::RemoveMember(user))
                .into_iter()
                .collect())
        })
        .await?;
        self.directory.set_temporary(guild, user, false).await?;
        Ok(known)
    }

    /// The account's last session is over: it goes from the guilds that it was in for that long.
    pub(crate) async fn end_temporary_stays(&self, user: UserId) {
        if self.hub.sessions_of(user) > 0 {
            return;
        }
        let stays: Vec<(GuildId, bool)> = {
            let world = self.directory.read();
            let guilds = world.temporary_guilds_of(user);
            let without_role = |guild| {
                let member = world.member(guild, user);
                member.is_some_and(|member| member.roles.is_empty())
            };
            guilds.map(|guild| (guild, without_role(guild))).collect()
        };
        for (guild, goes) in stays {
            let done = if goes {
                self.take_out(guild, user).await.map(drop)
            } else {
                self.directory.set_temporary(guild, user, false).await
            };
            if let Err(error) = done {
                tracing::error!(%error, %guild, %user, "a temporary membership cannot be ended");
            }
        }
    }
}

fn by(user: UserId) -> Author {
    Author {
        user: Some(user),
        reason: None,
    }
}
