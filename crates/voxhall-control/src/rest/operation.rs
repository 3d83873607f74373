//! What one operation takes and gives, told by the types of its handler.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use voxhall_edge::Peer;
use voxhall_protocol::rest::{ApiError, CONTENT_TYPE, RateLimited};

use super::caller::{Caller, Operator};
use super::gateway::OutsideUrl;
use super::reason::{self, Reason};
use super::reply::{Answer, Asked, Body, Created, Done, Json, Named, Perhaps, Stored};
use super::schemas::Schemas;
use crate::control::Core;
use crate::previews::{Picture, PictureKind};

/// What a handler takes out of a request.
pub(crate) trait Input {
    /// Says what the request must hold for it.
    fn describe(operation: &mut Operation<'_>);
}

/// What a handler answers with.
pub(crate) trait Output {
    /// Says what is answered.
    fn describe(operation: &mut Operation<'_>);
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Anybody.
    Nobody,
    /// An account.
    Token,
    /// An account, or anybody.
    MaybeToken,
    /// The operator.
    Operator,
}

/// One operation of the document while its handler describes it.
pub(crate) struct Operation<'a> {
    schemas: &'a mut Schemas,
    /// The names in the path, in their order.
    names: Vec<String>,
    security: Security,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

impl<'a> Operation<'a> {
    pub(super) fn new(path: &str, schemas: &'a mut Schemas) -> Self {
        let names = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        Self {
            names: names.map(str::to_owned).collect(),
            schemas,
            security: Security::Nobody,
            parameters: Vec::new(),
            body: None,
            responses: Map::new(),
        }
    }

    /// The operation as the document has it.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        self.fails::<RateLimited>(StatusCode::TOO_MANY_REQUESTS);
        let security = match self.security {
            Security::Nobody => json!([]),
            Security::Token => json!([{"token": []}]),
            Security::MaybeToken => json!([{"token": []}, {}]),
            Security::Operator => json!([{"operator": []}]),
        };
        let mut operation = Map::from_iter([
            ("security".to_owned(), security),
            ("responses".to_owned(), self.responses.into()),
        ]);
        if !self.parameters.is_empty() {
            operation.insert("parameters".to_owned(), self.parameters.into());
        }
        if let Some(body) = self.body {
            operation.insert("requestBody".to_owned(), body);
        }
        operation
    }

    /// What a WebSocket is answered with before its upgrade.
    pub(super) fn upgrades(&mut self) {
        self.answers(StatusCode::SWITCHING_PROTOCOLS, None);
        self.answers(StatusCode::BAD_REQUEST, None);
        self.answers(StatusCode::UPGRADE_REQUIRED, None);
    }

    fn answers(&mut self, status: StatusCode, schema: Option<Schema>) {
        let mut response = json!({"description": status.canonical_reason().unwrap_or("An answer")});
        if let Some(schema) = schema {
            response["content"] = json!({CONTENT_TYPE: {"schema": schema}});
        }
        self.responses.insert(status.as_str().to_owned(), response);
    }

    /// May answer with this status and an error in its body.
    fn fails<T: JsonSchema>(&mut self, status: StatusCode) {
        let schema = self.schemas.given::<T>();
        self.answers(status, Some(schema));
    }

    fn needs(&mut self, security: Security) {
        self.security = security;
        self.fails::<ApiError>(StatusCode::UNAUTHORIZED);
    }

    fn parameter(&mut self, place: &str, name: &str, required: bool, schema: &Value) {
        self.parameters
            .push(json!({"in": place, "name": name, "required": required, "schema": schema}));
    }
}

impl Input for State<Arc<Core>> {
    fn describe(_: &mut Operation<'_>) {}
}

impl Input for OutsideUrl {
    fn describe(_: &mut Operation<'_>) {}
}

impl Input for Option<Extension<Peer>> {
    fn describe(_: &mut Operation<'_>) {}
}

impl Input for Caller {
    fn describe(operation: &mut Operation<'_>) {
        operation.needs(Security::Token);
    }
}

impl Input for Option<Caller> {
    fn describe(operation: &mut Operation<'_>) {
        operation.needs(Security::MaybeToken);
    }
}

impl Input for Operator {
    fn describe(operation: &mut Operation<'_>) {
        operation.needs(Security::Operator);
    }
}

impl Input for Reason {
    fn describe(operation: &mut Operation<'_>) {
        operation.parameter("header", reason::HEADER, false, &json!({"type": "string"}));
    }
}

impl<T: JsonSchema> Input for Body<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schemas.taken::<T>();
        operation.body = Some(json!({"content": {CONTENT_TYPE: {"schema": schema}}}));
        operation.fails::<ApiError>(StatusCode::BAD_REQUEST);
        operation.fails::<ApiError>(StatusCode::PAYLOAD_TOO_LARGE);
    }
}

impl<T: JsonSchema> Input for Named<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schemas.taken::<T>();
        // A tuple names several things in their order.
        let each = match schema.get("prefixItems").and_then(Value::as_array) {
            Some(each) => each.clone(),
            None => vec![schema.to_value()],
        };
        let names = std::mem::take(&mut operation.names);
        // A token stands in the path of what is answered without an account.
        if names.iter().any(|name| name == "token") {
            operation.fails::<ApiError>(StatusCode::UNAUTHORIZED);
        }
        for (name, schema) in names.iter().zip(&each) {
            operation.parameter("path", name, true, schema);
        }
        operation.fails::<ApiError>(StatusCode::BAD_REQUEST);
        operation.fails::<ApiError>(StatusCode::NOT_FOUND);
    }
}

impl<T: JsonSchema> Input for Asked<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schemas.taken_inline::<T>();
        let required = schema.get("required").and_then(Value::as_array).cloned();
        let fields = schema.get("properties").and_then(Value::as_object).cloned();
        for (name, schema) in fields.into_iter().flatten() {
            let required = required
                .iter()
                .flatten()
                .any(|it| it.as_str() == Some(name.as_str()));
            operation.parameter("query", &name, required, &schema);
        }
        operation.fails::<ApiError>(StatusCode::BAD_REQUEST);
    }
}

impl<T: JsonSchema> Output for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schemas.given::<T>();
        operation.answers(StatusCode::OK, Some(schema));
    }
}

impl<T: JsonSchema> Output for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.schemas.given::<T>();
        operation.answers(StatusCode::CREATED, Some(schema));
    }
}

impl<T: JsonSchema> Output for Stored<T> {
    fn describe(operation: &mut Operation<'_>) {
        <Json<T> as Output>::describe(operation);
        <Created<T> as Output>::describe(operation);
    }
}

impl<T: JsonSchema> Output for Perhaps<T> {
    fn describe(operation: &mut Operation<'_>) {
        <Json<T> as Output>::describe(operation);
        <Done as Output>::describe(operation);
    }
}

impl Output for Picture {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::OK, None);
        let file = json!({"schema": {"type": "string", "format": "binary"}});
        let kinds = [PictureKind::Jpeg, PictureKind::Png];
        let content = kinds.map(|kind| (kind.media_type().to_owned(), file.clone()));
        operation.responses[StatusCode::OK.as_str()]["content"] = Map::from_iter(content).into();
    }
}

impl Output for Done {
    fn describe(operation: &mut Operation<'_>) {
        operation.answers(StatusCode::NO_CONTENT, None);
    }
}

impl<T: Output> Output for Answer<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.fails::<ApiError>(StatusCode::BAD_REQUEST);
        operation.fails::<ApiError>(StatusCode::FORBIDDEN);
        operation.fails::<ApiError>(StatusCode::NOT_FOUND);
        T::describe(operation);
    }
}
