//! JSON schemas of scalars that the wire carries in a shape of its own. Those of objects are derived.

use std::fmt::Display;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

/// Gives a type that reads and writes itself a named schema.
macro_rules! named_schema {
    ($name:ident, $description:expr, $schema:path) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = $schema(generator);
                schema.insert("description".to_owned(), $description.trim().into());
                schema
            }
        }
    };
}

pub(crate) use named_schema;

/// A number of 64 bits: written as decimal digits in a string, read as a JSON integer too.
pub(crate) fn digits(generator: &mut SchemaGenerator) -> Schema {
    // Nineteen digits always fit; the few larger numbers with twenty cannot be said here.
    let written = json!({"type": "string", "pattern": "^[0-9]{1,19}$"});
    if generator.contract().is_serialize() {
        return json_schema!({"type": "string", "pattern": "^[0-9]{1,20}$"});
    }
    json_schema!({"anyOf": [written, {"type": "integer", "minimum": 0}]})
}

/// The text that names a stream.
pub(crate) fn stream_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^(guild:[0-9]{1,19}:|call:)[0-9]{1,19}:[0-9]{1,19}$"})
}

/// A number of which some have names.
pub(crate) fn numbers<N: Display>(mut schema: Schema, names: &[(N, &str)]) -> Schema {
    let list: Vec<_> = names
        .iter()
        .map(|(number, name)| format!("{number} {name}"))
        .collect();
    schema.insert("description".to_owned(), list.join("; ").into());
    schema
}

/// A text of which some are known.
pub(crate) fn texts(known: &[&str]) -> Schema {
    json_schema!({"type": "string", "examples": known})
}
