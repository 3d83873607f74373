//! What a WebRTC client calls its streams. `media-transport.md` sections 10.5 and 11.

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::RtpPacket;
use voxhall_transport::extension::{ExtensionKind, ExtensionMap, stream_name};

use super::ssrc_table::StreamRole;
use crate::payload_types::{PayloadKind, PayloadTypes};
use crate::{ClientSources, LayerSources};

/// The SSRCs of one client's choice. There are at most a handful, so they are looked through.
#[derive(Debug)]
pub(super) struct Sources {
    named: Vec<(Ssrc, StreamRole)>,
    /// The names of its layers.
    rids: Vec<Option<String>>,
    layers: u8,
}

impl Sources {
    /// Nothing is known of a client with so many layers.
    pub(super) fn new(layers: usize, rids: Vec<Option<String>>) -> Self {
        Self {
            named: Vec::with_capacity(1 + 2 * layers),
            rids,
            layers: layers as u8,
        }
    }

    /// What a stream is.
    #[inline]
    pub(super) fn role(&self, ssrc: Ssrc) -> Option<StreamRole> {
        self.named
            .iter()
            .find(|(named, _)| *named == ssrc)
            .map(|(_, role)| *role)
    }

    /// What the client calls a stream.
    pub(super) fn name(&self, role: StreamRole) -> Option<Ssrc> {
        self.named
            .iter()
            .find(|(_, named)| *named == role)
            .map(|(ssrc, _)| *ssrc)
    }

    /// Takes the client's word for what its streams are called. Returns the streams that have another name now.
    pub(super) fn announce(&mut self, announced: &ClientSources) -> Vec<StreamRole> {
        let layers = (0..self.layers).zip(&announced.layers);
        let layers = layers.flat_map(|(layer, &LayerSources { media, rtx })| {
            [
                (StreamRole::Video(layer), media),
                (StreamRole::Retransmission(layer), rtx),
            ]
        });
        let mut renamed = Vec::new();
        for (role, ssrc) in std::iter::once((StreamRole::Audio, announced.audio)).chain(layers) {
            let Some(ssrc) = ssrc.filter(|ssrc| !ssrc.is_none()) else {
                continue;
            };
            if self.role(ssrc) != Some(role) {
                self.named
                    .retain(|&(named, other)| named != ssrc && other != role);
                self.named.push((ssrc, role));
                renamed.push(role);
            }
        }
        renamed
    }

    /// What a stream must be of which the client did not tell, if there is no doubt: it says the name of its layer, or
    /// it is the only one of its kind. From then on it is known.
    pub(super) fn learn(
        &mut self,
        packet: &RtpPacket<'_>,
        payload_types: &PayloadTypes,
        extensions: &ExtensionMap,
    ) -> Option<StreamRole> {
        let role = match payload_types.incoming(packet.payload_type().number())? {
            PayloadKind::Media(codec) if codec.is_audio() => StreamRole::Audio,
            PayloadKind::Media(_) => {
                StreamRole::Video(self.layer_of(packet, extensions, ExtensionKind::StreamId)?)
            }
            PayloadKind::Retransmission(_) => StreamRole::Retransmission(self.layer_of(
                packet,
                extensions,
                ExtensionKind::RepairedStreamId,
            )?),
        };
        if self.name(role).is_some() {
            return None;
        }
        self.named.push((packet.ssrc(), role));
        Some(role)
    }

