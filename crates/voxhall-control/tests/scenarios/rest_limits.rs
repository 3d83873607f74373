//! How many requests are heard, and how a client is told (gateway-and-calls, section 9.1).

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Value, json};
use voxhall_control::{Limits, Rate, RestLimits};

use crate::harness::{Server, VOICE, pass};

async fn strict() -> Server {
    Server::with_limits(Limits {
        rest: Some(RestLimits::strict()),
        ..Limits::dev()
    })
    .await
}

fn number(headers: &HeaderMap, name: &str) -> f64 {
    let value = headers
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {headers:?}"));
    value.to_str().unwrap().parse().unwrap()
}

async fn set_status(server: &Server, token: &str, channel: &str) -> (u16, HeaderMap, Value) {
    let path = format!("/api/v10/channels/{channel}/voice-status");
    server.exchange("PUT", &path, token, "{}").await
}

#[tokio::test]
async fn a_bucket_is_told_and_enforced() {
    let server = strict().await;
    let token = server.token("Exp");
    let mut names = Vec::new();
    for left in (0..5).rev() {
        let (status, headers, _) = set_status(&server, &token, VOICE[0]).await;
        assert_eq!(status, 204);
        assert_eq!(number(&headers, "x-ratelimit-limit"), 5.0);
        assert_eq!(number(&headers, "x-ratelimit-remaining"), f64::from(left));
        let reset_after = number(&headers, "x-ratelimit-reset-after");
        assert!(reset_after > 0.0 && reset_after <= 5.0, "{reset_after}");
        assert!(number(&headers, "x-ratelimit-reset") > 1.7e9);
        names.push(headers["x-ratelimit-bucket"].clone());
    }
    let (status, headers, body) = set_status(&server, &token, VOICE[0]).await;
    assert_eq!((status, &body["global"]), (429, &json!(false)));
    assert_eq!(body["message"], "You are being rate limited.");
    let wait = body["retry_after"].as_f64().unwrap();
    assert!(wait > 0.0 && wait <= 5.001, "{wait}");
    assert_eq!(number(&headers, "retry-after"), wait.ceil());
    assert_eq!(number(&headers, "x-ratelimit-remaining"), 0.0);
    assert_eq!(headers["x-ratelimit-scope"], "user");
    assert_eq!(headers.get("x-ratelimit-global"), None);
    // Another channel has a count of its own under the same name.
    let (status, headers, _) = set_status(&server, &token, VOICE[1]).await;
    assert_eq!((status, number(&headers, "x-ratelimit-remaining")), (204, 4.0));
    names.push(headers["x-ratelimit-bucket"].clone());
    names.dedup();
    assert_eq!(names.len(), 1, "{names:?}");
    // The versions share a count.
    let path = format!("/api/v9/channels/{}/voice-status", VOICE[0]);
    assert_eq!(server.exchange("PUT", &path, &token, "{}").await.0, 429);
    pass(Duration::from_secs_f64(wait)).await;
    assert_eq!(set_status(&server, &token, VOICE[0]).await.0, 204);
}

#[tokio::test]
async fn a_caller_as_a_whole_is_limited() {
    let server = Server::with_limits(Limits {
        rest: Some(RestLimits {
            global: Rate::new(3, 60),
            ..RestLimits::strict()
        }),
        ..Limits::dev()
    })
    .await;
    let token = server.token("Exp");
    for _ in 0..3 {
        assert_eq!(
            server.exchange("GET", "/api/v10/users/@me", &token, "").await.0,
            200
        );
    }
    let (status, headers, body) = server.exchange("GET", "/api/v10/no/such/thing", &token, "").await;
    assert_eq!((status, &body["global"]), (429, &json!(true)));
    assert_eq!(headers["x-ratelimit-global"], "true");
    assert_eq!(headers["x-ratelimit-scope"], "global");
    // Others are heard: another account, and whoever has none.
    let other = server.token("turbulence");
    assert_eq!(
        server.exchange("GET", "/api/v10/users/@me", &other, "").await.0,
        200
    );
    assert_eq!(server.exchange("GET", "/api/v10/gateway", "", "").await.0, 200);
    pass(Duration::from_secs(60)).await;
    assert_eq!(
        server.exchange("GET", "/api/v10/users/@me", &token, "").await.0,
        200
    );
}

#[tokio::test]
async fn who_asks_in_vain_too_often_is_not_heard() {
    let server = Server::production(Limits {
        rest: Some(RestLimits {
            refused: Rate::new(10, 600),
            ..RestLimits::strict()
        }),
        ..Limits::default()
    })
    .await;
    for _ in 0..10 {
        assert_eq!(
            server.exchange("GET", "/api/v10/users/@me", "guess", "").await.0,
            401
        );
    }
    let token = server.token("Exp");
    let (status, headers, _) = server.exchange("GET", "/api/v10/users/@me", &token, "").await;
    assert_eq!(status, 429);
    assert!(number(&headers, "retry-after") > 590.0);
    pass(Duration::from_secs(600)).await;
    assert_eq!(
        server.exchange("GET", "/api/v10/users/@me", &token, "").await.0,
        200
    );
}

#[tokio::test]
async fn limits_can_be_off() {
    let server = Server::with_limits(Limits {
        rest: None,
        ..Limits::dev()
    })
    .await;
    let token = server.token("Exp");
    for _ in 0..200 {
        let (status, headers, _) = set_status(&server, &token, VOICE[0]).await;
        assert_eq!((status, headers.get("x-ratelimit-limit")), (204, None));
    }
}
