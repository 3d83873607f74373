//! What the server is told of codecs, and the payload types of native clients (voice-gateway protocol, section 9).

use voxhall_media::video::VideoCodec;
use voxhall_protocol::voice::{Codec, CodecName, MediaKind};
use voxhall_transport::PayloadType;

use super::VideoOptions;

/// Priorities are multiples of this.
const PRIORITY_STEP: u32 = 1000;

/// What the payload types of video mean, which are fixed among native clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VideoPayload {
    pub(crate) codec: VideoCodec,
    pub(crate) is_retransmission: bool,
}

/// The payload type of a codec's packets; that of its retransmissions is the next one.
const fn number(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::Av1 => 101,
        VideoCodec::H265 => 103,
        VideoCodec::H264 => 105,
        VideoCodec::Vp8 => 107,
        VideoCodec::Vp9 => 109,
    }
}

/// The payload type of a codec's packets.
pub(crate) fn payload_type(codec: VideoCodec) -> PayloadType {
    PayloadType::new(number(codec)).expect("below 128")
}

/// The payload type of a codec's retransmissions.
pub(crate) fn rtx_payload_type(codec: VideoCodec) -> PayloadType {
    PayloadType::new(number(codec) + 1).expect("below 128")
}

/// What a payload type means.
pub(crate) fn meaning(payload_type: PayloadType) -> Option<VideoPayload> {
    VideoCodec::ALL.into_iter().find_map(|codec| {
        let is_retransmission = payload_type == rtx_payload_type(codec);
        (is_retransmission || payload_type == self::payload_type(codec)).then_some(VideoPayload {
            codec,
            is_retransmission,
        })
    })
}

pub(crate) const fn name(codec: VideoCodec) -> CodecName {
    match codec {
        VideoCodec::H264 => CodecName::H264,
        VideoCodec::H265 => CodecName::H265,
        VideoCodec::Vp8 => CodecName::Vp8,
        VideoCodec::Vp9 => CodecName::Vp9,
        VideoCodec::Av1 => CodecName::Av1,
    }
}

/// The codec of a name, if it is one of video.
pub(crate) fn named(name: &CodecName) -> Option<VideoCodec> {
    VideoCodec::ALL
        .into_iter()
        .find(|codec| self::name(*codec) == *name)
}

/// The list for op 1 and op 14: Opus, and what can be shown or watched, the best liked first. `encode` takes the place
/// of what the options say can be shown.
pub(crate) fn list(options: &VideoOptions, encode: &[VideoCodec]) -> Vec<Codec> {
    let mut liked = encode.to_vec();
    liked.extend(options.decode.iter().filter(|codec| !encode.contains(codec)));
    let video = liked.iter().zip(1..).map(|(&codec, place)| Codec {
        name: name(codec),
        kind: MediaKind::Video,
        priority: PRIORITY_STEP * place,
        payload_type: number(codec),
        rtx_payload_type: Some(number(codec) + 1),
        encode: Some(encode.contains(&codec)),
        decode: Some(options.decode.contains(&codec)),
        extra: Default::default(),
    });
    std::iter::once(Codec::opus()).chain(video).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_are_those_of_native_clients() {
        for codec in VideoCodec::ALL {
            let (own, rtx) = (payload_type(codec), rtx_payload_type(codec));
            assert_eq!(rtx.number(), own.number() + 1);
            for (payload_type, is_retransmission) in [(own, false), (rtx, true)] {
                assert_eq!(
                    meaning(payload_type),
                    Some(VideoPayload {
                        codec,
                        is_retransmission
                    })
                );
            }
            assert_eq!(named(&name(codec)), Some(codec));
        }
        assert_eq!(payload_type(VideoCodec::H264).number(), 105);
        assert_eq!(meaning(PayloadType::OPUS), None);
    }

    #[test]
    fn what_is_liked_best_comes_first() {
        let mut options = VideoOptions::camera();
        options.decode = vec![VideoCodec::H264, VideoCodec::Vp8];
        let list = list(&options, &[VideoCodec::Vp8, VideoCodec::Vp9]);
        let told: Vec<_> = list
            .iter()
            .map(|codec| (codec.name.clone(), codec.can_encode(), codec.can_decode()))
            .collect();
        assert_eq!(
            told,
            [
                (CodecName::Opus, true, true),
                (CodecName::Vp8, true, true),
                (CodecName::Vp9, true, false),
                (CodecName::H264, false, true),
            ]
        );
    }
}
