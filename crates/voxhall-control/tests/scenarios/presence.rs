//! Who learns how available somebody is (gateway-and-calls, sections 2 and 3.4).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, EXP, GUILD, INTENTS, Server, TURBULENCE, assert_contains, pass};

/// `GUILD_PRESENCES`.
const PRESENCES: u64 = 1 << 8;

fn update(status: &str, activities: &Value) -> Value {
    json!({"op": 3, "d": {"since": null, "activities": activities, "status": status, "afk": false}})
}

/// A bot that watches presences, and its guild.
async fn watcher(server: &Server) -> (Client, Value) {
    let mut bot = server.greet("?v=10").await;
    let data = json!({"token": server.token("minstrel"), "intents": INTENTS | PRESENCES});
    bot.send(json!({"op": 2, "d": data})).await;
    bot.expect("READY").await;
    let guild = bot.expect("GUILD_CREATE").await;
    // Its own presence is the first that it hears of.
    assert_eq!(bot.expect("PRESENCE_UPDATE").await["status"], "online");
    (bot, guild)
}

/// The next presence that a client is told: whose, and which status.
async fn next(client: &mut Client) -> (String, String) {
    let presence = client.expect("PRESENCE_UPDATE").await;
    assert_eq!(presence["guild_id"], GUILD);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&presence["user"]["id"]), text(&presence["status"]))
}

#[tokio::test]
async fn a_bot_with_the_intent_hears_of_coming_changing_and_going() {
    let server = Server::start().await;
    let (mut bot, _) = watcher(&server).await;
    let (mut exp, _) = server.person("Exp").await;
    assert_eq!(next(&mut bot).await, (EXP.to_owned(), "online".to_owned()));
    let game = json!({"name": "chess", "type": 0, "state": "won"});
    // What strict clients could not read is left out.
    exp.send(update("dnd", &json!([game, {"name": 7}, "x"]))).await;
    let presence = bot.expect("PRESENCE_UPDATE").await;
    assert_contains(
        &presence,
        &json!({"user": {"id": EXP}, "status": "dnd", "activities": [game], "client_status": {"web": "dnd"}}),
    );
    // The same again is no news; going is.
    exp.send(update("dnd", &json!([game]))).await;
    exp.close(1000).await;
    assert_eq!(next(&mut bot).await, (EXP.to_owned(), "offline".to_owned()));
}

#[tokio::test]
async fn several_sessions_speak_with_one_voice_and_the_invisible_one_is_silent() {
    let server = Server::start().await;
    let (mut bot, _) = watcher(&server).await;
    let (mut first, _) = server.person("Exp").await;
    assert_eq!(next(&mut bot).await.1, "online");
    let (second, _) = server.person("Exp").await;
    first.send(update("idle", &json!([]))).await;
    // The second is online still: nothing of it is seen from outside but that the second goes.
    second.close(1000).await;
    assert_eq!(next(&mut bot).await.1, "idle");
    first.send(update("invisible", &json!([]))).await;
    assert_eq!(next(&mut bot).await.1, "offline");
    let (_, guild) = watcher_again(&server).await;
    assert_eq!(
        guild["presences"].as_array().unwrap().len(),
        1,
        "the bot's own: {guild}"
    );
}

/// Another session of the watching bot; the account is online already.
async fn watcher_again(server: &Server) -> (Client, Value) {
    let mut bot = server.greet("?v=10").await;
    let data = json!({"token": server.token("minstrel"), "intents": INTENTS | PRESENCES});
    bot.send(json!({"op": 2, "d": data})).await;
    bot.expect("READY").await;
    let guild = bot.expect("GUILD_CREATE").await;
    (bot, guild)
}

#[tokio::test]
async fn guilds_come_with_presences_for_those_who_may_have_them() {
    let server = Server::start().await;
    let (_exp, _) = server.person("Exp").await;
    let (_, ready) = server.person("turbulence").await;
    let presences = ready["guilds"][0]["presences"].as_array().unwrap();
    assert!(
        presences
            .iter()
            .any(|it| it["user"]["id"] == EXP && it["status"] == "online")
    );
    let mut bot = server.greet("?v=10").await;
    bot.send(json!({"op": 2, "d": {"token": server.token("scribe"), "intents": INTENTS}}))
        .await;
    bot.expect("READY").await;
    assert_eq!(bot.expect("GUILD_CREATE").await["presences"], json!([]));
}

