//! Source descriptions and goodbyes (RFC 3550 sections 6.5 and 6.6).

use voxhall_protocol::voice::Ssrc;

use super::{items, sources, take_ssrc};
use crate::Error;

const WORD_LENGTH: usize = 4;
const END_ITEM: u8 = 0;
pub(super) const CNAME_ITEM: u8 = 1;

/// Names of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Result<Self, Error> {
        let mut rest = body;
        for _ in 0..count {
            (_, rest) = split_chunk(rest)?;
        }
        Ok(Self { count, body })
    }

    /// One chunk per source.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.body;
        (0..self.count).map_while(move |_| {
            let (chunk, behind) = split_chunk(rest).ok()?;
            rest = behind;
            Some(chunk)
        })
    }
}

/// What is said about one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    /// The source.
    pub source: Ssrc,
    items: &'a [u8],
}

/// One thing said about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// What it is; 1 is the canonical name.
    pub item_type: u8,
    /// The text, UTF-8 by the RFC.
    pub text: &'a [u8],
}

impl<'a> SdesChunk<'a> {
    /// Everything that is said about the source.
    pub fn items(&self) -> impl Iterator<Item = SdesItem<'a>> + use<'a> {
        let mut rest = self.items;
        std::iter::from_fn(move || {
            let (item, behind) = split_item(rest).ok()??;
            rest = behind;
            Some(item)
        })
    }

    /// The source's canonical name; real clients leave it empty.
    #[must_use]
    pub fn cname(&self) -> Option<&'a [u8]> {
        self.items()
            .find(|item| item.item_type == CNAME_ITEM)
            .map(|item| item.text)
    }
}

/// Splits off a chunk: the source, its items, and zeros up to the next word.
fn split_chunk(bytes: &[u8]) -> Result<(SdesChunk<'_>, &[u8]), Error> {
    let (source, items) = take_ssrc(bytes)?;
    let mut rest = items;
    while let Some((_, behind)) = split_item(rest)? {
        rest = behind;
    }
    // The end marker takes at least one byte.
    let length = (items.len() - rest.len() + 1).next_multiple_of(WORD_LENGTH);
    let (items, rest) = items.split_at_checked(length).ok_or(Error::Truncated)?;
    Ok((SdesChunk { source, items }, rest))
}

/// Splits off an item; `None` at the end marker.
fn split_item(bytes: &[u8]) -> Result<Option<(SdesItem<'_>, &[u8])>, Error> {
    match bytes {
        [END_ITEM, ..] => Ok(None),
        &[item_type, length, ref rest @ ..] => {
            let (text, rest) = rest
                .split_at_checked(usize::from(length))
                .ok_or(Error::Truncated)?;
            Ok(Some((SdesItem { item_type, text }, rest)))
        }
        _ => Err(Error::Truncated),
    }
}

/// Sources that end. Nobody leaves a call by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goodbye<'a> {
    sources: &'a [[u8; 4]],
}

impl<'a> Goodbye<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Result<Self, Error> {
        Ok(Self {
            sources: items(body, usize::from(count))?,
        })
    }

    /// The sources.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        sources(self.sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_padded_to_words() {
        let body = [
            0, 0, 0, 7, 1, 2, b'a', b'b', 0, 0, 0, 0, // "ab" and four zeros
            0, 0, 0, 8, 1, 1, b'c', 2, 0, 0, 0, 0, // "c", an empty NAME, three zeros
        ];
        let description = SourceDescription::read(2, &body).expect("well-formed");
        let chunks: Vec<_> = description.chunks().collect();
        assert_eq!((chunks[0].source, chunks[0].cname()), (Ssrc(7), Some(&b"ab"[..])));
        assert_eq!((chunks[1].source, chunks[1].cname()), (Ssrc(8), Some(&b"c"[..])));
        assert_eq!(chunks[1].items().count(), 2);
        assert_eq!(SourceDescription::read(3, &body), Err(Error::Truncated));
    }

    #[test]
    fn an_item_beyond_the_packet_is_refused() {
        assert_eq!(
            SourceDescription::read(1, &[0, 0, 0, 7, 1, 9, b'a', 0]),
            Err(Error::Truncated)
        );
        assert_eq!(
            SourceDescription::read(1, &[0, 0, 0, 7, 1, 2, b'a', b'b']),
            Err(Error::Truncated),
            "no end"
        );
    }
}
