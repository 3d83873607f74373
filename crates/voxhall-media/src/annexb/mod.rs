//! Raw H.264 and H.265 files in the form of Annex B: units behind start codes, without times. No sound.

mod reader;

pub(crate) use reader::codec_of;
pub use reader::{AnnexBReader, FrameRate};

/// What is wrong with a raw video file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AnnexBFault {
    /// The file does not begin with a unit of either codec.
    #[error(
        "the file does not begin as raw H.264 or H.265 does; it is another format or damaged at its start"
    )]
    NotAnnexB,
    /// A unit larger than any.
    #[error("a unit of the raw video file is larger than a picture can be; the file is damaged")]
    UnitTooLarge,
}
