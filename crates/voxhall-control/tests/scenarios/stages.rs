//! Stages: going live, hands, invitations, speakers and audience (gateway-and-calls, section 5).

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_control::Limits;
use voxhall_protocol::model::ChannelKind;

use crate::harness::{Client, EXP, GUILD, Server, TURBULENCE, VOICE, assert_contains, pass, settle};

/// A server whose guild has a stage.
async fn start() -> (Server, String) {
    let limits = Limits {
        // The clients of these tests send no heartbeats.
        heartbeat_interval: Duration::from_secs(36_000),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let guild = GUILD.parse().unwrap();
    let stage = server
        .directory
        .create_channel(guild, None, ChannelKind::GuildStage, "Stage")
        .await
        .unwrap();
    (server, stage.to_string())
}

/// Status and code or body of a request.
async fn ask(server: &Server, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let path = format!("/api/v10{path}");
    let (status, _, answer) = server.request(method, &path, token, &body).await;
    (status.as_u16(), answer)
}

async fn enter(client: &mut Client, stage: &str) -> Value {
    client.voice(Some(GUILD), Some(stage)).await;
    let state = client.expect("VOICE_STATE_UPDATE").await;
    client.expect("VOICE_SERVER_UPDATE").await;
    state
}

/// What a member's voice state says of its place in the stage.
fn place(state: &Value) -> (bool, bool) {
    (
        state["suppress"].as_bool().unwrap(),
        state["request_to_speak_timestamp"].is_string(),
    )
}

const LISTENS: (bool, bool) = (true, false);
const ASKS: (bool, bool) = (true, true);
const INVITED: (bool, bool) = (false, true);
const SPEAKS: (bool, bool) = (false, false);

#[tokio::test]
async fn a_stage_goes_live_is_changed_and_ended_by_its_moderators() {
    let (server, stage) = start().await;
    let (mut client, _) = server.person("turbulence").await;
    let (owner, listener) = (server.token("Exp"), server.token("turbulence"));
    let instance = format!("/stage-instances/{stage}");
    let open = json!({"channel_id": stage, "topic": "birds"});

    assert_eq!(
        ask(&server, &owner, "GET", &instance, Value::Null).await.1["code"],
        10067
    );
    assert_eq!(
        ask(&server, &listener, "POST", "/stage-instances", open.clone())
            .await
            .1["code"],
        50013
    );
    let (status, live) = ask(&server, &owner, "POST", "/stage-instances", open.clone()).await;
    assert_eq!(status, 200);
    let expected = json!({"guild_id": GUILD, "channel_id": stage, "topic": "birds", "privacy_level": 2});
    assert_contains(&live, &expected);
    assert_eq!(client.expect("STAGE_INSTANCE_CREATE").await, live);
    assert_eq!(
        ask(&server, &listener, "GET", &instance, Value::Null).await,
        (200, live.clone())
    );
    assert_eq!(
        ask(&server, &owner, "POST", "/stage-instances", open).await.1["code"],
        150_006
    );

    // Who comes online now sees that it is live.
    let mut bot = server.greet("?v=10").await;
    bot.send(json!({"op": 2, "d": {"token": "late", "intents": 1}}))
        .await;
    bot.expect("READY").await;
    assert_eq!(bot.expect("GUILD_CREATE").await["stage_instances"], json!([live]));

    let change = json!({"topic": "fish"});
    assert_eq!(
        ask(&server, &listener, "PATCH", &instance, change.clone())
            .await
            .0,
        403
    );
    assert_eq!(
        ask(&server, &owner, "PATCH", &instance, change).await.1["topic"],
        "fish"
    );
    assert_eq!(client.expect("STAGE_INSTANCE_UPDATE").await["topic"], "fish");
    assert_eq!(ask(&server, &owner, "PATCH", &instance, json!({})).await.0, 200);

    assert_eq!(
        ask(&server, &listener, "DELETE", &instance, Value::Null).await.0,
        403
    );
    assert_eq!(
        ask(&server, &owner, "DELETE", &instance, Value::Null).await.0,
        204
    );
    assert_eq!(client.expect("STAGE_INSTANCE_DELETE").await["id"], live["id"]);
    assert_eq!(
        ask(&server, &owner, "DELETE", &instance, Value::Null).await.1["code"],
        10067
    );
    assert_eq!(
        ask(&server, &owner, "PATCH", &instance, json!({})).await.1["code"],
        10067
    );
}

#[tokio::test]
async fn what_cannot_go_live() {
    let (server, stage) = start().await;
    let owner = server.token("Exp");
    for (channel, topic, privacy, code) in [
        ("5", "birds", 2, 10003),
        (VOICE[0], "birds", 2, 50024),
        (&*stage, "", 2, 50035),
        (&*stage, &"x".repeat(121), 2, 50035),
        (&*stage, "birds", 1, 50035),
    ] {
        let body = json!({"channel_id": channel, "topic": topic, "privacy_level": privacy});
        assert_eq!(
            ask(&server, &owner, "POST", "/stage-instances", body).await.1["code"],
            code,
            "{channel} {topic}"
        );
    }
}

#[tokio::test]
async fn a_stage_ends_with_its_last_member_or_if_nobody_comes() {
    let (server, stage) = start().await;
    let (mut client, _) = server.person("turbulence").await;
    let owner = server.token("Exp");
    let open = json!({"channel_id": stage, "topic": "birds"});
    ask(&server, &owner, "POST", "/stage-instances", open.clone()).await;
    client.expect("STAGE_INSTANCE_CREATE").await;
    enter(&mut client, &stage).await;
    pass(Duration::from_secs(400)).await;
    client.voice(None, None).await;
    client.expect("VOICE_STATE_UPDATE").await;
    client.expect("STAGE_INSTANCE_DELETE").await;

    ask(&server, &owner, "POST", "/stage-instances", open).await;
    client.expect("STAGE_INSTANCE_CREATE").await;
    pass(Duration::from_secs(299)).await;
    let instance = format!("/stage-instances/{stage}");
    assert_eq!(ask(&server, &owner, "GET", &instance, Value::Null).await.0, 200);
    pass(Duration::from_secs(2)).await;
    client.expect("STAGE_INSTANCE_DELETE").await;
}

#[tokio::test]
async fn a_hand_is_raised_and_a_person_asked_to_speak_accepts_or_not() {
    let (server, stage) = start().await;
    let (mut client, _) = server.person("turbulence").await;
    let (mine, theirs) = (
        format!("/guilds/{GUILD}/voice-states/@me"),
        format!("/guilds/{GUILD}/voice-states/{TURBULENCE}"),
    );
    let (listener, owner) = (server.token("turbulence"), server.token("Exp"));
    assert_eq!(place(&enter(&mut client, &stage).await), LISTENS);
    let (channel, user) = (stage.parse().unwrap(), TURBULENCE.parse().unwrap());
    let steps = [
        (
            &listener,
            &mine,
            json!({"request_to_speak_timestamp": "2999-01-01T00:00:00+00:00"}),
            ASKS,
        ),
        (
            &listener,
            &mine,
            json!({"request_to_speak_timestamp": null}),
            LISTENS,
        ),
        (
            &listener,
            &mine,
            json!({"channel_id": stage, "request_to_speak_timestamp": "2999-01-01T00:00:00+00:00"}),
            ASKS,
        ),
        (
            &owner,
            &theirs,
            json!({"channel_id": stage, "suppress": false}),
            INVITED,
        ),
        (
            &listener,
            &mine,
            json!({"channel_id": stage, "suppress": true}),
            LISTENS,
        ),
        (&owner, &theirs, json!({"suppress": false}), INVITED),
        (
            &listener,
            &mine,
            json!({"suppress": false, "request_to_speak_timestamp": null}),
            SPEAKS,
        ),
        (&owner, &theirs, json!({"suppress": true}), LISTENS),
    ];
    for (who, path, change, expected) in steps {
        assert_eq!(
            ask(&server, who, "PATCH", path, change.clone()).await,
            (204, Value::Null),
            "{change}"
        );
        let state = client.expect("VOICE_STATE_UPDATE").await;
        assert_eq!(place(&state), expected, "{change}");
        settle().await;
        let speak = server.ticket(channel, user).await.unwrap().permissions.speak;
        assert_eq!(speak, !expected.0, "what the node lets through, after {change}");
    }
    // Nobody makes itself a speaker.
    let refused = ask(&server, &listener, "PATCH", &mine, json!({"suppress": false})).await;
    assert_eq!((refused.0, &refused.1["code"]), (403, &json!(50013)));
}

#[tokio::test]
async fn a_bot_asked_to_speak_speaks_and_a_moderator_needs_nobody() {
    let (server, stage) = start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    let bot_id = server.world.bots[0].id.to_string();
    let owner = server.token("Exp");
    enter(&mut bot, &stage).await;
    let theirs = format!("/guilds/{GUILD}/voice-states/{bot_id}");
    assert_eq!(
        ask(&server, &owner, "PATCH", &theirs, json!({"suppress": false}))
            .await
            .0,
        204
    );
    assert_eq!(place(&bot.expect("VOICE_STATE_UPDATE").await), SPEAKS);
    // Asked again, nothing changes.
    assert_eq!(
        ask(&server, &owner, "PATCH", &theirs, json!({"suppress": false}))
            .await
            .0,
        204
    );

    let (mut exp, _) = server.person("Exp").await;
    assert_eq!(place(&enter(&mut exp, &stage).await), SPEAKS);
    assert_eq!(bot.expect("VOICE_STATE_UPDATE").await["user_id"], EXP);
    let mine = format!("/guilds/{GUILD}/voice-states/@me");
    for (suppress, expected) in [(true, LISTENS), (false, SPEAKS)] {
        ask(&server, &owner, "PATCH", &mine, json!({"suppress": suppress})).await;
        assert_eq!(place(&exp.expect("VOICE_STATE_UPDATE").await), expected);
    }
    // Who speaks need not ask.
    let hand = json!({"request_to_speak_timestamp": "2999-01-01T00:00:00+00:00"});
    assert_eq!(ask(&server, &owner, "PATCH", &mine, hand).await.0, 204);
    exp.voice_with(Some(GUILD), Some(&stage), true).await;
    assert_eq!(place(&exp.expect("VOICE_STATE_UPDATE").await), SPEAKS);
}

#[tokio::test]
async fn edits_that_are_none() {
    let (server, stage) = start().await;
    let (mut client, _) = server.person("turbulence").await;
    let owner = server.token("Exp");
    let listener = server.token("turbulence");
    let (mine, theirs) = (
        format!("/guilds/{GUILD}/voice-states/@me"),
        format!("/guilds/{GUILD}/voice-states/{TURBULENCE}"),
    );
    let nobody = ask(&server, &owner, "PATCH", &theirs, json!({"suppress": true})).await;
    assert_eq!((nobody.0, &nobody.1["code"]), (404, &json!(10065)));
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    assert_eq!(
        ask(&server, &owner, "PATCH", &theirs, json!({"suppress": true}))
            .await
            .1["code"],
        50024
    );
    enter(&mut client, &stage).await;
    let elsewhere = json!({"channel_id": VOICE[0], "suppress": true});
    assert_eq!(
        ask(&server, &owner, "PATCH", &theirs, elsewhere).await.1["code"],
        50035
    );
    for none in [
        "2020-01-01T00:00:00+00:00".to_owned(),
        "zzzz-01-01T00:00:00+00:00".to_owned(),
        format!("2999-01-01T00:00:00{}", "z".repeat(100_000)),
        "9999-12-31T23:59:59-99:00".to_owned(),
        String::new(),
    ] {
        let hand = json!({"request_to_speak_timestamp": none});
        let (status, error) = ask(&server, &listener, "PATCH", &mine, hand).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)), "{none:.40}");
    }
    let local = json!({"request_to_speak_timestamp": "2999-01-01 02:00:00.5+02:00"});
    assert_eq!(ask(&server, &listener, "PATCH", &mine, local).await.0, 204);
    let state = client.expect("VOICE_STATE_UPDATE").await;
    let told = &state["request_to_speak_timestamp"];
    assert_eq!(
        *told, "2999-01-01T00:00:00.500000+00:00",
        "as the server writes it"
    );
    let for_others = json!({"request_to_speak_timestamp": "2999-01-01T00:00:00+00:00"});
    assert_eq!(
        ask(&server, &owner, "PATCH", &theirs, for_others).await.1["code"],
        50013
    );
    // REQUEST_TO_SPEAK taken from everybody.
    let path = format!("/channels/{stage}");
    let denied = json!({"permission_overwrites": [
        {"id": GUILD, "type": 0, "allow": "0", "deny": (1_u64 << 32).to_string()},
    ]});
    assert_eq!(ask(&server, &owner, "PATCH", &path, denied).await.0, 200);
    let hand = json!({"request_to_speak_timestamp": "2999-01-01T00:00:00+00:00"});
    assert_eq!(
        ask(&server, &listener, "PATCH", &mine, hand).await.1["code"],
        50013
    );
}

