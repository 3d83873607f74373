//! Notes and logs of messages, printed with names in place of numbers.

use std::io::Write;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voxhall_protocol::capture::{Entry, Note, Notes, Payload, Side, Wire};
use voxhall_protocol::voice::VoiceVersion;

/// One line of a log that `voxhall serve --wire-log` writes.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireLine {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// `main` or `voice`.
    pub gateway: String,
    /// `client` or `server`: who sent it.
    pub sender: String,
    /// Which connection, told apart by the client's address.
    pub peer: String,
    /// The message.
    pub message: Value,
}

/// Prints one line of a log.
///
/// # Errors
/// If the line is none of such a log, or the output is closed.
pub fn print_log(line: &str, out: &mut impl Write) -> Result<()> {
    let line: WireLine = serde_json::from_str(line)
        .context("this is no line of a log that `voxhall serve --wire-log FILE` wrote")?;
    let note = Note {
        wire: if line.gateway == "voice" {
            Wire::Voice
        } else {
            Wire::Main
        },
        side: if line.sender == "client" {
            Side::Client
        } else {
            Side::Server
        },
        version: VoiceVersion::LATEST,
        message: line.message,
    };
    writeln!(out, "# {} {}\n{note}", line.at_ms, line.peer)?;
    Ok(())
}

/// Prints notes: their headings, and their payloads by name.
///
/// # Errors
/// If the output is closed.
pub fn print_notes(notes: &Notes, out: &mut impl Write) -> Result<()> {
    let named = notes.voice_version.and_then(|it| u8::try_from(it).ok());
    let voice_version = named
        .and_then(|it| VoiceVersion::new(it).ok())
        .unwrap_or(VoiceVersion::LATEST);
    for entry in &notes.entries {
        match entry {
            Entry::Heading { level, text, .. } => writeln!(out, "{} {text}", "#".repeat(*level))?,
            Entry::Connection { opened, .. } => {
                let what = if *opened { "connects" } else { "disconnects" };
                writeln!(out, "info: the client {what}")?;
            }
            Entry::Payload(payload) => match note(payload, voice_version) {
                Some(note) => writeln!(out, "{note}")?,
                None => writeln!(
                    out,
                    "info: line {}: the notes do not say which message this is",
                    payload.line
                )?,
            },
        }
    }
    Ok(())
}

fn note(payload: &Payload, version: VoiceVersion) -> Option<Note> {
    let mut message = json!({"op": payload.op?, "d": payload.data});
    if let Some(event) = &payload.event {
        message["t"] = json!(event);
        message["s"] = json!(0);
    }
    Some(Note {
        wire: payload.wire,
        side: payload.side?,
        version,
        message,
    })
}
