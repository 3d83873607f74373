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

    /// Milliseconds of the Unix time; `None` if the text is no point in time after 1970 in the form of ISO 8601 with
    /// an offset or `Z`.
    #[must_use]
    pub fn unix_ms(&self) -> Option<u64> {
        let (date, rest) = self.0.split_once(['T', ' '])?;
        let (time, offset_minutes) = split_offset(rest)?;
        let [year, month, day] = numbers(date, '-')?;
        let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [hour, minute, second] = numbers(whole, ':')?;
        let valid = year >= 1970 && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        if !valid || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds = days_before(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        let seconds = i64::try_from(seconds).ok()? - offset_minutes * 60;
        u64::try_from(seconds)
            .ok()?
            .checked_mul(1000)?
            .checked_add(milliseconds(fraction)?)
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

/// Three numbers between separators.
fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parts: Vec<u64> = text.split(separator).map(digits).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// A number of at most four digits.
fn digits(text: &str) -> Option<u64> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// A time of day, and the minutes by which its clock is ahead.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let sign = text.find(['+', '-'])?;
    let (time, offset) = text.split_at(sign);
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = i64::try_from(digits(hours)? * 60 + digits(minutes)?).ok()?;
    Some((
        time,
        if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        },
    ))
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<u64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{fraction}000");
    digits(padded.get(..3)?)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1 January 1970 to a day of the Gregorian calendar.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year)
        .map(|year| if is_leap(year) { 366 } else { 365 })
        .sum();
    let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_other_forms_of_the_same() {
        for millis in [
            0,
            1_650_479_767_383,
            951_782_400_000,
            4_107_542_399_999,
            4_107_542_400_000,
        ] {
            assert_eq!(Timestamp::from_unix_ms(millis).unix_ms(), Some(millis));
        }
        for same in [
            "2022-04-20T18:36:07.383Z",
            "2022-04-20T20:36:07.383+02:00",
            "2022-04-20 13:06:07.3835-05:30",
        ] {
            assert_eq!(
                Timestamp(same.to_owned()).unix_ms(),
                Some(1_650_479_767_383),
                "{same}"
            );
        }
        for wrong in [
            "",
            "now",
            "2022-04-20",
            "2022-13-20T18:36:07Z",
            "2022-02-30T18:36:07Z",
            "2022-04-20T18:36:07",
            "2022-04-20T24:36:07Z",
            "1969-04-20T18:36:07Z",
            "99999-04-20T18:36:07Z",
            "2022-04-20T18:36:07.x1Z",
            "1970-01-01T00:00:00+01:00",
        ] {
            assert_eq!(Timestamp(wrong.to_owned()).unix_ms(), None, "{wrong}");
        }
    }

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
