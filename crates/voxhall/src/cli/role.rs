//! `voxhall role`: the roles of guilds of a running server, and who has them.

use anyhow::{Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use voxhall_protocol::ids::{GuildId, RoleId, UserId};
use voxhall_protocol::model::{Permissions, Role};

use crate::admin::AdminArgs;
use crate::output;

/// Make, list, edit and delete roles, and give them to members
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall role create 934828556603764816 moderators --grant \"move members\" --grant \"mute members\"
  voxhall role list 934828556603764816
  voxhall role give 934828556603764816 1573501518625546240 959467381011415120")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a role; without --grant it grants what everybody has
    #[command(
        after_help = "Example:\n  voxhall role create 934828556603764816 moderators --grant \"move members\""
    )]
    Create {
        /// The guild
        guild: GuildId,

        /// The role's name
        name: String,

        /// What it grants, by name as `voxhall role list` prints it; may be repeated
        #[arg(long, value_name = "PERMISSION", value_parser = permission)]
        grant: Vec<Permissions>,
    },
    /// List the roles of a guild, with what they grant
    #[command(after_help = "Example:\n  voxhall role list 934828556603764816")]
    List {
        /// The guild
        guild: GuildId,
    },
    /// Edit a role; running calls follow at once
    #[command(
        after_help = "Example:\n  voxhall role edit 934828556603764816 1573501518625546240 --grant speak --grant connect"
    )]
    Edit {
        /// The guild
        guild: GuildId,

        /// The role; the guild's own id is that of @everyone
        role: RoleId,

        /// Another name
        #[arg(long)]
        name: Option<String>,

        /// What it grants instead of what it granted; may be repeated
        #[arg(long, value_name = "PERMISSION", value_parser = permission)]
        grant: Vec<Permissions>,
    },
    /// Delete a role; its members lose it
    #[command(after_help = "Example:\n  voxhall role delete 934828556603764816 1573501518625546240")]
    Delete {
        /// The guild
        guild: GuildId,

        /// The role
        role: RoleId,
    },
    /// Give a member a role
    #[command(
        after_help = "Example:\n  voxhall role give 934828556603764816 1573501518625546240 959467381011415120"
    )]
    Give {
        /// The guild
        guild: GuildId,

        /// The role
        role: RoleId,

        /// Whom
        user: UserId,
    },
    /// Take a role from a member
    #[command(
        after_help = "Example:\n  voxhall role take 934828556603764816 1573501518625546240 959467381011415120"
    )]
    Take {
        /// The guild
        guild: GuildId,

        /// The role
        role: RoleId,

        /// From whom
        user: UserId,
    },
}

/// The permissions that have a name.
fn known() -> impl Iterator<Item = (Permissions, &'static str)> {
    let flags = (0..u64::BITS).map(|bit| Permissions::from_bits(1 << bit));
    flags.filter_map(|flag| Some((flag, flag.names().next()?)))
}

/// A permission by its name.
fn permission(name: &str) -> Result<Permissions> {
    let wanted = name.trim().to_lowercase().replace(['_', '-'], " ");
    let found = known().find(|(_, label)| label.to_lowercase() == wanted);
    found.map(|(flag, _)| flag).ok_or_else(|| {
        let names: Vec<&str> = known().map(|(_, label)| label).collect();
        anyhow!("there is no such permission; there are {}", names.join(", "))
    })
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::Create { guild, name, grant } => {
                let request = fields(Some(name), &grant);
                let path = format!("/guilds/{guild}/roles");
                show(&[admin.post(&path, &request).await?], as_json)
            }
            Action::List { guild } => {
                let mut roles: Vec<Role> = admin.get(&format!("/guilds/{guild}/roles")).await?;
                roles.sort_by_key(|role| (role.position, role.id));
                show(&roles, as_json)
            }
            Action::Edit {
                guild,
                role,
                name,
                grant,
            } => {
                ensure!(
                    name.is_some() || !grant.is_empty(),
                    "nothing is to be edited; give --name or --grant"
                );
                let path = format!("/guilds/{guild}/roles/{role}");
                show(&[admin.patch(&path, &fields(name, &grant)).await?], as_json)
            }
            Action::Delete { guild, role } => {
                admin
                    .delete::<()>(&format!("/guilds/{guild}/roles/{role}"))
                    .await?;
                eprintln!("{role} is deleted");
                Ok(())
            }
            Action::Give { guild, role, user } => {
                admin
                    .put(&format!("/guilds/{guild}/members/{user}/roles/{role}"))
                    .await?;
                eprintln!("{user} has role {role}");
                Ok(())
            }
            Action::Take { guild, role, user } => {
                admin
                    .delete::<()>(&format!("/guilds/{guild}/members/{user}/roles/{role}"))
                    .await?;
                eprintln!("{user} has role {role} no more");
                Ok(())
            }
        }
    }
}

fn fields(name: Option<String>, grant: &[Permissions]) -> Value {
    let mut fields = Map::new();
    if let Some(name) = name {
        fields.insert("name".to_owned(), json!(name));
    }
    if !grant.is_empty() {
        let granted = grant.iter().fold(Permissions::NONE, |all, one| all.union(*one));
        fields.insert("permissions".to_owned(), json!(granted));
    }
    fields.into()
}

fn show(roles: &[Role], as_json: bool) -> Result<()> {
    output::list(roles, as_json, |role| {
        [
            role.id.to_string(),
            role.name.clone(),
            role.permissions.to_string(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_known_by_name() {
        assert_eq!(permission("Move_Members").unwrap(), Permissions::MOVE_MEMBERS);
        let error = permission("fly").unwrap_err().to_string();
        assert!(error.contains("move members"), "{error}");
    }
}
