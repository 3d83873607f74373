//! A client that dies without a goodbye is kept for the resume window, and then everyone is told that it left.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use voxhall_protocol::gateway::GatewayOpcode;
use voxhall_protocol::voice::VoiceOpcode;
use voxhall_system::{Cli, Observer, Server, Socket, Witness};

/// What the server is told, in seconds.
const WINDOW: &str = "--resume-window=2";
/// Well within the window.
const EARLY: Duration = Duration::from_secs(1);
/// The window, and what a busy machine may add.
const LATE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_guilds_channel() -> Result<()> {
    let server = Server::start_with(&[WINDOW])?;
    let world = &server.world;
    let channel = world.voice_channels[0];
    let observer = world.login_bot(1).await?;
    let voice = server.places()?.voice_endpoint;
    let mut observer = Observer::join(observer, Some(world.guild_id), channel, &voice).await;
    let (ghost, name) = (world.bots[0].id.to_string(), &world.bots[0].name);

    let state = server.state_arguments();
    let mut client = Cli::start(&["join", &channel.to_string(), "--as", name, &state[0], &state[1]])?;
    let in_channel = |state: &serde_json::Value| state["user_id"] == ghost && !state["channel_id"].is_null();
    observer.witness.find("VOICE_STATE_UPDATE", in_channel).await;
    let connected = observer.socket.until(VoiceOpcode::ClientsConnect.number()).await;
    assert_eq!(
        connected["user_ids"],
        json!([ghost]),
        "its voice connection is there"
    );

    client.kill()?;
    let killed = Instant::now();
    tokio::join!(
        observer.witness.is_told_nothing(EARLY),
        observer
            .socket
            .never(VoiceOpcode::ClientDisconnect.number(), EARLY),
    );
    let gone = json!({"user_id": ghost, "channel_id": null, "guild_id": world.guild_id.to_string()});
    observer.witness.expect_with("VOICE_STATE_UPDATE", gone).await;
    let left = observer
        .socket
        .until(VoiceOpcode::ClientDisconnect.number())
        .await;
    assert_eq!(left["user_id"], ghost);
    assert!(killed.elapsed() < LATE, "it took {:?}", killed.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_private_call_which_ends_with_it() -> Result<()> {
    let server = Server::start_with(&[WINDOW])?;
    let world = &server.world;
    let (ghost, channel) = (&world.users[0], world.dm_channel.to_string());
    let other = world.login_user(1).await?;
    let mut other = Witness::of(&other, "the other");

    let mut socket = Socket::open(world.address(), "/?v=9&encoding=json").await;
    let identify = json!({"token": ghost.token, "capabilities": 0, "properties": {}});
    socket
        .send(json!({"op": GatewayOpcode::Identify.number(), "d": identify}))
        .await;
    let call = json!({"guild_id": null, "channel_id": channel, "self_mute": false, "self_deaf": false});
    socket
        .send(json!({"op": GatewayOpcode::VoiceStateUpdate.number(), "d": call}))
        .await;
    for name in ["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"] {
        other.expect(name).await;
    }

    socket.drop_dead();
    let died = Instant::now();
    other.is_told_nothing(EARLY).await;
    let gone = json!({"user_id": ghost.id.to_string(), "channel_id": null, "guild_id": null});
    other.expect_with("VOICE_STATE_UPDATE", gone).await;
    let ended = other.expect("MESSAGE_UPDATE").await;
    assert!(ended["call"]["ended_timestamp"].is_string(), "{ended}");
    assert_eq!(other.expect("CALL_DELETE").await, json!({"channel_id": channel}));
    assert!(died.elapsed() < LATE, "it took {:?}", died.elapsed());
    Ok(())
}
