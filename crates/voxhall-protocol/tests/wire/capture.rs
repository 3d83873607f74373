//! Reads the capture notes: JSON objects that begin a line, and the Python dictionaries of the proxy's `info:` lines.

use std::path::Path;

use serde_json::Value;

/// Who sent a captured message, as far as the notes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Client,
    Server,
}

/// One payload of the notes.
#[derive(Debug, Clone)]
pub struct Captured {
    /// From the `info:` header, or the heading above.
    pub sender: Option<Sender>,
    /// From the `info:` header: opcode and event name.
    pub header: Option<(u64, Option<String>)>,
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
    let text = text(name);
    let mut found = Vec::new();
    let (mut sender, mut header) = (None, None);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let line = rest.lines().next().unwrap_or_default();
        let mut consumed = rest.find('\n').map_or(rest.len(), |end| end + 1);
        if let Some(object) = line
            .strip_prefix("info: ")
            .filter(|object| object.starts_with('{'))
        {
            let start = line.len() - object.len();
            let length = balanced(&rest[start..]);
            consumed = start + length;
            let json = serde_json::from_str(&python_to_json(&rest[start..consumed])).expect("a dictionary");
            found.push(Captured {
                sender,
                header: header.take(),
                json,
            });
        } else if let Some(info) = line.strip_prefix("info: ") {
            (sender, header) = info_header(info).map_or((None, None), |(who, what)| (Some(who), Some(what)));
        } else if line.starts_with('#') {
            sender = match line.trim_start_matches('#').trim_start() {
                heading if heading.starts_with("s:") => Some(Sender::Server),
                heading if heading.starts_with("c:") => Some(Sender::Client),
                _ => None,
            };
        } else if line.starts_with('{') {
            consumed = balanced(rest);
            let json = serde_json::from_str(&rest[..consumed]).expect("an object");
            found.push(Captured {
                sender,
                header: None,
                json,
            });
        }
        rest = &rest[consumed..];
    }
    found
}

/// `Client -> Server: op: 4` or `Server -> Client: op: 0, t: CALL_CREATE`.
fn info_header(info: &str) -> Option<(Sender, (u64, Option<String>))> {
    let (sender, rest) = match info.split_once(": op: ")? {
        ("Client -> Server", rest) => (Sender::Client, rest),
        ("Server -> Client", rest) => (Sender::Server, rest),
        _ => return None,
    };
    let (op, name) = match rest.split_once(", t: ") {
        Some((op, name)) => (op, Some(name.trim().to_owned())),
        None => (rest, None),
    };
    Some((sender, (op.trim().parse().ok()?, name)))
}

/// Length of the object that `text` begins with, quoted braces left out of account.
fn balanced(text: &str) -> usize {
    let (mut depth, mut quote) = (0, None);
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 1 => return index + 1,
            (None, '}') => depth -= 1,
            _ => {}
        }
    }
    panic!("an object without an end: {}", &text[..text.len().min(80)]);
}

/// The captured dictionaries have no quotes inside strings; line wraps fall between tokens.
fn python_to_json(dictionary: &str) -> String {
    let mut json = String::new();
    for (index, part) in dictionary.split('\'').enumerate() {
        if index % 2 == 1 {
            json.push_str(&serde_json::to_string(part).expect("text"));
        } else {
            let words = part
                .replace("None", "null")
                .replace("True", "true")
                .replace("False", "false");
            json.push_str(&words);
        }
    }
    json
}
