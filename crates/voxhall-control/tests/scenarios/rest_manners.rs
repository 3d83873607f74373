//! The manners of REST (gateway-and-calls, section 9).

use serde_json::json;

use crate::harness::{EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE, assert_contains};

#[tokio::test]
async fn the_content_type_is_exact_and_204_is_bare() {
    let server = Server::start().await;
    let token = server.token("Exp");
    for path in [
        "/gateway",
        "/gateway/bot",
        "/users/@me",
        "/soundboard-default-sounds",
        "/nothing/here",
    ] {
        let (_, kind, _) = server
            .request("GET", &format!("/api/v10{path}"), &token, "")
            .await;
        assert_eq!(kind, "application/json", "{path}");
    }
    let path = format!("/api/v10/channels/{}/voice-status", VOICE[0]);
    let (status, kind, body) = server.request("PUT", &path, &token, "{}").await;
    assert_eq!((status.as_u16(), kind.as_str(), body), (204, "", json!(null)));
}

#[tokio::test]
async fn every_prefix_serves_the_same() {
    let server = Server::start().await;
    for prefix in ["/api/v9", "/api/v10", "/api"] {
        let (status, _, body) = server.request("GET", &format!("{prefix}/gateway"), "", "").await;
        assert_eq!(
            (status.as_u16(), body),
            (200, json!({"url": "ws://voice.example:8443"}))
        );
    }
    for path in [
        "/api/v8/gateway",
        "/api/v6/users/@me",
        "/api/v11",
        "/api/v0/no/such/thing",
    ] {
        let (status, _, body) = server.request("GET", path, "", "").await;
        assert_eq!((status.as_u16(), &body["code"]), (400, &json!(50041)), "{path}");
    }
    for path in ["/api/voice/nothing", "/api/v10/voice/nothing", "/nothing"] {
        let (status, _, body) = server.request("GET", path, "", "").await;
        assert_eq!((status.as_u16(), &body["code"]), (404, &json!(0)), "{path}");
    }
}

#[tokio::test]
async fn what_clients_ask_for_to_log_in() {
    let server = Server::start().await;
    let bot = format!("Bot {}", server.token("minstrel"));
    let (_, _, gateway) = server.request("GET", "/api/v10/gateway/bot", &bot, "").await;
    assert_contains(
        &gateway,
        &json!({
            "url": "ws://voice.example:8443", "shards": 1, "session_start_limit": {"max_concurrency": 1},
        }),
    );
    let (_, _, me) = server
        .request("GET", "/api/v9/users/@me?with_analytics_token=true", &bot, "")
        .await;
    assert_contains(
        &me,
        &json!({"username": "minstrel", "bot": true, "discriminator": "0", "avatar": null}),
    );
    let (_, _, application) = server
        .request("GET", "/api/v10/oauth2/applications/@me", &bot, "")
        .await;
    for field in [
        "id",
        "name",
        "icon",
        "description",
        "bot_public",
        "bot_require_code_grant",
        "owner",
        "team",
        "verify_key",
        "flags",
    ] {
        assert!(application.get(field).is_some(), "{field}");
    }
    let (_, _, sounds) = server
        .request("GET", "/api/v10/soundboard-default-sounds", &bot, "")
        .await;
    assert_eq!(sounds, json!([]));
    for path in [
        "/api/v10/voice/regions".to_owned(),
        format!("/api/v10/guilds/{GUILD}/regions"),
    ] {
        let (_, _, regions) = server.request("GET", &path, &bot, "").await;
        let only = json!([{"id": "rotterdam", "name": "Rotterdam", "optimal": true, "deprecated": false, "custom": false}]);
        assert_eq!(regions, only);
    }
}

#[tokio::test]
async fn errors_have_a_status_and_a_code() {
    let server = Server::start().await;
    let token = server.token("turbulence");
    let voice = format!("/api/v10/channels/{}", VOICE[0]);
    let private_call = format!("/api/v9/channels/{PRIVATE}/call");
    let table: [(&str, &str, &str, &str, u16, u32); 14] = [
        ("GET", "/api/v10/users/@me", "", "", 401, 0),
        ("GET", "/api/v10/users/5", &token, "", 404, 10013),
        ("GET", "/api/v10/users/x", &token, "", 400, 50035),
        ("GET", "/api/v10/guilds/5", &token, "", 404, 10004),
        ("GET", "/api/v10/channels/5", &token, "", 404, 10003),
        (
            "GET",
            &format!("{}/voice-states/{EXP}", format_args!("/api/v10/guilds/{GUILD}")),
            &token,
            "",
            404,
            10065,
        ),
        ("PATCH", &voice, &token, "{}", 403, 50013),
        (
            "PATCH",
            &voice,
            &server.token("Exp"),
            r#"{"bitrate":5}"#,
            400,
            50035,
        ),
        (
            "PATCH",
            &voice,
            &server.token("Exp"),
            r#"{"user_limit":"many"}"#,
            400,
            50035,
        ),
        (
            "PATCH",
            &voice,
            &server.token("Exp"),
            r#"{"rtc_region":"atlantis"}"#,
            400,
            50035,
        ),
        ("PATCH", &voice, &server.token("Exp"), "nonsense", 400, 50109),
        (
            "PATCH",
            &format!("/api/v9/channels/{PRIVATE}"),
            &token,
            "{}",
            400,
            50024,
        ),
        ("DELETE", &private_call, &token, "", 405, 0),
        ("GET", "/api/v10/no/such/thing", &token, "", 404, 0),
    ];
    for (method, path, token, body, status, code) in table {
        let (got, kind, answer) = server.request(method, path, token, body).await;
        assert_eq!(
            (got.as_u16(), &answer["code"]),
            (status, &json!(code)),
            "{method} {path} {body}: {answer}"
        );
        assert!(answer["message"].is_string());
        assert_eq!(kind, "application/json");
    }
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(300 << 10));
    assert_eq!(
        server.request("PATCH", &voice, &token, &long).await.0.as_u16(),
        413
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_path() {
    let server = Server::start().await;
    let token = server.token("Exp");
    let channel = format!("/api/v10/channels/{}", VOICE[0]);
    let overwrite = r#"{"permission_overwrites":[{"id":"1","type":0},{"id":"one","type":0}]}"#;
    let table = [
        (
            "GET",
            "/api/v10/channels/general",
            "",
            "/channel_id",
            "NUMBER_TYPE_COERCE",
        ),
        (
            "GET",
            &format!("/api/v10/guilds/x/members/{EXP}"),
            "",
            "/guild_id",
            "NUMBER_TYPE_COERCE",
        ),
        (
            "PATCH",
            &channel,
            r#"{"user_limit":"many"}"#,
            "/user_limit",
            "BASE_TYPE_INVALID",
        ),
        (
            "PATCH",
            &channel,
            overwrite,
            "/permission_overwrites/1/id",
            "BASE_TYPE_INVALID",
        ),
        (
            "PATCH",
            &channel,
            r#"{"permission_overwrites":[{"type":0}]}"#,
            "/permission_overwrites/0/id",
            "BASE_TYPE_REQUIRED",
        ),
        ("PATCH", &channel, "[]", "", "BASE_TYPE_INVALID"),
    ];
    for (method, path, body, pointer, code) in table {
        let (status, _, answer) = server.request(method, path, &token, body).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (400, &json!(50035)),
            "{method} {path} {body}"
        );
        let errors = answer["errors"].pointer(&format!("{pointer}/_errors/0"));
        let error = errors.unwrap_or_else(|| panic!("nothing at {pointer}: {answer}"));
        assert_eq!(error["code"], code, "{answer}");
        assert!(error["message"].is_string());
    }
    let (status, _, answer) = server.request("PATCH", &channel, &token, "{} {}").await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &json!(50109)));
}

