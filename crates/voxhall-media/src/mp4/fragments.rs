//! Movie fragments (ISO/IEC 14496-12, section 8.8): frames of a file that was written piece by piece.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Mp4Fault;
use super::boxes::{Fields, boxes, find, find_path};
use super::table::Sample;

const NOT_A_KEYFRAME: u32 = 0x0001_0000;

/// What holds for the samples of a track unless a fragment says otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// The defaults of each track, from `mvex`.
pub(super) fn defaults(moov: &Bytes) -> Result<BTreeMap<u32, Defaults>, Mp4Fault> {
    let mut tracks = BTreeMap::new();
    let Some(mvex) = find(moov, b"mvex") else {
        return Ok(tracks);
    };
    for (_, content) in boxes(&mvex).filter(|(kind, _)| kind == b"trex") {
        let mut fields = Fields::new(&content);
        fields.version_and_flags()?;
        let track = fields.u32()?;
        fields.skip(4)?;
        let defaults = Defaults {
            duration: fields.u32()?,
            size: fields.u32()?,
            flags: fields.u32()?,
        };
        tracks.insert(track, defaults);
    }
    Ok(tracks)
}

/// A fragment: the content of `moof` and where that box begins, in a file of `length` bytes.
#[derive(Debug, Clone)]
pub(super) struct Fragment {
    pub(super) moof: Bytes,
    pub(super) start: u64,
    pub(super) length: u64,
}

impl Fragment {
    /// Appends the samples of a track. `time` is where the track stands, and is moved on.
    pub(super) fn samples(
        &self,
        track: u32,
        defaults: Defaults,
        time: &mut u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), Mp4Fault> {
        // Without any base, data begins where that of the track before it ended.
        let mut end = self.start;
        for (_, traf) in boxes(&self.moof).filter(|(kind, _)| kind == b"traf") {
            let header = Header::parse(&traf, self.start, end, defaults)?;
            let mut run = Run {
                offset: header.base,
                defaults: header.defaults,
                length: self.length,
            };
            let mut ignored = Vec::new();
            let is_wanted = header.track == track;
            let mut start = match find_path(&traf, &[b"tfdt"]) {
                Some(tfdt) if is_wanted => {
                    let mut fields = Fields::new(&tfdt);
                    let (version, _) = fields.version_and_flags()?;
                    fields.time(version)?
                }
                _ => *time,
            };
            for (_, trun) in boxes(&traf).filter(|(kind, _)| kind == b"trun") {
                let into = if is_wanted { &mut *samples } else { &mut ignored };
                run.read(&trun, header.base, &mut start, into)?;
                ignored.clear();
            }
            if is_wanted {
                *time = start;
            }
            end = run.offset;
        }
        Ok(())
    }
}

/// `tfhd`.
struct Header {
    track: u32,
    base: u64,
    defaults: Defaults,
}

impl Header {
    fn parse(traf: &Bytes, moof: u64, end: u64, mut defaults: Defaults) -> Result<Self, Mp4Fault> {
        const BASE: u32 = 0x01;
        const DESCRIPTION: u32 = 0x02;
        const DURATION: u32 = 0x08;
        const SIZE: u32 = 0x10;
        const FLAGS: u32 = 0x20;
        const BASE_IS_MOOF: u32 = 0x02_0000;
        let tfhd = find(traf, b"tfhd").ok_or(Mp4Fault::BrokenBoxes)?;
        let mut fields = Fields::new(&tfhd);
        let (_, flags) = fields.version_and_flags()?;
        let track = fields.u32()?;
        let base = if flags & BASE != 0 {
            fields.u64()?
        } else if flags & BASE_IS_MOOF != 0 {
            moof
        } else {
            end
        };
        if flags & DESCRIPTION != 0 {
            fields.skip(4)?;
        }
        for (flag, value) in [
            (DURATION, &mut defaults.duration),
            (SIZE, &mut defaults.size),
            (FLAGS, &mut defaults.flags),
        ] {
            if flags & flag != 0 {
                *value = fields.u32()?;
            }
        }
        Ok(Self {
            track,
            base,
            defaults,
        })
    }
}

/// Reads `trun` boxes one behind the other.
struct Run {
    /// Where the next sample lies, unless the box says otherwise.
    offset: u64,
    defaults: Defaults,
    length: u64,
}

impl Run {
    fn read(
        &mut self,
        trun: &Bytes,
        base: u64,
        time: &mut u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), Mp4Fault> {
        const OFFSET: u32 = 0x01;
        const FIRST_FLAGS: u32 = 0x04;
        const DURATION: u32 = 0x0100;
        const SIZE: u32 = 0x0200;
        const FLAGS: u32 = 0x0400;
        const COMPOSITION: u32 = 0x0800;
        let mut fields = Fields::new(trun);
        let (version, present) = fields.version_and_flags()?;
        let count = fields.u32()?;
        if present & OFFSET != 0 {
            let offset = fields.u32()?.cast_signed();
            self.offset = base
                .checked_add_signed(i64::from(offset))
                .ok_or(Mp4Fault::BrokenTables)?;
        }
        let mut first_flags = None;
        if present & FIRST_FLAGS != 0 {
            first_flags = Some(fields.u32()?);
        }
        // Samples that take no room anywhere could be claimed without end.
        if present & (DURATION | SIZE | FLAGS | COMPOSITION) == 0 && self.defaults.size == 0 && count > 0 {
            return Err(Mp4Fault::BrokenTables);
        }
        for _ in 0..count {
            let mut field = |flag: u32, default: u32| {
                if present & flag != 0 {
                    fields.u32()
                } else {
                    Ok(default)
                }
            };
            let duration = field(DURATION, self.defaults.duration)?;
            let size = field(SIZE, self.defaults.size)?;
            let flags = field(FLAGS, first_flags.take().unwrap_or(self.defaults.flags))?;
            let composition = field(COMPOSITION, 0)?;
            let composition = if version == 0 {
                i64::from(composition)
            } else {
                i64::from(composition.cast_signed())
            };
            let end = self
                .offset
                .checked_add(u64::from(size))
                .filter(|end| *end <= self.length);
            // No honest file has more frames than bytes.
            if samples.len() as u64 >= self.length {
                return Err(Mp4Fault::BrokenTables);
            }
            samples.push(Sample {
                offset: self.offset,
                size,
                time: i64::try_from(*time)
                    .unwrap_or(i64::MAX)
                    .saturating_add(composition),
                keyframe: flags & NOT_A_KEYFRAME == 0,
            });
            self.offset = end.ok_or(Mp4Fault::Truncated)?;
            *time = time.saturating_add(u64::from(duration));
        }
        Ok(())
    }
}
