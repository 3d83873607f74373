//! A bot has one voice state per guild, whichever of its sessions made it; and what op 4 brings when it is sent again.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use voxhall_client::{ConnectionState, Reason, VoiceClient};
use voxhall_protocol::gateway::{ClientMessage, VoiceStateUpdate};
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::voice::VoiceCloseCode;
use voxhall_system::{Observer, PATIENCE, Server, Witness, World};

/// Long enough for an event that should not be.
const A_WHILE: Duration = Duration::from_millis(300);
/// Between two op 4 of a client that waits for an answer.
const AGAIN: Duration = Duration::from_millis(500);

fn ask(client: &VoiceClient, world: &World, channel: ChannelId) {
    let request = VoiceStateUpdate::join(Some(world.guild_id), channel);
    client.gateway().send(ClientMessage::VoiceStateUpdate(request));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_session_takes_over() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (guild, channel) = (world.guild_id, world.voice_channels[0]);
    let bystander = world.login_user(0).await?;
    let mut bystander = Witness::of(&bystander, "the bystander");
    let (first, second) = (world.login_bot(0).await?, world.login_bot(0).await?);

    let firsts_voice = first.join(guild, channel).await?;
    let before = bystander.expect("VOICE_STATE_UPDATE").await;
    let seconds_voice = second.join(guild, channel).await?;
    let after = bystander.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        after["channel_id"],
        channel.to_string(),
        "nobody is told that it left"
    );
    assert_ne!(before["session_id"], after["session_id"]);
    let ended = tokio::time::timeout(PATIENCE, firsts_voice.ended()).await?;
    let expected = [Reason::TakenOver, Reason::Closed(VoiceCloseCode::Disconnected)];
    ensure!(
        expected.contains(&ended),
        "the first session's voice ended with: {ended}"
    );

    // What the first session holds is nothing now.
    let leave = VoiceStateUpdate::leave(Some(guild));
    first.gateway().send(ClientMessage::VoiceStateUpdate(leave));
    bystander.is_told_nothing(A_WHILE).await;
    assert_eq!(seconds_voice.state(), ConnectionState::Connected);
    seconds_voice.leave().await;
    let gone = json!({"user_id": world.bots[0].id.to_string(), "channel_id": null});
    bystander.expect_with("VOICE_STATE_UPDATE", gone).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_that_lost_its_state_is_closed() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (guild, channel) = (world.guild_id, world.voice_channels[0]);
    let voice = server.places()?.voice_endpoint;
    let mut first = Observer::join(world.login_bot(0).await?, Some(guild), channel, &voice).await;
    let second = world.login_bot(0).await?;
    second.join(guild, channel).await?;
    let foreign = first.witness.expect("VOICE_STATE_UPDATE").await;
    assert_ne!(
        foreign["session_id"], first.identify["session_id"],
        "the state is another session's"
    );
    assert_eq!(
        first.socket.closed().await,
        Some(VoiceCloseCode::Disconnected.number())
    );
    first.witness.is_told_nothing(A_WHILE).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_op_4_brings_a_server_only_to_who_has_none() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (guild, channel) = (world.guild_id, world.voice_channels[0]);
    let voice = server.places()?.voice_endpoint;
    let mut bot = Observer::join(world.login_bot(0).await?, Some(guild), channel, &voice).await;
    bot.witness.is_told_nothing(A_WHILE).await;
    ask(&bot.client, world, channel);
    bot.witness.expect("VOICE_STATE_UPDATE").await;
    bot.witness.is_told_nothing(A_WHILE).await;

    bot.socket.drop_dead();
    let begin = Instant::now();
    loop {
        ask(&bot.client, world, channel);
        // The server may take a moment to see that the socket is gone.
        let update = bot.witness.find("VOICE_SERVER_UPDATE", |_| true);
        if let Ok(update) = tokio::time::timeout(AGAIN, update).await {
            assert_ne!(update["token"], bot.identify["token"], "the old token is used up");
            return Ok(());
        }
        ensure!(
            begin.elapsed() < AGAIN * 8,
            "without a voice connection there must be a new server"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_closes_the_socket_of_the_old_channel_after_a_moment() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let voice = server.places()?.voice_endpoint;
    let guild = Some(world.guild_id);
    let mut bot = Observer::join(world.login_bot(0).await?, guild, world.voice_channels[0], &voice).await;
    let begin = Instant::now();
    ask(&bot.client, world, world.voice_channels[1]);
    let moved = bot.witness.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(moved["channel_id"], world.voice_channels[1].to_string());
    let update = bot.witness.expect("VOICE_SERVER_UPDATE").await;
    assert_ne!(update["token"], bot.identify["token"]);
    assert_eq!(
        bot.socket.closed().await,
        Some(VoiceCloseCode::Disconnected.number())
    );
    assert!(
        begin.elapsed() >= Duration::from_millis(900),
        "a client has a second to leave by itself"
    );
    Ok(())
}
