use std::net::SocketAddr;

use voxhall_media::video::VideoCodec;
use voxhall_protocol::voice::{EncryptionMode, MediaSinkWants, SpeakingFlags, Ssrc};

use super::io::{LayerSources, MediaSession};
use crate::video::Publication;

/// What Ready began: it outlives the socket it came on.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) ssrc: Ssrc,
    /// The sources that Ready gave our video.
    pub(super) layer: Option<LayerSources>,
    /// Chosen from Ready's offer.
    pub(super) mode: EncryptionMode,
    /// Where the UDP socket is bound, once it is open.
    pub(super) local: Option<SocketAddr>,
    /// Discovery requests sent.
    pub(super) discoveries: u32,
    /// What goes into Select Protocol, once it is known.
    pub(super) public: Option<(String, u16)>,
    /// What Session Description brought.
    pub(super) media: Option<MediaSession>,
    /// The speaking flags that went out last.
    pub(super) flags: Option<SpeakingFlags>,
    /// What the server was told that we show.
    pub(super) published: Option<Publication>,
    /// The heartbeat whose acknowledgement says that the server knows it.
    pub(super) confirming: Option<u64>,
    /// The codecs that we said we can show.
    pub(super) encodes: Vec<VideoCodec>,
    /// What the server was told that we want.
    pub(super) wants: Option<MediaSinkWants>,
}

impl Session {
    pub(super) fn new(ssrc: Ssrc, layer: Option<LayerSources>, mode: EncryptionMode) -> Self {
        Self {
            ssrc,
            layer,
            mode,
            local: None,
            discoveries: 0,
            public: None,
            media: None,
            flags: None,
            published: None,
            confirming: None,
            encodes: Vec::new(),
            wants: None,
        }
    }
}
