//! How a benchmark's outcome is printed.

use serde::Serialize;

/// An outcome: a JSON object for scripts, or lines for people.
pub trait Report: Serialize {
    /// What was measured, and the figure.
    fn lines(&self) -> Vec<(&'static str, String)>;

    /// Prints it to standard output.
    fn print(&self, json: bool) -> serde_json::Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        for (name, figure) in self.lines() {
            println!("{name:<28} {figure}");
        }
        Ok(())
    }
}

/// Nanoseconds for people.
pub fn nanos(value: f64) -> String {
    format!("{value:.0} ns")
}

/// Microseconds for people.
pub fn micros(value: Option<f64>) -> String {
    value.map_or_else(|| "nothing arrived".to_owned(), |value| format!("{value:.0} µs"))
}