#[tokio::test]
async fn the_status_line_goes_with_the_last_one() {
    let (server, _) = start().await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    let path = format!("/channels/{}/voice-status", VOICE[0]);
    let owner = server.token("Exp");
    assert_eq!(
        ask(&server, &owner, "PUT", &path, json!({"status": "singing"}))
            .await
            .0,
        204
    );
    assert_eq!(
        client.expect("VOICE_CHANNEL_STATUS_UPDATE").await["status"],
        "singing"
    );
    client.voice(None, None).await;
    client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        client.expect("VOICE_CHANNEL_STATUS_UPDATE").await["status"],
        Value::Null
    );
    client.send(json!({"op": 36, "d": {"guild_id": GUILD}})).await;
    assert_eq!(client.expect("CHANNEL_STATUSES").await["channels"], json!([]));
}

#[tokio::test]
async fn a_stage_that_is_deleted_with_people_and_a_status_line_stays_deleted() {
    let (server, stage) = start().await;
    let owner = server.token("Exp");
    let (mut client, _) = server.person("turbulence").await;
    enter(&mut client, &stage).await;
    // The end of the stage is written between the last one's leaving and the end of the status line.
    let open = json!({"channel_id": stage, "topic": "birds"});
    assert_eq!(
        ask(&server, &owner, "POST", "/stage-instances", open).await.0,
        200
    );
    let status = format!("/channels/{stage}/voice-status");
    let sings = json!({"status": "singing"});
    assert_eq!(ask(&server, &owner, "PUT", &status, sings.clone()).await.0, 204);

    let path = format!("/channels/{stage}");
    assert_eq!(ask(&server, &owner, "DELETE", &path, Value::Null).await.0, 200);
    settle().await;
    // Whatever waits to be written is written before this.
    let guild = GUILD.parse().unwrap();
    let other = server
        .directory
        .create_channel(guild, None, ChannelKind::GuildVoice, "other");
    other.await.unwrap();
    for (method, path, body) in [("GET", &path, Value::Null), ("PUT", &status, sings)] {
        let gone = ask(&server, &owner, method, path, body).await;
        assert_eq!((gone.0, &gone.1["code"]), (404, &json!(10003)));
    }
}

