//! `voxhall token`: what accounts log in with.

use anyhow::Result;
use serde::Deserialize;
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;

use crate::admin::AdminArgs;

/// Make and revoke the tokens that accounts of a running server log in with
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  voxhall token create 138397087229280257\n  voxhall token revoke 138397087229280257"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token; it is shown this once
    #[command(after_help = "Example:\n  voxhall token create 138397087229280257")]
    Create {
        /// Whose
        user: UserId,
    },
    /// Revoke all tokens of an account
    #[command(after_help = "Example:\n  voxhall token revoke 138397087229280257")]
    Revoke {
        /// Whose
        user: UserId,
    },
}

#[derive(Deserialize)]
struct Created {
    token: Token,
}

#[derive(Deserialize)]
struct Revoked {
    revoked: u64,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let (shown, json) = match self.action {
            Action::Create { user } => {
                let created: Created = admin
                    .post(&format!("/users/{user}/tokens"), &serde_json::json!({}))
                    .await?;
                let token = created.token.into_inner();
                (token.clone(), serde_json::json!({ "token": token }))
            }
            Action::Revoke { user } => {
                let Revoked { revoked } = admin.delete(&format!("/users/{user}/tokens")).await?;
                (
                    format!("{revoked} tokens revoked"),
                    serde_json::json!({ "revoked": revoked }),
                )
            }
        };
        if self.admin.json {
            println!("{json}");
        } else {
            println!("{shown}");
        }
        Ok(())
    }
}
