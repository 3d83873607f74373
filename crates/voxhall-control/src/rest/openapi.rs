//! The OpenAPI document of everything that is served.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::reply::Json;
use super::route::{Route, Routes, get};
use super::schemas::Schemas;

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
    let id = operation_id(route, &operation);
    operation.insert("operationId".to_owned(), id.into());
    operation.insert("summary".to_owned(), route.summary.into());
    operation.insert("tags".to_owned(), json!([route.tag]));
    operation
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
