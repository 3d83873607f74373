//! Everything that can go wrong in this crate.

use std::io;
use std::path::PathBuf;

use crate::annexb::AnnexBFault;
use crate::ivf::IvfFault;
use crate::matroska::MatroskaFault;
use crate::mp4::Mp4Fault;
use crate::ogg::OggFault;
use crate::opus::PacketFault;
use crate::wav::WavFault;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader or writer underneath failed.
    #[error("reading or writing the file failed: {0}")]
    Io(#[from] io::Error),
    /// A file could not be opened or used; says which.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// The bytes are neither of the formats that can be played.
    #[error("not Ogg Opus or WAV; convert it with `ffmpeg -i IN -c:a libopus OUT.opus`")]
    UnknownFormat,
    /// A WAV file, or a change of volume, needs the encoder, which was left out of this build.
    #[error(
        "this build has no Opus codec; enable the feature `opus-codec` or play Ogg Opus at its own volume"
    )]
    NoCodec,
    /// Bytes that are no Opus packet.
    #[error("{0}; the sender or the file is faulty")]
    Packet(#[from] PacketFault),
    /// An Ogg file that cannot be read.
    #[error("{0}")]
    Ogg(#[from] OggFault),
    /// A WAV file that cannot be read or written.
    #[error("{0}")]
    Wav(#[from] WavFault),
    /// The bytes are of no format that carries pictures.
    #[error(
        "not MP4, Matroska, WebM, IVF, or raw H.264 or H.265; convert it with `ffmpeg -i IN -c:v libx264 -bf 0 -g 60 -c:a libopus OUT.mp4`"
    )]
    UnknownVideoFormat,
    /// A file without pictures that can be sent; says what it has instead.
    #[error(
        "the file has no pictures that can be sent ({0}); convert it with `ffmpeg -i IN -c:v libx264 -bf 0 -g 60 -c:a libopus OUT.mp4`"
    )]
    NoPictures(String),
    /// An IVF file that cannot be read.
    #[error("{0}")]
    Ivf(#[from] IvfFault),
    /// A raw video file that cannot be read.
    #[error("{0}")]
    AnnexB(#[from] AnnexBFault),
    /// A Matroska file that cannot be read or written.
    #[error("{0}")]
    Matroska(#[from] MatroskaFault),
    /// An MP4 file that cannot be read.
    #[error("{0}")]
    Mp4(#[from] Mp4Fault),
    /// PCM that does not fill a packet.
    #[error(
        "{samples} samples do not fill an Opus packet; pass 120, 240, 480, 960, 1920 or 2880 per channel"
    )]
    FrameLength {
        /// Samples per channel that were passed.
        samples: usize,
    },
    /// The output does not hold the packet.
    #[error(
        "the PCM buffer holds {provided} samples per channel but the packet lasts {needed}; pass a larger one"
    )]
    BufferTooSmall {
        /// Samples per channel that are needed.
        needed: usize,
        /// Samples per channel that were provided.
        provided: usize,
    },
    /// The codec refused to encode.
    #[error("the Opus encoder failed ({0}); start a new one")]
    Encode(String),
    /// The codec refused a packet.
    #[error("the Opus decoder refused a packet ({0}); go on with the next one")]
    Decode(String),
}

impl Error {
    /// The same error, saying in which file.
    #[must_use]
    pub fn in_file(self, path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            source: Box::new(self),
        }
    }
}
