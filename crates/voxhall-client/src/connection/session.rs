use std::net::SocketAddr;

use voxhall_protocol::voice::{EncryptionMode, SpeakingFlags, Ssrc};

use super::io::MediaSession;

/// What Ready began: it outlives the socket it came on.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) ssrc: Ssrc,
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
}

impl Session {
    pub(super) fn new(ssrc: Ssrc, mode: EncryptionMode) -> Self {
        Self {
            ssrc,
            mode,
            local: None,
            discoveries: 0,
            public: None,
            media: None,
            flags: None,
        }
    }
}
