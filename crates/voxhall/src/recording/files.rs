//! All that one recording writes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use voxhall_client::{OpusPacket, VideoFrame};
use voxhall_protocol::ids::UserId;

use super::{MovieRecording, MovieTarget, Recording, Reservation, Target, make_folder};

/// The files of a recording: of sound, of pictures, or both.
pub struct Files {
    start: Instant,
    sound: Option<Recording>,
    pictures: Option<MovieRecording>,
}

impl Files {
    /// Begins the recording that a name stands for, of these people or of everyone; its time begins `now`.
    pub fn begin(out: &Path, video: bool, only: HashSet<UserId>, now: Instant) -> Result<Self> {
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

    /// Finds out whether what a name stands for can be written later. Of a folder nothing has to be given back.
    pub fn reserve(out: &Path, video: bool) -> Result<Option<Reservation>> {
        if video && let MovieTarget::Single(path, _) = MovieTarget::of(out)? {
            return Reservation::of(path).map(Some);
        }
        match Target::of(out) {
            Target::Mix(path) | Target::Single(path) => Reservation::of(path).map(Some),
            Target::Folder(path) => make_folder(&path).map(|()| None),
        }
    }

    /// Takes a packet of sound as it arrives.
    pub fn push(&mut self, packet: OpusPacket) -> Result<()> {
        if let Some(pictures) = &mut self.pictures {
            pictures.push_sound(&packet)?;
        }
        match &mut self.sound {
            Some(sound) => sound.push(packet),
            None => Ok(()),
        }
    }

    /// Takes a picture as it arrives.
    pub fn push_picture(&mut self, picture: &VideoFrame) -> Result<()> {
        match &mut self.pictures {
            Some(pictures) => pictures.push_picture(picture),
            None => Ok(()),
        }
    }

    /// Writes out what is ready; to be called now and then.
    pub fn flush(&mut self, now: Instant) -> Result<()> {
        if let Some(pictures) = &mut self.pictures {
            pictures.flush(now)?;
        }
        self.sound.as_mut().map_or(Ok(()), |sound| sound.flush(now))
    }

    /// How much is recorded, in words.
    pub fn progress(&self) -> String {
        let sound = self.sound.as_ref().map(Recording::progress);
        let pictures = self.pictures.as_ref().map(MovieRecording::progress);
        sound.into_iter().chain(pictures).collect::<Vec<_>>().join(", ")
    }

    /// How long it has gone on.
    pub fn length(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Closes every file, and names them.
    pub fn finish(self, now: Instant) -> Result<Vec<PathBuf>> {
        let sound = self.sound.map(|sound| sound.finish(now));
        let pictures = self.pictures.map(MovieRecording::finish);
        let mut files = Vec::new();
        for written in [sound, pictures].into_iter().flatten() {
            files.extend(written?);
        }
        Ok(files)
    }
}