    fn layer_of(&self, packet: &RtpPacket<'_>, extensions: &ExtensionMap, kind: ExtensionKind) -> Option<u8> {
        let value = packet
            .extensions()
            .and_then(|block| block.find(extensions.id(kind)?));
        match value.and_then(stream_name) {
            Some(name) => {
                let mut layers = (0..self.layers).zip(&self.rids);
                layers
                    .find(|(_, rid)| rid.as_deref() == Some(name))
                    .map(|(layer, _)| layer)
            }
            None => (self.layers == 1).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::{Codec, CodecName, MediaKind};
    use voxhall_transport::extension::ExtensionId;

    use super::*;

    const AUDIO: StreamRole = StreamRole::Audio;
    const VIDEO: StreamRole = StreamRole::Video(0);
    const RTX: StreamRole = StreamRole::Retransmission(0);

    fn announced(audio: u32, media: u32, rtx: u32) -> ClientSources {
        ClientSources {
            audio: Some(Ssrc(audio)),
            layers: vec![LayerSources {
                media: Some(Ssrc(media)),
                rtx: Some(Ssrc(rtx)),
            }],
        }
    }

    fn payload_types() -> PayloadTypes {
        let vp8 = Codec {
            name: CodecName::Vp8,
            kind: MediaKind::Video,
            payload_type: 96,
            rtx_payload_type: Some(97),
            ..Codec::opus()
        };
        PayloadTypes::from_codecs(&[Codec::opus(), vp8])
    }

    fn learn(sources: &mut Sources, packet: &[u8]) -> Option<StreamRole> {
        let mut extensions = ExtensionMap::EMPTY;
        let id = |number| ExtensionId::new(number).unwrap();
        extensions.insert(ExtensionKind::StreamId, id(5));
        extensions.insert(ExtensionKind::RepairedStreamId, id(6));
        sources.learn(&RtpPacket::parse(packet).unwrap(), &payload_types(), &extensions)
    }

    fn packet(payload_type: u8, ssrc: u8) -> Vec<u8> {
        vec![0x80, payload_type, 0, 1, 0, 0, 0, 2, 0, 0, 0, ssrc, 0xaa]
    }

    /// A packet with one extension, `"h"` or `"l"`.
    fn named(payload_type: u8, ssrc: u8, id: u8, rid: u8) -> Vec<u8> {
        let mut packet = packet(payload_type, ssrc);
        packet[0] = 0x90;
        packet.splice(12..12, [0xbe, 0xde, 0, 1, id << 4, rid, 0, 0]);
        packet
    }

    #[test]
    fn the_clients_word_is_taken_and_changed() {
        let mut sources = Sources::new(1, vec![None]);
        assert_eq!(sources.announce(&announced(1, 2, 3)), [AUDIO, VIDEO, RTX]);
        assert_eq!(sources.announce(&announced(1, 2, 3)), [], "nothing new");
        assert_eq!(sources.announce(&announced(0, 5, 2)), [VIDEO, RTX]);
        assert_eq!(sources.role(Ssrc(1)), Some(AUDIO), "0 says nothing");
        assert_eq!(
            (sources.role(Ssrc(5)), sources.role(Ssrc(2))),
            (Some(VIDEO), Some(RTX))
        );
        assert_eq!(sources.role(Ssrc(3)), None);
        assert_eq!(sources.name(RTX), Some(Ssrc(2)));
    }

    #[test]
    fn the_only_stream_of_its_kind_needs_no_word() {
        let mut sources = Sources::new(1, vec![None]);
        assert_eq!(learn(&mut sources, &packet(120, 7)), Some(AUDIO));
        assert_eq!(learn(&mut sources, &packet(120, 8)), None, "one is known");
        assert_eq!(learn(&mut sources, &packet(96, 9)), Some(VIDEO));
        assert_eq!(learn(&mut sources, &packet(97, 10)), Some(RTX));
        assert_eq!(learn(&mut sources, &packet(50, 11)), None, "of no known kind");
        assert_eq!(sources.role(Ssrc(7)), Some(AUDIO));
    }

    #[test]
    fn one_of_several_has_to_say_its_name() {
        let rids = vec![Some("l".to_owned()), Some("h".to_owned())];
        let mut sources = Sources::new(2, rids);
        assert_eq!(learn(&mut sources, &packet(96, 9)), None);
        assert_eq!(
            learn(&mut sources, &named(96, 9, 5, b'h')),
            Some(StreamRole::Video(1))
        );
        assert_eq!(
            learn(&mut sources, &named(97, 10, 6, b'h')),
            Some(StreamRole::Retransmission(1))
        );
        assert_eq!(learn(&mut sources, &named(96, 11, 5, b'x')), None);
    }
}
