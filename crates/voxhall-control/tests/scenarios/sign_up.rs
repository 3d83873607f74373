//! Making an account, signing in and out: the three policies, what is refused, and how often.

use serde_json::{Value, json};
use voxhall_control::{ControlConfig, Limits, SignUpPolicy};

use crate::harness::{GUILD, Server, assert_contains};

const REGISTER: &str = "/api/v9/auth/register";
const LOGIN: &str = "/api/v9/auth/login";

fn wish(name: &str) -> Value {
    json!({"username": name, "password": "correct horse", "consent": true})
}

/// The code that the answer gives for a field.
fn fault<'a>(answer: &'a Value, field: &str) -> &'a str {
    assert_eq!(answer["code"], 50035, "{answer}");
    answer["errors"][field]["_errors"][0]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("nothing about {field} in {answer}"))
}

#[tokio::test]
async fn an_open_server_takes_everybody() {
    let server = Server::with_sign_up(SignUpPolicy::Open).await;
    let mut body = wish(" Ada.L ");
    body["email"] = json!("Ada@Example.org");
    body["global_name"] = json!("Ada Lovelace");
    let (status, made) = server.ask("POST", REGISTER, "", body).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    let (mut client, ready) = server.signed_in(token).await;
    assert_contains(
        &ready["user"],
        &json!({"username": "ada.l", "global_name": "Ada Lovelace", "email": "ada@example.org", "discriminator": "0"}),
    );
    for login in ["ADA.L", "ada@example.org"] {
        let (status, answer) = server
            .ask(
                "POST",
                LOGIN,
                "",
                json!({"login": login, "password": "correct horse"}),
            )
            .await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["user_id"], made["user_id"]);
        assert_ne!(
            answer["token"], made["token"],
            "each sign-in has a token of its own"
        );
    }
    // Signing out ends this token alone, and its session at once.
    assert_eq!(
        server
            .ask("POST", "/api/v9/auth/logout", token, json!({}))
            .await
            .0,
        204
    );
    assert_eq!(client.close_code().await, 4004);
    assert_eq!(
        server.ask("GET", "/api/v9/users/@me", token, Value::Null).await.0,
        401
    );
}

#[tokio::test]
async fn wrong_fields_are_all_named() {
    let server = Server::with_sign_up(SignUpPolicy::Open).await;
    let body = json!({
        "username": "no spaces", "password": "short", "email": "nowhere", "consent": false, "global_name": " ",
    });
    let (status, answer) = server.ask("POST", REGISTER, "", body).await;
    assert_eq!(status, 400);
    for (field, code) in [
        ("username", "USERNAME_INVALID"),
        ("password", "BASE_TYPE_BAD_LENGTH"),
        ("email", "EMAIL_TYPE_INVALID_EMAIL"),
        ("consent", "CONSENT_REQUIRED"),
        ("global_name", "BASE_TYPE_BAD_LENGTH"),
    ] {
        assert_eq!(fault(&answer, field), code);
    }
}

#[tokio::test]
async fn names_and_addresses_are_unique() {
    let server = Server::with_sign_up(SignUpPolicy::Open).await;
    let mut first = wish("ada");
    first["email"] = json!("ada@example.org");
    assert_eq!(server.ask("POST", REGISTER, "", first).await.0, 201);
    let (_, answer) = server.ask("POST", REGISTER, "", wish("ADA")).await;
    assert_eq!(fault(&answer, "username"), "USERNAME_ALREADY_TAKEN");
    let mut second = wish("bob");
    second["email"] = json!("ADA@example.org");
    let (_, answer) = server.ask("POST", REGISTER, "", second).await;
    assert_eq!(fault(&answer, "email"), "EMAIL_ALREADY_REGISTERED");
    // Names of old count as well.
    let (_, answer) = server.ask("POST", REGISTER, "", wish("turbulence")).await;
    assert_eq!(fault(&answer, "username"), "USERNAME_ALREADY_TAKEN");
}

#[tokio::test]
async fn a_closed_server_takes_nobody_but_lets_people_sign_in() {
    let server = Server::with_sign_up(SignUpPolicy::Closed).await;
    let (status, answer) = server.ask("POST", REGISTER, "", wish("ada")).await;
    assert_eq!((status, &answer["code"]), (403, &json!(40006)));
    let account = json!({"name": "ada", "password": "correct horse"});
    server.operate("POST", "/admin/users", account).await;
    let right = json!({"login": "ada", "password": "correct horse"});
    assert_eq!(server.ask("POST", LOGIN, "", right).await.0, 200);
}

