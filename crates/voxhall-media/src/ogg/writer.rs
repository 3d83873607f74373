//! Writing Ogg Opus packet by packet.

use std::io::Write;

use super::page::{FULL_SEGMENT, Flags, MAX_SEGMENTS, Page};
use super::{OpusHead, OpusTags};
use crate::opus::{PacketInfo, silence_of};
use crate::{Result, SAMPLE_RATE};

/// Writes an Ogg Opus file that can be played at any time, however the program ends.
///
/// A page goes out about each second. Call [`OggWriter::finish`] to mark the end; without it the file lacks its last
/// second and the end mark, and plays all the same.
#[derive(Debug)]
pub struct OggWriter<W> {
    writer: W,
    serial: u32,
    sequence: u32,
    granule: u64,
    /// The page being filled.
    lacing: Vec<u8>,
    body: Vec<u8>,
    samples: u64,
}

impl<W: Write> OggWriter<W> {
    /// Begins a file by writing its headers.
    ///
    /// `serial` names the stream; it should be random, so that files can be chained.
    ///
    /// # Errors
    /// The writer's own.
    pub fn new(writer: W, head: OpusHead, tags: &OpusTags, serial: u32) -> Result<Self> {
        let mut this = Self {
            writer,
            serial,
            sequence: 0,
            granule: 0,
            lacing: Vec::with_capacity(MAX_SEGMENTS),
            body: Vec::new(),
            samples: 0,
        };
        this.push(&head.to_packet());
        this.write_page(Flags {
            begins: true,
            ..Flags::default()
        })?;
        this.write_tags(&tags.to_packet())?;
        this.writer.flush()?;
        Ok(this)
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// [`Error::Packet`](crate::Error::Packet) for bytes that are no Opus packet, or the writer's own.
    pub fn write_packet(&mut self, packet: &[u8]) -> Result<()> {
        let samples = u64::from(PacketInfo::parse(packet)?.samples());
        if self.samples >= u64::from(SAMPLE_RATE) || self.lacing.len() + segments_of(packet) > MAX_SEGMENTS {
            self.flush()?;
        }
        self.push(packet);
        self.samples += samples;
        self.granule += samples;
        Ok(())
    }

    /// Appends silence for a pause, as packets: players differ in what they make of a hole in the positions.
    ///
    /// Returns how many samples per channel it wrote, which is `samples` rounded down to 2.5 ms.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_silence(&mut self, samples: u64) -> Result<u64> {
        let mut left = samples;
        while let Some((packet, duration)) = silence_of(left) {
            self.write_packet(&packet)?;
            left -= u64::from(duration);
        }
        Ok(samples - left)
    }

    /// Writes out what is held back, as is done each second anyway.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self) -> Result<()> {
        if !self.lacing.is_empty() {
            self.write_page(Flags::default())?;
        }
        Ok(self.writer.flush()?)
    }

    /// Marks the end of the stream and hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self) -> Result<W> {
        self.write_page(Flags {
            ends: true,
            ..Flags::default()
        })?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    /// Samples per channel written so far, pre-skip included.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.granule
    }

    /// The comments may be longer than a page; no audio may follow on their last one (RFC 7845, section 3).
    fn write_tags(&mut self, packet: &[u8]) -> Result<()> {
        const FULL_PAGE: usize = MAX_SEGMENTS * FULL_SEGMENT;
        let mut rest = packet;
        let mut flags = Flags::default();
        while rest.len() >= FULL_PAGE {
            let (page, after) = rest.split_at(FULL_PAGE);
            self.lacing.resize(MAX_SEGMENTS, FULL_SEGMENT as u8);
            self.body.extend_from_slice(page);
            self.write_page(flags)?;
            flags.continued = true;
            rest = after;
        }
        self.push(rest);
        self.write_page(flags)
    }

    /// Adds a packet to the page, which has room for it.
    fn push(&mut self, packet: &[u8]) {
        self.lacing.extend(std::iter::repeat_n(
            FULL_SEGMENT as u8,
            packet.len() / FULL_SEGMENT,
        ));
        self.lacing.push((packet.len() % FULL_SEGMENT) as u8);
        self.body.extend_from_slice(packet);
    }

    fn write_page(&mut self, flags: Flags) -> Result<()> {
        let page = Page {
            flags,
            granule: self.granule,
            serial: self.serial,
            sequence: self.sequence,
            lacing: std::mem::take(&mut self.lacing),
            body: std::mem::take(&mut self.body).into(),
        };
        self.writer.write_all(&page.to_bytes())?;
        self.sequence = self.sequence.wrapping_add(1);
        self.samples = 0;
        Ok(())
    }
}

/// Segments a packet takes on a page; its length is never a whole number of full ones, so one more ends it.
const fn segments_of(packet: &[u8]) -> usize {
    packet.len() / FULL_SEGMENT + 1
}
