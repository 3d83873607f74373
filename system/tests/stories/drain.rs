//! SIGTERM while people talk: every session is told, recordings are closed whole, the server ends in order.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use voxhall_media::ogg::OggReader;
use voxhall_protocol::gateway::GatewayOpcode;
use voxhall_protocol::voice::VoiceCloseCode;
use voxhall_system::sound::Numbered;
use voxhall_system::{Cli, Observer, PATIENCE, Server, Socket};

/// For the whole drain.
const SOON: Duration = Duration::from_secs(10);
/// Bytes of a recording by which it surely holds sound.
const SOME_SOUND: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_plays_and_somebody_records() -> Result<()> {
    let mut server = Server::start()?;
    let world = server.world.clone();
    let (guild, channel) = (world.guild_id, world.voice_channels[0]);
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("heard.opus");
    let (out, state) = (recording.display().to_string(), server.state_arguments());
    let mut recorder = Cli::start(&["record", &out, "--as", &world.bots[1].name, &state[0], &state[1]])?;
    let player = world.login_bot(0).await?;
    let playing = player.join(guild, channel).await?;
    let _track = playing.play(Numbered::default());
    recorder.wait_for_file(&recording).await?;
    grows_beyond(&recording, SOME_SOUND).await?;

    let observer = world.login_user(0).await?;
    let mut observer = Observer::join(observer, Some(guild), channel, &server.places()?.voice_endpoint).await;
    let mut session = Socket::open(world.address(), "/?v=10&encoding=json").await;
    let identify = json!({"token": world.bots[0].token, "intents": 129, "properties": {}});
    session
        .send(json!({"op": GatewayOpcode::Identify.number(), "d": identify}))
        .await;
    session.until(GatewayOpcode::Dispatch.number()).await;

    server.terminate()?;
    let asked = Instant::now();
    session.until(GatewayOpcode::Reconnect.number()).await;
    let closed = observer.socket.closed().await;
    assert_eq!(
        closed,
        Some(VoiceCloseCode::GoingAway.number()),
        "how the voice gateway says that it goes"
    );
    let status = server.wait()?;
    assert!(status.success(), "the server ended with {status}");
    assert!(asked.elapsed() < SOON, "it took {:?}", asked.elapsed());

    // It would wait for the server to come back.
    recorder.terminate()?;
    let (_, said) = recorder.end()?;
    is_whole(&recording).with_context(|| format!("the recorder said: {said}"))
}

async fn grows_beyond(path: &Path, bytes: u64) -> Result<()> {
    let begin = Instant::now();
    while std::fs::metadata(path)?.len() < bytes {
        ensure!(begin.elapsed() < PATIENCE, "nothing is recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Every packet can be read, some are the player's, and the last page is marked as the last one.
fn is_whole(path: &Path) -> Result<()> {
    /// Of the flags on a page (RFC 3533, section 6).
    const LAST_PAGE: u8 = 0x04;
    const FLAGS_AT: usize = 5;
    let bytes = std::fs::read(path)?;
    let mut reader = OggReader::new(&bytes[..])?;
    let mut numbered = 0;
    while let Some(frame) = reader.next_packet()? {
        numbered += usize::from(frame.packet().len() == 5);
    }
    ensure!(
        numbered > 25,
        "only {numbered} packets of the player were recorded"
    );
    let last = bytes
        .windows(4)
        .rposition(|start| start == b"OggS")
        .context("pages")?;
    ensure!(
        bytes[last + FLAGS_AT] & LAST_PAGE != 0,
        "the recording breaks off without an end"
    );
    Ok(())
}
