//! `voxhall user`: accounts of a running server.

use anyhow::{Context as _, Result, bail};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use voxhall_protocol::Password;
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::model::User;

use crate::admin::{Admin, AdminArgs};
use crate::output;

/// Characters of a password that is made up: about 119 bits of chance.
const PASSWORD_LENGTH: usize = 20;

/// Make, list, disable and delete accounts of a running server, and set their passwords
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall user create ada --display-name \"Ada Lovelace\"
  voxhall user create --bot minstrel
  voxhall user password 138397087229280257
  voxhall user disable 138397087229280257")]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make an account; a person signs in with `voxhall user password`, a bot with `voxhall token create`
    #[command(
        after_help = "Examples:\n  voxhall user create ada --display-name \"Ada Lovelace\"\n  voxhall user create --bot minstrel"
    )]
    Create {
        /// The unique name: 2 to 32 letters, digits, periods and underscores; of a bot any text
        name: String,

        /// The name people see [default: the unique one]
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,

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
    /// Show an account, its guilds and its sessions
    #[command(after_help = "Example:\n  voxhall user show 138397087229280257")]
    Show {
        /// Whose
        user: UserId,
    },
    /// Give a person a password; all tokens are revoked, so whoever was signed in is out
    #[command(
        after_help = "Examples:\n  voxhall user password 138397087229280257\n  voxhall user password 138397087229280257 --stdin < password.txt"
    )]
    Password {
        /// Whose
        user: UserId,

        /// Read the password from standard input, instead of making one up and showing it this once
        #[arg(long)]
        stdin: bool,
    },
    /// Keep an account out: its sessions end, and nothing lets it in until it is enabled
    #[command(after_help = "Example:\n  voxhall user disable 138397087229280257")]
    Disable {
        /// Whose
        user: UserId,
    },
    /// Let an account in again
    #[command(after_help = "Example:\n  voxhall user enable 138397087229280257")]
    Enable {
        /// Whose
        user: UserId,
    },
    /// Delete an account: tokens, sessions and memberships end; what it wrote stays
    #[command(after_help = "Example:\n  voxhall user delete 138397087229280257")]
    Delete {
        /// Whose
        user: UserId,
    },
}

/// An account as the operator is told of it.
#[derive(Debug, Serialize, Deserialize)]
struct Account {
    #[serde(flatten)]
    user: User,
    standing: String,
    has_password: bool,
    tokens: u64,
}

/// An account with all that `show` tells.
#[derive(Debug, Serialize, Deserialize)]
struct WholeAccount {
    #[serde(flatten)]
    account: Account,
    #[serde(default)]
    email: Option<String>,
    sessions: u64,
    guilds: Vec<GuildOfAccount>,
}

#[derive(Debug, Serialize, Deserialize)]
struct GuildOfAccount {
    id: GuildId,
    name: String,
    owner: bool,
}

impl Args {
    /// Does it and prints the outcome.
    pub async fn run(self) -> Result<()> {
        let admin = self.admin.connect()?;
        let as_json = self.admin.json;
        match self.action {
            Action::List => show_all(&admin.get::<Vec<_>>("/users").await?, as_json),
            Action::Create {
                name,
                display_name,
                bot,
                privileged_intents,
            } => {
                let request = json!({
                    "name": name, "global_name": display_name, "bot": bot, "privileged_intents": privileged_intents,
                });
                show_all(&[admin.post("/users", &request).await?], as_json)
            }
            Action::Show { user } => {
                let account: WholeAccount = admin.get(&format!("/users/{user}")).await?;
                if as_json {
                    output::json(&account)
                } else {
                    output::print(&told(&account))
                }
            }
            Action::Password { user, stdin } => set_password(&admin, user, stdin, as_json).await,
            Action::Disable { user } => change(&admin, user, json!({"disabled": true}), as_json).await,
            Action::Enable { user } => change(&admin, user, json!({"disabled": false}), as_json).await,
            Action::Delete { user } => {
                admin.delete::<()>(&format!("/users/{user}")).await?;
                eprintln!("{user} is deleted");
                Ok(())
            }
        }
    }
}

async fn change(admin: &Admin, user: UserId, request: serde_json::Value, as_json: bool) -> Result<()> {
    let account = admin.patch(&format!("/users/{user}"), &request).await?;
    show_all(&[account], as_json)
}

async fn set_password(admin: &Admin, user: UserId, stdin: bool, as_json: bool) -> Result<()> {
    let password = if stdin { read_password()? } else { new_password() };
    let request = json!({ "password": password });
    admin
        .patch::<Account>(&format!("/users/{user}"), &request)
        .await?;
    match (stdin, as_json) {
        (true, _) => {
            eprintln!("{user} has another password");
            Ok(())
        }
        (false, true) => output::json(&request),
        (false, false) => output::line(password.expose()),
    }
}

/// The first line of standard input.
fn read_password() -> Result<Password> {
    let mut line = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("no password came on standard input; give one, or leave --stdin away to have one made up");
    }
    Ok(Password::from(password))
}

fn new_password() -> Password {
    let mut random = rand::rng();
    let letters = (0..PASSWORD_LENGTH).map(|_| char::from(random.sample(rand::distr::Alphanumeric)));
    Password::new(zeroize::Zeroizing::new(letters.collect()))
}

fn show_all(accounts: &[Account], as_json: bool) -> Result<()> {
    output::list(accounts, as_json, |account| {
        let user = &account.user;
        [
            user.id.to_string(),
            kind(user).to_owned(),
            user.username.clone(),
            user.global_name.value().cloned().unwrap_or_default(),
            remark(account),
        ]
    })
}

fn kind(user: &User) -> &'static str {
    if user.is_bot() { "bot" } else { "user" }
}

/// What is out of the ordinary.
fn remark(account: &Account) -> String {
    match account.standing.as_str() {
        "active" => String::new(),
        other => other.to_owned(),
    }
}

fn told(whole: &WholeAccount) -> String {
    let account = &whole.account;
    let user = &account.user;
    let shown = user.global_name.value().unwrap_or(&user.username);
    let mut text = format!(
        "{}  {}  {}\n  shown as    {shown}\n  standing    {}\n  password    {}\n  tokens      {}\n  sessions    {}\n",
        user.id,
        kind(user),
        user.username,
        account.standing,
        if account.has_password { "set" } else { "none" },
        account.tokens,
        whole.sessions,
    );
    if let Some(address) = &whole.email {
        text += &format!("  address     {address}\n");
    }
    for guild in &whole.guilds {
        let owner = if guild.owner { ", which it owns" } else { "" };
        text += &format!("  in guild    {} {}{owner}\n", guild.id, guild.name);
    }
    text
}
