//! Idle members are carried to the guild's channel for the idle, where nobody speaks (gateway-and-calls, section 5).

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_control::{GuildSettings, Limits};
use voxhall_protocol::model::ChannelKind;

use crate::harness::{Client, GUILD, PRIVATE, Server, TURBULENCE, VOICE, pass, settle};

/// A guild whose second voice channel is for those who are idle for a minute.
async fn start() -> Server {
    let limits = Limits {
        // The clients of these tests send no heartbeats.
        heartbeat_interval: Duration::from_secs(36_000),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    idle_channel(&server, Some(VOICE[1])).await;
    server
}

async fn idle_channel(server: &Server, channel: Option<&str>) {
    let settings = GuildSettings {
        afk_channel_id: channel.map(|channel| channel.parse().unwrap()),
        afk_timeout: 60,
        ..GuildSettings::default()
    };
    let guild = GUILD.parse().unwrap();
    server
        .directory
        .put_guild_settings(guild, settings)
        .await
        .unwrap();
}

async fn joined(server: &Server, channel: &str) -> Client {
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(channel)).await;
    client.several(2).await;
    client
}

/// Lets time pass in steps, as timers that are set by timers need it.
async fn wait(seconds: u64) {
    for _ in 0..seconds.div_ceil(5) {
        pass(Duration::from_secs(5)).await;
    }
}

async fn room(server: &Server) -> Value {
    let path = format!("/api/v10/guilds/{GUILD}/voice-states/{TURBULENCE}");
    let (_, _, state) = server.request("GET", &path, &server.token("Exp"), "").await;
    state["channel_id"].clone()
}

#[tokio::test]
async fn who_does_nothing_is_moved_and_may_not_speak_there() {
    let server = start().await;
    let mut client = joined(&server, VOICE[0]).await;
    wait(85).await;
    assert_eq!(room(&server).await, VOICE[0]);
    wait(25).await;
    let state = client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["channel_id"], &state["suppress"]),
        (&json!(VOICE[1]), &json!(true))
    );
    client.expect("VOICE_SERVER_UPDATE").await;
    let ticket = server
        .ticket(VOICE[1].parse().unwrap(), TURBULENCE.parse().unwrap())
        .await
        .unwrap();
    assert!(!ticket.permissions.speak);
    // There it may be idle for ever, and it can come back.
    wait(300).await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    let state = client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["channel_id"], &state["suppress"]),
        (&json!(VOICE[0]), &json!(false))
    );
}

#[tokio::test]
async fn speech_and_changed_flags_are_signs_of_life() {
    let server = start().await;
    let mut client = joined(&server, VOICE[0]).await;
    for spoke in 1..5 {
        wait(60).await;
        server.speaks(VOICE[0], TURBULENCE, spoke).await;
    }
    for turn in 0..4 {
        wait(60).await;
        client
            .voice_with(Some(GUILD), Some(VOICE[0]), turn % 2 == 0)
            .await;
        client.expect("VOICE_STATE_UPDATE").await;
    }
    // A link that says nothing new, and the same op 4 again, are none.
    wait(60).await;
    server.speaks(VOICE[0], TURBULENCE, 4).await;
    client.voice_with(Some(GUILD), Some(VOICE[0]), false).await;
    client.expect("VOICE_STATE_UPDATE").await;
    wait(60).await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["channel_id"], VOICE[1]);
}

#[tokio::test]
async fn only_where_the_guild_wants_it() {
    let server = start().await;
    idle_channel(&server, None).await;
    let guild = GUILD.parse().unwrap();
    let stage = server
        .directory
        .create_channel(guild, None, ChannelKind::GuildStage, "Stage")
        .await
        .unwrap()
        .to_string();
    let mut client = joined(&server, VOICE[0]).await;
    wait(300).await;
    assert_eq!(room(&server).await, VOICE[0], "there is no channel for the idle");
    // The audience of a stage is there to listen, and a private call is no guild's business.
    client.voice(Some(GUILD), Some(&stage)).await;
    client.several(2).await;
    idle_channel(&server, Some(VOICE[1])).await;
    wait(300).await;
    assert_eq!(room(&server).await, *stage);
    client.voice(None, Some(PRIVATE)).await;
    client.several(5).await;
    wait(200).await;
    settle().await;
    assert!(
        server
            .ticket(PRIVATE.parse().unwrap(), TURBULENCE.parse().unwrap())
            .await
            .is_some()
    );
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(5).await;
    wait(120).await;
    assert_eq!(room(&server).await, VOICE[1]);
}
