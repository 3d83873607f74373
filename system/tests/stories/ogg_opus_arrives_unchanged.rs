//! Ogg Opus played by one client and recorded by another is identical, packet for packet.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use voxhall_client::{ClientConfig, ConnectionConfig, Subscription, Trust, VoiceClient, VoiceConnection};
use voxhall_client::{OpusPacket, TrackState};
use voxhall_media::ogg::{OggReader, OggWriter, OpusHead, OpusTags};
use voxhall_media::opus::SILENCE;
use voxhall_media::source::OggOpusSource;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_system::sound::random_packets;
use voxhall_system::{Cli, PATIENCE, Server, World, run};

/// About a second and a half of packets of 2.5 to 60 ms.
const PACKETS: usize = 80;
/// About half a second, for each of the modes.
const PACKETS_OF_A_MODE: usize = 25;

/// A player and a listener that accept one encryption mode only.
struct Pair {
    mode: EncryptionMode,
    player: VoiceConnection,
    listener: Subscription<OpusPacket>,
    /// Keep the logins and the listener's connection.
    _kept: (VoiceClient, VoiceClient, VoiceConnection),
    packets: Vec<Bytes>,
    user: UserId,
}

impl Pair {
    async fn join(world: &World, number: usize, mode: EncryptionMode) -> Result<Self> {
        let player = login(world, &format!("player {mode}"), mode, true).await?;
        let listener = login(world, &format!("listener {mode}"), mode, false).await?;
        let channel = world.voice_channels[0];
        let playing = player
            .join(world.guild_id, channel)
            .await
            .with_context(|| format!("{mode}"))?;
        let listening = listener
            .join(world.guild_id, channel)
            .await
            .with_context(|| format!("{mode}"))?;
        Ok(Self {
            mode,
            user: player.user().id,
            player: playing,
            listener: listening.packets(16 * 1024),
            _kept: (player, listener, listening),
            packets: random_packets(number as u64, PACKETS_OF_A_MODE),
        })
    }
}

/// Any token is a bot of the development world.
async fn login(world: &World, token: &str, mode: EncryptionMode, deaf: bool) -> Result<VoiceClient> {
    let trust = Trust::CaFile(world.ca.clone());
    let mut voice = ConnectionConfig::new(&trust)?;
    voice.mode = Some(mode);
    // Who only plays need not be sent what the others play.
    voice.self_deaf = deaf;
    let mut config = ClientConfig::bot(&world.api, token).with_trust(trust);
    config.voice = Some(voice);
    Ok(VoiceClient::login(config).await?)
}

fn ogg_file(packets: &[Bytes]) -> Result<Vec<u8>> {
    let tags = OpusTags {
        vendor: "test".to_owned(),
        comments: Vec::new(),
    };
    let mut writer = OggWriter::new(Vec::new(), OpusHead::default(), &tags, 7)?;
    for packet in packets {
        writer.write_packet(packet)?;
    }
    Ok(writer.finish()?)
}

/// The packets of a file, without the silence before and after them, and where the player was not given time to read.
fn spoken_packets(path: &Path) -> Result<Vec<Bytes>> {
    let mut reader = OggReader::new(std::fs::File::open(path)?)?;
    let mut packets = Vec::new();
    while let Some(frame) = reader.next_packet()? {
        packets.push(frame.into_packet());
    }
    packets.retain(|packet| packet.len() > SILENCE.len());
    Ok(packets)
}

/// Eight speakers and eight listeners, one for each mode, in one room: every listener hears every speaker, so each mode
/// is also forwarded into each other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_each_of_the_eight_modes() -> Result<()> {
    let server = Server::start()?;
    let mut pairs = Vec::new();
    for (number, mode) in EncryptionMode::ALL.into_iter().enumerate() {
        pairs.push(Pair::join(&server.world, number, mode).await?);
    }
    // One after the other: eight at once would be a test of this machine, whose ciphers are not optimised.
    for pair in &pairs {
        let file = Cursor::new(ogg_file(&pair.packets)?);
        let track = pair.player.play(OggOpusSource::new(file)?);
        let state = tokio::time::timeout(PATIENCE, track.finished()).await?;
        ensure!(state == TrackState::Finished, "{}: {state:?}", pair.mode);
    }
    let speakers: Vec<_> = pairs
        .iter()
        .map(|pair| (pair.user, pair.mode, pair.packets.clone()))
        .collect();
    for pair in &mut pairs {
        let mut heard = heard_of(&mut pair.listener, &speakers)
            .await
            .with_context(|| format!("{}", pair.mode))?;
        for ((_, mode, sent), heard) in speakers.iter().zip(&mut heard) {
            heard.retain(|payload| *payload != SILENCE[..]);
            ensure!(
                heard == sent,
                "{mode} heard in {} is not what was sent",
                pair.mode
            );
        }
    }
    Ok(())
}

/// What was heard of each speaker, up to the silence that ends each one's talk.
async fn heard_of(
    listener: &mut Subscription<OpusPacket>,
    speakers: &[(UserId, EncryptionMode, Vec<Bytes>)],
) -> Result<Vec<Vec<Bytes>>> {
    let mut heard = vec![Vec::new(); speakers.len()];
    let is_whole = |heard: &[Vec<Bytes>]| {
        speakers
            .iter()
            .zip(heard)
            .all(|((_, _, sent), heard): (_, &Vec<Bytes>)| heard.len() >= sent.len())
    };
    while !is_whole(&heard) {
        let packet = tokio::time::timeout(PATIENCE, listener.recv()).await;
        let counts: Vec<_> = heard.iter().map(Vec::len).collect();
        let packet = packet.with_context(|| format!("only {counts:?} packets arrived"))?;
        let packet = packet.context("the connection ended")?;
        let of = speakers.iter().position(|(user, ..)| *user == packet.user);
        heard[of.context("a stranger spoke")?].push(packet.payload);
    }
    ensure!(listener.missed() == 0, "the listener was too slow");
    Ok(heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_file_to_file_with_the_command_line() -> Result<()> {
    let server = Server::start()?;
    let folder = tempfile::tempdir()?;
    let (played, recorded) = (
        folder.path().join("played.opus"),
        folder.path().join("recorded.opus"),
    );
    let packets = random_packets(99, PACKETS);
    std::fs::write(&played, ogg_file(&packets)?)?;
    let state = server.state_arguments();
    let [state, state_folder] = state.each_ref().map(String::as_str);
    let (played, out) = (played.display().to_string(), recorded.display().to_string());

    let mut recorder = Cli::start(&[
        "record",
        &out,
        "--as",
        &server.world.bots[1].name,
        state,
        state_folder,
    ])?;
    // It begins to write once it is connected.
    recorder.wait_for_file(&recorded).await?;
    let player = run(&[
        "play",
        &played,
        "--as",
        &server.world.bots[0].name,
        state,
        state_folder,
    ])?;
    ensure!(
        player.status.success(),
        "{}",
        String::from_utf8_lossy(&player.stderr)
    );
    recorder.terminate()?;
    let (succeeded, said) = recorder.end()?;
    ensure!(succeeded, "{said}");

    let heard = spoken_packets(&recorded)?;
    ensure!(
        heard.len() == packets.len(),
        "{} packets of {} were recorded",
        heard.len(),
        packets.len()
    );
    ensure!(heard == packets, "the recording is not what was played");
    Ok(())
}
