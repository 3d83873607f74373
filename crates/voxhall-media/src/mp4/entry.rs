//! Sample entries: how the frames of a track are encoded.

use bytes::Bytes;

use super::Mp4Fault;
use super::boxes::{Fields, boxes, find};
use crate::video::{Av1Config, AvcConfig, HevcConfig, PictureSize, VideoCodec};

/// Bytes of an entry before the boxes in it.
const VISUAL_ENTRY: usize = 78;
const AUDIO_ENTRY: usize = 28;

/// How the frames of a track are encoded, and what it takes to bring them into normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleFormat {
    /// H.264.
    H264(AvcConfig),
    /// H.265.
    H265(HevcConfig),
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1(Av1Config),
    /// Opus.
    Opus,
    /// Something that calls do not carry; its four characters.
    Other([char; 4]),
}

impl SampleFormat {
    /// The codec, if it is one of video that calls carry.
    #[must_use]
    pub const fn video_codec(&self) -> Option<VideoCodec> {
        match self {
            Self::H264(_) => Some(VideoCodec::H264),
            Self::H265(_) => Some(VideoCodec::H265),
            Self::Vp8 => Some(VideoCodec::Vp8),
            Self::Vp9 => Some(VideoCodec::Vp9),
            Self::Av1(_) => Some(VideoCodec::Av1),
            Self::Opus | Self::Other(_) => None,
        }
    }
}

/// Reads the first entry of `stsd`.
pub(super) fn parse_entry(stsd: &Bytes) -> Result<(SampleFormat, Option<PictureSize>), Mp4Fault> {
    let entries = stsd.get(8..).ok_or(Mp4Fault::BrokenBoxes)?;
    let entries = stsd.slice(stsd.len() - entries.len()..);
    let (kind, entry) = boxes(&entries).next().ok_or(Mp4Fault::BrokenBoxes)?;
    let inner = |fixed: usize| {
        entry.get(fixed..).ok_or(Mp4Fault::BrokenBoxes)?;
        Ok(entry.slice(fixed..))
    };
    let config = |fixed, kind| find(&inner(fixed)?, kind).ok_or(Mp4Fault::BadConfig);
    let visual = |format| Ok((format, picture_size(&entry)?));
    match &kind {
        b"avc1" | b"avc3" => {
            let record = config(VISUAL_ENTRY, b"avcC")?;
            visual(SampleFormat::H264(
                AvcConfig::parse(&record).ok_or(Mp4Fault::BadConfig)?,
            ))
        }
        b"hvc1" | b"hev1" => {
            let record = config(VISUAL_ENTRY, b"hvcC")?;
            visual(SampleFormat::H265(
                HevcConfig::parse(&record).ok_or(Mp4Fault::BadConfig)?,
            ))
        }
        b"vp08" => visual(SampleFormat::Vp8),
        b"vp09" => visual(SampleFormat::Vp9),
        b"av01" => {
            let record = config(VISUAL_ENTRY, b"av1C")?;
            visual(SampleFormat::Av1(
                Av1Config::parse(&record).ok_or(Mp4Fault::BadConfig)?,
            ))
        }
        b"Opus" => {
            config(AUDIO_ENTRY, b"dOps")?;
            Ok((SampleFormat::Opus, None))
        }
        b"encv" | b"enca" => Err(Mp4Fault::Encrypted),
        other => Ok((SampleFormat::Other(other.map(char::from)), None)),
    }
}

fn picture_size(entry: &[u8]) -> Result<Option<PictureSize>, Mp4Fault> {
    let mut fields = Fields::new(entry);
    fields.skip(24)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    Ok((width > 0 && height > 0).then_some(PictureSize { width, height }))
}
