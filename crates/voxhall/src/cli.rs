//! The command line: one module per command.

mod account;
mod call;
mod channel;
mod doctor;
mod guild;
mod inspect;
mod invite;
mod join;
mod listen;
mod media_address;
mod openapi;
mod play;
mod record;
mod role;
mod serve;
mod session;
mod stream;
mod token;
mod user;
mod welcome;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::{bench, log};

/// Voice and video that speak the Discord voice protocol: the server, and a client for the terminal.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  voxhall serve --dev --demo\n  voxhall join 966416163309518878"
)]
pub struct Cli {
    /// What is logged, for example `info`, `debug` or `warn,voxhall_node=debug`
    #[arg(long, global = true, env = "VOXHALL_LOG", value_name = "FILTER")]
    log: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Join(join::Args),
    Play(play::Args),
    Stream(stream::Args),
    Record(record::Args),
    Listen(listen::Args),
    Call(call::Args),
    User(user::Args),
    Guild(guild::Args),
    Channel(channel::Args),
    Role(role::Args),
    Token(token::Args),
    Openapi(openapi::Args),
    Invite(invite::Args),
    Doctor(doctor::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<()> {
        let default_level = match &self.command {
            Command::Serve(_) => "info",
            // The others speak for themselves.
            _ => "error",
        };
        let messages = match &self.command {
            Command::Serve(serve) => serve.wire_log(),
            _ => None,
        };
        log::start(self.log.as_deref().unwrap_or(default_level), messages)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the threads the program needs; raise the limits of this user")?;
        let ended = runtime.block_on(self.command.run());
        // A blocking read of a terminal or a disk must not hold up the end.
        runtime.shutdown_background();
        ended
    }
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Serve(args) => args.run().await,
            Self::Join(args) => args.run().await,
            Self::Play(args) => args.run().await,
            Self::Stream(args) => args.run().await,
            Self::Record(args) => args.run().await,
            Self::Listen(args) => args.run().await,
            Self::Call(args) => args.run().await,
            Self::User(args) => args.run().await,
            Self::Guild(args) => args.run().await,
            Self::Channel(args) => args.run().await,
            Self::Role(args) => args.run().await,
            Self::Token(args) => args.run().await,
            Self::Openapi(args) => args.run(),
            Self::Invite(args) => args.run().await,
            Self::Bench(args) => args.run().await,
            Self::Doctor(args) => args.run().await,
            Self::Inspect(args) => args.run().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("voxhall "),
                "{} shows no example",
                command.get_name()
            );
        }
    }

    #[test]
    fn what_is_wrong_on_the_command_line_is_said() {
        let error = Cli::try_parse_from(["voxhall", "serve", "--listen", "8443"]).unwrap_err();
        assert!(error.to_string().contains("--listen"), "{error}");
    }
}
