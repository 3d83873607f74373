//! `voxhall guild`: guilds of a running server, their channels and members.

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::model::{Channel, ChannelKind};

use crate::admin::{Admin, AdminArgs};

/// Make and list guilds of a running server, their channels and members
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall guild create \"Night shift\" --owner 138397087229280257
  voxhall guild add-channel 934828556603764816 Lounge --kind voice
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
    /// List the channels of a guild
    #[command(after_help = "Example:\n  voxhall guild channels 934828556603764816")]
    Channels {
        /// The guild
        guild: GuildId,
    },
    /// Add a channel to a guild
    #[command(after_help = "Example:\n  voxhall guild add-channel 934828556603764816 Lounge --kind voice")]
    AddChannel {
        /// The guild
        guild: GuildId,

        /// The channel's name
        name: String,

        /// What it is for
        #[arg(long, default_value = "voice")]
        kind: Kind,
    },
    /// Add a person or a bot to a guild
    #[command(after_help = "Example:\n  voxhall guild add-member 934828556603764816 959467381011415120")]
    AddMember {
        /// The guild
        guild: GuildId,

        /// Whom
        user: UserId,
    },
}

/// What a channel is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Talking
    Voice,
    /// Talking to an audience
    Stage,
    /// Writing
    Text,
    /// Holding other channels
    Category,
}

impl From<Kind> for ChannelKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Voice => Self::GuildVoice,
            Kind::Stage => Self::GuildStage,
            Kind::Text => Self::GuildText,
            Kind::Category => Self::GuildCategory,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct GuildSummary {
    id: GuildId,
    name: String,
    owner_id: UserId,
    member_count: u64,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let json = self.admin.json;
        match self.action {
            Action::Create { name, owner } => {
                let request = serde_json::json!({ "name": name, "owner_id": owner });
                show_guilds(&[admin.post("/guilds", &request).await?], json)
            }
            Action::List => show_guilds(&admin.get::<Vec<_>>("/guilds").await?, json),
            Action::Channels { guild } => show_channels(
                &admin.get::<Vec<_>>(&format!("/guilds/{guild}/channels")).await?,
                json,
            ),
            Action::AddChannel { guild, name, kind } => {
                let request = serde_json::json!({ "name": name, "type": ChannelKind::from(kind) });
                show_channels(
                    &[admin.post(&format!("/guilds/{guild}/channels"), &request).await?],
                    json,
                )
            }
            Action::AddMember { guild, user } => add_member(&admin, guild, user).await,
        }
    }
}

async fn add_member(admin: &Admin, guild: GuildId, user: UserId) -> Result<()> {
    admin.put(&format!("/guilds/{guild}/members/{user}")).await?;
    eprintln!("{user} is a member of {guild}");
    Ok(())
}

fn show_guilds(guilds: &[GuildSummary], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(guilds)?);
        return Ok(());
    }
    for guild in guilds {
        let id = guild.id.to_string();
        println!(
            "{id:<20} {:<24} owner {:<20} {} members",
            guild.name, guild.owner_id, guild.member_count
        );
    }
    Ok(())
}

fn show_channels(channels: &[Channel], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(channels)?);
        return Ok(());
    }
    for channel in channels {
        let name = channel.name.value().map_or("", String::as_str);
        println!(
            "{:<20} {:<16} {name}",
            channel.id.to_string(),
            channel.kind.to_string()
        );
    }
    Ok(())
}
