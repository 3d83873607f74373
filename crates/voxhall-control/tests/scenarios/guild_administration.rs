//! Guilds, channels, roles and members over REST: who may, what is answered, and who is told.

use serde_json::{Value, json};
use voxhall_protocol::model::Permissions;

use crate::harness::{EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE, assert_contains};

/// Calls REST; gives status and body.
async fn call(server: &Server, who: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/v10{path}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, _, answer) = server.request(method, &path, who, &body).await;
    (status.as_u16(), answer)
}

/// A role of these permissions in this place, given to the first person.
async fn promote(server: &Server, permissions: Permissions, position: i32) -> String {
    let owner = server.token("Exp");
    let draft = json!({"name": "moderators", "permissions": permissions.bits().to_string()});
    let roles = format!("/guilds/{GUILD}/roles");
    let (status, role) = call(server, &owner, "POST", &roles, draft).await;
    assert_eq!(status, 200, "{role}");
    let id = role["id"].as_str().unwrap().to_owned();
    let places = json!([{"id": id, "position": position}]);
    assert_eq!(call(server, &owner, "PATCH", &roles, places).await.0, 200);
    let give = format!("/guilds/{GUILD}/members/{TURBULENCE}/roles/{id}");
    assert_eq!(call(server, &owner, "PUT", &give, Value::Null).await.0, 204);
    id
}

#[tokio::test]
async fn a_guild_from_its_making_to_its_end() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    let token = server.token("turbulence");
    let (status, guild) = call(&server, &token, "POST", "/guilds", json!({"name": "Choir"})).await;
    assert_eq!((status, &guild["owner_id"]), (201, &json!(TURBULENCE)));
    let created = client.expect("GUILD_CREATE").await;
    assert_contains(&created, &json!({"name": "Choir", "member_count": 1}));
    assert_eq!(created["channels"].as_array().unwrap().len(), 4);
    let path = format!("/guilds/{}", guild["id"].as_str().unwrap());

    let wrong = json!({"name": "x", "afk_timeout": 7, "verification_level": 9, "afk_channel_id": TEXT});
    let (status, refused) = call(&server, &token, "PATCH", &path, wrong).await;
    assert_eq!((status, &refused["code"]), (400, &json!(50035)));
    for (field, code) in [
        ("name", "BASE_TYPE_BAD_LENGTH"),
        ("afk_timeout", "BASE_TYPE_INVALID"),
        ("verification_level", "NUMBER_TYPE_MAX"),
        ("afk_channel_id", "BASE_TYPE_INVALID"),
    ] {
        assert_eq!(refused["errors"][field]["_errors"][0]["code"], code, "{refused}");
    }
    let change = json!({"name": "Great Choir", "afk_timeout": 900, "description": "songs"});
    assert_eq!(call(&server, &token, "PATCH", &path, change).await.0, 200);
    let updated = client.expect("GUILD_UPDATE").await;
    assert_contains(
        &updated,
        &json!({"name": "Great Choir", "afk_timeout": 900, "description": "songs"}),
    );
    for list in ["members", "channels", "voice_states"] {
        assert!(updated.get(list).is_none(), "{list} would empty the client's own");
    }
    let counted = call(
        &server,
        &token,
        "GET",
        &format!("{path}?with_counts=true"),
        Value::Null,
    )
    .await;
    assert_eq!(counted.1["approximate_member_count"], 1);

    let leave = format!("/users/@me{path}");
    let (status, refused) = call(&server, &token, "DELETE", &leave, Value::Null).await;
    assert_eq!(
        (status, &refused["code"]),
        (400, &json!(50055)),
        "owners do not leave"
    );
    let owner = server.token("Exp");
    assert_eq!(call(&server, &owner, "DELETE", &path, Value::Null).await.0, 404);
    assert_eq!(call(&server, &token, "DELETE", &path, Value::Null).await.0, 204);
    client.expect("GUILD_DELETE").await;

    let leave = format!("/users/@me/guilds/{GUILD}");
    assert_eq!(call(&server, &token, "DELETE", &leave, Value::Null).await.0, 204);
    assert_eq!(client.expect("GUILD_DELETE").await["id"], GUILD);
}

