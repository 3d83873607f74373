//! What a node tells its worker about a WebRTC member: `media-transport.md` sections 10 and 11.

use voxhall_protocol::Secret;
use voxhall_protocol::sdp::{self, ExtensionScope, Fingerprint};
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{ExtensionId, ExtensionKind, ExtensionMap};

/// The keying of a WebRTC member, as op 1 and op 4 exchanged it. The key itself comes out of the DTLS handshake.
#[derive(Debug, Clone)]
pub struct WebRtcTransport {
    /// What op 4 named the server: checks of the client's carry it. Unique on the worker's port.
    pub local_ufrag: String,
    /// Proves checks of the client's.
    pub local_pwd: Secret<String>,
    /// What op 1 named the client.
    pub remote_ufrag: String,
    /// The client's certificate, if op 1 told: media flows only to and from who has it.
    pub fingerprint: Option<Fingerprint>,
    /// The client's numbers for header extensions.
    pub extensions: HeaderExtensions,
    /// The names of the member's layers, in the order of its SSRCs; packets may carry them.
    pub rids: Vec<Option<String>>,
}

/// A WebRTC client's numbers for header extensions (`a=extmap`). What it did not list is not sent to it, nor
/// understood from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderExtensions {
    pub(crate) from_client: ExtensionMap,
    pub(crate) to_client: ExtensionMap,
}

impl HeaderExtensions {
    /// Takes the lines of the client's fragment; of an extension that is listed twice, the first counts. Directions
    /// are as the client sees them: `recvonly` may only be sent to it, `sendonly` only comes from it.
    #[must_use]
    pub fn from_offer(lines: &[sdp::ExtensionMap]) -> Self {
        let mut extensions = Self {
            from_client: ExtensionMap::EMPTY,
            to_client: ExtensionMap::EMPTY,
        };
        for line in lines {
            let (Some(kind), Some(id)) = (ExtensionKind::from_uri(&line.uri), ExtensionId::new(line.id))
            else {
                continue;
            };
            let comes = matches!(line.scope, ExtensionScope::SendRecv | ExtensionScope::SendOnly);
            if comes && extensions.from_client.id(kind).is_none() {
                extensions.from_client.insert(kind, id);
            }
            let goes = matches!(line.scope, ExtensionScope::SendRecv | ExtensionScope::RecvOnly);
            if goes && id.number() <= ExtensionId::MAX_ONE_BYTE && extensions.to_client.id(kind).is_none() {
                extensions.to_client.insert(kind, id);
            }
        }
        extensions
    }
}

/// The SSRCs that a WebRTC client chose for its streams, as op 5 and op 12 told. Others know these streams by the SSRCs
/// that Ready allocated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientSources {
    /// Its audio.
    pub audio: Option<Ssrc>,
    /// Its layers, in the order of the member's SSRCs.
    pub layers: Vec<LayerSources>,
}

/// The SSRCs that a WebRTC client chose for one video layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSources {
    /// The layer's media.
    pub media: Option<Ssrc>,
    /// The layer's retransmissions.
    pub rtx: Option<Ssrc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u8, scope: ExtensionScope, kind: ExtensionKind) -> sdp::ExtensionMap {
        sdp::ExtensionMap {
            id,
            scope,
            uri: kind.uri().to_owned(),
            parameters: String::new(),
        }
    }

    #[test]
    fn directions_are_the_clients() {
        let extensions = HeaderExtensions::from_offer(&[
            line(1, ExtensionScope::SendRecv, ExtensionKind::AudioLevel),
            line(6, ExtensionScope::RecvOnly, ExtensionKind::PlayoutDelay),
            line(7, ExtensionScope::SendOnly, ExtensionKind::TransportSequence),
            line(8, ExtensionScope::Inactive, ExtensionKind::VideoOrientation),
            line(9, ExtensionScope::SendRecv, ExtensionKind::AudioLevel),
        ]);
        let (from, to) = (extensions.from_client, extensions.to_client);
        assert_eq!(from.id(ExtensionKind::AudioLevel), ExtensionId::new(1));
        assert_eq!(to.id(ExtensionKind::AudioLevel), ExtensionId::new(1), "the first");
        assert_eq!(from.id(ExtensionKind::PlayoutDelay), None);
        assert_eq!(to.id(ExtensionKind::PlayoutDelay), ExtensionId::new(6));
        assert_eq!(from.id(ExtensionKind::TransportSequence), ExtensionId::new(7));
        assert_eq!(to.id(ExtensionKind::TransportSequence), None);
        assert_eq!(
            (
                from.id(ExtensionKind::VideoOrientation),
                to.id(ExtensionKind::VideoOrientation)
            ),
            (None, None)
        );
    }

    #[test]
    fn what_needs_the_two_byte_form_is_taken_but_not_sent() {
        let lines = [line(20, ExtensionScope::SendRecv, ExtensionKind::AudioLevel)];
        let extensions = HeaderExtensions::from_offer(&lines);
        assert_eq!(
            extensions.from_client.id(ExtensionKind::AudioLevel),
            ExtensionId::new(20)
        );
        assert_eq!(extensions.to_client, ExtensionMap::EMPTY);
    }
}
