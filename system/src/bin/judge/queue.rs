//! A bot that plays its queue for ever, while what goes wrong in ten minutes goes wrong in one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use voxhall_client::{OpusPacket, Subscription, VoiceTick};
use voxhall_protocol::ids::UserId;
use voxhall_system::Server;

use crate::PATIENCE;
use crate::bot::{Bot, Line};
use crate::fault::{Fault, HEARTBEAT, Sign};
use crate::library::Library;
use crate::sound::{PIECE, is_tone};

/// What the server is started with: it asks for heartbeats so often that a missing answer shows within seconds.
pub const SERVER: &[&str] = &[HEARTBEAT];

/// What the bot plays in turn: far enough apart to be told from each other.
const TRACKS: [f32; 4] = [440.0, 550.0, 660.0, 770.0];
/// How long each is.
const TRACK_SECONDS: u32 = 4;
/// How long the track that was announced must be heard without a break before the queue counts as going on.
const STEADY: usize = 10;
/// After a fault has ended, the queue must go on within this. The library waits up to 5 s before it begins a new
/// session, and a bot up to 5 s for a new voice server after it was sent away.
const RECOVERY: Duration = Duration::from_secs(15);
/// Out of a second of packets with every tenth lost, at least so many are missing.
const MISSING: u32 = 3;
/// The order of the faults and the pauses between them follow from it.
const SEED: u64 = 2026;

/// Follows what a bot says it plays, and whether that is heard.
struct Ear {
    bot: Bot,
    user: UserId,
    pcm: Subscription<VoiceTick>,
    packets: Subscription<OpusPacket>,
    /// What was announced, from the first track on.
    tracks: Vec<f32>,
    piece: Vec<f32>,
    /// Pieces without a break that were what was announced last.
    steady: usize,
    /// When something was heard last, and the longest silence since [`Self::mark`].
    sound: Instant,
    silence: Duration,
    last_packet: Option<u16>,
    missing: u32,
    /// What the bot said since [`Self::mark`].
    said: Vec<Line>,
}

/// Judges a bot of a library.
pub async fn judge(library: &Library, server: &Server) -> Result<()> {
    let (world, passed) = (&server.world, |what: &str| println!("{}: {what}", library.name));
    let channel = *world
        .voice_channels
        .first()
        .context("the world has voice channels")?;
    let ours = world.login_bot(0).await?;
    let connection = ours.join(world.guild_id, channel).await?;
    let tracks = TRACKS.map(|hz| hz.to_string()).join(",");
    let variables = [
        ("CHANNEL", channel.to_string()),
        ("TRACKS", tracks),
        ("TRACK_SECONDS", TRACK_SECONDS.to_string()),
    ];
    let program = library.queue.context("the library has a queue")?;
    let bot = Bot::start(library, program, world, &variables)?;
    let mut ear = Ear::new(
        bot,
        world.bots[1].id,
        connection.pcm(512),
        connection.packets(512),
    );
    ear.hears_the_queue(Instant::now(), PATIENCE).await?;
    passed("plays its queue");

    let mut random = StdRng::seed_from_u64(SEED);
    let mut faults = Fault::all(&elsewhere(server)?);
    faults.shuffle(&mut random);
    let begin = Instant::now();
    for fault in &faults {
        let pause = Duration::from_millis(random.random_range(0..1000));
        ear.listen_for(pause).await?;
        let recovery = ear.outlives(fault, server).await;
        passed(&recovery.with_context(|| format!("{}, with seed {SEED}", fault.name))?);
    }
    ear.tracks_advance()?;
    passed(&format!(
        "played {} tracks through {} faults in {:.0} s",
        ear.tracks.len(),
        faults.len(),
        begin.elapsed().as_secs_f32()
    ));
    ours.close().await;
    Ok(())
}

/// The voice gateway under another name, for which its certificate is good too.
fn elsewhere(server: &Server) -> Result<String> {
    let places = server.places()?;
    let (_, port) = places
        .voice_endpoint
        .rsplit_once(':')
        .context("the endpoint has a port")?;
    Ok(format!("localhost:{port}"))
}

impl Ear {
    fn new(bot: Bot, user: UserId, pcm: Subscription<VoiceTick>, packets: Subscription<OpusPacket>) -> Self {
        Self {
            bot,
            user,
            pcm,
            packets,
            tracks: Vec::new(),
            piece: Vec::with_capacity(PIECE),
            steady: 0,
            sound: Instant::now(),
            silence: Duration::ZERO,
            last_packet: None,
            missing: 0,
            said: Vec::new(),
        }
    }

