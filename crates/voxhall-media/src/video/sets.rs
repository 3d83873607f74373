//! Parameter sets of H.264 and H.265: as configuration records carry them, and what is read of both in the same way.

use bytes::Bytes;

use super::bits::Bits;
use super::nal::{annex_b, from_length_prefixed, nal_units};
use super::{PictureSize, VideoCodec};

/// The parameter sets of a track, and how its units are delimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParameterSets {
    /// Bytes of the length before each unit: 1, 2 or 4.
    length_size: usize,
    sets: Vec<Bytes>,
}

impl ParameterSets {
    /// None yet. `byte` is that of the record which tells, in its last two bits, how long the lengths are.
    pub(super) fn with_length_byte(byte: u8) -> Option<Self> {
        let length_size = usize::from(byte & 3) + 1;
        (length_size != 3).then_some(Self {
            length_size,
            sets: Vec::new(),
        })
    }

    /// Reads `count` sets at a place of a record, each behind its length; gives the place behind them.
    pub(super) fn read(&mut self, record: &Bytes, mut at: usize, count: usize) -> Option<usize> {
        for _ in 0..count {
            let length = record.get(at..at + 2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            at += 2;
            record.get(at..at + length)?;
            self.sets.push(record.slice(at..at + length));
            at += length;
        }
        Some(at)
    }

    /// A frame of the track in normal form: a keyframe gets the sets if it has no sequence parameter set of its own.
    pub(super) fn frame(
        &self,
        codec: VideoCodec,
        frame: &[u8],
        is_sequence_set: fn(&[u8]) -> bool,
    ) -> Option<Bytes> {
        let stream = from_length_prefixed(frame, self.length_size)?;
        let lacks_sets = codec.is_keyframe(&stream) && !nal_units(&stream).any(is_sequence_set);
        let stream = if lacks_sets {
            let sets = self.sets.iter().map(|set| &set[..]);
            annex_b(sets.filter(|set| !set.is_empty()).chain(nal_units(&stream)))
        } else {
            stream
        };
        Some(codec.normal_form(stream))
    }
}

/// Appends units to a record as [`ParameterSets::read`] reads them. None of them has 64 KiB.
pub(super) fn push_sets(record: &mut Vec<u8>, sets: &[&[u8]]) {
    for set in sets {
        record.extend_from_slice(&(set.len() as u16).to_be_bytes());
        record.extend_from_slice(set);
    }
}

/// The size less what is cropped, in units that the chroma format gives: `chroma` is `chroma_format_idc`, zero with
/// separate planes, `fields` 2 where a frame is made of two.
pub(super) fn cropped(
    size: PictureSize,
    bits: &mut Bits<'_>,
    chroma: u32,
    fields: u32,
) -> Option<PictureSize> {
    let (across, down) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut crop = || bits.golomb();
    let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
    let less = |whole: u32, first: u32, second: u32, unit: u32| {
        whole.checked_sub(first.checked_add(second)?.checked_mul(unit)?)
    };
    Some(PictureSize {
        width: less(size.width, left, right, across)?,
        height: less(size.height, top, bottom, down * fields)?,
    })
}
