//! Moderators over REST: mute, deafen, move, disconnect (gateway-and-calls, sections 4.5, 5 and 9.3).

use serde_json::{Value, json};

use crate::harness::{Client, GUILD, Server, TURBULENCE, VOICE, assert_contains, settle};

async fn in_room(server: &Server) -> Client {
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    client
}

async fn patch(server: &Server, token: &str, change: Value) -> (u16, Value) {
    let path = Server::member_path(TURBULENCE);
    let (status, _, body) = server.request("PATCH", &path, token, &change.to_string()).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn mute_and_deafen_reach_the_state_the_member_and_the_media() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let owner = server.token("Exp");
    let (status, member) = patch(&server, &owner, json!({"mute": true, "deaf": true})).await;
    assert_eq!(status, 200);
    assert_contains(
        &member,
        &json!({"user": {"id": TURBULENCE}, "mute": true, "deaf": true}),
    );
    let changed = client.expect("GUILD_MEMBER_UPDATE").await;
    assert_contains(&changed, &json!({"guild_id": GUILD, "mute": true, "deaf": true}));
    let state = client.expect("VOICE_STATE_UPDATE").await;
    assert_contains(
        &state,
        &json!({"mute": true, "deaf": true, "member": {"mute": true}}),
    );
    let ticket = server
        .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
        .await
        .unwrap();
    assert!(!ticket.permissions.speak && !ticket.permissions.hear && !ticket.permissions.see);

    // It holds for the next room as well.
    client.voice(Some(GUILD), Some(VOICE[1])).await;
    assert_contains(
        &client.expect("VOICE_STATE_UPDATE").await,
        &json!({"mute": true, "deaf": true}),
    );
}

#[tokio::test]
async fn a_member_is_moved_whatever_the_limit_and_then_disconnected() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let owner = server.token("Exp");
    let limit = format!("/api/v10/channels/{}", VOICE[1]);
    let overwrites = json!([{"id": GUILD, "type": 0, "allow": "0", "deny": (1 << 20).to_string()}]);
    let closed = json!({"user_limit": 1, "permission_overwrites": overwrites}).to_string();
    assert_eq!(
        server.request("PATCH", &limit, &owner, &closed).await.0.as_u16(),
        200
    );
    client.expect("CHANNEL_UPDATE").await;
    let (status, _) = patch(&server, &owner, json!({"channel_id": VOICE[1]})).await;
    assert_eq!(status, 200);
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["channel_id"], VOICE[1]);
    client.expect("VOICE_SERVER_UPDATE").await;
    let (status, _) = patch(&server, &owner, json!({"channel_id": null})).await;
    assert_eq!(status, 200);
    assert_eq!(
        client.expect("VOICE_STATE_UPDATE").await["channel_id"],
        Value::Null
    );
    settle().await;
    assert!(
        server
            .ticket(VOICE[1].parse().unwrap(), TURBULENCE.parse().unwrap())
            .await
            .is_none()
    );
    assert_eq!(
        patch(&server, &owner, json!({"channel_id": null})).await.1["code"],
        40032
    );
    assert_eq!(
        patch(&server, &owner, json!({"mute": true})).await.1["code"],
        40032
    );
}

#[tokio::test]
async fn who_may_not() {
    let server = Server::start().await;
    let _client = in_room(&server).await;
    let plain = format!("Bot {}", server.plain_bot().await);
    for change in [
        json!({"mute": true}),
        json!({"deaf": true}),
        json!({"channel_id": null}),
    ] {
        let (status, body) = patch(&server, &plain, change).await;
        assert_eq!((status, &body["code"]), (403, &json!(50013)));
    }
    let owner = server.token("Exp");
    for target in ["5", crate::harness::TEXT] {
        let (status, body) = patch(&server, &owner, json!({"channel_id": target})).await;
        assert_eq!((status, &body["code"]), (400, &json!(50035)), "{target}");
    }
    let (status, _, body) = server
        .request("PATCH", &Server::member_path("5"), &owner, "{}")
        .await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!(10007)));
}

#[tokio::test]
async fn effects_and_sounds_reach_the_people_in_the_room() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let mut bot = server.bot("elsewhere").await;
    let token = server.token("turbulence");
    let effect = format!("/api/v10/channels/{}/voice-channel-effects", VOICE[0]);
    let body = r#"{"animation_type":0,"animation_id":3,"emoji":{"id":null,"name":"x"},"junk":1}"#;
    assert_eq!(
        server.request("POST", &effect, &token, body).await.0.as_u16(),
        204
    );
    let shown = client.expect("VOICE_CHANNEL_EFFECT_SEND").await;
    assert_contains(
        &shown,
        &json!({"user_id": TURBULENCE, "guild_id": GUILD, "animation_id": 3}),
    );
    assert!(shown.get("junk").is_none());
    let sound = format!("/api/v10/channels/{}/send-soundboard-sound", VOICE[0]);
    assert_eq!(
        server
            .request("POST", &sound, &token, r#"{"sound_id":"5"}"#)
            .await
            .0
            .as_u16(),
        204
    );
    assert_eq!(client.expect("VOICE_CHANNEL_EFFECT_SEND").await["sound_id"], "5");
    for wrong in [
        "{}",
        r#"{"sound_id":{}}"#,
        r#"{"sound_id":"5","sound_volume":"loud"}"#,
    ] {
        let (status, ..) = server.request("POST", &sound, &token, wrong).await;
        assert_eq!(status.as_u16(), 400, "{wrong}");
    }
    for wrong in [
        json!({"emoji": "x"}),
        json!({"emoji": {"name": "x".repeat(100_000)}}),
        json!({"animation_id": {}}),
    ] {
        let (status, ..) = server.request("POST", &effect, &token, &wrong.to_string()).await;
        assert_eq!(status.as_u16(), 400, "{wrong:.100}");
    }
    assert_eq!(
        server
            .request("POST", &effect, "Bot elsewhere", body)
            .await
            .0
            .as_u16(),
        404
    );

    assert_eq!(
        patch(&server, &server.token("Exp"), json!({"mute": true}))
            .await
            .0,
        200
    );
    let (status, _, refused) = server.request("POST", &effect, &token, body).await;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &json!(50167)));
    let seen = bot.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(seen["mute"], true, "those outside the room see no effects");
}
