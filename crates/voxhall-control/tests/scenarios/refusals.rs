//! Op 4 is refused in silence (gateway-and-calls, section 4.4).

use serde_json::{Value, json};

use crate::harness::{Client, EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE};

const CONNECT: u64 = 1 << 20;
const SPEAK: u64 = 1 << 21;
const VIEW_CHANNEL: u64 = 1 << 10;
const MOVE_MEMBERS: u64 = 1 << 24;

/// Whatever was asked before gets no answer: the next events are those of a join that is allowed.
async fn assert_silence_then_join(client: &mut Client, channel: &str) {
    client.voice(Some(GUILD), Some(channel)).await;
    let state = client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], channel);
    client.expect("VOICE_SERVER_UPDATE").await;
}

async fn patch_channel(server: &Server, channel: &str, change: Value) {
    let path = format!("/api/v10/channels/{channel}");
    let (status, _, body) = server
        .request("PATCH", &path, &server.token("Exp"), &change.to_string())
        .await;
    assert_eq!(status.as_u16(), 200, "{body}");
}

fn overwrite(id: &str, kind: u8, allow: u64, deny: u64) -> Value {
    json!({"permission_overwrites": [
        {"id": id, "type": kind, "allow": allow.to_string(), "deny": deny.to_string()},
    ]})
}

#[tokio::test]
async fn rooms_that_are_none() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    bot.voice(Some(GUILD), Some("5")).await;
    bot.voice(Some(GUILD), Some(TEXT)).await;
    bot.voice(Some("5"), Some(VOICE[0])).await;
    bot.voice(None, Some(VOICE[0])).await;
    bot.voice(None, Some(PRIVATE)).await;
    bot.voice(Some(GUILD), Some(PRIVATE)).await;
    bot.voice(Some(GUILD), None).await;
    bot.voice(None, None).await;
    assert_silence_then_join(&mut bot, VOICE[0]).await;
}

#[tokio::test]
async fn without_connect_and_without_view() {
    let server = Server::start().await;
    for denied in [CONNECT, VIEW_CHANNEL] {
        patch_channel(&server, VOICE[0], overwrite(GUILD, 0, 0, denied)).await;
        let mut bot = server.bot("somebody").await;
        bot.voice(Some(GUILD), Some(VOICE[0])).await;
        assert_silence_then_join(&mut bot, VOICE[1]).await;
        bot.close(1000).await;
        // The owner may do everything.
        let (mut exp, _) = server.person("Exp").await;
        assert_silence_then_join(&mut exp, VOICE[0]).await;
        exp.close(1000).await;
    }
}

#[tokio::test]
async fn a_full_room_lets_in_only_those_who_may_move_members() {
    let server = Server::start().await;
    patch_channel(&server, VOICE[0], json!({"user_limit": 1})).await;
    let mut first = server.bot("first").await;
    assert_silence_then_join(&mut first, VOICE[0]).await;
    let mut second = server.bot("second").await;
    second.voice(Some(GUILD), Some(VOICE[0])).await;
    assert_silence_then_join(&mut second, VOICE[1]).await;
    second.voice(Some(GUILD), Some(VOICE[0])).await;
    // Somebody inside may still change flags.
    first.expect("VOICE_STATE_UPDATE").await;
    first.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    assert_eq!(first.expect("VOICE_STATE_UPDATE").await["self_mute"], true);
    assert_eq!(second.expect("VOICE_STATE_UPDATE").await["self_mute"], true);

    patch_channel(&server, VOICE[0], overwrite(TURBULENCE, 1, MOVE_MEMBERS, 0)).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    assert_silence_then_join(&mut turbulence, VOICE[0]).await;
}

#[tokio::test]
async fn without_speak_one_joins_suppressed() {
    let server = Server::start().await;
    patch_channel(&server, VOICE[0], overwrite(GUILD, 0, 0, SPEAK)).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
    assert_eq!(turbulence.expect("VOICE_STATE_UPDATE").await["suppress"], true);
    turbulence.expect("VOICE_SERVER_UPDATE").await;
    let channel = VOICE[0].parse().unwrap();
    let ticket = server.ticket(channel, TURBULENCE.parse().unwrap()).await.unwrap();
    assert!(!ticket.permissions.speak && ticket.permissions.hear);

    // Given back while inside: the state says so, and so does the right to send.
    patch_channel(&server, VOICE[0], json!({"permission_overwrites": []})).await;
    turbulence.expect("CHANNEL_UPDATE").await;
    assert_eq!(turbulence.expect("VOICE_STATE_UPDATE").await["suppress"], false);
    let ticket = server.ticket(channel, TURBULENCE.parse().unwrap()).await.unwrap();
    assert!(ticket.permissions.speak);
}

#[tokio::test]
async fn who_loses_sight_of_a_room_leaves_it_and_hears_no_more_of_it() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    assert_silence_then_join(&mut turbulence, VOICE[0]).await;
    patch_channel(&server, VOICE[0], overwrite(GUILD, 0, 0, VIEW_CHANNEL)).await;
    assert_eq!(turbulence.expect("CHANNEL_DELETE").await["id"], VOICE[0]);
    let left = turbulence.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(left["channel_id"], Value::Null);
    let (mut exp, _) = server.person("Exp").await;
    assert_silence_then_join(&mut exp, VOICE[0]).await;
    exp.voice(Some(GUILD), Some(VOICE[1])).await;
    let seen = turbulence.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&seen["user_id"], &seen["channel_id"]),
        (&json!(EXP), &json!(VOICE[1]))
    );
    // Back into the dark: for those who cannot see the new room, the member is gone.
    exp.voice(Some(GUILD), Some(VOICE[0])).await;
    let seen = turbulence.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&seen["user_id"], &seen["channel_id"]),
        (&json!(EXP), &Value::Null)
    );
}

#[tokio::test]
async fn a_camera_needs_permission_and_room() {
    let server = Server::start().await;
    let stream = 1 << 9;
    patch_channel(&server, VOICE[0], overwrite(GUILD, 0, 0, stream)).await;
    let mut bot = server.bot("camera").await;
    for (channel, shown) in [(VOICE[0], false), (VOICE[1], true)] {
        let data = json!({
            "guild_id": GUILD, "channel_id": channel, "self_mute": false, "self_deaf": false, "self_video": true,
        });
        bot.send(json!({"op": 4, "d": data})).await;
        assert_eq!(bot.expect("VOICE_STATE_UPDATE").await["self_video"], shown);
        bot.expect("VOICE_SERVER_UPDATE").await;
    }
}
