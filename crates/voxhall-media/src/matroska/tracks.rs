//! The description of tracks (RFC 9559, section 5.1.4).

use std::time::Duration;

use bytes::Bytes;

use super::ebml::{children, id, number};
use super::{MatroskaFault, OPUS_ID, codec_id};
use crate::video::{PictureSize, VideoCodec};

/// `TrackType`.
pub(super) const VIDEO_TYPE: u64 = 1;
pub(super) const AUDIO_TYPE: u64 = 2;

/// The algorithm that takes the same bytes off the front of every frame.
const HEADER_STRIPPING: u64 = 3;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackKind {
    /// Pictures of a codec that calls carry.
    Video(VideoCodec),
    /// Opus sound.
    Opus,
    /// Pictures of another codec.
    OtherVideo,
    /// Sound of another codec.
    OtherAudio,
    /// Anything else.
    Other,
}

/// A track as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatroskaTrack {
    /// By what its packets are told.
    pub number: u64,
    /// What it carries.
    pub kind: TrackKind,
    /// The name of its codec, such as `V_VP8`.
    pub codec_id: String,
    /// What its decoder needs before the first packet.
    pub codec_private: Bytes,
    /// How large its pictures are.
    pub size: Option<PictureSize>,
    /// The time of one frame.
    pub frame_duration: Option<Duration>,
    /// Nanoseconds to be subtracted from the time of every frame.
    pub(super) delay: u64,
    /// What was taken off the front of every frame.
    pub(super) stripped: Bytes,
}

/// Reads the list of tracks.
pub(super) fn parse_tracks(content: &Bytes) -> Result<Vec<MatroskaTrack>, MatroskaFault> {
    let mut tracks = Vec::new();
    for child in children(content) {
        let (id, content) = child?;
        if id == id::TRACK_ENTRY {
            tracks.push(parse_track(&content)?);
        }
    }
    Ok(tracks)
}

fn parse_track(content: &Bytes) -> Result<MatroskaTrack, MatroskaFault> {
    let mut track = MatroskaTrack {
        number: 0,
        kind: TrackKind::Other,
        codec_id: String::new(),
        codec_private: Bytes::new(),
        size: None,
        frame_duration: None,
        delay: 0,
        stripped: Bytes::new(),
    };
    let mut track_type = 0;
    for child in children(content) {
        let (id, content) = child?;
        match id {
            id::TRACK_NUMBER => track.number = number(&content)?,
            id::TRACK_TYPE => track_type = number(&content)?,
            id::CODEC_ID => {
                let text = String::from_utf8_lossy(&content);
                track.codec_id = text.trim_end_matches('\0').to_owned();
            }
            id::CODEC_PRIVATE => track.codec_private = content,
            id::DEFAULT_DURATION => track.frame_duration = Some(Duration::from_nanos(number(&content)?)),
            id::CODEC_DELAY => track.delay = number(&content)?,
            id::VIDEO => track.size = parse_size(&content)?,
            id::CONTENT_ENCODINGS => track.stripped = parse_encodings(&content)?,
            _ => {}
        }
    }
    track.kind = kind_of(track_type, &track.codec_id);
    Ok(track)
}

fn kind_of(track_type: u64, name: &str) -> TrackKind {
    let known = VideoCodec::ALL.into_iter().find(|codec| codec_id(*codec) == name);
    match (track_type, known) {
        (VIDEO_TYPE, Some(codec)) => TrackKind::Video(codec),
        (VIDEO_TYPE, None) => TrackKind::OtherVideo,
        (AUDIO_TYPE, _) if name == OPUS_ID => TrackKind::Opus,
        (AUDIO_TYPE, _) => TrackKind::OtherAudio,
        _ => TrackKind::Other,
    }
}

fn parse_size(content: &Bytes) -> Result<Option<PictureSize>, MatroskaFault> {
    let mut size = PictureSize { width: 0, height: 0 };
    for child in children(content) {
        let (id, content) = child?;
        let pixels = || number(&content).map(|pixels| u32::try_from(pixels).unwrap_or(0));
        match id {
            id::PIXEL_WIDTH => size.width = pixels()?,
            id::PIXEL_HEIGHT => size.height = pixels()?,
            _ => {}
        }
    }
    Ok((size.width > 0 && size.height > 0).then_some(size))
}

/// What was taken off every frame; that is the only encoding there is in practice.
fn parse_encodings(content: &Bytes) -> Result<Bytes, MatroskaFault> {
    let mut stripped = None;
    for encoding in children(content) {
        let (id, encoding) = encoding?;
        if id != id::CONTENT_ENCODING {
            continue;
        }
        for child in children(&encoding) {
            let (id, content) = child?;
            match id {
                id::CONTENT_ENCRYPTION => return Err(MatroskaFault::Encoding),
                // Two of them would have to be undone in turn.
                id::CONTENT_COMPRESSION if stripped.is_some() => return Err(MatroskaFault::Encoding),
                id::CONTENT_COMPRESSION => stripped = Some(parse_compression(&content)?),
                _ => {}
            }
        }
    }
    Ok(stripped.unwrap_or_default())
}

fn parse_compression(content: &Bytes) -> Result<Bytes, MatroskaFault> {
    // Absent means zlib.
    let (mut algorithm, mut settings) = (0, Bytes::new());
    for child in children(content) {
        let (id, content) = child?;
        match id {
            id::CONTENT_COMP_ALGO => algorithm = number(&content)?,
            id::CONTENT_COMP_SETTINGS => settings = content,
            _ => {}
        }
    }
    if algorithm == HEADER_STRIPPING {
        Ok(settings)
    } else {
        Err(MatroskaFault::Encoding)
    }
}
