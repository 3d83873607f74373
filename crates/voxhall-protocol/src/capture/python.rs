//! Python dictionaries as the proxy printed them.

/// Length of the object that `text` begins with, braces within strings left out of account.
pub(super) fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut strings) = (0_usize, Strings::default());
    for (index, character) in text.char_indices() {
        if strings.step(character) {
            continue;
        }
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(index + 1),
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The dictionary as JSON. Anything else comes out as something that is not JSON.
pub(super) fn to_json(dictionary: &str) -> String {
    let mut json = String::with_capacity(dictionary.len());
    let (mut strings, mut word, mut string) = (Strings::default(), String::new(), String::new());
    for character in dictionary.chars() {
        let before = strings.is_inside();
        let inside = strings.step(character);
        match (before, inside) {
            // A string begins.
            (false, true) => json.push_str(translated(&std::mem::take(&mut word))),
            // It ends.
            (true, true) if !strings.is_inside() => {
                json.push_str(&serde_json::Value::from(unescaped(&std::mem::take(&mut string))).to_string());
            }
            (true, _) => string.push(character),
            (false, false) if character.is_alphabetic() => word.push(character),
            (false, false) => {
                json.push_str(translated(&std::mem::take(&mut word)));
                json.push(character);
            }
        }
    }
    json.push_str(translated(&word));
    json
}

fn translated(word: &str) -> &str {
    match word {
        "None" => "null",
        "True" => "true",
        "False" => "false",
        other => other,
    }
}

/// Python's escapes are JSON's, but for the quote that JSON does not know.
fn unescaped(string: &str) -> String {
    let json = format!(
        "\"{}\"",
        string
            .replace("\\'", "'")
            .replace('"', "\\\"")
            .replace("\\\\\"", "\\\"")
    );
    serde_json::from_str(&json).unwrap_or_else(|_| string.to_owned())
}

/// Where strings begin and end.
#[derive(Default)]
struct Strings {
    quote: Option<char>,
    escaped: bool,
}

impl Strings {
    fn is_inside(&self) -> bool {
        self.quote.is_some()
    }

    /// Takes the next character; says whether it is part of a string, quotes included.
    fn step(&mut self, character: char) -> bool {
        match self.quote {
            Some(_) if self.escaped => self.escaped = false,
            Some(_) if character == '\\' => self.escaped = true,
            Some(quote) if character == quote => self.quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => self.quote = Some(character),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_become_json() {
        let cases = [
            (
                "{'a': None, 'b': [True, 1.5]}",
                r#"{"a": null, "b": [true, 1.5]}"#,
            ),
            (r#"{'a': "it's {"}"#, r#"{"a": "it's {"}"#),
            (r"{'a': 'it\'s', 'b': 'x\ny'}", r#"{"a": "it's", "b": "x\ny"}"#),
            (r#"{'a': 'say "None"'}"#, r#"{"a": "say \"None\""}"#),
        ];
        for (python, json) in cases {
            let parsed: serde_json::Value = serde_json::from_str(&to_json(python)).expect(python);
            assert_eq!(parsed, serde_json::from_str::<serde_json::Value>(json).unwrap());
            assert_eq!(balanced(&format!("{python} and more }}")), Some(python.len()));
        }
    }

    #[test]
    fn what_does_not_end_has_no_length() {
        assert_eq!(balanced("{'a': '}"), None);
        assert_eq!(balanced("}"), None);
        assert_eq!(balanced(""), None);
    }
}
