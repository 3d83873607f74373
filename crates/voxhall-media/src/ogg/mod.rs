//! Ogg Opus files (RFC 3533 and RFC 7845), read and written packet by packet without decoding.

mod header;
mod length;
mod page;
mod reader;
mod writer;

pub use header::{OpusHead, OpusTags};
pub(crate) use length::length;
pub use reader::OggReader;
pub use writer::OggWriter;

/// What is wrong with an Ogg file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OggFault {
    /// The file does not begin with a page of Ogg.
    #[error("the file does not begin with an Ogg page; it is another format or damaged at its start")]
    NotOgg,
    /// The file ends inside a page or a packet, or before its headers are complete.
    #[error("the Ogg file breaks off; fetch or record it again")]
    Truncated,
    /// A page has the wrong checksum.
    #[error("a page of the Ogg file is damaged (wrong checksum); fetch it again")]
    Checksum,
    /// A page is of a later Ogg version.
    #[error("the Ogg file has an unknown page version; convert it with `ffmpeg -i IN -c:a libopus OUT.opus`")]
    Version,
    /// Bytes between two pages, or a page that continues a packet which never began.
    #[error("the pages of the Ogg file do not join up; repair it with `ffmpeg -i IN -c:a copy OUT.opus`")]
    BrokenPages,
    /// A packet grows beyond any audio packet.
    #[error("a packet of the Ogg file is larger than an Opus packet can be; the file is damaged")]
    PacketTooLarge,
    /// The stream carries another codec.
    #[error("the Ogg file carries {0}, not Opus; convert it with `ffmpeg -i IN -c:a libopus OUT.opus`")]
    OtherCodec(OggCodec),
    /// The identification header is too short or contradicts itself.
    #[error("the Opus header of the Ogg file is malformed; convert the original file again")]
    BadHead,
    /// The stream needs a later version of the mapping.
    #[error("the Opus header is of an unknown version; convert the original file with a current encoder")]
    HeadVersion,
    /// More than two channels, or a channel mapping that a voice channel cannot carry.
    #[error(
        "the Ogg file has more than two channels; mix it down with `ffmpeg -i IN -ac 2 -c:a libopus OUT.opus`"
    )]
    Surround,
    /// The comment header is missing or malformed.
    #[error(
        "the comment header of the Ogg file is malformed; rewrite it with `ffmpeg -i IN -c:a copy OUT.opus`"
    )]
    BadTags,
}

/// What else is found in Ogg files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OggCodec {
    /// Vorbis audio.
    Vorbis,
    /// FLAC audio.
    Flac,
    /// Speex audio.
    Speex,
    /// Theora video.
    Theora,
    /// Anything else.
    Unknown,
}

impl std::fmt::Display for OggCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Vorbis => "Vorbis",
            Self::Flac => "FLAC",
            Self::Speex => "Speex",
            Self::Theora => "Theora video",
            Self::Unknown => "an unknown codec",
        })
    }
}