#[tokio::test]
async fn an_invite_admits_as_often_as_it_may() {
    let server = Server::with_sign_up(SignUpPolicy::Invite).await;
    let (_, answer) = server.ask("POST", REGISTER, "", wish("ada")).await;
    assert_eq!(fault(&answer, "invite"), "BASE_TYPE_REQUIRED");
    let invite = server
        .operate("POST", "/admin/invites", json!({"max_uses": 1}))
        .await;
    let with = |name: &str, code: &Value| {
        let mut body = wish(name);
        body["invite"] = code.clone();
        body
    };
    // A name that is taken uses nothing up.
    let (_, answer) = server
        .ask("POST", REGISTER, "", with("turbulence", &invite["code"]))
        .await;
    assert_eq!(fault(&answer, "username"), "USERNAME_ALREADY_TAKEN");
    assert_eq!(
        server
            .ask("POST", REGISTER, "", with("ada", &invite["code"]))
            .await
            .0,
        201
    );
    let (_, answer) = server
        .ask("POST", REGISTER, "", with("bob", &invite["code"]))
        .await;
    assert_eq!(fault(&answer, "invite"), "UNKNOWN_INVITE");
    assert_eq!(
        server.operate("GET", "/admin/invites", Value::Null).await,
        json!([])
    );
}

#[tokio::test]
async fn a_guilds_invite_admits_and_brings_into_the_guild() {
    let server = Server::with_sign_up(SignUpPolicy::Invite).await;
    let path = format!("/admin/guilds/{GUILD}/invites");
    let invite = server.operate("POST", &path, json!({"max_uses": 2})).await;
    let mut body = wish("ada");
    body["invite"] = invite["code"].clone();
    let (status, made) = server.ask("POST", REGISTER, "", body).await;
    assert_eq!(status, 201, "{made}");
    let (_, ready) = server.signed_in(made["token"].as_str().unwrap()).await;
    assert_eq!(ready["guilds"][0]["id"], GUILD);
    let left = server.operate("GET", &path, Value::Null).await;
    assert_eq!(left[0]["uses"], 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_alike() {
    let server = Server::with_sign_up(SignUpPolicy::Open).await;
    server.ask("POST", REGISTER, "", wish("ada")).await;
    let attempt = async |login: &str| {
        let body = json!({"login": login, "password": "wrong horse"});
        server.ask("POST", LOGIN, "", body).await
    };
    let wrong = attempt("ada").await;
    assert_eq!(wrong.0, 400);
    assert_eq!(fault(&wrong.1, "login"), "INVALID_LOGIN");
    assert_eq!(fault(&wrong.1, "password"), "INVALID_LOGIN");
    assert_eq!(attempt("nobody").await, wrong);
    // A person of the operator's without a password cannot sign in, and says no more.
    assert_eq!(attempt("turbulence").await, wrong);
}

#[tokio::test]
async fn attempts_are_counted() {
    let limits = Limits {
        sign_ins: 3,
        sign_ups: 1,
        ..Limits::default()
    };
    let server = Server::configured(ControlConfig {
        sign_up: SignUpPolicy::Open,
        limits,
        ..ControlConfig::default()
    })
    .await;
    assert_eq!(server.ask("POST", REGISTER, "", wish("ada")).await.0, 201);
    let (status, answer) = server.ask("POST", REGISTER, "", wish("bob")).await;
    assert_eq!((status, &answer["global"]), (429, &json!(false)));
    let attempt = async |password: &str| {
        let body = json!({"login": "ada", "password": password});
        server.ask("POST", LOGIN, "", body).await
    };
    for _ in 0..3 {
        assert_eq!(attempt("wrong horse").await.0, 400);
    }
    let (status, answer) = attempt("correct horse").await;
    assert_eq!(status, 429, "even the right one");
    let wait = answer["retry_after"].as_f64().unwrap();
    assert!(wait > 500.0 && wait <= 600.0, "{wait}");
}

#[tokio::test]
async fn a_disabled_account_is_out_until_it_is_enabled() {
    let server = Server::with_sign_up(SignUpPolicy::Open).await;
    let (_, made) = server.ask("POST", REGISTER, "", wish("ada")).await;
    let token = made["token"].as_str().unwrap();
    let (mut client, _) = server.signed_in(token).await;
    let path = format!("/admin/users/{}", made["user_id"].as_str().unwrap());
    let shown = server.operate("PATCH", &path, json!({"disabled": true})).await;
    assert_eq!(shown["standing"], "disabled");
    assert_eq!(client.close_code().await, 4004);
    assert_eq!(
        server.ask("GET", "/api/v9/users/@me", token, Value::Null).await.0,
        401
    );
    let right = json!({"login": "ada", "password": "correct horse"});
    let (_, answer) = server.ask("POST", LOGIN, "", right).await;
    assert_eq!(fault(&answer, "login"), "ACCOUNT_DISABLED");
    server.operate("PATCH", &path, json!({"disabled": false})).await;
    assert_eq!(
        server.ask("GET", "/api/v9/users/@me", token, Value::Null).await.0,
        200
    );
}