    /// Strikes, and tells how the queue came back.
    async fn outlives(&mut self, fault: &Fault, server: &Server) -> Result<String> {
        self.mark();
        let struck = Instant::now();
        fault.strike(server, self.user).await?;
        self.listen_for(fault.stands).await?;
        self.shows(fault.sign, struck + fault.stands + RECOVERY).await?;
        self.hears_the_queue(struck, fault.stands + RECOVERY).await?;
        let back = struck
            .elapsed()
            .saturating_sub(Duration::from_millis(100 * STEADY as u64));
        Ok(format!(
            "{}: plays on after {:.1} s, longest silence {:.1} s",
            fault.name,
            back.as_secs_f32(),
            self.silence.as_secs_f32()
        ))
    }

    /// Forgets what was heard and said.
    fn mark(&mut self) {
        self.piece.clear();
        self.said.clear();
        (self.steady, self.missing, self.silence) = (0, 0, Duration::ZERO);
        self.sound = Instant::now();
    }

    /// Waits until it is known that the fault took hold.
    async fn shows(&mut self, sign: Sign, until: Instant) -> Result<()> {
        while !self.is_seen(sign) {
            if Instant::now() > until {
                bail!("nothing shows that it happened; the bot said {:?}", self.said);
            }
            self.advance().await?;
        }
        Ok(())
    }

    fn is_seen(&self, sign: Sign) -> bool {
        let says = |event: &str, status: &str| {
            let said = |line: &Line| line.event == event && line.status.as_deref() == Some(status);
            self.said.iter().any(said)
        };
        match sign {
            Sign::VoiceLost => says("voice", "ready"),
            Sign::Resumed => says("gateway", "resumed"),
            Sign::Renewed => says("gateway", "ready"),
            Sign::PacketsLost => self.missing >= MISSING,
            Sign::None => true,
        }
    }

    /// Waits until what was announced has been heard for a second, all of it from now on.
    async fn hears_the_queue(&mut self, since: Instant, within: Duration) -> Result<()> {
        self.steady = 0;
        while self.steady < STEADY {
            ensure!(
                since.elapsed() < within,
                "the queue does not go on within {within:?}: {:.1} s since the last sound, track {:?}, the bot said {:?}",
                self.sound.elapsed().as_secs_f32(),
                self.tracks.last(),
                self.said
            );
            self.advance().await?;
        }
        Ok(())
    }

    async fn listen_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.advance().await?;
        }
        Ok(())
    }

    /// Takes in whatever comes next; nothing for a moment counts as well.
    async fn advance(&mut self) -> Result<()> {
        tokio::select! {
            line = self.bot.next() => self.take_line(line?),
            tick = self.pcm.recv() => self.take_tick(&tick.context("our own connection ended")?),
            packet = self.packets.recv() => self.take_packet(&packet.context("our own connection ended")?),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        self.silence = self.silence.max(self.sound.elapsed());
        Ok(())
    }

    fn take_line(&mut self, line: Line) {
        match line.hz {
            Some(hz) => {
                self.tracks.push(hz);
                self.piece.clear();
            }
            None => self.said.push(line),
        }
    }

    fn take_tick(&mut self, tick: &VoiceTick) {
        let Some(voice) = tick.speaking.iter().find(|voice| voice.user == self.user) else {
            self.piece.clear();
            self.steady = 0;
            return;
        };
        self.silence = self.silence.max(self.sound.elapsed());
        self.sound = Instant::now();
        self.piece.extend_from_slice(&voice.pcm);
        if self.piece.len() >= PIECE {
            let right = self.tracks.last().is_some_and(|hz| is_tone(&self.piece, *hz));
            self.steady = if right { self.steady + 1 } else { 0 };
            self.piece.clear();
        }
    }

    fn take_packet(&mut self, packet: &OpusPacket) {
        if packet.user != self.user {
            return;
        }
        let ahead = self
            .last_packet
            .map_or(1, |last| packet.sequence.wrapping_sub(last));
        // Further ahead than that, it is a new connection.
        if (2..50).contains(&ahead) {
            self.missing += u32::from(ahead) - 1;
        }
        self.last_packet = Some(packet.sequence);
    }

    /// The tracks came in the order of the queue, and the queue did not stand still.
    fn tracks_advance(&self) -> Result<()> {
        let expected = TRACKS.iter().cycle();
        ensure!(
            self.tracks
                .iter()
                .zip(expected)
                .all(|(track, expected)| track == expected),
            "the tracks came as {:?}",
            self.tracks
        );
        ensure!(
            self.tracks.len() > 2 * TRACKS.len(),
            "only {} tracks were begun",
            self.tracks.len()
        );
        Ok(())
    }
}
