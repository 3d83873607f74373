//! The operator's endpoints, and that what they make lasts.

use serde_json::json;
use voxhall_control::{Directory, dev};

use crate::harness::{ADMIN_TOKEN, Server};

#[tokio::test]
async fn from_nothing_to_a_bot_in_a_room() {
    let server = Server::start().await;
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let post = async |path: &str, body: serde_json::Value| {
        let (status, _, answer) = server.request("POST", path, &admin, &body.to_string()).await;
        assert_eq!(status.as_u16(), 201, "{path}: {answer}");
        answer
    };
    let owner = post("/admin/users", json!({"name": "owner"})).await;
    let bot = post("/admin/users", json!({"name": "bot", "bot": true})).await;
    let guild = post("/admin/guilds", json!({"name": "Hall", "owner_id": owner["id"]})).await;
    let guild = guild["id"].as_str().unwrap();
    let room = post(
        &format!("/admin/guilds/{guild}/channels"),
        json!({"name": "Room", "type": 2}),
    )
    .await;
    let bot_id = bot["id"].as_str().unwrap();
    let tokens = format!("/admin/users/{bot_id}/tokens");
    let token = post(&tokens, json!({})).await;
    let token = token["token"].as_str().unwrap();

    let mut client = server.greet("?v=10").await;
    client
        .send(json!({"op": 2, "d": {"token": token, "intents": 129}}))
        .await;
    assert_eq!(client.expect("READY").await["guilds"], json!([]));
    let member = format!("/admin/guilds/{guild}/members/{bot_id}");
    assert_eq!(server.request("PUT", &member, &admin, "").await.0.as_u16(), 204);
    assert_eq!(client.expect("GUILD_CREATE").await["id"], guild);
    client.voice(Some(guild), room["id"].as_str()).await;
    client.expect("VOICE_STATE_UPDATE").await;

    let (_, _, revoked) = server.request("DELETE", &tokens, &admin, "").await;
    assert_eq!(revoked, json!({"revoked": 1}));
    let (_, _, users) = server.request("GET", "/admin/users", &admin, "").await;
    assert_eq!(users.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn only_the_operator() {
    let server = Server::start().await;
    for token in ["", "Bearer wrong", "Bearer operator2"] {
        assert_eq!(
            server.request("GET", "/admin/users", token, "").await.0.as_u16(),
            401,
            "{token:?}"
        );
    }
    let admin = format!("Bearer {ADMIN_TOKEN}");
    for (method, path, status) in [
        ("POST", "/admin/users/5/tokens", 404),
        ("PUT", "/admin/guilds/5/members/5", 404),
        ("GET", "/admin/guilds/5/channels", 404),
        ("POST", "/admin/users", 400),
        ("GET", "/admin/nothing", 404),
    ] {
        assert_eq!(
            server.request(method, path, &admin, "").await.0.as_u16(),
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_directory_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.sqlite");
    let first = dev::seed(&Directory::open(&file).await.unwrap()).await.unwrap();
    let second = dev::seed(&Directory::open(&file).await.unwrap()).await.unwrap();
    let tokens = |world: &dev::DevWorld| -> Vec<String> {
        world
            .users
            .iter()
            .chain(&world.bots)
            .map(|account| account.token.expose().clone())
            .collect()
    };
    assert_eq!(tokens(&first), tokens(&second));
    let bytes = std::fs::read(&file).unwrap();
    let token = first.bots[0].token.expose();
    assert!(
        !bytes
            .windows(token.len())
            .any(|window| window == token.as_bytes()),
        "tokens are not stored"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = Directory::open("no/such/folder/directory.sqlite")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no/such/folder/directory.sqlite") && error.contains("check that"),
        "{error}"
    );
}
