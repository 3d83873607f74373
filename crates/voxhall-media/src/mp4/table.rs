//! Sample tables (ISO/IEC 14496-12, section 8.6 and 8.7): where each frame of a whole file lies, and when it is shown.

use bytes::Bytes;

use super::Mp4Fault;
use super::boxes::{Fields, find, pair};

/// A frame in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// When it is shown, in the track's clock, before edits.
    pub(super) time: i64,
    pub(super) keyframe: bool,
}

/// Reads the tables in `stbl` of a file of `length` bytes. Empty in a file of fragments.
pub(super) fn samples(stbl: &Bytes, length: u64) -> Result<Vec<Sample>, Mp4Fault> {
    let sizes = Sizes::parse(stbl, length)?;
    if sizes.count == 0 {
        return Ok(Vec::new());
    }
    let chunks = chunk_offsets(stbl)?;
    let to_chunk = required(stbl, b"stsc")?;
    let mut fields = Fields::new(&to_chunk);
    fields.version_and_flags()?;
    let runs = fields.table::<12>()?;
    let mut samples: Vec<Sample> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let [a, b, c, d, w, x, y, z, ..] = *run;
        let first = u32::from_be_bytes([a, b, c, d]);
        let per_chunk = u32::from_be_bytes([w, x, y, z]);
        let next = runs
            .get(index + 1)
            .map(|run| u32::from_be_bytes([run[0], run[1], run[2], run[3]]));
        // Chunks that are gone through again and again would take as long as somebody likes.
        if per_chunk == 0 || next.is_some_and(|next| next <= first) {
            return Err(Mp4Fault::BrokenTables);
        }
        // Chunks are numbered from 1.
        let first = first.checked_sub(1).ok_or(Mp4Fault::BrokenTables)? as usize;
        let end = next
            .map_or(chunks.len(), |next| (next as usize).saturating_sub(1))
            .min(chunks.len());
        for &chunk in chunks.get(first..end).unwrap_or_default() {
            if samples.len() == sizes.count {
                break;
            }
            let mut offset = chunk;
            for _ in 0..per_chunk {
                let Some(size) = sizes.get(samples.len()) else {
                    break;
                };
                let behind = offset.checked_add(u64::from(size)).filter(|end| *end <= length);
                samples.push(Sample {
                    offset,
                    size,
                    time: 0,
                    keyframe: true,
                });
                offset = behind.ok_or(Mp4Fault::Truncated)?;
            }
        }
    }
    if samples.len() < sizes.count {
        return Err(Mp4Fault::BrokenTables);
    }
    set_times(stbl, &mut samples)?;
    set_keyframes(stbl, &mut samples)?;
    Ok(samples)
}

fn required(stbl: &Bytes, kind: &[u8; 4]) -> Result<Bytes, Mp4Fault> {
    find(stbl, kind).ok_or(Mp4Fault::BrokenTables)
}

/// How large each sample is.
struct Sizes {
    /// Of all samples, if it is the same for all.
    common: Option<u32>,
    table: Bytes,
    /// Bits of an entry of the table.
    bits: usize,
    count: usize,
}

impl Sizes {
    fn parse(stbl: &Bytes, length: u64) -> Result<Self, Mp4Fault> {
        let (content, is_compact) = match find(stbl, b"stsz") {
            Some(content) => (content, false),
            None => (required(stbl, b"stz2")?, true),
        };
        let mut fields = Fields::new(&content);
        fields.version_and_flags()?;
        let word = fields.u32()?;
        let count = fields.u32()? as usize;
        let table = content.slice(12..);
        if !is_compact && word != 0 {
            // No table bounds the count, so the file has to.
            let fits = (count as u64)
                .checked_mul(u64::from(word))
                .is_some_and(|all| all <= length);
            if !fits {
                return Err(Mp4Fault::BrokenTables);
            }
            return Ok(Self {
                common: Some(word),
                table,
                bits: 0,
                count,
            });
        }
        let bits = if is_compact { word as usize & 0xFF } else { 32 };
        let fits = count
            .checked_mul(bits)
            .is_some_and(|bits| bits.div_ceil(8) <= table.len());
        if !matches!(bits, 4 | 8 | 16 | 32) || !fits {
            return Err(Mp4Fault::BrokenTables);
        }
        Ok(Self {
            common: None,
            table,
            bits,
            count,
        })
    }

    fn get(&self, index: usize) -> Option<u32> {
        if index >= self.count {
            return None;
        }
        if self.common.is_some() {
            return self.common;
        }
        if self.bits == 4 {
            let byte = self.table.get(index / 2)?;
            return Some(u32::from(if index.is_multiple_of(2) {
                byte >> 4
            } else {
                byte & 0x0F
            }));
        }
        let bytes = self.bits / 8;
        let entry = self.table.get(index * bytes..(index + 1) * bytes)?;
        Some(entry.iter().fold(0, |size, &byte| size << 8 | u32::from(byte)))
    }
}

