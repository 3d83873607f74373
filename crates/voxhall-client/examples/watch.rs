//! Tells what everyone in a voice channel shows, picture for picture, until Ctrl-C.
//!
//! ```sh
//! cargo run -p voxhall-client --example watch -- .state/dev.json
//! ```

mod dev;

use std::error::Error;

use voxhall_client::{ConnectionConfig, VideoOptions, VideoWants, VoiceClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let world = std::env::args().nth(1).ok_or("usage: watch DEV.JSON")?;
    let world = dev::World::read(&world)?;

    let mut config = world.bot(1);
    let mut voice = ConnectionConfig::new(&config.trust)?;
    voice.video = Some(VideoOptions::watch_only());
    config.voice = Some(voice);
    let client = VoiceClient::login(config).await?;
    let connection = client.join(world.guild, world.channel).await?;
    let mut pictures = connection.watch_video(100);
    connection.want_video(VideoWants::everybody());
    loop {
        let picture = tokio::select! {
            picture = pictures.recv() => picture,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(picture) = picture else { break };
        let kind = if picture.keyframe { "keyframe" } else { "picture" };
        println!(
            "{} {} {kind}, {} bytes",
            picture.user,
            picture.codec,
            picture.data.len()
        );
    }
    client.close().await;
    Ok(())
}
