//! How often each route may be asked: the one place for it.

use axum::http::Method;

use crate::config::Rate;

/// Names in paths whose value has a bucket of its own.
pub(super) const MAJOR: [&str; 4] = ["channel", "guild", "webhook", "interaction"];

/// What has a rate of its own, as (method, path without its version, rate).
#[rustfmt::skip]
const TABLE: [(Method, &str, Rate); 20] = [
    (Method::POST, "/channels/{channel}/messages", Rate::new(5, 5)),
    (Method::PATCH, "/channels/{channel}/messages/{message}", Rate::new(5, 5)),
    (Method::DELETE, "/channels/{channel}/messages/{message}", Rate::new(5, 1)),
    (Method::POST, "/channels/{channel}/messages/bulk-delete", Rate::new(1, 1)),
    (Method::POST, "/channels/{channel}/typing", Rate::new(5, 5)),
    (Method::POST, "/channels/{channel}/voice-channel-effects", Rate::new(10, 10)),
    (Method::POST, "/channels/{channel}/send-soundboard-sound", Rate::new(10, 10)),
    (Method::PUT, "/channels/{channel}/voice-status", Rate::new(5, 5)),
    (Method::POST, "/channels/{channel}/call/ring", Rate::new(5, 5)),
    (Method::POST, "/streams/{key}/preview", Rate::new(5, 20)),
    (Method::PATCH, "/guilds/{guild}/members/{user}", Rate::new(10, 10)),
    (Method::POST, "/users/@me/channels", Rate::new(10, 10)),
    (Method::GET, "/gateway/bot", Rate::new(10, 10)),
    (Method::POST, "/interactions", Rate::new(20, 5)),
    (Method::POST, "/interactions/{interaction}/{token}/callback", Rate::new(5, 5)),
    (Method::POST, "/webhooks/{webhook}/{token}", Rate::new(5, 2)),
    (Method::PATCH, "/webhooks/{webhook}/{token}/messages/{message}", Rate::new(5, 2)),
    (Method::DELETE, "/webhooks/{webhook}/{token}/messages/{message}", Rate::new(5, 2)),
    (Method::GET, "/webhooks/{webhook}/{token}/messages/{message}", Rate::new(5, 2)),
    (Method::POST, "/applications/{application}/commands", Rate::new(5, 20)),
];

/// What is only read.
const READING: Rate = Rate::new(50, 10);

/// Everything else.
const WRITING: Rate = Rate::new(10, 10);

/// The rate of a route.
pub(super) fn of(method: &Method, path: &str) -> Rate {
    let known = TABLE
        .iter()
        .find(|(its, template, _)| its == method && *template == path);
    match known {
        Some((_, _, rate)) => *rate,
        None if method == Method::GET || method == Method::HEAD => READING,
        None => WRITING,
    }
}
