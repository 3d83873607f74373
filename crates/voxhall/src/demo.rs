//! The demo bot: a client like any other that plays generated music without end.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use voxhall_client::{ClientConfig, Trust, VoiceClient};
use voxhall_media::opus::EncoderConfig;
use voxhall_media::pcm::Samples;
use voxhall_media::signal::Music;
use voxhall_media::source::PcmSource;
use voxhall_protocol::ids::{ChannelId, GuildId};

use crate::state::ServerFile;

/// A development server makes a bot of any token; this one is not among those of dev.json, which stay free.
const TOKEN: &str = "voxhall-demo";
/// Decides the melody.
const SEED: u64 = 1;
/// How long the bot waits before it comes back, if something ended its connection.
const RETURN_AFTER: Duration = Duration::from_secs(5);

/// Sends the bot into a channel; it stays until the handle is aborted.
pub fn start(server: &ServerFile, guild: GuildId, channel: ChannelId) -> JoinHandle<()> {
    let trust = server.ca.clone().map_or(Trust::System, Trust::CaFile);
    let config = ClientConfig::bot(&server.api, TOKEN).with_trust(trust);
    tokio::spawn(async move {
        loop {
            if let Err(error) = play(config.clone(), guild, channel).await {
                tracing::warn!(%error, "the demo bot cannot play");
            }
            tokio::time::sleep(RETURN_AFTER).await;
        }
    })
}

async fn play(config: ClientConfig, guild: GuildId, channel: ChannelId) -> Result<()> {
    let client = VoiceClient::login(config).await?;
    let connection = client.join(guild, channel).await?;
    connection.play(PcmSource::new(
        Samples::new(Music::new(SEED)),
        EncoderConfig::default(),
    )?);
    let reason = connection.ended().await;
    tracing::info!(%reason, "the demo bot has left the channel");
    client.close().await;
    Ok(())
}
