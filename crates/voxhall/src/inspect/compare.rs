//! A captured message held against the one that the server sent: what must be equal, and what is made anew each time.

use std::collections::HashMap;

use serde_json::Value;

/// How two values of one field are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// They are equal.
    Same,
    /// Ids: those that were seen together stay together.
    Id,
    /// Both are a time, or both are `null`.
    Time,
    /// Sources of media: as far from each other as the captured ones.
    Source,
    /// Made anew each time; only the kind counts.
    Fresh,
    /// A number that is larger each time.
    Rising,
    /// A list that may have grown since.
    Grown,
}

fn rule(field: &str) -> Rule {
    match field {
        "token" | "endpoint" | "ip" | "port" | "media_session_id" | "voice" | "rtc_worker"
        | "experiments" | "sdp" => Rule::Fresh,
        "heartbeat_interval" => Rule::Fresh,
        "version" => Rule::Rising,
        "ssrc" | "rtx_ssrc" | "audio_ssrc" | "video_ssrc" => Rule::Source,
        "modes" => Rule::Grown,
        "timestamp" | "ended_timestamp" | "edited_timestamp" | "joined_at" | "request_to_speak_timestamp" => {
            Rule::Time
        }
        "id" | "participants" | "ringing" | "roles" => Rule::Id,
        id if id.ends_with("_id") => Rule::Id,
        _ => Rule::Same,
    }
}

/// What has been seen of both sides.
#[derive(Debug, Default)]
pub struct Mapping {
    ids: HashMap<String, String>,
    /// What the first source was on both sides.
    source: Option<(i64, i64)>,
    rising: HashMap<String, u64>,
}

impl Mapping {
    /// From now on `captured` stands for `actual`.
    pub fn learn(&mut self, captured: &str, actual: &str) {
        self.ids.insert(captured.to_owned(), actual.to_owned());
    }

    /// What stands for a captured id.
    pub fn id<'a>(&'a self, captured: &'a str) -> &'a str {
        self.ids.get(captured).map_or(captured, String::as_str)
    }

