//! `voxhall play`: play files in a channel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use voxhall_client::{TrackState, VoiceConnection};
use voxhall_media::pcm::Volume;
use voxhall_media::source::{self, AudioSource, OpenOptions};
use voxhall_protocol::ids::ChannelId;

use super::account::{AccountArgs, Fallback};
use super::session::{Ended, Session};
use crate::progress::{Progress, clock};

/// Play files in a voice channel, one after the other
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall play music.opus
  voxhall play intro.wav music.opus --channel 966416163309518878 --volume 50")]
pub struct Args {
    /// Ogg Opus files, sent as they are, or WAV files, which are encoded
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// How loud, in per cent; anything but 100 means that Ogg Opus is encoded again
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=1000))]
    volume: u16,

    /// Start again at the end, until asked to stop (one file only)
    #[arg(long)]
    repeat: bool,

    /// The voice channel [default: the first of dev.json]
    #[arg(long, value_name = "ID")]
    channel: Option<ChannelId>,

    #[command(flatten)]
    account: AccountArgs,
}

/// A file that is ready to be played.
pub struct Playable {
    name: String,
    source: Box<dyn AudioSource>,
    length: Option<Duration>,
}

impl Args {
    /// Plays every file to its end.
    pub async fn run(self) -> Result<()> {
        if self.repeat && self.files.len() > 1 {
            bail!("--repeat plays one file over and over; give one");
        }
        let options = OpenOptions {
            repeat: self.repeat,
            volume: Volume::from_percent(self.volume),
            ..OpenOptions::default()
        };
        // All files are opened first: a wrong name shows before anybody hears anything.
        let files = self
            .files
            .iter()
            .map(|file| Playable::open(file, options))
            .collect::<Result<Vec<_>>>()?;
        let account = self.account.resolve(Fallback::Bot(0))?;
        let channel = account.voice_channel(self.channel)?;
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let Some(connection) = session.join(&account, channel).await? else {
            return Ok(());
        };
        let ended = session.during(&connection, play_all(&connection, files)).await;
        session.leave(&connection).await;
        match ended? {
            Ended::Done(()) => Ok(()),
            Ended::Stopped if self.repeat => Ok(()),
            Ended::Stopped => bail!("stopped before the end"),
        }
    }
}

impl Playable {
    /// Opens a file.
    pub fn open(file: &Path, options: OpenOptions) -> Result<Self> {
        let length = if options.repeat {
            None
        } else {
            source::duration(file)?
        };
        Ok(Self {
            name: file.display().to_string(),
            source: source::open(file, options)?,
            length,
        })
    }
}

/// Plays one after the other to its end.
pub async fn play_all(connection: &VoiceConnection, files: Vec<Playable>) -> Result<()> {
    for file in files {
        play(connection, file).await?;
    }
    Ok(())
}

async fn play(connection: &VoiceConnection, file: Playable) -> Result<()> {
    let track = connection.play(file.source);
    let mut progress = Progress::new(Instant::now());
    let of_length = file
        .length
        .map(|length| format!(" of {}", clock(length)))
        .unwrap_or_default();
    let state = loop {
        progress.show(
            Instant::now(),
            &format!("{}  {}{of_length}", file.name, clock(track.position())),
        );
        tokio::select! {
            state = track.finished() => break state,
            () = tokio::time::sleep(progress.interval()) => {}
        }
    };
    match state {
        TrackState::Failed(reason) => bail!("{} cannot be played to its end: {reason}", file.name),
        _ => progress.note(&format!("{}  {} played", file.name, clock(track.position()))),
    }
    Ok(())
}
