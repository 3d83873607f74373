//! IVF files: pictures of one codec, each behind its length and time. No sound.

mod reader;
mod writer;

pub use reader::IvfReader;
pub use writer::IvfWriter;

use crate::video::{PictureSize, VideoCodec};

const SIGNATURE: [u8; 4] = *b"DKIF";
const HEADER_LENGTH: usize = 32;
const FRAME_HEADER_LENGTH: usize = 12;

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IvfHeader {
    /// How the pictures are encoded.
    pub codec: VideoCodec,
    /// How large they are; a file may say 0x0.
    pub size: PictureSize,
    /// Units of time per second are `rate / scale`.
    pub rate: u32,
    /// See [`Self::rate`].
    pub scale: u32,
}

/// What is wrong with an IVF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum IvfFault {
    /// The file does not begin as IVF does.
    #[error("the file is no IVF file or damaged at its start")]
    NotIvf,
    /// The pictures are of a codec that calls do not carry.
    #[error(
        "the IVF file carries {0:?}, which cannot be sent; convert it with `ffmpeg -i IN -c:v libvpx OUT.ivf`"
    )]
    OtherCodec([char; 4]),
    /// The clock of the file stands still.
    #[error("the IVF file states no frame rate; rewrite it with `ffmpeg -r 30 -i IN -c copy OUT.ivf`")]
    BadClock,
    /// The file ends inside a picture or its header.
    #[error("the IVF file breaks off; fetch or record it again")]
    Truncated,
    /// A picture larger than any.
    #[error("a picture of the IVF file is larger than a picture can be; the file is damaged")]
    FrameTooLarge,
}

/// The codecs and their names in the file.
const FOURCCS: [(VideoCodec, [u8; 4]); 5] = [
    (VideoCodec::Vp8, *b"VP80"),
    (VideoCodec::Vp9, *b"VP90"),
    (VideoCodec::Av1, *b"AV01"),
    (VideoCodec::H264, *b"H264"),
    (VideoCodec::H265, *b"HEVC"),
];

impl IvfHeader {
    fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, IvfFault> {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        // The length of the header is stated, and has always been the same.
        if bytes[..4] != SIGNATURE || usize::from(short(6)) != HEADER_LENGTH {
            return Err(IvfFault::NotIvf);
        }
        let name = [bytes[8], bytes[9], bytes[10], bytes[11]];
        let known = FOURCCS
            .iter()
            .find(|(_, fourcc)| fourcc.eq_ignore_ascii_case(&name));
        let (codec, _) = known.ok_or(IvfFault::OtherCodec(name.map(char::from)))?;
        let (rate, scale) = (long(16), long(20));
        if rate == 0 || scale == 0 {
            return Err(IvfFault::BadClock);
        }
        Ok(Self {
            codec: *codec,
            size: PictureSize {
                width: u32::from(short(12)),
                height: u32::from(short(14)),
            },
            rate,
            scale,
        })
    }

    fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        let fourcc = FOURCCS.iter().find(|(codec, _)| *codec == self.codec);
        let (_, fourcc) = fourcc.expect("every codec has a name");
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_le_bytes();
        bytes[..4].copy_from_slice(&SIGNATURE);
        bytes[6..8].copy_from_slice(&(HEADER_LENGTH as u16).to_le_bytes());
        bytes[8..12].copy_from_slice(fourcc);
        bytes[12..14].copy_from_slice(&side(self.size.width));
        bytes[14..16].copy_from_slice(&side(self.size.height));
        bytes[16..20].copy_from_slice(&self.rate.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.scale.to_le_bytes());
        bytes
    }
}
