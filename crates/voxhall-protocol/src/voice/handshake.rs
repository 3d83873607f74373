//! Messages that set up a voice session (voice-gateway protocol, sections 6.0–6.2, 6.4, 6.8 and 8.1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Codec, CodecName, ModeName, Ssrc, Stream};
use crate::ids::{ChannelId, ServerId, UserId};
use crate::naming::open_texts;
use crate::{Extra, Secret, Token, scalar};

/// Op 0: who connects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identify {
    /// The guild, private channel or stream server.
    pub server_id: ServerId,
    /// The channel; required at version 9, not written below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// The connecting user.
    pub user_id: UserId,
    /// The main-Gateway session that owns the voice state.
    pub session_id: String,
    /// From VOICE_SERVER_UPDATE or STREAM_SERVER_UPDATE.
    pub token: Token,
    /// Whether the connection can handle video; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// Layers the client may send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<Stream>>,
    /// The highest DAVE version understood; absent means none.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_dave_protocol_version: Option<u16>,
    /// The name of [`Self::max_dave_protocol_version`] before DAVE was released.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_secure_frames_version: Option<u16>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Identify {
    /// What a client that sends and hears audio says: no video, no streams, no DAVE.
    #[must_use]
    pub fn new(server_id: ServerId, user_id: UserId, session_id: impl Into<String>, token: Token) -> Self {
        Self {
            server_id,
            channel_id: None,
            user_id,
            session_id: session_id.into(),
            token,
            video: None,
            streams: None,
            max_dave_protocol_version: None,
            max_secure_frames_version: None,
            extra: Extra::new(),
        }
    }

    /// The highest DAVE version understood, under either name; 0 is none.
    #[must_use]
    pub fn dave_version(&self) -> u16 {
        self.max_dave_protocol_version
            .or(self.max_secure_frames_version)
            .unwrap_or(0)
    }

    /// The layers on offer.
    #[must_use]
    pub fn offered_streams(&self) -> &[Stream] {
        self.streams.as_deref().unwrap_or_default()
    }
}

open_texts! {
    /// How media travel.
    ProtocolName {
        /// RTP over UDP in one of the encryption modes.
        Udp => "udp",
        /// ICE, DTLS and SRTP.
        Webrtc => "webrtc",
        /// Between peers; an experiment of 2016–2018.
        WebrtcP2p => "webrtc-p2p",
    }
}

/// What a UDP client chooses: its address as it believes it to be, and the mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UdpSelection {
    /// Public address, informational.
    #[serde(default)]
    pub address: String,
    /// Public port, informational. Taken as digits in a string too.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub port: u16,
    /// The encryption mode.
    pub mode: ModeName,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `data` of Select Protocol: an object for UDP, an SDP fragment for WebRTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProtocolData {
    /// For `udp`.
    Udp(UdpSelection),
    /// For `webrtc`.
    Sdp(String),
}

