//! Invites to guilds: made, looked at, used, and ended.

use serde_json::{Value, json};

use crate::harness::{GUILD, PRIVATE, Server, TEXT, VOICE, assert_contains};

/// `GUILDS | GUILD_MEMBERS | GUILD_INVITES`.
const INTENTS: u64 = 0b100_0011;

/// A person outside of the guild: id and token.
async fn stranger(server: &Server, name: &str) -> (String, String) {
    let account = server
        .operate("POST", "/admin/users", json!({"name": name}))
        .await;
    let id = account["id"].as_str().unwrap().to_owned();
    let tokens = format!("/admin/users/{id}/tokens");
    let made = server.operate("POST", &tokens, json!({})).await;
    (id, made["token"].as_str().unwrap().to_owned())
}

async fn invite(server: &Server, body: Value) -> String {
    let path = format!("/api/v10/channels/{}/invites", VOICE[0]);
    let (status, made) = server.ask("POST", &path, &server.token("Exp"), body).await;
    assert_eq!(status, 200, "{made}");
    made["code"].as_str().unwrap().to_owned()
}

async fn accept(server: &Server, code: &str, token: &str) -> (u16, Value) {
    let path = format!("/api/v9/invites/{code}");
    server
        .ask("POST", &path, token, json!({"session_id": null}))
        .await
}

#[tokio::test]
async fn an_invite_brings_somebody_in_and_everybody_is_told() {
    let server = Server::start().await;
    let owner = server.token("Exp");
    let (mut exp, _) = server.person("Exp").await;
    let mut bot = server.greet("?v=10").await;
    bot.send(json!({"op": 2, "d": {"token": server.token("scribe"), "intents": INTENTS}}))
        .await;
    bot.expect("READY").await;
    bot.expect("GUILD_CREATE").await;
    let path = format!("/api/v10/channels/{}/invites", VOICE[0]);
    let (_, made) = server
        .ask(
            "POST",
            &path,
            &owner,
            json!({"max_age": 3600, "max_uses": 1, "unique": true}),
        )
        .await;
    let code = made["code"].as_str().unwrap();
    assert_contains(
        &made,
        &json!({
            "type": 0, "guild": {"id": GUILD, "name": "Voxhall"}, "channel": {"id": VOICE[0], "name": "General", "type": 2},
            "inviter": {"username": "Exp"}, "uses": 0, "max_uses": 1, "max_age": 3600, "temporary": false,
        }),
    );
    let told = exp.expect("INVITE_CREATE").await;
    assert_contains(
        &told,
        &json!({"code": code, "guild_id": GUILD, "channel_id": VOICE[0], "max_uses": 1, "uses": 0}),
    );

    // Who has the code may see where it leads, with or without an account, but not how it is used.
    let (status, seen) = server
        .ask(
            "GET",
            &format!("/api/v10/invites/{code}?with_counts=true"),
            "",
            Value::Null,
        )
        .await;
    assert_eq!(status, 200);
    assert_contains(
        &seen,
        &json!({"approximate_member_count": 4, "approximate_presence_count": 2}),
    );
    assert_eq!(seen.get("uses"), None);

    let (id, token) = stranger(&server, "ada").await;
    let (mut ada, ready) = server.signed_in(&token).await;
    assert_eq!(ready["guilds"], json!([]));
    let (status, answer) = accept(&server, code, &token).await;
    assert_eq!((status, &answer["new_member"]), (200, &json!(true)), "{answer}");
    assert_eq!(ada.expect("GUILD_CREATE").await["id"], GUILD);
    for (client, name) in [(&mut exp, "Exp"), (&mut bot, "scribe")] {
        let added = client.expect("GUILD_MEMBER_ADD").await;
        assert_contains(
            &added,
            &json!({"guild_id": GUILD, "user": {"id": id}, "roles": []}),
        );
        assert!(added["joined_at"].is_string(), "{name}");
    }
    // That was the only use. The bot may not manage channels, so it hears nothing of invites.
    assert_eq!(exp.expect("INVITE_DELETE").await["code"], code);
    assert_eq!(accept(&server, code, &token).await.0, 404);
    bot.send(json!({"op": 1, "d": null})).await;
    assert_eq!(bot.receive().await["op"], 11);
}

#[tokio::test]
async fn whoever_is_in_already_uses_nothing_up() {
    let server = Server::start().await;
    let code = invite(&server, json!({"max_uses": 1})).await;
    let (status, answer) = accept(&server, &code, &server.token("turbulence")).await;
    assert_eq!((status, &answer["new_member"]), (200, &json!(false)));
    let (_, token) = stranger(&server, "ada").await;
    assert_eq!(accept(&server, &code, &token).await.0, 200);
}