#[tokio::test]
async fn a_presence_said_at_identify_is_the_first() {
    let server = Server::start().await;
    let (mut bot, _) = watcher(&server).await;
    let mut phone = server.greet("?v=9").await;
    let data = json!({
        "token": server.token("Exp"), "properties": {"browser": "Discord Android"},
        "presence": {"status": "idle", "since": 5, "activities": [], "afk": true},
    });
    phone.send(json!({"op": 2, "d": data})).await;
    let presence = bot.expect("PRESENCE_UPDATE").await;
    assert_contains(
        &presence,
        &json!({"status": "idle", "client_status": {"mobile": "idle"}}),
    );
}

#[tokio::test]
async fn people_hear_of_those_whom_they_ask_for() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    client
        .send(json!({"op": 14, "d": {"guild_id": GUILD, "members": [EXP, "5"]}}))
        .await;
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.receive().await["op"], 11);
    exp.send(update("idle", &json!([]))).await;
    assert_eq!(next(&mut client).await, (EXP.to_owned(), "idle".to_owned()));
    // Nobody hears of people they did not ask for.
    client.send(update("dnd", &json!([]))).await;
    client
        .send(json!({"op": 14, "d": {"guild_id": GUILD, "members": []}}))
        .await;
    exp.send(update("online", &json!([]))).await;
    exp.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    exp.expect("SOUNDBOARD_SOUNDS").await;
    client.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    client.expect("SOUNDBOARD_SOUNDS").await;
}

#[tokio::test]
async fn more_than_five_in_twenty_seconds_are_dropped() {
    let server = Server::start().await;
    let (mut bot, _) = watcher(&server).await;
    let (mut exp, _) = server.person("Exp").await;
    assert_eq!(next(&mut bot).await.1, "online");
    for status in ["idle", "dnd", "idle", "dnd", "idle", "dnd"] {
        exp.send(update(status, &json!([]))).await;
    }
    for status in ["idle", "dnd", "idle", "dnd", "idle"] {
        assert_eq!(next(&mut bot).await.1, status);
    }
    pass(Duration::from_secs(20)).await;
    exp.send(update("online", &json!([]))).await;
    assert_eq!(next(&mut bot).await.1, "online", "the sixth was dropped");
}

#[tokio::test]
async fn members_are_asked_for_with_presences() {
    let server = Server::start().await;
    let (_exp, _) = server.person("Exp").await;
    let (mut client, _) = server.person("turbulence").await;
    let ask = |presences: bool| json!({"op": 8, "d": {"guild_id": GUILD, "user_ids": [EXP, "1"], "presences": presences}});
    client.send(ask(true)).await;
    let chunk = client.expect("GUILD_MEMBERS_CHUNK").await;
    assert_contains(
        &chunk,
        &json!({"presences": [{"user": {"id": EXP}, "status": "online"}], "not_found": ["1"]}),
    );
    let mut bot = server.bot(&server.token("scribe")).await;
    bot.send(ask(true)).await;
    let chunk = bot.expect("GUILD_MEMBERS_CHUNK").await;
    assert!(chunk.get("presences").is_none(), "not without the intent");
    // Nor all members at once.
    pass(Duration::from_secs(30)).await;
    bot.send(json!({"op": 1, "d": null})).await;
    bot.send(json!({"op": 8, "d": {"guild_id": GUILD, "query": "", "limit": 0}}))
        .await;
    pass(Duration::from_secs(30)).await;
    bot.send(json!({"op": 8, "d": {"guild_id": GUILD, "query": "turb", "limit": 5, "nonce": "n"}}))
        .await;
    let chunk = bot.expect("GUILD_MEMBERS_CHUNK").await;
    assert_contains(
        &chunk,
        &json!({"nonce": "n", "members": [{"user": {"id": TURBULENCE}}]}),
    );
}
