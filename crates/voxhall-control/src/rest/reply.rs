//! Answers: the manners of gateway-and-calls, section 9.1.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Query, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use voxhall_edge::Peer;
use voxhall_protocol::rest::{ApiError, ApiErrorCode};

use super::form::reportable;
use super::multipart;
use crate::Error;
use crate::previews::Picture;

/// What an endpoint gives: an answer or a failure.
pub(crate) type Answer<T> = Result<T, Failure>;

/// A JSON body with status 200. axum's own type sends the content type that clients insist on, without a charset.
pub(crate) use axum::Json;

/// A JSON body with status 201.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// A JSON body with status 201 where something new was made, 200 where it replaced what was there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stored<T> {
    /// It was made.
    New(T),
    /// It replaced something.
    Replaced(T),
}

impl<T: Serialize> IntoResponse for Stored<T> {
    fn into_response(self) -> Response {
        match self {
            Self::New(it) => Created(it).into_response(),
            Self::Replaced(it) => Json(it).into_response(),
        }
    }
}

/// A JSON body with status 200, or status 204 without one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Perhaps<T>(pub(crate) Option<T>);

impl<T: Serialize> IntoResponse for Perhaps<T> {
    fn into_response(self) -> Response {
        match self.0 {
            Some(it) => Json(it).into_response(),
            None => Done.into_response(),
        }
    }
}

/// Status 204: no body and no content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, self.kind.media_type()),
            // What somebody uploaded is shown as a picture or not at all.
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CACHE_CONTROL, "private, no-store"),
        ];
        (headers, self.bytes).into_response()
    }
}

/// An answer with an error status.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    status: StatusCode,
    error: ApiError,
    /// For status 429.
    retry_after: Option<Duration>,
}

/// What is wrong with one field of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldFault {
    field: &'static str,
    code: &'static str,
    message: String,
}

impl FieldFault {
    /// `code` is for programs, `message` for people.
    pub(crate) fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            code,
            message: message.into(),
        }
    }
}

impl Failure {
    /// A failure whose message is the code's own name.
    pub(crate) fn new(status: StatusCode, code: ApiErrorCode) -> Self {
        let mut message = code.name().to_owned();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self::with_message(status, code, message)
    }

    /// A failure with a message of its own.
    pub(crate) fn with_message(status: StatusCode, code: ApiErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            error: ApiError::new(code, message),
            retry_after: None,
        }
    }

    /// A version of the API that is not served.
    fn unknown_version() -> Self {
        Self::bad_request(ApiErrorCode::InvalidApiVersion)
    }

    /// The same, with the time after which the request may come again.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.error.extra.insert("retry_after", wait.as_secs_f64());
        self
    }

    /// No such address.
    pub(crate) fn not_found() -> Self {
        Self::with_message(StatusCode::NOT_FOUND, ApiErrorCode::General, "404: Not Found")
    }

    /// No such method at this address.
    pub(crate) fn method_not_allowed() -> Self {
        Self::with_message(
            StatusCode::METHOD_NOT_ALLOWED,
            ApiErrorCode::General,
            "405: Method Not Allowed",
        )
    }

    /// The token is missing or wrong.
    pub(crate) fn unauthorized() -> Self {
        Self::with_message(
            StatusCode::UNAUTHORIZED,
            ApiErrorCode::General,
            "401: Unauthorized",
        )
    }

    /// Something that does not exist, or that the caller may not see.
    pub(crate) fn unknown(code: ApiErrorCode) -> Self {
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// The caller may not do this.
    pub(crate) fn forbidden(code: ApiErrorCode) -> Self {
        Self::new(StatusCode::FORBIDDEN, code)
    }

    /// The request makes no sense here.
    pub(crate) fn bad_request(code: ApiErrorCode) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// Too often; the header is for those who do not read the body.
    pub(crate) fn too_many(retry_after: Duration) -> Self {
        let code = ApiErrorCode::RateLimited;
        let mut failure = Self::new(StatusCode::TOO_MANY_REQUESTS, code);
        let extra = &mut failure.error.extra;
        extra.insert("retry_after", retry_after.as_secs_f64());
        extra.insert("global", false);
        failure.retry_after = Some(retry_after);
        failure
    }

    /// Fields of the body are wrong.
    pub(crate) fn invalid_fields(faults: Vec<FieldFault>) -> Self {
        let fields = faults.into_iter().map(|fault| {
            let detail = json!({"_errors": [{"code": fault.code, "message": fault.message}]});
            (fault.field.to_owned(), detail)
        });
        Self::invalid_form(Value::Object(fields.collect()))
    }

    /// A field of the body is wrong; `field` is its path, as in `permission_overwrites.0.type`.
    pub(crate) fn invalid_field(field: &str, message: &str) -> Self {
        Self::invalid(field.split('.'), "BASE_TYPE_INVALID", message)
    }

    /// Something that was given is wrong, told in the tree that clients take apart.
    fn invalid<'a>(steps: impl IntoIterator<Item = &'a str>, code: &str, message: &str) -> Self {
        let detail = json!({"_errors": [{"code": code, "message": message}]});
        let steps: Vec<&str> = reportable(steps).collect();
        let lead = |inner, step: &&str| json!({ *step: inner });
        Self::invalid_form(steps.iter().rev().fold(detail, lead))
    }

    /// Fields of the body are wrong: `errors` says for each which and why.
    pub(crate) fn invalid_form(errors: Value) -> Self {
        let mut failure = Self::bad_request(ApiErrorCode::InvalidFormBody);
        failure.error.errors = Some(errors);
        failure
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.error)).into_response();
        if let Some(wait) = self.retry_after {
            // In whole seconds, rounded up: too early is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request cannot be answered");
        Self::with_message(
            StatusCode::INTERNAL_SERVER_ERROR,
            ApiErrorCode::General,
            "500: Internal Server Error",
        )
    }
}