#[tokio::test]
async fn channels_are_made_arranged_and_deleted() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.plain_bot().await).await;
    let owner = server.token("Exp");
    let path = format!("/guilds/{GUILD}/channels");
    let (_, category) = call(
        &server,
        &owner,
        "POST",
        &path,
        json!({"name": "Rooms", "type": 4}),
    )
    .await;
    let draft = json!({
        "name": "Long Talks ", "topic": "anything", "parent_id": category["id"], "rate_limit_per_user": 5,
        "permission_overwrites": [{"id": GUILD, "type": 0, "allow": "0", "deny": "2048"}],
    });
    let (status, text) = call(&server, &owner, "POST", &path, draft).await;
    assert_eq!((status, &text["name"]), (201, &json!("long-talks")));
    assert_eq!(bot.expect("CHANNEL_CREATE").await["id"], category["id"]);
    assert_contains(
        &bot.expect("CHANNEL_CREATE").await,
        &json!({"topic": "anything", "parent_id": category["id"], "rate_limit_per_user": 5, "guild_id": GUILD}),
    );
    let (status, refused) = call(&server, &owner, "POST", &path, json!({"type": 1})).await;
    assert_eq!(status, 400);
    assert_eq!(
        refused["errors"]["name"]["_errors"][0]["code"],
        "BASE_TYPE_REQUIRED"
    );
    assert!(refused["errors"]["type"].is_object());

    let places = json!([{"id": VOICE[0], "position": 7, "parent_id": category["id"]}]);
    assert_eq!(call(&server, &owner, "PATCH", &path, places).await.0, 204);
    let moved = json!({"id": VOICE[0], "position": 7, "parent_id": category["id"]});
    assert_contains(&bot.expect("CHANNEL_UPDATE").await, &moved);

    let doomed = format!("/channels/{}", category["id"].as_str().unwrap());
    let plain = format!("Bot {}", server.token("minstrel"));
    assert_eq!(
        call(&server, &plain, "DELETE", &doomed, Value::Null).await.1["code"],
        50013
    );
    assert_eq!(call(&server, &owner, "DELETE", &doomed, Value::Null).await.0, 200);
    for id in [VOICE[0], text["id"].as_str().unwrap()] {
        let orphan = bot.expect("CHANNEL_UPDATE").await;
        assert_eq!((&orphan["id"], &orphan["parent_id"]), (&json!(id), &Value::Null));
    }
    assert_eq!(bot.expect("CHANNEL_DELETE").await["id"], category["id"]);
}

