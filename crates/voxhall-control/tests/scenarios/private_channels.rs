//! Private channels: opened, closed and back again; groups with their names, owners and people.

use serde_json::{Value, json};
use voxhall_control::NewUser;

use crate::harness::{EXP, PRIVATE, Server, TURBULENCE, assert_contains};
use crate::messages::call;

/// A third person: id and token.
async fn third(server: &Server) -> (String, String) {
    let user = NewUser {
        name: "third".to_owned(),
        ..NewUser::default()
    };
    let user = server.directory.create_user(user).await.unwrap();
    let token = server.directory.create_token(user.id).await.unwrap();
    (user.id.to_string(), token.into_inner())
}

async fn list(server: &Server, token: &str) -> Vec<Value> {
    let (_, channels) = call(server, token, "GET", "/users/@me/channels", Value::Null).await;
    channels.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_closed_channel_comes_back_with_the_next_message() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let (token, other) = (server.token("Exp"), server.token("turbulence"));
    let path = format!("/channels/{PRIVATE}");
    assert_eq!(call(&server, &token, "DELETE", &path, Value::Null).await.0, 200);
    assert_contains(
        &exp.expect("CHANNEL_DELETE").await,
        &json!({"id": PRIVATE, "type": 1}),
    );
    assert!(list(&server, &token).await.is_empty());
    assert_eq!(
        list(&server, &other).await.len(),
        1,
        "the other's list is untouched"
    );

    let messages = format!("{path}/messages");
    call(
        &server,
        &other,
        "POST",
        &messages,
        json!({"content": "still there?"}),
    )
    .await;
    assert_contains(&exp.expect("CHANNEL_CREATE").await, &json!({"id": PRIVATE}));
    assert_eq!(exp.expect("MESSAGE_CREATE").await["content"], "still there?");
    assert_eq!(list(&server, &token).await.len(), 1);
}

#[tokio::test]
async fn a_group_is_named_grows_shrinks_and_goes() {
    let server = Server::start().await;
    let (id, third_token) = third(&server).await;
    let (mut exp, _) = server.person("Exp").await;
    let (owner, other) = (server.token("turbulence"), server.token("Exp"));
    let body = json!({"recipients": [EXP, id]});
    let (_, group) = call(&server, &owner, "POST", "/users/@me/channels", body).await;
    assert_contains(
        &group,
        &json!({"type": 3, "owner_id": TURBULENCE, "name": null, "icon": null}),
    );
    exp.expect("CHANNEL_CREATE").await;
    let path = format!("/channels/{}", group["id"].as_str().unwrap());

    let (status, named) = call(&server, &other, "PATCH", &path, json!({"name": "trio"})).await;
    assert_eq!((status, &named["name"]), (200, &json!("trio")), "everybody may");
    assert_eq!(exp.expect("CHANNEL_UPDATE").await["name"], "trio");
    let notice = json!({"type": 4, "content": "trio", "author": {"id": EXP}});
    assert_contains(&exp.expect("MESSAGE_CREATE").await, &notice);

    let member = format!("{path}/recipients/{id}");
    let (status, error) = call(&server, &other, "DELETE", &member, Value::Null).await;
    assert_eq!(
        (status, &error["code"]),
        (403, &json!(50013)),
        "the owner alone may"
    );
    assert_eq!(call(&server, &owner, "DELETE", &member, Value::Null).await.0, 204);
    assert_contains(
        &exp.expect("CHANNEL_RECIPIENT_REMOVE").await,
        &json!({"channel_id": group["id"], "user": {"id": id}}),
    );
    let notice = json!({"type": 2, "mentions": [{"id": id}], "author": {"id": TURBULENCE}});
    assert_contains(&exp.expect("MESSAGE_CREATE").await, &notice);
    assert!(list(&server, &third_token).await.is_empty());
    let (status, _) = call(&server, &third_token, "GET", &path, Value::Null).await;
    assert_eq!(status, 404);

    assert_eq!(call(&server, &other, "PUT", &member, Value::Null).await.0, 204);
    assert_contains(
        &exp.expect("CHANNEL_RECIPIENT_ADD").await,
        &json!({"user": {"id": id}}),
    );
    assert_eq!(exp.expect("MESSAGE_CREATE").await["type"], 1);

    call(&server, &owner, "DELETE", &path, Value::Null).await;
    exp.expect("CHANNEL_RECIPIENT_REMOVE").await;
    let (_, group) = call(&server, &other, "GET", &path, Value::Null).await;
    assert_ne!(group["owner_id"], TURBULENCE, "who leaves owns it no longer");
    for token in [&other, &third_token] {
        call(&server, token, "DELETE", &path, Value::Null).await;
    }
    let (status, _) = call(&server, &other, "GET", &path, Value::Null).await;
    assert_eq!(status, 404, "a group goes with its last member");
}

#[tokio::test]
async fn groups_are_for_people() {
    let server = Server::start().await;
    let bot = server.token("minstrel");
    let body = json!({"recipients": [EXP, TURBULENCE]});
    let (status, _) = call(&server, &bot, "POST", "/users/@me/channels", body).await;
    assert_eq!(status, 403);
    let path = format!("/channels/{PRIVATE}/recipients/{EXP}");
    let (status, error) = call(&server, &server.token("Exp"), "PUT", &path, Value::Null).await;
    assert_eq!(
        (status, &error["code"]),
        (400, &json!(50024)),
        "two people are no group"
    );
}

#[tokio::test]
async fn who_is_taken_out_of_a_group_while_it_gets_a_name_stays_out() {
    let server = Server::start().await;
    let (id, third_token) = third(&server).await;
    let (owner, other) = (server.token("turbulence"), server.token("Exp"));
    let body = json!({"recipients": [EXP, id]});
    let (_, group) = call(&server, &owner, "POST", "/users/@me/channels", body).await;
    let path = format!("/channels/{}", group["id"].as_str().unwrap());
    let member = format!("{path}/recipients/{id}");
    for token in [&owner, &other] {
        call(&server, token, "GET", &path, Value::Null).await;
    }
    let (removed, (named, _)) = tokio::join!(
        call(&server, &owner, "DELETE", &member, Value::Null),
        call(&server, &other, "PATCH", &path, json!({"name": "duo"})),
    );
    assert_eq!((removed.0, named), (204, 200));
    assert!(list(&server, &third_token).await.is_empty());
    let (_, after) = call(&server, &other, "GET", &path, Value::Null).await;
    assert_eq!(
        (&after["name"], after["recipients"].as_array().unwrap().len()),
        (&json!("duo"), 1)
    );
}

#[tokio::test]
async fn two_who_write_to_each_other_at_once_share_one_channel() {
    let server = Server::start().await;
    let (id, third_token) = third(&server).await;
    let other = server.token("Exp");
    list(&server, &third_token).await;
    list(&server, &other).await;
    let open = |token, whom: &str| {
        let body = json!({"recipient_id": whom});
        let server = &server;
        async move { call(server, token, "POST", "/users/@me/channels", body).await }
    };
    let ((_, one), (_, two)) = tokio::join!(open(&third_token, EXP), open(&other, &id));
    assert!(one["id"].is_string());
    assert_eq!(one["id"], two["id"]);
}
