//! Writing down what is shown: each person's pictures, with their sound, as they are.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use voxhall_client::{OpusPacket, VideoFrame};
use voxhall_media::SAMPLE_RATE;
use voxhall_media::assembly::AssembledFrame;
use voxhall_media::ivf::IvfWriter;
use voxhall_media::matroska::is_webm;
use voxhall_media::record::{MovieTrack, StreamClock, Taken, Timeline};
use voxhall_media::video::{EncodedFrame, VIDEO_CLOCK, VideoCodec};
use voxhall_protocol::ids::UserId;

use super::{Reservation, close, create, make_folder};

/// Packets of sound that are kept for pictures that arrive later: half a second.
const RECENT: usize = 25;

/// What a recording of pictures is to become, told by the name it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovieTarget {
    /// `name.mkv`, `name.webm` or `name.ivf`: one person.
    Single(PathBuf, Container),
    /// Any other name: a folder with a Matroska file for each person who shows something.
    Folder(PathBuf),
}

/// The formats that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Matroska, for every codec.
    Matroska,
    /// WebM, for those that browsers play in it.
    WebM,
    /// IVF, without sound.
    Ivf,
}

impl MovieTarget {
    /// Tells the kind of recording by the name.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let container = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("mkv") => Container::Matroska,
            Some("webm") => Container::WebM,
            Some("ivf") => Container::Ivf,
            Some("wav" | "opus" | "ogg") => bail!(
                "{} has no pictures; name a file NAME.mkv, NAME.webm or NAME.ivf, or a folder",
                path.display()
            ),
            Some("mp4" | "mov") => bail!(
                "MP4 is not written, because it cannot be whole at any time; name the file {}",
                path.with_extension("mkv").display()
            ),
            _ => return Ok(Self::Folder(path.to_owned())),
        };
        Ok(Self::Single(path.to_owned(), container))
    }
}

/// A recording of pictures that grows. [`finish`](Self::finish) closes its files whole.
pub struct MovieRecording {
    target: MovieTarget,
    /// The name of a single file.
    reservation: Option<Reservation>,
    timeline: Timeline,
    /// Whom to record; empty means everyone.
    only: HashSet<UserId>,
    /// The one person of a single file, once it is known.
    single: Option<UserId>,
    people: HashMap<UserId, Person>,
    recent: HashMap<UserId, VecDeque<OpusPacket>>,
    pictures: u64,
    written: Vec<PathBuf>,
}

/// One person's files: another one for each codec.
#[derive(Default)]
struct Person {
    parts: u32,
    open: Option<(PathBuf, Open)>,
}

enum Open {
    Matroska(Box<MovieTrack<BufWriter<File>>>),
    Ivf {
        writer: IvfWriter<BufWriter<File>>,
        codec: VideoCodec,
        clock: StreamClock,
        start: u64,
    },
}

impl MovieRecording {
    /// Begins a recording.
    pub fn begin(target: MovieTarget, only: HashSet<UserId>, now: Instant) -> Result<Self> {
        let reservation = match &target {
            MovieTarget::Folder(path) => {
                make_folder(path)?;
                None
            }
            // A name that cannot be written shows now, and not when somebody switches on a camera.
            MovieTarget::Single(path, _) => Some(Reservation::of(path.clone())?),
        };
        Ok(Self {
            target,
            reservation,
            timeline: Timeline::starting_at(now),
            only,
            single: None,
            people: HashMap::new(),
            recent: HashMap::new(),
            pictures: 0,
            written: Vec::new(),
        })
    }

    /// Takes a picture as it arrives.
    pub fn push_picture(&mut self, frame: &VideoFrame) -> Result<()> {
        if !self.is_recorded(frame.user) {
            return Ok(());
        }
        let picture = AssembledFrame {
            codec: frame.codec,
            timestamp: frame.timestamp,
            keyframe: frame.keyframe,
            data: frame.data.clone(),
            arrived: frame.arrived,
        };
        let person = self.people.entry(frame.user).or_default();
        if let Some((path, open)) = &mut person.open {
            let taken = open
                .push_picture(&picture, frame)
                .with_context(|| unwritable(path))?;
            if taken == Taken::Written {
                self.pictures += 1;
                return Ok(());
            }
        }
        // Nothing is open, or another codec begins, which has to be with a keyframe.
        if frame.keyframe {
            self.begin_part(frame, &picture)?;
        }
        Ok(())
    }

