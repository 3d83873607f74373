//! `voxhall openapi`: the description of REST for programs.

use std::io::Write as _;

use anyhow::{Context as _, Result};

/// Print the OpenAPI document of everything the server serves over REST; `GET /api/openapi.json` gives the same
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  voxhall openapi > voxhall.json")]
pub struct Args {}

impl Args {
    /// Prints the document.
    pub fn run(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(voxhall_control::openapi())?;
        writeln!(std::io::stdout().lock(), "{text}").context("cannot print the document")
    }
}
