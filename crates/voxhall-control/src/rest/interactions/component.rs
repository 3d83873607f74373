//! A button or a menu of a message is used.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use voxhall_protocol::ids::{ApplicationId, ChannelId, RoleId, UserId};
use voxhall_protocol::model::{ChannelKind, ComponentKind};
use voxhall_protocol::rest::{ApiErrorCode, CreateInteraction, UsedComponent};

use super::super::caller::Caller;
use super::super::reply::{Answer, Failure};
use super::resolve::Resolver;
use super::{Deed, data_of};
use crate::control::Core;

/// How many values a menu lets people pick, where it does not say.
const PICKED: u64 = 1;
/// How many values people pick at most, whatever the menu says.
const MOST_PICKED: u64 = 25;

/// Checks what is used and what was picked.
pub(super) async fn used(core: &Core, caller: &Caller, request: &CreateInteraction) -> Answer<Deed> {
    let used: UsedComponent = data_of(request)?;
    let id = request
        .message_id
        .ok_or_else(|| Failure::invalid_field("message_id", "name the message"))?;
    let message = core.message_for(caller.id(), request.channel_id, id).await?;
    let message = message.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage))?;
    if ApplicationId(message.author.0) != request.application_id {
        return Err(Failure::invalid_field(
            "application_id",
            "another one wrote this message",
        ));
    }
    let component = find(&message.details.components, &used.custom_id)
        .filter(|component| component["type"] == used.component_type.number());
    let component = component
        .ok_or_else(|| Failure::invalid_field("data.custom_id", "the message has no such component"))?;
    if component["disabled"] == true {
        return Err(Failure::invalid_field(
            "data.custom_id",
            "the component is disabled",
        ));
    }
    let mut data = Map::from_iter([
        ("custom_id".to_owned(), json!(used.custom_id)),
        ("component_type".to_owned(), json!(used.component_type)),
    ]);
    if let Some(id) = component.get("id") {
        data.insert("id".to_owned(), id.clone());
    }
    if used.component_type.is_menu() {
        let world = core.directory.read();
        let mut resolver = Resolver::new(&world, caller.id(), request.channel_id);
        if !picked(&mut resolver, component, used.component_type, &used.values) {
            return Err(Failure::invalid_field(
                "data.values",
                "the menu does not offer this",
            ));
        }
        data.insert("values".to_owned(), json!(used.values));
        if !resolver.resolved.is_empty() {
            data.insert("resolved".to_owned(), json!(resolver.resolved));
        }
    }
    Ok(Deed {
        source: Some(message),
        ..Deed::new(Value::Object(data))
    })
}

/// The component of this name, at any depth.
pub(super) fn find<'a>(components: &'a [Value], custom_id: &str) -> Option<&'a Value> {
    components.iter().find_map(|component| {
        if component["custom_id"] == custom_id {
            return Some(component);
        }
        inside(component).find_map(|inner| find(std::slice::from_ref(inner), custom_id))
    })
}

/// The components that stand in another one.
pub(in crate::rest) fn inside(component: &Value) -> impl Iterator<Item = &Value> {
    let several = component["components"].as_array().into_iter().flatten();
    several
        .chain(component.get("component"))
        .chain(component.get("accessory"))
}

/// Whether a menu lets people pick these values.
pub(super) fn picked(
    resolver: &mut Resolver<'_>,
    menu: &Value,
    kind: ComponentKind,
    values: &[String],
) -> bool {
    let bound = |name: &str| menu[name].as_u64().unwrap_or(PICKED);
    // Counted before anything is compared: the directory is locked meanwhile.
    let count = values.len() as u64;
    if count > MOST_PICKED || !(bound("min_values")..=bound("max_values")).contains(&count) {
        return false;
    }
    let once = values.iter().collect::<HashSet<_>>().len() == values.len();
    let offered = |value: &String| {
        let options = menu["options"].as_array().into_iter().flatten();
        options.into_iter().any(|option| option["value"] == **value)
    };
    let kinds: Vec<ChannelKind> = serde_json::from_value(menu["channel_types"].clone()).unwrap_or_default();
    let user = |resolver: &mut Resolver<'_>, value: &String| {
        value.parse::<UserId>().is_ok_and(|id| resolver.user(id))
    };
    let role = |resolver: &mut Resolver<'_>, value: &String| {
        value.parse::<RoleId>().is_ok_and(|id| resolver.role(id))
    };
    once && values.iter().all(|value| match kind {
        ComponentKind::StringSelect => offered(value),
        ComponentKind::UserSelect => user(resolver, value),
        ComponentKind::RoleSelect => role(resolver, value),
        ComponentKind::MentionableSelect => user(resolver, value) || role(resolver, value),
        ComponentKind::ChannelSelect => value
            .parse::<ChannelId>()
            .is_ok_and(|id| resolver.channel(id, &kinds)),
        _ => false,
    })
}
