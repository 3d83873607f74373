//! The values of a command's options, held against what was registered.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Number, Value, json};
use voxhall_protocol::Extra;
use voxhall_protocol::model::{CommandDataOption, CommandOption, CommandOptionKind};

use super::super::commands::{LARGEST_INTEGER, LONGEST_TEXT, MOST};
use super::super::form::{Fault, Form};
use super::resolve::Resolver;

/// Reads values; wrong ones are noted in the form.
pub(super) struct Reader<'a, 'f> {
    form: &'f mut Form,
    resolver: Resolver<'a>,
    /// Somebody is typing still: not all is there, and one value is no whole one.
    typing: bool,
    focused: Option<CommandOptionKind>,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub(super) fn new(form: &'f mut Form, resolver: Resolver<'a>, typing: bool) -> Self {
        Self {
            form,
            resolver,
            typing,
            focused: None,
        }
    }

    /// What was resolved, and what the option takes that is being typed.
    pub(super) fn finish(self) -> (Resolver<'a>, Option<CommandOptionKind>) {
        (self.resolver, self.focused)
    }

    /// Reads the values of options that stand beside each other.
    pub(super) fn read(
        &mut self,
        place: &str,
        given: &[CommandDataOption],
        known: &[CommandOption],
    ) -> Vec<CommandDataOption> {
        // No command has more, and each is compared with those before it.
        if given.len() > MOST {
            self.form.fault(place, &Fault::Length(0..=MOST));
            return Vec::new();
        }
        let mut read: Vec<CommandDataOption> = Vec::with_capacity(given.len().min(known.len()));
        for (index, option) in given.iter().enumerate() {
            let at = format!("{place}.{index}");
            let Some(expected) = known.iter().find(|expected| expected.name == option.name) else {
                self.form.fault(
                    format_args!("{at}.name"),
                    &Fault::Invalid("The command has no such option."),
                );
                continue;
            };
            let twice = read.iter().any(|other| other.name == option.name);
            self.form
                .ensure(&format!("{at}.name"), !twice, "An option is given once.");
            self.form.ensure(
                &format!("{at}.type"),
                option.kind == expected.kind,
                "The option is of another type.",
            );
            read.push(self.single(&at, option, expected));
        }
        let branches = known.first().is_some_and(|first| first.kind.is_branch());
        if branches && given.len() != 1 {
            self.form.fault(
                place,
                &Fault::Invalid("Exactly one sub-command or group must be given."),
            );
        }
        if !self.typing {
            let required = known.iter().filter(|expected| expected.required == Some(true));
            for expected in required.filter(|expected| !read.iter().any(|it| it.name == expected.name)) {
                self.form
                    .fault(format_args!("{place}.{}", expected.name), &Fault::Required);
            }
        }
        read
    }

    fn single(
        &mut self,
        at: &str,
        option: &CommandDataOption,
        expected: &CommandOption,
    ) -> CommandDataOption {
        let mut read = CommandDataOption {
            name: expected.name.clone(),
            kind: expected.kind,
            value: None,
            options: None,
            focused: None,
            extra: Extra::new(),
        };
        if expected.kind.is_branch() {
            let given = option.options.as_deref().unwrap_or_default();
            let known = expected.options.as_deref().unwrap_or_default();
            read.options = Some(self.read(&format!("{at}.options"), given, known));
            return read;
        }
        let value = option.value.clone().unwrap_or_default();
        let field = format!("{at}.value");
        if self.typing && option.focused == Some(true) {
            let offered = expected.autocomplete == Some(true) && self.focused.is_none();
            self.form.ensure(&field, offered, "This option is not completed.");
            let length = value.as_str().map(|text| text.chars().count());
            let short = length.is_none_or(|length| length <= LONGEST_TEXT as usize);
            self.form.ensure(
                &field,
                short && (value.is_string() || value.is_number()),
                "Give what was typed so far.",
            );
            self.focused = Some(expected.kind);
            read.focused = Some(true);
            read.value = Some(value);
            return read;
        }
        match self.value(&value, expected) {
            Ok(value) => read.value = Some(value),
            Err(fault) => self.form.fault(field, &fault),
        }
        read
    }

