//! Messages of guild channels and private channels: written, read, answered, edited, deleted.

use serde_json::{Value, json};

use crate::harness::{EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE, assert_contains};

/// A REST call with a JSON body; gives status and body.
pub async fn call(server: &Server, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let path = format!("/api/v10{path}");
    let (status, _, body) = server.request(method, &path, token, &body).await;
    (status.as_u16(), body)
}

async fn write(server: &Server, name: &str, channel: &str, body: Value) -> (u16, Value) {
    let path = format!("/channels/{channel}/messages");
    call(server, &server.token(name), "POST", &path, body).await
}

fn ids(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().expect("a list");
    messages.iter().map(|it| it["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_told_read_edited_and_deleted() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let (status, sent) = write(
        &server,
        "turbulence",
        TEXT,
        json!({"content": format!("hi <@{EXP}>"), "nonce": "7", "embeds": [{"title": "t"}]}),
    )
    .await;
    assert_eq!(status, 200, "{sent}");
    let expected = json!({
        "channel_id": TEXT, "content": format!("hi <@{EXP}>"), "type": 0, "nonce": "7", "tts": false, "flags": 0,
        "author": {"id": TURBULENCE, "username": "turbulence"}, "mentions": [{"id": EXP}], "mention_everyone": false,
        "embeds": [{"title": "t", "type": "rich"}], "components": [], "attachments": [], "edited_timestamp": null,
    });
    assert_contains(&sent, &expected);
    let told = exp.expect("MESSAGE_CREATE").await;
    assert_contains(&told, &expected);
    let of_guild = json!({"guild_id": GUILD, "member": {"mute": false}, "id": sent["id"], "channel_type": 0});
    assert_contains(&told, &of_guild);
    assert!(told["mentions"][0]["member"]["roles"].is_array(), "{told}");

    let path = format!("/channels/{TEXT}/messages/{}", sent["id"].as_str().unwrap());
    let (author, other) = (server.token("turbulence"), server.token("Exp"));
    let (status, read) = call(&server, &other, "GET", &path, Value::Null).await;
    assert_eq!((status, &read["content"]), (200, &sent["content"]));

    let (status, edited) = call(&server, &author, "PATCH", &path, json!({"content": "ho"})).await;
    assert_eq!((status, &edited["content"]), (200, &json!("ho")));
    assert!(edited["edited_timestamp"].is_string());
    assert_contains(&edited, &json!({"embeds": [{"title": "t"}], "mentions": []}));
    let told = exp.expect("MESSAGE_UPDATE").await;
    assert_contains(
        &told,
        &json!({"id": sent["id"], "content": "ho", "guild_id": GUILD}),
    );

    let (status, error) = call(&server, &other, "PATCH", &path, json!({"content": "mine"})).await;
    assert_eq!(
        (status, &error["code"]),
        (403, &json!(50005)),
        "not even the owner"
    );
    let (status, _) = call(&server, &other, "DELETE", &path, Value::Null).await;
    assert_eq!(status, 204, "the owner moderates");
    let told = exp.expect("MESSAGE_DELETE").await;
    assert_eq!(
        told,
        json!({"id": sent["id"], "channel_id": TEXT, "guild_id": GUILD})
    );
    let (status, error) = call(&server, &author, "GET", &path, Value::Null).await;
    assert_eq!((status, &error["code"]), (404, &json!(10008)));
}

#[tokio::test]
async fn history_comes_in_pages_and_survives_in_the_channel() {
    let server = Server::start().await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three", "four"] {
        let (_, message) = write(&server, "Exp", VOICE[0], json!({"content": text})).await;
        sent.push(message["id"].as_str().unwrap().to_owned());
    }
    let token = server.token("turbulence");
    let page = async |query: &str| {
        let path = format!("/channels/{}/messages{query}", VOICE[0]);
        call(&server, &token, "GET", &path, Value::Null).await
    };
    let (_, all) = page("").await;
    assert_eq!(
        ids(&all),
        [&*sent[3], &sent[2], &sent[1], &sent[0]],
        "newest first"
    );
    let (_, some) = page(&format!("?before={}&limit=2", sent[3])).await;
    assert_eq!(ids(&some), [&*sent[2], &sent[1]]);
    let (_, some) = page(&format!("?after={}&limit=2", sent[0])).await;
    assert_eq!(ids(&some), [&*sent[2], &sent[1]]);
    let (_, some) = page(&format!("?around={}&limit=3", sent[2])).await;
    assert_eq!(ids(&some), [&*sent[3], &sent[2], &sent[1]]);
    for wrong in ["?limit=0", "?limit=101", "?before=1&after=1", "?before=x"] {
        let (status, error) = page(wrong).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)), "{wrong}");
    }
    let path = format!("/channels/{}", VOICE[0]);
    let (_, channel) = call(&server, &token, "GET", &path, Value::Null).await;
    assert_eq!(channel["last_message_id"], json!(sent[3]));
}

