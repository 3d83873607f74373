//! Members who go, and those who are here for one session.

use std::collections::BTreeSet;

use sqlx::Row as _;
use voxhall_protocol::ids::{GuildId, UserId};

use super::{Directory, Pool, World, from_sql, to_sql};
use crate::Error;

/// Who is in which guild for one session only.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stays(BTreeSet<(UserId, GuildId)>);

impl Stays {
    /// Reads them all.
    pub(super) async fn load(pool: &Pool) -> Result<Self, Error> {
        let mut stays = BTreeSet::new();
        for row in sqlx::query("SELECT guild_id, user_id FROM temporary_members")
            .fetch_all(pool)
            .await?
        {
            let user = UserId(from_sql(row.try_get("user_id")?));
            stays.insert((user, GuildId(from_sql(row.try_get("guild_id")?))));
        }
        Ok(Self(stays))
    }
}

impl World {
    /// The guilds that an account is in for one session only.
    pub(crate) fn temporary_guilds_of(&self, user: UserId) -> impl Iterator<Item = GuildId> {
        let all = (user, GuildId(0))..=(user, GuildId(u64::MAX));
        self.stays.0.range(all).map(|(_, guild)| *guild)
    }
}

impl Directory {
    /// Says whether a member is here for one session only.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub(crate) async fn set_temporary(
        &self,
        guild: GuildId,
        user: UserId,
        temporary: bool,
    ) -> Result<(), Error> {
        let known = self.read().stays.0.contains(&(user, guild));
        if known == temporary {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        let statement = if temporary {
            "INSERT INTO temporary_members (guild_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM temporary_members WHERE guild_id = $1 AND user_id = $2"
        };
        sqlx::query(statement)
            .bind(to_sql(guild.0))
            .bind(to_sql(user.0))
            .execute(&self.pool)
            .await?;
        let stays = &mut self.world.write().stays.0;
        if temporary {
            stays.insert((user, guild));
        } else {
            stays.remove(&(user, guild));
        }
        Ok(())
    }
}