    fn value(&mut self, value: &Value, expected: &CommandOption) -> Result<Value, Fault> {
        let resolver = &mut self.resolver;
        let kinds = expected.channel_types.as_deref().unwrap_or_default();
        match expected.kind {
            CommandOptionKind::String => text(value, expected)?,
            CommandOptionKind::Integer | CommandOptionKind::Number => number(value, expected)?,
            CommandOptionKind::Boolean => {
                let fault = Fault::Coded("BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
                return value.as_bool().map(Value::from).ok_or(fault);
            }
            CommandOptionKind::User => return resolve(value, |id| resolver.user(id)),
            CommandOptionKind::Role => return resolve(value, |id| resolver.role(id)),
            CommandOptionKind::Channel => return resolve(value, |id| resolver.channel(id, kinds)),
            CommandOptionKind::Mentionable => {
                let user = resolve(value, |id| resolver.user(id));
                return user.or_else(|_| resolve(value, |id| resolver.role(id)));
            }
            CommandOptionKind::Attachment => return Err(Fault::Invalid("This server keeps no files.")),
            CommandOptionKind::SubCommand
            | CommandOptionKind::SubCommandGroup
            | CommandOptionKind::Other(_) => return Err(Fault::Invalid("This option takes no value.")),
        }
        let choices = expected.choices.as_deref().unwrap_or_default();
        if choices.is_empty() || choices.iter().any(|choice| same(&choice.value, value)) {
            Ok(value.clone())
        } else {
            Err(Fault::Coded(
                "APPLICATION_COMMAND_INVALID_CHOICE",
                "Invalid choice for this option.",
            ))
        }
    }
}

/// Whether two values are the same text or number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// An id that stands for something, as digits.
fn resolve<I: FromStr + Display + Copy>(value: &Value, find: impl FnOnce(I) -> bool) -> Result<Value, Fault> {
    let id = value.as_str().and_then(|text| text.parse::<I>().ok());
    match id.filter(|id| find(*id)) {
        Some(id) => Ok(json!(id.to_string())),
        None => Err(Fault::Invalid("Nothing here has this id.")),
    }
}

fn text(value: &Value, expected: &CommandOption) -> Result<(), Fault> {
    let text = value.as_str().ok_or(Fault::Invalid("Must be a string."))?;
    let least = expected.min_length.unwrap_or(0) as usize;
    let most = expected.max_length.unwrap_or(LONGEST_TEXT) as usize;
    if (least..=most).contains(&text.chars().count()) {
        Ok(())
    } else {
        Err(Fault::Length(least..=most))
    }
}

fn number(value: &Value, expected: &CommandOption) -> Result<(), Fault> {
    let wrong = || match expected.kind {
        CommandOptionKind::Integer => Fault::Coded("NUMBER_TYPE_COERCE", "Value is not int."),
        _ => Fault::Coded("NUMBER_TYPE_COERCE", "Value is not float."),
    };
    let number = value.as_f64().ok_or_else(wrong)?;
    if expected.kind == CommandOptionKind::Integer && value.as_i64().is_none() {
        return Err(wrong());
    }
    let limit = |limit: &Option<Number>, else_: f64| limit.as_ref().and_then(Number::as_f64).unwrap_or(else_);
    let largest = LARGEST_INTEGER as f64;
    let (least, most) = (
        limit(&expected.min_value, -largest),
        limit(&expected.max_value, largest),
    );
    if number < least {
        return Err(Fault::Coded(
            "NUMBER_TYPE_MIN",
            "The number is smaller than the option allows.",
        ));
    }
    if number > most {
        return Err(Fault::Coded(
            "NUMBER_TYPE_MAX",
            "The number is larger than the option allows.",
        ));
    }
    Ok(())
}
