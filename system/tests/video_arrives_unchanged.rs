//! Pictures shown by one client are, picture for picture, what another one watches: in each codec, over lossy ways, and
//! from the middle on for who comes later.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use voxhall_client::TrackState;
use voxhall_client::video::{Publication, VideoWants};
use voxhall_media::video::VideoCodec;
use voxhall_system::video::{Cast, lose, next_frame, open, pattern, pictures};
use voxhall_system::{PATIENCE, Server};

/// A movie of each codec.
const MOVIES: [&str; 5] = [
    "pattern-h264.mp4",
    "pattern-h265.mkv",
    "pattern-vp8.webm",
    "pattern-vp9.webm",
    "pattern-av1.mp4",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_each_codec_one_after_the_other() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (player, viewer) = (
        Cast::join(world, "player").await?,
        Cast::join(world, "viewer").await?,
    );
    let mut frames = viewer.watch();
    for name in MOVIES {
        let path = pattern(name);
        let expected = pictures(&path)?;
        let movie = open(&path, false)?;
        let publication = Publication::of(movie.info.codec);
        let shown = player.connection.show_movie(movie, publication)?;
        for (index, picture) in expected.iter().enumerate() {
            let frame = next_frame(&mut frames)
                .await
                .with_context(|| format!("{name}, picture {index}"))?;
            ensure!(frame.user == player.user(), "{name}: a stranger");
            let place = expected.iter().position(|picture| frame.data == picture);
            ensure!(
                frame.data == picture,
                "{name}: number {place:?} comes in the place of picture {index}: {:?} {:?}",
                player.connection.video_statistics(),
                viewer.connection.video_statistics()
            );
            ensure!(frame.keyframe == (index % 6 == 0), "{name}: picture {index}");
        }
        let ended = tokio::time::timeout(PATIENCE, shown.pictures.finished()).await?;
        ensure!(ended == TrackState::Finished, "{name}: {ended:?}");
    }
    let (sent, seen) = (
        player.connection.video_statistics(),
        viewer.connection.video_statistics(),
    );
    ensure!(sent.frames_sent == 60 && sent.frames_withheld == 0, "{sent:?}");
    ensure!(seen.frames_received == 60 && seen.frames_lost == 0, "{seen:?}");
    Ok(())
}

/// Shows a movie over and over for `count` pictures, with losses on the way up of the player and down to the viewer.
async fn over_losses(name: &str, percent: f64, count: usize) -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (player, viewer) = (
        Cast::join(world, "player").await?,
        Cast::join(world, "viewer").await?,
    );
    let path = pattern(name);
    let expected = pictures(&path)?;
    let mut frames = viewer.watch();
    lose(&server, player.user(), "up", percent, 7).await?;
    lose(&server, viewer.user(), "down", percent, 8).await?;
    let movie = open(&path, true)?;
    let publication = Publication::of(movie.info.codec);
    let shown = player.connection.show_movie(movie, publication)?;
    let mut last: Option<usize> = None;
    let (mut seen, mut missed) = (0, 0);
    while seen < count {
        let frame = next_frame(&mut frames).await?;
        let next = last.map(|last| (last + 1) % expected.len());
        let follows = next.is_none_or(|next| frame.data == expected[next]);
        ensure!(
            follows || frame.keyframe,
            "a gap that does not end with a keyframe"
        );
        let found = expected.iter().position(|picture| frame.data == picture);
        let place = next
            .filter(|_| follows)
            .or(found)
            .context("a picture that nobody sent")?;
        missed += usize::from(!follows);
        last = Some(place);
        seen += 1;
    }
    shown.stop();
    let (sent, got) = (
        player.connection.video_statistics(),
        viewer.connection.video_statistics(),
    );
    ensure!(got.packets_repaired > 0, "{got:?}");
    ensure!(sent.retransmitted > 0, "{sent:?}");
    // Packets that are lost again and again are given up; that must be rare.
    ensure!(
        missed * 50 <= count,
        "{missed} gaps in {count} pictures: {sent:?} {got:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_are_lost_are_sent_again() -> Result<()> {
    over_losses("pattern-vp8.webm", 5.0, 100).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_packet_in_ten_may_be_lost() -> Result<()> {
    over_losses("pattern-h264.mp4", 10.0, 100).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_the_middle_begins_at_a_keyframe() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let player = Cast::join(world, "player").await?;
    let path = pattern("pattern-av1.webm");
    let expected = pictures(&path)?;
    player
        .connection
        .show_movie(open(&path, true)?, Publication::of(VideoCodec::Av1))?;
    for name in ["early", "late"] {
        let viewer = Cast::join(world, name).await?;
        let mut frames = viewer.watch();
        let first = next_frame(&mut frames).await?;
        ensure!(first.keyframe, "{name} begins in the middle");
        let place = expected.iter().position(|picture| first.data == picture);
        let place = place.context("a picture that nobody sent")?;
        for next in 1..16 {
            let frame = next_frame(&mut frames).await?;
            let is_next = frame.data == expected[(place + next) % expected.len()];
            ensure!(
                is_next,
                "{name}: another picture than number {next} after the first"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_wants_is_not_sent() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let (player, viewer) = (
        Cast::join(world, "player").await?,
        Cast::join(world, "viewer").await?,
    );
    let mut changes = viewer.connection.video_changes(8);
    let movie = open(&pattern("pattern-vp9.webm"), true)?;
    player
        .connection
        .show_movie(movie, Publication::of(VideoCodec::Vp9))?;
    let change = tokio::time::timeout(PATIENCE, changes.recv())
        .await?
        .context("ended")?;
    ensure!(
        change.user == player.user() && change.layers.len() == 1,
        "{change:?}"
    );
    // The viewer never asked for pictures: the player is told, and stops.
    let begin = tokio::time::Instant::now();
    let withheld = loop {
        let before = player.connection.video_statistics();
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = player.connection.video_statistics();
        if now.frames_sent == before.frames_sent && now.frames_withheld > before.frames_withheld {
            break now;
        }
        ensure!(begin.elapsed() < PATIENCE, "{now:?}");
    };
    let mut frames = viewer.watch();
    let first = next_frame(&mut frames).await?;
    ensure!(first.keyframe && player.connection.video_statistics().frames_sent > withheld.frames_sent);
    viewer.connection.want_video(VideoWants::default());
    player.connection.hide();
    let gone = tokio::time::timeout(PATIENCE, changes.recv())
        .await?
        .context("ended")?;
    ensure!(gone.layers.is_empty(), "{gone:?}");
    Ok(())
}
