//! Writing down what is heard: everyone in one WAV file, or each person's Opus packets as they are; and what is shown.

mod files;
mod movie;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use voxhall_client::OpusPacket;
use voxhall_media::ogg::OpusTags;
use voxhall_media::record::{MixRecorder, OggTrack, Timeline};
use voxhall_protocol::ids::UserId;

pub use files::Files;
pub use movie::{MovieRecording, MovieTarget};

type Track = Box<OggTrack<BufWriter<File>>>;

/// What a recording is to become, told by the name it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `name.wav`: everyone, decoded and mixed.
    Mix(PathBuf),
    /// `name.opus` or `name.ogg`: one person's packets, untouched.
    Single(PathBuf),
    /// Any other name: a folder with one such file for each person.
    Folder(PathBuf),
}

impl Target {
    /// Tells the kind of recording by the name.
    pub fn of(path: &Path) -> Self {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("wav") => Self::Mix(path.to_owned()),
            Some("opus" | "ogg") => Self::Single(path.to_owned()),
            _ => Self::Folder(path.to_owned()),
        }
    }
}

/// A recording that grows. [`finish`](Self::finish) closes its files whole.
pub struct Recording {
    timeline: Timeline,
    output: Output,
    /// Whom to record; empty means everyone.
    only: HashSet<UserId>,
    packets: u64,
    /// Packets that were no Opus, and are left out.
    refused: u64,
    heard: HashSet<UserId>,
}

enum Output {
    Mix {
        path: PathBuf,
        recorder: Box<MixRecorder<UserId, BufWriter<File>>>,
    },
    Single {
        path: PathBuf,
        reservation: Reservation,
        track: Option<(UserId, Track)>,
    },
    Folder {
        path: PathBuf,
        tracks: HashMap<UserId, Track>,
    },
}

impl Recording {
    /// Begins a recording; position zero of its timeline is `now`.
    pub fn begin(target: Target, only: HashSet<UserId>, now: Instant) -> Result<Self> {
        let timeline = Timeline::starting_at(now);
        let output = match target {
            Target::Mix(path) => {
                let recorder = Box::new(MixRecorder::new(create(&path)?, timeline)?);
                Output::Mix { path, recorder }
            }
            Target::Single(path) => Output::Single {
                reservation: Reservation::of(path.clone())?,
                path,
                track: None,
            },
            Target::Folder(path) => {
                make_folder(&path)?;
                let tracks = HashMap::new();
                Output::Folder { path, tracks }
            }
        };
        Ok(Self {
            timeline,
            output,
            only,
            packets: 0,
            refused: 0,
            heard: HashSet::new(),
        })
    }

    /// Takes a packet as it arrives.
    pub fn push(&mut self, packet: OpusPacket) -> Result<()> {
        if !self.only.is_empty() && !self.only.contains(&packet.user) {
            return Ok(());
        }
        let (user, payload) = (packet.user, packet.payload);
        let (sequence, timestamp, arrived) = (packet.sequence, packet.timestamp, packet.arrived);
        let written = match &mut self.output {
            Output::Mix { recorder, .. } => recorder.push(user, sequence, timestamp, payload, arrived),
            Output::Single { path, track, .. } => {
                if track.is_none() {
                    *track = Some((user, new_track(create(path)?, self.timeline, user, path)?));
                }
                match track {
                    Some((speaker, track)) if *speaker == user => {
                        track.push(sequence, timestamp, payload, arrived)
                    }
                    _ => return Ok(()),
                }
            }
            Output::Folder { path, tracks } => {
                let track = match tracks.entry(user) {
                    Entry::Occupied(track) => track.into_mut(),
                    Entry::Vacant(place) => {
                        let path = path.join(format!("{user}.opus"));
                        place.insert(new_track(create(&path)?, self.timeline, user, &path)?)
                    }
                };
                track.push(sequence, timestamp, payload, arrived)
            }
        };
        self.heard.insert(user);
        self.packets += 1;
        match written {
            // One client that sends noise must not end the recording of the others.
            Err(voxhall_media::Error::Packet(_) | voxhall_media::Error::Decode(_)) => self.refused += 1,
            other => other.with_context(|| self.unwritable())?,
        }
        Ok(())
    }

    /// Writes out what is ready; to be called now and then, also while nobody talks.
    pub fn flush(&mut self, now: Instant) -> Result<()> {
        let flushed = match &mut self.output {
            Output::Mix { recorder, .. } => recorder.advance(now),
            Output::Single { track, .. } => track.iter_mut().try_for_each(|(_, track)| track.flush()),
            Output::Folder { tracks, .. } => tracks.values_mut().try_for_each(|track| track.flush()),
        };
        flushed.with_context(|| self.unwritable())
    }

    /// How much is recorded, in words.
    pub fn progress(&self) -> String {
        let refused = match self.refused {
            0 => String::new(),
            refused => format!(", {refused} unreadable ones left out"),
        };
        format!("{} packets of {} people{refused}", self.packets, self.heard.len())
    }

