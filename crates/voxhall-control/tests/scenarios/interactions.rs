//! Commands that are used and answered: invoked over REST, told to the application, answered by its token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::{MINSTREL, register};
use crate::harness::{Client, EXP, GUILD, Server, TEXT, TURBULENCE, assert_contains, pass};
use crate::messages::call;

/// Uses something as an account; gives status and body.
pub async fn interact(server: &Server, name: &str, kind: u8, data: Value, more: Value) -> (u16, Value) {
    let mut body = json!({
        "type": kind, "application_id": MINSTREL, "guild_id": GUILD, "channel_id": TEXT, "data": data,
    });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    call(server, &server.token(name), "POST", "/interactions", body).await
}

/// Answers an interaction for the first time.
pub async fn answer(server: &Server, interaction: &Value, response: Value) -> (u16, Value) {
    let text = |name: &str| interaction[name].as_str().unwrap().to_owned();
    let path = format!(
        "/interactions/{}/{}/callback?with_response=true",
        text("id"),
        text("token")
    );
    call(server, "", "POST", &path, response).await
}

/// The address of the answers to an interaction.
pub fn webhook(interaction: &Value) -> String {
    format!("/webhooks/{MINSTREL}/{}", interaction["token"].as_str().unwrap())
}

/// Logs the first bot in and registers a command `play` with an option `song`; gives the command.
pub async fn stage(server: &Server) -> (Client, Value) {
    let bot = server.bot(&server.token("minstrel")).await;
    let song = json!({"type": 3, "name": "song", "description": "d", "required": true});
    let commands = register(
        server,
        json!([{"name": "play", "description": "d", "options": [song]}]),
    )
    .await;
    (bot, commands[0].clone())
}

/// The data of a use of `play`.
pub fn playing(command: &Value, song: Value) -> Value {
    json!({"id": command["id"], "name": "play", "type": 1, "version": command["version"],
           "options": [{"type": 3, "name": "song", "value": song}]})
}

#[tokio::test]
async fn a_command_is_used_told_and_answered() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    let (status, error) = interact(
        &server,
        "turbulence",
        2,
        playing(&play, json!("aria")),
        json!({"nonce": "7"}),
    )
    .await;
    assert_eq!(status, 204, "{error}");
    let told = bot.expect("INTERACTION_CREATE").await;
    let expected = json!({
        "type": 2, "application_id": MINSTREL, "version": 1, "guild_id": GUILD, "channel_id": TEXT,
        "guild": {"id": GUILD, "features": []}, "channel": {"id": TEXT, "type": 0},
        "member": {"user": {"id": TURBULENCE}}, "entitlements": [], "context": 0,
        "authorizing_integration_owners": {"0": GUILD},
        "data": {"id": play["id"], "name": "play", "type": 1, "guild_id": GUILD,
                 "options": [{"name": "song", "type": 3, "value": "aria"}]},
    });
    assert_contains(&told, &expected);
    for digits in [
        &told["member"]["permissions"],
        &told["app_permissions"],
        &told["channel"]["permissions"],
    ] {
        assert!(digits.as_str().unwrap().parse::<u64>().unwrap() > 0, "{told}");
    }
    assert!(told["locale"].is_string() && told["guild_locale"].is_string());
    let begun = turbulence.expect("INTERACTION_CREATE").await;
    assert_eq!(begun, json!({"id": told["id"], "nonce": "7"}), "and no token");

    let (status, report) = answer(
        &server,
        &told,
        json!({"type": 4, "data": {"content": "playing aria"}}),
    )
    .await;
    assert_eq!(status, 200, "{report}");
    let message = json!({
        "type": 20, "content": "playing aria", "author": {"id": MINSTREL, "bot": true}, "flags": 0,
        "application_id": MINSTREL, "webhook_id": MINSTREL,
        "interaction_metadata": {"id": told["id"], "type": 2, "user": {"id": TURBULENCE}, "name": "play"},
        "interaction": {"id": told["id"], "type": 2, "name": "play", "user": {"id": TURBULENCE}},
    });
    assert_contains(&report["resource"], &json!({"type": 4, "message": message}));
    let id = &report["resource"]["message"]["id"];
    assert_contains(
        &report["interaction"],
        &json!({"id": told["id"], "response_message_id": id}),
    );
    assert_contains(&turbulence.expect("MESSAGE_CREATE").await, &message);
    assert_eq!(turbulence.expect("INTERACTION_SUCCESS").await, begun);
    assert_contains(&exp.expect("MESSAGE_CREATE").await, &message);

    let (status, error) = answer(&server, &told, json!({"type": 4, "data": {"content": "again"}})).await;
    assert_eq!((status, &error["code"]), (400, &json!(40060)));
    let path = format!("/channels/{TEXT}/messages/{}", id.as_str().unwrap());
    let (status, stored) = call(&server, &server.token("Exp"), "GET", &path, Value::Null).await;
    assert_eq!(status, 200);
    assert_contains(&stored, &message);
}

