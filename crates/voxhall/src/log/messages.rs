//! A log of all messages of both gateways, one JSON object a line, for `voxhall inspect`.

use std::fmt::Debug;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use voxhall_edge::file::{self, Access};

use crate::inspect::WireLine;

/// Fields that hold secrets, wherever in a message they stand.
const SECRETS: [&str; 4] = ["token", "secret_key", "password", "new_password"];

/// Writes events that carry a message to a file.
pub struct MessageLog {
    file: Mutex<File>,
}

impl MessageLog {
    /// Begins a log; what the file held before is gone. It is for this user alone: it tells who talks with whom.
    pub fn create(path: &Path) -> Result<Self> {
        let opened = file::replace(path, b"", Access::Secret)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(File::options().append(true).open(path)?));
        let file = opened.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }
}

impl<S: Subscriber> Layer<S> for MessageLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Ok(mut line) = serde_json::to_vec(&fields.line()) else {
            return;
        };
        line.push(b'\n');
        let mut file = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            // The log itself is what fails, so there is no other place to say it.
            eprintln!("a message cannot be written down: {error}");
        }
    }
}

/// The fields of an event that carries a message.
#[derive(Default)]
struct Fields {
    gateway: String,
    sender: String,
    peer: String,
    message: String,
}

impl Fields {
    fn line(self) -> WireLine {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // What is no JSON is not written down: it may be anything, secrets included.
        let mut message = serde_json::from_str(&self.message).unwrap_or(Value::Null);
        hide(&mut message);
        WireLine {
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            gateway: self.gateway,
            sender: self.sender,
            peer: self.peer,
            message,
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "gateway" => &mut self.gateway,
            "sender" => &mut self.sender,
            "message" => &mut self.message,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "peer" => self.peer = format!("{value:?}"),
            "message" => self.message = format!("{value:?}"),
            _ => {}
        }
    }
}

/// Takes the secrets out of a message.
fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if SECRETS.contains(&name.as_str()) {
                    blank(value);
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Leaves nothing of a secret but its form, so that the message can still be read.
fn blank(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = Value::from(0)),
        Value::Null => {}
        other => *other = Value::from("(hidden)"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let mut message =
            json!({"op": 2, "d": {"token": "a", "list": [{"secret_key": [1, 2]}], "guild_id": null}});
        hide(&mut message);
        assert_eq!(
            message,
            json!({"op": 2, "d": {"token": "(hidden)", "list": [{"secret_key": [0, 0]}], "guild_id": null}})
        );
    }

    #[test]
    fn what_is_no_json_is_not_written_down() {
        let fields = Fields {
            message: "token: hush".to_owned(),
            ..Fields::default()
        };
        assert_eq!(fields.line().message, Value::Null);
    }
}
