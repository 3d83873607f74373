//! One person's voice in an Ogg Opus file.

use std::io::Write;
use std::time::Instant;

use bytes::Bytes;

use super::Timeline;
use super::order::{Ordered, Placed};
use crate::Result;
use crate::ogg::{OggWriter, OpusHead, OpusTags};

/// Writes one RTP stream's packets, untouched, at their places on a [`Timeline`].
///
/// Pauses and losses become packets of silence, so that the tracks of all speakers play side by side.
#[derive(Debug)]
pub struct OggTrack<W> {
    writer: OggWriter<W>,
    timeline: Timeline,
    ordered: Ordered,
}

impl<W: Write> OggTrack<W> {
    /// Begins a file; `serial` should be random.
    ///
    /// # Errors
    /// The writer's own.
    pub fn new(writer: W, timeline: Timeline, tags: &OpusTags, serial: u32) -> Result<Self> {
        // What is cut off at the start is silence on any timeline, or the start of an encoder's output.
        let writer = OggWriter::new(writer, OpusHead::default(), tags, serial)?;
        Ok(Self {
            writer,
            timeline,
            ordered: Ordered::new(timeline.stream()),
        })
    }

    /// Takes a packet as it arrives. Duplicates and packets that come far too late are left out.
    ///
    /// # Errors
    /// [`Error::Packet`](crate::Error::Packet) for bytes that are no Opus packet, which are left out too, or the
    /// writer's own.
    pub fn push(&mut self, sequence: u16, timestamp: u32, payload: Bytes, arrival: Instant) -> Result<()> {
        for placed in self.ordered.push(sequence, timestamp, payload, arrival)? {
            write(&mut self.writer, &placed)?;
        }
        Ok(())
    }

    /// Writes out what is held back by less than a page.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }

    /// Fills the track up with silence to `end`, marks the end and hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self, end: Instant) -> Result<W> {
        for placed in self.ordered.finish() {
            write(&mut self.writer, &placed)?;
        }
        let missing = self.timeline.position(end).saturating_sub(self.writer.position());
        self.writer.write_silence(missing)?;
        self.writer.finish()
    }

    /// How much is written, in samples per channel.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.writer.position()
    }
}

fn write<W: Write>(writer: &mut OggWriter<W>, placed: &Placed) -> Result<()> {
    let gap = placed.position.saturating_sub(writer.position());
    writer.write_silence(gap)?;
    writer.write_packet(placed.frame.packet())
}
