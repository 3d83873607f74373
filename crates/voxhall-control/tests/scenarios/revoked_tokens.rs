//! A token that is revoked is worth nothing from then on: not to the sessions it began, nor to anybody else.

use serde_json::{Value, json};
use voxhall_control::Limits;

use crate::harness::{GUILD, Server, VOICE, names};

async fn tokens_of(server: &Server, user: &str) -> Vec<Value> {
    let path = format!("/admin/users/{user}/tokens");
    let listed = server.operate("GET", &path, Value::Null).await;
    listed.as_array().unwrap().clone()
}

#[tokio::test]
async fn its_sessions_close_and_leave_their_rooms() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    exp.expect("VOICE_STATE_UPDATE").await;
    let id = server.world.bots[0].id;
    assert!(server.ticket(VOICE[0].parse().unwrap(), id).await.is_some());

    let path = format!("/admin/users/{id}/tokens");
    let revoked = server.operate("DELETE", &path, Value::Null).await;
    assert_eq!(revoked, json!({"revoked": 1}));
    assert_eq!(bot.close_code().await, 4004);
    let left = exp.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&left["user_id"], &left["channel_id"]),
        (&json!(id), &Value::Null)
    );
    let ticket = server.ticket(VOICE[0].parse().unwrap(), id).await;
    assert!(
        ticket.is_none_or(|ticket| ticket.ended.is_some()),
        "the node must end the voice connection"
    );
}

#[tokio::test]
async fn neither_login_nor_resume_nor_rest_takes_it() {
    let server = Server::start().await;
    let token = server.token("minstrel");
    let mut client = server.greet("?v=10").await;
    client
        .send(json!({"op": 2, "d": {"token": token, "intents": 129}}))
        .await;
    let ready = client.expect("READY").await;
    client.expect("GUILD_CREATE").await;
    let path = format!("/admin/users/{}/tokens", server.world.bots[0].id);
    server.operate("DELETE", &path, Value::Null).await;
    assert_eq!(client.close_code().await, 4004);

    // In the dev world an unknown token is a new bot; this one is not unknown.
    let mut again = server.greet("?v=10").await;
    again
        .send(json!({"op": 2, "d": {"token": token, "intents": 129}}))
        .await;
    assert_eq!(again.close_code().await, 4004);
    let mut resuming = server.greet("?v=10").await;
    let resume = json!({"token": token, "session_id": ready["session_id"], "seq": 1});
    resuming.send(json!({"op": 6, "d": resume})).await;
    assert_eq!(resuming.close_code().await, 4004);
    let bot = format!("Bot {token}");
    assert_eq!(
        server.ask("GET", "/api/v10/users/@me", &bot, Value::Null).await.0,
        401
    );
}

