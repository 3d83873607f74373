//! What a message may hold (gateway protocol, section 9; the limits are those that bots' libraries know).

use serde_json::{Value, json};
use voxhall_protocol::model::MessageFlags;
use voxhall_protocol::rest::{ApiErrorCode, CreateMessage};

use super::super::reply::{Answer, Failure};
use crate::directory::StoredMessage;

/// The longest text, in characters.
const LONGEST_TEXT: usize = 2000;
/// The most embeds.
const MOST_EMBEDS: usize = 10;
/// The most characters of all embeds together.
const LONGEST_EMBEDS: usize = 6000;
/// The most fields of an embed.
const MOST_FIELDS: usize = 25;
/// The most rows of components.
const MOST_ROWS: usize = 5;
/// The most components where a message is made of nothing else.
const MOST_COMPONENTS: usize = 40;
/// The longest name that an application gives a component, in characters.
const LONGEST_CUSTOM_ID: usize = 100;

/// The marks that those who write a message may set.
const OWN_FLAGS: MessageFlags = MessageFlags::SUPPRESS_EMBEDS
    .union(MessageFlags::SUPPRESS_NOTIFICATIONS)
    .union(MessageFlags::IS_COMPONENTS_V2);

/// Puts what a request asks for into a message.
pub(in crate::rest) fn fill(message: &mut StoredMessage, request: CreateMessage) -> Answer<()> {
    no_files(request.attachments.as_deref())?;
    message.details.tts = request.tts.unwrap_or(false);
    message.details.flags = request.flags.unwrap_or_default().intersection(OWN_FLAGS);
    message.content = text(request.content.unwrap_or_default())?;
    message.details.embeds = embeds(request.embeds.unwrap_or_default())?;
    message.details.components = components(request.components.unwrap_or_default(), message.details.flags)?;
    not_empty(message)
}

/// Refuses a message in which there is nothing.
pub(super) fn not_empty(message: &StoredMessage) -> Answer<()> {
    let details = &message.details;
    let something =
        !message.content.trim().is_empty() || !details.embeds.is_empty() || !details.components.is_empty();
    if something {
        Ok(())
    } else {
        Err(Failure::bad_request(ApiErrorCode::EmptyMessage))
    }
}

/// The marks after an edit: what the author may not set stays.
pub(super) fn edited_flags(before: MessageFlags, asked: MessageFlags) -> MessageFlags {
    before.difference(MessageFlags::SUPPRESS_EMBEDS) | asked.intersection(MessageFlags::SUPPRESS_EMBEDS)
}

/// Files are not kept here.
pub(super) fn no_files(attachments: Option<&[Value]>) -> Answer<()> {
    if attachments.is_none_or(<[Value]>::is_empty) {
        Ok(())
    } else {
        Err(Failure::invalid_field(
            "attachments",
            "this server keeps no files",
        ))
    }
}

pub(super) fn text(content: String) -> Answer<String> {
    if content.chars().count() > LONGEST_TEXT {
        return Err(Failure::invalid_field("content", "give at most 2000 characters"));
    }
    Ok(content)
}

pub(super) fn embeds(embeds: Vec<Value>) -> Answer<Vec<Value>> {
    let wrong = |message| Err(Failure::invalid_field("embeds", message));
    if embeds.len() > MOST_EMBEDS {
        return wrong("give at most 10 embeds");
    }
    let mut checked = Vec::with_capacity(embeds.len());
    let mut length = 0;
    for mut embed in embeds {
        let Some(fields) = embed.as_object_mut() else {
            return wrong("an embed is an object");
        };
        fields.entry("type").or_insert_with(|| json!("rich"));
        match embed_length(&embed) {
            Some(more) => length += more,
            None => return wrong("an embed's text is too long"),
        }
        checked.push(embed);
    }
    if length > LONGEST_EMBEDS {
        return wrong("all embeds together hold at most 6000 characters");
    }
    Ok(checked)
}

/// The characters of an embed; `None` if one of its texts is too long or is none, or there are too many fields.
fn embed_length(embed: &Value) -> Option<usize> {
    let length = |value: &Value, longest: usize| match value {
        Value::Null => Some(0),
        Value::String(text) => Some(text.chars().count()).filter(|length| *length <= longest),
        _ => None,
    };
    let no_fields = Vec::new();
    let fields = embed["fields"].as_array().unwrap_or(&no_fields);
    if fields.len() > MOST_FIELDS {
        return None;
    }
    let mut sum = length(&embed["title"], 256)?
        + length(&embed["description"], 4096)?
        + length(&embed["footer"]["text"], 2048)?
        + length(&embed["author"]["name"], 256)?;
    for field in fields {
        sum += length(&field["name"], 256)? + length(&field["value"], 1024)?;
    }
    Some(sum)
}

pub(super) fn components(components: Vec<Value>, flags: MessageFlags) -> Answer<Vec<Value>> {
    let wrong = |message| Err(Failure::invalid_field("components", message));
    let alone = flags.contains(MessageFlags::IS_COMPONENTS_V2);
    if !alone && components.len() > MOST_ROWS {
        return wrong("give at most 5 rows");
    }
    let mut count = 0;
    for component in &components {
        if !well_formed(component, &mut count) {
            return wrong("each is an object with a type, and a custom_id of 1 to 100 characters if any");
        }
    }
    if count > MOST_COMPONENTS {
        return wrong("give at most 40 components");
    }
    Ok(components)
}

fn well_formed(component: &Value, count: &mut usize) -> bool {
    *count += 1;
    let named = match &component["custom_id"] {
        Value::Null => true,
        Value::String(id) => (1..=LONGEST_CUSTOM_ID).contains(&id.chars().count()),
        _ => false,
    };
    let mut inner = component["components"].as_array().into_iter().flatten();
    component["type"].is_u64() && named && inner.all(|it| well_formed(it, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeds_are_measured_in_characters() {
        let of = |embeds: Value| super::embeds(serde_json::from_value(embeds).unwrap());
        assert_eq!(
            of(json!([{"title": "é".repeat(256)}])).unwrap()[0]["type"],
            "rich",
            "what has no type gets one"
        );
        assert!(of(json!([{"title": "é".repeat(257)}])).is_err());
        let long = json!({"description": "x".repeat(3000)});
        assert!(of(json!([long, long])).is_ok());
        assert!(of(json!([long, long, {"title": "x"}])).is_err(), "6001 together");
        assert!(of(json!([{"fields": vec![json!({"name": "n", "value": "v"}); 26]}])).is_err());
        assert!(of(json!(["text"])).is_err());
        assert!(of(json!(vec![json!({"title": "t"}); 11])).is_err());
    }

    #[test]
    fn components_are_counted_at_every_depth() {
        let button = json!({"type": 2, "custom_id": "again", "style": 1});
        let row = |buttons: usize| json!({"type": 1, "components": vec![button.clone(); buttons]});
        let of = |rows: Vec<Value>, flags| components(rows, flags).is_ok();
        assert!(of(vec![row(5); 5], MessageFlags::NONE));
        assert!(!of(vec![row(1); 6], MessageFlags::NONE));
        assert!(of(vec![row(1); 6], MessageFlags::IS_COMPONENTS_V2));
        assert!(
            !of(vec![row(40)], MessageFlags::IS_COMPONENTS_V2),
            "41 with the row"
        );
        let unnamed = json!({"type": 1, "components": [{"type": 2, "custom_id": ""}]});
        assert!(!of(vec![unnamed], MessageFlags::NONE));
    }
}
