//! How one signs in: what the page is told of it, and signing in by name in a development server.

use serde_json::{Value, json};
use voxhall_control::{Limits, SignUpPolicy};

use crate::harness::{EXP, GUILD, Server, TURBULENCE};

const BY_NAME: &str = "/dev/sign-in";

async fn by_name(server: &Server, name: &str) -> Value {
    let (status, answer) = server.ask("POST", BY_NAME, "", json!({"name": name})).await;
    assert_eq!(status, 200, "{name}: {answer}");
    answer
}

#[tokio::test]
async fn a_name_is_an_account_of_a_person_in_the_guild() {
    let server = Server::start().await;
    let ada = by_name(&server, "Ada L").await;
    let (_client, ready) = server.signed_in(ada["token"].as_str().unwrap()).await;
    assert_eq!(ready["user"]["username"], "ada_l");
    assert_eq!(ready["user"]["global_name"], "Ada L");
    assert_ne!(ready["user"]["bot"], true);
    assert_eq!(ready["guilds"][0]["id"], GUILD);
    // The same name is the same account, with a token of its own.
    let again = by_name(&server, "ada l").await;
    assert_eq!(again["user_id"], ada["user_id"]);
    assert_ne!(again["token"], ada["token"]);
    // So are the people of the captures.
    assert_eq!(by_name(&server, "turbulence").await["user_id"], TURBULENCE);
    assert_eq!(by_name(&server, "Exp").await["user_id"], EXP);
}

#[tokio::test]
async fn the_guild_hears_of_who_comes() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    by_name(&server, "ada").await;
    let told = exp.expect("GUILD_MEMBER_ADD").await;
    assert_eq!(told["user"]["username"], "ada");
}

#[tokio::test]
async fn people_who_came_by_name_can_open_a_private_channel() {
    let server = Server::start().await;
    let (ada, bob) = (by_name(&server, "ada").await, by_name(&server, "bob").await);
    let body = json!({"recipients": [bob["user_id"]]});
    let token = ada["token"].as_str().unwrap();
    let (status, channel) = server
        .ask("POST", "/api/v10/users/@me/channels", token, body)
        .await;
    assert_eq!(status, 200, "{channel}");
    assert_eq!(channel["recipients"][0]["id"], bob["user_id"]);
}

#[tokio::test]
async fn a_name_has_a_length() {
    let server = Server::start().await;
    for name in ["", "   ", "123456789012345678901234567890123"] {
        let (status, answer) = server.ask("POST", BY_NAME, "", json!({"name": name})).await;
        assert_eq!(status, 400, "{name:?}: {answer}");
        assert_eq!(
            answer["errors"]["name"]["_errors"][0]["code"],
            "BASE_TYPE_BAD_LENGTH"
        );
    }
}

#[tokio::test]
async fn nobody_signs_in_by_name_elsewhere() {
    let server = Server::production(Limits::default()).await;
    let (status, _) = server.ask("POST", BY_NAME, "", json!({"name": "Exp"})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_page_is_told_how_one_signs_in() {
    let dev = Server::start().await;
    let (_, answer) = dev.ask("GET", "/api/v10/sign-in", "", Value::Null).await;
    assert_eq!(answer["by_name"], true);
    for (policy, name) in [
        (SignUpPolicy::Open, "open"),
        (SignUpPolicy::Invite, "invite"),
        (SignUpPolicy::Closed, "closed"),
    ] {
        let server = Server::with_sign_up(policy).await;
        let (status, answer) = server.ask("GET", "/api/v10/sign-in", "", Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["sign_up"], name);
    }
}
