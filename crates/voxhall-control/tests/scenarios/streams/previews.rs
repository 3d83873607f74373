//! What a stream looks like, over REST (gateway-and-calls, section 9.3).

use axum::body::Body;
use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use voxhall_protocol::model::Permissions;

use super::{about, live, moderate, next, stream_key};
use crate::harness::{PRIVATE, Server, TURBULENCE, VOICE, settle};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 another";

fn data_url(kind: &str, bytes: &[u8]) -> Value {
    json!({"thumbnail": format!("data:{kind};base64,{}", STANDARD.encode(bytes))})
}

fn path() -> String {
    format!("/api/v10/streams/{}/preview", stream_key())
}

/// Status, content type and bytes of a picture, asked for without saying who asks.
async fn look(server: &Server, url: &str) -> (u16, String, Vec<u8>) {
    let path = url
        .strip_prefix("http://voice.example:8443")
        .expect("the address that was asked");
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = server.control.router().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()[header::CONTENT_TYPE]
        .to_str()
        .unwrap()
        .to_owned();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    (status, kind, bytes)
}

#[tokio::test]
async fn the_newest_picture_is_shown_as_long_as_the_stream_lasts() {
    let server = Server::start().await;
    let mut owner = live(&server).await;
    let (own, other) = (server.token("turbulence"), server.token("Exp"));
    let (status, none) = server.ask("GET", &path(), &other, Value::Null).await;
    assert_eq!(
        (status, &none["message"]),
        (404, &json!("Unknown Stream Preview"))
    );
    let (status, answer) = server
        .ask("POST", &path(), &own, data_url("image/png", PNG))
        .await;
    assert_eq!(status, 204, "{answer}");
    let (_, first) = server.ask("GET", &path(), &other, Value::Null).await;
    let first = first["url"].as_str().unwrap().to_owned();
    assert_eq!(
        look(&server, &first).await,
        (200, "image/png".to_owned(), PNG.to_vec())
    );

    server
        .ask("POST", &path(), &own, data_url("image/jpeg", JPEG))
        .await;
    let (_, second) = server.ask("GET", &path(), &own, Value::Null).await;
    let second = second["url"].as_str().unwrap().to_owned();
    assert_eq!(
        look(&server, &second).await,
        (200, "image/jpeg".to_owned(), JPEG.to_vec())
    );
    assert_eq!(look(&server, &first).await.0, 404, "the old one is not kept");

    about(&mut owner, 19, &stream_key()).await;
    next(&mut owner, "STREAM_DELETE").await;
    settle().await;
    assert_eq!(look(&server, &second).await.0, 404);
    let (status, _) = server.ask("GET", &path(), &other, Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn pictures_come_from_the_owner_and_are_for_those_who_may_watch() {
    let server = Server::start().await;
    let _owner = live(&server).await;
    let (own, other) = (server.token("turbulence"), server.token("Exp"));
    let picture = data_url("image/png", PNG);
    let (status, _) = server.ask("POST", &path(), &other, picture.clone()).await;
    assert_eq!(status, 403);
    let (status, _) = server.ask("POST", &path(), "", picture.clone()).await;
    assert_eq!(status, 401);
    server.ask("POST", &path(), &own, picture).await;

    // A bot that may not see the room, and then one that sees it but may not enter.
    let bot = server.plain_bot().await;
    let overwrite = format!("/channels/{}/permissions/{}", VOICE[0], crate::harness::GUILD);
    for (denied, expected) in [(Permissions::VIEW_CHANNEL, 404), (Permissions::CONNECT, 403)] {
        let deny = json!({"type": 0, "allow": "0", "deny": denied.bits().to_string()});
        moderate(&server, "PUT", &overwrite, deny).await;
        if denied == Permissions::VIEW_CHANNEL {
            // The owner of the stream was sent out with it.
            let (status, answer) = server.ask("GET", &path(), &bot, Value::Null).await;
            assert_eq!((status, &answer["code"]), (expected, &json!(10003)));
        } else {
            let (status, _) = server.ask("GET", &path(), &bot, Value::Null).await;
            assert_eq!(status, expected);
        }
    }
}

#[tokio::test]
async fn what_is_no_small_picture_of_a_stream_is_refused() {
    let server = Server::start().await;
    let _owner = live(&server).await;
    let own = server.token("turbulence");
    let large = vec![0xff; (128 << 10) + 1];
    for bad in [
        data_url("image/svg+xml", b"<svg/>"),
        data_url("image/jpeg", PNG),
        data_url("image/jpeg", &large),
        json!({"thumbnail": "data:image/png;base64,***"}),
        json!({"thumbnail": 5}),
        json!({}),
    ] {
        let (status, answer) = server.ask("POST", &path(), &own, bad).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{answer}");
        assert!(
            answer["errors"]["thumbnail"]["_errors"][0]["message"].is_string(),
            "{answer}"
        );
    }
    // Each of these asks counts, and this one is one more.
    let enormous = data_url("image/jpeg", &vec![0xff; 256 << 10]);
    let (status, _) = server.ask("POST", &path(), &own, enormous).await;
    assert_eq!(status, 413);
    for (key, status) in [
        ("nonsense".to_owned(), 400),
        (format!("call:{PRIVATE}:{TURBULENCE}"), 404),
        (format!("call:{}:{TURBULENCE}", VOICE[0]), 404),
        (format!("guild:5:{}:{TURBULENCE}", VOICE[0]), 404),
        ("guild:1:2:3".to_owned(), 404),
    ] {
        let path = format!("/api/v10/streams/{key}/preview");
        let (got, answer) = server.ask("GET", &path, &own, Value::Null).await;
        assert_eq!(got, status, "{key}: {answer}");
    }
}