#[tokio::test]
async fn what_is_deferred_is_edited_and_followed() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut exp, _) = server.person("Exp").await;
    interact(&server, "turbulence", 2, playing(&play, json!("aria")), json!({})).await;
    let told = bot.expect("INTERACTION_CREATE").await;
    let original = format!("{}/messages/@original", webhook(&told));
    let (status, error) = call(&server, "", "GET", &original, Value::Null).await;
    assert_eq!(
        (status, &error["code"]),
        (404, &json!(10015)),
        "not before the first answer"
    );
    let (status, report) = answer(&server, &told, json!({"type": 5})).await;
    assert_eq!(
        (status, &report["interaction"]["response_message_loading"]),
        (200, &json!(true))
    );
    let thinking = exp.expect("MESSAGE_CREATE").await;
    assert_contains(&thinking, &json!({"flags": 128, "content": "", "type": 20}));
    pass(Duration::from_secs(10)).await;

    let (status, edited) = call(&server, "", "PATCH", &original, json!({"content": "found it"})).await;
    assert_eq!(status, 200, "{edited}");
    let update = exp.expect("MESSAGE_UPDATE").await;
    assert_contains(
        &update,
        &json!({"id": thinking["id"], "flags": 0, "content": "found it"}),
    );
    let (status, next) = call(
        &server,
        "",
        "POST",
        &webhook(&told),
        json!({"content": "and more"}),
    )
    .await;
    assert_eq!(status, 200);
    assert_ne!(next["id"], thinking["id"]);
    let more = exp.expect("MESSAGE_CREATE").await;
    let expected = json!({"type": 19, "message_reference": {"message_id": thinking["id"]},
                          "interaction_metadata": {"original_response_message_id": thinking["id"]}});
    assert_contains(&more, &expected);

    let path = format!("{}/messages/{}", webhook(&told), next["id"].as_str().unwrap());
    assert_eq!(call(&server, "", "DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(exp.expect("MESSAGE_DELETE").await["id"], next["id"]);
    assert_eq!(call(&server, "", "GET", &path, Value::Null).await.0, 404);
    let (status, read) = call(&server, "", "GET", &original, Value::Null).await;
    assert_eq!((status, &read["content"]), (200, &json!("found it")));

    pass(Duration::from_secs(15 * 60)).await;
    let (status, error) = call(&server, "", "PATCH", &original, json!({"content": "late"})).await;
    assert_eq!(
        (status, &error["code"]),
        (401, &json!(50027)),
        "the token is no longer good"
    );
}

#[tokio::test]
async fn the_first_that_follows_thinking_takes_its_place() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    interact(&server, "turbulence", 2, playing(&play, json!("aria")), json!({})).await;
    let told = bot.expect("INTERACTION_CREATE").await;
    let (_, report) = answer(&server, &told, json!({"type": 5})).await;
    let (_, first) = call(&server, "", "POST", &webhook(&told), json!({"content": "one"})).await;
    assert_eq!(first["id"], report["interaction"]["response_message_id"]);
    let (_, second) = call(&server, "", "POST", &webhook(&told), json!({"content": "two"})).await;
    assert_ne!(second["id"], first["id"]);
}

