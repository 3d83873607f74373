//! The schemas of what is taken and of what is given.
//!
//! They differ: an id is written as a string and read as an integer too; a field may be left out by who writes it and
//! yet be always there when we do. So there are two sets; what is the same in both is said once.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where the document keeps schemas.
const PLACE: &str = "#/components/schemas/";

/// What the name of a schema ends with that is another one when it is taken.
const TAKEN: &str = "Request";

/// Collects schemas.
pub(super) struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of something that requests hold.
    pub(super) fn taken<T: JsonSchema>(&mut self) -> Schema {
        self.taken.subschema_for::<T>()
    }

    /// The same, not by reference.
    pub(super) fn taken_inline<T: JsonSchema>(&mut self) -> Schema {
        T::json_schema(&mut self.taken)
    }

    /// The schema of something that is answered.
    pub(super) fn given<T: JsonSchema>(&mut self) -> Schema {
        self.given.subschema_for::<T>()
    }

    /// All schemas that have names, and the new names of those that requests refer to.
    pub(super) fn finish(mut self) -> (Map<String, Value>, Renamed) {
        let (taken, mut all) = (
            self.taken.take_definitions(true),
            self.given.take_definitions(true),
        );
        let mut renamed = Renamed::default();
        loop {
            let before = renamed.0.len();
            for (name, schema) in &taken {
                let differs = |other| other != schema || renamed.concerns(schema);
                let differs = all.get(name).is_some_and(differs);
                if differs {
                    renamed.0.insert(name.clone());
                }
            }
            if renamed.0.len() == before {
                break;
            }
        }
        for (name, mut schema) in taken {
            renamed.apply(&mut schema);
            all.insert(renamed.name(name), schema);
        }
        (all, renamed)
    }
}

/// Schemas that are not the same when they are taken.
#[derive(Debug, Default)]
pub(super) struct Renamed(BTreeSet<String>);

impl Renamed {
    fn name(&self, name: String) -> String {
        if self.0.contains(&name) {
            name + TAKEN
        } else {
            name
        }
    }

    /// Whether a schema refers to one of them.
    fn concerns(&self, schema: &Value) -> bool {
        match schema {
            Value::Object(fields) => fields.iter().any(|(key, value)| match value.as_str() {
                Some(target) if key == "$ref" => target
                    .strip_prefix(PLACE)
                    .is_some_and(|name| self.0.contains(name)),
                _ => self.concerns(value),
            }),
            Value::Array(each) => each.iter().any(|value| self.concerns(value)),
            _ => false,
        }
    }

    /// Turns the references of something that is taken to the new names.
    pub(super) fn apply(&self, schema: &mut Value) {
        match schema {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::String(target) if key == "$ref" => {
                            if let Some(name) = target.strip_prefix(PLACE) {
                                *target = format!("{PLACE}{}", self.name(name.to_owned()));
                            }
                        }
                        value => self.apply(value),
                    }
                }
            }
            Value::Array(each) => each.iter_mut().for_each(|value| self.apply(value)),
            _ => {}
        }
    }
}
