//! What the server refuses without a word, the command line says in one sentence, with a code that is not 0.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use voxhall_media::ogg::{OggWriter, OpusHead, OpusTags};
use voxhall_system::sound::random_packets;
use voxhall_system::{Cli, Server, run, wire};

/// CONNECT.
const CONNECT: u64 = 1 << 20;

/// Exactly one line on stderr, and a failure; gives the line.
fn one_sentence(succeeded: bool, said: &str) -> Result<String> {
    ensure!(!succeeded, "it should have failed");
    ensure!(said.lines().count() == 1, "one sentence, not: {said}");
    ensure!(said.starts_with("voxhall: "), "it says who speaks: {said}");
    Ok(said.to_owned())
}

/// Changes a channel as the owner of the guild.
async fn patch(server: &Server, channel: usize, change: Value) -> Result<()> {
    let world = &server.world;
    let path = format!("/api/v9/channels/{}", world.voice_channels[channel]);
    let (status, body) = wire::rest(world.address(), "PATCH", &path, &world.users[1].token, &change).await;
    ensure!(status == 200, "{status} {body}");
    Ok(())
}

/// Both take as long as op 4 may stay unanswered, so they wait together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_channel_and_a_missing_permission() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    patch(&server, 0, json!({"user_limit": 1})).await?;
    let first = world.login_bot(0).await?;
    first.join(world.guild_id, world.voice_channels[0]).await?;
    let everyone = world.guild_id.to_string();
    let overwrite = json!({"id": everyone, "type": 0, "allow": "0", "deny": CONNECT.to_string()});
    patch(&server, 1, json!({"permission_overwrites": [overwrite]})).await?;

    let state = server.state_arguments();
    let join = |channel: usize| {
        let channel = world.voice_channels[channel].to_string();
        Cli::start(&["join", &channel, "--token", "a stranger", &state[0], &state[1]])
    };
    let (mut full, mut forbidden) = (join(0)?, join(1)?);
    for (refused, channel) in [(&mut full, 0), (&mut forbidden, 1)] {
        let (succeeded, said) = refused.end()?;
        let said = one_sentence(succeeded, &said)?;
        ensure!(
            said.contains(&world.voice_channels[channel].to_string()),
            "{said}"
        );
        ensure!(said.contains("full") && said.contains("CONNECT"), "{said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bots_token_as_a_persons_and_a_bot_that_calls() -> Result<()> {
    let server = Server::start()?;
    let state = server.state_arguments();
    let bot = &server.world.bots[0].token;
    let user = server.world.users[1].id.to_string();
    let wrong = run(&[
        "join",
        "--token",
        "nobody's",
        "--account",
        "user",
        &state[0],
        &state[1],
    ])?;
    let said = one_sentence(wrong.status.success(), &String::from_utf8_lossy(&wrong.stderr))?;
    ensure!(said.contains("token is a bot's or a person's"), "{said}");
    let calls = run(&["call", &user, "--ring", "--token", bot, &state[0], &state[1]])?;
    let said = one_sentence(calls.status.success(), &String::from_utf8_lossy(&calls.stderr))?;
    ensure!(said.contains("log in as a person"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_damaged_further_on() -> Result<()> {
    let server = Server::start()?;
    let folder = tempfile::tempdir()?;
    let tags = OpusTags {
        vendor: "test".to_owned(),
        comments: Vec::new(),
    };
    let mut writer = OggWriter::new(Vec::new(), OpusHead::default(), &tags, 7)?;
    for packet in random_packets(5, 100) {
        writer.write_packet(&packet)?;
    }
    let whole = writer.finish()?;
    let mut damaged = whole.clone();
    let middle = damaged.len() * 9 / 10;
    damaged[middle] ^= 0xFF;
    let state = server.state_arguments();
    let cases = [
        ("cut.opus", &whole[..whole.len() * 9 / 10], "breaks off"),
        ("damaged.opus", &damaged, "damaged"),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        let played = run(&["play", &path.display().to_string(), &state[0], &state[1]])?;
        let said = String::from_utf8_lossy(&played.stderr);
        ensure!(!played.status.success(), "{name} was played to its end");
        let last = said.lines().last().unwrap_or_default();
        ensure!(last.contains(name) && last.contains(expected), "{name}: {said}");
    }
    Ok(())
}
