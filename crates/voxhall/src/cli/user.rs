//! `voxhall user`: accounts of a running server.

use anyhow::Result;
use voxhall_protocol::model::User;

use crate::admin::AdminArgs;

/// Make and list accounts of a running server
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  voxhall user create Ada\n  voxhall user create --bot minstrel\n  voxhall user list"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make an account; give it a token with `voxhall token create`
    #[command(after_help = "Example:\n  voxhall user create --bot minstrel")]
    Create {
        /// The name people see
        name: String,

        /// A bot's account
        #[arg(long)]
        bot: bool,

        /// The bot may ask for privileged intents
        #[arg(long, requires = "bot")]
        privileged_intents: bool,
    },
    /// List all accounts
    #[command(after_help = "Example:\n  voxhall user list --json")]
    List,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let users: Vec<User> = match self.action {
            Action::List => admin.get("/users").await?,
            Action::Create {
                name,
                bot,
                privileged_intents,
            } => {
                let request =
                    serde_json::json!({ "name": name, "bot": bot, "privileged_intents": privileged_intents });
                vec![admin.post("/users", &request).await?]
            }
        };
        if self.admin.json {
            println!("{}", serde_json::to_string_pretty(&users)?);
            return Ok(());
        }
        for user in users {
            let kind = if user.bot == Some(true) { "bot" } else { "user" };
            println!("{:<20} {kind:<5} {}", user.id.to_string(), user.username);
        }
        Ok(())
    }
}