#[tokio::test]
async fn an_ephemeral_answer_is_for_one_account_alone() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    interact(&server, "turbulence", 2, playing(&play, json!("aria")), json!({})).await;
    let told = bot.expect("INTERACTION_CREATE").await;
    turbulence.expect("INTERACTION_CREATE").await;
    let (_, report) = answer(
        &server,
        &told,
        json!({"type": 4, "data": {"content": "psst", "flags": 64}}),
    )
    .await;
    assert_eq!(report["interaction"]["response_message_ephemeral"], true);
    let seen = turbulence.expect("MESSAGE_CREATE").await;
    assert_contains(&seen, &json!({"flags": 64, "content": "psst", "guild_id": GUILD}));
    turbulence.expect("INTERACTION_SUCCESS").await;
    let original = format!("{}/messages/@original", webhook(&told));
    let (status, _) = call(&server, "", "PATCH", &original, json!({"content": "psst!"})).await;
    assert_eq!(status, 200);
    assert_contains(
        &turbulence.expect("MESSAGE_UPDATE").await,
        &json!({"id": seen["id"], "content": "psst!"}),
    );
    let (_, read) = call(&server, "", "GET", &original, Value::Null).await;
    assert_eq!(read["content"], "psst!");
    let path = format!("/channels/{TEXT}/messages");
    let (_, history) = call(&server, &server.token("turbulence"), "GET", &path, Value::Null).await;
    assert_eq!(history, json!([]), "it is in no history");
    assert_eq!(call(&server, "", "DELETE", &original, Value::Null).await.0, 204);
    turbulence.expect("MESSAGE_DELETE").await;

    call(
        &server,
        &server.token("turbulence"),
        "POST",
        &path,
        json!({"content": "loud"}),
    )
    .await;
    let next = exp.expect("MESSAGE_CREATE").await;
    assert_eq!(next["content"], "loud", "nobody else was told of anything");
}

#[tokio::test]
async fn what_nobody_answers_fails_after_three_seconds() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    interact(
        &server,
        "turbulence",
        2,
        playing(&play, json!("aria")),
        json!({"nonce": 9}),
    )
    .await;
    let told = bot.expect("INTERACTION_CREATE").await;
    turbulence.expect("INTERACTION_CREATE").await;
    pass(Duration::from_secs(3)).await;
    assert_eq!(
        turbulence.expect("INTERACTION_FAILURE").await,
        json!({"id": told["id"], "nonce": 9})
    );
    let (status, error) = answer(&server, &told, json!({"type": 4, "data": {"content": "late"}})).await;
    assert_eq!((status, &error["code"]), (404, &json!(10062)));
}

#[tokio::test]
async fn without_a_session_of_the_bot_it_fails_at_once() {
    let server = Server::start().await;
    let (bot, play) = stage(&server).await;
    bot.close(1000).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (status, error) = interact(
        &server,
        "turbulence",
        2,
        playing(&play, json!("aria")),
        json!({"nonce": "7"}),
    )
    .await;
    assert_eq!((status, &error["code"]), (400, &json!(0)), "{error}");
    turbulence.expect("INTERACTION_CREATE").await;
    assert_eq!(turbulence.expect("INTERACTION_FAILURE").await["nonce"], "7");
}

