//! Shows a video file in a voice channel, as it is, with its sound.
//!
//! ```sh
//! voxhall serve --dev --state .state        # in another terminal
//! cargo run -p voxhall-client --example stream -- .state/dev.json clip.mp4
//! ```

mod dev;

use std::error::Error;

use voxhall_client::video::Publication;
use voxhall_client::{ConnectionConfig, TrackState, VideoOptions, VoiceClient};
use voxhall_media::movie;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(world), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: stream DEV.JSON FILE".into());
    };
    let world = dev::World::read(&world)?;
    let movie = movie::open(&file, Default::default())?;

    let mut config = world.bot(0);
    let mut voice = ConnectionConfig::new(&config.trust)?;
    voice.video = Some(VideoOptions::camera());
    config.voice = Some(voice);
    let client = VoiceClient::login(config).await?;
    let connection = client.join(world.guild, world.channel).await?;
    let publication = Publication::of(movie.info.codec);
    let shown = connection.show_movie(movie, publication)?;
    let end = shown.pictures.finished().await;
    println!("{:?}", connection.video_statistics());
    client.close().await;
    match end {
        TrackState::Failed(why) => Err(why.into()),
        _ => Ok(()),
    }
}
