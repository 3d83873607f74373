//! The shapes of what one client sends and others are shown as it is: embeds, components, emojis.

use serde_json::Value;
use voxhall_protocol::model::Timestamp;

use super::reply::{Answer, Failure};

/// The longest address, in characters.
const LONGEST_LINK: usize = 2048;

/// What a value may be. `null` stands for nothing everywhere.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text of at most so many characters.
    Text(usize),
    /// The address of a page or a picture.
    Link,
    /// A point in time.
    Time,
    /// A whole number from 0 to this one.
    Number(u64),
    /// A number from 0 to 1.
    Share,
    /// Yes or no.
    Flag,
    /// An id, as a text or a number.
    Id,
    /// An object with these fields, and others of which nothing is known.
    Object(&'static [Field]),
    /// A list of at most so many values.
    List(usize, &'static Shape),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    shape: Shape,
    required: bool,
}

impl Field {
    /// A field that need not be there.
    pub(super) const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
        }
    }

    /// A field that must be there.
    pub(super) const fn required(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: true,
        }
    }
}

/// An emoji: one of a guild by its id, or a character.
pub(super) static EMOJI: &[Field] = &[
    Field::new("id", Shape::Id),
    Field::new("name", Shape::Text(64)),
    Field::new("animated", Shape::Flag),
];

/// Something that does not fit.
#[derive(Debug, PartialEq, Eq)]
struct Misfit {
    /// Where it is, from the inside out.
    steps: Vec<String>,
    wanted: String,
}

impl Misfit {
    fn new(wanted: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            wanted: wanted.into(),
        }
    }

    fn within(mut self, step: impl ToString) -> Self {
        self.steps.push(step.to_string());
        self
    }
}

impl Shape {
    /// Refuses what is of another shape; `place` is the path of the value.
    pub(super) fn check(&self, place: &str, value: &Value) -> Answer<()> {
        self.fits(value).map_err(|misfit| {
            let steps = [place.to_owned()].into_iter();
            let path: Vec<String> = steps.chain(misfit.steps.into_iter().rev()).collect();
            Failure::invalid_field(&path.join("."), &misfit.wanted)
        })
    }

    fn fits(&self, value: &Value) -> Result<(), Misfit> {
        let fits = match (self, value) {
            (_, Value::Null) => true,
            (Self::Text(longest), Value::String(text)) => text.chars().count() <= *longest,
            (Self::Link, Value::String(link)) => is_link(link),
            (Self::Time, Value::String(time)) => Timestamp(time.clone()).unix_ms().is_some(),
            (Self::Number(most), Value::Number(number)) => {
                number.as_u64().is_some_and(|number| number <= *most)
            }
            (Self::Share, Value::Number(number)) => number
                .as_f64()
                .is_some_and(|number| (0.0..=1.0).contains(&number)),
            (Self::Flag, Value::Bool(_)) => true,
            (Self::Id, Value::String(id)) => id.parse::<u64>().is_ok(),
            (Self::Id, Value::Number(id)) => id.is_u64(),
            (Self::Object(fields), Value::Object(_)) => {
                return fields.iter().try_for_each(|field| field.fits(value));
            }
            (Self::List(most, shape), Value::Array(values)) if values.len() <= *most => {
                let mut values = values.iter().enumerate();
                return values
                    .try_for_each(|(index, value)| shape.fits(value).map_err(|misfit| misfit.within(index)));
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(Misfit::new(self.wanted()))
        }
    }

    fn wanted(&self) -> String {
        match self {
            Self::Text(longest) => format!("give a text of at most {longest} characters"),
            Self::Link => "give the address of a page or a picture".to_owned(),
            Self::Time => "give a point in time".to_owned(),
            Self::Number(most) => format!("give a whole number from 0 to {most}"),
            Self::Share => "give a number from 0 to 1".to_owned(),
            Self::Flag => "give true or false".to_owned(),
            Self::Id => "give an id".to_owned(),
            Self::Object(_) => "give an object".to_owned(),
            Self::List(most, _) => format!("give a list of at most {most}"),
        }
    }

    /// Takes out of a value that fits whatever is not known of this shape.
    pub(super) fn strip(&self, value: &mut Value) {
        match (self, value) {
            (Self::Object(fields), Value::Object(given)) => {
                given.retain(|name, value| {
                    let known = fields.iter().find(|field| field.name == name);
                    if let Some(known) = known {
                        known.shape.strip(value);
                    }
                    known.is_some()
                });
            }
            (Self::List(_, shape), Value::Array(values)) => {
                values.iter_mut().for_each(|value| shape.strip(value));
            }
            _ => {}
        }
    }
}

impl Field {
    fn fits(&self, object: &Value) -> Result<(), Misfit> {
        let value = &object[self.name];
        let fits = if self.required && value.is_null() {
            Err(Misfit::new("This field is required"))
        } else {
            self.shape.fits(value)
        };
        fits.map_err(|misfit| misfit.within(self.name))
    }
}

fn is_link(text: &str) -> bool {
    let scheme = ["https://", "http://", "attachment://", "discord://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let plain = !text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control());
    text.is_empty() || (scheme && plain && text.chars().count() <= LONGEST_LINK)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static PERSON: Shape = Shape::Object(&[
        Field::required("name", Shape::Text(3)),
        Field::new("page", Shape::Link),
        Field::new("born", Shape::Time),
        Field::new("share", Shape::Share),
        Field::new("emoji", Shape::Object(EMOJI)),
        Field::new(
            "friends",
            Shape::List(1, &Shape::Object(&[Field::new("id", Shape::Id)])),
        ),
    ]);

    /// The path of what does not fit.
    fn wrong(value: &Value) -> Option<String> {
        let misfit = PERSON.fits(value).err()?;
        let mut steps = misfit.steps;
        steps.reverse();
        Some(steps.join("."))
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let good = json!({
            "name": "éàü", "page": "discord://-/channels/1", "born": "2022-04-20T18:36:07.383Z", "share": 0.5,
            "emoji": {"id": null, "name": "x"}, "friends": [{"id": "7"}], "unknown": {"a": [1]},
        });
        assert_eq!(wrong(&good), None);
        for (name, value, path) in [
            ("name", json!("four"), "name"),
            ("name", json!(null), "name"),
            ("page", json!("javascript:alert(1)"), "page"),
            ("page", json!("https://a b"), "page"),
            ("page", json!(format!("https://{}", "x".repeat(2048))), "page"),
            ("born", json!("yesterday"), "born"),
            ("share", json!(1.5), "share"),
            ("emoji", json!("x"), "emoji"),
            ("emoji", json!({"animated": 1}), "emoji.animated"),
            ("friends", json!("x"), "friends"),
            ("friends", json!([{"id": "x"}]), "friends.0.id"),
            ("friends", json!([{}, {}]), "friends"),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert_eq!(wrong(&bad).as_deref(), Some(path), "{bad}");
        }
    }

    #[test]
    fn what_is_unknown_is_taken_out_at_every_depth() {
        let mut value = json!({"name": "n", "junk": 1, "friends": [{"id": "7", "junk": 1}], "emoji": null});
        PERSON.strip(&mut value);
        assert_eq!(
            value,
            json!({"name": "n", "friends": [{"id": "7"}], "emoji": null})
        );
    }
}
