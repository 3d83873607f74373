//! Payload types, which are numbers of each client's own: `voice-gateway.md` section 9.

use voxhall_media::payload::{PictureIndices, starts_keyframe};
use voxhall_media::video::VideoCodec;
use voxhall_protocol::voice::{Codec, CodecName};

/// How many payload types there are: RTP has seven bits for them.
const PAYLOAD_TYPES: usize = 128;

/// Payload types that would look like RTCP when the marker bit is set (RFC 5761 section 4).
const RESERVED_FOR_RTCP: std::ops::RangeInclusive<u8> = 64..=95;

/// A codec the SFU can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MediaCodec {
    Opus,
    H264,
    H265,
    Vp8,
    Vp9,
    Av1,
}

const CODECS: usize = 6;

impl MediaCodec {
    fn from_name(name: &CodecName) -> Option<Self> {
        Some(match name {
            CodecName::Opus => Self::Opus,
            CodecName::H264 => Self::H264,
            CodecName::H265 => Self::H265,
            CodecName::Vp8 => Self::Vp8,
            CodecName::Vp9 => Self::Vp9,
            CodecName::Av1 => Self::Av1,
            CodecName::Other(_) => return None,
        })
    }

    const fn video(self) -> Option<VideoCodec> {
        Some(match self {
            Self::Opus => return None,
            Self::H264 => VideoCodec::H264,
            Self::H265 => VideoCodec::H265,
            Self::Vp8 => VideoCodec::Vp8,
            Self::Vp9 => VideoCodec::Vp9,
            Self::Av1 => VideoCodec::Av1,
        })
    }

    /// Whether a payload is the start of a keyframe.
    pub(crate) fn starts_keyframe(self, payload: &[u8]) -> bool {
        self.video().is_some_and(|codec| starts_keyframe(codec, payload))
    }

    /// The picture ids that a payload's descriptor carries in the clear, in codecs that have them.
    pub(crate) fn picture_indices(self, payload: &[u8]) -> Option<PictureIndices> {
        PictureIndices::parse(self.video()?, payload)
    }

    pub(crate) const fn is_audio(self) -> bool {
        matches!(self, Self::Opus)
    }
}

/// What a payload type of a publisher carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadKind {
    Media(MediaCodec),
    Retransmission(MediaCodec),
}

/// What a receiver calls a codec that it can decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutgoingPayloadType {
    pub(crate) media: u8,
    pub(crate) rtx: Option<u8>,
}

/// A member's numbers for the codecs, both ways. The default is that of a client that named none: Opus as 120, no
/// video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadTypes {
    incoming: Box<[Option<PayloadKind>; PAYLOAD_TYPES]>,
    outgoing: [Option<OutgoingPayloadType>; CODECS],
}

impl Default for PayloadTypes {
    fn default() -> Self {
        Self::from_codecs(&[Codec::opus()])
    }
}

impl PayloadTypes {
    /// Takes the codec list of op 1 or op 14. Codecs unknown to the protocol and payload types that RTP cannot carry
    /// beside RTCP are left out; a list without Opus gets Opus as 120, the payload type that clients assume.
    #[must_use]
    pub fn from_codecs(codecs: &[Codec]) -> Self {
        let mut types = Self {
            incoming: Box::new([None; PAYLOAD_TYPES]),
            outgoing: [None; CODECS],
        };
        for codec in codecs {
            types.add(codec);
        }
        if types.outgoing(MediaCodec::Opus).is_none() && types.incoming(Codec::OPUS_PAYLOAD_TYPE).is_none() {
            types.add(&Codec::opus());
        }
        types
    }

    pub(crate) fn incoming(&self, payload_type: u8) -> Option<PayloadKind> {
        self.incoming.get(usize::from(payload_type)).copied().flatten()
    }

    pub(crate) fn outgoing(&self, codec: MediaCodec) -> Option<OutgoingPayloadType> {
        self.outgoing[codec as usize]
    }

    /// Whether the client can decode any video.
    pub(crate) fn takes_video(&self) -> bool {
        let opus = MediaCodec::Opus as usize;
        self.outgoing
            .iter()
            .enumerate()
            .any(|(codec, known)| codec != opus && known.is_some())
    }

    /// The client's number for retransmissions of some codec, if it takes any.
    pub(crate) fn any_retransmission(&self) -> Option<u8> {
        self.outgoing.iter().flatten().find_map(|known| known.rtx)
    }

    fn add(&mut self, codec: &Codec) {
        let (Some(media_codec), true) = (MediaCodec::from_name(&codec.name), is_usable(codec.payload_type))
        else {
            return;
        };
        let rtx = codec
            .rtx_payload_type
            .filter(|&rtx| is_usable(rtx) && !media_codec.is_audio());
        self.incoming[usize::from(codec.payload_type)] = Some(PayloadKind::Media(media_codec));
        if let Some(rtx) = rtx {
            self.incoming[usize::from(rtx)] = Some(PayloadKind::Retransmission(media_codec));
        }
        if codec.can_decode() {
            self.outgoing[media_codec as usize] = Some(OutgoingPayloadType {
                media: codec.payload_type,
                rtx,
            });
        }
    }
}

fn is_usable(payload_type: u8) -> bool {
    usize::from(payload_type) < PAYLOAD_TYPES && !RESERVED_FOR_RTCP.contains(&payload_type)
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::MediaKind;

    use super::*;

    fn codec(name: CodecName, payload_type: u8, rtx: Option<u8>) -> Codec {
        let kind = if name == CodecName::Opus {
            MediaKind::Audio
        } else {
            MediaKind::Video
        };
        Codec {
            name,
            kind,
            payload_type,
            rtx_payload_type: rtx,
            ..Codec::opus()
        }
    }

    #[test]
    fn no_list_means_opus_alone() {
        let types = PayloadTypes::from_codecs(&[]);
        assert_eq!(types.incoming(120), Some(PayloadKind::Media(MediaCodec::Opus)));
        assert_eq!(types.outgoing(MediaCodec::H264), None);
    }

    #[test]
    fn numbers_of_firefox() {
        let types = PayloadTypes::from_codecs(&[
            codec(CodecName::Opus, 109, None),
            codec(CodecName::Vp8, 120, Some(124)),
        ]);
        assert_eq!(
            types.incoming(120),
            Some(PayloadKind::Media(MediaCodec::Vp8)),
            "not Opus"
        );
        assert_eq!(
            types.incoming(124),
            Some(PayloadKind::Retransmission(MediaCodec::Vp8))
        );
        assert_eq!(types.outgoing(MediaCodec::Opus).unwrap().media, 109);
    }

    #[test]
    fn what_cannot_be_decoded_is_known_but_not_sent() {
        let encode_only = Codec {
            decode: Some(false),
            ..codec(CodecName::H264, 105, Some(106))
        };
        let types = PayloadTypes::from_codecs(&[encode_only]);
        assert_eq!(types.incoming(105), Some(PayloadKind::Media(MediaCodec::H264)));
        assert_eq!(types.outgoing(MediaCodec::H264), None);
    }

    #[test]
    fn impossible_numbers_are_left_out() {
        let types = PayloadTypes::from_codecs(&[
            codec(CodecName::H264, 72, None),
            codec(CodecName::Vp8, 200, Some(201)),
        ]);
        assert_eq!(types.outgoing(MediaCodec::H264), None);
        assert_eq!(types.outgoing(MediaCodec::Vp8), None);
        assert_eq!(types.incoming(200), None);
    }
}
