//! Yes or no in a query. Some libraries say `true`, others `1`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Switch(bool);

impl Switch {
    /// Whether it is yes.
    pub(super) fn is_on(self) -> bool {
        self.0
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*String::deserialize(deserializer)? {
            "true" | "True" | "1" => Ok(Self(true)),
            "false" | "False" | "0" => Ok(Self(false)),
            other => Err(de::Error::invalid_value(
                de::Unexpected::Str(other),
                &"true or false",
            )),
        }
    }
}

impl JsonSchema for Switch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        bool::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        bool::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_ways_of_saying_it_are_understood() {
        let read = |text: &str| {
            serde_json::from_value::<Switch>(json!(text))
                .ok()
                .map(Switch::is_on)
        };
        assert_eq!(["true", "1", "True"].map(read), [Some(true); 3]);
        assert_eq!(["false", "0", "False"].map(read), [Some(false); 3]);
        assert_eq!(["", "yes", "2"].map(read), [None; 3]);
    }
}