fn chunk_offsets(stbl: &Bytes) -> Result<Vec<u64>, Mp4Fault> {
    if let Some(content) = find(stbl, b"stco") {
        let mut fields = Fields::new(&content);
        fields.version_and_flags()?;
        let table = fields.table::<4>()?;
        return Ok(table
            .iter()
            .map(|offset| u64::from(u32::from_be_bytes(*offset)))
            .collect());
    }
    let content = required(stbl, b"co64")?;
    let mut fields = Fields::new(&content);
    fields.version_and_flags()?;
    let table = fields.table::<8>()?;
    Ok(table.iter().map(|offset| u64::from_be_bytes(*offset)).collect())
}

fn set_times(stbl: &Bytes, samples: &mut [Sample]) -> Result<(), Mp4Fault> {
    let content = required(stbl, b"stts")?;
    let mut fields = Fields::new(&content);
    fields.version_and_flags()?;
    let mut rest = samples.iter_mut();
    let mut time = 0_i64;
    for entry in fields.table::<8>()? {
        let (count, delta) = pair(entry);
        for sample in rest.by_ref().take(count as usize) {
            sample.time = time;
            time = time.saturating_add(i64::from(delta));
        }
    }
    if rest.next().is_some() {
        return Err(Mp4Fault::BrokenTables);
    }
    let Some(content) = find(stbl, b"ctts") else {
        return Ok(());
    };
    let mut fields = Fields::new(&content);
    let (version, _) = fields.version_and_flags()?;
    let mut rest = samples.iter_mut();
    for entry in fields.table::<8>()? {
        let (count, offset) = pair(entry);
        let offset = if version == 0 {
            i64::from(offset)
        } else {
            i64::from(offset.cast_signed())
        };
        for sample in rest.by_ref().take(count as usize) {
            sample.time = sample.time.saturating_add(offset);
        }
    }
    Ok(())
}

fn set_keyframes(stbl: &Bytes, samples: &mut [Sample]) -> Result<(), Mp4Fault> {
    // Without the table every sample is one.
    let Some(content) = find(stbl, b"stss") else {
        return Ok(());
    };
    let mut fields = Fields::new(&content);
    fields.version_and_flags()?;
    samples.iter_mut().for_each(|sample| sample.keyframe = false);
    for number in fields.table::<4>()? {
        let index = u32::from_be_bytes(*number).checked_sub(1);
        if let Some(sample) = index.and_then(|index| samples.get_mut(index as usize)) {
            sample.keyframe = true;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 1000;

    fn full_box(kind: &[u8; 4], fields: impl IntoIterator<Item = u32>) -> Vec<u8> {
        // Version and flags come first.
        let fields: Vec<u8> = [0].into_iter().chain(fields).flat_map(u32::to_be_bytes).collect();
        [&(fields.len() as u32 + 8).to_be_bytes()[..], kind, &fields].concat()
    }

    /// Tables of four samples in as many chunks, which lie in runs of `(first, per_chunk)`.
    fn read(runs: &[(u32, u32)]) -> Result<Vec<u64>, Mp4Fault> {
        let entries = runs.iter().flat_map(|&(first, per_chunk)| [first, per_chunk, 1]);
        let stbl = [
            full_box(b"stsz", [10, 4]),
            full_box(b"stco", [4, 100, 200, 300, 400]),
            full_box(b"stsc", [runs.len() as u32].into_iter().chain(entries)),
            full_box(b"stts", [1, 4, 20]),
        ];
        let samples = samples(&Bytes::from(stbl.concat()), LENGTH)?;
        Ok(samples.iter().map(|sample| sample.offset).collect())
    }

    #[test]
    fn runs_of_chunks_say_where_samples_lie() {
        assert_eq!(read(&[(1, 1)]), Ok(vec![100, 200, 300, 400]));
        assert_eq!(read(&[(1, 2), (2, 1)]), Ok(vec![100, 110, 200, 300]));
        assert_eq!(read(&[(1, 4), (2, 9)]), Ok(vec![100, 110, 120, 130]));
    }

    #[test]
    fn runs_that_do_not_rise_or_hold_nothing_are_refused() {
        for runs in [
            &[(1, 0), (5, 0), (1, 1)][..],
            &[(1, 0), (2, 4)],
            &[(2, 1), (1, 1)],
            &[(1, 1), (1, 1)],
            &[(0, 1)],
        ] {
            assert_eq!(read(runs), Err(Mp4Fault::BrokenTables), "{runs:?}");
        }
        // Each pair of these goes through all chunks.
        let endless: Vec<_> = [(1, 0), (5, 0)].repeat(1_000_000);
        assert_eq!(read(&endless), Err(Mp4Fault::BrokenTables));
    }
}
