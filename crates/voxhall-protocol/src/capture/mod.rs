//! The notation of capture notes: what a proxy saw of a client and a server, with the remarks of whoever took it down.
//!
//! Three ways of writing a payload down occur, and may be mixed:
//!
//! - an `info:` line that names direction, opcode and event, and under it the payload as a Python dictionary, folded
//!   wherever the terminal was full: the main Gateway;
//! - a JSON object with `op` and `d` at the start of a line, under a heading that begins with `c:` or `s:`: the voice
//!   gateway;
//! - a JSON object after a sentence that says who sends it and with which opcode.
//!
//! [`Notes::parse`] reads all of them; [`Note`]'s `Display` writes the first one back, with names in place of numbers.

mod note;
mod prose;
mod python;

use serde_json::Value;

pub use note::{Note, Wire};

use crate::voice::{Direction, VoiceOpcode};
use prose::Prose;

/// The target of log events that carry one message each, in the fields `gateway` (`main` or `voice`), `sender` (`client`
/// or `server`), `peer` and `message`. They hold secrets: whoever writes them down must take those out.
pub const LOG_TARGET: &str = "voxhall::wire";

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// A piece of notes.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A heading.
    Heading {
        /// Its line, counted from 1.
        line: usize,
        /// How many `#` it has.
        level: usize,
        /// Its text.
        text: String,
    },
    /// The client opened or closed its voice connection.
    Connection {
        /// Its line, counted from 1.
        line: usize,
        /// It was opened.
        opened: bool,
    },
    /// A payload.
    Payload(Payload),
}

/// A payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// The line it begins on, counted from 1.
    pub line: usize,
    /// Which gateway it belongs to.
    pub wire: Wire,
    /// Who sent it, as far as the notes say.
    pub side: Option<Side>,
    /// Its opcode, as far as the notes say.
    pub op: Option<u64>,
    /// The event's name, of a dispatch.
    pub event: Option<String>,
    /// What it carries: `d`.
    pub data: Value,
}

/// Capture notes, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    /// Everything in them that is not plain text, in order.
    pub entries: Vec<Entry>,
    /// The version of the voice gateway, from the request or the Hello.
    pub voice_version: Option<u64>,
}

/// Notes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// A payload is not closed.
    #[error("line {line}: the object that begins here has no end; close its braces")]
    Open {
        /// Where it begins, counted from 1.
        line: usize,
    },
    /// A payload is neither JSON nor a Python dictionary.
    #[error("line {line}: this is neither JSON nor a Python dictionary: {reason}")]
    Malformed {
        /// Where it begins, counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
}

impl Notes {
    /// Reads notes.
    ///
    /// # Errors
    /// [`NotationError`] names the line.
    pub fn parse(text: &str) -> Result<Self, NotationError> {
        let mut reader = Reader::default();
        let mut rest = text;
        while !rest.is_empty() {
            let length = reader.take(rest)?;
            reader.line += rest[..length].matches('\n').count();
            rest = &rest[length..];
        }
        Ok(reader.notes)
    }

    /// Leaves out the payloads of the other gateway.
    pub fn keep(&mut self, wire: Wire) {
        self.entries
            .retain(|entry| !matches!(entry, Entry::Payload(payload) if payload.wire != wire));
    }

    /// The payloads, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Payload(payload) => Some(payload),
            _ => None,
        })
    }
}

/// What an `info:` line says of the payload under it.
struct Header {
    side: Side,
    op: u64,
    event: Option<String>,
}

#[derive(Default)]
struct Reader {
    notes: Notes,
    /// Lines before the one at hand.
    line: usize,
    header: Option<Header>,
    /// From the heading above.
    side: Option<Side>,
    prose: Prose,
}

impl Reader {
    /// Takes what `rest` begins with; returns how many bytes that is.
    fn take(&mut self, rest: &str) -> Result<usize, NotationError> {
        let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let line = rest[..end].trim_end();
        if line.starts_with('{') {
            return self.object(rest, 0);
        }
        match line.strip_prefix("info: ") {
            Some(info) if info.starts_with('{') => return self.object(rest, line.len() - info.len()),
            Some(info) => self.info(info),
            None if line.starts_with('#') => self.heading(line),
            None => self.text(line),
        }
        Ok(end)
    }

    fn info(&mut self, info: &str) {
        self.header = header(info);
        let opened = info.contains(": server connect ");
        if opened || info.contains(": server disconnect ") {
            let line = self.line + 1;
            self.notes.entries.push(Entry::Connection { line, opened });
        }
    }

    fn heading(&mut self, line: &str) {
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        let text = text.trim().to_owned();
        self.side = match &text {
            it if it.starts_with("s:") => Some(Side::Server),
            it if it.starts_with("c:") => Some(Side::Client),
            _ => None,
        };
        self.prose = Prose::default();
        self.notes.entries.push(Entry::Heading {
            line: self.line + 1,
            level,
            text,
        });
    }

    fn text(&mut self, line: &str) {
        let version = line
            .strip_prefix("GET /?v=")
            .and_then(|rest| rest.split(' ').next());
        if let Some(version) = version.and_then(|version| version.parse().ok()) {
            self.notes.voice_version = Some(version);
        }
        self.prose.read(line);
        // A payload short enough to stand in the sentence.
        let inline = line
            .split_once(" with `{")
            .and_then(|(_, rest)| rest.split_once('`'));
        let json = inline.and_then(|(object, _)| serde_json::from_str(&format!("{{{object}")).ok());
        if let Some(json) = json {
            let payload = self.bare(json, self.line + 1);
            self.notes.entries.push(Entry::Payload(payload));
        }
    }

