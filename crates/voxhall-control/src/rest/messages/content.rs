//! What a message may hold (gateway protocol, section 9; the limits are those that bots' libraries know).

use serde_json::{Value, json};
use voxhall_protocol::model::MessageFlags;
use voxhall_protocol::rest::{ApiErrorCode, CreateMessage};

use super::super::interactions::inside;
use super::super::reply::{Answer, Failure};
use super::super::shape::{EMOJI, Field, Shape};
use crate::directory::StoredMessage;

/// The longest text, in characters.
const LONGEST_TEXT: usize = 2000;
/// The most embeds.
const MOST_EMBEDS: usize = 10;
/// The most characters of all embeds together.
const LONGEST_EMBEDS: usize = 6000;
/// The most bytes of all embeds, and of all components, as others are told of them.
const LARGEST: usize = 64 << 10;
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

/// A picture or a film of an embed.
const MEDIA: Shape = Shape::Object(&[
    Field::new("url", Shape::Link),
    Field::new("proxy_url", Shape::Link),
    Field::new("width", Shape::Number(u16::MAX as u64)),
    Field::new("height", Shape::Number(u16::MAX as u64)),
]);

/// An embed; what else a client sends is left out.
static EMBED: Shape = Shape::Object(&[
    Field::new("type", Shape::Text(32)),
    Field::new("title", Shape::Text(256)),
    Field::new("description", Shape::Text(4096)),
    Field::new("url", Shape::Link),
    Field::new("timestamp", Shape::Time),
    Field::new("color", Shape::Number(0xff_ff_ff)),
    Field::new("image", MEDIA),
    Field::new("thumbnail", MEDIA),
    Field::new("video", MEDIA),
    Field::new(
        "footer",
        Shape::Object(&[
            Field::new("text", Shape::Text(2048)),
            Field::new("icon_url", Shape::Link),
            Field::new("proxy_icon_url", Shape::Link),
        ]),
    ),
    Field::new(
        "provider",
        Shape::Object(&[
            Field::new("name", Shape::Text(256)),
            Field::new("url", Shape::Link),
        ]),
    ),
    Field::new(
        "author",
        Shape::Object(&[
            Field::new("name", Shape::Text(256)),
            Field::new("url", Shape::Link),
            Field::new("icon_url", Shape::Link),
            Field::new("proxy_icon_url", Shape::Link),
        ]),
    ),
    Field::new(
        "fields",
        Shape::List(
            25,
            &Shape::Object(&[
                Field::required("name", Shape::Text(256)),
                Field::required("value", Shape::Text(1024)),
                Field::new("inline", Shape::Flag),
            ]),
        ),
    ),
]);

/// A component without those that stand in it. Kinds that are new to this server pass with what they hold.
static COMPONENT: Shape = Shape::Object(&[
    Field::required("type", Shape::Number(u8::MAX as u64)),
    Field::new("id", Shape::Number(i32::MAX as u64)),
    Field::new("custom_id", Shape::Text(LONGEST_CUSTOM_ID)),
    Field::new("style", Shape::Number(u8::MAX as u64)),
    Field::new("label", Shape::Text(80)),
    Field::new("description", Shape::Text(1024)),
    Field::new("placeholder", Shape::Text(150)),
    Field::new("content", Shape::Text(4000)),
    Field::new("url", Shape::Link),
    Field::new("disabled", Shape::Flag),
    Field::new("required", Shape::Flag),
    Field::new("spoiler", Shape::Flag),
    Field::new("divider", Shape::Flag),
    Field::new("spacing", Shape::Number(2)),
    Field::new("accent_color", Shape::Number(0xff_ff_ff)),
    Field::new("sku_id", Shape::Id),
    Field::new("emoji", Shape::Object(EMOJI)),
    Field::new("min_values", Shape::Number(25)),
    Field::new("max_values", Shape::Number(25)),
    Field::new("channel_types", Shape::List(25, &Shape::Number(u8::MAX as u64))),
    Field::new(
        "default_values",
        Shape::List(
            25,
            &Shape::Object(&[
                Field::required("id", Shape::Id),
                Field::required("type", Shape::Text(16)),
            ]),
        ),
    ),
    Field::new(
        "options",
        Shape::List(
            25,
            &Shape::Object(&[
                Field::required("label", Shape::Text(100)),
                Field::required("value", Shape::Text(100)),
                Field::new("description", Shape::Text(100)),
                Field::new("emoji", Shape::Object(EMOJI)),
                Field::new("default", Shape::Flag),
            ]),
        ),
    ),
    Field::new("components", Shape::List(MOST_COMPONENTS, &Shape::Object(&[]))),
    Field::new("component", Shape::Object(&[])),
    Field::new("accessory", Shape::Object(&[])),
]);

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
    for (index, mut embed) in embeds.into_iter().enumerate() {
        if !embed.is_object() {
            return wrong("an embed is an object");
        }
        EMBED.check(&format!("embeds.{index}"), &embed)?;
        EMBED.strip(&mut embed);
        if embed["type"].is_null() {
            embed["type"] = json!("rich");
        }
        length += embed_length(&embed);
        checked.push(embed);
    }
    if length > LONGEST_EMBEDS {
        return wrong("all embeds together hold at most 6000 characters");
    }
    if size(&checked) > LARGEST {
        return wrong("all embeds together are too large");
    }
    Ok(checked)
}

