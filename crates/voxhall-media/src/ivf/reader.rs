//! Reading IVF picture by picture.

use std::io::Read;

use super::{FRAME_HEADER_LENGTH, HEADER_LENGTH, IvfFault, IvfHeader};
use crate::Result;
use crate::filled::{fill, read_exactly};
use crate::video::{EncodedFrame, MAX_FRAME, VIDEO_CLOCK, VideoCodec, VideoSource, rescale};

/// Reads an IVF file.
#[derive(Debug)]
pub struct IvfReader<R> {
    reader: R,
    header: IvfHeader,
    /// The time of the first picture, which is the file's zero.
    first: Option<u64>,
    failed: bool,
}

impl<R: Read> IvfReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// What is wrong with the file, or the reader's own error.
    pub fn new(mut reader: R) -> Result<Self> {
        let mut header = [0; HEADER_LENGTH];
        if fill(&mut reader, &mut header)? < HEADER_LENGTH {
            return Err(IvfFault::NotIvf.into());
        }
        Ok(Self {
            reader,
            header: IvfHeader::parse(&header)?,
            first: None,
            failed: false,
        })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &IvfHeader {
        &self.header
    }

    fn read_frame(&mut self) -> Result<Option<EncodedFrame>> {
        let mut header = [0; FRAME_HEADER_LENGTH];
        match fill(&mut self.reader, &mut header)? {
            0 => return Ok(None),
            FRAME_HEADER_LENGTH => {}
            _ => return Err(IvfFault::Truncated.into()),
        }
        let [a, b, c, d, time @ ..] = header;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length as usize > MAX_FRAME {
            return Err(IvfFault::FrameTooLarge.into());
        }
        let data = read_exactly(&mut self.reader, length as usize)?.ok_or(IvfFault::Truncated)?;
        let time = u64::from_le_bytes(time);
        let since = time.saturating_sub(*self.first.get_or_insert(time));
        let clock = u64::from(VIDEO_CLOCK) * u64::from(self.header.scale);
        let timestamp = rescale(since, u64::from(self.header.rate), clock);
        Ok(Some(EncodedFrame::new(self.header.codec, data, timestamp)))
    }
}

impl<R: Read + Send> VideoSource for IvfReader<R> {
    fn codec(&self) -> VideoCodec {
        self.header.codec
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        loop {
            if self.failed {
                return Ok(None);
            }
            let next = self.read_frame();
            self.failed = next.is_err();
            match next {
                // Encoders that leave a picture out write an empty one.
                Ok(Some(frame)) if frame.data.is_empty() => {}
                next => return next,
            }
        }
    }
}
