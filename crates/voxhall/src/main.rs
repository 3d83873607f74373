//! The voxhall program: configuration, wiring and command line.

mod admin;
mod bench;
mod cli;
mod demo;
mod http;
mod inspect;
mod log;
mod output;
mod page;
mod progress;
mod recording;
mod settings;
mod state;
mod stop;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("voxhall: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, each said once: many errors already quote their cause.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn causes_that_are_quoted_are_not_repeated() {
        let error = anyhow::anyhow!("no such file").context("cannot read a.wav: no such file");
        assert_eq!(sentence(&error), "cannot read a.wav: no such file");
        let error = anyhow::anyhow!("no such file").context("cannot read a.wav");
        assert_eq!(sentence(&error), "cannot read a.wav: no such file");
    }
}
