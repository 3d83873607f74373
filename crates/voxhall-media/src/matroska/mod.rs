//! Matroska and WebM files (RFC 9559, RFC 8794): pictures and Opus sound, read and written packet by packet.
//!
//! Read is what players write, whether finished or broken off: known and unknown sizes, all kinds of lacing, stripped
//! headers. Written is the subset that every player streams: clusters of a second, in the order of time.

mod block;
mod ebml;
mod reader;
mod tracks;
mod writer;

pub use reader::{MatroskaPacket, MatroskaReader};
pub use tracks::{MatroskaTrack, TrackKind};
pub use writer::{AudioTrack, MatroskaWriter, VideoTrack};

use crate::video::VideoCodec;

/// What is wrong with a Matroska file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MatroskaFault {
    /// The file does not begin with an EBML header of Matroska or WebM.
    #[error("the file is neither Matroska nor WebM, or damaged at its start")]
    NotMatroska,
    /// The file needs a later version of the format.
    #[error("the Matroska file needs a later version; rewrite it with `ffmpeg -i IN -c copy OUT.mkv`")]
    Version,
    /// The file ends inside an element.
    #[error("the Matroska file breaks off; fetch or record it again")]
    Truncated,
    /// Bytes that are no element.
    #[error(
        "the elements of the Matroska file do not join up; repair it with `ffmpeg -i IN -c copy OUT.mkv`"
    )]
    BrokenElements,
    /// An element larger than anything it may hold.
    #[error("an element of the Matroska file is larger than it can be; the file is damaged")]
    ElementTooLarge,
    /// Pictures or sound come before the description of the tracks.
    #[error("the Matroska file does not describe its tracks; repair it with `ffmpeg -i IN -c copy OUT.mkv`")]
    NoTracks,
    /// A track is compressed or encrypted in a way that nobody uses.
    #[error(
        "a track of the Matroska file is compressed or encrypted; rewrite it with `ffmpeg -i IN -c copy OUT.mkv`"
    )]
    Encoding,
    /// A block whose frames do not add up.
    #[error("a block of the Matroska file is damaged; fetch or record it again")]
    BadBlock,
    /// The description that decoders need is missing or malformed.
    #[error("the description of a track of the Matroska file is malformed; convert the original file again")]
    BadConfig,
}

/// The name of a codec in the file.
const fn codec_id(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "V_MPEG4/ISO/AVC",
        VideoCodec::H265 => "V_MPEGH/ISO/HEVC",
        VideoCodec::Vp8 => "V_VP8",
        VideoCodec::Vp9 => "V_VP9",
        VideoCodec::Av1 => "V_AV1",
    }
}

const OPUS_ID: &str = "A_OPUS";

/// Whether WebM, the part of Matroska that browsers play, has this codec.
#[must_use]
pub const fn is_webm(codec: VideoCodec) -> bool {
    matches!(codec, VideoCodec::Vp8 | VideoCodec::Vp9 | VideoCodec::Av1)
}
