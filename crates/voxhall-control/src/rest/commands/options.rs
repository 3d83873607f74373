//! What the options of a command may be.

use serde_json::{Number, Value};
use voxhall_protocol::model::{ChannelKind, CommandChoice, CommandOption, CommandOptionKind};

use super::super::form::{Fault, Form};
use super::naming;

/// The most options beside each other, and the most choices of one.
pub(in crate::rest) const MOST: usize = 25;
/// How long the name and the value of a choice are, in characters.
const CHOICE: std::ops::RangeInclusive<usize> = 1..=100;
/// The longest text that an option can ask for, in characters.
pub(in crate::rest) const LONGEST_TEXT: u32 = 6000;
/// The largest whole number that every client can hold.
pub(in crate::rest) const LARGEST_INTEGER: i64 = 1 << 53;

/// Where options stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Command,
    Group,
    SubCommand,
}

impl Level {
    /// Whether an option of this kind may stand here.
    fn takes(self, kind: CommandOptionKind) -> bool {
        match self {
            Self::Command => true,
            Self::Group => kind == CommandOptionKind::SubCommand,
            Self::SubCommand => !kind.is_branch(),
        }
    }
}

/// Checks the options of a command.
pub(super) fn check(form: &mut Form, place: &str, options: &[CommandOption]) {
    beside(form, place, options, Level::Command);
}

fn beside(form: &mut Form, place: &str, options: &[CommandOption], level: Level) {
    if options.len() > MOST {
        form.fault(place, &Fault::Length(0..=MOST));
        return;
    }
    let branches = options.iter().filter(|option| option.kind.is_branch()).count();
    form.ensure(
        place,
        branches == 0 || branches == options.len(),
        "Sub-command and sub-command group option types are mutually exclusive to all other types",
    );
    let mut optional_came = false;
    for (index, option) in options.iter().enumerate() {
        let at = format!("{place}.{index}");
        single(form, &at, option, level);
        if options[..index].iter().any(|other| other.name == option.name) {
            let message = "Option names must be unique";
            form.fault(
                format_args!("{at}.name"),
                &Fault::Coded("APPLICATION_COMMAND_OPTIONS_NAME_INVALID", message),
            );
        }
        let required = option.required == Some(true);
        if required && optional_came {
            let code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID";
            let message = "Required options must be placed before non-required options";
            form.fault(&at, &Fault::Coded(code, message));
        }
        optional_came |= !required;
    }
}

fn single(form: &mut Form, at: &str, option: &CommandOption, level: Level) {
    let field = |name: &str| format!("{at}.{name}");
    naming::typed(form, &field("name"), &option.name);
    naming::localized(
        form,
        &field("name_localizations"),
        &option.name_localizations,
        naming::typed,
    );
    naming::description(form, &field("description"), &option.description);
    let descriptions = &option.description_localizations;
    naming::localized(
        form,
        &field("description_localizations"),
        descriptions,
        naming::description,
    );
    let known = !matches!(option.kind, CommandOptionKind::Other(_));
    form.ensure(
        &field("type"),
        known,
        "Value must be one of {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}.",
    );
    if known {
        form.ensure(
            &field("type"),
            level.takes(option.kind),
            "No option of this type may stand here.",
        );
    }
    let inner = option.options.as_deref().unwrap_or_default();
    match option.kind {
        CommandOptionKind::SubCommand => beside(form, &field("options"), inner, Level::SubCommand),
        CommandOptionKind::SubCommandGroup if level == Level::Command => {
            if inner.is_empty() {
                form.fault(field("options"), &Fault::Length(1..=MOST));
            }
            beside(form, &field("options"), inner, Level::Group);
        }
        _ => form.ensure(
            &field("options"),
            inner.is_empty(),
            "Only sub-commands and groups have options.",
        ),
    }
    limits(form, at, option);
}

