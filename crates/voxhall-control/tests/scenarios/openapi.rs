//! The OpenAPI document of what is served.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::Server;

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_ascii_uppercase(), path.clone(), operation))
    });
    each.collect()
}

/// Every `$ref` in a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(each) => each.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_version_serves_the_document() {
    let server = Server::start().await;
    for prefix in ["/api", "/api/v9", "/api/v10"] {
        let (status, kind, document) = server
            .request("GET", &format!("{prefix}/openapi.json"), "", "")
            .await;
        assert_eq!((status.as_u16(), kind.as_str()), (200, "application/json"));
        assert_eq!(&document, voxhall_control::openapi());
    }
}

#[test]
fn nothing_in_it_dangles_and_no_name_comes_twice() {
    let document = voxhall_control::openapi();
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(found.len() > 50, "only {} references", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} comes twice");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
        assert!(!operation["tags"][0].as_str().unwrap().is_empty(), "{id}");
        let named = path.matches('{').count();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        assert_eq!(in_path.count(), named, "{method} {path}");
    }
}

#[test]
fn types_are_those_of_the_handlers() {
    let document = voxhall_control::openapi();
    let edit = &document["paths"]["/api/v10/channels/{channel}"]["patch"];
    assert_eq!(edit["security"], json!([{"token": []}]));
    let body = &edit["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body, &json!({"$ref": "#/components/schemas/ChannelDraft"}));
    let answer = &edit["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(answer, &json!({"$ref": "#/components/schemas/Channel"}));
    for status in ["400", "401", "403", "404", "413", "429"] {
        assert!(edit["responses"].get(status).is_some(), "{status}");
    }
    let schemas = &document["components"]["schemas"];
    // Written as a string, read as an integer too.
    assert_eq!(schemas["ChannelId"]["type"], "string");
    assert_eq!(schemas["ChannelIdRequest"]["anyOf"][1]["type"], "integer");
    // Always written, not always read.
    let required = |name: &str| schemas[name]["required"].as_array().unwrap().clone();
    assert!(required("User").contains(&json!("avatar")));
    assert_eq!(schemas["PatchChannel"].get("required"), None);
}
