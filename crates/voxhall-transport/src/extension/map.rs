//! Which number a client uses for which extension.

use super::ExtensionId;

macro_rules! extension_kinds {
    ($($(#[$doc:meta])* $kind:ident = $id:literal, $uri:literal;)+) => {
        /// A header extension this crate knows. The discriminant is its fixed number among native clients.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ExtensionKind {
            $($(#[$doc])* $kind = $id,)+
        }

        impl ExtensionKind {
            /// All of them, by native number.
            pub const ALL: [Self; ExtensionKind::COUNT] = [$(Self::$kind),+];
            const COUNT: usize = [$($id),+].len();

            /// The URI that names the extension in SDP.
            #[must_use]
            pub const fn uri(self) -> &'static str {
                match self {
                    $(Self::$kind => $uri,)+
                }
            }
        }
    };
}

extension_kinds! {
    /// How loud the packet is: [`AudioLevel`](super::AudioLevel).
    AudioLevel = 1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    /// The offset of the transmission time from the timestamp (RFC 5450).
    TransmissionOffset = 2, "urn:ietf:params:rtp-hdrext:toffset";
    /// When the packet was sent: [`AbsoluteSendTime`](super::AbsoluteSendTime).
    AbsoluteSendTime = 3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
    /// How to turn the picture: [`VideoOrientation`](super::VideoOrientation).
    VideoOrientation = 4, "urn:3gpp:video-orientation";
    /// The packet's number among all of its transport, for congestion control.
    TransportSequence = 5, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    /// How long a receiver may buffer: [`PlayoutDelay`](super::PlayoutDelay).
    PlayoutDelay = 6, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
    /// Camera or screen.
    VideoContentType = 7, "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type";
    /// When the sender's pipeline handled the frame.
    VideoTiming = 8, "http://www.webrtc.org/experiments/rtp-hdrext/video-timing";
    /// The speaking flags: [`speaker_byte`](super::speaker_byte).
    Speaker = 9, "https://discord.com/#rtp-hdrext/2018-07-29/speaker";
    /// The name of the media section.
    Mid = 10, "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// The name of the simulcast layer.
    StreamId = 11, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    /// The name of the layer that a retransmission repairs.
    RepairedStreamId = 12, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
}

impl ExtensionKind {
    /// The extension's number among native clients, where numbers are not negotiated.
    #[must_use]
    pub const fn native_id(self) -> ExtensionId {
        ExtensionId(self as u8)
    }

    /// The extension of a URI, if it is one of those above.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }

    const fn index(self) -> usize {
        self as usize - 1
    }
}

/// The numbers of one client. An extension that it did not list is not sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [Option<ExtensionId>; ExtensionKind::COUNT],
}

impl ExtensionMap {
    /// The fixed numbers of native clients and bots.
    pub const NATIVE: Self = {
        let mut ids = [None; ExtensionKind::COUNT];
        let mut index = 0;
        while index < ids.len() {
            ids[index] = Some(ExtensionKind::ALL[index].native_id());
            index += 1;
        }
        Self { ids }
    };
    /// No extension at all.
    pub const EMPTY: Self = Self {
        ids: [None; ExtensionKind::COUNT],
    };

    /// Gives an extension a number, as `a=extmap` does.
    pub fn insert(&mut self, kind: ExtensionKind, id: ExtensionId) {
        self.ids[kind.index()] = Some(id);
    }

    /// The client's number for an extension, if it listed it.
    #[must_use]
    pub const fn id(&self, kind: ExtensionKind) -> Option<ExtensionId> {
        self.ids[kind.index()]
    }

    /// What a number means to the client, if it is one of the extensions above.
    #[must_use]
    pub fn kind(&self, id: ExtensionId) -> Option<ExtensionKind> {
        ExtensionKind::ALL
            .into_iter()
            .find(|kind| self.id(*kind) == Some(id))
    }
}

/// The native numbers: what a client has that negotiates none.
impl Default for ExtensionMap {
    fn default() -> Self {
        Self::NATIVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_their_native_numbers() {
        for (index, kind) in ExtensionKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(ExtensionMap::NATIVE.kind(kind.native_id()), Some(kind));
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
        }
    }

    #[test]
    fn a_client_has_the_numbers_it_listed_and_no_others() {
        let mut browser = ExtensionMap::EMPTY;
        let id = ExtensionId::new(12).expect("not zero");
        browser.insert(ExtensionKind::PlayoutDelay, id);
        assert_eq!(browser.kind(id), Some(ExtensionKind::PlayoutDelay));
        assert_eq!(browser.id(ExtensionKind::RepairedStreamId), None);
    }
}