fn limits(form: &mut Form, at: &str, option: &CommandOption) {
    let field = |name: &str| format!("{at}.{name}");
    let text = option.kind == CommandOptionKind::String;
    let number = matches!(
        option.kind,
        CommandOptionKind::Integer | CommandOptionKind::Number
    );
    let choices = option.choices.as_deref().unwrap_or_default();
    if choices.len() > MOST {
        form.fault(field("choices"), &Fault::Length(0..=MOST));
        return;
    }
    form.ensure(
        &field("choices"),
        choices.is_empty() || text || number,
        "Only texts and numbers have choices.",
    );
    for (index, choice) in choices.iter().enumerate() {
        let at = format!("{at}.choices.{index}");
        check_choice(form, &at, choice, option.kind);
        let twice = choices[..index].iter().any(|other| other.name == choice.name);
        form.ensure(&format!("{at}.name"), !twice, "Choice names must be unique");
    }
    let offers = option.autocomplete == Some(true);
    form.ensure(
        &field("autocomplete"),
        !offers || ((text || number) && choices.is_empty()),
        "Only texts and numbers without choices can be completed.",
    );
    let (least, most) = (option.min_length, option.max_length);
    let lengths = least.is_none_or(|least| text && least <= most.unwrap_or(LONGEST_TEXT))
        && most.is_none_or(|most| text && (1..=LONGEST_TEXT).contains(&most));
    form.ensure(
        &field("max_length"),
        lengths,
        "Texts are 0 to 6000 characters long.",
    );
    let value = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
    let (least, most) = (value(&option.min_value), value(&option.max_value));
    let whole = |limit: Option<f64>| {
        option.kind != CommandOptionKind::Integer || limit.is_none_or(|limit| limit.fract() == 0.0)
    };
    let values = (number || (least.is_none() && most.is_none()))
        && whole(least)
        && whole(most)
        && least.zip(most).is_none_or(|(least, most)| least <= most)
        && [least, most]
            .into_iter()
            .flatten()
            .all(|limit| limit.abs() <= LARGEST_INTEGER as f64);
    form.ensure(&field("max_value"), values, "Numbers lie between -2^53 and 2^53.");
    let kinds = option.channel_types.as_deref().unwrap_or_default();
    let known = kinds.iter().all(|kind| !matches!(kind, ChannelKind::Other(_)));
    form.ensure(
        &field("channel_types"),
        kinds.is_empty() || (option.kind == CommandOptionKind::Channel && known),
        "Only channels have kinds of channels.",
    );
}

/// Checks one of the values that are offered.
pub(in crate::rest) fn check_choice(
    form: &mut Form,
    at: &str,
    choice: &CommandChoice,
    kind: CommandOptionKind,
) {
    form.text(&format!("{at}.name"), &choice.name, CHOICE);
    let check = |form: &mut Form, field: &str, text: &str| form.text(field, text, CHOICE);
    naming::localized(
        form,
        &format!("{at}.name_localizations"),
        &choice.name_localizations,
        check,
    );
    let fits = match (&choice.value, kind) {
        (Value::String(text), CommandOptionKind::String) => CHOICE.contains(&text.chars().count()),
        (Value::Number(number), CommandOptionKind::Integer) => number
            .as_i64()
            .is_some_and(|number| number.unsigned_abs() <= LARGEST_INTEGER.unsigned_abs()),
        (Value::Number(number), CommandOptionKind::Number) => number
            .as_f64()
            .is_some_and(|number| number.abs() <= LARGEST_INTEGER as f64),
        // Whatever stands here, the option itself is wrong.
        (_, kind) => !matches!(
            kind,
            CommandOptionKind::String | CommandOptionKind::Integer | CommandOptionKind::Number
        ),
    };
    form.ensure(
        &format!("{at}.value"),
        fits,
        "A value is of the option's type, a text 1 to 100 characters long.",
    );
}