/// Answers what nothing stands at. Who asks for another version of the API is told that, whatever the rest says.
pub(super) async fn no_such_address(uri: Uri) -> Failure {
    let version = uri
        .path()
        .strip_prefix("/api/v")
        .and_then(|rest| rest.split('/').next());
    match version.map(str::parse::<u8>) {
        Some(Ok(9 | 10)) | Some(Err(_)) | None => Failure::not_found(),
        Some(Ok(_)) => Failure::unknown_version(),
    }
}

/// The path of a request; where a token stands in it, only what kind of path it is.
fn loggable(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    match matched.map(MatchedPath::as_str) {
        Some(matched) if matched.contains("{token}") => matched.to_owned(),
        _ => request.uri().path().to_owned(),
    }
}

/// Says in the log which requests were refused, and louder which failed.
pub(super) async fn log_refusal(request: Request, next: Next) -> Response {
    let address = request
        .extensions()
        .get::<Peer>()
        .map(|peer| tracing::field::display(peer.address));
    let (method, path) = (request.method().clone(), loggable(&request));
    let response = next.run(request).await;
    let status = response.status();
    if status.is_server_error() {
        tracing::error!(address, %method, path, status = status.as_u16(), "a request failed");
    } else if status.is_client_error() {
        tracing::debug!(address, %method, path, status = status.as_u16(), "a request was refused");
    }
    response
}

/// The JSON body of a request; an empty one stands for `{}`. The content type matters for forms alone: some clients
/// send none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let boundary = multipart::boundary(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            Failure::with_message(
                status,
                ApiErrorCode::General,
                format!("{}: the body cannot be read", status.as_u16()),
            )
        })?;
        match boundary {
            Some(boundary) => parse(multipart::payload(&bytes, &boundary)?).map(Body),
            None => parse(&bytes).map(Body),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        if error.inner().is_data() {
            wrong_field(steps_to(error.path()), &error.inner().to_string())
        } else {
            Failure::bad_request(ApiErrorCode::InvalidJson)
        }
    })?;
    let ended = reader.end();
    ended.map_err(|_| Failure::bad_request(ApiErrorCode::InvalidJson))?;
    Ok(value)
}

/// Reads the part of a body that stands in this field.
pub(super) fn read_field<T: DeserializeOwned>(field: &str, value: &Value) -> Answer<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let outer = field.split('.').map(str::to_owned);
        let steps = outer.chain(steps_to(error.path())).collect();
        wrong_field(steps, &error.inner().to_string())
    })
}

/// The steps of a path, each as it was written: keys may hold dots.
fn steps_to(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    let steps = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    steps.collect()
}

fn wrong_field(steps: Vec<String>, message: &str) -> Failure {
    let steps = steps.iter().map(String::as_str);
    // serde tells of a missing field at the object that lacks it.
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'));
    match missing {
        Some((field, _)) => Failure::invalid(
            steps.chain([field]),
            "BASE_TYPE_REQUIRED",
            "This field is required",
        ),
        None => Failure::invalid(steps, "BASE_TYPE_INVALID", message),
    }
}

/// What a path names. Names that cannot be read are answered like wrong fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let named = Path::from_request_parts(parts, state).await;
        named.map(|Path(it)| Self(it)).map_err(unreadable_name)
    }
}

fn unreadable_name(rejection: PathRejection) -> Failure {
    let message = rejection.body_text();
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return Failure::invalid_field("path", &message);
    };
    match error.into_kind() {
        ErrorKind::DeserializeError { key, value, .. } | ErrorKind::ParseErrorAtKey { key, value, .. } => {
            let message = format!("Value \"{value}\" is not snowflake.");
            Failure::invalid([&*format!("{key}_id")], "NUMBER_TYPE_COERCE", &message)
        }
        _ => Failure::invalid_field("path", &message),
    }
}

/// What a query asks for. A query that cannot be read is answered like a wrong field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let asked = Query::from_request_parts(parts, state).await;
        asked
            .map(|Query(it)| Self(it))
            .map_err(|rejection| Failure::invalid_field("query", &rejection.body_text()))
    }
}
