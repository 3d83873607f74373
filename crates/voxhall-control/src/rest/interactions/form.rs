//! A form (modal): what one may hold, and what people fill in.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use voxhall_protocol::ids::InteractionId;
use voxhall_protocol::model::ComponentKind;
use voxhall_protocol::rest::{ApiErrorCode, CreateInteraction, SentForm};

use super::super::caller::Caller;
use super::super::form::{Fault, Form};
use super::super::reply::{Answer, Failure};
use super::component::{find, inside, picked};
use super::resolve::Resolver;
use super::{Deed, data_of};
use crate::clock;
use crate::control::Core;

/// How long the name is that an application gives a form or a field, in characters.
const CUSTOM_ID: RangeInclusive<usize> = 1..=100;
/// How long the title is, in characters.
const TITLE: RangeInclusive<usize> = 1..=45;
/// How many rows it has.
const ROWS: RangeInclusive<usize> = 1..=5;
/// The longest text that a field takes, in characters.
const LONGEST_TEXT: u64 = 4000;

/// What stands in a form and takes something from people.
fn fields(component: &Value) -> Vec<&Value> {
    if component["custom_id"].is_string() {
        return vec![component];
    }
    inside(component).flat_map(fields).collect()
}

fn kind_of(component: &Value) -> ComponentKind {
    let number = component["type"]
        .as_u64()
        .and_then(|number| u8::try_from(number).ok());
    ComponentKind::from(number.unwrap_or(0))
}

/// Refuses what is no form.
pub(super) fn check(form: &mut Form, data: &Value) {
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    form.text("data.custom_id", text("custom_id"), CUSTOM_ID);
    form.text("data.title", text("title"), TITLE);
    let rows = data["components"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !ROWS.contains(&rows.len()) {
        form.fault("data.components", &Fault::Length(ROWS));
        return;
    }
    let mut names = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let at = format!("data.components.{index}");
        let holds = matches!(kind_of(row), ComponentKind::ActionRow | ComponentKind::Label);
        form.ensure(&format!("{at}.type"), holds, "Value must be one of {1, 18}.");
        match fields(row)[..] {
            [field] => {
                let name = field["custom_id"].as_str().unwrap_or_default();
                form.text(&format!("{at}.custom_id"), name, CUSTOM_ID);
                form.ensure(
                    &format!("{at}.custom_id"),
                    !names.contains(&name),
                    "Names are unique.",
                );
                let takes = kind_of(field) == ComponentKind::TextInput || kind_of(field).is_menu();
                form.ensure(&at, takes, "A form holds texts and menus.");
                names.push(name);
            }
            _ => form.fault(&at, &Fault::Invalid("Each row holds one field with a custom_id.")),
        }
    }
}

/// Checks what was filled in.
pub(super) async fn sent(core: &Core, caller: &Caller, request: &CreateInteraction) -> Answer<Deed> {
    let sent: SentForm = data_of(request)?;
    let (known, source) = asked(core, caller, request, &sent)?;
    let source = match source {
        Some(id) => core.message_for(caller.id(), request.channel_id, id).await?,
        None => None,
    };
    let world = core.directory.read();
    let mut form = Form::default();
    let mut filled = Filled {
        form: &mut form,
        resolver: Resolver::new(&world, caller.id(), request.channel_id),
        sent: &sent.components,
    };
    let rows = known["components"].as_array().into_iter().flatten();
    let components: Vec<Value> = rows.map(|row| filled.component(row)).collect();
    let resolved = filled.resolver.resolved;
    form.finish()?;
    let mut data = json!({"custom_id": sent.custom_id, "components": components});
    if !resolved.is_empty() {
        data["resolved"] = json!(resolved);
    }
    Ok(Deed {
        source,
        form_of: Some(sent.id),
        ..Deed::new(data)
    })
}

/// The form that an application asked to be filled in, and the message that led to it.
fn asked(
    core: &Core,
    caller: &Caller,
    request: &CreateInteraction,
    sent: &SentForm,
) -> Answer<(Value, Option<voxhall_protocol::ids::MessageId>)> {
    let desk = core.interactions.desk();
    let id: InteractionId = sent.id;
    let found = desk.form(id, caller.id(), clock::now());
    let (running, form) = found.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownInteraction))?;
    let same = running.application == request.application_id
        && running.channel == request.channel_id
        && form["custom_id"] == *sent.custom_id;
    if same {
        Ok((form.clone(), running.source))
    } else {
        Err(Failure::unknown(ApiErrorCode::UnknownInteraction))
    }
}

/// Puts what people gave into the shape of the form.
struct Filled<'a, 'f> {
    form: &'f mut Form,
    resolver: Resolver<'a>,
    sent: &'f [Value],
}

impl Filled<'_, '_> {
    fn component(&mut self, known: &Value) -> Value {
        let mut filled = Map::from_iter([("type".to_owned(), known["type"].clone())]);
        if let Some(id) = known.get("id") {
            filled.insert("id".to_owned(), id.clone());
        }
        if let Some(name) = known["custom_id"].as_str() {
            filled.insert("custom_id".to_owned(), json!(name));
            let (field, value) = self.field(known, name);
            filled.insert(field.to_owned(), value);
        } else if let Some(inner) = known.get("component") {
            filled.insert("component".to_owned(), self.component(inner));
        } else {
            let inner: Vec<Value> = inside(known).map(|inner| self.component(inner)).collect();
            filled.insert("components".to_owned(), inner.into());
        }
        Value::Object(filled)
    }

    fn field(&mut self, known: &Value, name: &str) -> (&'static str, Value) {
        let given = find(self.sent, name).unwrap_or(&Value::Null);
        let place = format!("data.components.{}", name.replace('.', "_"));
        let required = known["required"].as_bool().unwrap_or(true);
        let kind = kind_of(known);
        if kind.is_menu() {
            let values: Vec<String> = serde_json::from_value(given["values"].clone()).unwrap_or_default();
            let none = values.is_empty() && !required;
            let fits = none || picked(&mut self.resolver, known, kind, &values);
            self.form.ensure(&place, fits, "The menu does not offer this.");
            return ("values", json!(values));
        }
        let text = given["value"].as_str().unwrap_or_default();
        let length = text.chars().count() as u64;
        let least = known["min_length"].as_u64().unwrap_or(0).max(u64::from(required));
        let most = known["max_length"]
            .as_u64()
            .unwrap_or(LONGEST_TEXT)
            .min(LONGEST_TEXT);
        if length == 0 && required {
            self.form.fault(&place, &Fault::Required);
        } else if length > 0 && !(least..=most).contains(&length) {
            let fits = usize::try_from(least).unwrap_or(0)..=usize::try_from(most).unwrap_or(usize::MAX);
            self.form.fault(&place, &Fault::Length(fits));
        }
        ("value", json!(text))
    }
}
