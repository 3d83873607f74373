//! Wrong fields of a body, all of them in one answer (JSON error 50035).

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Failure};

/// What is wrong with a field, in the words that programs know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It must be there.
    Required,
    /// A text or list is too short or too long.
    Length(RangeInclusive<usize>),
    /// A number is too small or too large.
    Range(RangeInclusive<i64>),
    /// Anything else, said in a sentence.
    Invalid(&'static str),
}

impl Fault {
    fn to_json(&self, given: i64) -> Value {
        let (code, message) = match self {
            Self::Required => ("BASE_TYPE_REQUIRED", "This field is required".to_owned()),
            Self::Length(fits) => (
                "BASE_TYPE_BAD_LENGTH",
                format!("Must be between {} and {} in length.", fits.start(), fits.end()),
            ),
            Self::Range(fits) if given < *fits.start() => (
                "NUMBER_TYPE_MIN",
                format!("int value should be greater than or equal to {}.", fits.start()),
            ),
            Self::Range(fits) => (
                "NUMBER_TYPE_MAX",
                format!("int value should be less than or equal to {}.", fits.end()),
            ),
            Self::Invalid(message) => ("BASE_TYPE_INVALID", (*message).to_owned()),
        };
        json!({"_errors": [{"code": code, "message": message}]})
    }
}

/// The wrong fields that were found so far.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: Map<String, Value>,
}

impl Form {
    /// Notes what is wrong with a field.
    pub(crate) fn fault(&mut self, field: impl Display, fault: &Fault) {
        self.errors.insert(field.to_string(), fault.to_json(0));
    }

    /// Checks the length of a text, in characters.
    pub(crate) fn text(&mut self, field: &str, text: &str, fits: RangeInclusive<usize>) {
        if !fits.contains(&text.chars().count()) {
            self.fault(field, &Fault::Length(fits));
        }
    }

    /// Checks a number.
    pub(crate) fn number(&mut self, field: &str, number: impl Into<i64>, fits: RangeInclusive<i64>) {
        let number = number.into();
        if !fits.contains(&number) {
            let fault = Fault::Range(fits).to_json(number);
            self.errors.insert(field.to_owned(), fault);
        }
    }

    /// Checks anything else.
    pub(crate) fn ensure(&mut self, field: &str, holds: bool, message: &'static str) {
        if !holds {
            self.fault(field, &Fault::Invalid(message));
        }
    }

    /// The answer, if anything was wrong.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Failure::invalid_form(Value::Object(self.errors)))
        }
    }
}