#[tokio::test]
async fn guilds_channels_and_members() {
    let server = Server::start().await;
    let token = server.token("turbulence");
    let guild = format!("/api/v10/guilds/{GUILD}");
    let (_, _, body) = server.request("GET", &guild, &token, "").await;
    assert_contains(&body, &json!({"id": GUILD, "owner_id": EXP}));
    let (_, _, channels) = server
        .request("GET", &format!("{guild}/channels"), &token, "")
        .await;
    assert_contains(
        &channels,
        &json!([
            {"id": TEXT, "type": 0}, {"id": VOICE[0], "type": 2, "bitrate": 64000}, {"id": VOICE[1], "type": 2},
        ]),
    );
    let (_, _, members) = server
        .request("GET", &format!("{guild}/members?limit=2"), &token, "")
        .await;
    assert_contains(
        &members,
        &json!([{"user": {"id": EXP}}, {"user": {"id": TURBULENCE}}]),
    );
    let (_, _, member) = server
        .request("GET", &format!("{guild}/members/{TURBULENCE}"), &token, "")
        .await;
    assert_contains(
        &member,
        &json!({
            "roles": ["963747331558219786", "963753358118772786"], "joined_at": "2022-04-01T15:03:07.723000+00:00",
        }),
    );
    let (_, _, exp) = server
        .request("GET", &format!("/api/v10/users/{EXP}"), &token, "")
        .await;
    assert_contains(
        &exp,
        &json!({"discriminator": "7856", "avatar": "7062212282927ef52c1bac8cb3e33e34"}),
    );
}

#[tokio::test]
async fn a_channel_is_edited_and_those_who_see_it_are_told() {
    let server = Server::start().await;
    let mut bot = server.bot("watcher").await;
    let path = format!("/api/v10/channels/{}", VOICE[0]);
    let change = json!({"name": "Parlour", "bitrate": "96000", "user_limit": 7, "video_quality_mode": 2});
    let (status, _, body) = server
        .request("PATCH", &path, &server.token("Exp"), &change.to_string())
        .await;
    assert_eq!(status.as_u16(), 200);
    let expected = json!({"name": "Parlour", "bitrate": 96000, "user_limit": 7, "video_quality_mode": 2});
    assert_contains(&body, &expected);
    assert_contains(&bot.expect("CHANNEL_UPDATE").await, &expected);
    let (_, _, body) = server
        .request("GET", &path, &server.token("turbulence"), "")
        .await;
    assert_contains(&body, &expected);
}

#[tokio::test]
async fn private_channels_are_opened_once() {
    let server = Server::start().await;
    let token = server.token("turbulence");
    let open = |body: String| {
        server.request(
            "POST",
            "/api/v9/users/@me/channels",
            &token,
            Box::leak(body.into_boxed_str()),
        )
    };
    let (_, _, existing) = open(format!(r#"{{"recipients":[{EXP}]}}"#)).await;
    assert_eq!(existing["id"], PRIVATE);
    let stranger = server.directory.create_user(voxhall_control::NewUser {
        name: "third".into(),
        ..Default::default()
    });
    let stranger = stranger.await.unwrap();
    let (mut exp, _) = server.person("Exp").await;
    let (_, _, group) = open(format!(r#"{{"recipients":["{EXP}","{}"]}}"#, stranger.id)).await;
    assert_eq!(group["type"], 3);
    let seen = exp.expect("CHANNEL_CREATE").await;
    assert_eq!(seen["id"], group["id"]);
    assert_eq!(seen["recipients"].as_array().unwrap().len(), 2);
    let (status, ..) = open(r#"{"recipients":[]}"#.to_owned()).await;
    assert_eq!(status.as_u16(), 400);
}
