//! The page for browsers: files that are part of the program, served beside REST and the main Gateway.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, UPGRADE,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

/// A file of the page.
struct File {
    /// Its address, with a slash in front.
    path: &'static str,
    plain: &'static [u8],
    /// The same, gzipped.
    packed: Option<&'static [u8]>,
}

// `FILES`, made by build.rs.
include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The document that starts the page.
const DOCUMENT: &str = "/index.html";
/// Files here have names that change with their content.
const HASHED: &str = "/assets/";
/// What belongs to others, who say themselves that something is not there.
const TAKEN: [&str; 6] = ["/api", "/admin", "/dev", "/gateway", "/healthz", "/readyz"];

/// Only what comes from here runs and is shown. WebSockets may lead anywhere, because media nodes have addresses of
/// their own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     media-src 'self' blob:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (HeaderName::from_static("content-security-policy"), POLICY),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
    ),
];

/// Names of files with their contents' tags.
static TAGS: LazyLock<HashMap<&'static str, HeaderValue>> = LazyLock::new(|| {
    let tags = FILES.iter().map(|file| (file.path, tag(file.plain)));
    tags.collect()
});

/// Serves the page on top of what a router serves.
pub fn on_top_of(router: Router) -> Router {
    router.layer(middleware::from_fn(serve))
}

async fn serve(request: Request, next: Next) -> Response {
    match wanted(&request) {
        Some(file) => answer(file, request.headers()),
        None => next.run(request).await,
    }
}

/// The file that a request asks for; `None` if it means something else.
fn wanted(request: &Request) -> Option<&'static File> {
    let headers = request.headers();
    // The main Gateway stands on the same address.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD) && !headers.contains_key(UPGRADE);
    if !reads {
        return None;
    }
    let path = request.uri().path();
    let find = |path: &str| FILES.iter().find(|file| file.path == path);
    find(path).or_else(|| find(DOCUMENT).filter(|_| is_place(path, headers)))
}

/// Whether this is the address of a place in the page: a person's browser goes there, and nobody else has it.
fn is_place(path: &str, headers: &HeaderMap) -> bool {
    let belongs = |taken: &str| {
        let rest = path.strip_prefix(taken);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let browser = accepts.is_some_and(|accept| accept.contains("text/html"));
    path == "/" || (browser && !TAKEN.iter().any(|taken| belongs(taken)) && !path.starts_with(HASHED))
}

fn answer(file: &'static File, asked: &HeaderMap) -> Response {
    let tag = &TAGS[file.path];
    let known = asked.get_all(IF_NONE_MATCH).iter().any(|given| names(given, tag));
    let packed = file.packed.filter(|_| takes_gzip(asked));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(packed.unwrap_or(file.plain)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(lifetime(file.path)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !known {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(file.path)));
        if packed.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2).
fn names(given: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(given), Ok(tag)) = (given.to_str(), tag.to_str()) else {
        return false;
    };
    let strong = |one: &str| one.trim().trim_start_matches("W/") == tag.trim_start_matches("W/");
    given.trim() == "*" || given.split(',').any(strong)
}

/// Whether the client takes gzip (RFC 9110, section 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes = |one: &str| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    };
    accepted.is_some_and(|accepted| accepted.split(',').any(takes))
}

fn lifetime(path: &str) -> &'static str {
    if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A tag for the content: weak, because the same content may come in two encodings.
fn tag(content: &[u8]) -> HeaderValue {
    // FNV-1a in 64 bits: it tells the versions of one file apart, and nothing hangs on its strength.
    let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    HeaderValue::from_str(&format!("W/\"{hash:016x}\"")).expect("quotes and hex digits are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn ask(path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
        let below = Router::new()
            .route("/", get(|| async { "gateway" }))
            .route("/api/v10/gateway", get(|| async { "rest" }))
            .fallback(|| async { (StatusCode::NOT_FOUND, "no such address") });
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = on_top_of(below).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8_lossy(&body).into_owned())
    }

    const BROWSER: (HeaderName, &str) = (ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");

    #[tokio::test]
    async fn the_page_and_the_gateway_share_an_address() {
        let (status, headers, body) = ask("/", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(body.contains("<title>Voxhall</title>"), "{body}");
        let (_, _, body) = ask("/", &[(UPGRADE, "websocket")]).await;
        assert_eq!(body, "gateway");
    }

    #[tokio::test]
    async fn places_in_the_page_lead_to_it_and_addresses_of_others_do_not() {
        for place in ["/channels/1/2", "/channels/@me"] {
            let (status, _, body) = ask(place, &[BROWSER]).await;
            assert_eq!(status, StatusCode::OK, "{place}");
            assert!(body.contains("Voxhall"), "{place}");
        }
        for other in [
            "/api/v10/nothing",
            "/api",
            "/dev/users/1",
            "/admin/users",
            "/assets/gone.js",
        ] {
            let (status, _, body) = ask(other, &[BROWSER]).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::NOT_FOUND, "no such address"),
                "{other}"
            );
        }
        // Programs get no page where they expect an error.
        assert_eq!(ask("/channels/1/2", &[]).await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask("/api/v10/gateway", &[BROWSER]).await.2, "rest");
    }

    #[tokio::test]
    async fn who_has_the_page_is_not_sent_it_again() {
        let (_, headers, _) = ask("/", &[]).await;
        let tag = headers[ETAG].to_str().unwrap().to_owned();
        assert_eq!(headers[CACHE_CONTROL], "no-cache");
        for known in [tag.as_str(), "*", &format!("\"other\", {tag}")] {
            let (status, headers, body) = ask("/", &[(IF_NONE_MATCH, known)]).await;
            assert_eq!(status, StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(headers[ETAG], tag.as_str());
            assert!(body.is_empty());
        }
        assert_eq!(ask("/", &[(IF_NONE_MATCH, "\"other\"")]).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn nothing_from_elsewhere_runs_in_the_page() {
        let (_, headers, _) = ask("/", &[]).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br"));
        assert!(takes("br;q=1.0, gzip;q=0.8"));
        assert!(!takes("br") && !takes("gzip;q=0"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn every_file_has_a_type_that_browsers_use() {
        for file in FILES {
            assert_ne!(
                content_type(file.path),
                "application/octet-stream",
                "{}",
                file.path
            );
        }
    }
}
