//! Plays a file in a voice channel: Ogg Opus as it is, WAV encoded.
//!
//! ```sh
//! voxhall serve --dev --state .state        # in another terminal
//! cargo run -p voxhall-client --example play -- .state/dev.json music.opus
//! ```

mod dev;

use std::error::Error;

use voxhall_client::{TrackState, VoiceClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(world), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: play DEV.JSON FILE".into());
    };
    let world = dev::World::read(&world)?;
    let source = voxhall_media::source::open(&file, Default::default())?;

    let client = VoiceClient::login(world.bot(0)).await?;
    let connection = client.join(world.guild, world.channel).await?;
    let track = connection.play(source);
    let end = track.finished().await;
    println!("played {:.1} s", track.position().as_secs_f64());
    client.close().await;
    match end {
        TrackState::Failed(why) => Err(why.into()),
        _ => Ok(()),
    }
}
