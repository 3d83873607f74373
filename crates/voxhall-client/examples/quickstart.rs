//! The program of the README: joins a voice channel and plays a file, against `make run`.
//!
//! ```sh
//! cargo run -p voxhall-client --example quickstart
//! ```

use std::error::Error;

use voxhall_client::{ClientConfig, Trust, VoiceClient};
use voxhall_protocol::ids::{ChannelId, GuildId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A development server takes any token; another server wants one from `voxhall token create`.
    let config = ClientConfig::bot("https://127.0.0.1:8443/api", "any token")
        .with_trust(Trust::CaFile(".state/ca.pem".into()));
    let client = VoiceClient::login(config).await?;
    println!("logged in as {}", client.user().username);

    let connection = client
        .join(GuildId(934828556603764816), ChannelId(934828556603764821))
        .await?;
    let track = connection.play(voxhall_media::source::open("music.opus", Default::default())?);
    track.finished().await;
    println!("played {:.1} s", track.position().as_secs_f64());

    client.close().await;
    Ok(())
}
