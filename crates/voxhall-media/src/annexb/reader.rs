//! Reading raw video picture by picture.

use std::io::Read;

use super::AnnexBFault;
use crate::Result;
use crate::filled::fill;
use crate::video::{
    EncodedFrame, MAX_FRAME, NalRules, VIDEO_CLOCK, VideoCodec, VideoSource, find_start_code,
    push_start_code, rescale, trim_zeros,
};

/// Files are read in pieces of this size.
const PIECE: usize = 64 * 1024;

/// Pictures per second: raw video does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// Pictures…
    pub pictures: u32,
    /// …in so many seconds.
    pub seconds: u32,
}

impl Default for FrameRate {
    /// 30 pictures a second.
    fn default() -> Self {
        Self {
            pictures: 30,
            seconds: 1,
        }
    }
}

/// Reads a raw H.264 or H.265 file. Pictures get times in the order in which they stand, so they must be encoded in the
/// order in which they are seen (`-bf 0`).
#[derive(Debug)]
pub struct AnnexBReader<R> {
    reader: R,
    codec: VideoCodec,
    rules: NalRules,
    rate: FrameRate,
    /// What is read and not yet cut into units, from a unit's first byte on.
    buffer: Vec<u8>,
    at_end: bool,
    /// The picture that grows, in normal form, and whether it has a slice.
    picture: Vec<u8>,
    has_slice: bool,
    number: u64,
    failed: bool,
}

impl<R: Read> AnnexBReader<R> {
    /// Reads the begin of the file, which tells the codec.
    ///
    /// # Errors
    /// [`AnnexBFault::NotAnnexB`], or the reader's own error.
    pub fn new(mut reader: R, rate: FrameRate) -> Result<Self> {
        let mut buffer = vec![0; PIECE];
        let length = fill(&mut reader, &mut buffer)?;
        buffer.truncate(length);
        let codec = codec_of(&buffer).ok_or(AnnexBFault::NotAnnexB)?;
        let (_, begin) = find_start_code(&buffer).ok_or(AnnexBFault::NotAnnexB)?;
        buffer.drain(..begin);
        Ok(Self {
            reader,
            codec,
            rules: NalRules::of(codec).ok_or(AnnexBFault::NotAnnexB)?,
            rate,
            buffer,
            at_end: false,
            picture: Vec::new(),
            has_slice: false,
            number: 0,
            failed: false,
        })
    }

    fn read_frame(&mut self) -> Result<Option<EncodedFrame>> {
        while let Some(unit) = self.next_unit()? {
            let begins = self.has_slice && (self.rules.begins_picture)(&unit);
            let picture = begins.then(|| self.take_picture());
            self.has_slice |= (self.rules.is_slice)(&unit);
            push_start_code(&mut self.picture);
            self.picture.extend_from_slice(&unit);
            if let Some(picture) = picture {
                return Ok(Some(picture));
            }
            if self.picture.len() > MAX_FRAME {
                return Err(AnnexBFault::UnitTooLarge.into());
            }
        }
        Ok(self.has_slice.then(|| self.take_picture()))
    }

    fn take_picture(&mut self) -> EncodedFrame {
        let data = std::mem::take(&mut self.picture);
        self.has_slice = false;
        let clock = u64::from(VIDEO_CLOCK) * u64::from(self.rate.seconds);
        let timestamp = rescale(self.number, u64::from(self.rate.pictures), clock);
        self.number += 1;
        EncodedFrame::new(self.codec, data.into(), timestamp)
    }

    /// The next unit that is not empty.
    fn next_unit(&mut self) -> Result<Option<Vec<u8>>> {
        let mut searched: usize = 0;
        loop {
            // A start code may lie across the end of what was searched.
            let from = searched.saturating_sub(3);
            if let Some((end, behind)) = find_start_code(&self.buffer[from..]) {
                let unit = trim_zeros(&self.buffer[..from + end]).to_vec();
                self.buffer.drain(..from + behind);
                searched = 0;
                if unit.is_empty() {
                    continue;
                }
                return Ok(Some(unit));
            }
            if self.at_end {
                let unit = trim_zeros(&std::mem::take(&mut self.buffer)).to_vec();
                return Ok((!unit.is_empty()).then_some(unit));
            }
            searched = self.buffer.len();
            if searched > MAX_FRAME {
                return Err(AnnexBFault::UnitTooLarge.into());
            }
            self.buffer.resize(searched + PIECE, 0);
            let read = fill(&mut self.reader, &mut self.buffer[searched..])?;
            self.buffer.truncate(searched + read);
            self.at_end = read < PIECE;
        }
    }
}

impl<R: Read + Send> VideoSource for AnnexBReader<R> {
    fn codec(&self) -> VideoCodec {
        self.codec
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.read_frame();
        self.failed = next.is_err();
        next
    }
}

/// The codec of raw video that begins with these bytes. Both begin with parameter sets or a delimiter.
pub(crate) fn codec_of(start: &[u8]) -> Option<VideoCodec> {
    let (zeros, begin) = find_start_code(start)?;
    if start[..zeros].iter().any(|&byte| byte != 0) {
        return None;
    }
    match start.get(begin..)? {
        // Video parameter set, or delimiter, of the lowest layer.
        [0x40 | 0x46, 0x01, ..] => Some(VideoCodec::H265),
        // Parameter set, delimiter, or supplemental information.
        [header, ..] if header & 0x80 == 0 && matches!(header & 0x1F, 6 | 7 | 9) => Some(VideoCodec::H264),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_shows_in_the_first_unit() {
        assert_eq!(codec_of(&[0, 0, 0, 1, 0x67, 0x42]), Some(VideoCodec::H264));
        assert_eq!(codec_of(&[0, 0, 1, 0x09, 0xF0]), Some(VideoCodec::H264));
        assert_eq!(codec_of(&[0, 0, 0, 1, 0x40, 0x01]), Some(VideoCodec::H265));
        assert_eq!(codec_of(&[0, 0, 0, 1, 0xC0, 0x01]), None);
        assert_eq!(codec_of(&[5, 0, 0, 1, 0x67, 0x42]), None);
        assert_eq!(codec_of(&[0, 0, 1]), None);
    }

    #[test]
    fn pictures_are_cut_at_their_first_slice_wherever_pieces_end() {
        let picture = |first: u8, filler: usize| {
            let mut units = vec![0, 0, 0, 1, first, 0x88];
            units.extend(vec![7; filler]);
            units.extend([0, 0, 1, 0x41, 0x40, 9]);
            units
        };
        let mut file = vec![0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 0xCE];
        for number in 0..30 {
            file.extend(picture(
                if number == 0 { 0x65 } else { 0x41 },
                PIECE / 4 - 5 + number,
            ));
        }
        let mut reader = AnnexBReader::new(&file[..], FrameRate::default()).unwrap();
        let frames: Vec<_> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
        assert_eq!(frames.len(), 30);
        assert!(frames[0].keyframe && !frames[1].keyframe);
        assert_eq!(frames[29].timestamp, 29 * 3_000);
        let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
        // The three-byte start codes became four bytes long.
        assert_eq!(bytes, file.len() + 1 + 30);
    }
}
