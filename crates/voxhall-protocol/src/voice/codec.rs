//! Codecs, streams and their parts (voice-gateway protocol, sections 6.12, 9 and 10).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Extra;
use crate::naming::open_texts;
use crate::scalar;

/// A synchronisation source: the 32-bit name of one RTP stream (RFC 3550, section 3). Zero means none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Ssrc(pub u32);

impl Ssrc {
    /// No source.
    pub const NONE: Self = Self(0);

    /// Whether this names no source.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl<'de> Deserialize<'de> for Ssrc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar::whole(deserializer).map(Self)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for Ssrc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ssrc({})", self.0)
    }
}

open_texts! {
    /// What a codec is for.
    MediaKind {
        /// Sound.
        Audio => "audio",
        /// Pictures.
        Video => "video",
    }
}

open_texts! {
    /// What a stream shows.
    StreamKind {
        /// A camera; in Ready, any stream.
        Video => "video",
        /// A shared screen.
        Screen => "screen",
        /// A speed test.
        Test => "test",
        /// Sound; only third-party clients name it.
        Audio => "audio",
    }
}

open_texts! {
    /// The name of a codec.
    CodecName {
        /// Opus, the only audio codec.
        Opus => "opus",
        /// H.264.
        H264 => "H264",
        /// H.265.
        H265 => "H265",
        /// VP8.
        Vp8 => "VP8",
        /// VP9.
        Vp9 => "VP9",
        /// AV1.
        Av1 => "AV1",
    }
}

/// A codec a client can take or make, with the payload types it uses for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Codec {
    /// Its name.
    pub name: CodecName,
    /// Sound or pictures.
    #[serde(rename = "type")]
    pub kind: MediaKind,
    /// A multiple of 1000, unique for its kind; the smaller the better liked.
    #[serde(deserialize_with = "scalar::whole")]
    pub priority: u32,
    /// The RTP payload type, 0–127, valid for this client alone.
    #[serde(deserialize_with = "scalar::whole")]
    pub payload_type: u8,
    /// The payload type of retransmissions; null for audio.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub rtx_payload_type: Option<u8>,
    /// Whether the client can make it; absent means yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<bool>,
    /// Whether the client can take it; absent means yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Codec {
    /// Opus with its usual payload type of native clients.
    pub const OPUS_PAYLOAD_TYPE: u8 = 120;

    /// Opus as native clients and bots offer it.
    #[must_use]
    pub fn opus() -> Self {
        Self {
            name: CodecName::Opus,
            kind: MediaKind::Audio,
            priority: 1000,
            payload_type: Self::OPUS_PAYLOAD_TYPE,
            rtx_payload_type: None,
            encode: None,
            decode: None,
            extra: Extra::new(),
        }
    }

    /// Whether the client can make it.
    #[must_use]
    pub fn can_encode(&self) -> bool {
        self.encode.unwrap_or(true)
    }

    /// Whether the client can take it.
    #[must_use]
    pub fn can_decode(&self) -> bool {
        self.decode.unwrap_or(true)
    }
}

open_texts! {
    /// How the size of a stream is bounded.
    ResolutionKind {
        /// To the width and height given.
        Fixed => "fixed",
        /// To that of the source; width and height are 0.
        Source => "source",
    }
}

/// The largest picture a stream will carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// How it is bounded.
    #[serde(rename = "type")]
    pub kind: ResolutionKind,
    /// Pixels across.
    #[serde(deserialize_with = "scalar::whole")]
    pub width: u32,
    /// Pixels down.
    #[serde(deserialize_with = "scalar::whole")]
    pub height: u32,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Resolution {
    /// Bounded to `width` × `height` pixels.
    #[must_use]
    pub fn fixed(width: u32, height: u32) -> Self {
        Self {
            kind: ResolutionKind::Fixed,
            width,
            height,
            extra: Extra::new(),
        }
    }
}

/// One layer of a user's video: the superset of what Identify, Ready and Video carry.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stream {
    /// What it shows; sometimes absent from server to client.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<StreamKind>,
    /// The layer's name, by convention its quality in digits. Taken as a number too, written as a string.
    #[serde(
        default,
        deserialize_with = "scalar::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub rid: Option<String>,
    /// Nominal quality, 0–100.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub quality: Option<u8>,
    /// The source of the layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<Ssrc>,
    /// The source of its retransmissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_ssrc: Option<Ssrc>,
    /// Whether anything is being sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Bit/s; only from client to server.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_bitrate: Option<u32>,
    /// Frames/s.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_framerate: Option<u32>,
    /// The largest picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_resolution: Option<Resolution>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Stream {
    /// A layer as Identify offers it.
    #[must_use]
    pub fn offer(kind: StreamKind, quality: u8) -> Self {
        Self {
            kind: Some(kind),
            rid: Some(quality.to_string()),
            quality: Some(quality),
            ..Self::default()
        }
    }

    /// Whether the layer is being sent: active, with a source.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.unwrap_or(false) && self.ssrc.is_some_and(|ssrc| !ssrc.is_none())
    }

    /// The source of retransmissions: as given, else the one after the layer's own.
    #[must_use]
    pub fn rtx(&self) -> Option<Ssrc> {
        let ssrc = self.ssrc.filter(|ssrc| !ssrc.is_none())?;
        Some(
            self.rtx_ssrc
                .filter(|rtx| !rtx.is_none())
                .unwrap_or(Ssrc(ssrc.0.wrapping_add(1))),
        )
    }
}
