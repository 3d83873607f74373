//! Pictures that clients show and watch.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use voxhall_client::video::{VideoOptions, VideoWants};
use voxhall_client::{
    ClientConfig, ConnectionConfig, Subscription, Trust, VideoFrame, VoiceClient, VoiceConnection,
};
use voxhall_media::movie::{self, Movie, MovieOptions};
use voxhall_protocol::ids::UserId;

use crate::{PATIENCE, Server, World, wire};

/// A small real movie of the media crate's: 12 pictures, 15 a second, every sixth a keyframe.
#[must_use]
pub fn pattern(name: &str) -> PathBuf {
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/voxhall-media/tests/data");
    media.join(name)
}

/// Opens a movie, its pictures 15 a second if it does not tell.
///
/// # Errors
/// It cannot be shown.
pub fn open(path: &Path, repeat: bool) -> Result<Movie> {
    let mut options = MovieOptions {
        repeat,
        ..MovieOptions::default()
    };
    options.frame_rate.pictures = 15;
    Ok(movie::open(path, options)?)
}

/// All pictures of a file.
///
/// # Errors
/// It cannot be read to its end.
pub fn pictures(path: &Path) -> Result<Vec<Bytes>> {
    let mut movie = open(path, false)?;
    let mut pictures = Vec::new();
    while let Some(frame) = movie.pictures.next_frame()? {
        pictures.push(frame.data);
    }
    Ok(pictures)
}

/// What a client of ours needs to log in as a bot that shows and watches.
///
/// # Errors
/// The certificate cannot be read.
pub fn filming_bot(world: &World, token: &str) -> Result<ClientConfig> {
    let trust = Trust::CaFile(world.ca.clone());
    let mut voice = ConnectionConfig::new(&trust)?;
    voice.video = Some(VideoOptions::camera());
    let mut config = ClientConfig::bot(&world.api, token).with_trust(trust);
    config.voice = Some(voice);
    Ok(config)
}

/// A bot in the first voice channel that shows and watches.
#[derive(Clone)]
pub struct Cast {
    /// Keeps the login.
    pub client: VoiceClient,
    /// In the channel.
    pub connection: VoiceConnection,
}

impl Cast {
    /// Logs in and joins.
    ///
    /// # Errors
    /// The client's.
    pub async fn join(world: &World, token: &str) -> Result<Self> {
        let client = VoiceClient::login(filming_bot(world, token)?).await?;
        let connection = client.join(world.guild_id, world.voice_channels[0]).await?;
        Ok(Self { client, connection })
    }

    /// Who it is.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.client.user().id
    }

    /// Wants everybody's pictures, and takes them.
    #[must_use]
    pub fn watch(&self) -> Subscription<VideoFrame> {
        let frames = self.connection.watch_video(4096);
        self.connection.want_video(VideoWants::everybody());
        frames
    }
}

/// The next picture.
///
/// # Errors
/// None comes in time.
pub async fn next_frame(frames: &mut Subscription<VideoFrame>) -> Result<VideoFrame> {
    let frame = tokio::time::timeout(PATIENCE, frames.recv()).await;
    frame.context("no picture comes")?.context("the connection ended")
}

/// Has the server lose `percent` of the datagrams of a user, the same for the same seed.
///
/// # Errors
/// The server refuses.
pub async fn lose(server: &Server, user: UserId, direction: &str, percent: f64, seed: u64) -> Result<()> {
    let body = json!({ "direction": direction, "drop": percent, "seed": seed });
    impair(server, user, body).await
}

/// Has the server do this to the datagrams of a user.
///
/// # Errors
/// The server refuses.
pub async fn impair(server: &Server, user: UserId, body: serde_json::Value) -> Result<()> {
    let path = format!("/dev/users/{user}/voice/datagrams");
    let token = format!("Bearer {}", server.admin_token()?);
    let (status, answer) = wire::rest(server.world.address(), "PUT", &path, &token, &body).await;
    ensure!(status == 204, "{status}: {answer}");
    Ok(())
}
