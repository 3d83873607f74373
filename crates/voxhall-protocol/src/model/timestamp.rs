//! Points in time as ISO 8601 text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time as the wire has it: `2022-04-20T18:36:07.383000+00:00`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
#[serde(transparent)]
pub struct Timestamp(pub String);

const SECONDS_PER_DAY: u64 = 86_400;

impl Timestamp {
    /// The point `millis` milliseconds into the Unix time.
    #[must_use]
    pub fn from_unix_ms(millis: u64) -> Self {
        let seconds = millis / 1000;
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let micros = millis % 1000 * 1000;
        Self(format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00"
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Year, month and day of the Gregorian calendar for a day counted from 1 January 1970.
///
/// Counts in years that begin on 1 March, so that the leap day is the last one.
const fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970_MARCH: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097;
    let shifted = days + DAYS_BEFORE_1970_MARCH;
    let era = shifted / DAYS_PER_ERA;
    let of_era = shifted % DAYS_PER_ERA;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_times() {
        let text = |millis| Timestamp::from_unix_ms(millis).0;
        assert_eq!(text(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(text(1_650_479_767_383), "2022-04-20T18:36:07.383000+00:00");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000000+00:00");
        assert_eq!(text(4_107_542_399_999), "2100-02-28T23:59:59.999000+00:00");
        assert_eq!(text(4_107_542_400_000), "2100-03-01T00:00:00.000000+00:00");
    }
}
