//! Boxes: a size, a type and a content.

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;

use super::Mp4Fault;
use crate::Result;
use crate::filled::{fill, read_exactly};

/// The type of a box.
pub(super) type BoxType = [u8; 4];

/// Tables are no larger than this; those of a day of video are smaller.
const MAX_TABLES: u64 = 512 << 20;

/// A box of the file's top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopBox {
    pub(super) kind: BoxType,
    /// Where the box itself begins.
    pub(super) start: u64,
    /// Where its content begins and ends.
    pub(super) content: u64,
    pub(super) end: u64,
}

impl TopBox {
    /// Reads the head of the box at the reader's position; `None` at the end of the file, whose length is given.
    pub(super) fn read(reader: &mut (impl Read + Seek), length: u64) -> Result<Option<Self>> {
        let start = reader.stream_position()?;
        let mut head = [0; 8];
        match fill(reader, &mut head)? {
            0 => return Ok(None),
            8 => {}
            _ => return Err(Mp4Fault::Truncated.into()),
        }
        let [a, b, c, d, kind @ ..] = head;
        let mut content = start + 8;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            // To the end of the file.
            0 => length.saturating_sub(start),
            1 => {
                let mut large = [0; 8];
                if fill(reader, &mut large)? < 8 {
                    return Err(Mp4Fault::Truncated.into());
                }
                content += 8;
                u64::from_be_bytes(large)
            }
            size => u64::from(size),
        };
        let end = start.checked_add(size).filter(|end| *end >= content);
        let end = end.ok_or(Mp4Fault::BrokenBoxes)?;
        Ok(Some(Self {
            kind,
            start,
            content,
            end,
        }))
    }

    /// The content.
    pub(super) fn read_content(&self, reader: &mut (impl Read + Seek)) -> Result<Bytes> {
        let length = self.end - self.content;
        if length > MAX_TABLES {
            return Err(Mp4Fault::BrokenBoxes.into());
        }
        reader.seek(SeekFrom::Start(self.content))?;
        Ok(read_exactly(reader, length as usize)?.ok_or(Mp4Fault::Truncated)?)
    }
}

/// The boxes in the content of another; ends at the first that does not fit.
pub(super) fn boxes(content: &Bytes) -> impl Iterator<Item = (BoxType, Bytes)> + use<> {
    let mut rest = content.clone();
    std::iter::from_fn(move || {
        let (&[a, b, c, d, w, x, y, z], _) = rest.split_first_chunk()?;
        let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, rest.len()),
            1 => {
                let large = rest.get(8..16)?.first_chunk()?;
                (16, usize::try_from(u64::from_be_bytes(*large)).ok()?)
            }
            size => (8, size as usize),
        };
        if size < head || size > rest.len() {
            return None;
        }
        let content = rest.slice(head..size);
        rest = rest.slice(size..);
        Some(([w, x, y, z], content))
    })
}

/// The first box of a type.
pub(super) fn find(content: &Bytes, kind: &BoxType) -> Option<Bytes> {
    boxes(content)
        .find(|(found, _)| found == kind)
        .map(|(_, content)| content)
}

/// The first box at the end of a path of types.
pub(super) fn find_path(content: &Bytes, path: &[&BoxType]) -> Option<Bytes> {
    path.iter()
        .try_fold(content.clone(), |content, kind| find(&content, kind))
}

/// Reads the fields of a box one behind the other.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// The version and flags that many boxes begin with.
    pub(super) fn version_and_flags(&mut self) -> Result<(u8, u32), Mp4Fault> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00FF_FFFF))
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Result<(), Mp4Fault> {
        self.rest = self.rest.get(bytes..).ok_or(Mp4Fault::BrokenBoxes)?;
        Ok(())
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mp4Fault> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4Fault> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// A time, which has 32 bits in the first version of a box and 64 in the second.
    pub(super) fn time(&mut self, version: u8) -> Result<u64, Mp4Fault> {
        if version == 0 {
            self.u32().map(u64::from)
        } else {
            self.u64()
        }
    }

    /// A table: its count, and its entries of `LENGTH` bytes each, all of which must be there.
    pub(super) fn table<const LENGTH: usize>(&mut self) -> Result<&'a [[u8; LENGTH]], Mp4Fault> {
        let count = self.u32()? as usize;
        self.rest.as_chunks().0.get(..count).ok_or(Mp4Fault::BrokenTables)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Mp4Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Mp4Fault::BrokenBoxes)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// Two numbers of 32 bits, as most entries of tables are.
pub(super) fn pair(entry: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, w, x, y, z] = *entry;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([w, x, y, z]))
}
