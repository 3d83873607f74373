//! Commands that applications register, and who finds them.

use serde_json::{Value, json};

use crate::harness::{GUILD, Server, TEXT, assert_contains};
use crate::messages::call;

/// The first bot of the dev world, which is also its application.
pub const MINSTREL: &str = "966000000000000001";

/// Registers commands of the first bot in the guild; gives them as they were stored.
pub async fn register(server: &Server, commands: Value) -> Value {
    let path = format!("/applications/{MINSTREL}/guilds/{GUILD}/commands");
    let (status, stored) = call(server, &server.token("minstrel"), "PUT", &path, commands).await;
    assert_eq!(status, 200, "{stored}");
    stored
}

async fn as_bot(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/applications/{MINSTREL}{path}");
    call(server, &server.token("minstrel"), method, &path, body).await
}

#[tokio::test]
async fn a_command_is_registered_changed_and_deleted() {
    let server = Server::start().await;
    let play = json!({
        "name": "play", "description": "Plays a song", "name_localizations": {"de": "spiele"},
        "options": [{"type": 3, "name": "song", "description": "Which", "required": true, "max_length": 40}],
    });
    let (status, made) = as_bot(&server, "POST", "/commands", play.clone()).await;
    assert_eq!(status, 201, "{made}");
    let expected = json!({
        "application_id": MINSTREL, "type": 1, "name": "play", "nsfw": false, "default_member_permissions": null,
        "dm_permission": true, "contexts": null, "integration_types": [0], "name_localizations": {"de": "spiele"},
        "options": [{"type": 3, "name": "song", "required": true, "max_length": 40}],
    });
    assert_contains(&made, &expected);
    assert_eq!(made.get("guild_id"), None);

    let (status, same) = as_bot(&server, "POST", "/commands", play).await;
    assert_eq!((status, &same), (200, &made), "the same command is the same");
    let (status, other) = as_bot(
        &server,
        "POST",
        "/commands",
        json!({"name": "play", "description": "x"}),
    )
    .await;
    assert_eq!(
        (status, &other["id"]),
        (200, &made["id"]),
        "a name is one command"
    );
    assert_ne!(other["version"], made["version"]);
    assert_eq!(other.get("options"), None, "all of it is replaced");

    let path = format!("/commands/{}", made["id"].as_str().unwrap());
    let (status, edited) = as_bot(&server, "PATCH", &path, json!({"name": "sing", "nsfw": true})).await;
    assert_eq!(status, 200);
    assert_contains(
        &edited,
        &json!({"id": made["id"], "name": "sing", "description": "x", "nsfw": true}),
    );
    assert_eq!(
        as_bot(&server, "GET", &path, Value::Null).await,
        (200, edited.clone())
    );
    let (_, all) = as_bot(&server, "GET", "/commands?with_localizations=1", Value::Null).await;
    assert_eq!(all, json!([edited]));

    assert_eq!(as_bot(&server, "DELETE", &path, Value::Null).await.0, 204);
    let (status, error) = as_bot(&server, "DELETE", &path, Value::Null).await;
    assert_eq!((status, &error["code"]), (404, &json!(10063)));
}

#[tokio::test]
async fn all_commands_of_a_scope_are_replaced_at_once() {
    let server = Server::start().await;
    let one = json!({"name": "one", "description": "d"});
    let two = json!({"name": "two", "description": "d"});
    let first = register(&server, json!([one, two])).await;
    assert_eq!(first[0]["guild_id"], GUILD);
    let second = register(&server, json!([two, {"name": "Three", "type": 2}])).await;
    assert_eq!(
        second[0], first[1],
        "what stays the same keeps its id and version"
    );
    let path = format!("/guilds/{GUILD}/commands");
    let (_, listed) = as_bot(&server, "GET", &path, Value::Null).await;
    assert_contains(&listed, &json!([{"name": "two"}, {"name": "Three"}]));
    let (_, everywhere) = as_bot(&server, "GET", "/commands", Value::Null).await;
    assert_eq!(everywhere, json!([]), "another scope");

    let (status, error) = as_bot(&server, "PUT", &path, json!([one, one])).await;
    assert_eq!((status, &error["code"]), (400, &json!(50035)));
    let code = &error["errors"]["1"]["name"]["_errors"][0]["code"];
    assert_eq!(code, "APPLICATION_COMMANDS_DUPLICATE_NAME");
    let many: Vec<Value> = (0..101)
        .map(|index| json!({"name": format!("c{index}"), "description": "d"}))
        .collect();
    let (status, error) = as_bot(&server, "PUT", &path, json!(many)).await;
    assert_eq!((status, &error["code"]), (400, &json!(30032)));
    let same = vec![one; 101];
    let (_, error) = as_bot(&server, "PUT", &path, json!(same)).await;
    assert_eq!(error["code"], 30032, "counted before they are compared");
    let strange = vec![json!({"name": "one", "type": 77}); 131];
    let (_, error) = as_bot(&server, "PUT", &path, json!(strange)).await;
    assert_eq!(error["code"], 30032, "whatever kind they are of");
    let (_, still) = as_bot(&server, "GET", &path, Value::Null).await;
    assert_eq!(still, listed, "what is refused changes nothing");
}

