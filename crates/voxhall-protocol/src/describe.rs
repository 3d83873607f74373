//! Messages for people: names in place of numbers, and nothing secret.

use std::fmt;

use serde_json::Value;

/// Names the number in a field, where the field called `.1` of an object called `.0` has one. An empty `.0` is the
/// payload itself, `*` any object.
pub(crate) type FieldName = (&'static str, &'static str, fn(u64) -> String);

/// A payload to be printed on one line.
pub(crate) struct Described<'a> {
    pub payload: &'a Value,
    pub names: &'a [FieldName],
}

/// Fields whose value nobody should read in a log. The fragments contain the ICE password.
const SECRET_FIELDS: [&str; 4] = ["token", "secret_key", "sdp", "analytics_token"];
/// `data` of Select Protocol, where it is a text, is a fragment.
const FRAGMENT_FIELD: &str = "data";

impl fmt::Display for Described<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value(formatter, "", "", self.payload)
    }
}

impl Described<'_> {
    fn value(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        object: &str,
        field: &str,
        value: &Value,
    ) -> fmt::Result {
        match value {
            Value::Null => formatter.write_str("none"),
            _ if SECRET_FIELDS.contains(&field) => formatter.write_str("(secret)"),
            Value::String(text) if field == FRAGMENT_FIELD && object.is_empty() => {
                write!(formatter, "(SDP, {} lines)", text.lines().count())
            }
            Value::Object(fields) => {
                formatter.write_str("{")?;
                let mut separator = "";
                for (name, value) in fields {
                    write!(formatter, "{separator}{name}: ")?;
                    self.value(formatter, field, name, value)?;
                    separator = ", ";
                }
                formatter.write_str("}")
            }
            Value::Array(items) => {
                formatter.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    formatter.write_str(if index == 0 { "" } else { ", " })?;
                    self.value(formatter, object, field, item)?;
                }
                formatter.write_str("]")
            }
            scalar => match self.named(object, field, scalar) {
                Some(name) => formatter.write_str(&name),
                None => write!(formatter, "{scalar}"),
            },
        }
    }

    fn named(&self, object: &str, field: &str, value: &Value) -> Option<String> {
        let number = match value {
            Value::Number(number) => number.as_u64()?,
            Value::String(digits) => digits.parse().ok()?,
            Value::Bool(flag) => u64::from(*flag),
            _ => return None,
        };
        let (_, _, name) = self
            .names
            .iter()
            .find(|(inside, called, _)| *called == field && (*inside == "*" || *inside == object))?;
        Some(name(number))
    }
}

/// The payload of a message in its JSON form.
pub(crate) fn payload_of(message: &str) -> Value {
    match serde_json::from_str(message) {
        Ok(Value::Object(mut envelope)) => envelope.remove("d").unwrap_or(Value::Null),
        _ => Value::Null,
    }
}