#[tokio::test]
async fn who_is_moved_to_another_stage_has_the_rights_of_that_one() {
    let (server, stage) = start().await;
    let guild = GUILD.parse().unwrap();
    let other = server
        .directory
        .create_channel(guild, None, ChannelKind::GuildStage, "Other stage")
        .await
        .unwrap()
        .to_string();
    let (owner, moderator) = (server.token("Exp"), server.token("turbulence"));
    let path = format!("/channels/{stage}/permissions/{TURBULENCE}");
    let mute_members = json!({"type": 1, "allow": (1_u64 << 22).to_string(), "deny": "0"});
    assert_eq!(ask(&server, &owner, "PUT", &path, mute_members).await.0, 204);
    let (mut client, _) = server.person("turbulence").await;
    enter(&mut client, &stage).await;

    let (mine, member) = (
        format!("/guilds/{GUILD}/voice-states/@me"),
        format!("/guilds/{GUILD}/members/{TURBULENCE}"),
    );
    assert_eq!(
        ask(&server, &moderator, "PATCH", &mine, json!({"suppress": true}))
            .await
            .0,
        204
    );
    let (moved, speaks) = tokio::join!(
        ask(&server, &owner, "PATCH", &member, json!({"channel_id": other})),
        ask(&server, &moderator, "PATCH", &mine, json!({"suppress": false})),
    );
    assert_eq!(moved.0, 200);
    assert_eq!((speaks.0, &speaks.1["code"]), (403, &json!(50013)));
    let (_, state) = ask(
        &server,
        &owner,
        "GET",
        &mine.replace("@me", TURBULENCE),
        Value::Null,
    )
    .await;
    assert_eq!((&state["channel_id"], place(&state)), (&json!(other), LISTENS));
}