#[tokio::test]
async fn a_token_that_became_a_bot_by_itself_stays_revoked() {
    let server = Server::start().await;
    let mut client = server.bot("anything").await;
    let (_, me) = server
        .ask("GET", "/api/v10/users/@me", "anything", Value::Null)
        .await;
    let path = format!("/admin/users/{}/tokens", me["id"].as_str().unwrap());
    server.operate("DELETE", &path, Value::Null).await;
    assert_eq!(client.close_code().await, 4004);
    assert_eq!(
        server
            .ask("GET", "/api/v10/users/@me", "anything", Value::Null)
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn one_of_several_ends_alone() {
    let server = Server::production(Limits::default()).await;
    let account = server
        .operate("POST", "/admin/users", json!({"name": "ada"}))
        .await;
    let id = account["id"].as_str().unwrap();
    let tokens = format!("/admin/users/{id}/tokens");
    let mut sessions = Vec::new();
    for label in ["laptop", "phone"] {
        let made = server.operate("POST", &tokens, json!({"label": label})).await;
        let (client, ready) = server.signed_in(made["token"].as_str().unwrap()).await;
        assert_eq!(ready["user"]["id"], id);
        sessions.push((client, made));
    }
    let listed = tokens_of(&server, id).await;
    let labels: Vec<_> = listed.iter().map(|token| &token["label"]).collect();
    assert_eq!(labels, ["laptop", "phone"]);
    for token in &listed {
        let used = token["last_used_at"].as_str().unwrap();
        assert_eq!(used[..10], token["created_at"].as_str().unwrap()[..10]);
        assert!(token.get("token").is_none(), "what logs in is shown once");
    }
    let (mut laptop, made) = sessions.remove(0);
    let path = format!("{tokens}/{}", made["id"].as_str().unwrap());
    server.operate("DELETE", &path, Value::Null).await;
    assert_eq!(laptop.close_code().await, 4004);
    assert_eq!(
        server
            .ask("DELETE", &path, crate::harness::ADMIN_TOKEN, Value::Null)
            .await
            .0,
        404
    );
    let (mut phone, _) = sessions.remove(0);
    phone.send(json!({"op": 1, "d": null})).await;
    assert_eq!(phone.receive().await["op"], 11, "the other session goes on");
}

#[tokio::test]
async fn a_changed_password_puts_everybody_out() {
    let server = Server::production(Limits::default()).await;
    let account = json!({"name": "ada", "password": "correct horse"});
    server.operate("POST", "/admin/users", account).await;
    let login = async |password: &str| {
        let body = json!({"login": "ada", "password": password});
        server.ask("POST", "/api/v9/auth/login", "", body).await
    };
    let first = login("correct horse").await.1["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let second = login("correct horse").await.1["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut here, _) = server.signed_in(&first).await;
    let (mut there, _) = server.signed_in(&second).await;

    let change = |old: &str| json!({"password": old, "new_password": "battery staple"});
    let (status, answer) = server
        .ask("PATCH", "/api/v9/users/@me", &first, change("wrong horse"))
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["errors"]["password"]["_errors"][0]["code"],
        "PASSWORD_DOES_NOT_MATCH"
    );
    let (status, answer) = server
        .ask("PATCH", "/api/v9/users/@me", &first, change("correct horse"))
        .await;
    assert_eq!((status, &answer["username"]), (200, &json!("ada")));
    assert_eq!(here.close_code().await, 4004);
    assert_eq!(there.close_code().await, 4004);
    server.signed_in(answer["token"].as_str().unwrap()).await;
    assert_eq!(login("correct horse").await.0, 400);
    assert_eq!(login("battery staple").await.0, 200);
}

#[tokio::test]
async fn signing_in_too_often_ends_the_oldest() {
    let limits = Limits {
        tokens: 2,
        ..Limits::default()
    };
    let server = Server::production(limits).await;
    let account = json!({"name": "ada", "password": "correct horse"});
    let account = server.operate("POST", "/admin/users", account).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let body = json!({"login": "ada", "password": "correct horse"});
        let (_, answer) = server.ask("POST", "/api/v9/auth/login", "", body).await;
        tokens.push(answer["token"].as_str().unwrap().to_owned());
    }
    let mut answers = Vec::new();
    for token in &tokens {
        answers.push(server.ask("GET", "/api/v9/users/@me", token, Value::Null).await.0);
    }
    assert_eq!(answers, [401, 200, 200]);
    assert_eq!(tokens_of(&server, account["id"].as_str().unwrap()).await.len(), 2);
}

#[tokio::test]
async fn events_of_the_end_reach_the_others_in_order() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
    turbulence.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(names(&exp.several(1).await), ["VOICE_STATE_UPDATE"]);
    let token = server.token("turbulence");
    assert_eq!(
        server
            .ask("POST", "/api/v9/auth/logout", &token, json!({}))
            .await
            .0,
        204
    );
    assert_eq!(turbulence.close_code().await, 4004);
    assert_eq!(exp.expect("VOICE_STATE_UPDATE").await["channel_id"], Value::Null);
}
