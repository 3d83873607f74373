//! The log: where it goes, what of it is written, and how a flood is held back.
//!
//! Many lines tell of what a peer did wrong, so a peer could fill a disk with them. Each line of the source therefore
//! may write only so often; what is left out is counted and told.

mod messages;

use std::collections::HashMap;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tracing::{Event, Level, Metadata, Subscriber, callsite};
use tracing_subscriber::filter::{FilterExt as _, Targets};
use tracing_subscriber::layer::{Context, Filter, Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};
use voxhall_protocol::capture::LOG_TARGET;

use messages::MessageLog;

/// Lines that one place in the source may write within [`WINDOW`].
const LINES: u64 = 50;
/// The time over which [`LINES`] are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Begins to write the log to standard error: what passes `filter`, flooding excepted; and, if asked for, a log of all
/// messages of both gateways to a file.
///
/// # Errors
/// If `filter` cannot be read, or the file not be written.
pub fn start(filter: &str, messages: Option<&Path>) -> Result<()> {
    // Messages hold secrets; only the log made for them takes these out.
    let filter = EnvFilter::try_new(format!("{filter},{LOG_TARGET}=off")).with_context(|| {
        format!("{filter:?} is no log filter; give one like info or warn,voxhall_node=debug")
    })?;
    let text = fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_filter(filter.and(FloodGate::default()));
    let messages = messages.map(MessageLog::create).transpose()?;
    let messages = messages.map(|log| log.with_filter(Targets::new().with_target(LOG_TARGET, Level::TRACE)));
    registry().with(text).with(messages).init();
    Ok(())
}

/// Lets no place in the source write more than its share. Whoever asks for DEBUG or TRACE gets all of it.
#[derive(Default)]
struct FloodGate {
    places: Mutex<HashMap<callsite::Identifier, Share>>,
}

impl<S: Subscriber> Filter<S> for FloodGate {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let place = event.metadata();
        if *place.level() > Level::INFO {
            return true;
        }
        let verdict = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(place.callsite())
            .or_default()
            .admit(Instant::now());
        let (file, line) = (place.file().unwrap_or("?"), place.line().unwrap_or(0));
        match verdict {
            Verdict::Write => true,
            Verdict::WriteAfter { left_out } => {
                eprintln!("{left_out} lines from {file}:{line} were left out");
                true
            }
            Verdict::LeaveOut { first } => {
                if first {
                    eprintln!(
                        "more than {LINES} lines in {WINDOW:?} from {file}:{line}; the rest is left out"
                    );
                }
                false
            }
        }
    }
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Write,
    /// Lines before this one were left out, and it is time to say how many.
    WriteAfter {
        left_out: u64,
    },
    LeaveOut {
        /// Nothing was left out of this window before.
        first: bool,
    },
}

/// What one place in the source has written in the window that began last.
#[derive(Debug, Default)]
struct Share {
    began: Option<Instant>,
    lines: u64,
}

impl Share {
    fn admit(&mut self, now: Instant) -> Verdict {
        let within = self
            .began
            .is_some_and(|began| now.saturating_duration_since(began) < WINDOW);
        if !within {
            let left_out = self.lines.saturating_sub(LINES);
            (self.began, self.lines) = (Some(now), 1);
            return if left_out == 0 {
                Verdict::Write
            } else {
                Verdict::WriteAfter { left_out }
            };
        }
        self.lines += 1;
        if self.lines <= LINES {
            Verdict::Write
        } else {
            Verdict::LeaveOut {
                first: self.lines == LINES + 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_left_out_and_counted() {
        let start = Instant::now();
        let mut share = Share::default();
        assert!((0..LINES).all(|_| share.admit(start) == Verdict::Write));
        assert_eq!(share.admit(start), Verdict::LeaveOut { first: true });
        assert_eq!(
            share.admit(start + WINDOW / 2),
            Verdict::LeaveOut { first: false }
        );
        assert_eq!(share.admit(start + WINDOW), Verdict::WriteAfter { left_out: 2 });
        assert_eq!(share.admit(start + WINDOW), Verdict::Write);
    }

    #[test]
    fn a_steady_trickle_passes() {
        let start = Instant::now();
        let mut share = Share::default();
        for line in 0..10 * LINES {
            let now = start + WINDOW / u32::try_from(LINES).unwrap() * u32::try_from(line).unwrap();
            assert_eq!(share.admit(now), Verdict::Write, "line {line}");
        }
    }
}