#[tokio::test]
async fn a_reply_shows_what_it_answers() {
    let server = Server::start().await;
    let (_, first) = write(&server, "Exp", TEXT, json!({"content": "who?"})).await;
    let reference = json!({"message_id": first["id"]});
    let (_, reply) = write(
        &server,
        "turbulence",
        TEXT,
        json!({"content": "me", "message_reference": reference}),
    )
    .await;
    let expected = json!({
        "type": 19, "mentions": [{"id": EXP}],
        "message_reference": {"message_id": first["id"], "channel_id": TEXT, "guild_id": GUILD, "type": 0},
        "referenced_message": {"id": first["id"], "content": "who?"},
    });
    assert_contains(&reply, &expected);
    let silent = json!({
        "content": "me", "message_reference": reference, "allowed_mentions": {"parse": []},
    });
    let (_, reply) = write(&server, "turbulence", TEXT, silent).await;
    assert_eq!(
        reply["mentions"],
        json!([]),
        "who answers may choose not to notify"
    );

    let path = format!("/channels/{TEXT}/messages/{}", first["id"].as_str().unwrap());
    call(&server, &server.token("Exp"), "DELETE", &path, Value::Null).await;
    let path = format!("/channels/{TEXT}/messages?limit=1");
    let (_, page) = call(&server, &server.token("Exp"), "GET", &path, Value::Null).await;
    assert_eq!(page[0]["referenced_message"], Value::Null);
    let gone = json!({"content": "me", "message_reference": reference});
    let (status, error) = write(&server, "turbulence", TEXT, gone).await;
    assert_eq!((status, &error["code"]), (400, &json!(50035)));
    let anyway = json!({
        "content": "me", "message_reference": {"message_id": first["id"], "fail_if_not_exists": false},
    });
    let (status, message) = write(&server, "turbulence", TEXT, anyway).await;
    assert_eq!((status, &message["type"]), (200, &json!(0)));
}

#[tokio::test]
async fn what_a_message_may_not_be() {
    let server = Server::start().await;
    let refused = async |body: Value| {
        let (status, error) = write(&server, "turbulence", TEXT, body).await;
        (status, error["code"].as_u64().unwrap_or(0))
    };
    assert_eq!(refused(json!({})).await, (400, 50006));
    assert_eq!(refused(json!({"content": "  "})).await, (400, 50006));
    assert_eq!(refused(json!({"content": "x".repeat(2001)})).await, (400, 50035));
    assert_eq!(
        refused(json!({"content": "x", "nonce": "n".repeat(26)})).await,
        (400, 50035)
    );
    assert_eq!(
        refused(json!({"content": "x", "attachments": [{"id": 0}]})).await,
        (400, 50035)
    );
    assert_eq!(refused(json!({"content": 5})).await, (400, 50035));
    let both = json!({"parse": ["users"], "users": [EXP]});
    assert_eq!(
        refused(json!({"content": "x", "allowed_mentions": both})).await,
        (400, 50035)
    );
    let (status, error) = write(&server, "turbulence", "1", json!({"content": "x"})).await;
    assert_eq!((status, &error["code"]), (404, &json!(10003)));
}

#[tokio::test]
async fn a_nonce_that_is_enforced_makes_one_message() {
    let server = Server::start().await;
    let body = json!({"content": "once", "nonce": 12, "enforce_nonce": true});
    let (_, first) = write(&server, "Exp", TEXT, body.clone()).await;
    let (status, second) = write(&server, "Exp", TEXT, body.clone()).await;
    assert_eq!((status, &first["id"]), (200, &second["id"]));
    let (_, other) = write(&server, "turbulence", TEXT, body).await;
    assert_ne!(first["id"], other["id"], "another account's nonce is another one");
}