#[tokio::test]
async fn exactly_the_shard_that_holds_the_guild_hears_of_it() {
    let server = Server::start().await;
    let (bot, play) = stage(&server).await;
    bot.close(1000).await;
    let token = server.token("minstrel");
    let mut shards = Vec::new();
    for number in [0, 1] {
        let mut shard = server.greet("?v=10&encoding=json").await;
        let identify = json!({"token": token, "intents": 0, "properties": {}, "shard": [number, 2]});
        shard.send(json!({"op": 2, "d": identify})).await;
        shard.expect("READY").await;
        shards.push(shard);
    }
    let holds = usize::try_from((GUILD.parse::<u64>().unwrap() >> 22) % 2).unwrap();
    let (status, _) = interact(&server, "turbulence", 2, playing(&play, json!("aria")), json!({})).await;
    assert_eq!(status, 204);
    shards[holds].expect("INTERACTION_CREATE").await;
    let other = &mut shards[1 - holds];
    other.send(json!({"op": 1, "d": null})).await;
    assert_eq!(other.receive().await["op"], 11, "the other one hears nothing");
}

#[tokio::test]
async fn one_session_of_the_account_may_be_named() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut first, ready) = server.person("turbulence").await;
    let (mut second, _) = server.person("turbulence").await;
    let named = json!({"session_id": ready["session_id"], "nonce": "n"});
    let (status, _) = interact(&server, "turbulence", 2, playing(&play, json!("aria")), named).await;
    assert_eq!(status, 204);
    let told = bot.expect("INTERACTION_CREATE").await;
    assert_eq!(first.expect("INTERACTION_CREATE").await["id"], told["id"]);
    answer(&server, &told, json!({"type": 4, "data": {"content": "hi"}})).await;
    second.expect("MESSAGE_CREATE").await;
    let (status, error) = interact(
        &server,
        "Exp",
        2,
        playing(&play, json!("aria")),
        json!({"session_id": ready["session_id"]}),
    )
    .await;
    assert_eq!((status, &error["code"]), (400, &json!(50035)), "somebody else's");
}

#[tokio::test]
async fn values_are_held_against_what_was_registered() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    let option = |kind: u8, name: &str, more: Value| {
        let mut option = json!({"type": kind, "name": name, "description": "d"});
        option
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        option
    };
    let every = [
        option(4, "count", json!({"min_value": 1, "max_value": 5})),
        option(10, "gain", json!({})),
        option(5, "loud", json!({})),
        option(6, "who", json!({})),
        option(7, "where", json!({"channel_types": [2]})),
        option(8, "role", json!({})),
        option(9, "any", json!({})),
        option(3, "mode", json!({"choices": [{"name": "One", "value": "one"}]})),
    ];
    let sub = json!({"type": 1, "name": "set", "description": "d", "options": every});
    let commands = register(
        &server,
        json!([{"name": "tune", "description": "d", "options": [sub]}]),
    )
    .await;
    let id = &commands[0]["id"];
    let tuning =
        |options: Value| json!({"id": id, "options": [{"type": 1, "name": "set", "options": options}]});
    let voice = crate::harness::VOICE[0];
    let good = json!([
        {"type": 4, "name": "count", "value": 5}, {"type": 10, "name": "gain", "value": 0.5},
        {"type": 5, "name": "loud", "value": true}, {"type": 6, "name": "who", "value": EXP},
        {"type": 7, "name": "where", "value": voice}, {"type": 8, "name": "role", "value": GUILD},
        {"type": 9, "name": "any", "value": TURBULENCE}, {"type": 3, "name": "mode", "value": "one"},
    ]);
    let (status, error) = interact(&server, "turbulence", 2, tuning(good.clone()), json!({})).await;
    assert_eq!(status, 204, "{error}");
    let told = bot.expect("INTERACTION_CREATE").await;
    let data = &told["data"];
    assert_eq!(data["options"][0]["options"], good);
    let resolved = &data["resolved"];
    assert_eq!(resolved["users"][EXP]["username"], "Exp");
    assert!(resolved["members"][TURBULENCE]["permissions"].is_string());
    assert_eq!(resolved["members"][TURBULENCE].get("user"), None);
    assert_contains(
        &resolved["channels"][voice],
        &json!({"type": 2, "name": "General"}),
    );
    assert_eq!(resolved["roles"][GUILD]["name"], "@everyone");

    let bad = [
        json!({"type": 4, "name": "count", "value": 6}),
        json!({"type": 4, "name": "count", "value": 1.5}),
        json!({"type": 4, "name": "count", "value": "1"}),
        json!({"type": 3, "name": "count", "value": 1}),
        json!({"type": 5, "name": "loud", "value": "yes"}),
        json!({"type": 6, "name": "who", "value": "1"}),
        json!({"type": 7, "name": "where", "value": TEXT}),
        json!({"type": 8, "name": "role", "value": EXP}),
        json!({"type": 3, "name": "mode", "value": "two"}),
        json!({"type": 3, "name": "other", "value": "x"}),
    ];
    for option in bad {
        let (status, error) = interact(&server, "turbulence", 2, tuning(json!([option])), json!({})).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)), "{option}");
        assert!(
            error["errors"]["data"]["options"]["0"]["options"]["0"].is_object(),
            "{option}: {error}"
        );
    }
    for options in [json!([]), json!([{"type": 1, "name": "other"}])] {
        let data = json!({"id": id, "options": options});
        let (status, _) = interact(&server, "turbulence", 2, data, json!({})).await;
        assert_eq!(status, 400, "a subcommand must be given");
    }
}