    /// A captured payload with this server's ids.
    pub fn translate(&self, captured: &Value) -> Value {
        match captured {
            Value::String(text) => Value::from(self.id(text)),
            Value::Array(items) => items.iter().map(|item| self.translate(item)).collect(),
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (self.id(name).to_owned(), self.translate(value)));
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    /// In what the server's message differs from the captured one; a field that only the server has is no difference.
    pub fn differences(&mut self, captured: &Value, actual: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.compare("", "", captured, actual, &mut found);
        found
    }

    fn compare(
        &mut self,
        path: &str,
        field: &str,
        captured: &Value,
        actual: &Value,
        found: &mut Vec<String>,
    ) {
        match (captured, actual) {
            (Value::Object(expected), Value::Object(got)) => {
                for (name, value) in expected {
                    let path = format!("{path}.{name}");
                    match got.get(name) {
                        Some(actual) => self.compare(&path, name, value, actual, found),
                        None => found.push(format!("{path} is missing")),
                    }
                }
            }
            (Value::Array(expected), Value::Array(got)) if rule(field) == Rule::Grown => {
                let missing = expected.iter().filter(|item| !got.contains(item));
                found.extend(missing.map(|item| format!("{path} lacks {item}")));
            }
            (Value::Array(_), Value::Array(_)) if rule(field) == Rule::Fresh => {}
            (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
                for (index, (captured, actual)) in expected.iter().zip(got).enumerate() {
                    self.compare(&format!("{path}[{index}]"), field, captured, actual, found);
                }
            }
            _ if self.agree(field, captured, actual) => {}
            _ => found.push(format!("{path} is {actual}, captured as {captured}")),
        }
    }

    /// Whether two values that hold nothing else agree.
    fn agree(&mut self, field: &str, captured: &Value, actual: &Value) -> bool {
        match (rule(field), captured, actual) {
            (Rule::Id, Value::String(captured), Value::String(actual)) => self.same_id(captured, actual),
            (Rule::Time, Value::String(captured), Value::String(actual)) => same_form(captured, actual),
            (Rule::Source, Value::Number(captured), Value::Number(actual)) => {
                match (captured.as_i64(), actual.as_i64()) {
                    (Some(0), Some(actual)) => actual == 0,
                    (Some(captured), Some(actual)) => {
                        let (first_captured, first_actual) = *self.source.get_or_insert((captured, actual));
                        captured - first_captured == actual - first_actual
                    }
                    _ => false,
                }
            }
            (Rule::Rising, _, actual) => {
                let before = self.rising.get(field).copied();
                let now = actual.as_u64();
                if let Some(now) = now {
                    self.rising.insert(field.to_owned(), now);
                }
                now.is_some() && before < now
            }
            (Rule::Fresh, Value::String(_), Value::String(actual)) => !actual.is_empty(),
            (Rule::Fresh, Value::Number(_), Value::Number(_)) => true,
            _ => captured == actual,
        }
    }

    fn same_id(&mut self, captured: &str, actual: &str) -> bool {
        let known = self
            .ids
            .entry(captured.to_owned())
            .or_insert_with(|| actual.to_owned());
        known == actual
    }
}

/// Whether two times are written alike: digits where digits are, everything else equal.
fn same_form(captured: &str, actual: &str) -> bool {
    let form = |text: &str| text.replace(|it: char| it.is_ascii_digit(), "0");
    form(captured) == form(actual)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_that_were_seen_together_stay_together() {
        let mut mapping = Mapping::default();
        assert!(
            mapping
                .differences(
                    &json!({"message_id": "1"}),
                    &json!({"message_id": "7", "more": 1})
                )
                .is_empty()
        );
        assert!(
            mapping
                .differences(&json!({"id": "1"}), &json!({"id": "7"}))
                .is_empty()
        );
        let other = mapping.differences(
            &json!({"call": {"participants": ["1"]}}),
            &json!({"call": {"participants": ["8"]}}),
        );
        assert_eq!(other, [r#".call.participants[0] is "8", captured as "1""#]);
        assert_eq!(
            mapping.translate(&json!({"channels": {"1": ["1", "2"]}})),
            json!({"channels": {"7": ["7", "2"]}})
        );
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_named() {
        let mut mapping = Mapping::default();
        let captured =
            json!({"a": null, "ended_timestamp": null, "endpoint": "x:443", "n": 3, "modes": ["m"]});
        let actual = json!({"a": 1, "ended_timestamp": "2022-04-20T18:41:07.771848+00:00", "endpoint": "", "modes": []});
        let mut found = mapping.differences(&captured, &actual);
        found.sort_unstable();
        let expected = [
            ".a is 1, captured as null",
            r#".ended_timestamp is "2022-04-20T18:41:07.771848+00:00", captured as null"#,
            r#".endpoint is "", captured as "x:443""#,
            r#".modes lacks "m""#,
            ".n is missing",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn sources_keep_their_distance_and_versions_rise() {
        let mut mapping = Mapping::default();
        let captured =
            json!({"ssrc": 100, "streams": [{"ssrc": 101, "rtx_ssrc": 102}], "audio_ssrc": 0, "version": 37});
        let actual =
            json!({"ssrc": 5, "streams": [{"ssrc": 6, "rtx_ssrc": 7}], "audio_ssrc": 0, "version": 1});
        assert!(mapping.differences(&captured, &actual).is_empty());
        assert_eq!(
            mapping
                .differences(&json!({"ssrc": 100}), &json!({"ssrc": 6}))
                .len(),
            1
        );
        assert_eq!(
            mapping
                .differences(&json!({"version": 41}), &json!({"version": 1}))
                .len(),
            1
        );
        assert!(
            mapping
                .differences(&json!({"version": 41}), &json!({"version": 2}))
                .is_empty()
        );
    }
}