/// The characters of names, descriptions and values.
pub(super) fn length(options: &[CommandOption]) -> usize {
    let of = |text: &str| text.chars().count();
    let choice = |choice: &CommandChoice| of(&choice.name) + choice.value.as_str().map_or(0, of);
    let option = |option: &CommandOption| {
        let choices = option.choices.iter().flatten().map(choice).sum::<usize>();
        of(&option.name)
            + of(&option.description)
            + choices
            + length(option.options.as_deref().unwrap_or_default())
    };
    options.iter().map(option).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The paths of what is wrong with these options.
    fn wrong(options: Value) -> Vec<String> {
        fn collect(tree: &Value, path: &str, found: &mut Vec<String>) {
            for (step, inner) in tree.as_object().into_iter().flatten() {
                if step == "_errors" {
                    found.push(path.trim_start_matches('.').to_owned());
                } else {
                    collect(inner, &format!("{path}.{step}"), found);
                }
            }
        }
        let mut form = Form::default();
        check(
            &mut form,
            "options",
            &serde_json::from_value::<Vec<_>>(options).unwrap(),
        );
        let mut found = Vec::new();
        collect(&form.into_errors(), "", &mut found);
        found
    }

    fn option(kind: u8, more: Value) -> Value {
        let mut option = json!({"type": kind, "name": "n", "description": "d"});
        let fields = option.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        option
    }

    #[test]
    fn groups_hold_subcommands_and_subcommands_hold_values() {
        let value = option(3, json!({}));
        let sub = option(1, json!({"options": [value]}));
        let group = option(2, json!({"options": [sub]}));
        assert_eq!(wrong(json!([sub])), [""; 0]);
        assert_eq!(wrong(json!([group])), [""; 0]);
        let deep = option(2, json!({"options": [group]}));
        assert_eq!(wrong(json!([deep]))[0], "options.0.options.0.options");
        assert!(
            wrong(json!([option(2, json!({"options": [value]}))]))
                .contains(&"options.0.options.0.type".to_owned())
        );
        assert!(
            wrong(json!([option(1, json!({"options": [sub]}))]))
                .contains(&"options.0.options.0.type".to_owned())
        );
        assert_eq!(wrong(json!([option(2, json!({}))])), ["options.0.options"]);
        assert_eq!(
            wrong(json!([option(3, json!({"options": [value]}))])),
            ["options.0.options"]
        );
        let mut other = option(3, json!({}));
        other["name"] = json!("other");
        assert_eq!(
            wrong(json!([sub, other])),
            ["options"],
            "values and subcommands do not mix"
        );
    }

    #[test]
    fn limits_belong_to_their_kinds() {
        let good = [
            option(3, json!({"min_length": 0, "max_length": 6000})),
            option(4, json!({"min_value": -5, "max_value": 5})),
            option(10, json!({"min_value": 0.5})),
            option(7, json!({"channel_types": [2, 13]})),
            option(4, json!({"choices": [{"name": "one", "value": 1}]})),
            option(3, json!({"autocomplete": true})),
        ];
        for option in good {
            assert_eq!(wrong(json!([option])), [""; 0], "{option}");
        }
        let bad = [
            (option(4, json!({"min_length": 1})), "options.0.max_length"),
            (
                option(3, json!({"min_length": 5, "max_length": 4})),
                "options.0.max_length",
            ),
            (option(3, json!({"min_value": 1})), "options.0.max_value"),
            (option(4, json!({"min_value": 0.5})), "options.0.max_value"),
            (
                option(10, json!({"min_value": 2, "max_value": 1})),
                "options.0.max_value",
            ),
            (
                option(6, json!({"channel_types": [2]})),
                "options.0.channel_types",
            ),
            (
                option(5, json!({"choices": [{"name": "one", "value": 1}]})),
                "options.0.choices",
            ),
            (
                option(4, json!({"choices": [{"name": "one", "value": "1"}]})),
                "options.0.choices.0.value",
            ),
            (option(6, json!({"autocomplete": true})), "options.0.autocomplete"),
            (option(99, json!({})), "options.0.type"),
        ];
        for (option, path) in bad {
            assert_eq!(wrong(json!([option])), [path], "{option}");
        }
    }
}
