//! The founding captures, held against the server by `voxhall inspect --check`; and what it writes down of a live
//! exchange.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use voxhall_system::{Server, run};

/// Notes, and how many messages are sent and compared at least.
type Case = (&'static str, usize, usize);

/// Both gateways, what browsers say to the voice gateway included. The fifth of the notes holds no message.
const CASES: [Case; 4] = [
    ("000_8e500259156488e0.txt", 4, 4),
    ("001_a8493bd86a646482.txt", 16, 28),
    ("002_49b6d51068ffa36b.txt", 9, 22),
    ("004_45b894b59929e7ea.txt", 2, 3),
];

fn notes(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/voxhall-protocol/tests/data/captures")
        .join(name)
}

#[test]
fn event_for_event() -> Result<()> {
    for (name, sent, compared) in CASES {
        let file = notes(name);
        let output = run(&["inspect", "--check", file.to_str().context("a path in Unicode")?])?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{name}: {said}");
        let figures = numbers(said.lines().last().context("a summary")?);
        ensure!(figures.len() == 4, "{name}: {said}");
        ensure!(figures[0] >= sent && figures[1] >= compared, "{name}: {said}");
        ensure!(figures[2..] == [0, 0], "{name}: {said}");
    }
    Ok(())
}

fn numbers(line: &str) -> Vec<usize> {
    line.split(|it: char| !it.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[tokio::test]
async fn a_live_exchange_is_written_down_by_name_and_without_secrets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("messages.jsonl");
    let log = log.to_str().context("a path in Unicode")?;
    let server = Server::start_with(&["--wire-log", log])?;
    let world = &server.world;
    let client = world.login_bot(0).await?;
    let connection = client.join(world.guild_id, world.voice_channels[0]).await?;
    connection.leave().await;
    client.close().await;

    let output = run(&["inspect", log])?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}");
    let expected = [
        "info: Client -> Server: Identify",
        "READY",
        "info: Client -> Server: Voice State Update",
        "VOICE_STATE_UPDATE",
        "VOICE_SERVER_UPDATE",
        "info: Server -> Client (voice): Hello",
        "info: Client -> Server (voice): Identify",
        "info: Server -> Client (voice): Session Description",
    ];
    let mut rest = &*said;
    for line in expected {
        let (_, after) = rest
            .split_once(line)
            .with_context(|| format!("no {line} in\n{rest}"))?;
        rest = after;
    }
    let written = std::fs::read_to_string(log)?;
    let token = &world.bots[0].token;
    ensure!(!written.contains(token.as_str()), "the log holds a token");
    let blank = format!("\"secret_key\":[{}]", ["0"; 32].join(","));
    ensure!(written.contains(&blank), "the log tells the key");
    Ok(())
}