    /// The object that stands `start` bytes into `rest`.
    fn object(&mut self, rest: &str, start: usize) -> Result<usize, NotationError> {
        let line = self.line + 1;
        let end = start + python::balanced(&rest[start..]).ok_or(NotationError::Open { line })?;
        let malformed = |error: serde_json::Error| NotationError::Malformed {
            line,
            reason: error.to_string(),
        };
        let text = &rest[start..end];
        let payload = match self.header.take() {
            Some(header) => Payload {
                line,
                wire: Wire::Main,
                side: Some(header.side),
                op: Some(header.op),
                event: header.event,
                data: serde_json::from_str(&python::to_json(text)).map_err(malformed)?,
            },
            None => self.bare(serde_json::from_str(text).map_err(malformed)?, line),
        };
        self.notes.entries.push(Entry::Payload(payload));
        Ok(end)
    }

    /// A payload without an `info:` line: with its envelope, or with what the text says of it.
    fn bare(&mut self, json: Value, line: usize) -> Payload {
        let said = self.prose.take();
        let enveloped = json.get("op").and_then(Value::as_u64);
        let data = match enveloped {
            Some(_) => json.get("d").cloned().unwrap_or(Value::Null),
            None => json,
        };
        if let Some(version) = data.get("v").and_then(Value::as_u64) {
            self.notes.voice_version.get_or_insert(version);
        }
        let (op, wire) = (
            enveloped.or(said.op),
            if said.main { Wire::Main } else { Wire::Voice },
        );
        // Most opcodes go one way only, which is surer than any sentence.
        let one_way = op.filter(|_| wire == Wire::Voice).and_then(voice_side);
        Payload {
            line,
            wire,
            side: one_way.or(self.side).or(said.side),
            op,
            event: said.event,
            data,
        }
    }
}

/// Who sends a voice opcode, if only one side does.
fn voice_side(op: u64) -> Option<Side> {
    match VoiceOpcode::from_number(op)?.direction() {
        Direction::ToServer => Some(Side::Client),
        Direction::ToClient => Some(Side::Server),
        Direction::Both => None,
    }
}

/// `Client -> Server: op: 4` or `Server -> Client: op: 0, t: CALL_CREATE`.
fn header(info: &str) -> Option<Header> {
    let (side, rest) = match info.split_once(": op: ")? {
        ("Client -> Server", rest) => (Side::Client, rest),
        ("Server -> Client", rest) => (Side::Server, rest),
        _ => return None,
    };
    let (op, event) = match rest.split_once(", t: ") {
        Some((op, event)) => (op, Some(event.trim().to_owned())),
        None => (rest, None),
    };
    Some(Header {
        side,
        op: op.trim().parse().ok()?,
        event,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOTES: &str = "# private calls
### c: i joined
info: Client -> Server: op: 4
info: {'guild_id': None, 'self_video':
False}
### connection: joins wss
info: 127.0.0.1:55897: server connect rotterdam5347.example:443 (192.0.2.1:443)
info: Server -> Client: op: 0, t: CALL_DELETE
info: {'channel_id': '1', 'text': 'a {brace} and \"quotes\"'}
# voice
GET /?v=6 HTTP/1.1
## s: hello
```
{\"op\":8,\"d\":{\"v\":6,\"heartbeat_interval\":13750}}
```
## in prose
5. The client then responds with opcode 16 with `{}` in the data field.
6. The server responds with opcode 16 which appears to list versions:
{
  \"voice\": \"0.8.23\"
}
";

    #[test]
    fn every_way_of_writing_is_read() {
        let notes = Notes::parse(NOTES).unwrap();
        let payload = |line, wire, side, op, event: Option<&str>, data| Payload {
            line,
            wire,
            side: Some(side),
            op: Some(op),
            event: event.map(str::to_owned),
            data,
        };
        let expected = [
            payload(
                4,
                Wire::Main,
                Side::Client,
                4,
                None,
                json!({"guild_id": null, "self_video": false}),
            ),
            payload(
                9,
                Wire::Main,
                Side::Server,
                0,
                Some("CALL_DELETE"),
                json!({"channel_id": "1", "text": "a {brace} and \"quotes\""}),
            ),
            payload(
                14,
                Wire::Voice,
                Side::Server,
                8,
                None,
                json!({"v": 6, "heartbeat_interval": 13750}),
            ),
            payload(17, Wire::Voice, Side::Client, 16, None, json!({})),
            payload(
                19,
                Wire::Voice,
                Side::Server,
                16,
                None,
                json!({"voice": "0.8.23"}),
            ),
        ];
        assert_eq!(notes.payloads().cloned().collect::<Vec<_>>(), expected);
        assert_eq!(notes.voice_version, Some(6));
        assert!(notes.entries.contains(&Entry::Connection {
            line: 7,
            opened: true
        }));
        assert_eq!(
            notes.entries[0],
            Entry::Heading {
                line: 1,
                level: 1,
                text: "private calls".to_owned()
            }
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        assert_eq!(
            Notes::parse("a\n{\"op\": 1"),
            Err(NotationError::Open { line: 2 })
        );
        let error = Notes::parse("\n\n{nonsense}").unwrap_err();
        assert!(error.to_string().starts_with("line 3:"), "{error}");
    }
}