/// Op 1: which transport, which mode, which codecs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectProtocol {
    /// The transport.
    pub protocol: ProtocolName,
    /// What the transport needs; see [`Self::udp`] and [`Self::fragment`] for either place it may stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ProtocolData>,
    /// Official native clients repeat the UDP fields here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// See [`Self::address`].
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub port: Option<u16>,
    /// See [`Self::address`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeName>,
    /// WebRTC clients repeat the fragment here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// What the client can take and make; absent means Opus with payload type 120 and no video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codecs: Option<Vec<Codec>>,
    /// A UUID of the client's, for statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtc_connection_id: Option<String>,
    /// Those of Ready's experiments that the client honours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiments: Option<Vec<String>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl SelectProtocol {
    /// Selects UDP with the mode, as bots do.
    #[must_use]
    pub fn for_udp(address: impl Into<String>, port: u16, mode: impl Into<ModeName>) -> Self {
        let selection = UdpSelection {
            address: address.into(),
            port,
            mode: mode.into(),
            extra: Extra::new(),
        };
        Self {
            data: Some(ProtocolData::Udp(selection)),
            ..Self::bare(ProtocolName::Udp)
        }
    }

    /// Selects WebRTC with the client's fragment, in both places clients write it to.
    #[must_use]
    pub fn for_webrtc(fragment: impl Into<String>) -> Self {
        let fragment = fragment.into();
        Self {
            data: Some(ProtocolData::Sdp(fragment.clone())),
            sdp: Some(fragment),
            ..Self::bare(ProtocolName::Webrtc)
        }
    }

    fn bare(protocol: ProtocolName) -> Self {
        Self {
            protocol,
            data: None,
            address: None,
            port: None,
            mode: None,
            sdp: None,
            codecs: None,
            rtc_connection_id: None,
            experiments: None,
            extra: Extra::new(),
        }
    }

    /// The UDP choice, from `data` or from the fields beside it.
    #[must_use]
    pub fn udp(&self) -> Option<UdpSelection> {
        if let Some(ProtocolData::Udp(selection)) = &self.data {
            return Some(selection.clone());
        }
        Some(UdpSelection {
            address: self.address.clone().unwrap_or_default(),
            port: self.port.unwrap_or_default(),
            mode: self.mode.clone()?,
            extra: Extra::new(),
        })
    }

    /// The SDP fragment, from `data` or from `sdp`.
    #[must_use]
    pub fn fragment(&self) -> Option<&str> {
        match &self.data {
            Some(ProtocolData::Sdp(fragment)) => Some(fragment),
            _ => self.sdp.as_deref(),
        }
    }
}

/// Op 2: what the server has laid out for the client.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ready {
    /// The source of the client's audio.
    pub ssrc: Ssrc,
    /// Media address; absent in the oldest form, where it is that of the endpoint's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// UDP port of the media address.
    #[serde(deserialize_with = "scalar::whole")]
    pub port: u16,
    /// Encryption modes on offer, preferred first.
    #[serde(default)]
    pub modes: Vec<ModeName>,
    /// Experiments the server would like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiments: Option<Vec<String>>,
    /// The layers of Identify with their sources, in no promised order: look them up by `rid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<Stream>>,
    /// Milliseconds; meant something only before Hello existed (versions 1–2 of early 2017 and before).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval: Option<serde_json::Number>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Op 4: how media are encrypted and coded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionDescription {
    /// What the client must send; always Opus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<CodecName>,
    /// What the client must send; never an empty text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<CodecName>,
    /// Names the room's media session, for display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_session_id: Option<String>,
    /// The chosen mode (UDP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeName>,
    /// The transport key, one for both directions (UDP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<Secret<[u8; 32]>>,
    /// The server's SDP fragment (WebRTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// Milliseconds between key frames, with the experiment `fixed_keyframe_interval`.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub keyframe_interval: Option<u32>,
    /// A variant of bandwidth estimation; ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_estimation_experiment: Option<String>,
    /// The DAVE version the call starts with; absent or 0 is none.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub dave_protocol_version: Option<u16>,
    /// The name of [`Self::dave_protocol_version`] before DAVE was released.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub secure_frames_version: Option<u16>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl SessionDescription {
    /// The DAVE version the call starts with, under either name; 0 is none.
    #[must_use]
    pub fn dave_version(&self) -> u16 {
        self.dave_protocol_version
            .or(self.secure_frames_version)
            .unwrap_or(0)
    }
}

/// Op 8: the first message on every socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The version spoken on this socket; absent in the flat form.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub v: Option<u8>,
    /// Milliseconds between heartbeats; may have a fraction.
    #[serde(serialize_with = "scalar::plain_number")]
    pub heartbeat_interval: f64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Hello {
    /// The heartbeat interval, held between 100 ms and one hour so that no server can make a client spin or die.
    #[must_use]
    pub fn interval(&self) -> Duration {
        scalar::heartbeat_interval(self.heartbeat_interval)
    }
}

/// Op 7: takes up a session on a new socket. The token says whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// As in Identify.
    pub server_id: ServerId,
    /// As in Identify; required at version 9, not written below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// As in Identify.
    pub session_id: String,
    /// As in Identify.
    pub token: Token,
    /// The last sequence number received; none before the first (from version 8 on).
    #[serde(
        default,
        with = "super::heartbeat::seq_ack",
        skip_serializing_if = "Option::is_none"
    )]
    pub seq_ack: Option<u16>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}
