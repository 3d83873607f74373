//! `voxhall record`: write down what is heard in a channel.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use voxhall_client::video::{VideoOptions, VideoWant};
use voxhall_client::{
    ConnectionConfig, ConnectionState, OpusPacket, Subscription, VideoFrame, VideoWants, VoiceConnection,
};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::account::{Account, AccountArgs, Fallback};
use super::session::Session;
use crate::output;
use crate::progress::{Progress, clock};
use crate::recording::{MovieRecording, MovieTarget, Recording, Target};

/// Packets that may wait to be written: ten seconds of twenty people.
pub const PACKETS: usize = 10_000;
/// Pictures that may wait to be written: some seconds of some people.
const PICTURES: usize = 2_000;
/// How long a recording waits for a connection that is lost to come back, before it is closed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often what is ready is written out.
const FLUSH: Duration = Duration::from_secs(1);

/// Record a voice channel: everyone in one WAV file, or each person's sound and pictures untouched
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall record heard.wav --seconds 10               everyone, mixed
  voxhall record heard.opus --user minstrel           one person's packets, as they were sent
  voxhall record heard --channel 966416163309518878   a folder with one such file for each person
  voxhall record seen.mkv --video                     pictures and sound of the first who shows something
  voxhall record seen --video                         a folder: NAME.opus of everyone, NAME.mkv of who shows something")]
pub struct Args {
    /// NAME.wav for a mix, NAME.opus for one person, any other name for a folder with a file for each; with --video
    /// NAME.mkv, NAME.webm or NAME.ivf for one person
    #[arg(value_name = "OUT")]
    out: PathBuf,

    /// Record what people show as well, untouched
    #[arg(long)]
    video: bool,

    /// Record this person only, by id or by the name in dev.json; may be repeated
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,

    /// Stop after this many seconds [default: when asked to]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,

    /// The voice channel [default: the first of dev.json]
    #[arg(long, value_name = "ID")]
    channel: Option<ChannelId>,

    #[command(flatten)]
    account: AccountArgs,
}

impl Args {
    /// Records until the time is over or the person asks to stop; the files are whole in any case.
    pub async fn run(self) -> Result<()> {
        let mut account = self.account.resolve(Fallback::Bot(1))?;
        let channel = account.voice_channel(self.channel)?;
        let only = account.users_named(&self.users)?;
        // A name of another kind shows before anything is joined.
        if self.video {
            MovieTarget::of(&self.out)?;
            let mut voice = ConnectionConfig::new(&account.config.trust)?;
            voice.video = Some(VideoOptions::watch_only());
            account.config.voice = Some(voice);
        } else if let Some("mkv" | "webm" | "ivf") =
            self.out.extension().and_then(|extension| extension.to_str())
        {
            bail!(
                "{} is a file of pictures; record them with --video",
                self.out.display()
            );
        }
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let Some(connection) = session.join(&account, channel).await? else {
            return Ok(());
        };
        let job = Job {
            packets: connection.packets(PACKETS),
            pictures: self.video.then(|| watch(&connection, &only)),
            out: &self.out,
            only,
            time: self.seconds.map(Duration::from_secs),
        };
        eprintln!("Recording channel {channel}. Ctrl-C stops.");
        let outcome = job.run(&mut session, &connection, std::future::pending()).await;
        session.leave(&connection).await;
        outcome
    }
}

/// Wants the pictures of these people, or of everyone.
fn watch(connection: &VoiceConnection, only: &HashSet<UserId>) -> Subscription<VideoFrame> {
    let pictures = connection.watch_video(PICTURES);
    let wants = if only.is_empty() {
        VideoWants::everybody()
    } else {
        only.iter().fold(VideoWants::default(), |wants, user| {
            wants.with(*user, VideoWant::BEST)
        })
    };
    connection.want_video(wants);
    pictures
}

/// A recording that is to be made.
pub struct Job<'a> {
    /// What is heard, from the moment this was asked for.
    pub packets: Subscription<OpusPacket>,
    /// What is shown, if that is to be recorded.
    pub pictures: Option<Subscription<VideoFrame>>,
    /// What to write.
    pub out: &'a Path,
    /// Whom to record; empty means everyone.
    pub only: HashSet<UserId>,
    /// For how long; `None` until something else ends it.
    pub time: Option<Duration>,
}

