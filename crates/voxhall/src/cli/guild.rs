//! `voxhall guild`: guilds of a running server and their members.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};

use crate::admin::AdminArgs;
use crate::output;

/// Make, list and delete guilds of a running server, and bring members in
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall guild create \"Night shift\" --owner 138397087229280257
  voxhall guild show 934828556603764816
  voxhall guild add-member 934828556603764816 959467381011415120")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a guild
    #[command(after_help = "Example:\n  voxhall guild create \"Night shift\" --owner 138397087229280257")]
    Create {
        /// The name people see
        name: String,

        /// Who may do everything in it
        #[arg(long, value_name = "USER")]
        owner: UserId,
    },
    /// List all guilds
    #[command(after_help = "Example:\n  voxhall guild list --json")]
    List,
    /// Show a guild with its channels, roles and members
    #[command(after_help = "Example:\n  voxhall guild show 934828556603764816")]
    Show {
        /// The guild
        guild: GuildId,
    },
    /// Delete a guild with all that is in it; people in its rooms are put out
    #[command(after_help = "Example:\n  voxhall guild delete 934828556603764816")]
    Delete {
        /// The guild
        guild: GuildId,
    },
    /// Add a person or a bot to a guild
    #[command(after_help = "Example:\n  voxhall guild add-member 934828556603764816 959467381011415120")]
    AddMember {
        /// The guild
        guild: GuildId,

        /// Whom
        user: UserId,
    },
    /// Take a member out of a guild and out of its rooms
    #[command(after_help = "Example:\n  voxhall guild remove-member 934828556603764816 959467381011415120")]
    RemoveMember {
        /// The guild
        guild: GuildId,

        /// Whom
        user: UserId,
    },
}

#[derive(Serialize, Deserialize)]
struct GuildSummary {
    id: GuildId,
    name: String,
    owner_id: UserId,
    member_count: u64,
}

/// A guild with all that `show` tells.
#[derive(Serialize, Deserialize)]
struct WholeGuild {
    #[serde(flatten)]
    summary: GuildSummary,
    channels: Vec<Named<ChannelId>>,
    roles: Vec<Named<RoleId>>,
    members: Vec<Named<UserId>>,
}

#[derive(Serialize, Deserialize)]
struct Named<I> {
    id: I,
    name: String,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::Create { name, owner } => {
                let request = json!({ "name": name, "owner_id": owner });
                show_all(&[admin.post("/guilds", &request).await?], as_json)
            }
            Action::List => show_all(&admin.get::<Vec<_>>("/guilds").await?, as_json),
            Action::Show { guild } => {
                let guild: WholeGuild = admin.get(&format!("/guilds/{guild}")).await?;
                if as_json {
                    output::json(&guild)
                } else {
                    output::print(&told(&guild))
                }
            }
            Action::Delete { guild } => {
                admin.delete::<()>(&format!("/guilds/{guild}")).await?;
                eprintln!("{guild} is deleted");
                Ok(())
            }
            Action::AddMember { guild, user } => {
                admin.put(&format!("/guilds/{guild}/members/{user}")).await?;
                eprintln!("{user} is a member of {guild}");
                Ok(())
            }
            Action::RemoveMember { guild, user } => {
                admin
                    .delete::<()>(&format!("/guilds/{guild}/members/{user}"))
                    .await?;
                eprintln!("{user} is a member of {guild} no more");
                Ok(())
            }
        }
    }
}

fn show_all(guilds: &[GuildSummary], as_json: bool) -> Result<()> {
    output::list(guilds, as_json, |guild| {
        [
            guild.id.to_string(),
            guild.name.clone(),
            format!("owner {}", guild.owner_id),
            format!("{} members", guild.member_count),
        ]
    })
}

fn told(guild: &WholeGuild) -> String {
    let GuildSummary {
        id, name, owner_id, ..
    } = &guild.summary;
    let mut text = format!("{id}  {name}\n  owner       {owner_id}\n");
    for channel in &guild.channels {
        text += &format!("  channel     {} {}\n", channel.id, channel.name);
    }
    for role in &guild.roles {
        text += &format!("  role        {} {}\n", role.id, role.name);
    }
    for member in &guild.members {
        text += &format!("  member      {} {}\n", member.id, member.name);
    }
    text
}