    /// Takes a packet of sound as it arrives.
    pub fn push_sound(&mut self, packet: &OpusPacket) -> Result<()> {
        let person = self.people.get_mut(&packet.user);
        if let Some((path, Open::Matroska(track))) = person.and_then(|person| person.open.as_mut()) {
            return push_sound(track, packet).with_context(|| unwritable(path));
        }
        let recent = self.recent.entry(packet.user).or_default();
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(packet.clone());
        Ok(())
    }

    /// Writes out what is ready; to be called now and then.
    pub fn flush(&mut self, now: Instant) -> Result<()> {
        for (path, open) in self.people.values_mut().filter_map(|person| person.open.as_mut()) {
            open.flush(now).with_context(|| unwritable(path))?;
        }
        Ok(())
    }

    /// How much is recorded, in words.
    pub fn progress(&self) -> String {
        format!("{} pictures of {} people", self.pictures, self.people.len())
    }

    /// Closes every file, and names them.
    pub fn finish(mut self) -> Result<Vec<PathBuf>> {
        for (_, person) in std::mem::take(&mut self.people) {
            if let Some(open) = person.open {
                self.end_part(open)?;
            }
        }
        if let (MovieTarget::Single(path, _), []) = (&self.target, &self.written[..]) {
            self.reservation.take().map_or(Ok(()), Reservation::give_back)?;
            bail!("nobody showed anything, so {} was not written", path.display());
        }
        self.written.sort();
        Ok(self.written)
    }

    fn is_recorded(&mut self, user: UserId) -> bool {
        let is_named = self.only.is_empty() || self.only.contains(&user);
        match self.target {
            MovieTarget::Folder(_) => is_named,
            MovieTarget::Single(..) => is_named && *self.single.get_or_insert(user) == user,
        }
    }

    /// Begins another file of a person with a keyframe.
    fn begin_part(&mut self, frame: &VideoFrame, picture: &AssembledFrame) -> Result<()> {
        let person = self.people.entry(frame.user).or_default();
        let before = person.open.take();
        person.parts += 1;
        let (path, container) = self.target.part(frame.user, person.parts);
        if let Some(before) = before {
            self.end_part(before)?;
        }
        let mut open = Open::begin(&path, container, self.timeline, frame, picture)?;
        if let Open::Matroska(track) = &mut open {
            for packet in self.recent.remove(&frame.user).unwrap_or_default() {
                push_sound(track, &packet).with_context(|| unwritable(&path))?;
            }
        }
        self.pictures += 1;
        self.people.entry(frame.user).or_default().open = Some((path, open));
        Ok(())
    }

    fn end_part(&mut self, (path, open): (PathBuf, Open)) -> Result<()> {
        let file = match open {
            Open::Matroska(track) => track.finish(),
            Open::Ivf { writer, .. } => writer.finish(),
        };
        close(file.with_context(|| unwritable(&path))?)?;
        self.written.push(path);
        Ok(())
    }
}

impl MovieTarget {
    /// The name and format of a person's file of that number, from 1 on.
    fn part(&self, user: UserId, number: u32) -> (PathBuf, Container) {
        let numbered = |stem: &str| {
            if number == 1 {
                stem.to_owned()
            } else {
                format!("{stem}-{number}")
            }
        };
        match self {
            Self::Folder(folder) => {
                let name = format!("{}.mkv", numbered(&user.to_string()));
                (folder.join(name), Container::Matroska)
            }
            Self::Single(path, container) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let extension = path.extension().unwrap_or_default().to_string_lossy();
                let name = format!("{}.{extension}", numbered(&stem));
                (path.with_file_name(name), *container)
            }
        }
    }
}

