//! Video: pictures in, pictures out, encoded as they are.
//!
//! A connection speaks of video if its [`ConnectionConfig`](crate::ConnectionConfig) has [`VideoOptions`]. It then shows
//! what [`VoiceConnection::show`](crate::VoiceConnection::show) gives it, and hands the pictures of others to whoever asked
//! for them with [`VoiceConnection::watch_video`](crate::VoiceConnection::watch_video). Nothing is encoded or decoded here.

pub(crate) mod bandwidth;
pub(crate) mod codecs;
pub(crate) mod history;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod shared;
pub(crate) mod stream;
pub(crate) mod track;
mod wants;

use std::time::{Duration, Instant};

use bytes::Bytes;
use voxhall_media::movie::Survey;
use voxhall_media::video::{PictureSize, VideoCodec};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::Ssrc;

pub use track::{VideoInput, VideoTrackHandle};
pub use wants::{VideoWant, VideoWants};

/// What a connection can do with video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoOptions {
    /// What it may show; `None` only watches.
    pub show: Option<VideoKind>,
    /// The codecs in which it can show, the best liked first. Default: all.
    pub encode: Vec<VideoCodec>,
    /// The codecs in which it can watch, the best liked first. Default: all.
    pub decode: Vec<VideoCodec>,
}

impl VideoOptions {
    /// Shows a camera, and watches.
    #[must_use]
    pub fn camera() -> Self {
        Self {
            show: Some(VideoKind::Camera),
            ..Self::watch_only()
        }
    }

    /// Shows a screen, and watches: for the connections of Go Live streams.
    #[must_use]
    pub fn screen() -> Self {
        Self {
            show: Some(VideoKind::Screen),
            ..Self::watch_only()
        }
    }

    /// Only watches.
    #[must_use]
    pub fn watch_only() -> Self {
        Self {
            show: None,
            encode: VideoCodec::ALL.to_vec(),
            decode: VideoCodec::ALL.to_vec(),
        }
    }
}

/// What pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoKind {
    /// A person, or whatever a camera sees.
    Camera,
    /// A screen, or a window.
    Screen,
}

/// What is told about pictures before the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// How they are encoded.
    pub codec: VideoCodec,
    /// How large they are at most; `None` is as large as they come.
    pub size: Option<PictureSize>,
    /// How many there are a second at most.
    pub frame_rate: Option<u32>,
    /// Bits per second at most.
    pub bitrate: Option<u32>,
}

impl Publication {
    /// What the begin of a movie tells.
    #[must_use]
    pub fn of_movie(codec: VideoCodec, survey: &Survey) -> Self {
        Self {
            codec,
            size: survey.size,
            // Casts of what is beyond all reason saturate.
            frame_rate: survey.frame_rate.map(|rate| rate.ceil() as u32),
            bitrate: survey.bitrate.map(|bits| u32::try_from(bits).unwrap_or(u32::MAX)),
        }
    }

    /// Pictures of a codec, of which nothing else is known.
    #[must_use]
    pub const fn of(codec: VideoCodec) -> Self {
        Self {
            codec,
            size: None,
            frame_rate: None,
            bitrate: None,
        }
    }
}

/// One picture of one user, as it was sent.
#[derive(Debug, Clone)]
pub struct VideoFrame {
    /// Who sent it.
    pub user: UserId,
    /// The source it came from.
    pub ssrc: Ssrc,
    /// How it is encoded.
    pub codec: VideoCodec,
    /// RTP timestamp, in ticks of 1/90 000 s.
    pub timestamp: u32,
    /// Whether it can be decoded without any before it. The first one of a source is a keyframe, and so is the first
    /// one after a loss.
    pub keyframe: bool,
    /// The picture: H.264 and H.265 in Annex B, AV1 as OBUs with sizes, VP8 and VP9 as they are.
    pub data: Bytes,
    /// When its last packet arrived.
    pub arrived: Instant,
    /// When it was captured by the sender's clock, since 1900, if the sender's reports told (RFC 3550, section 6.4.1).
    /// What one user captured at the same time, sound included, has the same time here.
    pub captured: Option<Duration>,
}

/// A layer of somebody's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoLayer {
    /// Its source.
    pub ssrc: Ssrc,
    /// The source of its retransmissions.
    pub rtx: Ssrc,
    /// Nominal quality, 0–100.
    pub quality: u8,
    /// How large its pictures are at most, if that was told.
    pub size: Option<PictureSize>,
}

/// Someone begins, changes or stops to show pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoChange {
    /// Who.
    pub user: UserId,
    /// The layers that are shown now; none at the end.
    pub layers: Vec<VideoLayer>,
}

/// What a connection has sent and received of video. Plain numbers, copied out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VideoStatistics {
    /// Pictures sent.
    pub frames_sent: u64,
    /// Pictures not sent: nobody wanted them, or there was no bandwidth for them.
    pub frames_withheld: u64,
    /// RTP packets sent, without retransmissions.
    pub packets_sent: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Keyframes that others asked for.
    pub keyframes_asked: u64,
    /// The bandwidth the way to the server is thought to have, in bits per second.
    pub bandwidth: u64,
    /// How good the own pictures are wanted, 0–100; 0 is by nobody.
    pub asked: u64,
    /// Pictures received whole.
    pub frames_received: u64,
    /// Pictures that never became whole.
    pub frames_lost: u64,
    /// Packets that were asked for again.
    pub packets_asked: u64,
    /// Packets that came because they were asked for.
    pub packets_repaired: u64,
    /// Keyframes asked of others.
    pub keyframes_requested: u64,
}
