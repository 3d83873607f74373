//! Messages about who is in the room and what they send (voice-gateway protocol, sections 6.5 and 6.11–6.20).

use serde::{Deserialize, Serialize};

use super::{ClientFlags, Codec, CodecName, Platform, SpeakingFlags, Ssrc, Stream};
use crate::ids::UserId;
use crate::{Extra, Nullable, scalar};

/// Op 5: speaking flags, and which audio source is whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speaking {
    /// What is being sent.
    pub speaking: SpeakingFlags,
    /// Milliseconds; only clients write it, nobody reads it.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub delay: Option<u32>,
    /// The user's audio source as the receiver sees it. One client library leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<Ssrc>,
    /// Whose it is; only from server to client. One client library sends null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Speaking {
    /// What a client says about itself.
    #[must_use]
    pub fn from_client(speaking: SpeakingFlags, ssrc: Ssrc) -> Self {
        Self {
            speaking,
            delay: Some(0),
            ssrc: Some(ssrc),
            user_id: None,
            extra: Extra::new(),
        }
    }

    /// What the server says about `user_id`.
    #[must_use]
    pub fn from_server(user_id: UserId, speaking: SpeakingFlags, ssrc: Ssrc) -> Self {
        Self {
            speaking,
            delay: None,
            ssrc: Some(ssrc),
            user_id: Some(user_id),
            extra: Extra::new(),
        }
    }
}

/// Op 11: users in the room; the list of all but oneself after connecting, then one at a time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientsConnect {
    /// The users.
    pub user_ids: Vec<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 12: everything about a user's video, replacing what was said before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Video {
    /// The user's audio source; a client that has none yet says 0, a server never does.
    #[serde(default)]
    pub audio_ssrc: Ssrc,
    /// Primary video source; 0 is no video.
    #[serde(default)]
    pub video_ssrc: Ssrc,
    /// Retransmissions of the primary source; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_ssrc: Option<Ssrc>,
    /// All layers. Old bots leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<Stream>>,
    /// Whose it is; only from server to client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Video {
    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &[Stream] {
        self.streams.as_deref().unwrap_or_default()
    }

    /// Whether the user is publishing: a video source and at least one active layer.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        !self.video_ssrc.is_none() && self.layers().iter().any(|layer| layer.active == Some(true))
    }
}

/// Op 13: a user has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientDisconnect {
    /// Who.
    pub user_id: UserId,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ClientDisconnect {
    /// `user_id` has left.
    #[must_use]
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            extra: Extra::new(),
        }
    }
}

/// Op 14: changed codecs. A client replaces its `codecs`; a server names what to send from now on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionUpdate {
    /// From the client: what it can take and make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codecs: Option<Vec<Codec>>,
    /// From the server: what to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<CodecName>,
    /// From the server: what to send, from a key frame on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<CodecName>,
    /// From the server: names the room's media session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_session_id: Option<String>,
    /// From the server: milliseconds between key frames.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub keyframe_interval: Option<u32>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 16: empty as a request, the builds of the server as an answer. Diagnostics only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BackendVersion {
    /// The signalling process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// The media process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtc_worker: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 18: what a user allows about clips and recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientFlagsUpdate {
    /// Who.
    pub user_id: UserId,
    /// What; may be null.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub flags: Nullable<ClientFlags>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 20: on what kind of device a user is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlatformUpdate {
    /// Who.
    pub user_id: UserId,
    /// Where; may be null.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub platform: Nullable<Platform>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
