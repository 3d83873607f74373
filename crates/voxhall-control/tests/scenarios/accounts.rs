//! The own account, and accounts that go.

use serde_json::{Value, json};
use voxhall_control::Limits;

use crate::harness::{ADMIN_TOKEN, EXP, GUILD, Server, TURBULENCE, assert_contains};

/// `GUILDS | GUILD_MEMBERS`.
const MEMBERS: u64 = 3;

/// A bot that hears of members.
async fn listener(server: &Server) -> crate::harness::Client {
    let mut client = server.greet("?v=10").await;
    client
        .send(json!({"op": 2, "d": {"token": server.token("scribe"), "intents": MEMBERS}}))
        .await;
    client.expect("READY").await;
    client.expect("GUILD_CREATE").await;
    client
}

#[tokio::test]
async fn a_new_name_is_told_to_the_own_sessions_and_the_guilds() {
    let server = Server::start().await;
    let (mut own, _) = server.person("turbulence").await;
    let mut bot = listener(&server).await;
    let token = server.token("turbulence");
    let me = "/api/v9/users/@me";
    let (status, answer) = server
        .ask("PATCH", me, &token, json!({"global_name": "Turbo"}))
        .await;
    assert_eq!((status, &answer["global_name"]), (200, &json!("Turbo")));
    assert_eq!(answer.get("token"), None);
    assert_eq!(own.expect("USER_UPDATE").await["global_name"], "Turbo");
    let member = bot.expect("GUILD_MEMBER_UPDATE").await;
    assert_contains(
        &member,
        &json!({"guild_id": GUILD, "user": {"id": TURBULENCE, "global_name": "Turbo"}}),
    );
    // The unique name needs the password, which this account does not even have.
    let (status, answer) = server
        .ask("PATCH", me, &token, json!({"username": "turbo"}))
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["errors"]["password"]["_errors"][0]["code"],
        "PASSWORD_DOES_NOT_MATCH"
    );
    let bot_token = format!("Bot {}", server.token("minstrel"));
    let (status, answer) = server
        .ask(
            "PATCH",
            "/api/v10/users/@me",
            &bot_token,
            json!({"username": "Piper"}),
        )
        .await;
    assert_eq!((status, &answer["username"]), (200, &json!("piper")));
}

#[tokio::test]
async fn a_name_changes_with_the_password() {
    let server = Server::production(Limits::default()).await;
    let account = json!({"name": "ada", "password": "correct horse"});
    let account = server.operate("POST", "/admin/users", account).await;
    let tokens = format!("/admin/users/{}/tokens", account["id"].as_str().unwrap());
    let token = server.operate("POST", &tokens, json!({})).await;
    let token = token["token"].as_str().unwrap();
    let change = |name: &str| json!({"username": name, "password": "correct horse", "email": "a@b.example"});
    let (_, answer) = server
        .ask("PATCH", "/api/v9/users/@me", token, change("turbulence"))
        .await;
    assert_eq!(
        answer["errors"]["username"]["_errors"][0]["code"],
        "USERNAME_ALREADY_TAKEN"
    );
    let (status, answer) = server
        .ask("PATCH", "/api/v9/users/@me", token, change("countess"))
        .await;
    assert_eq!(status, 200);
    assert_contains(&answer, &json!({"username": "countess", "email": "a@b.example"}));
    for (login, status) in [("countess", 200), ("a@b.example", 200), ("ada", 400)] {
        let body = json!({"login": login, "password": "correct horse"});
        assert_eq!(server.ask("POST", "/api/v9/auth/login", "", body).await.0, status);
    }
}

#[tokio::test]
async fn the_own_guilds_are_listed_and_left() {
    let server = Server::start().await;
    let mut bot = listener(&server).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let token = server.token("turbulence");
    let guilds = "/api/v10/users/@me/guilds";
    let (_, listed) = server
        .ask("GET", &format!("{guilds}?with_counts=true"), &token, Value::Null)
        .await;
    assert_contains(
        &listed,
        &json!([{"id": GUILD, "name": "Voxhall", "owner": false, "approximate_member_count": 4,
                 "approximate_presence_count": 2}]),
    );
    assert!(listed[0]["permissions"].is_string());
    let after = format!("{guilds}?after={GUILD}");
    assert_eq!(server.ask("GET", &after, &token, Value::Null).await.1, json!([]));

    let leave = format!("{guilds}/{GUILD}");
    assert_eq!(server.ask("DELETE", &leave, &token, Value::Null).await.0, 204);
    let gone = turbulence.expect("GUILD_DELETE").await;
    assert_eq!(gone, json!({"id": GUILD}), "not unavailable, but left");
    let told = bot.expect("GUILD_MEMBER_REMOVE").await;
    assert_contains(&told, &json!({"guild_id": GUILD, "user": {"id": TURBULENCE}}));
    assert_eq!(server.ask("DELETE", &leave, &token, Value::Null).await.0, 404);
    // The owner cannot leave the guild behind.
    let (status, answer) = server
        .ask("DELETE", &leave, &server.token("Exp"), Value::Null)
        .await;
    assert_eq!((status, &answer["code"]), (400, &json!(50055)));
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_but_its_id() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let mut bot = listener(&server).await;
    server
        .operate("DELETE", &format!("/admin/users/{TURBULENCE}"), Value::Null)
        .await;
    assert_eq!(turbulence.close_code().await, 4004);
    assert_eq!(bot.expect("GUILD_MEMBER_REMOVE").await["user"]["id"], TURBULENCE);
    let path = format!("/api/v10/users/{TURBULENCE}");
    let (_, ghost) = server.ask("GET", &path, &server.token("Exp"), Value::Null).await;
    assert_eq!(ghost["username"], format!("deleted_user_{TURBULENCE}"));
    let path = format!("/admin/users/{TURBULENCE}/tokens");
    assert_eq!(server.ask("POST", &path, ADMIN_TOKEN, json!({})).await.0, 404);

    let (status, answer) = server
        .ask("DELETE", &format!("/admin/users/{EXP}"), ADMIN_TOKEN, Value::Null)
        .await;
    assert_eq!(status, 400);
    let said = answer["message"].as_str().unwrap();
    assert!(said.contains("owns guilds (Voxhall)"), "{said}");
}
