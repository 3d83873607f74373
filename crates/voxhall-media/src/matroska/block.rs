//! Blocks (RFC 9559, section 10): the frames of one track at one time.

use bytes::Bytes;

use super::MatroskaFault;
use super::ebml::{split_vint, vint_bytes};

const KEYFRAME: u8 = 0x80;
const LACING: u8 = 0x06;
const XIPH: u8 = 0x02;
const FIXED: u8 = 0x04;

/// A block, its frames not yet taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) track: u64,
    /// Units since the cluster's time.
    pub(super) time: i16,
    /// Only true in a simple block.
    pub(super) keyframe: bool,
    lacing: u8,
    content: Bytes,
}

impl Block {
    pub(super) fn parse(block: &Bytes) -> Result<Self, MatroskaFault> {
        let (track, rest) = split_vint(block).ok_or(MatroskaFault::BadBlock)?;
        let &[high, low, flags, ref content @ ..] = rest else {
            return Err(MatroskaFault::BadBlock);
        };
        Ok(Self {
            track,
            time: i16::from_be_bytes([high, low]),
            keyframe: flags & KEYFRAME != 0,
            lacing: flags & LACING,
            content: block.slice(block.len() - content.len()..),
        })
    }

    /// The frames, at least one.
    pub(super) fn frames(&self) -> Result<Vec<Bytes>, MatroskaFault> {
        if self.lacing == 0 {
            return Ok(vec![self.content.clone()]);
        }
        let (&more, rest) = self.content.split_first().ok_or(MatroskaFault::BadBlock)?;
        let (lengths, rest) = match self.lacing {
            XIPH => xiph_lengths(rest, more)?,
            FIXED => fixed_lengths(rest, more)?,
            _ => ebml_lengths(rest, more)?,
        };
        let mut at = self.content.len() - rest.len();
        let mut frames = Vec::with_capacity(lengths.len() + 1);
        for length in lengths {
            let end = at.checked_add(length).filter(|end| *end <= self.content.len());
            let end = end.ok_or(MatroskaFault::BadBlock)?;
            frames.push(self.content.slice(at..end));
            at = end;
        }
        frames.push(self.content.slice(at..));
        Ok(frames)
    }
}

/// The lengths of all frames but the last, and what follows them.
type Lengths<'a> = Result<(Vec<usize>, &'a [u8]), MatroskaFault>;

/// Each length as so many bytes of 255 and a smaller one.
fn xiph_lengths(mut rest: &[u8], count: u8) -> Lengths<'_> {
    let mut lengths = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let mut length = 0;
        loop {
            let (&byte, behind) = rest.split_first().ok_or(MatroskaFault::BadBlock)?;
            length += usize::from(byte);
            rest = behind;
            if byte < 255 {
                break;
            }
        }
        lengths.push(length);
    }
    Ok((lengths, rest))
}

/// All of the same length.
fn fixed_lengths(rest: &[u8], more: u8) -> Lengths<'_> {
    let frames = usize::from(more) + 1;
    if !rest.len().is_multiple_of(frames) {
        return Err(MatroskaFault::BadBlock);
    }
    Ok((vec![rest.len() / frames; usize::from(more)], rest))
}

/// The first length as it is, the others as differences from the one before.
fn ebml_lengths(rest: &[u8], count: u8) -> Lengths<'_> {
    let mut lengths = Vec::with_capacity(usize::from(count));
    if count == 0 {
        return Ok((lengths, rest));
    }
    let (first, mut rest) = split_vint(rest).ok_or(MatroskaFault::BadBlock)?;
    let mut length = i64::try_from(first).map_err(|_| MatroskaFault::BadBlock)?;
    lengths.push(usize::try_from(length).map_err(|_| MatroskaFault::BadBlock)?);
    for _ in 1..count {
        let bytes = vint_bytes(rest).ok_or(MatroskaFault::BadBlock)?;
        let (coded, behind) = split_vint(rest).ok_or(MatroskaFault::BadBlock)?;
        // Counted from the middle of what so many bytes hold.
        let middle = (1_i64 << (7 * bytes - 1)) - 1;
        length += coded.cast_signed() - middle;
        lengths.push(usize::try_from(length).map_err(|_| MatroskaFault::BadBlock)?);
        rest = behind;
    }
    Ok((lengths, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(flags: u8, content: &[u8]) -> Result<Vec<Vec<u8>>, MatroskaFault> {
        let block = [&[0x81, 0x00, 0x05, flags][..], content].concat();
        let block = Block::parse(&block.into())?;
        assert_eq!((block.track, block.time), (1, 5));
        Ok(block.frames()?.iter().map(|frame| frame.to_vec()).collect())
    }

    #[test]
    fn every_kind_of_lacing() {
        let three = vec![vec![1], vec![2, 2], vec![3, 3, 3]];
        assert_eq!(frames(0x80, &[1, 2]), Ok(vec![vec![1, 2]]));
        assert_eq!(frames(0x02, &[2, 1, 2, 1, 2, 2, 3, 3, 3]), Ok(three.clone()));
        assert_eq!(frames(0x06, &[2, 0x81, 0xC0, 1, 2, 2, 3, 3, 3]), Ok(three));
        assert_eq!(frames(0x04, &[1, 1, 1, 2, 2]), Ok(vec![vec![1, 1], vec![2, 2]]));
        let long = [&[1, 255, 1][..], &[9; 256], &[8]].concat();
        assert_eq!(frames(0x02, &long), Ok(vec![vec![9; 256], vec![8]]));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for (flags, content) in [
            (0x02, &[2, 255][..]),
            (0x02, &[1, 9, 1]),
            (0x04, &[1, 1, 1, 1]),
            (0x06, &[2, 0x81, 0x80, 1]),
            (0x06, &[1, 0x89, 1]),
            (0x06, &[]),
        ] {
            assert_eq!(
                frames(flags, content),
                Err(MatroskaFault::BadBlock),
                "{content:x?}"
            );
        }
        assert_eq!(
            Block::parse(&Bytes::from_static(&[0x81, 0])),
            Err(MatroskaFault::BadBlock)
        );
    }
}
