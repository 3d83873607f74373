//! Ogg Opus, packet for packet.

use std::io::Read;

use super::{AudioFrame, AudioSource};
use crate::Result;
use crate::ogg::OggReader;

/// Plays an Ogg Opus file without decoding it: every packet is sent as it is in the file.
#[derive(Debug)]
pub struct OggOpusSource<R> {
    reader: OggReader<R>,
}

impl<R: Read> OggOpusSource<R> {
    /// Reads the headers.
    ///
    /// # Errors
    /// As [`OggReader::new`].
    pub fn new(reader: R) -> Result<Self> {
        Ok(Self {
            reader: OggReader::new(reader)?,
        })
    }

    /// The reader, for the comments.
    #[must_use]
    pub const fn reader(&self) -> &OggReader<R> {
        &self.reader
    }
}

impl<R: Read + Send> AudioSource for OggOpusSource<R> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        self.reader.next_packet()
    }
}
