//! Writing IVF picture by picture.

use std::io::Write;

use super::{FRAME_HEADER_LENGTH, IvfHeader};
use crate::Result;
use crate::video::{EncodedFrame, PictureSize, VIDEO_CLOCK, VideoCodec};

/// What files of AV1 have before every picture.
const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0x00];

/// Writes an IVF file that can be played at any time, however the program ends. Times are in ticks of the video clock.
#[derive(Debug)]
pub struct IvfWriter<W> {
    writer: W,
    codec: VideoCodec,
}

impl<W: Write> IvfWriter<W> {
    /// Begins a file by writing its header.
    ///
    /// # Errors
    /// The writer's own.
    pub fn new(mut writer: W, codec: VideoCodec, size: PictureSize) -> Result<Self> {
        let header = IvfHeader {
            codec,
            size,
            rate: VIDEO_CLOCK,
            scale: 1,
        };
        writer.write_all(&header.to_bytes())?;
        Ok(Self { writer, codec })
    }

    /// Appends a picture of the codec.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_frame(&mut self, frame: &EncodedFrame) -> Result<()> {
        let delimiter = if self.codec == VideoCodec::Av1 {
            &TEMPORAL_DELIMITER[..]
        } else {
            &[]
        };
        let length =
            u32::try_from(delimiter.len() + frame.data.len()).expect("a frame in memory is below 4 GiB");
        let mut header = [0; FRAME_HEADER_LENGTH];
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4..].copy_from_slice(&frame.timestamp.to_le_bytes());
        self.writer.write_all(&header)?;
        self.writer.write_all(delimiter)?;
        Ok(self.writer.write_all(&frame.data)?)
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.writer.flush()?)
    }

    /// Hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self) -> Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}
