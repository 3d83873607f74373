//! The OpenAPI document of everything that is served.

use std::sync::LazyLock;

use axum::http::HeaderName;
use axum::http::header::RETRY_AFTER;
use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::reply::Json;
use super::route::{Route, Routes, get};
use super::schemas::Schemas;
use super::throttle;

/// It depends on nothing but the code, so it is made once.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&super::routes().into_described()));

pub(super) fn api() -> Routes {
    Routes::new("meta").route("/openapi.json", get(openapi, "This document"))
}

async fn openapi() -> Json<&'static Value> {
    Json(whole())
}

/// The document.
pub(super) fn whole() -> &'static Value {
    &DOCUMENT
}

fn document(routes: &[Route]) -> Value {
    let mut schemas = Schemas::new();
    let operations: Vec<_> = routes
        .iter()
        .map(|route| (route, operation(route, &mut schemas)))
        .collect();
    let (schemas, renamed) = schemas.finish();
    let mut paths: Map<String, Value> = Map::new();
    for (route, mut operation) in operations {
        for part in ["parameters", "requestBody"] {
            if let Some(part) = operation.get_mut(part) {
                renamed.apply(part);
            }
        }
        let methods = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = operation.into();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Voxhall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The REST API of a Voxhall server, in the manner of Discord's. `/api/v9` and `/api` serve \
                the same as `/api/v10`.",
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "securitySchemes": {
                "token": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The token of a user, or `Bot ` and the token of a bot.",
                },
                "operator": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The token in the file `admin-token` of the server's state folder.",
                },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Map<String, Value> {
    let mut operation = Operation::new(&route.path, schemas);
    (route.describe)(&mut operation);
    let mut operation = operation.finish();
    if route.path.starts_with("/api") {
        tell_of_headers(&mut operation);
    }
    let id = operation_id(route, &operation);
    operation.insert("operationId".to_owned(), id.into());
    operation.insert("summary".to_owned(), route.summary.into());
    operation.insert("tags".to_owned(), json!([route.tag]));
    operation
}

/// What answers say about rate limits; absent where nothing is counted.
fn headers() -> Value {
    let each = [
        (throttle::LIMIT, "integer", "Requests of this bucket in a window"),
        (throttle::REMAINING, "integer", "How many of them are left"),
        (
            throttle::RESET,
            "number",
            "Unix seconds at which they are all there again",
        ),
        (
            throttle::RESET_AFTER,
            "number",
            "Seconds until they are all there again",
        ),
        (
            throttle::BUCKET,
            "string",
            "Which routes count together; each channel, guild and webhook apart",
        ),
        (RETRY_AFTER, "integer", "Seconds until the next request is heard"),
        (
            throttle::SCOPE,
            "string",
            "What was exceeded: `user` is the bucket, `global` everything",
        ),
        (throttle::GLOBAL, "string", "`true` if everything was exceeded"),
    ];
    let each = each.map(|(name, kind, description)| {
        let header = json!({"description": description, "schema": {"type": kind}});
        (name.to_string(), header)
    });
    Map::from_iter(each).into()
}

fn tell_of_headers(operation: &mut Map<String, Value>) {
    let reference = |name: &HeaderName| {
        let place = format!("#/components/headers/{name}");
        (name.to_string(), json!({"$ref": place}))
    };
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let always = &throttle::OF_BUCKET[..];
        let refused = [RETRY_AFTER, throttle::SCOPE, throttle::GLOBAL];
        let refused = if status == "429" { &refused[..] } else { &[] };
        response["headers"] = always.iter().chain(refused).map(reference).collect();
    }
}

/// A name for programs: `patch_guilds_guild_members_user`, `connect_gateway`.
fn operation_id(route: &Route, operation: &Map<String, Value>) -> String {
    let opens_socket = operation["responses"].get("101").is_some();
    let verb = if opens_socket {
        "connect".to_owned()
    } else {
        route.method.as_str().to_ascii_lowercase()
    };
    let path = route.path.strip_prefix(super::DOCUMENTED).unwrap_or(&route.path);
    let words = path.split('/').skip(1).map(|part| match part {
        // A slash at the end makes another address.
        "" => "slash".to_owned(),
        part => part.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_"),
    });
    let words: Vec<_> = std::iter::once(verb).chain(words).collect();
    words
        .join("_")
        .replace("__", "_")
        .trim_end_matches('_')
        .to_owned()
}
