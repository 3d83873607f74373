//! Commands of applications.

use std::collections::BTreeMap;

use sqlx::Row as _;
use voxhall_protocol::ids::{ApplicationId, CommandId, GuildId};
use voxhall_protocol::model::ApplicationCommand;

use super::world::World;
use super::{Connection, Directory, Pool, to_sql};
use crate::Error;

/// The commands of every application.
pub(super) type Commands = BTreeMap<ApplicationId, BTreeMap<CommandId, ApplicationCommand>>;

/// How the commands of an application change.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CommandChange {
    /// Those that go.
    pub(crate) removed: Vec<CommandId>,
    /// Those that come, or are no longer what they were.
    pub(crate) put: Vec<ApplicationCommand>,
}

impl Directory {
    /// Decides on a change of an application's commands and carries it out, all of it or nothing. Nothing else is
    /// written between the two. Gives what `decide` gives beside the change.
    ///
    /// # Errors
    /// Those of `decide`; [`Error::Directory`].
    pub(crate) async fn change_commands<T, E: From<Error>>(
        &self,
        application: ApplicationId,
        decide: impl FnOnce(&World) -> Result<(CommandChange, T), E>,
    ) -> Result<T, E> {
        let _writing = self.writing.lock().await;
        let (change, given) = decide(&self.read())?;
        self.store_commands(&change).await?;
        let mut world = self.world.write();
        let commands = world.commands.entry(application).or_default();
        for id in &change.removed {
            commands.remove(id);
        }
        commands.extend(change.put.into_iter().map(|command| (command.id, command)));
        if commands.is_empty() {
            world.commands.remove(&application);
        }
        Ok(given)
    }

    async fn store_commands(&self, change: &CommandChange) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        for id in &change.removed {
            sqlx::query("DELETE FROM application_commands WHERE id = $1")
                .bind(to_sql(id.0))
                .execute(&mut *transaction)
                .await?;
        }
        for command in &change.put {
            put(&mut transaction, command).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn put(connection: &mut Connection, command: &ApplicationCommand) -> Result<(), Error> {
    let details = serde_json::to_string(command).expect("a command is plain values with text as keys");
    sqlx::query(
        "INSERT INTO application_commands (id, application_id, guild_id, details) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET details = excluded.details",
    )
    .bind(to_sql(command.id.0))
    .bind(to_sql(command.application_id.0))
    .bind(command.guild_id.map(|guild| to_sql(guild.0)))
    .bind(details)
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads all of them, at start.
pub(super) async fn load(pool: &Pool, world: &mut World) -> Result<(), Error> {
    for row in sqlx::query("SELECT details FROM application_commands")
        .fetch_all(pool)
        .await?
    {
        let details: String = row.try_get("details")?;
        let command: ApplicationCommand =
            serde_json::from_str(&details).map_err(|_| Error::Corrupt { what: "command" })?;
        let commands = world.commands.entry(command.application_id).or_default();
        commands.insert(command.id, command);
    }
    Ok(())
}

impl World {
    /// The commands of an application, those of single guilds among them, oldest first.
    pub(crate) fn commands_of(
        &self,
        application: ApplicationId,
    ) -> impl Iterator<Item = &ApplicationCommand> {
        self.commands
            .get(&application)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// The commands that an application has for all guilds, or for this one alone.
    pub(crate) fn commands_in(
        &self,
        application: ApplicationId,
        scope: Option<GuildId>,
    ) -> impl Iterator<Item = &ApplicationCommand> {
        self.commands_of(application)
            .filter(move |command| command.guild_id == scope)
    }

    /// A guild is gone, and so are the commands that it alone had.
    pub(super) fn forget_commands_of_guild(&mut self, guild: GuildId) {
        for commands in self.commands.values_mut() {
            commands.retain(|_, command| command.guild_id != Some(guild));
        }
        self.commands.retain(|_, commands| !commands.is_empty());
    }
}
