//! What commands print: tables for people, JSON for programs.

use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The space between two columns.
const GAP: usize = 2;

/// Prints a text that ends its own lines. That nobody reads any more, as behind `| head`, is no failure.
pub fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot print; is the disk full that the output goes to?")
        }
        _ => Ok(()),
    }
}

/// Prints a line.
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Prints what a program shall read.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Prints `items`: as JSON, or with a row for each.
pub fn list<T: Serialize, const COLUMNS: usize>(
    items: &[T],
    as_json: bool,
    row: impl Fn(&T) -> [String; COLUMNS],
) -> Result<()> {
    if as_json {
        return json(items);
    }
    let rows: Vec<[String; COLUMNS]> = items.iter().map(row).collect();
    print(&table(&rows))
}

/// Columns as wide as what stands in them.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or(0) + GAP);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str, c: &str| [a.to_owned(), b.to_owned(), c.to_owned()];
        let printed = table(&[row("1", "Ödön", ""), row("12345", "b", "end")]);
        assert_eq!(printed, "1      Ödön\n12345  b     end\n");
        assert_eq!(table::<3>(&[]), "");
    }
}
