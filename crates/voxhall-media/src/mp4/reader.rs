//! Reading MP4 frame by frame.

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;

use super::Mp4Fault;
use super::boxes::{Fields, TopBox, boxes, find, find_path};
use super::entry::{SampleFormat, parse_entry};
use super::fragments::{Defaults, Fragment, defaults};
use super::table::{Sample, samples};
use crate::Result;
use crate::filled::read_exactly;
use crate::video::{MAX_FRAME, PictureSize, rescale};

/// A track as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mp4Track {
    /// By what it is told from others.
    pub id: u32,
    /// How its frames are encoded.
    pub format: SampleFormat,
    /// Whether it is pictures or sound; anything else is neither.
    pub is_video: bool,
    /// See [`Self::is_video`].
    pub is_audio: bool,
    /// How large its pictures are.
    pub size: Option<PictureSize>,
    /// Units of time per second.
    timescale: u64,
    /// What is added to a sample's time to get its place in the movie: delays, less what is cut from the begin.
    shift: i64,
    samples: Vec<Sample>,
}

impl Mp4Track {
    /// How many frames it has.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples.len()
    }

    /// When its last frame begins.
    #[must_use]
    pub fn length(&self) -> Duration {
        let last = self.samples.iter().map(|sample| sample.time).max().unwrap_or(0);
        Duration::from_nanos(self.nanoseconds(last))
    }

    /// The time of a sample in the movie. What lies before its begin is shown at once.
    fn nanoseconds(&self, time: i64) -> u64 {
        let shifted = u64::try_from(time.saturating_add(self.shift)).unwrap_or(0);
        rescale(shifted, self.timescale, 1_000_000_000)
    }
}

/// A frame of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mp4Sample {
    /// When it is to be seen or heard, in nanoseconds from the begin of the file.
    pub time: u64,
    /// Whether the file says that it can be decoded without any before it.
    pub keyframe: bool,
    /// The frame, in the form of the file.
    pub data: Bytes,
}

/// Reads an MP4 file.
#[derive(Debug)]
pub struct Mp4Reader<R> {
    reader: R,
    tracks: Vec<Mp4Track>,
}

impl<R: Read + Seek> Mp4Reader<R> {
    /// Reads the tables, wherever in the file they are.
    ///
    /// # Errors
    /// What is wrong with the file, or the reader's own error.
    pub fn new(mut reader: R) -> Result<Self> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let (mut moov, mut fragments, mut is_first) = (None, Vec::new(), true);
        while let Some(top) = TopBox::read(&mut reader, length)? {
            if std::mem::take(&mut is_first) && !is_beginning(&top.kind) {
                return Err(Mp4Fault::NotMp4.into());
            }
            match &top.kind {
                b"moov" if moov.is_none() => moov = Some(top.read_content(&mut reader)?),
                b"moof" => fragments.push(Fragment {
                    moof: top.read_content(&mut reader)?,
                    start: top.start,
                    length,
                }),
                _ => {}
            }
            if top.end >= length {
                break;
            }
            reader.seek(SeekFrom::Start(top.end))?;
        }
        if is_first {
            return Err(Mp4Fault::NotMp4.into());
        }
        let moov = moov.ok_or(Mp4Fault::NoMovie)?;
        let tracks = parse_tracks(&moov, &fragments, length)?;
        Ok(Self { reader, tracks })
    }

    /// The tracks.
    #[must_use]
    pub fn tracks(&self) -> &[Mp4Track] {
        &self.tracks
    }

    /// Frame number `index` of a track, in the order of decoding; `None` behind the last.
    ///
    /// # Errors
    /// As [`Mp4Reader::new`].
    pub fn sample(&mut self, track: u32, index: usize) -> Result<Option<Mp4Sample>> {
        let Some(found) = self.tracks.iter().find(|found| found.id == track) else {
            return Ok(None);
        };
        let Some(sample) = found.samples.get(index) else {
            return Ok(None);
        };
        let length = sample.size as usize;
        if length > MAX_FRAME {
            return Err(Mp4Fault::SampleTooLarge.into());
        }
        self.reader.seek(SeekFrom::Start(sample.offset))?;
        Ok(Some(Mp4Sample {
            time: found.nanoseconds(sample.time),
            keyframe: sample.keyframe,
            data: read_exactly(&mut self.reader, length)?.ok_or(Mp4Fault::Truncated)?,
        }))
    }
}