impl Open {
    fn begin(
        path: &Path,
        container: Container,
        timeline: Timeline,
        frame: &VideoFrame,
        picture: &AssembledFrame,
    ) -> Result<Self> {
        if container == Container::WebM && !is_webm(frame.codec) {
            bail!(
                "{} is shown, and WebM has only VP8, VP9 and AV1; name the file {}",
                frame.codec,
                path.with_extension("mkv").display()
            );
        }
        let file = create(path)?;
        if container == Container::Ivf {
            let size = frame
                .codec
                .size(&frame.data)
                .context("a keyframe does not tell its size")?;
            let mut clock = timeline.stream_at(VIDEO_CLOCK);
            let start = clock.place(frame.timestamp, frame.arrived);
            let mut open = Self::Ivf {
                writer: IvfWriter::new(file, frame.codec, size).with_context(|| unwritable(path))?,
                codec: frame.codec,
                clock,
                start,
            };
            open.push_picture(picture, frame)
                .with_context(|| unwritable(path))?;
            return Ok(open);
        }
        let program = format!("voxhall {}", env!("CARGO_PKG_VERSION"));
        let track = MovieTrack::new(file, timeline, picture, frame.captured, &program);
        Ok(Self::Matroska(Box::new(track.with_context(|| unwritable(path))?)))
    }

    fn push_picture(&mut self, picture: &AssembledFrame, frame: &VideoFrame) -> voxhall_media::Result<Taken> {
        match self {
            Self::Matroska(track) => track.push_picture(picture, frame.captured),
            Self::Ivf { codec, .. } if *codec != frame.codec => Ok(Taken::OtherCodec),
            Self::Ivf {
                writer, clock, start, ..
            } => {
                let place = clock.place(frame.timestamp, frame.arrived).saturating_sub(*start);
                let timestamp = place * u64::from(VIDEO_CLOCK) / u64::from(SAMPLE_RATE);
                writer.write_frame(&EncodedFrame {
                    data: frame.data.clone(),
                    timestamp,
                    keyframe: frame.keyframe,
                })?;
                Ok(Taken::Written)
            }
        }
    }

    fn flush(&mut self, now: Instant) -> voxhall_media::Result<()> {
        match self {
            Self::Matroska(track) => track.flush(now),
            Self::Ivf { writer, .. } => writer.flush(),
        }
    }
}

fn push_sound(track: &mut MovieTrack<BufWriter<File>>, packet: &OpusPacket) -> voxhall_media::Result<()> {
    let payload = packet.payload.clone();
    let taken = track.push_sound(
        packet.sequence,
        packet.timestamp,
        payload,
        packet.arrived,
        packet.captured,
    );
    match taken {
        // One client that sends noise must not end the recording.
        Err(voxhall_media::Error::Packet(_)) => Ok(()),
        taken => taken,
    }
}

