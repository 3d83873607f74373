//! Reading Matroska packet by packet, from front to back.

use std::collections::VecDeque;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;

use super::MatroskaFault;
use super::block::Block;
use super::ebml::{Head, children, float, id, number, read_content, read_head, skip_content};
use super::tracks::{MatroskaTrack, parse_tracks};
use crate::Result;
use crate::video::MAX_FRAME;

/// Headers and descriptions are no larger than this.
const MAX_DESCRIPTION: usize = 16 << 20;

/// What was written before files could say anything else: one unit of time is a millisecond.
const DEFAULT_SCALE: u64 = 1_000_000;

/// The version of the format that is read.
const READ_VERSION: u64 = 4;

/// A frame of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatroskaPacket {
    /// The number of its track.
    pub track: u64,
    /// When it is to be seen or heard, in nanoseconds from the begin of the file. Of several frames in one block only
    /// the first has a time of its own.
    pub time: u64,
    /// Whether the file says that it can be decoded without any before it.
    pub keyframe: bool,
    /// The frame.
    pub data: Bytes,
}

/// Reads a Matroska or WebM file.
#[derive(Debug)]
pub struct MatroskaReader<R> {
    reader: R,
    /// Nanoseconds of one unit of time.
    scale: u64,
    duration: Option<Duration>,
    tracks: Vec<MatroskaTrack>,
    /// The time of the cluster being read, in units.
    cluster: u64,
    ready: VecDeque<MatroskaPacket>,
    /// The head of the first element behind the description.
    next: Option<Head>,
    failed: bool,
}

impl<R: Read> MatroskaReader<R> {
    /// Reads everything up to the first cluster.
    ///
    /// # Errors
    /// What is wrong with the file, or the reader's own error.
    pub fn new(mut reader: R) -> Result<Self> {
        read_ebml_header(&mut reader)?;
        let segment = read_head(&mut reader)?.ok_or(MatroskaFault::Truncated)?;
        if segment.id != id::SEGMENT {
            return Err(MatroskaFault::BrokenElements.into());
        }
        let mut this = Self {
            reader,
            scale: DEFAULT_SCALE,
            duration: None,
            tracks: Vec::new(),
            cluster: 0,
            ready: VecDeque::new(),
            next: None,
            failed: false,
        };
        while let Some(head) = read_head(&mut this.reader)? {
            if head.id == id::CLUSTER {
                this.next = Some(head);
                break;
            }
            this.description(head)?;
        }
        if this.tracks.is_empty() {
            return Err(MatroskaFault::NoTracks.into());
        }
        Ok(this)
    }

    /// The tracks.
    #[must_use]
    pub fn tracks(&self) -> &[MatroskaTrack] {
        &self.tracks
    }

    /// How long the file lasts, if it says so.
    #[must_use]
    pub const fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// The next packet of any track; `None` at the end of the file.
    ///
    /// # Errors
    /// As [`MatroskaReader::new`]. After an error the file has ended.
    pub fn next_packet(&mut self) -> Result<Option<MatroskaPacket>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.read_packet();
        self.failed = next.is_err();
        next
    }

    fn read_packet(&mut self) -> Result<Option<MatroskaPacket>> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            let head = match self.next.take() {
                Some(head) => Some(head),
                None => read_head(&mut self.reader)?,
            };
            let Some(head) = head else { return Ok(None) };
            match head.id {
                // Their children are told from all others by their ids, so their sizes need not be known.
                id::CLUSTER => self.cluster = 0,
                id::TIMESTAMP => self.cluster = number(&read_content(&mut self.reader, head, 8)?)?,
                id::SIMPLE_BLOCK => {
                    let block = Block::parse(&read_content(&mut self.reader, head, MAX_FRAME)?)?;
                    let keyframe = block.keyframe;
                    self.take_block(&block, keyframe)?;
                }
                id::BLOCK_GROUP => {
                    let group = read_content(&mut self.reader, head, MAX_FRAME)?;
                    self.take_group(&group)?;
                }
                // A second file behind the first.
                id::EBML | id::SEGMENT => return Ok(None),
                _ => self.description(head)?,
            }
        }
    }

    /// Takes in what describes the file, and passes over everything else.
    fn description(&mut self, head: Head) -> Result<()> {
        match head.id {
            id::INFO => {
                let info = read_content(&mut self.reader, head, MAX_DESCRIPTION)?;
                self.info(&info)?;
            }
            id::TRACKS if self.tracks.is_empty() => {
                self.tracks = parse_tracks(&read_content(&mut self.reader, head, MAX_DESCRIPTION)?)?;
            }
            _ => skip_content(&mut self.reader, head)?,
        }
        Ok(())
    }

    fn info(&mut self, info: &Bytes) -> Result<(), MatroskaFault> {
        let mut duration = None;
        for child in children(info) {
            let (id, content) = child?;
            match id {
                id::TIMESTAMP_SCALE => self.scale = number(&content)?.max(1),
                id::DURATION => duration = float(&content),
                _ => {}
            }
        }
        self.duration = duration
            .map(|units| units * self.scale as f64 / 1e9)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(())
    }

    fn take_group(&mut self, group: &Bytes) -> Result<(), MatroskaFault> {
        let (mut block, mut keyframe) = (None, true);
        for child in children(group) {
            let (id, content) = child?;
            match id {
                id::BLOCK => block = Some(Block::parse(&content)?),
                id::REFERENCE_BLOCK => keyframe = false,
                _ => {}
            }
        }
        match block {
            Some(block) => self.take_block(&block, keyframe),
            None => Ok(()),
        }
    }

    fn take_block(&mut self, block: &Block, keyframe: bool) -> Result<(), MatroskaFault> {
        // Blocks of tracks that nobody described are of no use to anybody.
        let Some(track) = self.tracks.iter().find(|track| track.number == block.track) else {
            return Ok(());
        };
        let units = self.cluster.saturating_add_signed(i64::from(block.time));
        for frame in block.frames()? {
            let data = if track.stripped.is_empty() {
                frame
            } else {
                [&track.stripped[..], &frame[..]].concat().into()
            };
            self.ready.push_back(MatroskaPacket {
                track: block.track,
                time: units.saturating_mul(self.scale).saturating_sub(track.delay),
                keyframe,
                data,
            });
        }
        Ok(())
    }
}

fn read_ebml_header(reader: &mut impl Read) -> Result<()> {
    let head = match read_head(reader) {
        Ok(Some(head)) if head.id == id::EBML => head,
        Err(error @ crate::Error::Io(_)) => return Err(error),
        _ => return Err(MatroskaFault::NotMatroska.into()),
    };
    let header = read_content(reader, head, MAX_DESCRIPTION)?;
    let mut is_matroska = false;
    for child in children(&header) {
        let (id, content) = child?;
        match id {
            id::DOC_TYPE => {
                let end = content
                    .iter()
                    .rposition(|&byte| byte != 0)
                    .map_or(0, |last| last + 1);
                is_matroska = matches!(&content[..end], b"matroska" | b"webm");
            }
            id::EBML_READ_VERSION if number(&content)? > 1 => return Err(MatroskaFault::Version.into()),
            id::DOC_TYPE_READ_VERSION if number(&content)? > READ_VERSION => {
                return Err(MatroskaFault::Version.into());
            }
            _ => {}
        }
    }
    if is_matroska {
        Ok(())
    } else {
        Err(MatroskaFault::NotMatroska.into())
    }
}
