//! Rate limits in HTTP: which bucket a request is of, and the headers that tell a client how it stands.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use voxhall_edge::Peer;
use voxhall_protocol::Extra;
use voxhall_protocol::rest::RateLimited;

use super::caller::bearer;
use super::limiter::{Bucket, Limiter, Standing, Verdict, Who};
use super::rates;
use super::reply::Json;
use crate::config::{Rate, RestLimits};
use crate::control::Core;
use crate::directory::TokenDigest;
use crate::{clock, wall};

pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
pub(super) const RESET_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-reset-after");
pub(super) const BUCKET: HeaderName = HeaderName::from_static("x-ratelimit-bucket");
pub(super) const SCOPE: HeaderName = HeaderName::from_static("x-ratelimit-scope");
pub(super) const GLOBAL: HeaderName = HeaderName::from_static("x-ratelimit-global");

/// Those that every answer of a bucket has.
pub(super) const OF_BUCKET: [HeaderName; 5] = [LIMIT, REMAINING, RESET, RESET_AFTER, BUCKET];

/// The limits of a server; `None` counts nothing.
pub(crate) struct Throttle(Option<Mutex<Limiter>>);

impl Throttle {
    pub(crate) fn new(limits: Option<RestLimits>) -> Self {
        Self(limits.map(|limits| Mutex::new(Limiter::new(limits))))
    }
}

/// Hears a request or refuses it.
pub(super) async fn enforce(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    let Some(limiter) = &core.throttle.0 else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let address = address(&parts);
    // The Gateway counts for itself, and the operator may do much at once; guessing its token is another matter.
    let who = parts
        .uri
        .path()
        .starts_with("/api")
        .then(|| who(&core, &parts, address));
    let bucket = bucket(&mut parts).await;
    let verdict = limiter.lock().admit(clock::now(), who, address, bucket);
    let mut response = match verdict {
        Verdict::Heard(_) => next.run(Request::from_parts(parts, body)).await,
        Verdict::BucketEmpty(standing) => refusal(standing.reset_after, false),
        Verdict::NotHeard(wait) => refusal(wait, true),
    };
    if let Verdict::Heard(Some(standing)) | Verdict::BucketEmpty(standing) = verdict
        && let Some((bucket, _)) = bucket
    {
        tell(response.headers_mut(), bucket, standing);
    }
    if matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        limiter.lock().count_refused(clock::now(), address);
    }
    response
}

/// Where a request comes from. Who has one IPv6 address usually has all of its /64, so these count as one.
fn address(parts: &Parts) -> IpAddr {
    let peer = parts
        .extensions
        .get::<Peer>()
        .map(|peer| peer.address.ip().to_canonical());
    match peer {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        Some(address) => address,
    }
}

fn who(core: &Core, parts: &Parts, address: IpAddr) -> Who {
    let world = core.directory.read();
    match bearer(parts).and_then(|token| world.user_of_token(TokenDigest::of(token))) {
        Some(user) => Who::Account(user.id),
        None => Who::Address(address),
    }
}

/// The bucket of a request with its rate; `None` outside the API.
async fn bucket(parts: &mut Parts) -> Option<(Bucket, Rate)> {
    let matched = parts
        .extensions
        .get::<MatchedPath>()?
        .as_str()
        .strip_prefix("/api")?;
    let path = ["/v9", "/v10"]
        .iter()
        .find_map(|version| matched.strip_prefix(version))
        .unwrap_or(matched)
        .to_owned();
    // What is asked for with HEAD is what GET gives.
    let method = match &parts.method {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    let mut hasher = DefaultHasher::new();
    (method.as_str(), &path).hash(&mut hasher);
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let major = params
        .iter()
        .find(|(name, _)| rates::MAJOR.contains(name))
        .and_then(|(_, value)| value.parse().ok());
    let bucket = Bucket {
        route: hasher.finish(),
        major: major.unwrap_or(0),
    };
    Some((bucket, rates::of(&method, &path)))
}

fn tell(headers: &mut HeaderMap, bucket: Bucket, standing: Standing) {
    let reset_after = standing.reset_after.as_secs_f64();
    let reset = Duration::from_millis(wall::now_ms()).as_secs_f64() + reset_after;
    let values = [
        (LIMIT, standing.limit.to_string()),
        (REMAINING, standing.remaining.to_string()),
        (RESET, format!("{reset:.3}")),
        (RESET_AFTER, format!("{reset_after:.3}")),
        (BUCKET, format!("{:016x}", bucket.route)),
    ];
    for (name, value) in values {
        // Digits are always a valid value.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

fn refusal(wait: Duration, global: bool) -> Response {
    // In milliseconds and never too early.
    let retry_after = wait.as_secs_f64().mul_add(1000.0, 1.0).floor() / 1000.0;
    let body = RateLimited {
        message: "You are being rate limited.".to_owned(),
        retry_after,
        global,
        extra: Extra::new(),
    };
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.ceil() as u64));
    headers.insert(
        SCOPE,
        HeaderValue::from_static(if global { "global" } else { "user" }),
    );
    if global {
        headers.insert(GLOBAL, HeaderValue::from_static("true"));
    }
    response
}