impl Job<'_> {
    /// Records until the time or `until` is over, the person asks to stop, or the connection ends. What was heard
    /// until then is closed whole, whatever ended it.
    pub async fn run(
        mut self,
        session: &mut Session,
        connection: &VoiceConnection,
        until: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let only = std::mem::take(&mut self.only);
        let mut recording = Files::begin(self.out, self.pictures.is_some(), only, Instant::now())?;
        let writing = async {
            tokio::select! {
                written = self.write(&mut recording) => written,
                over = until => over,
                lost = lost_for(connection, PATIENCE) => lost,
            }
        };
        let ended = session.during(connection, writing).await;
        let (now, summary) = (Instant::now(), recording.progress());
        let length = clock(recording.length(now));
        for file in recording.finish(now)? {
            output::line(&format!("{} ({length})", file.display()))?;
        }
        eprintln!("recorded {summary}");
        ended.map(drop)
    }

    async fn write(&mut self, recording: &mut Files) -> Result<()> {
        let mut progress = Progress::new(Instant::now());
        let mut flush = tokio::time::interval(FLUSH);
        let mut over = std::pin::pin!(tokio::time::sleep(self.time.unwrap_or(Duration::MAX)));
        loop {
            tokio::select! {
                () = over.as_mut() => return Ok(()),
                packet = self.packets.recv() => match packet {
                    Some(packet) => recording.push(packet)?,
                    None => bail!("the connection has ended"),
                },
                picture = next_picture(self.pictures.as_mut()) => match picture {
                    Some(picture) => recording.push_picture(&picture)?,
                    None => bail!("the connection has ended"),
                },
                _ = flush.tick() => {
                    let now = Instant::now();
                    recording.flush(now)?;
                    let missed = self.pictures.as_ref().map_or(0, Subscription::missed);
                    let lost = match self.packets.missed() + missed {
                        0 => String::new(),
                        missed => format!(", {missed} lost because this machine is too slow"),
                    };
                    let length = clock(recording.length(now));
                    progress.show(now, &format!("{length}  {}{lost}", recording.progress()));
                }
            }
        }
    }
}

/// The next picture; none ever where pictures are not recorded.
async fn next_picture(pictures: Option<&mut Subscription<VideoFrame>>) -> Option<VideoFrame> {
    match pictures {
        Some(pictures) => pictures.recv().await,
        None => std::future::pending().await,
    }
}

/// The files of a recording: of sound, of pictures, or both.
struct Files {
    start: Instant,
    sound: Option<Recording>,
    pictures: Option<MovieRecording>,
}

impl Files {
    fn begin(out: &Path, video: bool, only: HashSet<UserId>, now: Instant) -> Result<Self> {
        let target = video.then(|| MovieTarget::of(out)).transpose()?;
        // A single file of pictures has their sound in it.
        let has_own_sound = matches!(target, None | Some(MovieTarget::Folder(_)));
        let sound = has_own_sound
            .then(|| Recording::begin(Target::of(out), only.clone(), now))
            .transpose()?;
        let pictures = target
            .map(|target| MovieRecording::begin(target, only, now))
            .transpose()?;
        Ok(Self {
            start: now,
            sound,
            pictures,
        })
    }

    fn push(&mut self, packet: OpusPacket) -> Result<()> {
        if let Some(pictures) = &mut self.pictures {
            pictures.push_sound(&packet)?;
        }
        match &mut self.sound {
            Some(sound) => sound.push(packet),
            None => Ok(()),
        }
    }

    fn push_picture(&mut self, picture: &VideoFrame) -> Result<()> {
        match &mut self.pictures {
            Some(pictures) => pictures.push_picture(picture),
            None => Ok(()),
        }
    }

    fn flush(&mut self, now: Instant) -> Result<()> {
        if let Some(pictures) = &mut self.pictures {
            pictures.flush(now)?;
        }
        self.sound.as_mut().map_or(Ok(()), |sound| sound.flush(now))
    }

    fn progress(&self) -> String {
        let sound = self.sound.as_ref().map(Recording::progress);
        let pictures = self.pictures.as_ref().map(MovieRecording::progress);
        sound.into_iter().chain(pictures).collect::<Vec<_>>().join(", ")
    }

    fn length(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Closes every file, and names them.
    fn finish(self, now: Instant) -> Result<Vec<PathBuf>> {
        let sound = self.sound.map(|sound| sound.finish(now));
        let pictures = self.pictures.map(MovieRecording::finish);
        let mut files = Vec::new();
        for written in [sound, pictures].into_iter().flatten() {
            files.extend(written?);
        }
        Ok(files)
    }
}

/// Fails once no media could flow for `patience`.
async fn lost_for(connection: &VoiceConnection, patience: Duration) -> Result<()> {
    let mut states = connection.watch();
    loop {
        // An error means that the connection is over, which the caller sees as well.
        if states.wait_for(|state| !state.has_media()).await.is_err() {
            return std::future::pending().await;
        }
        let back = states.wait_for(ConnectionState::has_media);
        if tokio::time::timeout(patience, back).await.is_err() {
            bail!(
                "the connection was lost for more than {} s; the recording ends there",
                patience.as_secs()
            );
        }
    }
}

impl Account {
    /// The users with these ids or names.
    pub fn users_named(&self, names: &[String]) -> Result<HashSet<UserId>> {
        names.iter().map(|name| self.user_named(name)).collect()
    }

    /// The user with this id or name.
    pub fn user_named(&self, name: &str) -> Result<UserId> {
        if let Ok(id) = name.parse() {
            return Ok(id);
        }
        let accounts = self.dev.iter().flat_map(|dev| dev.users.iter().chain(&dev.bots));
        let named = accounts
            .into_iter()
            .find(|account| account.name.eq_ignore_ascii_case(name));
        named
            .map(|account| account.id)
            .with_context(|| format!("nobody named {name:?} is known here; give the user's id"))
    }
}