#[tokio::test]
async fn an_invite_that_is_alike_is_given_again_unless_it_must_be_unique() {
    let server = Server::start().await;
    let first = invite(&server, json!({"max_age": 0})).await;
    assert_eq!(invite(&server, json!({"max_age": 0})).await, first);
    assert_ne!(
        invite(&server, json!({"max_age": 0, "unique": true})).await,
        first
    );
    assert_ne!(invite(&server, json!({"max_age": 60})).await, first);
    let path = format!("/api/v10/guilds/{GUILD}/invites");
    let (_, all) = server.ask("GET", &path, &server.token("Exp"), Value::Null).await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let path = format!("/api/v10/channels/{TEXT}/invites");
    let (_, here) = server.ask("GET", &path, &server.token("Exp"), Value::Null).await;
    assert_eq!(here, json!([]), "they are to another channel");
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let server = Server::start().await;
    let code = invite(&server, json!({})).await;
    let plain = server.token("turbulence");
    // VIEW_CHANNEL, and nothing else: invites are among what everybody may make by default.
    let everyone = format!("/admin/guilds/{GUILD}/roles/{GUILD}");
    server
        .operate("PATCH", &everyone, json!({"permissions": "1024"}))
        .await;
    let bot = format!("Bot {}", server.token("minstrel"));
    let (_, outside) = stranger(&server, "ada").await;
    let channel = format!("/api/v10/channels/{}/invites", VOICE[0]);
    let private = format!("/api/v10/channels/{PRIVATE}/invites");
    let guild = format!("/api/v10/guilds/{GUILD}/invites");
    let path = format!("/api/v10/invites/{code}");
    let owner = server.token("Exp");
    let table: [(&str, &str, &str, Value, u16, u32); 10] = [
        ("POST", &channel, &plain, json!({}), 403, 50013),
        ("POST", &channel, &outside, json!({}), 404, 10003),
        ("POST", &private, &owner, json!({}), 400, 50024),
        ("POST", &channel, &owner, json!({"max_age": 604_801}), 400, 50035),
        ("POST", &channel, &owner, json!({"max_uses": 101}), 400, 50035),
        ("GET", &channel, &plain, Value::Null, 403, 50013),
        ("GET", &guild, &plain, Value::Null, 403, 50013),
        ("GET", &guild, &outside, Value::Null, 404, 10004),
        ("DELETE", &path, &plain, Value::Null, 403, 50013),
        ("POST", &path, &bot, json!({}), 403, 20001),
    ];
    for (method, path, token, body, status, code) in table {
        let answer = server.ask(method, path, token, body).await;
        assert_eq!(
            (answer.0, &answer.1["code"]),
            (status, &json!(code)),
            "{method} {path}"
        );
    }
    assert_eq!(server.ask("DELETE", &path, &owner, Value::Null).await.0, 200);
    for method in ["GET", "DELETE", "POST"] {
        let (status, answer) = server.ask(method, &path, &outside, Value::Null).await;
        assert_eq!((status, &answer["code"]), (404, &json!(10006)), "{method}");
    }
}

#[tokio::test]
async fn the_banned_stay_out() {
    let server = Server::start().await;
    let (id, token) = stranger(&server, "ada").await;
    let code = invite(&server, json!({})).await;
    let path = format!("/api/v10/guilds/{GUILD}/bans/{id}");
    let (status, _) = server.ask("PUT", &path, &server.token("Exp"), json!({})).await;
    assert_eq!(status, 204);
    let (status, answer) = accept(&server, &code, &token).await;
    assert_eq!((status, &answer["code"]), (403, &json!(40007)));
}

#[tokio::test]
async fn a_temporary_member_goes_with_the_last_session_unless_there_is_a_role() {
    let server = Server::start().await;
    let code = invite(&server, json!({"temporary": true})).await;
    let (id, token) = stranger(&server, "ada").await;
    let (mut first, _) = server.signed_in(&token).await;
    let (second, _) = server.signed_in(&token).await;
    accept(&server, &code, &token).await;
    first.expect("GUILD_CREATE").await;
    let member = Server::member_path(&id);
    let status = async || {
        server
            .ask("GET", &member, &server.token("Exp"), Value::Null)
            .await
            .0
    };
    second.close(1000).await;
    assert_eq!(status().await, 200, "one session is left");
    first.close(1000).await;
    crate::harness::settle().await;
    assert_eq!(status().await, 404);

    // Somebody who has a role by then stays, also after later sessions.
    let (mut client, _) = server.signed_in(&token).await;
    accept(&server, &code, &token).await;
    client.expect("GUILD_CREATE").await;
    let user = id.parse().unwrap();
    let mut singer = voxhall_control::Member {
        user_id: user,
        nick: None,
        roles: [voxhall_protocol::ids::RoleId(963_747_331_558_219_786)].into(),
        joined_at_ms: 1,
        mute: false,
        deaf: false,
        timed_out_until_ms: None,
    };
    let guild = voxhall_control::dev::GUILD;
    server.directory.put_member(guild, singer.clone()).await.unwrap();
    client.close(1000).await;
    crate::harness::settle().await;
    assert_eq!(status().await, 200);
    singer.roles.clear();
    server.directory.put_member(guild, singer).await.unwrap();
    let (client, _) = server.signed_in(&token).await;
    client.close(1000).await;
    crate::harness::settle().await;
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_ban_holds_against_an_invite_that_is_being_used() {
    let server = Server::start().await;
    let owner = server.token("Exp");
    let code = invite(&server, json!({})).await;
    for number in 0..5 {
        let (id, token) = stranger(&server, &format!("guest{number}")).await;
        let path = format!("/api/v10/guilds/{GUILD}/bans/{id}");
        // What is written with the first use of a token is out of the way.
        server.ask("GET", "/api/v10/users/@me", &token, Value::Null).await;
        let (accepted, (banned, _)) = tokio::join!(
            accept(&server, &code, &token),
            server.ask("PUT", &path, &owner, json!({})),
        );
        assert_eq!(banned, 204);
        assert!(accepted.0 == 200 || accepted.1["code"] == 40007, "{accepted:?}");
        let (status, _) = server
            .ask("GET", &Server::member_path(&id), &owner, Value::Null)
            .await;
        assert_eq!(status, 404, "who is banned is no member");
    }
}