#[tokio::test]
async fn who_may_not_use_a_command_is_refused() {
    let server = Server::start().await;
    let (_bot, play) = stage(&server).await;
    let commands = register(
        &server,
        json!([{"name": "purge", "description": "d", "default_member_permissions": "8192"}]),
    )
    .await;
    let purge = json!({"id": commands[0]["id"]});
    let refused = async |name: &str, data: Value, more: Value| {
        let (status, error) = interact(&server, name, 2, data, more).await;
        (status, error["code"].as_u64().unwrap_or(0))
    };
    let none = json!({});
    assert_eq!(
        refused("turbulence", purge.clone(), none.clone()).await,
        (403, 50013)
    );
    assert_eq!(
        refused("Exp", purge.clone(), none.clone()).await,
        (204, 0),
        "who may delete messages"
    );
    assert_eq!(
        refused("turbulence", playing(&play, json!("aria")), none.clone()).await,
        (404, 10063),
        "replaced meanwhile"
    );
    let outdated = json!({"id": purge["id"], "version": "1"});
    assert_eq!(refused("Exp", outdated, none.clone()).await, (400, 50035));
    assert_eq!(
        refused("Exp", purge.clone(), json!({"channel_id": "1"})).await,
        (404, 10003)
    );
    assert_eq!(
        refused("Exp", purge.clone(), json!({"guild_id": "1"})).await,
        (400, 50035)
    );
    assert_eq!(
        refused("Exp", purge.clone(), json!({"application_id": TURBULENCE})).await,
        (404, 10002)
    );
    assert_eq!(
        refused("scribe", purge.clone(), none.clone()).await,
        (403, 20001),
        "a bot"
    );

    // USE_APPLICATION_COMMANDS is taken from everybody in this channel.
    let path = format!("/channels/{TEXT}/permissions/{GUILD}");
    let body = json!({"type": 0, "allow": "0", "deny": (1u64 << 31).to_string()});
    let (status, _) = call(&server, &server.token("Exp"), "PUT", &path, body).await;
    assert_eq!(status, 204);
    let all = register(&server, json!([{"name": "all", "description": "d"}])).await;
    let all = json!({"id": all[0]["id"]});
    assert_eq!(
        refused("turbulence", all.clone(), none.clone()).await,
        (403, 50013)
    );
    assert_eq!(refused("Exp", all, none).await, (204, 0), "who owns the guild");
}
