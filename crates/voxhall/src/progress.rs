//! Progress of long work: one refreshed line on a terminal, a plain line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often a terminal's line is refreshed.
const REFRESH: Duration = Duration::from_millis(200);
/// How often a plain line is printed.
const PLAIN: Duration = Duration::from_secs(10);

/// Shows on standard error how far something is.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    shown_at: Option<Instant>,
    /// A refreshed line stands on the terminal, without its line end.
    open_line: bool,
}

impl Progress {
    /// Progress on this process's standard error, of something that begins `now`.
    pub fn new(now: Instant) -> Self {
        Self::on(std::io::stderr().is_terminal(), now)
    }

    fn on(terminal: bool, now: Instant) -> Self {
        Self {
            terminal,
            // A plain line about nothing done yet tells nothing.
            shown_at: (!terminal).then_some(now),
            open_line: false,
        }
    }

    /// How long to wait before [`show`](Self::show) is worth calling again.
    pub fn interval(&self) -> Duration {
        if self.terminal { REFRESH } else { PLAIN }
    }

    /// Shows `text`, unless something was shown a moment ago.
    pub fn show(&mut self, now: Instant, text: &str) {
        if self.is_due(now) {
            self.shown_at = Some(now);
            self.print(text);
        }
    }

    /// Prints a line that stays; the refreshed line goes on below it.
    pub fn note(&mut self, text: &str) {
        self.close_line();
        eprintln!("{text}");
    }

    fn is_due(&self, now: Instant) -> bool {
        self.shown_at
            .is_none_or(|shown_at| now.duration_since(shown_at) >= self.interval())
    }

    fn print(&mut self, text: &str) {
        if self.terminal {
            // Back to the line's begin, and clear what is left of the last text.
            eprint!("\r{text}\x1b[K");
            let _ = std::io::stderr().flush();
            self.open_line = true;
        } else {
            eprintln!("{text}");
        }
    }

    fn close_line(&mut self) {
        if self.open_line {
            eprint!("\r\x1b[K");
            self.open_line = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open_line {
            eprintln!();
        }
    }
}

/// `83 s` as `1:23`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_their_interval() {
        let start = Instant::now();
        for (terminal, interval) in [(true, REFRESH), (false, PLAIN)] {
            let mut progress = Progress::on(terminal, start);
            assert_eq!(progress.is_due(start), terminal);
            progress.shown_at = Some(start);
            assert!(!progress.is_due(start + interval / 2));
            assert!(progress.is_due(start + interval));
        }
    }

    #[test]
    fn clocks_show_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(83)), "1:23");
        assert_eq!(clock(Duration::from_millis(999)), "0:00");
    }
}