/// The bytes of values as others are told of them.
fn size(values: &[Value]) -> usize {
    values.iter().map(|value| value.to_string().len()).sum()
}

/// The characters of an embed's texts.
fn embed_length(embed: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let fields = embed["fields"].as_array().into_iter().flatten();
    let fields: usize = fields
        .map(|field| length(&field["name"]) + length(&field["value"]))
        .sum();
    fields
        + length(&embed["title"])
        + length(&embed["description"])
        + length(&embed["footer"]["text"])
        + length(&embed["author"]["name"])
}

pub(super) fn components(components: Vec<Value>, flags: MessageFlags) -> Answer<Vec<Value>> {
    let wrong = |message| Err(Failure::invalid_field("components", message));
    let alone = flags.contains(MessageFlags::IS_COMPONENTS_V2);
    if !alone && components.len() > MOST_ROWS {
        return wrong("give at most 5 rows");
    }
    let mut count = 0;
    for (index, component) in components.iter().enumerate() {
        check_component(&format!("components.{index}"), component, &mut count)?;
    }
    if size(&components) > LARGEST {
        return wrong("all components together are too large");
    }
    Ok(components)
}

/// Checks a component and those in it; `place` is where the outermost one is.
fn check_component(place: &str, component: &Value, count: &mut usize) -> Answer<()> {
    *count += 1;
    if *count > MOST_COMPONENTS {
        return Err(Failure::invalid_field("components", "give at most 40 components"));
    }
    COMPONENT.check(place, component)?;
    if !component["type"].is_u64() || component["custom_id"] == "" {
        let message = "each is an object with a type, and a custom_id of 1 to 100 characters if any";
        return Err(Failure::invalid_field("components", message));
    }
    inside(component)
        .filter(|inner| !inner.is_null())
        .try_for_each(|inner| check_component(place, inner, count))
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
        assert!(
            of(json!(vec![
                json!({"url": format!("https://{}", "é".repeat(2000)),
            "image": {"url": format!("https://{}", "é".repeat(2000))}, "author": {"name": "a",
            "icon_url": format!("https://{}", "é".repeat(2000))}});
                8
            ]))
            .is_err(),
            "too large"
        );
        assert!(of(json!(vec![json!({"title": "t"}); 11])).is_err());
    }

    #[test]
    fn an_embed_is_of_its_shape() {
        let of = |embed: Value| super::embeds(vec![embed]);
        let whole = json!({
            "title": "t", "type": "rich", "url": "https://example.com", "color": 0xff_ff_ff, "description": null,
            "timestamp": "2022-04-20T18:36:07.383Z", "image": {"url": "https://example.com/a.png"},
            "fields": [{"name": "n", "value": "v", "inline": true}],
        });
        assert_eq!(of(whole.clone()).unwrap(), std::slice::from_ref(&whole));
        let mut more = whole.clone();
        more["junk"] = json!("x".repeat(200_000));
        more["image"]["junk"] = json!([1]);
        assert_eq!(of(more).unwrap(), [whole], "what is unknown is left out");
        for wrong in [
            json!({"fields": "text"}),
            json!({"fields": [{"name": "n"}]}),
            json!({"fields": [7]}),
            json!({"color": "red"}),
            json!({"color": 0x1_00_00_00}),
            json!({"url": {}}),
            json!({"url": "javascript:alert(1)"}),
            json!({"timestamp": "now"}),
            json!({"image": "https://example.com"}),
            json!({"footer": []}),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
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
        let section = |accessory: Value| json!({"type": 9, "components": [], "accessory": accessory});
        assert!(of(vec![section(button.clone())], MessageFlags::IS_COMPONENTS_V2));
        for wrong in [
            section(json!({"type": 2, "custom_id": ""})),
            section(json!([])),
            json!({"type": 18, "component": {"custom_id": "x"}}),
            json!({"type": 1, "components": "text"}),
            json!({"type": 1, "components": [5]}),
            json!({"type": 2, "label": {}}),
            json!({"type": 3, "custom_id": "x", "options": [{"label": "l"}]}),
            json!({"type": 3, "custom_id": "x", "max_values": 26}),
            json!({"type": 2, "unknown": "x".repeat(LARGEST)}),
        ] {
            assert!(
                !of(vec![wrong.clone()], MessageFlags::IS_COMPONENTS_V2),
                "{wrong:.200}"
            );
        }
        let nested = vec![section(button); 21];
        assert!(!of(nested, MessageFlags::IS_COMPONENTS_V2), "42 of them");
    }
}