    /// Closes every file, and names them.
    pub fn finish(self, now: Instant) -> Result<Vec<PathBuf>> {
        let unwritable = self.unwritable();
        let mut written = Vec::new();
        match self.output {
            Output::Mix { path, recorder } => {
                close(recorder.finish(now).context(unwritable)?)?;
                written.push(path);
            }
            Output::Single {
                path,
                track,
                reservation,
            } => match track {
                Some((_, track)) => {
                    close(track.finish(now).context(unwritable)?)?;
                    written.push(path);
                }
                None => {
                    reservation.give_back()?;
                    bail!("nobody spoke, so {} was not written", path.display());
                }
            },
            Output::Folder { path, tracks } => {
                for (user, track) in tracks {
                    close(track.finish(now).with_context(|| unwritable.clone())?)?;
                    written.push(path.join(format!("{user}.opus")));
                }
                written.sort();
            }
        }
        Ok(written)
    }

    fn unwritable(&self) -> String {
        let (Output::Mix { path, .. } | Output::Single { path, .. } | Output::Folder { path, .. }) =
            &self.output;
        format!("cannot write to {}; is the disk full?", path.display())
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| unwritable_name(path))?;
    Ok(BufWriter::new(file))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path)
        .with_context(|| format!("cannot make the folder {}; give another name", path.display()))
}

/// A name under which something will be written, if there is something. What was there before stays until then.
#[derive(Debug)]
pub struct Reservation {
    path: PathBuf,
    is_new: bool,
}

impl Reservation {
    fn of(path: PathBuf) -> Result<Self> {
        let is_new = !path.exists();
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| unwritable_name(&path))?;
        Ok(Self { path, is_new })
    }

    /// Nothing was written under this name.
    pub fn give_back(self) -> Result<()> {
        let path = self.path;
        let is_ours = self.is_new && fs::metadata(&path).is_ok_and(|file| file.len() == 0);
        if is_ours {
            fs::remove_file(&path).with_context(|| format!("cannot remove the empty {}", path.display()))?;
        }
        Ok(())
    }
}

fn unwritable_name(path: &Path) -> String {
    format!(
        "cannot write {}; name a file in a folder you may write to",
        path.display()
    )
}

fn new_track(file: BufWriter<File>, timeline: Timeline, user: UserId, path: &Path) -> Result<Track> {
    let tags = OpusTags {
        vendor: format!("voxhall {}", env!("CARGO_PKG_VERSION")),
        comments: vec![format!("ARTIST={user}")],
    };
    let track = OggTrack::new(file, timeline, &tags, rand::random());
    Ok(Box::new(
        track.with_context(|| format!("cannot write {}", path.display()))?,
    ))
}

fn close(file: BufWriter<File>) -> Result<()> {
    let file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .context("cannot write the recording")?;
    file.sync_all().context("cannot write the recording to disk")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use voxhall_media::opus::SILENCE;
    use voxhall_protocol::voice::Ssrc;

    const SPEAKER: UserId = UserId(7);
    const OTHER: UserId = UserId(8);

    fn packet(user: UserId, index: u16, start: Instant) -> OpusPacket {
        OpusPacket {
            user,
            ssrc: Ssrc(1),
            sequence: index,
            timestamp: u32::from(index) * 960,
            payload: SILENCE.to_vec().into(),
            arrived: start + Duration::from_millis(20) * u32::from(index),
            captured: None,
        }
    }

    fn record(name: &str, only: &[UserId], folder: &Path) -> Result<Vec<PathBuf>> {
        let start = Instant::now();
        let mut recording = Recording::begin(
            Target::of(&folder.join(name)),
            only.iter().copied().collect(),
            start,
        )?;
        for index in 0..50 {
            recording.push(packet(SPEAKER, index, start))?;
            recording.push(packet(OTHER, index, start))?;
        }
        recording.finish(start + Duration::from_secs(1))
    }

    #[test]
    fn the_name_decides_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mix = record("all.wav", &[], folder.path()).unwrap();
        assert_eq!(
            voxhall_media::source::duration(&mix[0]).unwrap(),
            Some(Duration::from_secs(1))
        );
        let tracks = record("tracks", &[], folder.path()).unwrap();
        assert_eq!(
            tracks,
            [
                folder.path().join("tracks/7.opus"),
                folder.path().join("tracks/8.opus")
            ]
        );
    }

    #[test]
    fn only_those_named_are_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let tracks = record("tracks", &[OTHER], folder.path()).unwrap();
        assert_eq!(tracks, [folder.path().join("tracks/8.opus")]);
    }

    #[test]
    fn a_single_file_takes_the_first_who_speaks_and_is_not_left_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            record("one.opus", &[], folder.path()).unwrap(),
            [folder.path().join("one.opus")]
        );
        let error = record("none.opus", &[UserId(9)], folder.path()).unwrap_err();
        assert!(error.to_string().contains("nobody spoke"), "{error}");
        assert!(!folder.path().join("none.opus").exists());
        record("one.opus", &[UserId(9)], folder.path()).unwrap_err();
        assert!(folder.path().join("one.opus").exists(), "an older one stays");
    }

    #[test]
    fn what_is_no_opus_is_counted_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let target = Target::of(&folder.path().join("all.wav"));
        let mut recording = Recording::begin(target, HashSet::new(), start).unwrap();
        let mut noise = packet(SPEAKER, 0, start);
        noise.payload = Vec::new().into();
        recording.push(noise).unwrap();
        assert!(
            recording.progress().contains("1 unreadable"),
            "{}",
            recording.progress()
        );
    }
}
