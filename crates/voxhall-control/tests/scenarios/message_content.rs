//! What bots are told of messages: intents, and the leave to read what others write.

use serde_json::{Value, json};

use crate::harness::{Client, EXP, PRIVATE, Server, TEXT, assert_contains};
use crate::messages::call;

const GUILDS: u64 = 1;
const GUILD_MESSAGES: u64 = 1 << 9;
const DIRECT_MESSAGES: u64 = 1 << 12;
const MESSAGE_CONTENT: u64 = 1 << 15;

async fn bot(server: &Server, token: &str, intents: u64) -> Client {
    let mut client = server.greet("?v=10&encoding=json").await;
    client
        .send(json!({"op": 2, "d": {"token": token, "intents": intents, "properties": {}}}))
        .await;
    client.expect("READY").await;
    client.expect("GUILD_CREATE").await;
    client
}

async fn say(server: &Server, text: &str) {
    let path = format!("/channels/{TEXT}/messages");
    let body = json!({"content": text, "embeds": [{"title": "t"}]});
    let (status, _) = call(server, &server.token("Exp"), "POST", &path, body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn without_the_intent_a_bot_reads_only_what_is_for_it() {
    let server = Server::start().await;
    let token = server.plain_bot().await;
    let (_, own) = call(&server, &token, "GET", "/users/@me", Value::Null).await;
    let id = own["id"].as_str().unwrap();
    let mut plain = bot(&server, &token, GUILDS | GUILD_MESSAGES).await;
    let minstrel = server.token("minstrel");
    let mut reader = bot(&server, &minstrel, GUILDS | GUILD_MESSAGES | MESSAGE_CONTENT).await;
    let mut deaf = bot(&server, &server.token("scribe"), GUILDS).await;

    say(&server, "!play").await;
    let told = plain.expect("MESSAGE_CREATE").await;
    let empty =
        json!({"content": "", "embeds": [], "components": [], "attachments": [], "author": {"id": EXP}});
    assert_contains(&told, &empty);
    let path = format!("/channels/{TEXT}/messages");
    let (_, page) = call(&server, &token, "GET", &path, Value::Null).await;
    assert_contains(&page[0], &empty);
    assert_eq!(reader.expect("MESSAGE_CREATE").await["content"], "!play");

    say(&server, &format!("<@{id}> play")).await;
    let told = plain.expect("MESSAGE_CREATE").await;
    assert_contains(
        &told,
        &json!({"content": format!("<@{id}> play"), "embeds": [{"title": "t"}]}),
    );

    let (status, _) = call(&server, &token, "POST", &path, json!({"content": "playing"})).await;
    assert_eq!(status, 200);
    assert_eq!(
        plain.expect("MESSAGE_CREATE").await["content"],
        "playing",
        "its own"
    );

    // Whoever did not ask for messages hears of a channel's change, and of nothing before it.
    let path = format!("/channels/{TEXT}");
    call(
        &server,
        &server.token("Exp"),
        "PATCH",
        &path,
        json!({"name": "talk"}),
    )
    .await;
    deaf.expect("CHANNEL_UPDATE").await;
}

#[tokio::test]
async fn a_bot_reads_what_is_written_to_it_in_private() {
    let server = Server::start().await;
    let token = server.plain_bot().await;
    let mut bot = bot(&server, &token, GUILDS | DIRECT_MESSAGES).await;
    let body = json!({"recipient_id": EXP});
    let (_, channel) = call(&server, &token, "POST", "/users/@me/channels", body).await;
    let path = format!("/channels/{}/messages", channel["id"].as_str().unwrap());
    let exp = server.token("Exp");
    bot.expect("CHANNEL_CREATE").await;
    call(&server, &exp, "POST", &path, json!({"content": "psst"})).await;
    let told = bot.expect("MESSAGE_CREATE").await;
    assert_contains(&told, &json!({"content": "psst", "channel_type": 1}));
    let others = format!("/channels/{PRIVATE}/messages");
    let (status, error) = call(&server, &token, "GET", &others, Value::Null).await;
    assert_eq!((status, &error["code"]), (404, &json!(10003)));
}

#[tokio::test]
async fn everybody_is_notified_by_those_who_may() {
    let server = Server::start().await;
    let path = format!("/channels/{TEXT}/messages");
    for (name, notified) in [("Exp", true), ("turbulence", false)] {
        let token = server.token(name);
        let (_, message) = call(&server, &token, "POST", &path, json!({"content": "@everyone"})).await;
        assert_eq!(message["mention_everyone"], notified, "{name}");
    }
    let quiet = json!({"content": "@everyone", "allowed_mentions": {"parse": ["users"]}});
    let (_, message) = call(&server, &server.token("Exp"), "POST", &path, quiet).await;
    assert_eq!(message["mention_everyone"], false);
}
