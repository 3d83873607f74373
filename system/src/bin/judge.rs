//! The judge of foreign clients: runs each bot of `interop/` against one server, and listens to it.
//!
//! Prints a line per client and check; ends non-zero if one failed.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use voxhall_client::{Subscription, VoiceClient, VoiceConnection, VoiceTick};
use voxhall_media::opus::EncoderConfig;
use voxhall_media::pcm::Samples;
use voxhall_media::signal::{Tone, analysis};
use voxhall_media::source::PcmSource;
use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_system::{Server, World};

/// What our own client plays for the foreign one.
const OUR_HZ: f32 = 880.0;
/// Peak of all tones, relative to full scale.
const AMPLITUDE: f32 = 0.37;
/// A tone at that peak, less what a codec and a cautious measurement may take away.
const LOUD_DB: f32 = -20.0;
/// A tone that a lossy codec was given stands out at least so far.
const CLEAN_DB: f32 = 15.0;
/// For the next line of a bot; five seconds of sound and slow log-ins are in it.
const PATIENCE: Duration = Duration::from_secs(40);

/// A foreign client: how to run it, and what it can do.
struct Client {
    name: &'static str,
    /// Program and arguments, relative to `interop/`.
    command: &'static [&'static str],
    /// The variable by which its runtime is told to trust a certificate.
    ca_variable: &'static str,
    hz: f32,
    listens: bool,
}

const CLIENTS: [Client; 3] = [
    Client {
        name: "discord.js",
        command: &["node", "discordjs/bot.mjs"],
        ca_variable: "NODE_EXTRA_CA_CERTS",
        hz: 440.0,
        listens: true,
    },
    Client {
        name: "discord.py",
        command: &["discordpy/.venv/bin/python", "discordpy/bot.py"],
        ca_variable: "SSL_CERT_FILE",
        hz: 550.0,
        listens: false,
    },
    Client {
        name: "songbird",
        command: &["songbird/target/debug/voxhall-interop-songbird"],
        ca_variable: "SSL_CERT_FILE",
        hz: 660.0,
        listens: true,
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let chosen = CLIENTS
        .iter()
        .filter(|client| names.is_empty() || names.iter().any(|name| name == client.name));
    let (mut passed, mut failed) = (0, 0);
    for client in chosen {
        match judge(client).await {
            Ok(()) => passed += 1,
            Err(error) => {
                failed += 1;
                println!("{}: FAILED: {error:#}", client.name);
            }
        }
    }
    println!("interop: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn judge(client: &Client) -> Result<()> {
    let server = Server::start()?;
    let outcome = Trial::run(client, &server.world).await;
    outcome.with_context(|| format!("the server's log:\n{}", server.log()))
}

/// One client being judged: our own one listens in both channels and plays in the first.
struct Trial<'a> {
    client: &'a Client,
    bot: Bot,
    user: UserId,
    events: Subscription<std::sync::Arc<Event>>,
}

impl<'a> Trial<'a> {
    async fn run(client: &'a Client, world: &World) -> Result<()> {
        let [first, second] = world.voice_channels[..] else {
            anyhow::bail!("the world has two voice channels")
        };
        let ours = world.login_bot(0).await?;
        let events = ours.events(256);
        let connection = ours.join(world.guild_id, first).await?;
        let _music = connection.play(our_tone()?);
        let mut pcm = connection.pcm(512);

        let bot = Bot::start(client, world)?;
        let mut trial = Trial {
            client,
            bot,
            user: world.bots[1].id,
            events,
        };
        trial.joins(first).await?;
        trial.is_heard(&mut pcm, 4.5).await?;
        trial.plays_and_hears().await?;
        trial.moves(&ours, world, second).await?;
        trial.leaves().await?;
        connection.leave().await;
        ours.close().await;
        Ok(())
    }

    fn passed(&self, what: &str) {
        println!("{}: {what}", self.client.name);
    }

    async fn joins(&mut self, channel: ChannelId) -> Result<()> {
        self.bot.expect("joined").await?;
        self.sees_in(Some(channel)).await?;
        self.passed("joins");
        Ok(())
    }

    /// Listens until `seconds` of sound of the client are there, and finds its tone in it.
    async fn is_heard(&mut self, pcm: &mut Subscription<VoiceTick>, seconds: f32) -> Result<()> {
        let samples = self
            .record(pcm, seconds)
            .await
            .context("nobody heard the client for long enough")?;
        let (level, clean) = (
            median_of_pieces(&samples, |piece| analysis::tone_level(piece, self.client.hz)),
            median_of_pieces(&samples, |piece| analysis::snr_db(piece, self.client.hz)),
        );
        ensure!(
            level > LOUD_DB,
            "its tone of {} Hz arrived at {level:.1} dBFS",
            self.client.hz
        );
        ensure!(
            clean > CLEAN_DB,
            "its tone stands only {clean:.1} dB above the rest"
        );
        self.passed(&format!(
            "is heard for {seconds} s, tone at {level:.1} dBFS, {clean:.1} dB clean"
        ));
        Ok(())
    }

    async fn record(&self, pcm: &mut Subscription<VoiceTick>, seconds: f32) -> Result<Vec<f32>> {
        let wanted = (seconds * 50.0) as usize * voxhall_media::FRAME_LEN;
        let mut samples = Vec::with_capacity(wanted);
        tokio::time::timeout(PATIENCE, async {
            while samples.len() < wanted {
                let tick = pcm.recv().await.context("our own connection ended")?;
                let voices = tick.speaking.iter().filter(|voice| voice.user == self.user);
                voices.for_each(|voice| samples.extend_from_slice(&voice.pcm));
            }
            anyhow::Ok(())
        })
        .await
        .with_context(|| {
            format!(
                "{:.1} s arrived",
                samples.len() as f32 / voxhall_media::FRAME_LEN as f32 / 50.0
            )
        })??;
        Ok(samples)
    }

    async fn plays_and_hears(&mut self) -> Result<()> {
        self.bot.expect("played").await?;
        self.passed("plays to the end");
        if self.client.listens {
            let level = self
                .bot
                .expect("heard")
                .await?
                .level
                .context("`heard` tells a level")?;
            ensure!(level > LOUD_DB, "it heard our tone at {level:.1} dBFS");
            self.passed(&format!("hears us at {level:.1} dBFS"));
        }
        Ok(())
    }

    async fn moves(&mut self, ours: &VoiceClient, world: &World, channel: ChannelId) -> Result<()> {
        self.sees_in(Some(channel)).await?;
        let connection: VoiceConnection = ours.join(world.guild_id, channel).await?;
        let mut pcm = connection.pcm(512);
        self.is_heard(&mut pcm, 0.5).await.context("after the move")?;
        self.bot.expect("moved").await?;
        self.passed("moves");
        Ok(())
    }

    async fn leaves(&mut self) -> Result<()> {
        self.sees_in(None).await?;
        self.bot.expect("left").await?;
        let status = tokio::time::timeout(PATIENCE, self.bot.process.wait())
            .await
            .context("it does not end")??;
        ensure!(status.success(), "it ended with {status}");
        self.passed("leaves");
        Ok(())
    }

    /// Waits until the server tells our own client that the foreign one is there.
    async fn sees_in(&mut self, channel: Option<ChannelId>) -> Result<()> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self
                    .events
                    .recv()
                    .await
                    .context("our own Gateway session ended")?;
                if let Event::VoiceStateUpdate(state) = &*event
                    && state.user_id == self.user
                    && state.channel_id == channel
                {
                    return anyhow::Ok(());
                }
            }
        })
        .await
        .with_context(|| format!("nobody was told that it is in {channel:?}"))?
    }
}

