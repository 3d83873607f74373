//! The capture notes as the tests want them: payloads in their envelopes.

use std::path::Path;

use serde_json::{Value, json};
use voxhall_protocol::capture::{Notes, Payload, Wire};

pub use voxhall_protocol::capture::Side as Sender;

/// One payload of the notes.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Who sent it, as far as the notes say.
    pub sender: Option<Sender>,
    /// Of the main Gateway: opcode and event name.
    pub header: Option<(u64, Option<String>)>,
    /// What it carries; of the voice gateway with its envelope.
    pub json: Value,
}

/// The notes called `name`, as text.
pub fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/captures")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All payloads of the notes called `name`, in order.
pub fn payloads(name: &str) -> Vec<Captured> {
    let notes = Notes::parse(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    notes.payloads().map(captured).collect()
}

fn captured(payload: &Payload) -> Captured {
    let op = payload.op.expect("an opcode");
    let (header, json) = match payload.wire {
        Wire::Main => (Some((op, payload.event.clone())), payload.data.clone()),
        Wire::Voice => (None, json!({"op": op, "d": payload.data})),
    };
    Captured {
        sender: payload.side,
        header,
        json,
    }
}