#[tokio::test]
async fn nobody_rules_over_its_equals_or_gives_what_it_has_not() {
    let server = Server::start().await;
    let powers = Permissions::MANAGE_ROLES
        | Permissions::KICK_MEMBERS
        | Permissions::BAN_MEMBERS
        | Permissions::MANAGE_NICKNAMES
        | Permissions::MODERATE_MEMBERS;
    let own = promote(&server, powers, 5).await;
    let owner = server.token("Exp");
    let moderator = server.token("turbulence");
    let roles = format!("/guilds/{GUILD}/roles");
    let (_, higher) = call(&server, &owner, "POST", &roles, json!({"name": "elders"})).await;
    let higher = higher["id"].as_str().unwrap();
    let places = json!([{"id": higher, "position": 6}]);
    assert_eq!(call(&server, &owner, "PATCH", &roles, places).await.0, 200);

    let me = format!("/guilds/{GUILD}/members/{TURBULENCE}");
    let exp = format!("/guilds/{GUILD}/members/{EXP}");
    let refused = [
        ("DELETE", exp.clone(), Value::Null),
        ("PATCH", exp.clone(), json!({"nick": "x"})),
        (
            "PATCH",
            exp,
            json!({"communication_disabled_until": "2026-01-01T00:00:00Z"}),
        ),
        ("PUT", format!("/guilds/{GUILD}/bans/{EXP}"), Value::Null),
        ("DELETE", me.clone(), Value::Null),
        ("PATCH", format!("{roles}/{own}"), json!({"name": "x"})),
        ("DELETE", format!("{roles}/{higher}"), Value::Null),
        ("PUT", format!("{me}/roles/{higher}"), Value::Null),
        ("PATCH", me, json!({"roles": [own, higher]})),
        ("PATCH", roles.clone(), json!([{"id": own, "position": 9}])),
        (
            "POST",
            roles.clone(),
            json!({"permissions": Permissions::ADMINISTRATOR.bits().to_string()}),
        ),
        (
            "PATCH",
            format!("{roles}/{GUILD}"),
            json!({"permissions": Permissions::ALL.bits().to_string()}),
        ),
        (
            "PUT",
            format!("/channels/{}/permissions/{GUILD}", VOICE[0]),
            json!({"type": 0, "allow": Permissions::MUTE_MEMBERS.bits().to_string()}),
        ),
    ];
    for (method, path, body) in refused {
        let (status, answer) = call(&server, &moderator, method, &path, body).await;
        assert_eq!((status, &answer["code"]), (403, &json!(50013)), "{method} {path}");
    }

    let bot = "966000000000000001";
    let below = format!("/guilds/{GUILD}/members/{bot}");
    let (status, changed) = call(&server, &moderator, "PATCH", &below, json!({"nick": " Bard "})).await;
    assert_eq!((status, &changed["nick"]), (200, &json!("Bard")));
    let draft = json!({"name": "guests", "permissions": "0", "color": 255, "hoist": true});
    let (status, guests) = call(&server, &moderator, "POST", &roles, draft).await;
    assert_eq!(status, 200);
    assert_contains(
        &guests,
        &json!({"color": 255, "colors": {"primary_color": 255}, "hoist": true}),
    );
    let give = format!("{below}/roles/{}", guests["id"].as_str().unwrap());
    assert_eq!(call(&server, &moderator, "PUT", &give, Value::Null).await.0, 204);
    assert_eq!(
        call(&server, &moderator, "DELETE", &below, Value::Null).await.0,
        204
    );
    let everyone = format!("{roles}/{GUILD}");
    let (status, answer) = call(&server, &owner, "DELETE", &everyone, Value::Null).await;
    assert_eq!((status, &answer["code"]), (400, &json!(50028)));
}

#[tokio::test]
async fn members_are_listed_and_found() {
    let server = Server::start().await;
    let bot = format!("Bot {}", server.token("minstrel"));
    let path = format!("/guilds/{GUILD}/members");
    let (_, all) = call(&server, &bot, "GET", &format!("{path}?limit=1000"), Value::Null).await;
    assert_eq!(all.as_array().unwrap().len(), 4);
    let (_, page) = call(
        &server,
        &bot,
        "GET",
        &format!("{path}?limit=2&after={EXP}"),
        Value::Null,
    )
    .await;
    assert_contains(&page[0], &json!({"user": {"id": TURBULENCE}}));
    let search = format!("{path}/search?query=TURB&limit=5");
    let (_, found) = call(&server, &bot, "GET", &search, Value::Null).await;
    assert_contains(&found, &json!([{"user": {"id": TURBULENCE}}]));
    let plain = format!("Bot {}", server.plain_bot().await);
    let (status, refused) = call(&server, &plain, "GET", &path, Value::Null).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!(50001)),
        "a privileged intent"
    );
}

