//! `voxhall channel`: the channels of guilds of a running server.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::{Channel, ChannelKind};

use crate::admin::AdminArgs;
use crate::output;

/// Make, list, edit and delete channels of guilds of a running server
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall channel create 934828556603764816 Lounge --kind voice --limit 10
  voxhall channel list 934828556603764816
  voxhall channel edit 966416163309518878 --name \"Music room\"")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a channel
    #[command(after_help = "Example:\n  voxhall channel create 934828556603764816 Lounge --kind voice")]
    Create {
        /// The guild
        guild: GuildId,

        /// The channel's name
        name: String,

        /// What it is for
        #[arg(long, default_value = "voice")]
        kind: Kind,

        #[command(flatten)]
        details: Details,
    },
    /// List the channels of a guild
    #[command(after_help = "Example:\n  voxhall channel list 934828556603764816")]
    List {
        /// The guild
        guild: GuildId,
    },
    /// Edit a channel; people in it stay, and hear of it at once
    #[command(after_help = "Example:\n  voxhall channel edit 966416163309518878 --limit 5")]
    Edit {
        /// The channel
        channel: ChannelId,

        /// Another name
        #[arg(long)]
        name: Option<String>,

        #[command(flatten)]
        details: Details,
    },
    /// Delete a channel; people in it are put out
    #[command(after_help = "Example:\n  voxhall channel delete 966416163309518878")]
    Delete {
        /// The channel
        channel: ChannelId,
    },
}

/// What else a channel may be told.
#[derive(Debug, clap::Args)]
struct Details {
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    topic: Option<String>,

    /// The category to stand in; 0 for none
    #[arg(long, value_name = "ID")]
    category: Option<ChannelId>,

    /// How many people may be in it; 0 for no limit
    #[arg(long, value_name = "N")]
    limit: Option<u32>,

    /// What clients shall send at, in bit/s
    #[arg(long, value_name = "BITS")]
    bitrate: Option<u32>,
}

impl Details {
    /// The fields that were given, by their names on the wire.
    fn fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut give = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        give("topic", self.topic.map(Value::from));
        give(
            "parent_id",
            self.category
                .map(|id| if id.0 == 0 { Value::Null } else { json!(id) }),
        );
        give("user_limit", self.limit.map(Value::from));
        give("bitrate", self.bitrate.map(Value::from));
        fields
    }
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

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::Create {
                guild,
                name,
                kind,
                details,
            } => {
                let mut request = details.fields();
                request.insert("name".to_owned(), json!(name));
                request.insert("type".to_owned(), json!(ChannelKind::from(kind)));
                let path = format!("/guilds/{guild}/channels");
                show(&[admin.post(&path, &request.into()).await?], as_json)
            }
            Action::List { guild } => {
                let mut channels: Vec<Channel> = admin.get(&format!("/guilds/{guild}/channels")).await?;
                channels.sort_by_key(|channel| (channel.position, channel.id));
                show(&channels, as_json)
            }
            Action::Edit {
                channel,
                name,
                details,
            } => {
                let mut request = details.fields();
                if let Some(name) = name {
                    request.insert("name".to_owned(), json!(name));
                }
                ensure!(
                    !request.is_empty(),
                    "nothing is to be edited; give at least one option of `voxhall channel edit --help`"
                );
                let path = format!("/channels/{channel}");
                show(&[admin.patch(&path, &request.into()).await?], as_json)
            }
            Action::Delete { channel } => {
                admin.delete::<()>(&format!("/channels/{channel}")).await?;
                eprintln!("{channel} is deleted");
                Ok(())
            }
        }
    }
}

fn show(channels: &[Channel], as_json: bool) -> Result<()> {
    output::list(channels, as_json, |channel| {
        let limit = channel.user_limit.filter(|limit| *limit > 0);
        [
            channel.id.to_string(),
            channel.kind.to_string(),
            channel.name.value().cloned().unwrap_or_default(),
            limit.map(|limit| format!("at most {limit}")).unwrap_or_default(),
        ]
    })
}
