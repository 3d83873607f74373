//! `voxhall record`: write down what is heard in a channel.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use voxhall_client::video::{VideoOptions, VideoWant};
use voxhall_client::{
    ConnectionConfig, ConnectionState, Error, OpusPacket, Reason, Subscription, VideoFrame, VideoWants,
    VoiceConnection,
};
use voxhall_protocol::gateway::{StreamDeleteReason, StreamKey};
use voxhall_protocol::ids::{ChannelId, UserId};

use super::account::{Account, AccountArgs, Fallback};
use super::session::{Ended, Session};
use crate::output;
use crate::progress::{Progress, clock};
use crate::recording::{Files, MovieTarget, Reservation};

/// Packets that may wait to be written: ten seconds of twenty people.
pub const PACKETS: usize = 10_000;
/// Pictures that may wait to be written: some seconds of some people.
const PICTURES: usize = 2_000;
/// How long a recording waits for a connection that is lost to come back, before it is closed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often what is ready is written out.
const FLUSH: Duration = Duration::from_secs(1);

/// Record a voice channel, or a Go Live stream in it: everyone in one WAV file, or each person's sound and pictures untouched
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall record heard.wav --seconds 10               everyone, mixed
  voxhall record heard.opus --user minstrel           one person's packets, as they were sent
  voxhall record heard --channel 966416163309518878   a folder with one such file for each person
  voxhall record seen.mkv --video                     pictures and sound of the first who shows something
  voxhall record seen --video                         a folder: NAME.opus of everyone, NAME.mkv of who shows something
  voxhall record seen.mkv --video --stream minstrel   the Go Live stream of one person, to its end")]
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

    /// Record this person's Go Live stream instead of the channel, by id or by the name in dev.json: waits until it
    /// begins, and stops when it ends
    #[arg(long, value_name = "USER", conflicts_with = "users")]
    stream: Option<String>,

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
    /// Records until the time is over, the stream has ended or the person asks to stop; the files are whole in any
    /// case.
    pub async fn run(self) -> Result<()> {
        let mut account = self.account.resolve(Fallback::Bot(1))?;
        let channel = account.voice_channel(self.channel)?;
        let only = account.users_named(&self.users)?;
        let owner = self.stream.as_deref().map(|name| account.user_named(name));
        let owner = owner.transpose()?;
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
        let Some(room) = session.join(&account, channel).await? else {
            return Ok(());
        };
        let outcome = match owner {
            Some(owner) => self.record_stream(&mut session, &room, owner).await,
            None => self.record_room(&mut session, &room, only).await,
        };
        session.leave(&room).await;
        outcome
    }

    async fn record_room(
        &self,
        session: &mut Session,
        room: &VoiceConnection,
        only: HashSet<UserId>,
    ) -> Result<()> {
        let job = self.job(room, only, self.time());
        if let Some(channel) = room.channel() {
            eprintln!("Recording channel {channel}. Ctrl-C stops.");
        }
        job.run(session, room, std::future::pending()).await
    }

    /// Records a stream in the room, from its begin or from now on, to its end.
    async fn record_stream(
        &self,
        session: &mut Session,
        room: &VoiceConnection,
        owner: UserId,
    ) -> Result<()> {
        let begin = Instant::now();
        // A name that cannot be written shows now, and not when somebody goes live.
        let reservation = Files::reserve(&self.out, self.video)?;
        let whose = self.stream.as_deref().unwrap_or_default();
        let stream = self.watch_stream(session, room, owner).await;
        // The recording takes the name for itself.
        reservation.map_or(Ok(()), Reservation::give_back)?;
        let Some(stream) = stream? else {
            bail!("{whose} did not go live, so nothing was recorded");
        };
        let time = self.time().map(|time| time.saturating_sub(begin.elapsed()));
        let job = self.job(&stream, HashSet::new(), time);
        eprintln!("Recording the stream of {whose}. Ctrl-C stops.");
        let outcome = job.run(session, &stream, std::future::pending()).await;
        stream.leave().await;
        outcome
    }

    /// Watches a stream of the room as soon as there is one; `None` if the time is over or the person asks to stop
    /// before that.
    async fn watch_stream(
        &self,
        session: &mut Session,
        room: &VoiceConnection,
        owner: UserId,
    ) -> Result<Option<VoiceConnection>> {
        let client = session.client.clone();
        let whose = self.stream.as_deref().unwrap_or_default();
        if owner == client.user().id {
            bail!("{whose} is who records, and nobody watches a stream of their own; name another with --as");
        }
        let channel = room.channel().context("the channel was left at once")?;
        let stream = StreamKey::new(room.room().guild(), channel, owner);
        let watching = async {
            match client.watch(stream).await {
                Err(Error::StreamRefused {
                    reason: StreamDeleteReason::StreamEnded,
                    ..
                }) => {
                    eprintln!("Waiting for {whose} to go live. Ctrl-C stops.");
                    Ok(client.watch_when_live(stream).await?)
                }
                watched => Ok(watched?),
            }
        };
        let time = self.time().unwrap_or(Duration::MAX);
        let in_time = async { tokio::time::timeout(time, watching).await.ok().transpose() };
        match session.during(room, in_time).await? {
            Ended::Done(stream) => Ok(stream),
            Ended::Stopped => Ok(None),
        }
    }

    fn time(&self) -> Option<Duration> {
        self.seconds.map(Duration::from_secs)
    }

    /// What is to be recorded of a connection, from now on.
    fn job(&self, connection: &VoiceConnection, only: HashSet<UserId>, time: Option<Duration>) -> Job<'_> {
        Job {
            packets: connection.packets(PACKETS),
            pictures: self.video.then(|| watch(connection, &only)),
            out: &self.out,
            only,
            time,
        }
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
    /// Records until the time or `until` is over, the person asks to stop, or the connection ends, as a stream's does
    /// when the stream is over. What was heard until then is closed whole, whatever ended it.
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
        let ended = match session.during(connection, writing).await {
            Err(error) if is_end_of_stream(&error) => {
                eprintln!("The stream has ended.");
                Ok(())
            }
            ended => ended.map(drop),
        };
        let rest = self.write_rest(&mut recording);
        let (now, summary) = (Instant::now(), recording.progress());
        let length = clock(recording.length(now));
        match recording.finish(now) {
            Ok(files) => {
                for file in files {
                    output::line(&format!("{} ({length})", file.display()))?;
                }
                eprintln!("recorded {summary}");
                ended.and(rest)
            }
            // Why it ended tells more than that there was nothing to write then.
            Err(unwritten) => ended.and(rest).and(Err(unwritten)),
        }
    }

    async fn write(&mut self, recording: &mut Files) -> Result<()> {
        let mut progress = Progress::new(Instant::now());
        let mut flush = tokio::time::interval(FLUSH);
        let mut over = std::pin::pin!(tokio::time::sleep(self.time.unwrap_or(Duration::MAX)));
        loop {
            tokio::select! {
                () = over.as_mut() => return Ok(()),
                packet = next(Some(&mut self.packets)) => recording.push(packet)?,
                picture = next(self.pictures.as_mut()) => recording.push_picture(&picture)?,
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

    /// Writes what has come before the end, and was not taken yet.
    fn write_rest(&mut self, recording: &mut Files) -> Result<()> {
        while let Some(packet) = self.packets.try_recv() {
            recording.push(packet)?;
        }
        while let Some(picture) = self.pictures.as_mut().and_then(Subscription::try_recv) {
            recording.push_picture(&picture)?;
        }
        Ok(())
    }
}

/// The next of what comes; none ever where nothing is wanted, or nothing more comes: whoever waits beside this sees
/// that the connection is over, and why.
async fn next<T>(subscription: Option<&mut Subscription<T>>) -> T {
    if let Some(subscription) = subscription
        && let Some(next) = subscription.recv().await
    {
        return next;
    }
    std::future::pending().await
}

/// Whether a stream has ended as streams do.
fn is_end_of_stream(error: &anyhow::Error) -> bool {
    let reason = StreamDeleteReason::StreamEnded;
    matches!(error.downcast_ref(), Some(Error::Ended(Reason::StreamEnded(ended))) if *ended == reason)
}

/// Fails once no media could flow for `patience`.
async fn lost_for(connection: &VoiceConnection, patience: Duration) -> Result<()> {
    let mut states = connection.watch();
    while states.wait_for(|state| !state.has_media()).await.is_ok() {
        let back = states.wait_for(ConnectionState::has_media);
        match tokio::time::timeout(patience, back).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => break,
            Err(_) => bail!(
                "the connection was lost for more than {} s; the recording ends there",
                patience.as_secs()
            ),
        }
    }
    // The connection is over, which the caller sees as well.
    std::future::pending().await
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
