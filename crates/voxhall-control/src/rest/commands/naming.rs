//! What commands, their options and their choices may be called, in one language or many.

use std::ops::RangeInclusive;

use voxhall_protocol::Nullable;
use voxhall_protocol::model::Localizations;

use super::super::form::{Fault, Form};

/// The languages that texts can be given in.
const LANGUAGES: [&str; 33] = [
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "hi", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi",
    "zh-CN", "zh-TW",
];

/// How long a name is, in characters.
pub(super) const NAME: RangeInclusive<usize> = 1..=32;
/// How long a description is, in characters.
pub(super) const DESCRIPTION: RangeInclusive<usize> = 1..=100;

const INVALID_NAME: Fault = Fault::Coded("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");

/// Whether clients can find this name while it is typed: letters and numbers of any script, lower case where the
/// script has it, `-`, `_` and `'`.
fn can_be_typed(name: &str) -> bool {
    name.chars().all(|letter| {
        let lower = letter.to_lowercase().eq([letter]);
        let mark = matches!(letter, '-' | '_' | '\'');
        // Vowel signs of these scripts are no letters of their own.
        let sign = matches!(letter, '\u{900}'..='\u{97f}' | '\u{e00}'..='\u{e7f}');
        mark || sign || (letter.is_alphanumeric() && lower)
    })
}

/// Checks the name of something that is typed.
pub(super) fn typed(form: &mut Form, field: &str, name: &str) {
    form.text(field, name, NAME);
    if !can_be_typed(name) {
        form.fault(field, &INVALID_NAME);
    }
}

/// Checks the name of something in a menu.
pub(super) fn shown(form: &mut Form, field: &str, name: &str) {
    form.text(field, name, NAME);
    if name.trim() != name {
        form.fault(field, &INVALID_NAME);
    }
}

/// Checks a text in other languages; `check` looks at each.
pub(super) fn localized(
    form: &mut Form,
    field: &str,
    texts: &Nullable<Localizations>,
    check: impl Fn(&mut Form, &str, &str),
) {
    for (language, text) in texts.value().into_iter().flatten() {
        if LANGUAGES.contains(&language.as_str()) {
            check(form, &format!("{field}.{language}"), text);
        } else {
            // Not under its name, which may be anything at all.
            form.fault(
                field,
                &Fault::Invalid("There is a language that clients do not have."),
            );
        }
    }
}

/// Checks a description.
pub(super) fn description(form: &mut Form, field: &str, text: &str) {
    form.text(field, text, DESCRIPTION);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_any_script_and_of_lower_case() {
        for good in ["play", "spiele-lied", "l'eau_2", "играй", "播放", "เล่น", "नमस्ते"]
        {
            assert!(can_be_typed(good), "{good}");
        }
        for bad in ["Play", "play now", "play!", "ИГРАЙ", "a/b", "🎻"] {
            assert!(!can_be_typed(bad), "{bad}");
        }
    }
}