#[tokio::test]
async fn what_a_command_may_not_be_is_told_at_its_place() {
    let server = Server::start().await;
    let wrong = json!({"name": "Play It", "description": "", "options": [
        {"type": 3, "name": "a", "description": "d"},
        {"type": 4, "name": "b", "description": "d", "required": true, "min_length": 3},
    ]});
    let (status, error) = as_bot(&server, "POST", "/commands", wrong).await;
    assert_eq!((status, &error["code"]), (400, &json!(50035)));
    let errors = &error["errors"];
    let code = |path: &str| {
        errors
            .pointer(&format!("{path}/_errors/0/code"))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(code("/name"), "APPLICATION_COMMAND_INVALID_NAME");
    assert_eq!(code("/description"), "BASE_TYPE_BAD_LENGTH");
    assert_eq!(code("/options/1"), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID");
    assert_eq!(code("/options/1/max_length"), "BASE_TYPE_INVALID");
    assert_eq!(code("/options/0"), Value::Null);
    let (status, _) = as_bot(&server, "POST", "/commands", json!({"description": "d"})).await;
    assert_eq!(status, 400, "a name must be there");
}

#[tokio::test]
async fn only_the_own_bot_registers() {
    let server = Server::start().await;
    let path = format!("/applications/{MINSTREL}/commands");
    let refused = async |name: &str| {
        let (status, error) = call(&server, &server.token(name), "GET", &path, Value::Null).await;
        (status, error["code"].as_u64().unwrap())
    };
    assert_eq!(refused("scribe").await, (403, 50001));
    assert_eq!(refused("Exp").await, (403, 20002));
    let (status, error) = as_bot(&server, "GET", "/guilds/1/commands", Value::Null).await;
    assert_eq!((status, &error["code"]), (403, &json!(50001)));
}

#[tokio::test]
async fn people_find_the_commands_that_they_may_use() {
    let server = Server::start().await;
    register(
        &server,
        json!([
            {"name": "all", "description": "d"},
            {"name": "owners", "description": "d", "default_member_permissions": "32"},
            {"name": "nobody", "description": "d", "default_member_permissions": "0"},
        ]),
    )
    .await;
    as_bot(
        &server,
        "POST",
        "/commands",
        json!({"name": "private", "description": "d", "contexts": [1]}),
    )
    .await;
    let found = async |name: &str, path: &str| -> Vec<String> {
        let (status, index) = call(&server, &server.token(name), "GET", path, Value::Null).await;
        assert_eq!(status, 200, "{index}");
        let commands = index["application_commands"].as_array().unwrap().iter();
        if commands.len() > 0 {
            assert_contains(
                &index["applications"],
                &json!([{"id": MINSTREL, "name": "minstrel"}]),
            );
        }
        commands
            .map(|command| command["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let guild = format!("/guilds/{GUILD}/application-command-index");
    let channel = format!("/channels/{TEXT}/application-command-index");
    for path in [&guild, &channel] {
        assert_eq!(found("turbulence", path).await, ["all"]);
        assert_eq!(
            found("Exp", path).await,
            ["all", "owners", "nobody"],
            "who owns the guild"
        );
    }
    let body = json!({"recipients": [MINSTREL]});
    let (_, private) = call(&server, &server.token("Exp"), "POST", "/users/@me/channels", body).await;
    let channel = format!(
        "/channels/{}/application-command-index",
        private["id"].as_str().unwrap()
    );
    assert_eq!(found("Exp", &channel).await, ["private"]);
}

#[tokio::test]
async fn languages_of_any_name_are_refused_and_the_server_goes_on() {
    let server = Server::start().await;
    let dots = ".".repeat(100_000);
    let steps = "a.".repeat(50_000);
    let wrong = [
        json!({(dots.clone()): "text"}),
        json!({dots: 5}),
        json!({(steps.clone()): "text"}),
        json!({steps: 5}),
        json!({"a": "1", "a._errors": "1"}),
        json!({"_errors": 5}),
        json!({"_errors": "1", "_errors.0": "1"}),
    ];
    for names in wrong {
        let body = json!({"name": "play", "description": "d", "name_localizations": names});
        let (status, error) = as_bot(&server, "POST", "/commands", body).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)));
        let place = &error["errors"]["name_localizations"];
        assert!(place.is_object(), "told at the field: {error}");
    }
    let body = json!({"name": "play", "description": "d", "name_localizations": {"xx.de": "1"}});
    let (_, error) = as_bot(&server, "POST", "/commands", body).await;
    let told = &error["errors"]["name_localizations"];
    assert_eq!(told["_errors"][0]["code"], "BASE_TYPE_INVALID");
    let good = json!({"name": "play", "description": "d", "name_localizations": {"de": "spiele"}});
    assert_eq!(as_bot(&server, "POST", "/commands", good).await.0, 201);
}
