//! `voxhall stream`: show a file in a channel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use voxhall_client::video::{Publication, VideoOptions};
use voxhall_client::{ConnectionConfig, MovieHandle, TrackState, VoiceConnection};
use voxhall_media::movie::{self, Movie, MovieOptions, Survey};
use voxhall_protocol::ids::ChannelId;

use super::account::{AccountArgs, Fallback};
use super::session::{Ended, Session};
use crate::progress::{Progress, clock};

/// Who joins waits for a keyframe; longer than this is worth a word.
const LONG_WAIT: Duration = Duration::from_secs(4);

/// Show a video file in a voice channel, as it is, with its sound
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall stream clip.mp4
  voxhall stream clip.webm --loop --channel 966416163309518878
  voxhall stream talk.mkv --go-live          as a Go Live stream, beside the camera

Nothing is encoded: H.264, H.265, VP8, VP9 and AV1 are sent as they are, and Opus beside them. Any other file is
made ready with
  ffmpeg -i IN -c:v libx264 -profile:v baseline -bf 0 -g 60 -c:a libopus OUT.mp4")]
pub struct Args {
    /// MP4, Matroska, WebM, IVF, or raw H.264 or H.265
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Start again at the end, until asked to stop
    #[arg(long = "loop")]
    repeat: bool,

    /// As a Go Live stream of its own instead of as the camera
    #[arg(long)]
    go_live: bool,

    /// Pictures per second of raw H.264 and H.265, which does not tell
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    fps: u32,

    /// The voice channel [default: the first of dev.json]
    #[arg(long, value_name = "ID")]
    channel: Option<ChannelId>,

    #[command(flatten)]
    account: AccountArgs,
}

impl Args {
    /// Shows the file to its end, or until the person asks to stop.
    pub async fn run(self) -> Result<()> {
        let mut options = MovieOptions::default();
        options.frame_rate.pictures = self.fps;
        let survey = Survey::of(&mut *movie::open(&self.file, options)?.pictures)?;
        options.repeat = self.repeat;
        // The file is opened first: a wrong name shows before anybody sees anything.
        let movie = movie::open(&self.file, options)?;
        describe(&self.file, &movie, &survey);
        let mut account = self.account.resolve(Fallback::Bot(0))?;
        let channel = account.voice_channel(self.channel)?;
        let mut voice = ConnectionConfig::new(&account.config.trust)?;
        voice.video = Some(VideoOptions::camera());
        account.config.voice = Some(voice);
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let Some(room) = session.join(&account, channel).await? else {
            return Ok(());
        };
        let ended = self.show_in(&mut session, &room, movie, &survey).await;
        session.leave(&room).await;
        match ended? {
            Ended::Done(()) => Ok(()),
            Ended::Stopped if self.repeat => Ok(()),
            Ended::Stopped => bail!("stopped before the end"),
        }
    }

    /// Shows the movie in the room, or in a stream beside it.
    async fn show_in(
        &self,
        session: &mut Session,
        room: &VoiceConnection,
        movie: Movie,
        survey: &Survey,
    ) -> Result<Ended<()>> {
        if !self.go_live {
            return session.during(room, show(room, &self.file, movie, survey)).await;
        }
        let client = session.client.clone();
        let Some(stream) = session
            .unless_stopped(async { Ok(client.go_live(room.room()).await?) })
            .await?
        else {
            return Ok(Ended::Stopped);
        };
        let ended = session
            .during(&stream, show(&stream, &self.file, movie, survey))
            .await;
        stream.leave().await;
        ended
    }
}

/// Tells what is shown, and what about it may disappoint.
fn describe(file: &Path, movie: &Movie, survey: &Survey) {
    let info = &movie.info;
    let mut parts = vec![match info.size.or(survey.size) {
        Some(size) => format!("{} {size}", info.codec),
        None => info.codec.to_string(),
    }];
    parts.extend(
        survey
            .frame_rate
            .map(|rate| format!("{rate:.4} pictures a second")),
    );
    parts.extend(survey.bitrate.map(megabits));
    parts.extend(info.duration.map(clock));
    parts.push(match (&movie.sound, &info.unusable_sound) {
        (Some(_), _) => "with sound".to_owned(),
        (None, Some(codec)) => format!(
            "without its sound, which is {codec} and not Opus (ffmpeg -i {} -c:v copy -c:a libopus OUT.mkv)",
            file.display()
        ),
        (None, None) => "without sound".to_owned(),
    });
    eprintln!("{}: {}", file.display(), parts.join(", "));
    if survey.keyframe_distance > LONG_WAIT {
        eprintln!(
            "Who joins waits up to {} s for a picture, because keyframes are that far apart; encode with `-g 60`.",
            survey.keyframe_distance.as_secs()
        );
    }
    if survey.reordered {
        eprintln!(
            "Pictures are not in the order in which they are seen, which browsers may not mend; encode with `-bf 0`."
        );
    }
}

fn megabits(bits: u64) -> String {
    format!("{:.1} Mbit/s", bits as f64 / 1e6)
}

async fn show(connection: &VoiceConnection, file: &Path, movie: Movie, survey: &Survey) -> Result<()> {
    let length = movie.info.duration.map(|length| format!(" of {}", clock(length)));
    let length = length.unwrap_or_default();
    let publication = Publication::of_movie(movie.info.codec, survey);
    let shown = connection.show_movie(movie, publication)?;
    let mut progress = Progress::new(Instant::now());
    let state = loop {
        progress.show(Instant::now(), &line(connection, file, &shown, &length));
        tokio::select! {
            state = shown.pictures.finished() => break state,
            () = tokio::time::sleep(progress.interval()) => {}
        }
    };
    if let TrackState::Failed(reason) = state {
        bail!("{} cannot be shown to its end: {reason}", file.display());
    }
    if let Some(sound) = &shown.sound
        && let TrackState::Failed(reason) = sound.finished().await
    {
        bail!(
            "the sound of {} cannot be played to its end: {reason}",
            file.display()
        );
    }
    let sent = connection.video_statistics();
    progress.note(&format!(
        "{}  {} shown, {} pictures, {} packets sent again, {} pictures left out",
        file.display(),
        clock(shown.pictures.position()),
        sent.frames_sent,
        sent.retransmitted,
        sent.frames_withheld
    ));
    Ok(())
}

/// How far it is, and how it goes.
fn line(connection: &VoiceConnection, file: &Path, shown: &MovieHandle, length: &str) -> String {
    let sent = connection.video_statistics();
    let watched = match (shown.pictures.state(), sent.asked) {
        (TrackState::Queued, _) => "  begins",
        (_, 0) => "  nobody watches",
        _ => "",
    };
    let withheld = match sent.frames_withheld {
        0 => String::new(),
        pictures => format!("  {pictures} left out"),
    };
    let position = clock(shown.pictures.position());
    format!("{}  {position}{length}{watched}{withheld}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_in_megabits() {
        assert_eq!(megabits(2_130_000), "2.1 Mbit/s");
    }
}
