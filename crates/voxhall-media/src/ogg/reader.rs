//! Reading Ogg Opus packet by packet.

use std::collections::VecDeque;
use std::io::Read;

use bytes::{Bytes, BytesMut};

use super::page::{FULL_SEGMENT, NO_GRANULE, Page};
use super::{OggFault, OpusHead, OpusTags};
use crate::Result;
use crate::source::AudioFrame;

/// More than the 48 frames of 1275 bytes that one Opus packet can carry.
const MAX_AUDIO_PACKET: usize = 64 * 1_024;

/// Room for the comments, which may hold a cover picture.
const MAX_TAGS: usize = 16 * 1_024 * 1_024;

/// Yields the packets of an Ogg Opus file as they are in the file.
///
/// Chained streams (RFC 7845, section 7.2) follow each other without a seam; other logical streams between the pages
/// are skipped. Nothing is decoded, and not more than one page is held.
#[derive(Debug)]
pub struct OggReader<R> {
    reader: R,
    head: OpusHead,
    tags: OpusTags,
    serial: u32,
    /// Packets of the current page that are complete.
    ready: VecDeque<Bytes>,
    /// The start of a packet that goes on on the next page.
    partial: Option<BytesMut>,
    granule: u64,
    failed: bool,
}

impl<R: Read> OggReader<R> {
    /// Reads the headers.
    ///
    /// Reads in small pieces: give it a [`BufReader`](std::io::BufReader) for files.
    ///
    /// # Errors
    /// [`Error::Ogg`](crate::Error::Ogg) with what is wrong with the file, or the reader's own error.
    pub fn new(mut reader: R) -> Result<Self> {
        let page = Page::read(&mut reader)?.ok_or(OggFault::Truncated)?;
        let first = first_page(&mut reader, page)?;
        let mut this = Self {
            reader,
            head: OpusHead::default(),
            tags: OpusTags::default(),
            serial: 0,
            ready: VecDeque::new(),
            partial: None,
            granule: 0,
            failed: false,
        };
        this.begin_stream(first)?;
        Ok(this)
    }

    /// The next packet with its duration; `None` at the end of the file.
    ///
    /// # Errors
    /// As [`OggReader::new`], and [`Error::Packet`](crate::Error::Packet) for bytes that are no Opus packet. After an
    /// error the file has ended.
    pub fn next_packet(&mut self) -> Result<Option<AudioFrame>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.read_packet();
        self.failed = next.is_err();
        next
    }

    /// The identification header of the current stream.
    #[must_use]
    pub const fn head(&self) -> &OpusHead {
        &self.head
    }

    /// The comments of the current stream.
    #[must_use]
    pub const fn tags(&self) -> &OpusTags {
        &self.tags
    }

    /// The granule position of the latest page: samples at 48 kHz from the stream's start, pre-skip included, less
    /// what is to be cut from its last packet.
    #[must_use]
    pub const fn granule(&self) -> u64 {
        self.granule
    }

    fn read_packet(&mut self) -> Result<Option<AudioFrame>> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(AudioFrame::new(packet)?));
            }
            let Some(page) = Page::read(&mut self.reader)? else {
                return if self.partial.is_some() {
                    Err(OggFault::Truncated.into())
                } else {
                    Ok(None)
                };
            };
            if page.flags.begins {
                // The streams that began together are behind us, so another one is chained to them.
                if self.partial.is_some() {
                    return Err(OggFault::BrokenPages.into());
                }
                let first = first_page(&mut self.reader, page)?;
                self.begin_stream(first)?;
            } else if page.serial == self.serial {
                self.take_page(page, MAX_AUDIO_PACKET)?;
            }
        }
    }

    fn begin_stream(&mut self, first: Page) -> Result<()> {
        self.head = OpusHead::parse(&first.body)?;
        self.serial = first.serial;
        while self.ready.is_empty() {
            let page = Page::read(&mut self.reader)?.ok_or(OggFault::Truncated)?;
            if page.serial == self.serial && !page.flags.begins {
                self.take_page(page, MAX_TAGS)?;
            }
        }
        let tags = self.ready.pop_front().unwrap_or_default();
        self.tags = OpusTags::parse(&tags)?;
        self.granule = 0;
        Ok(())
    }

    /// Cuts a page into packets.
    fn take_page(&mut self, page: Page, limit: usize) -> Result<()> {
        if page.flags.continued != self.partial.is_some() && !page.lacing.is_empty() {
            return Err(OggFault::BrokenPages.into());
        }
        let mut body = page.body;
        let mut length = 0;
        for &segment in &page.lacing {
            length += usize::from(segment);
            if usize::from(segment) < FULL_SEGMENT {
                let end = body.split_to(length);
                self.finish_packet(end, limit)?;
                length = 0;
            }
        }
        if length > 0 {
            let partial = self.partial.get_or_insert_default();
            partial.extend_from_slice(&body);
            if partial.len() > limit {
                return Err(OggFault::PacketTooLarge.into());
            }
        }
        if page.granule != NO_GRANULE {
            self.granule = page.granule;
        }
        Ok(())
    }

    fn finish_packet(&mut self, end: Bytes, limit: usize) -> Result<()> {
        let packet = match self.partial.take() {
            None => end,
            Some(mut start) => {
                start.extend_from_slice(&end);
                start.freeze()
            }
        };
        if packet.len() > limit {
            return Err(OggFault::PacketTooLarge.into());
        }
        self.ready.push_back(packet);
        Ok(())
    }
}

/// Of the streams that begin together, beginning with `page`, the first page of the one that is Opus.
///
/// All first pages of a group come before any other page (RFC 3533, section 4), so this reads no audio away. If none
/// is Opus, the error names the codec of the first.
fn first_page(reader: &mut impl Read, mut page: Page) -> Result<Page> {
    let mut other = None;
    while page.flags.begins && !page.flags.continued {
        match OpusHead::parse(&page.body) {
            Err(fault @ OggFault::OtherCodec(_)) => other = other.or(Some(fault)),
            _ => return Ok(page),
        }
        match Page::read(reader)? {
            Some(next) => page = next,
            None => break,
        }
    }
    Err(other.unwrap_or(OggFault::BrokenPages).into())
}
