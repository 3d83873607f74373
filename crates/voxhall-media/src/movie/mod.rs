//! What can be shown: files of pictures, with sound where the format has it.
//!
//! [`open`] takes a file of any format, tells its format by its begin, and gives sources for its pictures and its sound
//! on one timeline: what has the same time in the file is to be seen and heard at the same time.

mod demux;
mod looped;
mod open;
mod sound;
mod survey;

pub use survey::Survey;

pub use open::{Movie, MovieFormat, MovieInfo, MovieOptions, open, open_with};

use bytes::Bytes;

use crate::matroska::MatroskaFault;
use crate::video::{Av1Config, AvcConfig, HevcConfig, VideoCodec};

/// How a container has the frames of a track, and how they get their normal form.
#[derive(Debug, Clone)]
enum FrameForm {
    /// As they are sent, or nearly.
    Plain(VideoCodec),
    H264(AvcConfig),
    H265(HevcConfig),
    Av1(Av1Config),
}

impl FrameForm {
    /// The form that Matroska has, by its codec and what it keeps for the decoder.
    fn of_matroska(codec: VideoCodec, private: &Bytes) -> Result<Self, MatroskaFault> {
        let form = match codec {
            VideoCodec::H264 => AvcConfig::parse(private).map(Self::H264),
            VideoCodec::H265 => HevcConfig::parse(private).map(Self::H265),
            // Old files have none; then every keyframe has its own.
            VideoCodec::Av1 => Some(Av1Config::parse(private).map_or(Self::Plain(codec), Self::Av1)),
            VideoCodec::Vp8 | VideoCodec::Vp9 => Some(Self::Plain(codec)),
        };
        form.ok_or(MatroskaFault::BadConfig)
    }

    const fn codec(&self) -> VideoCodec {
        match self {
            Self::Plain(codec) => *codec,
            Self::H264(_) => VideoCodec::H264,
            Self::H265(_) => VideoCodec::H265,
            Self::Av1(_) => VideoCodec::Av1,
        }
    }

    /// A frame in normal form; `None` if it is damaged.
    fn frame(&self, data: Bytes) -> Option<Bytes> {
        match self {
            Self::Plain(_) => Some(data),
            Self::H264(config) => config.frame(&data),
            Self::H265(config) => config.frame(&data),
            Self::Av1(config) => Some(config.frame(data)),
        }
    }
}
