//! The rules for the unique names of people.

use std::fmt;

/// The fewest and the most characters.
const LENGTH: std::ops::RangeInclusive<usize> = 2..=32;

/// A name of today: lower case, unique among people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Username(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadUsername {
    /// Too short or too long.
    Length,
    /// A character that names do not have.
    Character,
    /// Two periods in a row.
    Periods,
}

impl Username {
    /// Normalises a name: no space around it, lower case.
    ///
    /// # Errors
    /// [`BadUsername`] if that leaves no name.
    pub(crate) fn parse(text: &str) -> Result<Self, BadUsername> {
        let name = text.trim().to_lowercase();
        if !LENGTH.contains(&name.chars().count()) {
            return Err(BadUsername::Length);
        }
        // Letters of other alphabets look like these: a name could pretend to be another.
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if !name
            .chars()
            .all(|letter| plain(letter) || matches!(letter, '_' | '.'))
        {
            return Err(BadUsername::Character);
        }
        if name.contains("..") {
            return Err(BadUsername::Periods);
        }
        Ok(Self(name))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BadUsername {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Length => "Must be between 2 and 32 in length.",
            Self::Character => {
                "Username must only contain letters, numbers, periods and underscores of the Latin alphabet."
            }
            Self::Periods => "Username must not contain two periods in a row.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_and_bad_ones_refused() {
        let parse = |text: &str| Username::parse(text).map(|name| name.0);
        assert_eq!(parse(" Ada_99.x "), Ok("ada_99.x".to_owned()));
        assert_eq!(parse("a"), Err(BadUsername::Length));
        assert_eq!(parse(&"a".repeat(33)), Err(BadUsername::Length));
        assert_eq!(parse("night owl"), Err(BadUsername::Character));
        // A Cyrillic "а", and the Kelvin sign, whose lower case is a plain "k".
        assert_eq!(parse("аda"), Err(BadUsername::Character));
        assert_eq!(parse("\u{212a}elvin"), Ok("kelvin".to_owned()));
        assert_eq!(parse("a..b"), Err(BadUsername::Periods));
    }
}