#[tokio::test]
async fn several_are_deleted_at_once() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let (_, message) = write(&server, "Exp", TEXT, json!({"content": "x"})).await;
        sent.push(message["id"].clone());
        turbulence.expect("MESSAGE_CREATE").await;
    }
    let path = format!("/channels/{TEXT}/messages/bulk-delete");
    let bulk = async |name: &str, messages: Value| {
        let token = server.token(name);
        let (status, error) = call(&server, &token, "POST", &path, json!({"messages": messages})).await;
        (status, error["code"].as_u64().unwrap_or(0))
    };
    assert_eq!(bulk("turbulence", json!([sent[0], sent[1]])).await, (403, 50013));
    assert_eq!(bulk("Exp", json!([sent[0]])).await, (400, 50016));
    assert_eq!(bulk("Exp", json!([sent[0], "1"])).await, (400, 50034));
    assert_eq!(bulk("Exp", json!([sent[0], sent[1]])).await, (204, 0));
    let told = turbulence.expect("MESSAGE_DELETE_BULK").await;
    assert_eq!(
        told,
        json!({"ids": [sent[0], sent[1]], "channel_id": TEXT, "guild_id": GUILD})
    );
}

#[tokio::test]
async fn typing_and_forms() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let token = server.token("turbulence");
    let path = format!("/channels/{PRIVATE}/typing");
    assert_eq!(call(&server, &token, "POST", &path, Value::Null).await.0, 204);
    let told = exp.expect("TYPING_START").await;
    assert_contains(&told, &json!({"channel_id": PRIVATE, "user_id": TURBULENCE}));

    let form = "--edge\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"formal\"}\r\n\
                --edge--\r\n";
    let path = format!("/api/v10/channels/{PRIVATE}/messages");
    let kind = "multipart/form-data; boundary=edge";
    let (status, _, body) = server.exchange_as("POST", &path, &token, Some(kind), form).await;
    assert_eq!((status, &body["content"]), (200, &json!("formal")));
    let file = form.replace("\"payload_json\"", "\"files[0]\"; filename=\"a\"");
    let (status, _, body) = server.exchange_as("POST", &path, &token, Some(kind), &file).await;
    assert_eq!((status, &body["code"]), (400, &json!(50035)));
}

#[tokio::test]
async fn a_call_stands_in_the_history_of_its_channel() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    let begun = turbulence.expect("MESSAGE_CREATE").await;
    write(&server, "Exp", PRIVATE, json!({"content": "soon"})).await;
    let path = format!("/channels/{PRIVATE}/messages");
    let token = server.token("Exp");
    let (_, page) = call(&server, &token, "GET", &path, Value::Null).await;
    assert_eq!(page[0]["content"], "soon");
    let call_message = json!({
        "id": begun["id"], "type": 3, "author": {"id": TURBULENCE}, "mentions": [{"id": EXP}],
        "call": {"participants": [TURBULENCE], "ended_timestamp": null},
    });
    assert_contains(&page[1], &call_message);
    let path = format!("{path}/{}", begun["id"].as_str().unwrap());
    let (status, error) = call(&server, &token, "DELETE", &path, Value::Null).await;
    assert_eq!((status, &error["code"]), (400, &json!(50021)));
}

#[tokio::test]
async fn embeds_need_leave_in_edits_too() {
    let server = Server::start().await;
    let (_, sent) = write(&server, "turbulence", TEXT, json!({"content": "hi"})).await;
    let channel = format!("/channels/{TEXT}");
    // EMBED_LINKS taken from everybody.
    let denied = json!({"permission_overwrites": [
        {"id": GUILD, "type": 0, "allow": "0", "deny": (1_u64 << 14).to_string()},
    ]});
    let owner = server.token("Exp");
    assert_eq!(call(&server, &owner, "PATCH", &channel, denied).await.0, 200);
    let path = format!("/channels/{TEXT}/messages/{}", sent["id"].as_str().unwrap());
    let author = server.token("turbulence");
    let embeds = json!({"embeds": [{"title": "t"}]});
    let (status, error) = call(&server, &author, "PATCH", &path, embeds).await;
    assert_eq!((status, &error["code"]), (403, &json!(50013)));
    let none = json!({"content": "ho", "embeds": []});
    assert_eq!(call(&server, &author, "PATCH", &path, none).await.0, 200);
}

#[tokio::test]
async fn of_two_edits_at_once_none_is_lost() {
    let server = Server::start().await;
    let (_, message) = write(&server, "Exp", TEXT, json!({"content": "first"})).await;
    let path = format!("/channels/{TEXT}/messages/{}", message["id"].as_str().unwrap());
    let token = server.token("Exp");
    let (content, flags) = tokio::join!(
        call(&server, &token, "PATCH", &path, json!({"content": "second"})),
        call(&server, &token, "PATCH", &path, json!({"flags": 4})),
    );
    assert_eq!((content.0, flags.0), (200, 200));
    let (_, after) = call(&server, &token, "GET", &path, Value::Null).await;
    assert_contains(&after, &json!({"content": "second", "flags": 4}));
}