/// The median over pieces of 100 ms: a bot that stutters on a busy machine breaks the phase of its tone now and then,
/// which a measurement over the whole would take for noise.
fn median_of_pieces(samples: &[f32], measure: impl Fn(&[f32]) -> f32) -> f32 {
    let mut figures: Vec<f32> = samples
        .chunks_exact(5 * voxhall_media::FRAME_LEN)
        .map(measure)
        .collect();
    figures.sort_by(f32::total_cmp);
    figures
        .get(figures.len() / 2)
        .copied()
        .unwrap_or(f32::NEG_INFINITY)
}

fn our_tone() -> Result<PcmSource<impl voxhall_media::pcm::PcmStream>> {
    Ok(PcmSource::new(
        Samples::new(Tone::new(OUR_HZ, AMPLITUDE)),
        EncoderConfig::default(),
    )?)
}

/// One line of a bot.
#[derive(Debug, Deserialize)]
struct Line {
    event: String,
    level: Option<f32>,
}

/// A running foreign client.
struct Bot {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Bot {
    fn start(client: &Client, world: &World) -> Result<Self> {
        let folder = interop_folder()?;
        let (program, arguments) = client.command.split_first().context("a client has a program")?;
        let mut process = Command::new(in_folder(&folder, program))
            .args(arguments.iter().map(|argument| in_folder(&folder, argument)))
            .env("BASE", world.base())
            .env("CA", &world.ca)
            .env(client.ca_variable, &world.ca)
            .env("TOKEN", &world.bots[1].token)
            .env("GUILD", world.guild_id.to_string())
            .env("CHANNEL", world.voice_channels[0].to_string())
            .env("SECOND_CHANNEL", world.voice_channels[1].to_string())
            .env("TONE_HZ", client.hz.to_string())
            .env("LISTEN_HZ", OUR_HZ.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}; interop/run installs it"))?;
        let output = process.stdout.take().context("its output was asked for")?;
        Ok(Self {
            process,
            lines: BufReader::new(output).lines(),
        })
    }

    async fn expect(&mut self, event: &str) -> Result<Line> {
        let text = tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .with_context(|| format!("waited in vain for {event:?}"))??
            .with_context(|| format!("it ended before {event:?}"))?;
        let line: Line = serde_json::from_str(&text).with_context(|| format!("it printed {text:?}"))?;
        ensure!(line.event == event, "expected {event:?}, it printed {text}");
        Ok(line)
    }
}

fn interop_folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop");
    folder
        .canonicalize()
        .context("the judge runs in the project's own tree")
}

/// Arguments with a slash are files of `interop/`; the rest is found on the path.
fn in_folder(folder: &Path, argument: &str) -> PathBuf {
    if argument.contains('/') {
        folder.join(argument)
    } else {
        PathBuf::from(argument)
    }
}
