//! `voxhall invite`: into guilds of a running server, and to make an account on it.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::Timestamp;
use voxhall_protocol::rest;

use crate::admin::{Admin, AdminArgs};
use crate::output;

/// Make, list and revoke invites: to make an account, or with --guild into a guild
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall invite create --uses 1
  voxhall invite create --guild 934828556603764816 --hours 24
  voxhall invite list
  voxhall invite revoke Xb81kQz0aP")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make an invite
    #[command(
        after_help = "Examples:\n  voxhall invite create --uses 1\n  voxhall invite create --guild 934828556603764816 --hours 24"
    )]
    Create {
        /// Into this guild; also whoever makes an account with it is brought there
        #[arg(long, value_name = "ID")]
        guild: Option<GuildId>,

        /// The channel to begin in [default: the guild's first]
        #[arg(long, value_name = "ID", requires = "guild")]
        channel: Option<ChannelId>,

        /// How often it may be used [default: without end]
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        uses: u32,

        /// How long it holds; into a guild at most 168 [default: for ever]
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(..=8760))]
        hours: u32,

        /// Membership ends with the session, unless there is a role by then
        #[arg(long, requires = "guild")]
        temporary: bool,
    },
    /// List the invites that hold
    #[command(
        after_help = "Examples:\n  voxhall invite list\n  voxhall invite list --guild 934828556603764816"
    )]
    List {
        /// Those into this guild, instead of those to make an account
        #[arg(long, value_name = "ID")]
        guild: Option<GuildId>,
    },
    /// End an invite of either kind
    #[command(after_help = "Example:\n  voxhall invite revoke Xb81kQz0aP")]
    Revoke {
        /// Which
        code: String,
    },
}

/// An invite to make an account.
#[derive(Debug, Serialize, Deserialize)]
struct SignUpInvite {
    code: String,
    uses: u32,
    max_uses: u32,
    max_age: u32,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::Create {
                guild,
                channel,
                uses,
                hours,
                temporary,
            } => {
                let mut request = json!({"max_age": hours * 3600, "max_uses": uses, "temporary": temporary});
                if let Some(channel) = channel {
                    request["channel_id"] = json!(channel);
                }
                let path = guild.map_or("/invites".to_owned(), path);
                if guild.is_some() {
                    show_into_guild(&[admin.post(&path, &request).await?], as_json)
                } else {
                    show_to_sign_up(&[admin.post(&path, &request).await?], as_json)
                }
            }
            Action::List { guild: Some(guild) } => {
                show_into_guild(&admin.get::<Vec<_>>(&path(guild)).await?, as_json)
            }
            Action::List { guild: None } => show_to_sign_up(&admin.get::<Vec<_>>("/invites").await?, as_json),
            Action::Revoke { code } => revoke(&admin, &code).await,
        }
    }
}

fn path(guild: GuildId) -> String {
    format!("/guilds/{guild}/invites")
}

async fn revoke(admin: &Admin, code: &str) -> Result<()> {
    admin.delete::<()>(&format!("/invites/{code}")).await?;
    eprintln!("{code} is good no more");
    Ok(())
}

fn show_to_sign_up(invites: &[SignUpInvite], as_json: bool) -> Result<()> {
    output::list(invites, as_json, |invite| {
        [
            invite.code.clone(),
            used(invite.uses, invite.max_uses),
            until(invite.expires_at.as_ref()),
        ]
    })
}

fn show_into_guild(invites: &[rest::Invite], as_json: bool) -> Result<()> {
    output::list(invites, as_json, |invite| {
        let uses = invite.metadata.as_ref();
        let channel = invite.channel.as_ref().and_then(|channel| channel.name.clone());
        let inviter = invite
            .inviter
            .as_ref()
            .map(|user| format!("by {}", user.username));
        [
            invite.code.clone(),
            uses.map(|uses| used(uses.uses, uses.max_uses))
                .unwrap_or_default(),
            until(invite.expires_at.value()),
            channel.map(|name| format!("to {name}")).unwrap_or_default(),
            inviter.unwrap_or_default(),
        ]
    })
}

fn used(uses: u32, most: u32) -> String {
    match most {
        0 => format!("used {uses} times"),
        most => format!("used {uses} of {most} times"),
    }
}

fn until(end: Option<&Timestamp>) -> String {
    match end {
        // To the minute.
        Some(end) => format!(
            "until {} UTC",
            end.as_str().get(..16).unwrap_or_default().replace('T', " ")
        ),
        None => "for ever".to_owned(),
    }
}