fn unwritable(path: &Path) -> String {
    format!("cannot write to {}; is the disk full?", path.display())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use voxhall_media::matroska::MatroskaReader;
    use voxhall_media::opus::SILENCE;
    use voxhall_protocol::voice::Ssrc;

    use super::*;

    const ANNA: UserId = UserId(7);
    const BEN: UserId = UserId(8);
    const VP8: &[u8] = &[0x50, 1, 0, 0x9D, 1, 0x2A, 64, 1, 64, 1, 7];
    const VP9: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0, 10, 240, 8, 246, 1];

    fn frame(user: UserId, codec: VideoCodec, index: u32, start: Instant) -> VideoFrame {
        VideoFrame {
            user,
            ssrc: Ssrc(1),
            codec,
            timestamp: index * 3_000,
            keyframe: true,
            data: if codec == VideoCodec::Vp8 { VP8 } else { VP9 }.to_vec().into(),
            arrived: start + Duration::from_millis(u64::from(index) * 33),
            captured: None,
        }
    }

    fn sound(index: u32, start: Instant) -> OpusPacket {
        OpusPacket {
            user: ANNA,
            ssrc: Ssrc(2),
            sequence: index as u16,
            timestamp: index * 960,
            payload: SILENCE.to_vec().into(),
            arrived: start + Duration::from_millis(u64::from(index) * 20),
            captured: None,
        }
    }

    fn begin(folder: &Path, name: &str, only: &[UserId], now: Instant) -> Result<MovieRecording> {
        let target = MovieTarget::of(&folder.join(name))?;
        MovieRecording::begin(target, only.iter().copied().collect(), now)
    }

    fn packets(path: &Path) -> (usize, usize) {
        let mut reader = MatroskaReader::new(File::open(path).unwrap()).unwrap();
        let mut counts = (0, 0);
        while let Some(packet) = reader.next_packet().unwrap() {
            *(if packet.track == 1 {
                &mut counts.0
            } else {
                &mut counts.1
            }) += 1;
        }
        counts
    }

    #[test]
    fn a_folder_has_a_file_for_each_person_and_codec() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        let mut recording = begin(folder.path(), "seen", &[], now).unwrap();
        for index in 0..30 {
            let codec = if index < 20 {
                VideoCodec::Vp8
            } else {
                VideoCodec::Vp9
            };
            recording.push_sound(&sound(index, now)).unwrap();
            recording.push_picture(&frame(ANNA, codec, index, now)).unwrap();
            recording
                .push_picture(&frame(BEN, VideoCodec::Vp8, index, now))
                .unwrap();
            recording
                .flush(now + Duration::from_secs(u64::from(index)))
                .unwrap();
        }
        assert_eq!(recording.progress(), "60 pictures of 2 people");
        let seen = folder.path().join("seen");
        let expected = ["7-2.mkv", "7.mkv", "8.mkv"].map(|name| seen.join(name));
        assert_eq!(recording.finish().unwrap(), expected);
        let counts = expected.each_ref().map(|path| packets(path));
        assert_eq!(counts[1].0, 20);
        assert_eq!(counts[0].0, 10);
        assert_eq!(counts[2], (30, 0));
        assert!(counts[1].1 >= 18, "{counts:?}");
    }

    #[test]
    fn a_single_file_takes_the_first_who_shows_something() {
        let (folder, now) = (tempfile::tempdir().unwrap(), Instant::now());
        for (name, only, pictures) in [
            ("a.mkv", vec![], 10),
            ("b.mkv", vec![BEN], 10),
            ("c.webm", vec![], 10),
        ] {
            let mut recording = begin(folder.path(), name, &only, now).unwrap();
            for index in 0..10 {
                recording
                    .push_picture(&frame(ANNA, VideoCodec::Vp8, index, now))
                    .unwrap();
                recording
                    .push_picture(&frame(BEN, VideoCodec::Vp9, index, now))
                    .unwrap();
            }
            let path = folder.path().join(name);
            assert_eq!(recording.finish().unwrap(), std::slice::from_ref(&path));
            assert_eq!(packets(&path).0, pictures, "{name}");
        }
        let mut recording = begin(folder.path(), "d.ivf", &[], now).unwrap();
        recording
            .push_picture(&frame(ANNA, VideoCodec::Vp8, 0, now))
            .unwrap();
        assert_eq!(recording.finish().unwrap().len(), 1);
    }

    #[test]
    fn a_recording_of_nothing_is_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let recording = begin(folder.path(), "none.mkv", &[], Instant::now()).unwrap();
        let error = recording.finish().unwrap_err().to_string();
        assert!(error.contains("nobody showed anything"), "{error}");
        assert!(!folder.path().join("none.mkv").exists());
        std::fs::write(folder.path().join("older.mkv"), "precious").unwrap();
        let recording = begin(folder.path(), "older.mkv", &[], Instant::now()).unwrap();
        recording.finish().unwrap_err();
        let kept = std::fs::read(folder.path().join("older.mkv")).unwrap();
        assert_eq!(
            kept, b"precious",
            "what was there stays until there is something to write"
        );
    }

    #[test]
    fn names_that_cannot_have_pictures_are_refused() {
        for (name, hint) in [("a.wav", "NAME.mkv"), ("a.opus", "NAME.mkv"), ("a.mp4", "a.mkv")] {
            let error = MovieTarget::of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        assert_eq!(
            MovieTarget::of(Path::new("x/y")).unwrap(),
            MovieTarget::Folder("x/y".into())
        );
    }
}