#[tokio::test]
async fn several_are_banned_at_once_as_far_as_they_can_be() {
    let server = Server::start().await;
    let owner = server.token("Exp");
    let path = format!("/guilds/{GUILD}/bulk-ban");
    let (status, answer) = call(
        &server,
        &owner,
        "POST",
        &path,
        json!({"user_ids": [TURBULENCE, EXP, "5"], "delete_message_seconds": 60}),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer,
        json!({"banned_users": [TURBULENCE], "failed_users": ["5", EXP]})
    );
    let again = call(&server, &owner, "POST", &path, json!({"user_ids": [TURBULENCE]})).await;
    assert_eq!((again.0, &again.1["code"]), (400, &json!(500_000)));
    let none = call(&server, &owner, "POST", &path, json!({"user_ids": []})).await;
    assert_eq!(
        none.1["errors"]["user_ids"]["_errors"][0]["code"],
        "BASE_TYPE_BAD_LENGTH"
    );
}

/// Writes a message; gives its id.
async fn written(server: &Server, name: &str, channel: &str) -> Value {
    let path = format!("/channels/{channel}/messages");
    let body = json!({"content": "hi"});
    let (status, message) = call(server, &server.token(name), "POST", &path, body).await;
    assert_eq!(status, 200, "{message}");
    message["id"].clone()
}

/// The ids of a channel's messages, newest first.
async fn history(server: &Server, channel: &str) -> Vec<Value> {
    let path = format!("/channels/{channel}/messages");
    let (_, page) = call(server, &server.token("Exp"), "GET", &path, Value::Null).await;
    let page = page.as_array().unwrap().iter();
    page.map(|message| message["id"].clone()).collect()
}

#[tokio::test]
async fn what_the_banned_wrote_goes_with_them_if_it_shall() {
    let server = Server::start().await;
    let owner = server.token("Exp");
    let ban = format!("/guilds/{GUILD}/bans/{TURBULENCE}");
    let kept = written(&server, "Exp", TEXT).await;
    let private = written(&server, "turbulence", PRIVATE).await;
    let first = written(&server, "turbulence", TEXT).await;
    let second = written(&server, "turbulence", TEXT).await;
    let spoken = written(&server, "turbulence", VOICE[0]).await;

    let (status, _) = call(
        &server,
        &owner,
        "PUT",
        &ban,
        json!({"delete_message_seconds": 604_801}),
    )
    .await;
    assert_eq!(status, 400, "more than a week");
    let (status, _) = call(&server, &owner, "PUT", &ban, Value::Null).await;
    assert_eq!(status, 204);
    let all = [&second, &first, &kept].map(Value::clone);
    assert_eq!(history(&server, TEXT).await, all, "nothing was said of messages");

    let (mut exp, _) = server.person("Exp").await;
    let (status, _) = call(
        &server,
        &owner,
        "PUT",
        &ban,
        json!({"delete_message_seconds": 604_800}),
    )
    .await;
    assert_eq!(status, 204, "who is banned already may lose messages still");
    let told = exp.expect("MESSAGE_DELETE_BULK").await;
    let expected = json!({"ids": [first, second], "channel_id": TEXT, "guild_id": GUILD});
    assert_contains(&told, &expected);
    let told = exp.expect("MESSAGE_DELETE").await;
    let expected = json!({"id": spoken, "channel_id": VOICE[0], "guild_id": GUILD});
    assert_contains(&told, &expected);
    assert_eq!(history(&server, TEXT).await, [kept], "what others wrote stays");
    assert!(
        history(&server, PRIVATE).await.contains(&private),
        "not the guild's"
    );
}

#[tokio::test]
async fn what_several_banned_wrote_goes_with_them() {
    let server = Server::start().await;
    let owner = server.token("Exp");
    let theirs = written(&server, "turbulence", TEXT).await;
    let kept = written(&server, "minstrel", TEXT).await;
    let body = json!({"user_ids": [TURBULENCE, EXP], "delete_message_seconds": 3600});
    let path = format!("/guilds/{GUILD}/bulk-ban");
    assert_eq!(history(&server, TEXT).await, [kept.clone(), theirs]);
    assert_eq!(call(&server, &owner, "POST", &path, body).await.0, 200);
    assert_eq!(history(&server, TEXT).await, [kept]);
}
