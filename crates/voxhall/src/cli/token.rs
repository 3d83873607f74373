//! `voxhall token`: what accounts log in with.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::model::Timestamp;

use crate::admin::AdminArgs;
use crate::output;

/// Characters of a timestamp that say the day.
const DAY: usize = 10;

/// Make, list and revoke the tokens that accounts of a running server log in with
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall token create 138397087229280257 --label \"music bot on the server\"
  voxhall token list 138397087229280257
  voxhall token revoke 138397087229280257")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token; it is shown this once
    #[command(after_help = "Example:\n  voxhall token create 138397087229280257 --label laptop")]
    Create {
        /// Whose
        user: UserId,

        /// By what its owner will know it again
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// List the tokens of an account, without what logs in
    #[command(after_help = "Example:\n  voxhall token list 138397087229280257")]
    List {
        /// Whose
        user: UserId,
    },
    /// Revoke a token, or all tokens of an account; what logged in with them is put out at once
    #[command(
        after_help = "Examples:\n  voxhall token revoke 138397087229280257\n  voxhall token revoke 138397087229280257 1f0c9a6be2d4a7c3"
    )]
    Revoke {
        /// Whose
        user: UserId,

        /// Which, by its id in `voxhall token list` [default: all]
        #[arg(value_name = "TOKEN")]
        id: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct Created {
    token: Token,
    id: String,
}

#[derive(Serialize, Deserialize)]
struct Listed {
    id: String,
    label: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Revoked {
    revoked: u64,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::Create { user, label } => {
                let path = format!("/users/{user}/tokens");
                let created: Created = admin.post(&path, &json!({ "label": label })).await?;
                if as_json {
                    output::json(&created)
                } else {
                    output::line(created.token.expose())
                }
            }
            Action::List { user } => {
                let tokens: Vec<Listed> = admin.get(&format!("/users/{user}/tokens")).await?;
                output::list(&tokens, as_json, row)
            }
            Action::Revoke { user, id } => {
                let one = id.map(|id| format!("/{id}")).unwrap_or_default();
                let Revoked { revoked } = admin.delete(&format!("/users/{user}/tokens{one}")).await?;
                if as_json {
                    output::json(&json!({ "revoked": revoked }))
                } else {
                    output::line(&format!("{revoked} tokens revoked"))
                }
            }
        }
    }
}

fn row(token: &Listed) -> [String; 4] {
    let day = |time: &Timestamp| time.as_str().chars().take(DAY).collect::<String>();
    let used = token.last_used_at.as_ref();
    [
        token.id.clone(),
        format!("made {}", day(&token.created_at)),
        used.map_or_else(|| "never used".to_owned(), |used| format!("used {}", day(used))),
        token.label.clone(),
    ]
}
