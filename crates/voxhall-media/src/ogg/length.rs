//! How long a file lasts, by its last page.

use std::io::{Read, Seek, SeekFrom};

use super::page::{CAPTURE, NO_GRANULE, Page};
use super::{OggReader, OpusHead};
use crate::Result;
use crate::filled::fill;

/// More than the largest page, so that the last one begins within.
const TAIL: u64 = 70 * 1_024;

/// Places that look like the start of a page and are tried; each may cost a checksum over the whole tail.
const MAX_STARTS: usize = 64;

/// Samples per channel that the last stream of a file plays; `None` if no page of it is found near the end.
///
/// For a file without chained streams, which is nearly every one, that is the length of the file.
pub(crate) fn length(file: &mut (impl Read + Seek)) -> Result<Option<u64>> {
    let OpusHead { pre_skip, .. } = *OggReader::new(&mut *file)?.head();
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = vec![0; size.min(TAIL) as usize];
    let read = fill(file, &mut tail)?;
    Ok(last_granule(&tail[..read]).map(|granule| granule.saturating_sub(u64::from(pre_skip))))
}

fn last_granule(tail: &[u8]) -> Option<u64> {
    let starts = (0..tail.len())
        .rev()
        .filter(|&at| tail[at..].starts_with(&CAPTURE));
    starts
        .take(MAX_STARTS)
        .filter_map(|at| Page::read(&mut &tail[at..]).ok().flatten())
        .map(|page| page.granule)
        .find(|&granule| granule != NO_GRANULE)
}
