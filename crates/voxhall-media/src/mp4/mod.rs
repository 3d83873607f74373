//! MP4 files (ISO/IEC 14496-12, -14 and -15): pictures and Opus sound read frame by frame, whole or in fragments.
//!
//! Read by code of ours, as Ogg and Matroska are: Opus has to pass through packet for packet, a hostile table must cost
//! no memory, and libraries for Rust read either no Opus or panic on damage.

mod boxes;
mod entry;
mod fragments;
mod reader;
mod table;

pub use entry::SampleFormat;
pub(crate) use reader::is_beginning;
pub use reader::{Mp4Reader, Mp4Sample, Mp4Track};

/// What is wrong with an MP4 file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Mp4Fault {
    /// The file does not begin as MP4 does.
    #[error("the file is no MP4 file or damaged at its start")]
    NotMp4,
    /// The file ends inside a box, or before what its tables point to.
    #[error("the MP4 file breaks off; fetch or record it again")]
    Truncated,
    /// A box is larger than its content can be, or contradicts itself.
    #[error("the boxes of the MP4 file do not join up; repair it with `ffmpeg -i IN -c copy OUT.mp4`")]
    BrokenBoxes,
    /// There is no table of contents.
    #[error("the MP4 file has no table of contents, as one that was not finished; record it again")]
    NoMovie,
    /// A table contradicts another or points outside of the file.
    #[error(
        "the tables of the MP4 file contradict each other; repair it with `ffmpeg -i IN -c copy OUT.mp4`"
    )]
    BrokenTables,
    /// A frame larger than any.
    #[error("a frame of the MP4 file is larger than it can be; the file is damaged")]
    SampleTooLarge,
    /// The description that decoders need is missing or malformed.
    #[error("the description of a track of the MP4 file is malformed; convert the original file again")]
    BadConfig,
    /// The content is protected.
    #[error("the MP4 file is encrypted, and cannot be read without its key")]
    Encrypted,
}
