//! What plain sentences say of the payload that follows them.

use super::Side;

/// What was said since the last payload.
#[derive(Debug, Default)]
pub(super) struct Prose {
    side: Option<Side>,
    op: Option<u64>,
    event: Option<String>,
    main: bool,
}

/// What was said of one payload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) side: Option<Side>,
    pub(super) op: Option<u64>,
    pub(super) event: Option<String>,
    /// It belongs to the main Gateway.
    pub(super) main: bool,
}

/// Words after which a sentence is about what one side sends.
const SERVER_SENDS: [&str; 4] = [
    "server replies",
    "server responds",
    "server then",
    "gateway should send",
];
const CLIENT_SENDS: [&str; 4] = [
    "client sends",
    "client then",
    "to identify the user",
    "we then send",
];

impl Prose {
    pub(super) fn read(&mut self, line: &str) {
        let words = line.to_ascii_lowercase();
        if SERVER_SENDS.iter().any(|it| words.contains(it)) || words.contains("server should respond") {
            self.side = Some(Side::Server);
        } else if CLIENT_SENDS.iter().any(|it| words.contains(it)) || words.contains("sending an op") {
            self.side = Some(Side::Client);
        }
        if let Some(op) = opcode(&words) {
            self.op = Some(op);
        }
        if words.contains("your connected gateway") || words.contains("the gateway should send") {
            self.main = true;
        }
        if let Some(event) = line
            .split_once(" event")
            .and_then(|(before, _)| before.split(' ').next_back())
            && event.contains('_')
            && event.chars().all(|it| it.is_ascii_uppercase() || it == '_')
        {
            (self.side, self.op, self.main) = (Some(Side::Server), Some(0), true);
            self.event = Some(event.to_owned());
        }
    }

    /// What was said of the payload at hand. Who sends goes on until somebody else is said to: one sentence may
    /// introduce several payloads.
    pub(super) fn take(&mut self) -> Said {
        Said {
            side: self.side,
            op: self.op.take(),
            event: self.event.take(),
            main: std::mem::take(&mut self.main),
        }
    }
}

/// The number after the last `opcode` or `op` of a sentence in lower case.
fn opcode(words: &str) -> Option<u64> {
    let mut found = None;
    for (at, _) in words.match_indices("op") {
        let before = words[..at].chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let after = &words[at + 2..];
        let number = after.strip_prefix("code").unwrap_or(after).trim_start();
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        found = digits.parse().ok().or(found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Said {
        let mut prose = Prose::default();
        lines.iter().for_each(|line| prose.read(line));
        prose.take()
    }

    fn of(side: Side, op: u64) -> Said {
        Said {
            side: Some(side),
            op: Some(op),
            ..Said::default()
        }
    }

    #[test]
    fn sentences_name_sender_and_opcode() {
        assert_eq!(
            said(&["The server replies with stream details with opcode 2. "]),
            of(Side::Server, 2)
        );
        assert_eq!(
            said(&[
                "The client sends both opcode 12 and opcode 1 which",
                "Opcode 12 data:"
            ]),
            of(Side::Client, 12)
        );
        assert_eq!(
            said(&["The voice server should respond with OP2 Ready:"]),
            of(Side::Server, 2)
        );
        assert_eq!(
            said(&["we then send an Identify (OP 0) with"]),
            of(Side::Client, 0)
        );
        assert_eq!(said(&["nothing that operates on option 3"]), Said::default());
    }

    #[test]
    fn events_belong_to_the_main_gateway() {
        let event = said(&["Along with a VOICE_SERVER_UPDATE event, containing"]);
        assert_eq!(
            (event.event.as_deref(), event.main),
            (Some("VOICE_SERVER_UPDATE"), true)
        );
    }
}
