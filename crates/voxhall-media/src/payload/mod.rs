//! RTP payload formats of video: frames cut into payloads, and payloads put together again (media transport, section 9).
//!
//! | codec | format |
//! |---|---|
//! | H.264 | RFC 6184, packetization mode 1: single units, STAP-A, FU-A |
//! | H.265 | RFC 7798: single units, aggregation packets, fragmentation units |
//! | VP8 | RFC 7741 |
//! | VP9 | RFC 9628; sent in the non-flexible mode, received in both |
//! | AV1 | RTP payload format of the Alliance for Open Media, version 1.0 |
//!
//! Sequence numbers are not looked at here: [`Depacketizer`] wants the payloads of one frame, all of them and in order,
//! as [`crate::assembly`] finds them.

mod av1;
mod h26x;
mod indices;
mod keyframe;
mod place;
mod vp8;
mod vp9;

use bytes::Bytes;

pub use indices::PictureIndices;
pub use keyframe::starts_keyframe;
pub use place::{Place, place_in_frame};

use crate::video::VideoCodec;

/// The most bytes of one payload (media transport, section 6), so that packets stay whole on every path.
pub const MAX_PAYLOAD: usize = 1200;

/// Less room than this has no payload: every format's headers and some content fit.
const MIN_PAYLOAD: usize = 12;

/// Payloads in a row, in memory that is used again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadList {
    bytes: Vec<u8>,
    /// Where each payload ends.
    ends: Vec<usize>,
}

impl PayloadList {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all payloads together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The payload of that number, from 0 on.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }

    /// The payloads in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).expect("within the list"))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a payload of several parts.
    fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.end_payload();
    }

    /// What was added to the bytes since the last end is a payload.
    fn end_payload(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// Cuts the frames of one stream into payloads.
#[derive(Debug, Clone)]
pub struct Packetizer {
    codec: VideoCodec,
    max_payload: usize,
    /// Counts frames, for VP8 and VP9.
    picture_id: u16,
}

impl Packetizer {
    /// A packetizer of payloads of at most `max_payload` bytes. `first_picture_id` should be random (RFC 7741, section
    /// 4.2); its lower 15 bits count.
    #[must_use]
    pub const fn new(codec: VideoCodec, max_payload: usize, first_picture_id: u16) -> Self {
        Self {
            codec,
            max_payload: if max_payload < MIN_PAYLOAD {
                MIN_PAYLOAD
            } else {
                max_payload
            },
            picture_id: first_picture_id & PICTURE_ID_MASK,
        }
    }

    /// How its frames are encoded.
    #[must_use]
    pub const fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// Cuts a frame in normal form. What was in `payloads` before is gone; it stays empty for bytes that are no frame.
    pub fn packetize(&mut self, frame: &[u8], payloads: &mut PayloadList) {
        payloads.clear();
        let max = self.max_payload;
        match self.codec {
            VideoCodec::H264 => h26x::packetize(h26x::Format::H264, frame, max, payloads),
            VideoCodec::H265 => h26x::packetize(h26x::Format::H265, frame, max, payloads),
            VideoCodec::Vp8 => vp8::packetize(frame, self.picture_id, max, payloads),
            VideoCodec::Vp9 => vp9::packetize(frame, self.picture_id, max, payloads),
            VideoCodec::Av1 => av1::packetize(frame, max, payloads),
        }
        self.picture_id = self.picture_id.wrapping_add(1) & PICTURE_ID_MASK;
    }
}

/// Picture ids of VP8 and VP9 have 15 bits here.
const PICTURE_ID_MASK: u16 = 0x7FFF;

/// Why payloads are no frame. The packets were damaged before they were encrypted, or are of a form that nobody sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadFault {
    /// It ends inside one of its headers or parts.
    #[error("a video payload ends inside its own headers; the frame is lost")]
    Truncated,
    /// Interleaved packets of H.264 or PACI packets of H.265, which no real-time sender uses.
    #[error("a video payload has a form that is not supported ({0}); the frame is lost")]
    Unsupported(u8),
    /// A fragment without the one before it, or a frame that ends within one.
    #[error("the fragments of a video frame do not join up; the frame is lost")]
    BrokenFragments,
    /// No payload carried anything.
    #[error("a video frame is empty")]
    Empty,
}

/// Puts the payloads of a frame together.
#[derive(Debug, Clone)]
pub struct Depacketizer {
    codec: VideoCodec,
    frame: Vec<u8>,
    /// A fragment that began and did not end: where its unit begins in `frame`, or for AV1 its bytes.
    fragment: Option<Vec<u8>>,
}

impl Depacketizer {
    /// A depacketizer of one frame.
    #[must_use]
    pub const fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            frame: Vec::new(),
            fragment: None,
        }
    }

    /// Takes the next payload of the frame. An empty one, which only measures bandwidth, changes nothing.
    ///
    /// # Errors
    /// What is wrong with it. The frame is then lost.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), PayloadFault> {
        if payload.is_empty() {
            return Ok(());
        }
        match self.codec {
            VideoCodec::H264 => h26x::depacketize(h26x::Format::H264, payload, self),
            VideoCodec::H265 => h26x::depacketize(h26x::Format::H265, payload, self),
            VideoCodec::Vp8 => {
                self.frame.extend_from_slice(vp8::content(payload)?);
                Ok(())
            }
            VideoCodec::Vp9 => {
                self.frame.extend_from_slice(vp9::content(payload)?);
                Ok(())
            }
            VideoCodec::Av1 => av1::depacketize(payload, self),
        }
    }

    /// The whole frame, in normal form.
    ///
    /// # Errors
    /// [`PayloadFault::BrokenFragments`] or [`PayloadFault::Empty`].
    pub fn finish(self) -> Result<Bytes, PayloadFault> {
        if self.fragment.is_some() {
            return Err(PayloadFault::BrokenFragments);
        }
        let frame = self.codec.normal_form(self.frame.into());
        if frame.is_empty() {
            return Err(PayloadFault::Empty);
        }
        Ok(frame)
    }
}
