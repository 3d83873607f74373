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
    /// Anything else for which there is a code, with a sentence.
    Coded(&'static str, &'static str),
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
            Self::Coded(code, message) => (*code, (*message).to_owned()),
        };
        json!({"_errors": [{"code": code, "message": message}]})
    }
}

/// How deep a wrong field is told of; deeper ones are told of at this depth. Writing and dropping a tree goes as deep
/// as the tree.
const DEEPEST: usize = 24;

/// The longest step of a path, in bytes.
const LONGEST_STEP: usize = 256;

/// The steps of a path that can stand in the tree of errors. Some are what a client made up: from the first on that
/// no tree can have, the fault is told of where that one would begin.
pub(super) fn reportable<'a>(steps: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let steps = steps.into_iter().filter(|step| !step.is_empty());
    steps
        .take_while(|step| *step != "_errors" && step.len() <= LONGEST_STEP)
        .take(DEEPEST)
}

/// The wrong fields that were found so far.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: Map<String, Value>,
}

impl Form {
    /// Notes what is wrong with a field; `field` is its path, as in `options.0.name`. It consists of the server's own
    /// words and of numbers: what a client wrote may hold dots.
    pub(crate) fn fault(&mut self, field: impl Display, fault: &Fault) {
        self.note(&field.to_string(), fault.to_json(0));
    }

    fn note(&mut self, path: &str, error: Value) {
        let mut place = &mut self.errors;
        for step in reportable(path.split('.')) {
            let next = place.entry(step).or_insert_with(|| Value::Object(Map::new()));
            place = next
                .as_object_mut()
                .expect("steps lead to objects; lists stand below `_errors` alone, which is no step");
        }
        place.extend(error.as_object().cloned().into_iter().flatten());
    }

    /// What was wrong, as the tree that clients take apart.
    #[cfg(test)]
    pub(crate) fn into_errors(self) -> Value {
        Value::Object(self.errors)
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
            self.note(field, Fault::Range(fits).to_json(number));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_leads_to_every_wrong_field() {
        let mut form = Form::default();
        form.fault("options.1.name", &Fault::Required);
        form.text("options.1.description", "", 1..=100);
        form.fault("options", &Fault::Coded("CODE", "why"));
        let invalid = |code: &str, message: &str| json!([{"code": code, "message": message}]);
        let length = invalid("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.");
        let expected = json!({"options": {
            "_errors": invalid("CODE", "why"),
            "1": {
                "name": {"_errors": invalid("BASE_TYPE_REQUIRED", "This field is required")},
                "description": {"_errors": length},
            },
        }});
        assert_eq!(form.into_errors(), expected);
    }

    #[test]
    fn no_path_leads_out_of_the_tree_or_ever_deeper() {
        let mut form = Form::default();
        form.fault("a", &Fault::Required);
        form.fault("a._errors", &Fault::Required);
        form.fault("a._errors.0", &Fault::Required);
        let required = json!([{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]);
        assert_eq!(form.into_errors(), json!({"a": {"_errors": required}}));
        assert_eq!(reportable("a.".repeat(100_000).split('.')).count(), DEEPEST);
        let long = "x".repeat(LONGEST_STEP + 1);
        assert!(reportable(["a", &long, "b"]).eq(["a"]));
    }
}