/// What a file of this family begins with.
pub(crate) fn is_beginning(kind: &[u8; 4]) -> bool {
    matches!(
        kind,
        b"ftyp" | b"styp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide" | b"pnot"
    )
}

fn parse_tracks(moov: &Bytes, fragments: &[Fragment], length: u64) -> Result<Vec<Mp4Track>, Mp4Fault> {
    let movie_scale = {
        let mvhd = find(moov, b"mvhd").ok_or(Mp4Fault::BrokenBoxes)?;
        let mut fields = Fields::new(&mvhd);
        let (version, _) = fields.version_and_flags()?;
        fields.skip(if version == 0 { 8 } else { 16 })?;
        u64::from(fields.u32()?).max(1)
    };
    let defaults = defaults(moov)?;
    let traks = boxes(moov).filter(|(kind, _)| kind == b"trak");
    traks
        .map(|(_, trak)| {
            let mut track = parse_track(&trak, movie_scale, length)?;
            let defaults = defaults.get(&track.id).copied().unwrap_or_default();
            add_fragments(&mut track, fragments, defaults)?;
            Ok(track)
        })
        .collect()
}

fn add_fragments(track: &mut Mp4Track, fragments: &[Fragment], defaults: Defaults) -> Result<(), Mp4Fault> {
    let mut time = 0;
    for fragment in fragments {
        fragment.samples(track.id, defaults, &mut time, &mut track.samples)?;
    }
    Ok(())
}

fn parse_track(trak: &Bytes, movie_scale: u64, length: u64) -> Result<Mp4Track, Mp4Fault> {
    let tkhd = find(trak, b"tkhd").ok_or(Mp4Fault::BrokenBoxes)?;
    let mut fields = Fields::new(&tkhd);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 0 { 8 } else { 16 })?;
    let id = fields.u32()?;

    let mdhd = find_path(trak, &[b"mdia", b"mdhd"]).ok_or(Mp4Fault::BrokenBoxes)?;
    let mut fields = Fields::new(&mdhd);
    let (version, _) = fields.version_and_flags()?;
    fields.skip(if version == 0 { 8 } else { 16 })?;
    let timescale = u64::from(fields.u32()?).max(1);

    let hdlr = find_path(trak, &[b"mdia", b"hdlr"]).ok_or(Mp4Fault::BrokenBoxes)?;
    let handler = hdlr.get(8..12).unwrap_or_default();
    let stbl = find_path(trak, &[b"mdia", b"minf", b"stbl"]).ok_or(Mp4Fault::BrokenBoxes)?;
    let stsd = find(&stbl, b"stsd").ok_or(Mp4Fault::BrokenBoxes)?;
    let (format, size) = parse_entry(&stsd)?;
    Ok(Mp4Track {
        id,
        format,
        is_video: handler == b"vide",
        is_audio: handler == b"soun",
        size,
        timescale,
        shift: edit_shift(trak, movie_scale, timescale)?,
        samples: samples(&stbl, length)?,
    })
}

/// By how much an edit list moves a track: an empty edit delays it, and the first real one cuts its begin off. Further
/// edits, which nobody makes, are not carried out.
fn edit_shift(trak: &Bytes, movie_scale: u64, timescale: u64) -> Result<i64, Mp4Fault> {
    let Some(elst) = find_path(trak, &[b"edts", b"elst"]) else {
        return Ok(0);
    };
    let mut fields = Fields::new(&elst);
    let (version, _) = fields.version_and_flags()?;
    let mut shift = 0_i64;
    for _ in 0..fields.u32()? {
        let duration = fields.time(version)?;
        let start = if version == 0 {
            i64::from(fields.u32()?.cast_signed())
        } else {
            fields.u64()?.cast_signed()
        };
        fields.skip(4)?;
        if start >= 0 {
            return Ok(shift.saturating_sub(start));
        }
        let delay = rescale(duration, movie_scale, timescale);
        shift = shift.saturating_add(i64::try_from(delay).unwrap_or(i64::MAX));
    }
    Ok(shift)
}
